#include "chat/jinja_macro.h"

#include "chat/jinja_context.h"
#include "chat/jinja_eval.h"
#include "chat/jinja_exec.h"
#include "chat/jinja_scope.h"

enum status jinja_macro_new(struct jinja_context *context, struct jinja_scope *scope,
                            const struct jinja_stmt *stmt, struct jinja_value *out)
{
    struct jinja_macro *macro = NULL;
    TRY(jinja_context_alloc(context, 1, sizeof(*macro), &macro));
    *macro = (struct jinja_macro){stmt, scope};
    *out = (struct jinja_value){.kind = JINJA_MACRO, .macro = macro};
    return OK;
}

/* ---------------------------------------------------------------- arguments */

/* A call being bound: the scope that gets the parameters, and what belongs to none of them. */
struct binding {
    struct jinja_context *context;
    struct jinja_scope *scope;
    const struct jinja_stmt *stmt;
    struct jinja_value varargs; /* TUPLE */
    struct jinja_value kwargs;  /* DICT */
};

static uint32_t special_symbol(const struct binding *binding, unsigned bit)
{
    return binding->context->jinja_template->special_symbols[bit];
}

static enum status bind_position(struct binding *binding, size_t place, struct jinja_value value)
{
    const struct jinja_stmt *stmt = binding->stmt;
    if (place < stmt->count)
        return jinja_scope_set(binding->context, binding->scope, stmt->parameter_symbols[place],
                               value);
    if (stmt->special & JINJA_SPECIAL_VARARGS)
        return jinja_value_append(binding->context, binding->varargs.list, value);
    return jinja_context_fail(binding->context, E_FORMAT,
                              "macro '%.*s' takes not more than %u argument(s)",
                              STR_ARG(stmt->text), stmt->count);
}

/* `positions`: how many parameters have their value already. */
static enum status bind_name(struct binding *binding, struct str name, size_t positions,
                             struct jinja_value value)
{
    const struct jinja_stmt *stmt = binding->stmt;
    for (size_t place = positions; place < stmt->count; place++) {
        if (str_equal(stmt->parameters[place].name, name))
            return jinja_scope_set(binding->context, binding->scope, stmt->parameter_symbols[place],
                                   value);
    }
    if (str_equal_c(name, "caller") && (stmt->special & JINJA_SPECIAL_CALLER))
        return jinja_scope_set(binding->context, binding->scope, special_symbol(binding, 2), value);
    if (stmt->special & JINJA_SPECIAL_KWARGS) {
        struct jinja_value key;
        TRY(jinja_value_new_text(binding->context, name, SEGMENT_TEMPLATE, &key));
        return jinja_value_set(binding->context, binding->kwargs.dict, key, value);
    }
    return jinja_context_fail(binding->context, E_FORMAT,
                              "macro '%.*s' takes no keyword argument '%.*s'", STR_ARG(stmt->text),
                              STR_ARG(name));
}

static enum status bind_arguments(struct binding *binding, const struct jinja_function_args *args)
{
    const size_t positions = jinja_function_positional(args);
    for (size_t i = 0; i < args->count; i++) {
        if (i < positions)
            TRY(bind_position(binding, i, args->values[i]));
        else
            TRY(bind_name(binding, args->names[i], positions, args->values[i]));
    }
    return OK;
}

/* varargs, kwargs and, when there is none, caller: only where the body mentions them. */
static enum status bind_special(struct binding *binding)
{
    const struct jinja_value missing = {.kind = JINJA_UNDEFINED};
    const struct jinja_scope here = {.variables = binding->scope->variables,
                                     .count = binding->scope->count};
    const struct jinja_value values[JINJA_SPECIAL_COUNT] = {binding->varargs, binding->kwargs,
                                                            missing};
    for (unsigned i = 0; i < JINJA_SPECIAL_COUNT; i++) {
        const bool is_used = (binding->stmt->special >> i & 1) != 0;
        if (is_used && !jinja_scope_find(&here, special_symbol(binding, i)))
            TRY(jinja_scope_set(binding->context, binding->scope, special_symbol(binding, i),
                                values[i]));
    }
    return OK;
}

/* Parameters that were not given: their default, else undefined. */
static enum status bind_defaults(struct binding *binding)
{
    const struct jinja_stmt *stmt = binding->stmt;
    struct jinja_scope *scope = binding->scope;
    const struct jinja_scope here = {.variables = scope->variables, .count = scope->count};
    for (uint32_t i = 0; i < stmt->count; i++) {
        const uint32_t symbol = stmt->parameter_symbols[i];
        if (jinja_scope_find(&here, symbol))
            continue;
        struct jinja_value value = {.kind = JINJA_UNDEFINED};
        if (stmt->parameters[i].value)
            TRY(jinja_eval(binding->context, scope, stmt->parameters[i].value, &value));
        TRY(jinja_scope_set(binding->context, scope, symbol, value));
    }
    return OK;
}

enum status jinja_macro_call(struct jinja_context *context, const struct jinja_macro *macro,
                             const struct jinja_function_args *args, struct jinja_value *out)
{
    struct binding binding = {.context = context, .stmt = macro->stmt};
    TRY(jinja_scope_new(context, macro->scope, &binding.scope));
    TRY(jinja_value_new_list(context, JINJA_TUPLE, 0, &binding.varargs));
    TRY(jinja_value_new_dict(context, JINJA_DICT, 0, &binding.kwargs));
    TRY(bind_arguments(&binding, args));
    TRY(bind_special(&binding));
    TRY(bind_defaults(&binding));
    return jinja_exec_body(context, binding.scope, macro->stmt, out);
}

/* ---------------------------------------------------------------- attributes */

static enum status parameter_names(struct jinja_context *context, const struct jinja_stmt *stmt,
                                   struct jinja_value *out)
{
    TRY(jinja_value_new_list(context, JINJA_TUPLE, stmt->count, out));
    for (uint32_t i = 0; i < stmt->count; i++) {
        struct jinja_value name;
        TRY(jinja_value_new_text(context, stmt->parameters[i].name, SEGMENT_TEMPLATE, &name));
        TRY(jinja_value_append(context, out->list, name));
    }
    return OK;
}

enum status jinja_macro_attribute(struct jinja_context *context, const struct jinja_macro *macro,
                                  struct str name, struct jinja_value *out, bool *out_found)
{
    static const struct {
        const char *name;
        enum jinja_special special;
    } flags[] = {{"catch_varargs", JINJA_SPECIAL_VARARGS},
                 {"catch_kwargs", JINJA_SPECIAL_KWARGS},
                 {"caller", JINJA_SPECIAL_CALLER}};
    *out_found = true;
    if (str_equal_c(name, "name"))
        return jinja_value_new_text(context, macro->stmt->text, SEGMENT_TEMPLATE, out);
    if (str_equal_c(name, "arguments"))
        return parameter_names(context, macro->stmt, out);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (str_equal_c(name, flags[i].name)) {
            *out = jinja_value_bool((macro->stmt->special & flags[i].special) != 0);
            return OK;
        }
    }
    *out_found = false;
    return OK;
}
