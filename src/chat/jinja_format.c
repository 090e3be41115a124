#include "chat/jinja_format.h"

#include "chat/jinja_compare.h"
#include "chat/jinja_context.h"
#include "text/json.h"
#include "text/unicode.h"
#include "text/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { NUMBER_TEXT_MAX = 32, INDENT_MAX = 64 };

/* ---------------------------------------------------------------- numbers and strings */

static void add_real(struct jinja_text *out, double value, enum segment_origin origin)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_write_real(value, &text);
    jinja_text_add(out, strbuf_view(&text), origin);
}

static void add_integer(struct jinja_text *out, int64_t value, enum segment_origin origin)
{
    char digits[NUMBER_TEXT_MAX];
    snprintf(digits, sizeof(digits), "%" PRId64, value);
    jinja_text_add_c(out, digits, origin);
}

/* Writes the escape of a character, or returns false when it stands for itself. */
typedef bool(escape_fn)(uint32_t code_point, bool option, char out[NUMBER_TEXT_MAX]);

static bool escape_with(const char *escape, char out[NUMBER_TEXT_MAX])
{
    snprintf(out, NUMBER_TEXT_MAX, "%s", escape);
    return true;
}

static bool is_printable(uint32_t code_point)
{
    const unsigned kinds =
        UNICODE_LETTER | UNICODE_NUMBER | UNICODE_MARK | UNICODE_PUNCTUATION | UNICODE_SYMBOL;
    return code_point == ' ' || (unicode_class(code_point) & kinds);
}

/* In a Python literal between single (or, as the option, double) quotes. */
static bool escape_python(uint32_t code_point, bool in_double_quotes, char out[NUMBER_TEXT_MAX])
{
    switch (code_point) {
    case '\n': return escape_with("\\n", out);
    case '\r': return escape_with("\\r", out);
    case '\t': return escape_with("\\t", out);
    case '\\': return escape_with("\\\\", out);
    case '\'': return !in_double_quotes && escape_with("\\'", out);
    default: break;
    }
    if (code_point == UTF8_INVALID || is_printable(code_point))
        return false;
    if (code_point < 0x100)
        snprintf(out, NUMBER_TEXT_MAX, "\\x%02" PRIx32, code_point);
    else if (code_point < 0x10000)
        snprintf(out, NUMBER_TEXT_MAX, "\\u%04" PRIx32, code_point);
    else
        snprintf(out, NUMBER_TEXT_MAX, "\\U%08" PRIx32, code_point);
    return true;
}

/* In a JSON string; the option is ensure_ascii. */
static bool escape_json(uint32_t code_point, bool ensure_ascii, char out[NUMBER_TEXT_MAX])
{
    switch (code_point) {
    case '"': return escape_with("\\\"", out);
    case '\\': return escape_with("\\\\", out);
    case '\n': return escape_with("\\n", out);
    case '\r': return escape_with("\\r", out);
    case '\t': return escape_with("\\t", out);
    case '\b': return escape_with("\\b", out);
    case '\f': return escape_with("\\f", out);
    default: break;
    }
    if (code_point >= ' ' && (!ensure_ascii || code_point < 0x7f || code_point == UTF8_INVALID))
        return false;
    if (code_point < 0x10000)
        snprintf(out, NUMBER_TEXT_MAX, "\\u%04" PRIx32, code_point);
    else
        snprintf(out, NUMBER_TEXT_MAX, "\\u%04" PRIx32 "\\u%04" PRIx32,
                 0xd800 + ((code_point - 0x10000) >> 10), 0xdc00 + (code_point & 0x3ff));
    return true;
}

static void add_escaped(struct jinja_text *out, const struct jinja_string *string,
                        escape_fn *escape, bool option)
{
    struct str rest = string->bytes;
    size_t plain_from = 0;
    while (rest.len) {
        const size_t at = string->bytes.len - rest.len;
        char escaped[NUMBER_TEXT_MAX];
        if (!escape(utf8_next(&rest), option, escaped))
            continue;
        size_t end = 0;
        jinja_text_add_slice(out, string, plain_from, at);
        jinja_text_add_c(out, escaped, jinja_string_origin_at(string, at, &end));
        plain_from = string->bytes.len - rest.len;
    }
    jinja_text_add_slice(out, string, plain_from, string->bytes.len);
}

static void add_python_string(struct jinja_text *out, const struct jinja_string *string)
{
    const bool in_double_quotes = str_find_char(string->bytes, '\'', 0) != SIZE_MAX &&
                                  str_find_char(string->bytes, '"', 0) == SIZE_MAX;
    const char *quote = in_double_quotes ? "\"" : "'";
    jinja_text_add_c(out, quote, string->origin);
    add_escaped(out, string, escape_python, in_double_quotes);
    jinja_text_add_c(out, quote, string->origin);
}

static void add_json_string(struct jinja_text *out, const struct jinja_string *string,
                            bool ensure_ascii)
{
    jinja_text_add_c(out, "\"", string->origin);
    add_escaped(out, string, escape_json, ensure_ascii);
    jinja_text_add_c(out, "\"", string->origin);
}

/* ---------------------------------------------------------------- str() and repr() */

static enum status repr_list(struct jinja_context *context, struct jinja_value value,
                             struct jinja_text *out)
{
    const bool is_tuple = value.kind == JINJA_TUPLE;
    const enum segment_origin origin = value.origin;
    jinja_text_add_c(out, is_tuple ? "(" : "[", origin);
    for (size_t i = 0; i < value.list->count; i++) {
        if (i)
            jinja_text_add_c(out, ", ", origin);
        TRY(jinja_format_repr(context, value.list->items[i], out));
    }
    if (is_tuple && value.list->count == 1)
        jinja_text_add_c(out, ",", origin);
    jinja_text_add_c(out, is_tuple ? ")" : "]", origin);
    return OK;
}

static enum status repr_dict(struct jinja_context *context, struct jinja_value value,
                             struct jinja_text *out)
{
    const enum segment_origin origin = value.origin;
    jinja_text_add_c(out, value.kind == JINJA_NAMESPACE ? "<Namespace {" : "{", origin);
    for (size_t i = 0; i < value.dict->count; i++) {
        if (i)
            jinja_text_add_c(out, ", ", origin);
        TRY(jinja_format_repr(context, value.dict->entries[i].key, out));
        jinja_text_add_c(out, ": ", origin);
        TRY(jinja_format_repr(context, value.dict->entries[i].value, out));
    }
    jinja_text_add_c(out, value.kind == JINJA_NAMESPACE ? "}>" : "}", origin);
    return OK;
}

static void repr_loop(struct jinja_value value, struct jinja_text *out)
{
    jinja_text_add_c(out, "<LoopContext ", SEGMENT_TEMPLATE);
    add_integer(out, (int64_t)value.loop->index + 1, SEGMENT_TEMPLATE);
    jinja_text_add_c(out, "/", SEGMENT_TEMPLATE);
    add_integer(out, (int64_t)value.loop->items->count, SEGMENT_TEMPLATE);
    jinja_text_add_c(out, ">", SEGMENT_TEMPLATE);
}

static enum status repr(struct jinja_context *context, struct jinja_value value,
                        struct jinja_text *out)
{
    const enum segment_origin origin = value.origin;
    switch ((enum jinja_kind)value.kind) {
    case JINJA_ABSENT:
    case JINJA_UNDEFINED: jinja_text_add_c(out, "Undefined", origin); return OK;
    case JINJA_NONE: jinja_text_add_c(out, "None", origin); return OK;
    case JINJA_BOOL: jinja_text_add_c(out, value.boolean ? "True" : "False", origin); return OK;
    case JINJA_INT: add_integer(out, value.integer, origin); return OK;
    case JINJA_FLOAT:
        if (isfinite(value.real))
            add_real(out, value.real, origin);
        else
            jinja_text_add_c(out,
                             isnan(value.real) ? "nan"
                             : value.real > 0  ? "inf"
                                               : "-inf",
                             origin);
        return OK;
    case JINJA_STRING: add_python_string(out, value.string); return OK;
    case JINJA_LIST:
    case JINJA_TUPLE: return repr_list(context, value, out);
    case JINJA_DICT:
    case JINJA_NAMESPACE: return repr_dict(context, value, out);
    case JINJA_LOOP: repr_loop(value, out); return OK;
    case JINJA_MACRO: jinja_text_add_c(out, "<Macro>", origin); return OK;
    case JINJA_FUNCTION:
    case JINJA_METHOD: jinja_text_add_c(out, "<function>", origin); return OK;
    }
    return OK;
}

enum status jinja_format_repr(struct jinja_context *context, struct jinja_value value,
                              struct jinja_text *out)
{
    const size_t before = out->bytes.len;
    TRY(jinja_context_charge(context, 1));
    TRY(jinja_context_enter(context));
    TRY(repr(context, value, out));
    jinja_context_leave(context);
    return jinja_context_charge_bytes(context, out->bytes.len - before);
}

enum status jinja_format_str(struct jinja_context *context, struct jinja_value value,
                             struct jinja_text *out)
{
    if (value.kind == JINJA_UNDEFINED)
        return OK;
    if (value.kind != JINJA_STRING)
        return jinja_format_repr(context, value, out);
    jinja_text_add_string(out, value.string);
    return jinja_context_charge_bytes(context, value.string->bytes.len);
}

enum status jinja_format_as_string(struct jinja_context *context, struct jinja_value value,
                                   struct jinja_value *out)
{
    if (value.kind == JINJA_STRING) {
        *out = value;
        return OK;
    }
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    TRY(jinja_format_str(context, value, &text));
    return jinja_context_finish(context, &text, out);
}

/* ---------------------------------------------------------------- JSON */

struct json_writer {
    struct jinja_context *context;
    const struct jinja_format_json_style *style;
    struct jinja_text *out;
    int level;
};

static enum status write_json(struct json_writer *writer, struct jinja_value value);

static void write_line(const struct json_writer *writer, enum segment_origin origin)
{
    if (writer->style->indent < 0)
        return;
    jinja_text_add_c(writer->out, "\n", origin);
    const int indent = writer->style->indent < INDENT_MAX ? writer->style->indent : INDENT_MAX;
    for (int i = 0; i < writer->level * indent; i++)
        jinja_text_add_c(writer->out, " ", origin);
    writer->context->steps += (uint64_t)(writer->level * indent); /* looked at by the next charge */
}

/* What stands before item `index` of a container. */
static void write_before_item(const struct json_writer *writer, size_t index,
                              enum segment_origin origin)
{
    if (index) {
        if (writer->style->item_separator)
            jinja_text_add_string(writer->out, writer->style->item_separator);
        else
            jinja_text_add_c(writer->out, writer->style->indent < 0 ? ", " : ",", origin);
    }
    write_line(writer, origin);
}

static enum status write_json_list(struct json_writer *writer, struct jinja_value value)
{
    const struct jinja_list *list = value.list;
    jinja_text_add_c(writer->out, "[", value.origin);
    writer->level++;
    for (size_t i = 0; i < list->count; i++) {
        write_before_item(writer, i, value.origin);
        TRY(write_json(writer, list->items[i]));
    }
    writer->level--;
    if (list->count)
        write_line(writer, value.origin);
    jinja_text_add_c(writer->out, "]", value.origin);
    return OK;
}

/* Numbers, booleans and none are keys by their JSON spelling. */
static enum status write_json_key(struct json_writer *writer, struct jinja_value key)
{
    if (key.kind == JINJA_STRING) {
        add_json_string(writer->out, key.string, writer->style->ensure_ascii);
        return OK;
    }
    jinja_text_add_c(writer->out, "\"", key.origin);
    TRY(write_json(writer, key));
    jinja_text_add_c(writer->out, "\"", key.origin);
    return OK;
}

static enum status write_json_dict(struct json_writer *writer, struct jinja_value value)
{
    const struct jinja_dict *dict = value.dict;
    struct jinja_entry *entries = dict->entries;
    if (writer->style->sort_keys && dict->count > 1) {
        TRY(jinja_context_alloc(writer->context, dict->count, sizeof(*entries), &entries));
        memcpy(entries, dict->entries, dict->count * sizeof(*entries));
        TRY(jinja_compare_sort(writer->context, entries, dict->count, false));
    }
    jinja_text_add_c(writer->out, "{", value.origin);
    writer->level++;
    for (size_t i = 0; i < dict->count; i++) {
        write_before_item(writer, i, value.origin);
        TRY(write_json_key(writer, entries[i].key));
        if (writer->style->key_separator)
            jinja_text_add_string(writer->out, writer->style->key_separator);
        else
            jinja_text_add_c(writer->out, ": ", value.origin);
        TRY(write_json(writer, entries[i].value));
    }
    writer->level--;
    if (dict->count)
        write_line(writer, value.origin);
    jinja_text_add_c(writer->out, "}", value.origin);
    return OK;
}

static enum status write_json_value(struct json_writer *writer, struct jinja_value value)
{
    struct jinja_text *out = writer->out;
    const enum segment_origin origin = value.origin;
    switch ((enum jinja_kind)value.kind) {
    case JINJA_NONE: jinja_text_add_c(out, "null", origin); return OK;
    case JINJA_BOOL: jinja_text_add_c(out, value.boolean ? "true" : "false", origin); return OK;
    case JINJA_INT: add_integer(out, value.integer, origin); return OK;
    case JINJA_FLOAT:
        if (isfinite(value.real))
            add_real(out, value.real, origin);
        else
            jinja_text_add_c(out,
                             isnan(value.real) ? "NaN"
                             : value.real > 0  ? "Infinity"
                                               : "-Infinity",
                             origin);
        return OK;
    case JINJA_STRING: add_json_string(out, value.string, writer->style->ensure_ascii); return OK;
    case JINJA_LIST:
    case JINJA_TUPLE: return write_json_list(writer, value);
    case JINJA_DICT: return write_json_dict(writer, value);
    case JINJA_ABSENT:
    case JINJA_UNDEFINED:
    case JINJA_NAMESPACE:
    case JINJA_LOOP:
    case JINJA_MACRO:
    case JINJA_FUNCTION:
    case JINJA_METHOD: break;
    }
    return jinja_context_fail(writer->context, E_FORMAT,
                              "Object of type %s is not JSON serializable",
                              jinja_value_type_name(value));
}

static enum status write_json(struct json_writer *writer, struct jinja_value value)
{
    TRY(jinja_context_charge(writer->context, 1));
    TRY(jinja_context_enter(writer->context));
    TRY(write_json_value(writer, value));
    jinja_context_leave(writer->context);
    return OK;
}

enum status jinja_format_json(struct jinja_context *context, struct jinja_value value,
                              const struct jinja_format_json_style *style, struct jinja_text *out)
{
    const size_t before = out->bytes.len;
    struct json_writer writer = {.context = context, .style = style, .out = out};
    TRY(write_json(&writer, value));
    return jinja_context_charge_bytes(context, out->bytes.len - before);
}
