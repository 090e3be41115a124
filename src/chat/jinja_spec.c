#include "chat/jinja_spec.h"

#include "chat/jinja_context.h"
#include "chat/jinja_format.h"
#include "chat/jinja_strings.h"
#include "text/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_MAX = 700 /* a double without exponent, with all its digits, in groups */ };

static const char integer_types[] = "bcdnoxX";
static const char real_types[] = "eEfFgGn%";

bool jinja_spec_has(const char *set, char c)
{
    return c && strchr(set, c);
}

enum status jinja_spec_read_number(struct jinja_context *context, struct str text, size_t *at,
                                   int64_t max, int64_t *out)
{
    *out = 0;
    for (; *at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9'; (*at)++) {
        *out = *out * 10 + (text.ptr[*at] - '0');
        if (*out > max)
            return jinja_context_fail(context, E_LIMIT,
                                      "a width or precision of more than %" PRId64, max);
    }
    return OK;
}

/* ---------------------------------------------------------------- padding */

static void add_fill(const struct jinja_spec *spec, struct str fill, size_t count,
                     struct jinja_text *out)
{
    for (size_t i = 0; i < count; i++)
        jinja_text_add(out, fill, spec->origin);
}

/* `head` (a sign or prefix) and `body`, filled up to the width. */
static enum status write_padded(struct jinja_context *context, const struct jinja_spec *spec,
                                struct str head, const struct jinja_string *body, bool is_number,
                                struct jinja_text *out)
{
    size_t length = 0;
    TRY(jinja_context_charge(context, 1 + (uint64_t)spec->width / JINJA_STEP_BYTES));
    jinja_value_length(jinja_value_string(body), &length);
    length += head.len;
    const size_t missing = (uint64_t)spec->width > length ? (size_t)spec->width - length : 0;
    const bool zero = spec->zero && (is_number || !spec->align);
    const struct str fill = spec->fill.len ? spec->fill : zero ? STR("0") : STR(" ");
    char align = spec->align;
    if (!align)
        align = is_number ? (zero ? '=' : '>') : '<';
    const size_t before = align == '>' ? missing : align == '^' ? missing / 2 : 0;
    add_fill(spec, fill, before, out);
    jinja_text_add(out, head, spec->origin);
    add_fill(spec, fill, align == '=' ? missing : 0, out);
    jinja_text_add_string(out, body);
    add_fill(spec, fill, align == '<' || align == '^' ? missing - before : 0, out);
    return OK;
}

/* ---------------------------------------------------------------- numbers */

/* Puts separators between groups of digits in front of the point. */
static void add_grouped(const struct jinja_spec *spec, const char *digits, size_t group,
                        struct strbuf *out)
{
    const size_t whole = strspn(digits, "0123456789abcdefABCDEF");
    for (size_t i = 0; i < whole; i++) {
        if (i && (whole - i) % group == 0)
            strbuf_add_char(out, spec->grouping);
        strbuf_add_char(out, digits[i]);
    }
    strbuf_add_c(out, digits + whole);
}

static enum status write_number(struct jinja_context *context, const struct jinja_spec *spec,
                                bool is_negative, const char *prefix, const char *digits,
                                size_t group, enum segment_origin origin, struct jinja_text *out)
{
    CLEANUP(strbuf_done) struct strbuf head = {0};
    CLEANUP(strbuf_done) struct strbuf body = {0};
    if (is_negative || spec->sign)
        strbuf_add_char(&head, is_negative ? '-' : spec->sign);
    strbuf_add_c(&head, prefix);
    if (spec->grouping)
        add_grouped(spec, digits, group, &body);
    else
        strbuf_add_c(&body, digits);
    const struct jinja_string string = jinja_string_of(strbuf_view(&body), origin);
    return write_padded(context, spec, strbuf_view(&head), &string, true, out);
}

static enum status write_integer(struct jinja_context *context, const struct jinja_spec *spec,
                                 struct jinja_value value, struct jinja_text *out)
{
    const int64_t integer = jinja_value_integer(value);
    const uint64_t size = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    char digits[NUMBER_MAX];
    const char *prefix = "";
    size_t group = 4;
    if (spec->type == 'x') {
        snprintf(digits, sizeof(digits), "%" PRIx64, size);
        prefix = "0x";
    } else if (spec->type == 'X') {
        snprintf(digits, sizeof(digits), "%" PRIX64, size);
        prefix = "0X";
    } else if (spec->type == 'o') {
        snprintf(digits, sizeof(digits), "%" PRIo64, size);
        prefix = "0o";
    } else if (spec->type == 'b') {
        size_t count = 1;
        for (uint64_t rest = size >> 1; rest; rest >>= 1)
            count++;
        for (size_t i = 0; i < count; i++)
            digits[i] = (char)('0' + (size >> (count - 1 - i) & 1));
        digits[count] = '\0';
        prefix = "0b";
    } else {
        const int zeros = spec->precision > 0 ? (int)spec->precision : 1;
        snprintf(digits, sizeof(digits), "%0*" PRIu64, zeros, size);
        group = 3;
    }
    return write_number(context, spec, integer < 0, spec->alternate ? prefix : "", digits, group,
                        value.origin, out);
}

static void print_real(char *digits, size_t size, const struct jinja_spec *spec, double value)
{
    const int precision = spec->precision < 0 ? 6 : (int)spec->precision;
    switch (spec->type) {
    case 'e': snprintf(digits, size, "%.*e", precision, value); break;
    case 'E': snprintf(digits, size, "%.*E", precision, value); break;
    case 'F': snprintf(digits, size, "%.*F", precision, value); break;
    case 'f': snprintf(digits, size, "%.*f", precision, value); break;
    case '%': snprintf(digits, size, "%.*f%%", precision, value * 100); break;
    case 'G': snprintf(digits, size, spec->alternate ? "%#.*G" : "%.*G", precision, value); break;
    default: snprintf(digits, size, spec->alternate ? "%#.*g" : "%.*g", precision, value); break;
    }
}

static enum status write_real(struct jinja_context *context, const struct jinja_spec *spec,
                              struct jinja_value value, struct jinja_text *out)
{
    const double real = jinja_value_real(value);
    char digits[NUMBER_MAX];
    if (!spec->type && spec->precision < 0) { /* as str() has it */
        CLEANUP(jinja_text_done) struct jinja_text plain = jinja_context_text(context);
        TRY(jinja_format_str(context, jinja_value_float(fabs(real)), &plain));
        snprintf(digits, sizeof(digits), "%s", strbuf_c(&plain.bytes));
    } else {
        print_real(digits, sizeof(digits), spec, fabs(real));
    }
    return write_number(context, spec, signbit(real) && !isnan(real), "", digits, 3, value.origin,
                        out);
}

/* ---------------------------------------------------------------- text */

static enum status write_text(struct jinja_context *context, const struct jinja_spec *spec,
                              struct jinja_value value, struct jinja_text *out)
{
    struct jinja_value text;
    TRY(jinja_format_as_string(context, value, &text));
    struct str rest = text.string->bytes;
    for (int64_t i = 0; spec->precision >= 0 && i < spec->precision && rest.len; i++)
        utf8_next(&rest);
    const size_t end = spec->precision < 0 ? rest.len : text.string->bytes.len - rest.len;
    TRY(jinja_strings_slice(context, text.string, 0, end, &text));
    return write_padded(context, spec, (struct str){0}, text.string, false, out);
}

static enum status write_character(struct jinja_context *context, const struct jinja_spec *spec,
                                   struct jinja_value value, struct jinja_text *out)
{
    const int64_t code_point = jinja_value_integer(value);
    char bytes[UTF8_BYTES_MAX];
    if (code_point < 0 || code_point > 0x10ffff || (code_point >= 0xd800 && code_point < 0xe000))
        return jinja_context_fail(context, E_FORMAT, "%%c arg not in range(0x110000)");
    const size_t len = utf8_write((uint32_t)code_point, bytes);
    const struct jinja_string string = jinja_string_of((struct str){bytes, len}, value.origin);
    return write_padded(context, spec, (struct str){0}, &string, false, out);
}

static enum status unknown_type(struct jinja_context *context, const struct jinja_spec *spec,
                                struct jinja_value value)
{
    return jinja_context_fail(context, E_FORMAT, "Unknown format code '%c' for object of type '%s'",
                              spec->type, jinja_value_type_name(value));
}

enum status jinja_spec_write(struct jinja_context *context, const struct jinja_spec *spec,
                             struct jinja_value value, struct jinja_text *out)
{
    const bool is_integer = value.kind == JINJA_INT || value.kind == JINJA_BOOL;
    const bool is_number = is_integer || value.kind == JINJA_FLOAT;
    if (is_number && spec->precision > JINJA_SPEC_PRECISION_MAX)
        return jinja_context_fail(context, E_LIMIT, "a precision of more than %d",
                                  JINJA_SPEC_PRECISION_MAX);
    if (!is_number || spec->type == 's') {
        if (spec->type && spec->type != 's')
            return unknown_type(context, spec, value);
        return write_text(context, spec, value, out);
    }
    if (is_integer && spec->type == 'c')
        return write_character(context, spec, value, out);
    if (is_integer && (!spec->type || jinja_spec_has(integer_types, spec->type)))
        return write_integer(context, spec, value, out);
    if (!spec->type || jinja_spec_has(real_types, spec->type))
        return write_real(context, spec, value, out);
    return unknown_type(context, spec, value);
}
