#include "chat/jinja_printf.h"

#include "chat/jinja_context.h"
#include "chat/jinja_format.h"
#include "chat/jinja_member.h"
#include "chat/jinja_spec.h"
#include "chat/jinja_strings.h"
#include "text/utf8.h"

#include <math.h>
#include <string.h>

static enum status as_repr(struct jinja_context *context, struct jinja_value *value)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    TRY(jinja_format_repr(context, *value, &text));
    return jinja_context_finish(context, &text, value);
}

/* ---------------------------------------------------------------- percent */

/* A format being read, and where its values come from. */
struct percent {
    struct jinja_context *context;
    const struct jinja_string *format;
    struct jinja_value values;
    size_t at;   /* in the format */
    size_t used; /* values taken by position */
    bool named;  /* values were taken by name */
};

static enum status next_value(struct percent *percent, struct jinja_value *out)
{
    const bool is_tuple = percent->values.kind == JINJA_TUPLE;
    const size_t count = is_tuple ? percent->values.list->count : 1;
    if (percent->used >= count)
        return jinja_context_fail(percent->context, E_FORMAT,
                                  "not enough arguments for format string");
    *out = is_tuple ? percent->values.list->items[percent->used] : percent->values;
    percent->used++;
    return OK;
}

/* "(name)" behind the percent sign. */
static enum status named_value(struct percent *percent, struct jinja_value *out)
{
    const struct str bytes = percent->format->bytes;
    const size_t end = str_find_char(bytes, ')', percent->at);
    if (end == SIZE_MAX)
        return jinja_context_fail(percent->context, E_FORMAT, "incomplete format key");
    if (percent->values.kind != JINJA_DICT)
        return jinja_context_fail(percent->context, E_FORMAT, "format requires a mapping");
    struct jinja_value key;
    TRY(jinja_strings_slice(percent->context, percent->format, percent->at + 1, end, &key));
    const struct jinja_value *found = jinja_value_find(percent->context, percent->values.dict, key);
    if (!found)
        return jinja_context_fail(percent->context, E_FORMAT, "format() has no value for '%.*s'",
                                  STR_ARG(key.string->bytes));
    percent->named = true;
    percent->at = end + 1;
    *out = *found;
    return OK;
}

/* A number in the format, or '*': the next value. */
static enum status read_count(struct percent *percent, int64_t *out)
{
    const struct str bytes = percent->format->bytes;
    if (percent->at >= bytes.len || bytes.ptr[percent->at] != '*')
        return jinja_spec_read_number(percent->context, bytes, &percent->at, JINJA_SPEC_WIDTH_MAX,
                                      out);
    struct jinja_value value;
    percent->at++;
    TRY(next_value(percent, &value));
    TRY(jinja_function_int(percent->context, value, 0, out));
    if (*out < -JINJA_SPEC_WIDTH_MAX || *out > JINJA_SPEC_WIDTH_MAX)
        return jinja_context_fail(percent->context, E_LIMIT, "a width of more than %d",
                                  JINJA_SPEC_WIDTH_MAX);
    return OK;
}

static void read_flags(struct percent *percent, struct jinja_spec *spec)
{
    const struct str bytes = percent->format->bytes;
    for (; percent->at < bytes.len && jinja_spec_has("-+ 0#", bytes.ptr[percent->at]);
         percent->at++) {
        const char flag = bytes.ptr[percent->at];
        spec->align = flag == '-' ? '<' : spec->align;
        spec->sign = flag == '+' || (flag == ' ' && !spec->sign) ? flag : spec->sign;
        spec->zero |= flag == '0';
        spec->alternate |= flag == '#';
    }
}

static enum status read_percent_spec(struct percent *percent, struct jinja_spec *spec)
{
    const struct str bytes = percent->format->bytes;
    read_flags(percent, spec);
    TRY(read_count(percent, &spec->width));
    if (spec->width < 0) {
        spec->align = '<';
        spec->width = -spec->width;
    }
    if (percent->at < bytes.len && bytes.ptr[percent->at] == '.') {
        percent->at++;
        TRY(read_count(percent, &spec->precision));
        spec->precision = spec->precision < 0 ? 0 : spec->precision;
    }
    while (percent->at < bytes.len && jinja_spec_has("hlL", bytes.ptr[percent->at]))
        percent->at++;
    if (percent->at >= bytes.len)
        return jinja_context_fail(percent->context, E_FORMAT, "incomplete format");
    spec->type = bytes.ptr[percent->at++];
    if (spec->align == '<')
        spec->zero = false;
    return OK;
}

/* What a conversion makes of a value before it is written. */
static enum status convert(struct percent *percent, struct jinja_spec *spec,
                           struct jinja_value *value)
{
    if (spec->type == 'r' || spec->type == 'a')
        TRY(as_repr(percent->context, value));
    if (jinja_spec_has("rsa", spec->type)) {
        TRY(jinja_format_as_string(percent->context, *value, value));
        spec->zero = false;
        spec->align = spec->align ? spec->align : '>';
        spec->type = 's';
        return OK;
    }
    if (!jinja_spec_has("diuoxXeEfFgGc", spec->type))
        return jinja_context_fail(percent->context, E_FORMAT, "unsupported format character '%c'",
                                  spec->type);
    if (spec->type == 'c') {
        spec->align = spec->align ? spec->align : '>';
        spec->type = value->kind == JINJA_STRING ? 's' : 'c';
        return OK;
    }
    if (!jinja_value_is_number(*value))
        return jinja_context_fail(percent->context, E_FORMAT,
                                  "%%%c format: a number is required, not %s", spec->type,
                                  jinja_value_type_name(*value));
    if (!jinja_spec_has("diu", spec->type))
        return OK;
    spec->type = 'd';
    if (value->kind == JINJA_FLOAT) {
        if (!(fabs(value->real) < 9.2e18))
            return jinja_context_fail(percent->context, E_LIMIT, "a number is too large");
        const uint8_t origin = value->origin;
        *value = jinja_value_int((int64_t)value->real);
        value->origin = origin;
    }
    return OK;
}

/* Behind a percent sign. */
static enum status write_field(struct percent *percent, struct jinja_text *out)
{
    const struct str bytes = percent->format->bytes;
    size_t end = 0;
    struct jinja_spec spec = {
        .precision = -1, .origin = jinja_string_origin_at(percent->format, percent->at - 1, &end)};
    struct jinja_value value = {.kind = JINJA_ABSENT};
    if (percent->at < bytes.len && bytes.ptr[percent->at] == '(')
        TRY(named_value(percent, &value));
    TRY(read_percent_spec(percent, &spec));
    if (spec.type == '%') {
        jinja_text_add_slice(out, percent->format, percent->at - 1, percent->at);
        return OK;
    }
    if (value.kind == JINJA_ABSENT)
        TRY(next_value(percent, &value));
    TRY(convert(percent, &spec, &value));
    return jinja_spec_write(percent->context, &spec, value, out);
}

enum status jinja_printf_percent(struct jinja_context *context, const struct jinja_string *format,
                                 struct jinja_value values, struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    struct percent percent = {.context = context, .format = format, .values = values};
    const struct str bytes = format->bytes;
    while (percent.at < bytes.len) {
        size_t end = str_find_char(bytes, '%', percent.at);
        end = end == SIZE_MAX ? bytes.len : end;
        jinja_text_add_slice(&text, format, percent.at, end);
        TRY(jinja_context_charge(context, 1));
        percent.at = end + 1;
        if (end < bytes.len)
            TRY(write_field(&percent, &text));
    }
    const bool is_tuple = values.kind == JINJA_TUPLE;
    const bool takes_any = values.kind == JINJA_DICT || values.kind == JINJA_LIST;
    if (percent.used < (is_tuple ? values.list->count : takes_any ? 0 : 1) && !percent.named)
        return jinja_context_fail(context, E_FORMAT,
                                  "not all arguments converted during string formatting");
    return jinja_context_finish(context, &text, out);
}

/* ---------------------------------------------------------------- braces */

struct braces {
    struct jinja_context *context;
    const struct jinja_string *format;
    const struct jinja_function_args *args;
    size_t next; /* value for "{}" */
};

/* The value of a field's first part: "" is the next by position, digits a position, else a name. */
static enum status field_value(struct braces *braces, struct str field, struct jinja_value *out)
{
    const struct jinja_function_args *args = braces->args;
    int64_t position = 0;
    if (!field.len)
        position = (int64_t)braces->next++;
    else if (!str_to_int(field, &position))
        position = -1;
    if (position >= 0 && (uint64_t)position < jinja_function_positional(args)) {
        *out = args->values[position];
        return OK;
    }
    for (size_t i = 0; position < 0 && args->names && i < args->count; i++) {
        if (args->names[i].ptr && str_equal(args->names[i], field)) {
            *out = args->values[i];
            return OK;
        }
    }
    return jinja_context_fail(braces->context, E_FORMAT, "format() has no value for '{%.*s}'",
                              STR_ARG(field));
}

/* The first byte of `set` in text[from..], or the end of the text. */
static size_t find_any(struct str text, const char *set, size_t from)
{
    while (from < text.len && !jinja_spec_has(set, text.ptr[from]))
        from++;
    return from;
}

/* ".name" and "[key]" behind a field's first part. */
static enum status walk_members(struct braces *braces, struct str path, struct jinja_value *value)
{
    size_t at = 0;
    while (at < path.len) {
        const bool is_item = path.ptr[at] == '[';
        const size_t from = at + 1;
        const size_t end = is_item ? str_find_char(path, ']', from) : find_any(path, ".[", from);
        if (end == SIZE_MAX || end == from)
            return jinja_context_fail(braces->context, E_FORMAT,
                                      "Empty attribute in format string");
        const struct str name = str_slice(path, from, end);
        struct jinja_value key;
        int64_t number = 0;
        TRY(jinja_context_charge(braces->context, 1));
        if (is_item && str_to_int(name, &number))
            key = jinja_value_int(number);
        else
            TRY(jinja_value_new_text(braces->context, name, SEGMENT_TEMPLATE, &key));
        TRY(is_item ? jinja_member_item(braces->context, *value, key, value)
                    : jinja_member_attribute(braces->context, *value, key, value));
        at = is_item ? end + 1 : end;
    }
    return OK;
}

/* "[[fill]align][sign][#][0][width][grouping][.precision][type]" */
static enum status read_spec(struct braces *braces, struct str text, struct jinja_spec *out)
{
    size_t at = 0;
    struct str rest = text;
    if (rest.len)
        utf8_next(&rest);
    const size_t first = text.len - rest.len;
    if (rest.len && jinja_spec_has("<>=^", rest.ptr[0])) {
        out->fill = str_slice(text, 0, first);
        out->align = rest.ptr[0];
        at = first + 1;
    } else if (text.len && jinja_spec_has("<>=^", text.ptr[0])) {
        out->align = text.ptr[at++];
    }
    if (at < text.len && jinja_spec_has("+- ", text.ptr[at])) {
        out->sign = text.ptr[at] == '-' ? '\0' : text.ptr[at];
        at++;
    }
    out->alternate = at < text.len && text.ptr[at] == '#';
    at += out->alternate;
    out->zero = at < text.len && text.ptr[at] == '0';
    at += out->zero;
    TRY(jinja_spec_read_number(braces->context, text, &at, JINJA_SPEC_WIDTH_MAX, &out->width));
    if (at < text.len && jinja_spec_has(",_", text.ptr[at]))
        out->grouping = text.ptr[at++];
    if (at < text.len && text.ptr[at] == '.') {
        at++;
        TRY(jinja_spec_read_number(braces->context, text, &at, JINJA_SPEC_WIDTH_MAX,
                                   &out->precision));
    }
    if (at < text.len)
        out->type = text.ptr[at++];
    if (at < text.len)
        return jinja_context_fail(braces->context, E_FORMAT, "Invalid format specifier '%.*s'",
                                  STR_ARG(text));
    return OK;
}

/* Bytes [from, to) of the format: what stands between two braces. */
static enum status write_brace_field(struct braces *braces, size_t from, size_t to,
                                     struct jinja_text *out)
{
    const struct str field = str_slice(braces->format->bytes, from, to);
    const size_t colon = find_any(field, ":", 0);
    const size_t mark = find_any(str_slice(field, 0, colon), "!", 0);
    const struct str path = str_slice(field, 0, mark);
    const size_t name_end = find_any(path, ".[", 0);
    struct jinja_value value;
    size_t end = 0;
    struct jinja_spec spec = {.precision = -1,
                              .origin = jinja_string_origin_at(braces->format, from - 1, &end)};
    TRY(field_value(braces, str_slice(path, 0, name_end), &value));
    TRY(walk_members(braces, str_slice(path, name_end, path.len), &value));
    const struct str conversion = str_slice(field, mark, colon);
    if (str_equal_c(conversion, "!r") || str_equal_c(conversion, "!a"))
        TRY(as_repr(braces->context, &value));
    else if (str_equal_c(conversion, "!s"))
        TRY(jinja_format_as_string(braces->context, value, &value));
    else if (conversion.len)
        return jinja_context_fail(braces->context, E_FORMAT, "Unknown conversion specifier '%.*s'",
                                  STR_ARG(conversion));
    const struct str text = str_slice(field, colon + 1, field.len);
    if (!text.len)
        return jinja_format_str(braces->context, value, out);
    if (!jinja_value_is_number(value) && value.kind != JINJA_STRING)
        return jinja_context_fail(braces->context, E_FORMAT,
                                  "unsupported format string passed to %s.__format__",
                                  jinja_value_type_name(value));
    TRY(read_spec(braces, text, &spec));
    return jinja_spec_write(braces->context, &spec, value, out);
}

enum status jinja_printf_braces(struct jinja_context *context, const struct jinja_string *format,
                                const struct jinja_function_args *args, struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    struct braces braces = {.context = context, .format = format, .args = args};
    const struct str bytes = format->bytes;
    for (size_t at = 0; at < bytes.len;) {
        const char c = bytes.ptr[at];
        TRY(jinja_context_charge(context, 1));
        if (c != '{' && c != '}') {
            const size_t end = find_any(bytes, "{}", at);
            jinja_text_add_slice(&text, format, at, end);
            at = end;
        } else if (at + 1 < bytes.len && bytes.ptr[at + 1] == c) {
            jinja_text_add_slice(&text, format, at, at + 1);
            at += 2;
        } else {
            const size_t end = c == '{' ? str_find_char(bytes, '}', at) : SIZE_MAX;
            if (end == SIZE_MAX)
                return jinja_context_fail(context, E_FORMAT, "a '%c' in format() has no partner",
                                          c);
            TRY(write_brace_field(&braces, at + 1, end, &text));
            at = end + 1;
        }
    }
    return jinja_context_finish(context, &text, out);
}
