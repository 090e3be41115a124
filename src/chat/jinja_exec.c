#include "chat/jinja_exec.h"

#include "chat/jinja_context.h"
#include "chat/jinja_eval.h"
#include "chat/jinja_format.h"
#include "chat/jinja_macro.h"
#include "chat/jinja_parse.h"
#include "chat/jinja_scope.h"

static enum status exec_block(struct jinja_context *context, struct jinja_scope *scope,
                              const struct jinja_block *block);

/* ---------------------------------------------------------------- output */

static enum status check_output(struct jinja_context *context)
{
    if (context->out->bytes.overflowed)
        return jinja_context_fail(context, E_LIMIT, "the text becomes too long (limit %zu bytes)",
                                  context->out->bytes.size_max);
    return OK;
}

static enum status exec_data(struct jinja_context *context, const struct jinja_stmt *stmt)
{
    jinja_text_add(context->out, stmt->text, SEGMENT_TEMPLATE);
    TRY(jinja_context_charge_bytes(context, stmt->text.len));
    return check_output(context);
}

static enum status exec_print(struct jinja_context *context, struct jinja_scope *scope,
                              const struct jinja_stmt *stmt)
{
    struct jinja_value value;
    TRY(jinja_eval(context, scope, stmt->expr, &value));
    TRY(jinja_format_str(context, value, context->out));
    return check_output(context);
}

/* Runs a block with variables of its own and keeps what it prints. */
static enum status capture(struct jinja_context *context, struct jinja_scope *scope,
                           const struct jinja_block *block, struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    struct jinja_text *outer = context->out;
    context->out = &text;
    const enum status status = exec_block(context, scope, block);
    context->out = outer;
    if (status != OK)
        return status;
    return jinja_context_finish(context, &text, out);
}

static enum status capture_scoped(struct jinja_context *context, struct jinja_scope *scope,
                                  const struct jinja_block *block, struct jinja_value *out)
{
    struct jinja_scope *inner = NULL;
    TRY(jinja_scope_new(context, scope, &inner));
    return capture(context, inner, block, out);
}

/* ---------------------------------------------------------------- assignment */

static enum status assign_attribute(struct jinja_context *context, struct jinja_scope *scope,
                                    const struct jinja_target *target, struct jinja_value value)
{
    const struct jinja_value *owner = jinja_scope_find(scope, target->symbol);
    if (!owner)
        return jinja_context_fail(context, E_FORMAT, "'%.*s' is undefined",
                                  STR_ARG(context->jinja_template->symbol_names[target->symbol]));
    if (owner->kind != JINJA_NAMESPACE)
        return jinja_context_fail(context, E_FORMAT,
                                  "cannot assign attribute on non-namespace object");
    struct jinja_value key;
    TRY(jinja_value_new_text(context, target->attribute, SEGMENT_TEMPLATE, &key));
    return jinja_value_set(context, owner->dict, key, value);
}

static enum status assign(struct jinja_context *context, struct jinja_scope *scope,
                          const struct jinja_target *target, struct jinja_value value);

static enum status unpack(struct jinja_context *context, struct jinja_scope *scope,
                          const struct jinja_target *target, struct jinja_value value)
{
    const struct jinja_list *items = NULL;
    TRY(jinja_value_need_defined(context, value));
    if (value.kind != JINJA_LIST && value.kind != JINJA_TUPLE && value.kind != JINJA_STRING &&
        value.kind != JINJA_DICT)
        return jinja_context_fail(context, E_FORMAT, "cannot unpack non-iterable %s object",
                                  jinja_value_type_name(value));
    TRY(jinja_value_items(context, value, &items));
    if (items->count < target->count)
        return jinja_context_fail(context, E_FORMAT,
                                  "not enough values to unpack (expected %u, got %zu)",
                                  target->count, items->count);
    if (items->count > target->count)
        return jinja_context_fail(context, E_FORMAT, "too many values to unpack (expected %u)",
                                  target->count);
    for (uint32_t i = 0; i < target->count; i++)
        TRY(assign(context, scope, &target->items[i], items->items[i]));
    return OK;
}

static enum status assign(struct jinja_context *context, struct jinja_scope *scope,
                          const struct jinja_target *target, struct jinja_value value)
{
    if (target->count) {
        TRY(jinja_context_enter(context));
        TRY(unpack(context, scope, target, value));
        jinja_context_leave(context);
        return OK;
    }
    if (target->attribute.ptr)
        return assign_attribute(context, scope, target, value);
    return jinja_scope_set(context, scope, target->symbol, value);
}

static enum status exec_set(struct jinja_context *context, struct jinja_scope *scope,
                            const struct jinja_stmt *stmt)
{
    struct jinja_value value;
    TRY(jinja_eval(context, scope, stmt->expr, &value));
    return assign(context, scope, &stmt->target, value);
}

static enum status exec_set_block(struct jinja_context *context, struct jinja_scope *scope,
                                  const struct jinja_stmt *stmt)
{
    struct jinja_value value;
    TRY(capture_scoped(context, scope, &stmt->body, &value));
    if (stmt->expr)
        TRY(jinja_eval_filters(context, scope, stmt->expr, value, &value));
    return assign(context, scope, &stmt->target, value);
}

static enum status exec_filter(struct jinja_context *context, struct jinja_scope *scope,
                               const struct jinja_stmt *stmt)
{
    struct jinja_value value;
    TRY(capture_scoped(context, scope, &stmt->body, &value));
    TRY(jinja_eval_filters(context, scope, stmt->expr, value, &value));
    TRY(jinja_format_str(context, value, context->out));
    return check_output(context);
}

/* ---------------------------------------------------------------- control */

static enum status exec_if(struct jinja_context *context, struct jinja_scope *scope,
                           const struct jinja_stmt *stmt)
{
    for (uint32_t i = 0; i < stmt->count; i++) {
        const struct jinja_branch *branch = &stmt->branches[i];
        struct jinja_value condition = jinja_value_bool(true);
        if (branch->condition)
            TRY(jinja_eval(context, scope, branch->condition, &condition));
        if (jinja_value_is_true(condition))
            return exec_block(context, scope, &branch->body);
    }
    return OK;
}

/* The items of a loop that its condition lets pass. */
static enum status select_items(struct jinja_context *context, struct jinja_scope *scope,
                                const struct jinja_stmt *stmt, const struct jinja_list **items)
{
    struct jinja_value kept;
    struct jinja_scope *inner = NULL;
    TRY(jinja_value_new_list(context, JINJA_LIST, 0, &kept));
    TRY(jinja_scope_new(context, scope, &inner));
    for (size_t i = 0; i < (*items)->count; i++) {
        struct jinja_value condition;
        TRY(assign(context, inner, &stmt->target, (*items)->items[i]));
        TRY(jinja_eval(context, inner, stmt->condition, &condition));
        if (jinja_value_is_true(condition))
            TRY(jinja_value_append(context, kept.list, (*items)->items[i]));
    }
    *items = kept.list;
    return OK;
}

/* One pass through the body. `scope` is empty or, when macros may have kept it, replaced. */
static enum status exec_pass(struct jinja_context *context, struct jinja_scope **scope,
                             const struct jinja_stmt *stmt, struct jinja_loop *loop)
{
    if (stmt->has_macro && loop->index)
        TRY(jinja_scope_new(context, (*scope)->parent, scope));
    (*scope)->count = 0;
    const struct jinja_value value = {.kind = JINJA_LOOP, .loop = loop};
    TRY(jinja_scope_set(context, *scope, context->jinja_template->loop_symbol, value));
    TRY(assign(context, *scope, &stmt->target, loop->items->items[loop->index]));
    TRY(exec_block(context, *scope, &stmt->body));
    return jinja_context_charge(context, 1);
}

static enum status exec_loop(struct jinja_context *context, struct jinja_scope *scope,
                             const struct jinja_stmt *stmt, const struct jinja_list *items,
                             size_t depth)
{
    struct jinja_loop *loop = NULL;
    struct jinja_scope *inner = NULL;
    TRY(jinja_context_alloc(context, 1, sizeof(*loop), &loop));
    TRY(jinja_scope_new(context, scope, &inner));
    *loop = (struct jinja_loop){.items = items, .depth = depth, .stmt = stmt, .scope = scope};
    for (; loop->index < items->count; loop->index++) {
        TRY(exec_pass(context, &inner, stmt, loop));
        const bool stops = context->flow == JINJA_FLOW_BREAK;
        context->flow = JINJA_FLOW_NEXT;
        if (stops)
            break;
    }
    return OK;
}

static enum status visit(struct jinja_context *context, struct jinja_scope *scope,
                         const struct jinja_stmt *stmt, struct jinja_value visited, size_t depth)
{
    const struct jinja_list *items = NULL;
    context->line = stmt->line;
    TRY(jinja_value_items(context, visited, &items));
    if (stmt->condition)
        TRY(select_items(context, scope, stmt, &items));
    if (items->count)
        return exec_loop(context, scope, stmt, items, depth);
    return exec_block(context, scope, &stmt->otherwise);
}

static enum status exec_for(struct jinja_context *context, struct jinja_scope *scope,
                            const struct jinja_stmt *stmt)
{
    struct jinja_value visited;
    TRY(jinja_eval(context, scope, stmt->expr, &visited));
    return visit(context, scope, stmt, visited, 1);
}

enum status jinja_exec_loop(struct jinja_context *context, const struct jinja_loop *loop,
                            struct jinja_value visited, struct jinja_value *out)
{
    if (!loop->stmt->is_recursive)
        return jinja_context_fail(
            context, E_FORMAT,
            "The loop must have the 'recursive' marker to be called recursively.");
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    struct jinja_text *outer = context->out;
    context->out = &text;
    const enum status status = visit(context, loop->scope, loop->stmt, visited, loop->depth + 1);
    context->out = outer;
    if (status != OK)
        return status;
    return jinja_context_finish(context, &text, out);
}

static enum status exec_scope(struct jinja_context *context, struct jinja_scope *scope,
                              const struct jinja_stmt *stmt)
{
    struct jinja_scope *inner = NULL;
    TRY(jinja_scope_new(context, scope, &inner));
    for (uint32_t i = 0; i < stmt->count; i++) {
        struct jinja_value value;
        TRY(jinja_eval(context, scope, stmt->parameters[i].value, &value));
        TRY(assign(context, inner, &stmt->targets[i], value));
    }
    return exec_block(context, inner, &stmt->body);
}

static enum status exec_jump(struct jinja_context *context, enum jinja_flow flow)
{
    context->flow = flow;
    return OK;
}

/* ---------------------------------------------------------------- macros */

static enum status exec_macro(struct jinja_context *context, struct jinja_scope *scope,
                              const struct jinja_stmt *stmt)
{
    struct jinja_value value;
    TRY(jinja_macro_new(context, scope, stmt, &value));
    return jinja_scope_set(context, scope, stmt->symbol, value);
}

enum status jinja_exec_body(struct jinja_context *context, struct jinja_scope *scope,
                            const struct jinja_stmt *stmt, struct jinja_value *out)
{
    return capture(context, scope, &stmt->body, out);
}

/* The body of a call block becomes the argument "caller" of the call. */
static enum status exec_call(struct jinja_context *context, struct jinja_scope *scope,
                             const struct jinja_stmt *stmt)
{
    struct jinja_value caller;
    struct jinja_value value;
    TRY(jinja_macro_new(context, scope, stmt->macro, &caller));
    TRY(jinja_eval_call(context, scope, stmt->expr, &caller, &value));
    TRY(jinja_format_str(context, value, context->out));
    return check_output(context);
}

/* ---------------------------------------------------------------- blocks */

static enum status exec_stmt(struct jinja_context *context, struct jinja_scope *scope,
                             const struct jinja_stmt *stmt)
{
    switch ((enum jinja_stmt_kind)stmt->kind) {
    case JINJA_STMT_DATA: return exec_data(context, stmt);
    case JINJA_STMT_PRINT: return exec_print(context, scope, stmt);
    case JINJA_STMT_IF: return exec_if(context, scope, stmt);
    case JINJA_STMT_FOR: return exec_for(context, scope, stmt);
    case JINJA_STMT_SET: return exec_set(context, scope, stmt);
    case JINJA_STMT_SET_BLOCK: return exec_set_block(context, scope, stmt);
    case JINJA_STMT_MACRO: return exec_macro(context, scope, stmt);
    case JINJA_STMT_FILTER: return exec_filter(context, scope, stmt);
    case JINJA_STMT_SCOPE: return exec_scope(context, scope, stmt);
    case JINJA_STMT_CALL: return exec_call(context, scope, stmt);
    case JINJA_STMT_BREAK: return exec_jump(context, JINJA_FLOW_BREAK);
    case JINJA_STMT_CONTINUE: return exec_jump(context, JINJA_FLOW_CONTINUE);
    }
    return jinja_context_fail(context, E_INVALID, "an unknown kind of statement");
}

static enum status exec_block(struct jinja_context *context, struct jinja_scope *scope,
                              const struct jinja_block *block)
{
    TRY(jinja_context_enter(context));
    for (const struct jinja_stmt *stmt = block->first; stmt; stmt = stmt->next) {
        context->line = stmt->line;
        TRY(jinja_context_charge(context, 1));
        TRY(exec_stmt(context, scope, stmt));
        if (context->flow != JINJA_FLOW_NEXT)
            break;
    }
    jinja_context_leave(context);
    return OK;
}

static enum status set_variables(struct jinja_context *context,
                                 const struct jinja_template *jinja_template,
                                 const struct jinja_dict *variables, struct jinja_scope *scope)
{
    for (size_t i = 0; i < variables->count; i++) {
        const struct jinja_entry *entry = &variables->entries[i];
        if (entry->key.kind != JINJA_STRING)
            continue;
        const uint32_t symbol = jinja_parse_symbol(jinja_template, entry->key.string->bytes);
        if (symbol != UINT32_MAX)
            TRY(jinja_scope_set(context, scope, symbol, entry->value));
    }
    return OK;
}

enum status jinja_exec_template(struct jinja_context *context,
                                const struct jinja_template *jinja_template,
                                const struct jinja_dict *variables, struct jinja_text *out)
{
    struct jinja_scope *scope = NULL;
    context->jinja_template = jinja_template;
    context->out = out;
    out->bytes.size_max = context->limits.output_bytes_max;
    TRY(jinja_scope_new(context, NULL, &scope));
    TRY(set_variables(context, jinja_template, variables, scope));
    return exec_block(context, scope, &jinja_template->body);
}
