#include "text/json.h"

#include "base/check.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- reading */

/* Depth and number of values, from the brackets and commas outside of strings. Both are exact for
 * valid JSON and at least what jansson would build before it finds an error otherwise. */
static void measure(struct str text, size_t *out_depth, size_t *out_values)
{
    size_t depth = 0;
    size_t depth_seen = 0;
    size_t values = 1;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
            values++;
            depth_seen = depth > depth_seen ? depth : depth_seen;
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
        } else if (c == ',') {
            values++;
        }
    }
    *out_depth = depth_seen;
    *out_values = values;
}

static enum status check_limits(struct str text, const struct json_limits *limits,
                                struct error *err)
{
    const size_t size_max = limits->size_max ? limits->size_max : JSON_SIZE_MAX;
    const size_t values_max = limits->values_max ? limits->values_max : JSON_VALUES_MAX;
    size_t depth_max = limits->depth_max ? limits->depth_max : JSON_DEPTH_MAX;
    depth_max = depth_max < JSON_DEPTH_LIMIT ? depth_max : JSON_DEPTH_LIMIT;

    if (text.len > size_max)
        return error_set(err, E_LIMIT, "JSON text of %zu bytes (limit %zu)", text.len, size_max);
    size_t depth = 0;
    size_t values = 0;
    measure(text, &depth, &values);
    if (depth > depth_max)
        return error_set(err, E_LIMIT, "JSON nested %zu deep (limit %zu)", depth, depth_max);
    if (values > values_max)
        return error_set(err, E_LIMIT, "JSON with %zu values (limit %zu)", values, values_max);
    return OK;
}

/* As deep as the limits let it be. */
static void replace_nuls(json_t *value)
{
    const char *key = NULL;
    size_t index = 0;
    json_t *member = NULL;
    if (json_is_string(value) && memchr(json_string_value(value), 0, json_string_length(value))) {
        CLEANUP(strbuf_done) struct strbuf out = {0};
        const struct str text = json_str(value);
        for (size_t i = 0; i < text.len; i++) {
            if (text.ptr[i])
                strbuf_add_char(&out, text.ptr[i]);
            else
                strbuf_add_c(&out, "\xef\xbf\xbd");
        }
        json_string_setn(value, out.ptr, out.len);
    }
    json_array_foreach(value, index, member) replace_nuls(member);
    json_object_foreach(value, key, member) replace_nuls(member);
}

enum status json_parse(struct str text, const struct json_limits *limits, json_t **out,
                       struct error *err)
{
    const struct json_limits defaults = {0};
    limits = limits ? limits : &defaults;
    TRY(check_limits(text, limits, err));
    if (text.len == 0)
        return error_set(err, E_FORMAT, "not valid JSON: the text is empty");

    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    flags |= limits->allow_nul || limits->replace_nul ? (size_t)JSON_ALLOW_NUL : 0;
    json_error_t reason = {0};
    json_t *value = json_loadb(text.ptr, text.len, flags, &reason);
    if (!value) {
        for (char *c = reason.text; *c; c++) { /* it quotes the input: keep the sentence clean */
            if ((unsigned char)*c < ' ' || *c == 0x7f)
                *c = '?';
        }
        return error_set(err, E_FORMAT, "not valid JSON: %s (line %d, column %d)", reason.text,
                         reason.line, reason.column);
    }
    if (limits->replace_nul)
        replace_nuls(value);
    *out = value;
    return OK;
}

bool json_member_str(const json_t *object, const char *key, struct str *out)
{
    const json_t *member = json_object_get(object, key);
    if (!json_is_string(member))
        return false;
    *out = json_str(member);
    return true;
}

/* ---------------------------------------------------------------- numbers */

enum { DIGITS_MAX = 17 /* enough for any double to read back equal */ };

/* value = 0.d1d2d3... * 10^point, digits without trailing zeros. */
struct decimal {
    char digits[DIGITS_MAX + 2];
    int count;
    int point;
};

/* Reads the digits back without a decimal point, so that no locale matters. */
static bool reads_back(const struct decimal *decimal, double magnitude)
{
    char text[DIGITS_MAX + 16];
    snprintf(text, sizeof(text), "%.*se%d", decimal->count, decimal->digits,
             decimal->point - decimal->count);
    return strtod(text, NULL) == magnitude;
}

/* The correctly rounded decimal of `count` digits. */
static struct decimal round_to(double magnitude, int count)
{
    char text[DIGITS_MAX + 16];
    snprintf(text, sizeof(text), "%.*e", count - 1, magnitude);
    struct decimal decimal = {0};
    const char *c = text;
    for (; *c && *c != 'e'; c++) {
        if (*c >= '0' && *c <= '9') /* whatever the locale writes between them */
            decimal.digits[decimal.count++] = *c;
    }
    decimal.point = (int)strtol(*c ? c + 1 : c, NULL, 10) + 1;
    return decimal;
}

/* The next larger decimal with as many digits. */
static void step_up(struct decimal *decimal)
{
    int i = decimal->count - 1;
    while (i >= 0 && decimal->digits[i] == '9')
        decimal->digits[i--] = '0';
    if (i >= 0) {
        decimal->digits[i]++;
        return;
    }
    decimal->digits[0] = '1';
    decimal->point++;
}

/* The shortest decimal that reads back equal. Below a power of two doubles lie twice as dense, so
 * there the nearest decimal of some length may fail where the next larger one does not. */
static struct decimal shortest(double magnitude)
{
    int exponent = 0;
    const bool is_power_of_two = frexp(magnitude, &exponent) == 0.5;
    struct decimal decimal = {0};
    for (int count = 1; count <= DIGITS_MAX; count++) {
        decimal = round_to(magnitude, count);
        if (reads_back(&decimal, magnitude))
            break;
        if (!is_power_of_two)
            continue;
        struct decimal above = decimal;
        step_up(&above);
        if (reads_back(&above, magnitude)) {
            decimal = above;
            break;
        }
    }
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0')
        decimal.count--;
    return decimal;
}

static void add_zeros(struct strbuf *out, int count)
{
    for (int i = 0; i < count; i++)
        strbuf_add_char(out, '0');
}

void json_write_real(double value, struct strbuf *out)
{
    CHECK(isfinite(value));
    if (signbit(value))
        strbuf_add_char(out, '-');
    if (value == 0.0) {
        strbuf_add_c(out, "0.0");
        return;
    }
    const struct decimal decimal = shortest(fabs(value));
    const size_t count = (size_t)decimal.count;
    if (decimal.point > 16 || decimal.point < -3) {
        strbuf_add(out, decimal.digits, 1);
        if (count > 1) {
            strbuf_add_char(out, '.');
            strbuf_add(out, decimal.digits + 1, count - 1);
        }
        const int exponent = decimal.point - 1;
        strbuf_addf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (decimal.point <= 0) {
        strbuf_add_c(out, "0.");
        add_zeros(out, -decimal.point);
        strbuf_add(out, decimal.digits, count);
    } else if (decimal.point >= decimal.count) {
        strbuf_add(out, decimal.digits, count);
        add_zeros(out, decimal.point - decimal.count);
        strbuf_add_c(out, ".0");
    } else {
        strbuf_add(out, decimal.digits, (size_t)decimal.point);
        strbuf_add_char(out, '.');
        strbuf_add(out, decimal.digits + decimal.point, count - (size_t)decimal.point);
    }
}

/* ---------------------------------------------------------------- strings */

/* The letter behind the backslash for the characters that have one, or 0. */
static char short_escape(char c)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\b': return 'b';
    case '\f': return 'f';
    default: return 0;
    }
}

/* Decodes the character that starts at text.ptr[*at] (valid UTF-8) and moves *at behind it. */
static uint32_t next_code_point(struct str text, size_t *at)
{
    const unsigned char lead = (unsigned char)text.ptr[(*at)++];
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    uint32_t code = lead & (0x3fU >> more);
    for (int i = 0; i < more && *at < text.len; i++)
        code = code << 6 | ((unsigned char)text.ptr[(*at)++] & 0x3fU);
    return code;
}

static void add_ascii(uint32_t code, struct strbuf *out)
{
    if (code < 0x10000) {
        strbuf_addf(out, "\\u%04" PRIx32, code);
        return;
    }
    code -= 0x10000;
    strbuf_addf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + (code >> 10),
                0xdc00 + (code & 0x3ff));
}

static void write_string(struct str text, bool ensure_ascii, struct strbuf *out)
{
    strbuf_add_char(out, '"');
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < text.len;) {
        const char c = text.ptr[i];
        const char letter = short_escape(c);
        const bool is_control = (unsigned char)c < ' ';
        const bool is_wide = (unsigned char)c >= 0x80 && ensure_ascii;
        if (!letter && !is_control && !is_wide) {
            i++;
            continue;
        }
        strbuf_add(out, text.ptr + plain, i - plain);
        if (letter) {
            strbuf_add(out, (const char[]){'\\', letter}, 2);
            i++;
        } else {
            add_ascii(next_code_point(text, &i), out);
        }
        plain = i;
    }
    if (text.len > plain)
        strbuf_add(out, text.ptr + plain, text.len - plain);
    strbuf_add_char(out, '"');
}

void json_write_string(struct str text, struct strbuf *out)
{
    write_string(text, false, out);
}

/* ---------------------------------------------------------------- values */

struct writer {
    struct strbuf *out;
    const char *item_separator;
    const char *key_separator;
    int indent;
    bool ensure_ascii;
    bool sort_keys;
};

static void write_value(const struct writer *w, const json_t *value, int depth);

static void new_line(const struct writer *w, int depth)
{
    if (w->indent < 0)
        return;
    strbuf_add_char(w->out, '\n');
    for (int i = 0; i < w->indent * depth; i++)
        strbuf_add_char(w->out, ' ');
}

static void write_array(const struct writer *w, const json_t *array, int depth)
{
    const size_t count = json_array_size(array);
    strbuf_add_char(w->out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_add_c(w->out, w->item_separator);
        new_line(w, depth + 1);
        write_value(w, json_array_get(array, i), depth + 1);
    }
    if (count)
        new_line(w, depth);
    strbuf_add_char(w->out, ']');
}

struct member {
    struct str key;
    const json_t *value;
};

static int by_key(const void *a, const void *b)
{
    return str_compare(((const struct member *)a)->key, ((const struct member *)b)->key);
}

/* The object's members in the order they are written; the caller frees them. */
static struct member *members_of(const struct writer *w, const json_t *object, size_t *out_count)
{
    struct member *members = mem_alloc(sizeof(*members) * (json_object_size(object) + 1));
    size_t count = 0;
    /* jansson's iterator wants a value it could change; it changes nothing. */
    json_t *iterated = (json_t *)(uintptr_t)object;
    for (void *i = json_object_iter(iterated); i; i = json_object_iter_next(iterated, i)) {
        members[count].key = (struct str){json_object_iter_key(i), json_object_iter_key_len(i)};
        members[count++].value = json_object_iter_value(i);
    }
    if (w->sort_keys && count)
        qsort(members, count, sizeof(*members), by_key);
    *out_count = count;
    return members;
}

static void write_object(const struct writer *w, const json_t *object, int depth)
{
    size_t count = 0;
    CLEANUP(mem_freep) struct member *members = members_of(w, object, &count);
    strbuf_add_char(w->out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_add_c(w->out, w->item_separator);
        new_line(w, depth + 1);
        write_string(members[i].key, w->ensure_ascii, w->out);
        strbuf_add_c(w->out, w->key_separator);
        write_value(w, members[i].value, depth + 1);
    }
    if (count)
        new_line(w, depth);
    strbuf_add_char(w->out, '}');
}

static void write_value(const struct writer *w, const json_t *value, int depth)
{
    if (depth > JSON_DEPTH_LIMIT) {
        w->out->overflowed = true;
        return;
    }
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT: write_object(w, value, depth); break;
    case JSON_ARRAY: write_array(w, value, depth); break;
    case JSON_STRING: write_string(json_str(value), w->ensure_ascii, w->out); break;
    case JSON_INTEGER:
        strbuf_addf(w->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL: json_write_real(json_real_value(value), w->out); break;
    case JSON_TRUE: strbuf_add_c(w->out, "true"); break;
    case JSON_FALSE: strbuf_add_c(w->out, "false"); break;
    case JSON_NULL: strbuf_add_c(w->out, "null"); break;
    }
}

void json_write_style(const json_t *value, const struct json_style *style, struct strbuf *out)
{
    const char *item_separator = style->indent < 0 ? ", " : ",";
    const struct writer writer = {
        .out = out,
        .item_separator = style->item_separator ? style->item_separator : item_separator,
        .key_separator = style->key_separator ? style->key_separator : ": ",
        .indent = style->indent,
        .ensure_ascii = style->ensure_ascii,
        .sort_keys = style->sort_keys,
    };
    write_value(&writer, value, 0);
}

void json_write_python(const json_t *value, struct strbuf *out)
{
    json_write_style(value, &(struct json_style){.indent = -1}, out);
}
