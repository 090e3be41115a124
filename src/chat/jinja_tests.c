#include "chat/jinja_tests.h"

#include "chat/jinja_compare.h"
#include "chat/jinja_context.h"
#include "chat/jinja_filters.h"
#include "chat/jinja_operate.h"
#include "text/unicode.h"
#include "text/utf8.h"

static enum status is_true(struct jinja_context *context, struct jinja_value value,
                           struct jinja_value argument, bool *out)
{
    (void)context;
    (void)argument;
    *out = value.kind == JINJA_BOOL && value.boolean;
    return OK;
}

static enum status is_false(struct jinja_context *context, struct jinja_value value,
                            struct jinja_value argument, bool *out)
{
    (void)context;
    (void)argument;
    *out = value.kind == JINJA_BOOL && !value.boolean;
    return OK;
}

/* ---------------------------------------------------------------- numbers and letters */

static enum status modulo(struct jinja_context *context, struct jinja_value value,
                          struct jinja_value divisor, int64_t *out)
{
    struct jinja_value rest;
    if (value.kind != JINJA_INT && value.kind != JINJA_BOOL)
        return jinja_context_fail(context, E_FORMAT, "an integer is needed, not %s",
                                  jinja_value_type_name(value));
    TRY(jinja_operate(context, JINJA_OP_MODULO, value, divisor, &rest));
    *out = rest.kind == JINJA_INT ? rest.integer : 1;
    return OK;
}

static enum status is_odd(struct jinja_context *context, struct jinja_value value,
                          struct jinja_value argument, bool *out)
{
    (void)argument;
    int64_t rest = 0;
    TRY(modulo(context, value, jinja_value_int(2), &rest));
    *out = rest == 1;
    return OK;
}

static enum status is_even(struct jinja_context *context, struct jinja_value value,
                           struct jinja_value argument, bool *out)
{
    TRY(is_odd(context, value, argument, out));
    *out = !*out;
    return OK;
}

static enum status is_divisible_by(struct jinja_context *context, struct jinja_value value,
                                   struct jinja_value argument, bool *out)
{
    int64_t rest = 0;
    TRY(modulo(context, value, argument, &rest));
    *out = rest == 0;
    return OK;
}

static enum status has_case(struct jinja_context *context, struct jinja_value value, bool upper,
                            bool *out)
{
    *out = false;
    if (value.kind != JINJA_STRING)
        return OK;
    bool found = false;
    bool other = false;
    for (struct str rest = value.string->bytes; rest.len;) {
        const uint32_t c = utf8_next(&rest);
        const bool is_upper = unicode_to_lower(c) != c;
        const bool is_lower = unicode_to_upper(c) != c && !is_upper;
        found |= upper ? is_upper : is_lower;
        other |= upper ? is_lower : is_upper;
    }
    *out = found && !other;
    return jinja_context_charge_bytes(context, value.string->bytes.len);
}

static enum status is_lower(struct jinja_context *context, struct jinja_value value,
                            struct jinja_value argument, bool *out)
{
    (void)argument;
    return has_case(context, value, false, out);
}

static enum status is_upper(struct jinja_context *context, struct jinja_value value,
                            struct jinja_value argument, bool *out)
{
    (void)argument;
    return has_case(context, value, true, out);
}

/* ---------------------------------------------------------------- comparisons */

static enum status is_equal(struct jinja_context *context, struct jinja_value value,
                            struct jinja_value argument, bool *out)
{
    return jinja_compare_equal(context, value, argument, out);
}

static enum status is_not_equal(struct jinja_context *context, struct jinja_value value,
                                struct jinja_value argument, bool *out)
{
    TRY(jinja_compare_equal(context, value, argument, out));
    *out = !*out;
    return OK;
}

static enum status is_less(struct jinja_context *context, struct jinja_value value,
                           struct jinja_value argument, bool *out)
{
    int order = 0;
    TRY(jinja_compare_order(context, value, argument, "<", &order));
    *out = order == -1;
    return OK;
}

static enum status is_less_equal(struct jinja_context *context, struct jinja_value value,
                                 struct jinja_value argument, bool *out)
{
    int order = 0;
    TRY(jinja_compare_order(context, value, argument, "<=", &order));
    *out = order == -1 || order == 0;
    return OK;
}

static enum status is_greater(struct jinja_context *context, struct jinja_value value,
                              struct jinja_value argument, bool *out)
{
    int order = 0;
    TRY(jinja_compare_order(context, value, argument, ">", &order));
    *out = order == 1;
    return OK;
}

static enum status is_greater_equal(struct jinja_context *context, struct jinja_value value,
                                    struct jinja_value argument, bool *out)
{
    int order = 0;
    TRY(jinja_compare_order(context, value, argument, ">=", &order));
    *out = order == 1 || order == 0;
    return OK;
}

static enum status is_in(struct jinja_context *context, struct jinja_value value,
                         struct jinja_value argument, bool *out)
{
    return jinja_compare_contains(context, argument, value, out);
}

/* The very same thing; for scalars the same kind and value. */
static enum status is_same_as(struct jinja_context *context, struct jinja_value value,
                              struct jinja_value argument, bool *out)
{
    const bool is_container = value.kind == JINJA_LIST || value.kind == JINJA_TUPLE ||
                              value.kind == JINJA_DICT || value.kind == JINJA_NAMESPACE;
    *out = value.kind == argument.kind;
    if (!*out)
        return OK;
    if (is_container) {
        *out = value.list == argument.list;
        return OK;
    }
    return jinja_compare_equal(context, value, argument, out);
}

static enum status is_filter(struct jinja_context *context, struct jinja_value value,
                             struct jinja_value argument, bool *out)
{
    (void)context;
    (void)argument;
    *out = value.kind == JINJA_STRING && jinja_filters_find(value.string->bytes);
    return OK;
}

static enum status is_test(struct jinja_context *context, struct jinja_value value,
                           struct jinja_value argument, bool *out)
{
    (void)context;
    (void)argument;
    *out = value.kind == JINJA_STRING && jinja_tests_find(value.string->bytes);
    return OK;
}

/* Sets of kinds. What has a length and items is a sequence: also dicts and, as in Jinja2, undefined
 * values. */
enum {
    UNDEFINED = 1 << JINJA_UNDEFINED,
    NONE = 1 << JINJA_NONE,
    BOOLEAN = 1 << JINJA_BOOL,
    INTEGER = 1 << JINJA_INT,
    FLOAT = 1 << JINJA_FLOAT,
    STRING = 1 << JINJA_STRING,
    MAPPING = 1 << JINJA_DICT,
    CALLABLE = 1 << JINJA_MACRO | 1 << JINJA_FUNCTION | 1 << JINJA_METHOD,
    SEQUENCE = STRING | MAPPING | UNDEFINED | 1 << JINJA_LIST | 1 << JINJA_TUPLE,
};

static enum status is_escaped(struct jinja_context *context, struct jinja_value value,
                              struct jinja_value argument, bool *out)
{
    (void)context;
    (void)argument;
    *out = value.kind == JINJA_STRING && value.string->is_markup;
    return OK;
}

static const struct jinja_test rows[] = {
    {"defined", .kinds = ~(unsigned)UNDEFINED},
    {"undefined", .kinds = UNDEFINED},
    {"none", .kinds = NONE},
    {"boolean", .kinds = BOOLEAN},
    {"integer", .kinds = INTEGER},
    {"float", .kinds = FLOAT},
    {"number", .kinds = BOOLEAN | INTEGER | FLOAT},
    {"string", .kinds = STRING},
    {"mapping", .kinds = MAPPING},
    {"sequence", .kinds = SEQUENCE},
    {"iterable", .kinds = SEQUENCE | 1 << JINJA_LOOP},
    {"callable", .kinds = CALLABLE},
    {"true", 0, is_true, 0},
    {"false", 0, is_false, 0},
    {"odd", 0, is_odd, 0},
    {"even", 0, is_even, 0},
    {"divisibleby", 1, is_divisible_by, 0},
    {"lower", 0, is_lower, 0},
    {"upper", 0, is_upper, 0},
    {"equalto", 1, is_equal, 0},
    {"eq", 1, is_equal, 0},
    {"==", 1, is_equal, 0},
    {"ne", 1, is_not_equal, 0},
    {"!=", 1, is_not_equal, 0},
    {"lt", 1, is_less, 0},
    {"lessthan", 1, is_less, 0},
    {"<", 1, is_less, 0},
    {"le", 1, is_less_equal, 0},
    {"<=", 1, is_less_equal, 0},
    {"gt", 1, is_greater, 0},
    {"greaterthan", 1, is_greater, 0},
    {">", 1, is_greater, 0},
    {"ge", 1, is_greater_equal, 0},
    {">=", 1, is_greater_equal, 0},
    {"in", 1, is_in, 0},
    {"sameas", 1, is_same_as, 0},
    {"escaped", 0, is_escaped, 0},
    {"filter", 0, is_filter, 0},
    {"test", 0, is_test, 0},
};

const struct jinja_test *jinja_tests_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_equal_c(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

enum status jinja_tests_call(struct jinja_context *context, const struct jinja_test *test,
                             struct jinja_value value, const struct jinja_value *arguments,
                             size_t argument_count, bool *out)
{
    const struct jinja_value absent = {.kind = JINJA_ABSENT};
    if (argument_count != test->argument_count)
        return jinja_context_fail(context, E_FORMAT, "the test '%s' takes %zu arguments, not %zu",
                                  test->name, test->argument_count, argument_count);
    TRY(jinja_context_charge(context, 1));
    if (!test->call) {
        *out = (test->kinds >> value.kind & 1) != 0;
        return OK;
    }
    return test->call(context, value, argument_count ? arguments[0] : absent, out);
}
