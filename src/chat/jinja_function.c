#include "chat/jinja_function.h"

#include "chat/jinja_context.h"

const struct jinja_function *jinja_function_find(const struct jinja_function *rows, size_t count,
                                                 struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_c(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

static size_t parameter_count(const struct jinja_function *function)
{
    size_t count = 0;
    while (count < JINJA_FUNCTION_PARAMETERS_MAX && function->parameters[count])
        count++;
    return count;
}

/* The place of argument `i`, or `count` when there is none. */
static size_t place_of(const struct jinja_function *function, size_t count,
                       const struct jinja_function_args *args, size_t i)
{
    if (!args->names || !args->names[i].ptr)
        return i < count ? i : count;
    size_t place = 0;
    while (place < count && !str_equal_c(args->names[i], function->parameters[place]))
        place++;
    return place;
}

static enum status bind_arguments(struct jinja_context *context,
                                  const struct jinja_function *function,
                                  const struct jinja_function_args *args, struct jinja_value *bound)
{
    const size_t count = parameter_count(function);
    for (size_t i = 0; i < JINJA_FUNCTION_PARAMETERS_MAX; i++)
        bound[i] = (struct jinja_value){.kind = JINJA_ABSENT};
    for (size_t i = 0; i < args->count; i++) {
        const size_t place = place_of(function, count, args, i);
        if (place < count) {
            bound[place] = args->values[i];
            continue;
        }
        if (args->names && args->names[i].ptr)
            return jinja_context_fail(context, E_FORMAT, "%s() has no parameter '%.*s'",
                                      function->name, STR_ARG(args->names[i]));
        return jinja_context_fail(context, E_FORMAT, "%s() takes at most %zu arguments",
                                  function->name, count);
    }
    for (size_t i = 0; i < function->required; i++) {
        if (bound[i].kind == JINJA_ABSENT)
            return jinja_context_fail(context, E_FORMAT, "%s() needs its argument '%s'",
                                      function->name, function->parameters[i]);
    }
    return OK;
}

enum status jinja_function_call(struct jinja_context *context,
                                const struct jinja_function *function, struct jinja_value self,
                                const struct jinja_function_args *args, struct jinja_value *out)
{
    TRY(jinja_context_charge(context, 1));
    if (function->call_any)
        return function->call_any(context, self, args, out);
    struct jinja_value bound[JINJA_FUNCTION_PARAMETERS_MAX];
    TRY(bind_arguments(context, function, args, bound));
    return function->call(context, self, bound, out);
}

const struct jinja_value *jinja_function_named(const struct jinja_function_args *args,
                                               const char *name)
{
    for (size_t i = 0; args->names && i < args->count; i++) {
        if (args->names[i].ptr && str_equal_c(args->names[i], name))
            return &args->values[i];
    }
    return NULL;
}

size_t jinja_function_positional(const struct jinja_function_args *args)
{
    size_t count = 0;
    while (count < args->count && (!args->names || !args->names[count].ptr))
        count++;
    return count;
}

enum status jinja_function_int(struct jinja_context *context, struct jinja_value arg,
                               int64_t absent, int64_t *out)
{
    *out = absent;
    if (arg.kind == JINJA_ABSENT)
        return OK;
    TRY(jinja_value_need_defined(context, arg));
    if (arg.kind != JINJA_INT && arg.kind != JINJA_BOOL)
        return jinja_context_fail(context, E_FORMAT,
                                  "'%s' object cannot be interpreted as an integer",
                                  jinja_value_type_name(arg));
    *out = jinja_value_integer(arg);
    return OK;
}

enum status jinja_function_string(struct jinja_context *context, struct jinja_value arg,
                                  const struct jinja_string *absent,
                                  const struct jinja_string **out)
{
    *out = absent;
    if (arg.kind == JINJA_ABSENT || (arg.kind == JINJA_NONE && !absent))
        return OK;
    TRY(jinja_value_need_defined(context, arg));
    if (arg.kind != JINJA_STRING)
        return jinja_context_fail(context, E_FORMAT, "expected str instance, %s found",
                                  jinja_value_type_name(arg));
    *out = arg.string;
    return OK;
}
