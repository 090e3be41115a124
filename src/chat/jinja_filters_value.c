/* Filters that make one value of another: defaults, numbers, JSON. */
#include "chat/jinja_context.h"
#include "chat/jinja_filters.h"
#include "chat/jinja_format.h"
#include "chat/jinja_lex.h"
#include "chat/jinja_member.h"
#include "text/json.h"

#include <math.h>
#include <stdio.h>

static enum status default_value(struct jinja_context *context, struct jinja_value self,
                                 const struct jinja_value *args, struct jinja_value *out)
{
    static const struct jinja_string empty = {.bytes = {"", 0}};
    (void)context;
    const bool also_false = jinja_function_flag(args[1], false);
    *out = self;
    if (self.kind == JINJA_UNDEFINED || (also_false && !jinja_value_is_true(self)))
        *out = args[0].kind == JINJA_ABSENT ? jinja_value_string(&empty) : args[0];
    return OK;
}

static enum status length(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    size_t count = 0;
    if (!jinja_value_length(self, &count))
        return jinja_context_fail(context, E_FORMAT, "object of type '%s' has no len()",
                                  jinja_value_type_name(self));
    *out = jinja_value_int((int64_t)count);
    return jinja_context_charge_bytes(context, count);
}

static enum status attr(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    struct jinja_value name;
    TRY(jinja_format_as_string(context, args[0], &name));
    return jinja_member_attribute(context, self, name, out);
}

/* ---------------------------------------------------------------- numbers */

static int letter_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
}

/* A text as Python's int(text, base) reads it; false when it is no number. */
static bool read_integer(struct str text, int64_t base, int64_t *out)
{
    text = jinja_lex_strip_end(jinja_lex_strip_front(text));
    const bool is_negative = text.len && text.ptr[0] == '-';
    if (text.len && (is_negative || text.ptr[0] == '+'))
        text = str_slice(text, 1, text.len);
    if (text.len > 2 && text.ptr[0] == '0') {
        const char letter = (char)(text.ptr[1] | 0x20);
        if ((base == 16 && letter == 'x') || (base == 8 && letter == 'o') ||
            (base == 2 && letter == 'b'))
            text = str_slice(text, 2, text.len);
    }
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        const int digit = letter_value(text.ptr[i]);
        const bool is_gap = text.ptr[i] == '_' && i > 0 && i + 1 < text.len;
        if (is_gap)
            continue;
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_sub_overflow(value, digit, &value)) /* downwards: INT64_MIN fits */
            return false;
    }
    if (!text.len || (!is_negative && value == INT64_MIN))
        return false;
    *out = is_negative ? value : -value;
    return true;
}

static bool read_real(struct str text, double *out)
{
    return str_to_double(jinja_lex_strip_end(jinja_lex_strip_front(text)), out);
}

/* As C can convert it: within 64 bits. */
static bool real_to_integer(double real, int64_t *out)
{
    if (!(real > -9.2233720368547758e18 && real < 9.2233720368547758e18))
        return false;
    *out = (int64_t)real;
    return true;
}

static enum status to_int(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    int64_t base = 0;
    int64_t value = 0;
    double real = 0;
    TRY(jinja_function_int(context, args[1], 10, &base));
    if (base < 2 || base > 36)
        return jinja_context_fail(context, E_FORMAT, "int() base must be >= 2 and <= 36");
    bool is_number = false;
    if (self.kind == JINJA_INT || self.kind == JINJA_BOOL) {
        value = jinja_value_integer(self);
        is_number = true;
    } else if (self.kind == JINJA_FLOAT) {
        is_number = real_to_integer(self.real, &value);
    } else if (self.kind == JINJA_STRING) {
        is_number = read_integer(self.string->bytes, base, &value) ||
                    (read_real(self.string->bytes, &real) && real_to_integer(real, &value));
    }
    *out = is_number                      ? jinja_value_int(value)
           : args[0].kind == JINJA_ABSENT ? jinja_value_int(0)
                                          : args[0];
    out->origin = is_number ? self.origin : out->origin;
    return OK;
}

static enum status to_float(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    (void)context;
    double real = 0;
    bool is_number = jinja_value_is_number(self);
    if (is_number)
        real = jinja_value_real(self);
    else if (self.kind == JINJA_STRING)
        is_number = read_real(self.string->bytes, &real);
    *out = is_number                      ? jinja_value_float(real)
           : args[0].kind == JINJA_ABSENT ? jinja_value_float(0)
                                          : args[0];
    out->origin = is_number ? self.origin : out->origin;
    return OK;
}

static enum status need_number(struct jinja_context *context, struct jinja_value value)
{
    TRY(jinja_value_need_defined(context, value));
    if (!jinja_value_is_number(value))
        return jinja_context_fail(context, E_FORMAT, "a number is needed, not %s",
                                  jinja_value_type_name(value));
    return OK;
}

static enum status absolute(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    TRY(need_number(context, self));
    *out = self;
    if (self.kind == JINJA_FLOAT) {
        out->real = fabs(self.real);
        return OK;
    }
    const int64_t value = jinja_value_integer(self);
    if (value == INT64_MIN)
        return jinja_context_fail(context, E_LIMIT, "a number is too large");
    *out = jinja_value_int(value < 0 ? -value : value);
    out->origin = self.origin;
    return OK;
}

/* Rounds the decimal form, ties to even, as Python does. */
static double round_decimal(double value, int precision)
{
    enum { TEXT_MAX = 512 };
    char text[TEXT_MAX];
    if (!isfinite(value) || fabs(value) >= 1e17)
        return value;
    if (precision < 0) {
        const double unit = pow(10, -precision);
        return nearbyint(value / unit) * unit;
    }
    snprintf(text, sizeof(text), "%.*f", precision, value);
    return strtod(text, NULL);
}

static enum status round_number(struct jinja_context *context, struct jinja_value self,
                                const struct jinja_value *args, struct jinja_value *out)
{
    enum { PRECISION_MAX = 300 };
    static const struct jinja_string common = {.bytes = {"common", 6}};
    int64_t precision = 0;
    const struct jinja_string *method = NULL;
    TRY(need_number(context, self));
    TRY(jinja_function_int(context, args[0], 0, &precision));
    TRY(jinja_function_string(context, args[1], &common, &method));
    if (precision > PRECISION_MAX || precision < -PRECISION_MAX)
        return jinja_context_fail(context, E_LIMIT, "round() to more than %d digits",
                                  PRECISION_MAX);
    const double unit = pow(10, (double)precision);
    const double value = jinja_value_real(self);
    if (str_equal_c(method->bytes, "ceil"))
        *out = jinja_value_float(ceil(value * unit) / unit);
    else if (str_equal_c(method->bytes, "floor"))
        *out = jinja_value_float(floor(value * unit) / unit);
    else if (!str_equal_c(method->bytes, "common"))
        return jinja_context_fail(context, E_FORMAT, "method must be common, ceil or floor");
    else if (self.kind == JINJA_FLOAT)
        *out = jinja_value_float(round_decimal(value, (int)precision));
    else if (precision < 0)
        *out = jinja_value_int((int64_t)round_decimal(value, (int)precision));
    else
        *out = jinja_value_int(jinja_value_integer(self));
    out->origin = self.origin;
    return OK;
}

/* ---------------------------------------------------------------- JSON */

static enum status read_style(struct jinja_context *context, const struct jinja_value *args,
                              struct jinja_format_json_style *out)
{
    enum { INDENT_MAX = 16 };
    int64_t indent = -1;
    *out = (struct jinja_format_json_style){
        .ensure_ascii = jinja_function_flag(args[0], false),
        .sort_keys = jinja_function_flag(args[3], false),
    };
    if (args[1].kind != JINJA_NONE)
        TRY(jinja_function_int(context, args[1], -1, &indent));
    if (indent > INDENT_MAX)
        return jinja_context_fail(context, E_LIMIT, "an indent of more than %d", INDENT_MAX);
    out->indent = (int)(indent < -1 ? 0 : indent);
    if (args[2].kind == JINJA_ABSENT || args[2].kind == JINJA_NONE)
        return OK;
    const struct jinja_list *separators = NULL;
    TRY(jinja_value_items(context, args[2], &separators));
    if (separators->count != 2)
        return jinja_context_fail(context, E_FORMAT, "separators are two texts");
    TRY(jinja_function_string(context, separators->items[0], NULL, &out->item_separator));
    return jinja_function_string(context, separators->items[1], NULL, &out->key_separator);
}

static enum status tojson(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    struct jinja_format_json_style style;
    TRY(read_style(context, args, &style));
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    TRY(jinja_format_json(context, self, &style, &text));
    return jinja_context_finish(context, &text, out);
}

/* Strings of the value are borrowed from the JSON value, so they are copied here. */
static enum status copy_strings(struct jinja_context *context, struct jinja_value *value)
{
    TRY(jinja_context_enter(context));
    if (value->kind == JINJA_STRING) {
        struct jinja_string string = *value->string;
        string.bytes = arena_copy_str(&context->arena, string.bytes);
        if (!string.bytes.ptr)
            return jinja_context_fail(context, E_LIMIT, "the template uses too much memory");
        TRY(jinja_value_new_string(context, string, value));
    } else if (value->kind == JINJA_LIST) {
        for (size_t i = 0; i < value->list->count; i++)
            TRY(copy_strings(context, &value->list->items[i]));
    } else if (value->kind == JINJA_DICT) {
        for (size_t i = 0; i < value->dict->count; i++) {
            TRY(copy_strings(context, &value->dict->entries[i].key));
            TRY(copy_strings(context, &value->dict->entries[i].value));
        }
    }
    jinja_context_leave(context);
    return OK;
}

static enum status from_json(struct jinja_context *context, struct jinja_value self,
                             const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    const struct jinja_string *text = NULL;
    TRY(jinja_function_string(context, self, NULL, &text));
    if (!text)
        return jinja_context_fail(context, E_FORMAT, "the JSON object must be str, not NoneType");
    const struct json_limits limits = {.size_max = context->limits.string_bytes_max};
    CLEANUP(json_decrefp) json_t *json = NULL;
    struct error reason = {0};
    TRY(jinja_context_charge(context, text->bytes.len / 4));
    if (json_parse(text->bytes, &limits, &json, &reason) != OK)
        return jinja_context_fail(context, E_FORMAT, "%s", reason.text);
    TRY(jinja_value_from_json(context, json, text->origin, out));
    return copy_strings(context, out);
}

static const struct jinja_function rows[] = {
    {.name = "default", .call = default_value, .parameters = {"default_value", "boolean"}},
    {.name = "d", .call = default_value, .parameters = {"default_value", "boolean"}},
    {.name = "length", .call = length},
    {.name = "count", .call = length},
    {.name = "attr", .call = attr, .required = 1, .parameters = {"name"}},
    {.name = "int", .call = to_int, .parameters = {"default", "base"}},
    {.name = "float", .call = to_float, .parameters = {"default"}},
    {.name = "abs", .call = absolute},
    {.name = "round", .call = round_number, .parameters = {"precision", "method"}},
    {.name = "tojson",
     .call = tojson,
     .parameters = {"ensure_ascii", "indent", "separators", "sort_keys"}},
    {.name = "from_json", .call = from_json},
    {.name = "fromjson", .call = from_json},
};

const struct jinja_function *jinja_filters_value_rows(size_t *out_count)
{
    *out_count = ARRAY_LEN(rows);
    return rows;
}
