#include "chat/jinja_operate.h"

#include "chat/jinja_context.h"
#include "chat/jinja_printf.h"
#include "chat/jinja_strings.h"

#include <math.h>

static const char *const symbols[] = {
    [JINJA_OP_ADD] = "+",
    [JINJA_OP_SUBTRACT] = "-",
    [JINJA_OP_MULTIPLY] = "*",
    [JINJA_OP_DIVIDE] = "/",
    [JINJA_OP_FLOOR_DIVIDE] = "//",
    [JINJA_OP_MODULO] = "%",
    [JINJA_OP_POWER] = "** or pow()",
};

static enum status too_large(struct jinja_context *context)
{
    return jinja_context_fail(context, E_LIMIT, "a number is too large");
}

static enum status by_zero(struct jinja_context *context)
{
    return jinja_context_fail(context, E_FORMAT, "division by zero");
}

static enum status unsupported(struct jinja_context *context, enum jinja_operator operation,
                               struct jinja_value left, struct jinja_value right)
{
    const bool is_sequence =
        left.kind == JINJA_STRING || left.kind == JINJA_LIST || left.kind == JINJA_TUPLE;
    if (operation == JINJA_OP_ADD && is_sequence) {
        const char *type = jinja_value_type_name(left);
        return jinja_context_fail(context, E_FORMAT, "can only concatenate %s (not \"%s\") to %s",
                                  type, jinja_value_type_name(right), type);
    }
    return jinja_context_fail(
        context, E_FORMAT, "unsupported operand type(s) for %s: '%s' and '%s'", symbols[operation],
        jinja_value_type_name(left), jinja_value_type_name(right));
}

/* ---------------------------------------------------------------- numbers */

static enum status integer_power(struct jinja_context *context, int64_t base, int64_t exponent,
                                 struct jinja_value *out)
{
    if (exponent < 0) {
        if (base == 0)
            return by_zero(context);
        *out = jinja_value_float(pow((double)base, (double)exponent));
        return OK;
    }
    int64_t result = 1;
    while (exponent) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            return too_large(context);
        exponent >>= 1;
        if (exponent && __builtin_mul_overflow(base, base, &base))
            return too_large(context);
    }
    *out = jinja_value_int(result);
    return OK;
}

/* Rounds down, and the remainder has the sign of the divisor: as Python. */
static enum status integer_divide(struct jinja_context *context, enum jinja_operator operation,
                                  int64_t a, int64_t b, struct jinja_value *out)
{
    if (b == 0)
        return by_zero(context);
    if (operation == JINJA_OP_DIVIDE) {
        *out = jinja_value_float((double)a / (double)b);
        return OK;
    }
    if (a == INT64_MIN && b == -1)
        return too_large(context);
    const int64_t remainder = a % b;
    const bool rounds_down = remainder != 0 && (remainder < 0) != (b < 0);
    *out = jinja_value_int(operation == JINJA_OP_MODULO ? remainder + (rounds_down ? b : 0)
                                                        : a / b - rounds_down);
    return OK;
}

static enum status integers(struct jinja_context *context, enum jinja_operator operation, int64_t a,
                            int64_t b, struct jinja_value *out)
{
    int64_t result = 0;
    bool overflows = false;
    if (operation == JINJA_OP_ADD)
        overflows = __builtin_add_overflow(a, b, &result);
    else if (operation == JINJA_OP_SUBTRACT)
        overflows = __builtin_sub_overflow(a, b, &result);
    else if (operation == JINJA_OP_MULTIPLY)
        overflows = __builtin_mul_overflow(a, b, &result);
    else if (operation == JINJA_OP_POWER)
        return integer_power(context, a, b, out);
    else
        return integer_divide(context, operation, a, b, out);
    *out = jinja_value_int(result);
    return overflows ? too_large(context) : OK;
}

static double real_modulo(double a, double b)
{
    const double remainder = fmod(a, b);
    return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

static enum status reals(struct jinja_context *context, enum jinja_operator operation, double a,
                         double b, struct jinja_value *out)
{
    const bool divides = operation == JINJA_OP_DIVIDE || operation == JINJA_OP_FLOOR_DIVIDE ||
                         operation == JINJA_OP_MODULO;
    if (divides && b == 0)
        return by_zero(context);
    double result = 0;
    if (operation == JINJA_OP_ADD)
        result = a + b;
    else if (operation == JINJA_OP_SUBTRACT)
        result = a - b;
    else if (operation == JINJA_OP_MULTIPLY)
        result = a * b;
    else if (operation == JINJA_OP_DIVIDE)
        result = a / b;
    else if (operation == JINJA_OP_FLOOR_DIVIDE)
        result = floor(a / b);
    else if (operation == JINJA_OP_MODULO)
        result = real_modulo(a, b);
    else
        result = pow(a, b);
    *out = jinja_value_float(result);
    return OK;
}

/* ---------------------------------------------------------------- sequences */

static enum status concat_strings(struct jinja_context *context, const struct jinja_string *a,
                                  const struct jinja_string *b, struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    if (!a->is_markup && !b->is_markup) {
        jinja_text_add_string(&text, a);
        jinja_text_add_string(&text, b);
        return jinja_context_finish(context, &text, out);
    }
    jinja_strings_add_escaped(&text, a);
    jinja_strings_add_escaped(&text, b);
    TRY(jinja_context_finish(context, &text, out));
    return jinja_strings_make_markup(context, out);
}

static enum status concat_lists(struct jinja_context *context, struct jinja_value a,
                                struct jinja_value b, struct jinja_value *out)
{
    const size_t count = a.list->count + b.list->count;
    TRY(jinja_context_charge(context, count));
    TRY(jinja_value_new_list(context, a.kind, count, out));
    if (a.list->count)
        memcpy(out->list->items, a.list->items, a.list->count * sizeof(*a.list->items));
    if (b.list->count)
        memcpy(out->list->items + a.list->count, b.list->items,
               b.list->count * sizeof(*b.list->items));
    out->list->count = count;
    out->origin = (uint8_t)segment_merge(a.origin, b.origin);
    return OK;
}

static enum status repeat_list(struct jinja_context *context, struct jinja_value value,
                               int64_t times, struct jinja_value *out)
{
    TRY(jinja_value_new_list(context, value.kind, 0, out));
    out->origin = value.origin;
    for (int64_t i = 0; value.list->count && i < times; i++) {
        TRY(jinja_context_charge(context, value.list->count));
        for (size_t item = 0; item < value.list->count; item++)
            TRY(jinja_value_append(context, out->list, value.list->items[item]));
    }
    return OK;
}

static enum status repeat(struct jinja_context *context, struct jinja_value value, int64_t times,
                          struct jinja_value *out)
{
    if (value.kind != JINJA_STRING)
        return repeat_list(context, value, times, out);
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    for (int64_t i = 0; value.string->bytes.len && i < times && !text.bytes.overflowed; i++) {
        TRY(jinja_context_charge(context, 1));
        jinja_text_add_string(&text, value.string);
    }
    return jinja_context_finish(context, &text, out);
}

static bool is_sequence(struct jinja_value value)
{
    return value.kind == JINJA_STRING || value.kind == JINJA_LIST || value.kind == JINJA_TUPLE;
}

static bool is_integer(struct jinja_value value)
{
    return value.kind == JINJA_INT || value.kind == JINJA_BOOL;
}

enum status jinja_operate(struct jinja_context *context, enum jinja_operator operation,
                          struct jinja_value left, struct jinja_value right,
                          struct jinja_value *out)
{
    TRY(jinja_value_need_defined(context, left));
    TRY(jinja_value_need_defined(context, right));
    if (is_integer(left) && is_integer(right)) {
        TRY(integers(context, operation, jinja_value_integer(left), jinja_value_integer(right),
                     out));
    } else if (jinja_value_is_number(left) && jinja_value_is_number(right)) {
        TRY(reals(context, operation, jinja_value_real(left), jinja_value_real(right), out));
    } else if (operation == JINJA_OP_ADD && left.kind == JINJA_STRING && right.kind == left.kind) {
        return concat_strings(context, left.string, right.string, out);
    } else if (operation == JINJA_OP_ADD && is_sequence(left) && right.kind == left.kind) {
        return concat_lists(context, left, right, out);
    } else if (operation == JINJA_OP_MULTIPLY && is_sequence(left) && is_integer(right)) {
        return repeat(context, left, jinja_value_integer(right), out);
    } else if (operation == JINJA_OP_MULTIPLY && is_integer(left) && is_sequence(right)) {
        return repeat(context, right, jinja_value_integer(left), out);
    } else if (operation == JINJA_OP_MODULO && left.kind == JINJA_STRING) {
        return jinja_printf_percent(context, left.string, right, out);
    } else {
        return unsupported(context, operation, left, right);
    }
    out->origin = (uint8_t)segment_merge(left.origin, right.origin);
    return OK;
}

enum status jinja_operate_sign(struct jinja_context *context, bool is_negative,
                               struct jinja_value value, struct jinja_value *out)
{
    TRY(jinja_value_need_defined(context, value));
    if (!jinja_value_is_number(value))
        return jinja_context_fail(context, E_FORMAT, "bad operand type for unary %s: '%s'",
                                  is_negative ? "-" : "+", jinja_value_type_name(value));
    if (value.kind == JINJA_FLOAT) {
        *out = jinja_value_float(is_negative ? -value.real : value.real);
    } else {
        const int64_t integer = jinja_value_integer(value);
        if (is_negative && integer == INT64_MIN)
            return too_large(context);
        *out = jinja_value_int(is_negative ? -integer : integer);
    }
    out->origin = value.origin;
    return OK;
}
