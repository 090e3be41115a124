#include "tools/calculator.h"

#include "base/attr.h"

#include <inttypes.h>
#include <math.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: above it not every whole number is a double */

enum { NUMBER_LEN_MAX = 60 };

struct value {
    bool is_whole;
    int64_t whole; /* when is_whole */
    double number; /* otherwise */
};

struct parser {
    struct str text;
    size_t at;
    int depth;
    struct error *err;
};

static enum status parse_sum(struct parser *p, struct value *out);
static enum status parse_signed(struct parser *p, struct value *out);

static double as_double(struct value value)
{
    return value.is_whole ? (double)value.whole : value.number;
}

static struct value whole(int64_t number)
{
    return (struct value){.is_whole = true, .whole = number};
}

static struct value real(double number)
{
    return (struct value){.number = number};
}

/* The next character that is no blank, or NUL at the end. */
static char peek(struct parser *p)
{
    while (p->at < p->text.len && (p->text.ptr[p->at] == ' ' || p->text.ptr[p->at] == '\t'))
        p->at++;
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static enum status unreadable(struct parser *p)
{
    (void)peek(p);
    const struct str rest = str_slice(p->text, p->at, p->text.len);
    return error_set(p->err, E_INVALID, "cannot read the expression at \"%.*s\"", STR_ARG(rest));
}

/* ---- the operations ---- */

static struct value add(struct value a, struct value b, bool subtract)
{
    int64_t result = 0;
    const bool overflows = subtract ? __builtin_sub_overflow(a.whole, b.whole, &result)
                                    : __builtin_add_overflow(a.whole, b.whole, &result);
    if (a.is_whole && b.is_whole && !overflows)
        return whole(result);
    return real(subtract ? as_double(a) - as_double(b) : as_double(a) + as_double(b));
}

static struct value multiply(struct value a, struct value b)
{
    int64_t result = 0;
    if (a.is_whole && b.is_whole && !__builtin_mul_overflow(a.whole, b.whole, &result))
        return whole(result);
    return real(as_double(a) * as_double(b));
}

/* b is not zero. -1 is apart because INT64_MIN / -1 overflows. */
static struct value divide(struct value a, struct value b)
{
    if (a.is_whole && b.is_whole && b.whole != -1 && a.whole % b.whole == 0)
        return whole(a.whole / b.whole);
    if (a.is_whole && b.is_whole && b.whole == -1)
        return add(whole(0), a, true);
    return real(as_double(a) / as_double(b));
}

static struct value remainder_of(struct value a, struct value b)
{
    if (a.is_whole && b.is_whole)
        return whole(b.whole == -1 ? 0 : a.whole % b.whole);
    return real(as_double(a) - as_double(b) * trunc(as_double(a) / as_double(b)));
}

/* a^b for whole a and b >= 0; false when it does not fit. */
static bool whole_power(int64_t a, int64_t b, int64_t *out)
{
    int64_t result = 1;
    while (b) {
        if ((b & 1) && __builtin_mul_overflow(result, a, &result))
            return false;
        b >>= 1;
        if (b && __builtin_mul_overflow(a, a, &a))
            return false;
    }
    *out = result;
    return true;
}

static struct value power(struct value a, struct value b)
{
    int64_t result = 0;
    if (a.is_whole && b.is_whole && b.whole >= 0 && whole_power(a.whole, b.whole, &result))
        return whole(result);
    return real(pow(as_double(a), as_double(b)));
}

/* ---- the grammar ---- */

static enum status parse_number(struct parser *p, struct value *out)
{
    const char *text = p->text.ptr + p->at;
    const size_t left = p->text.len - p->at;
    size_t len = 0;
    while (len < left && text[len] >= '0' && text[len] <= '9')
        len++;
    if (len == 0)
        return unreadable(p);
    size_t fraction = 0;
    if (len + 1 < left && text[len] == '.') {
        while (len + 1 + fraction < left && text[len + 1 + fraction] >= '0' &&
               text[len + 1 + fraction] <= '9')
            fraction++;
    }
    const size_t total = len + (fraction ? fraction + 1 : 0);
    const struct str digits = {text, total};
    if (total > NUMBER_LEN_MAX)
        return error_set(p->err, E_LIMIT, "a number has more than %d digits", NUMBER_LEN_MAX);
    *out = (struct value){.is_whole = !fraction};
    if (fraction || !str_to_int(digits, &out->whole)) {
        out->is_whole = false;
        if (!str_to_double(digits, &out->number))
            return unreadable(p);
    }
    p->at += total;
    return OK;
}

static enum status parse_atom(struct parser *p, struct value *out)
{
    if (peek(p) != '(')
        return parse_number(p, out);
    if (++p->depth > CALCULATOR_DEPTH_MAX)
        return error_set(p->err, E_LIMIT, "the expression is nested more than %d deep",
                         CALCULATOR_DEPTH_MAX);
    p->at++;
    TRY(parse_sum(p, out));
    if (peek(p) != ')')
        return unreadable(p);
    p->at++;
    p->depth--;
    return OK;
}

static enum status parse_power(struct parser *p, struct value *out)
{
    struct value exponent;
    TRY(parse_atom(p, out));
    if (peek(p) != '^')
        return OK;
    p->at++;
    TRY(parse_signed(p, &exponent));
    if (as_double(*out) == 0 && as_double(exponent) < 0)
        return error_set(p->err, E_INVALID, "division by zero");
    *out = power(*out, exponent);
    return OK;
}

static enum status parse_signed(struct parser *p, struct value *out)
{
    if (peek(p) != '-')
        return parse_power(p, out);
    if (++p->depth > CALCULATOR_DEPTH_MAX)
        return error_set(p->err, E_LIMIT, "the expression is nested more than %d deep",
                         CALCULATOR_DEPTH_MAX);
    p->at++;
    TRY(parse_signed(p, out));
    p->depth--;
    *out = add(whole(0), *out, true);
    return OK;
}

static enum status parse_product(struct parser *p, struct value *out)
{
    struct value right;
    TRY(parse_signed(p, out));
    for (char sign = peek(p); sign == '*' || sign == '/' || sign == '%'; sign = peek(p)) {
        p->at++;
        TRY(parse_signed(p, &right));
        if (sign != '*' && as_double(right) == 0)
            return error_set(p->err, E_INVALID, "division by zero");
        *out = sign == '*'   ? multiply(*out, right)
               : sign == '/' ? divide(*out, right)
                             : remainder_of(*out, right);
    }
    return OK;
}

static enum status parse_sum(struct parser *p, struct value *out)
{
    struct value right;
    TRY(parse_product(p, out));
    for (char sign = peek(p); sign == '+' || sign == '-'; sign = peek(p)) {
        p->at++;
        TRY(parse_product(p, &right));
        *out = add(*out, right, sign == '-');
    }
    return OK;
}

static void add_number(struct value value, struct strbuf *out)
{
    const double number = as_double(value);
    if (fabs(number) < EXACT_MAX && number == trunc(number))
        strbuf_addf(out, "%.0f", number == 0 ? 0.0 : number); /* no "-0" */
    else
        strbuf_addf(out, "%.10g", number);
}

enum status calculator_add_value(struct str expression, struct strbuf *out, struct error *err)
{
    struct parser parser = {.text = str_trim(expression), .err = err};
    struct value value;
    if (parser.text.len > CALCULATOR_LEN_MAX)
        return error_set(err, E_LIMIT, "the expression is longer than %d characters",
                         CALCULATOR_LEN_MAX);
    TRY(parse_sum(&parser, &value));
    if (peek(&parser) || parser.at < parser.text.len)
        return unreadable(&parser);
    if (!value.is_whole && isnan(value.number))
        return error_set(err, E_INVALID, "the result is not a number");
    if (!value.is_whole && isinf(value.number))
        return error_set(err, E_INVALID, "the result is too large");
    add_number(value, out);
    return OK;
}
