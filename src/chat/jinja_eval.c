#include "chat/jinja_eval.h"

#include "chat/jinja_compare.h"
#include "chat/jinja_context.h"
#include "chat/jinja_exec.h"
#include "chat/jinja_format.h"
#include "chat/jinja_globals.h"
#include "chat/jinja_macro.h"
#include "chat/jinja_member.h"
#include "chat/jinja_methods.h"
#include "chat/jinja_operate.h"
#include "chat/jinja_scope.h"
#include "chat/jinja_tests.h"

/* ---------------------------------------------------------------- names and literals */

static enum status eval_name(struct jinja_context *context, const struct jinja_scope *scope,
                             uint32_t symbol, struct jinja_value *out)
{
    const struct jinja_value *found = jinja_scope_find(scope, symbol);
    if (found) {
        *out = *found;
        return OK;
    }
    const struct str name = context->jinja_template->symbol_names[symbol];
    const struct jinja_function *function = jinja_globals_find(name);
    if (function) {
        *out = (struct jinja_value){.kind = JINJA_FUNCTION, .function = function};
        return OK;
    }
    struct jinja_value key;
    TRY(jinja_value_new_text(context, name, SEGMENT_TEMPLATE, &key));
    return jinja_value_new_missing(context, (struct jinja_value){.kind = JINJA_ABSENT}, key, out);
}

static enum status eval_list(struct jinja_context *context, struct jinja_scope *scope,
                             const struct jinja_expr *expr, struct jinja_value *out)
{
    const enum jinja_kind kind = expr->kind == JINJA_EXPR_TUPLE ? JINJA_TUPLE : JINJA_LIST;
    TRY(jinja_value_new_list(context, kind, expr->count, out));
    for (uint32_t i = 0; i < expr->count; i++) {
        TRY(jinja_eval(context, scope, expr->operands[i], &out->list->items[i]));
        out->list->count++;
    }
    return OK;
}

static enum status eval_dict(struct jinja_context *context, struct jinja_scope *scope,
                             const struct jinja_expr *expr, struct jinja_value *out)
{
    TRY(jinja_value_new_dict(context, JINJA_DICT, expr->count / 2, out));
    for (uint32_t i = 0; i + 1 < expr->count; i += 2) {
        struct jinja_value key;
        struct jinja_value value;
        TRY(jinja_eval(context, scope, expr->operands[i], &key));
        TRY(jinja_eval(context, scope, expr->operands[i + 1], &value));
        TRY(jinja_value_set(context, out->dict, key, value));
    }
    return OK;
}

static enum status eval_concat(struct jinja_context *context, struct jinja_scope *scope,
                               const struct jinja_expr *expr, struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    for (uint32_t i = 0; i < expr->count; i++) {
        struct jinja_value value;
        TRY(jinja_eval(context, scope, expr->operands[i], &value));
        TRY(jinja_format_str(context, value, &text));
    }
    return jinja_context_finish(context, &text, out);
}

/* ---------------------------------------------------------------- calls */

/* Arguments being gathered: by position, then by name. */
struct gathered {
    struct jinja_value *values;
    struct str *names;
    size_t count;
    size_t positions;
};

static enum status add_argument(struct jinja_context *context, struct gathered *gathered,
                                struct str name, struct jinja_value value)
{
    if (gathered->count == JINJA_ARGUMENTS_MAX)
        return jinja_context_fail(context, E_LIMIT, "more than %d arguments", JINJA_ARGUMENTS_MAX);
    size_t at = gathered->count++;
    if (!name.ptr) { /* "*list" may stand behind a name */
        const size_t named = at - gathered->positions;
        at = gathered->positions++;
        memmove(gathered->values + at + 1, gathered->values + at,
                named * sizeof(*gathered->values));
        memmove(gathered->names + at + 1, gathered->names + at, named * sizeof(*gathered->names));
    }
    gathered->values[at] = value;
    gathered->names[at] = name;
    return OK;
}

/* "*list" and "**dict" */
static enum status add_starred(struct jinja_context *context, struct gathered *gathered,
                               uint8_t stars, struct jinja_value value)
{
    TRY(jinja_value_need_defined(context, value));
    if (stars == 1) {
        const struct jinja_list *items = NULL;
        TRY(jinja_value_items(context, value, &items));
        for (size_t i = 0; i < items->count; i++)
            TRY(add_argument(context, gathered, (struct str){0}, items->items[i]));
        return OK;
    }
    if (value.kind != JINJA_DICT)
        return jinja_context_fail(context, E_FORMAT, "argument after ** must be a mapping, not %s",
                                  jinja_value_type_name(value));
    for (size_t i = 0; i < value.dict->count; i++) {
        const struct jinja_entry *entry = &value.dict->entries[i];
        if (entry->key.kind != JINJA_STRING)
            return jinja_context_fail(context, E_FORMAT, "keywords must be strings");
        const struct str name = entry->key.string->bytes;
        TRY(add_argument(context, gathered, name.ptr ? name : STR(""), entry->value));
    }
    return OK;
}

/* `caller` (may be NULL) becomes the argument of that name. */
static enum status eval_arguments(struct jinja_context *context, struct jinja_scope *scope,
                                  const struct jinja_expr *expr, const struct jinja_value *caller,
                                  struct jinja_function_args *out)
{
    struct gathered gathered = {0};
    bool has_stars = false;
    for (uint32_t i = 0; i < expr->argument_count; i++)
        has_stars |= expr->arguments[i].stars != 0;
    *out = (struct jinja_function_args){0};
    const size_t capacity =
        has_stars ? JINJA_ARGUMENTS_MAX : expr->argument_count + (caller != NULL);
    if (!capacity)
        return OK;
    TRY(jinja_context_alloc(context, capacity, sizeof(*gathered.values), &gathered.values));
    TRY(jinja_context_alloc(context, capacity, sizeof(*gathered.names), &gathered.names));
    for (uint32_t i = 0; i < expr->argument_count; i++) {
        const struct jinja_argument *argument = &expr->arguments[i];
        struct jinja_value value;
        TRY(jinja_eval(context, scope, argument->value, &value));
        if (argument->stars)
            TRY(add_starred(context, &gathered, argument->stars, value));
        else
            TRY(add_argument(context, &gathered, argument->name, value));
    }
    if (caller)
        TRY(add_argument(context, &gathered, STR("caller"), *caller));
    *out = (struct jinja_function_args){
        .values = gathered.values, .names = gathered.names, .count = gathered.count};
    return OK;
}

static enum status call_loop(struct jinja_context *context, const struct jinja_loop *loop,
                             const struct jinja_function_args *args, struct jinja_value *out)
{
    if (args->count != 1)
        return jinja_context_fail(context, E_FORMAT, "loop() needs what it is to visit");
    return jinja_exec_loop(context, loop, args->values[0], out);
}

static enum status call_value(struct jinja_context *context, struct jinja_value callee,
                              const struct jinja_function_args *args, struct jinja_value *out)
{
    const struct jinja_value absent = {.kind = JINJA_ABSENT};
    TRY(jinja_value_need_defined(context, callee));
    if (callee.kind == JINJA_MACRO)
        return jinja_macro_call(context, callee.macro, args, out);
    if (callee.kind == JINJA_LOOP)
        return call_loop(context, callee.loop, args, out);
    if (callee.kind == JINJA_FUNCTION)
        return jinja_function_call(context, callee.function, absent, args, out);
    if (callee.kind == JINJA_METHOD)
        return jinja_function_call(context, callee.method->function, callee.method->self, args,
                                   out);
    return jinja_context_fail(context, E_FORMAT, "'%s' object is not callable",
                              jinja_value_type_name(callee));
}

enum status jinja_eval_call(struct jinja_context *context, struct jinja_scope *scope,
                            const struct jinja_expr *expr, const struct jinja_value *caller,
                            struct jinja_value *out)
{
    const struct jinja_expr *callee_expr = expr->operands[0];
    struct jinja_value callee;
    struct jinja_function_args args;
    if (callee_expr->kind == JINJA_EXPR_ATTRIBUTE) { /* value.method(): no bound method is made */
        struct jinja_value self;
        TRY(jinja_eval(context, scope, callee_expr->operands[0], &self));
        const struct jinja_function *function =
            jinja_methods_find(self, callee_expr->constant.string->bytes);
        if (function) {
            TRY(eval_arguments(context, scope, expr, caller, &args));
            context->line = expr->line;
            return jinja_function_call(context, function, self, &args, out);
        }
        TRY(jinja_member_attribute(context, self, callee_expr->constant, &callee));
    } else {
        TRY(jinja_eval(context, scope, callee_expr, &callee));
    }
    TRY(jinja_value_need_defined(context, callee));
    TRY(eval_arguments(context, scope, expr, caller, &args));
    context->line = expr->line;
    return call_value(context, callee, &args, out);
}

static enum status apply_filter(struct jinja_context *context, struct jinja_scope *scope,
                                const struct jinja_expr *expr, struct jinja_value value,
                                struct jinja_value *out)
{
    struct jinja_function_args args;
    if (!expr->function)
        return jinja_context_fail(context, E_UNSUPPORTED, "No filter named '%.*s'.",
                                  STR_ARG(expr->constant.string->bytes));
    TRY(eval_arguments(context, scope, expr, NULL, &args));
    context->line = expr->line;
    return jinja_function_call(context, expr->function, value, &args, out);
}

static enum status eval_filter(struct jinja_context *context, struct jinja_scope *scope,
                               const struct jinja_expr *expr, struct jinja_value *out)
{
    struct jinja_value value;
    TRY(jinja_eval(context, scope, expr->operands[0], &value));
    return apply_filter(context, scope, expr, value, out);
}

static enum status eval_test(struct jinja_context *context, struct jinja_scope *scope,
                             const struct jinja_expr *expr, struct jinja_value *out)
{
    struct jinja_value value;
    struct jinja_function_args args;
    TRY(jinja_eval(context, scope, expr->operands[0], &value));
    if (!expr->test)
        return jinja_context_fail(context, E_UNSUPPORTED, "No test named '%.*s'.",
                                  STR_ARG(expr->constant.string->bytes));
    TRY(eval_arguments(context, scope, expr, NULL, &args));
    bool result = false;
    TRY(jinja_tests_call(context, expr->test, value, args.values, args.count, &result));
    *out = jinja_value_bool(result);
    return OK;
}

/* ---------------------------------------------------------------- operators */

static enum status compare_one(struct jinja_context *context, enum jinja_operator operation,
                               struct jinja_value left, struct jinja_value right, bool *out)
{
    int order = 0;
    switch (operation) {
    case JINJA_OP_EQUAL: return jinja_compare_equal(context, left, right, out);
    case JINJA_OP_IN: return jinja_compare_contains(context, right, left, out);
    case JINJA_OP_NOT_EQUAL:
        TRY(jinja_compare_equal(context, left, right, out));
        *out = !*out;
        return OK;
    case JINJA_OP_NOT_IN:
        TRY(jinja_compare_contains(context, right, left, out));
        *out = !*out;
        return OK;
    case JINJA_OP_LESS:
        TRY(jinja_compare_order(context, left, right, "<", &order));
        *out = order == -1;
        return OK;
    case JINJA_OP_LESS_EQUAL:
        TRY(jinja_compare_order(context, left, right, "<=", &order));
        *out = order == -1 || order == 0;
        return OK;
    case JINJA_OP_GREATER:
        TRY(jinja_compare_order(context, left, right, ">", &order));
        *out = order == 1;
        return OK;
    case JINJA_OP_GREATER_EQUAL:
        TRY(jinja_compare_order(context, left, right, ">=", &order));
        *out = order == 1 || order == 0;
        return OK;
    case JINJA_OP_ADD:
    case JINJA_OP_SUBTRACT:
    case JINJA_OP_MULTIPLY:
    case JINJA_OP_DIVIDE:
    case JINJA_OP_FLOOR_DIVIDE:
    case JINJA_OP_MODULO:
    case JINJA_OP_POWER: break;
    }
    return jinja_context_fail(context, E_INVALID, "not a comparison");
}

/* a < b < c: each pair, until one does not hold. */
static enum status eval_compare(struct jinja_context *context, struct jinja_scope *scope,
                                const struct jinja_expr *expr, struct jinja_value *out)
{
    struct jinja_value left;
    bool holds = true;
    TRY(jinja_eval(context, scope, expr->operands[0], &left));
    for (uint32_t i = 1; holds && i < expr->count; i++) {
        struct jinja_value right;
        TRY(jinja_eval(context, scope, expr->operands[i], &right));
        context->line = expr->line;
        TRY(compare_one(context, expr->operators[i - 1], left, right, &holds));
        left = right;
    }
    *out = jinja_value_bool(holds);
    return OK;
}

static enum status eval_binary(struct jinja_context *context, struct jinja_scope *scope,
                               const struct jinja_expr *expr, struct jinja_value *out)
{
    struct jinja_value left;
    struct jinja_value right;
    TRY(jinja_eval(context, scope, expr->operands[0], &left));
    TRY(jinja_eval(context, scope, expr->operands[1], &right));
    context->line = expr->line;
    return jinja_operate(context, expr->operation, left, right, out);
}

/* and, or: the operand that decided. */
static enum status eval_logic(struct jinja_context *context, struct jinja_scope *scope,
                              const struct jinja_expr *expr, struct jinja_value *out)
{
    TRY(jinja_eval(context, scope, expr->operands[0], out));
    if (jinja_value_is_true(*out) == (expr->kind == JINJA_EXPR_AND))
        TRY(jinja_eval(context, scope, expr->operands[1], out));
    return OK;
}

static enum status eval_if(struct jinja_context *context, struct jinja_scope *scope,
                           const struct jinja_expr *expr, struct jinja_value *out)
{
    struct jinja_value condition;
    TRY(jinja_eval(context, scope, expr->operands[1], &condition));
    if (jinja_value_is_true(condition))
        return jinja_eval(context, scope, expr->operands[0], out);
    if (expr->operands[2])
        return jinja_eval(context, scope, expr->operands[2], out);
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED};
    return OK;
}

static enum status eval_unary(struct jinja_context *context, struct jinja_scope *scope,
                              const struct jinja_expr *expr, struct jinja_value *out)
{
    struct jinja_value value;
    TRY(jinja_eval(context, scope, expr->operands[0], &value));
    if (expr->kind != JINJA_EXPR_NOT)
        return jinja_operate_sign(context, expr->kind == JINJA_EXPR_NEGATE, value, out);
    *out = jinja_value_bool(!jinja_value_is_true(value));
    return OK;
}

static enum status eval_attribute(struct jinja_context *context, struct jinja_scope *scope,
                                  const struct jinja_expr *expr, struct jinja_value *out)
{
    struct jinja_value object;
    TRY(jinja_eval(context, scope, expr->operands[0], &object));
    return jinja_member_attribute(context, object, expr->constant, out);
}

static enum status eval_item(struct jinja_context *context, struct jinja_scope *scope,
                             const struct jinja_expr *expr, struct jinja_value *out)
{
    struct jinja_value object;
    struct jinja_value key;
    TRY(jinja_eval(context, scope, expr->operands[0], &object));
    TRY(jinja_eval(context, scope, expr->operands[1], &key));
    return jinja_member_item(context, object, key, out);
}

static enum status eval_slice(struct jinja_context *context, struct jinja_scope *scope,
                              const struct jinja_expr *expr, struct jinja_value *out)
{
    struct jinja_value object;
    struct jinja_value bounds[3];
    TRY(jinja_eval(context, scope, expr->operands[0], &object));
    for (uint32_t i = 0; i < ARRAY_LEN(bounds); i++) {
        bounds[i] = (struct jinja_value){.kind = JINJA_ABSENT};
        if (expr->operands[i + 1])
            TRY(jinja_eval(context, scope, expr->operands[i + 1], &bounds[i]));
    }
    context->line = expr->line;
    return jinja_member_slice(context, object, bounds, out);
}

static enum status eval(struct jinja_context *context, struct jinja_scope *scope,
                        const struct jinja_expr *expr, struct jinja_value *out)
{
    switch ((enum jinja_expr_kind)expr->kind) {
    case JINJA_EXPR_CONSTANT: *out = expr->constant; return OK;
    case JINJA_EXPR_NAME: return eval_name(context, scope, expr->symbol, out);
    case JINJA_EXPR_ATTRIBUTE: return eval_attribute(context, scope, expr, out);
    case JINJA_EXPR_ITEM: return eval_item(context, scope, expr, out);
    case JINJA_EXPR_SLICE: return eval_slice(context, scope, expr, out);
    case JINJA_EXPR_CALL: return jinja_eval_call(context, scope, expr, NULL, out);
    case JINJA_EXPR_FILTER: return eval_filter(context, scope, expr, out);
    case JINJA_EXPR_TEST: return eval_test(context, scope, expr, out);
    case JINJA_EXPR_NOT:
    case JINJA_EXPR_NEGATE:
    case JINJA_EXPR_PLUS: return eval_unary(context, scope, expr, out);
    case JINJA_EXPR_BINARY: return eval_binary(context, scope, expr, out);
    case JINJA_EXPR_CONCAT: return eval_concat(context, scope, expr, out);
    case JINJA_EXPR_AND:
    case JINJA_EXPR_OR: return eval_logic(context, scope, expr, out);
    case JINJA_EXPR_COMPARE: return eval_compare(context, scope, expr, out);
    case JINJA_EXPR_IF: return eval_if(context, scope, expr, out);
    case JINJA_EXPR_LIST:
    case JINJA_EXPR_TUPLE: return eval_list(context, scope, expr, out);
    case JINJA_EXPR_DICT: return eval_dict(context, scope, expr, out);
    }
    return jinja_context_fail(context, E_INVALID, "an unknown kind of expression");
}

enum status jinja_eval(struct jinja_context *context, struct jinja_scope *scope,
                       const struct jinja_expr *expr, struct jinja_value *out)
{
    context->line = expr->line;
    TRY(jinja_context_charge(context, 1));
    TRY(jinja_context_enter(context));
    TRY(eval(context, scope, expr, out));
    jinja_context_leave(context);
    return OK;
}

enum status jinja_eval_filters(struct jinja_context *context, struct jinja_scope *scope,
                               const struct jinja_expr *expr, struct jinja_value body,
                               struct jinja_value *out)
{
    TRY(jinja_context_enter(context));
    if (expr->operands[0])
        TRY(jinja_eval_filters(context, scope, expr->operands[0], body, &body));
    TRY(apply_filter(context, scope, expr, body, out));
    jinja_context_leave(context);
    return OK;
}
