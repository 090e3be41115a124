#include "chat/jinja_strings.h"

#include "chat/jinja_context.h"
#include "chat/jinja_format.h"
#include "chat/jinja_lex.h"
#include "text/unicode.h"
#include "text/utf8.h"

enum status jinja_strings_slice(struct jinja_context *context, const struct jinja_string *string,
                                size_t from, size_t to, struct jinja_value *out)
{
    struct jinja_string piece;
    if (!jinja_string_slice(string, from, to, &context->arena, &piece))
        return jinja_context_fail(context, E_LIMIT,
                                  "the template uses too much memory (limit %zu bytes)",
                                  context->limits.memory_bytes_max);
    return jinja_value_new_string(context, piece, out);
}

/* ---------------------------------------------------------------- markup */

void jinja_strings_add_escaped(struct jinja_text *text, const struct jinja_string *string)
{
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&#34;", "&#39;"};
    size_t from = 0;
    for (size_t i = 0; !string->is_markup && i < string->bytes.len; i++) {
        const char c = string->bytes.ptr[i];
        const char *found = c ? strchr(special, c) : NULL;
        if (!found)
            continue;
        size_t end = 0;
        jinja_text_add_slice(text, string, from, i);
        jinja_text_add_c(text, entities[found - special], jinja_string_origin_at(string, i, &end));
        from = i + 1;
    }
    jinja_text_add_slice(text, string, from, string->bytes.len);
}

enum status jinja_strings_make_markup(struct jinja_context *context, struct jinja_value *value)
{
    struct jinja_string marked = *value->string;
    marked.is_markup = true;
    return jinja_value_new_string(context, marked, value);
}

/* ---------------------------------------------------------------- strip */

static bool is_one_of(uint32_t code_point, struct str chars)
{
    while (chars.len) {
        if (utf8_next(&chars) == code_point)
            return true;
    }
    return false;
}

static bool is_stripped(uint32_t code_point, const struct jinja_string *chars)
{
    return chars ? is_one_of(code_point, chars->bytes) : jinja_lex_is_space(code_point);
}

/* The last character of a text that is not empty; *out_from is where it begins. */
static uint32_t last_character(struct str text, size_t *out_from)
{
    size_t from = text.len - 1;
    while (from > 0 && text.len - from < UTF8_BYTES_MAX &&
           ((unsigned char)text.ptr[from] & 0xc0) == 0x80)
        from--;
    struct str last = str_slice(text, from, text.len);
    const uint32_t code_point = utf8_next(&last);
    if (last.len == 0) {
        *out_from = from;
        return code_point;
    }
    *out_from = text.len - 1; /* invalid: one byte is one character */
    return UTF8_INVALID;
}

enum status jinja_strings_strip(struct jinja_context *context, const struct jinja_string *string,
                                const struct jinja_string *chars, enum jinja_strings_sides sides,
                                struct jinja_value *out)
{
    struct str rest = string->bytes;
    const size_t set_len = chars ? chars->bytes.len : 1;
    if (sides & JINJA_STRINGS_FRONT) {
        while (rest.len) {
            struct str next = rest;
            if (!is_stripped(utf8_next(&next), chars))
                break;
            TRY(jinja_context_charge_bytes(context, JINJA_STEP_BYTES + set_len));
            rest = next;
        }
    }
    const size_t from = string->bytes.len - rest.len;
    if (sides & JINJA_STRINGS_END) {
        while (rest.len) {
            size_t last_from = 0;
            if (!is_stripped(last_character(rest, &last_from), chars))
                break;
            TRY(jinja_context_charge_bytes(context, JINJA_STEP_BYTES + set_len));
            rest.len = last_from;
        }
    }
    return jinja_strings_slice(context, string, from, from + rest.len, out);
}

/* ---------------------------------------------------------------- case */

static bool is_word_gap(uint32_t code_point)
{
    return jinja_lex_is_space(code_point) || code_point == '-' || code_point == '(' ||
           code_point == '{' || code_point == '[' || code_point == '<';
}

static bool becomes_upper(enum jinja_strings_case mode, bool is_first, uint32_t previous)
{
    switch (mode) {
    case JINJA_STRINGS_LOWER: return false;
    case JINJA_STRINGS_UPPER: return true;
    case JINJA_STRINGS_CAPITALIZE: return is_first;
    case JINJA_STRINGS_TITLE: return is_first || !(unicode_class(previous) & UNICODE_LETTER);
    case JINJA_STRINGS_WORDS: return is_first || is_word_gap(previous);
    case JINJA_STRINGS_SWAP: break;
    }
    return false;
}

static uint32_t change_character(enum jinja_strings_case mode, bool is_first, uint32_t previous,
                                 uint32_t code_point)
{
    const uint32_t lower = unicode_to_lower(code_point);
    if (mode == JINJA_STRINGS_SWAP)
        return lower != code_point ? lower : unicode_to_upper(code_point);
    return becomes_upper(mode, is_first, previous) ? unicode_to_upper(code_point) : lower;
}

/* Where a small letter becomes two capitals, or one and a small one. */
static bool writes_all_upper(enum jinja_strings_case mode)
{
    return mode == JINJA_STRINGS_UPPER || mode == JINJA_STRINGS_WORDS || mode == JINJA_STRINGS_SWAP;
}

enum status jinja_strings_change_case(struct jinja_context *context,
                                      const struct jinja_string *string,
                                      enum jinja_strings_case mode, struct jinja_value *out)
{
    enum { SHARP_S = 0xdf };
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    struct str rest = string->bytes;
    uint32_t previous = 0;
    while (rest.len) {
        const size_t from = string->bytes.len - rest.len;
        const uint32_t code_point = utf8_next(&rest);
        const size_t to = string->bytes.len - rest.len;
        const uint32_t changed = change_character(mode, from == 0, previous, code_point);
        size_t end = 0;
        const enum segment_origin origin = jinja_string_origin_at(string, from, &end);
        char bytes[UTF8_BYTES_MAX];
        previous = code_point;
        if (code_point == UTF8_INVALID || changed == code_point)
            jinja_text_add_slice(&text, string, from, to);
        else if (code_point == SHARP_S)
            jinja_text_add_c(&text, writes_all_upper(mode) ? "SS" : "Ss", origin);
        else
            jinja_text_add(&text, (struct str){bytes, utf8_write(changed, bytes)}, origin);
    }
    TRY(jinja_context_charge(context, string->bytes.len / 4));
    TRY(jinja_context_finish(context, &text, out));
    return string->is_markup ? jinja_strings_make_markup(context, out) : OK;
}

/* ---------------------------------------------------------------- padding */

enum status jinja_strings_pad(struct jinja_context *context, const struct jinja_string *string,
                              enum jinja_strings_sides sides, int64_t width,
                              const struct jinja_string *fill, struct jinja_value *out)
{
    static const struct jinja_string space = {.bytes = {" ", 1}};
    const struct jinja_string *used = fill ? fill : &space;
    size_t length = 0;
    size_t fill_length = 0;
    jinja_value_length(jinja_value_string(used), &fill_length);
    jinja_value_length(jinja_value_string(string), &length);
    if (fill_length != 1)
        return jinja_context_fail(context, E_FORMAT,
                                  "The fill character must be exactly one character long");
    if (width > (int64_t)context->limits.string_bytes_max)
        return jinja_context_fail(context, E_LIMIT, "a text grows too long (limit %zu bytes)",
                                  context->limits.string_bytes_max);
    const int64_t missing = width > (int64_t)length ? width - (int64_t)length : 0;
    TRY(jinja_context_charge(context, (uint64_t)missing));
    int64_t before = sides == JINJA_STRINGS_FRONT ? missing : 0;
    if (sides == JINJA_STRINGS_BOTH) /* as Python halves an odd number */
        before = missing / 2 + (missing & width & 1);
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    for (int64_t i = 0; i < before; i++)
        jinja_text_add_string(&text, used);
    jinja_text_add_string(&text, string);
    for (int64_t i = before; i < missing; i++)
        jinja_text_add_string(&text, used);
    return jinja_context_finish(context, &text, out);
}

/* ---------------------------------------------------------------- replace */

/* An empty text is replaced before each character and at the end. */
static void replace_gaps(const struct jinja_string *string, const struct jinja_string *new_text,
                         int64_t count_max, struct jinja_text *out)
{
    struct str rest = string->bytes;
    for (int64_t i = 0; (count_max < 0 || i < count_max) && !out->bytes.overflowed; i++) {
        const size_t from = string->bytes.len - rest.len;
        jinja_text_add_string(out, new_text);
        if (!rest.len)
            return;
        utf8_next(&rest);
        jinja_text_add_slice(out, string, from, string->bytes.len - rest.len);
    }
    jinja_text_add_slice(out, string, string->bytes.len - rest.len, string->bytes.len);
}

enum status jinja_strings_replace(struct jinja_context *context, const struct jinja_string *string,
                                  const struct jinja_string *old,
                                  const struct jinja_string *new_text, int64_t count_max,
                                  struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    TRY(jinja_context_charge_bytes(context, string->bytes.len));
    if (!old->bytes.len) {
        TRY(jinja_context_charge(context, string->bytes.len));
        replace_gaps(string, new_text, count_max, &text);
        return jinja_context_finish(context, &text, out);
    }
    size_t from = 0;
    for (int64_t i = 0; count_max < 0 || i < count_max; i++) {
        const size_t hit = str_find(string->bytes, old->bytes, from);
        if (hit == SIZE_MAX)
            break;
        TRY(jinja_context_charge(context, 1 + new_text->run_count));
        jinja_text_add_slice(&text, string, from, hit);
        jinja_text_add_string(&text, new_text);
        from = hit + old->bytes.len;
    }
    jinja_text_add_slice(&text, string, from, string->bytes.len);
    return jinja_context_finish(context, &text, out);
}

/* ---------------------------------------------------------------- split */

static enum status add_piece(struct jinja_context *context, const struct jinja_string *string,
                             size_t from, size_t to, struct jinja_list *list)
{
    struct jinja_value piece;
    TRY(jinja_context_charge(context, 1));
    TRY(jinja_strings_slice(context, string, from, to, &piece));
    return jinja_value_append(context, list, piece);
}

static size_t skip_space(struct str text, size_t at)
{
    return text.len - jinja_lex_strip_front(str_slice(text, at, text.len)).len;
}

static size_t skip_word(struct str text, size_t at)
{
    struct str rest = str_slice(text, at, text.len);
    while (rest.len) {
        const size_t here = text.len - rest.len;
        if (jinja_lex_is_space(utf8_next(&rest)))
            return here;
    }
    return text.len;
}

static enum status split_space(struct jinja_context *context, const struct jinja_string *string,
                               int64_t count_max, struct jinja_list *list)
{
    const struct str text = string->bytes;
    size_t at = skip_space(text, 0);
    for (int64_t i = 0; at < text.len; i++) {
        const bool is_last = count_max >= 0 && i >= count_max;
        const size_t end = is_last ? text.len : skip_word(text, at);
        TRY(add_piece(context, string, at, end, list));
        at = skip_space(text, end);
    }
    return OK;
}

static enum status split_exact(struct jinja_context *context, const struct jinja_string *string,
                               struct str separator, int64_t count_max, struct jinja_list *list)
{
    size_t from = 0;
    for (int64_t i = 0; count_max < 0 || i < count_max; i++) {
        const size_t hit = str_find(string->bytes, separator, from);
        if (hit == SIZE_MAX)
            break;
        TRY(add_piece(context, string, from, hit, list));
        from = hit + separator.len;
    }
    return add_piece(context, string, from, string->bytes.len, list);
}

/* The last place of `needle` that ends at or before `end`, or SIZE_MAX. */
static size_t find_last(struct str text, struct str needle, size_t end)
{
    for (size_t at = end >= needle.len ? end - needle.len + 1 : 0; at-- > 0;) {
        if (memcmp(text.ptr + at, needle.ptr, needle.len) == 0)
            return at;
    }
    return SIZE_MAX;
}

static void reverse(struct jinja_list *list)
{
    for (size_t i = 0; i < list->count / 2; i++) {
        const struct jinja_value item = list->items[i];
        list->items[i] = list->items[list->count - 1 - i];
        list->items[list->count - 1 - i] = item;
    }
}

static enum status split_exact_end(struct jinja_context *context, const struct jinja_string *string,
                                   struct str separator, int64_t count_max, struct jinja_list *list)
{
    size_t end = string->bytes.len;
    for (int64_t i = 0; count_max < 0 || i < count_max; i++) {
        TRY(jinja_context_charge(context, end / JINJA_STEP_BYTES * separator.len));
        const size_t hit = find_last(string->bytes, separator, end);
        if (hit == SIZE_MAX)
            break;
        TRY(add_piece(context, string, hit + separator.len, end, list));
        end = hit;
    }
    TRY(add_piece(context, string, 0, end, list));
    reverse(list);
    return OK;
}

static enum status split_space_end(struct jinja_context *context, const struct jinja_string *string,
                                   int64_t count_max, struct jinja_list *list)
{
    struct str rest = jinja_lex_strip_end(string->bytes);
    for (int64_t i = 0; rest.len; i++) {
        size_t from = count_max >= 0 && i >= count_max ? skip_space(rest, 0) : rest.len;
        while (from > 0 && (count_max < 0 || i < count_max)) {
            size_t last = 0;
            if (jinja_lex_is_space(last_character(str_slice(rest, 0, from), &last)))
                break;
            from = last;
        }
        TRY(add_piece(context, string, from, rest.len, list));
        rest = count_max >= 0 && i >= count_max ? (struct str){0}
                                                : jinja_lex_strip_end(str_slice(rest, 0, from));
    }
    reverse(list);
    return OK;
}

enum status jinja_strings_split(struct jinja_context *context, const struct jinja_string *string,
                                const struct jinja_string *separator, int64_t count_max,
                                bool from_end, struct jinja_value *out)
{
    TRY(jinja_context_charge_bytes(context, string->bytes.len));
    TRY(jinja_value_new_list(context, JINJA_LIST, 0, out));
    if (!separator)
        return from_end ? split_space_end(context, string, count_max, out->list)
                        : split_space(context, string, count_max, out->list);
    if (!separator->bytes.len)
        return jinja_context_fail(context, E_FORMAT, "empty separator");
    return from_end ? split_exact_end(context, string, separator->bytes, count_max, out->list)
                    : split_exact(context, string, separator->bytes, count_max, out->list);
}

static bool is_line_end(uint32_t c)
{
    return (c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

enum status jinja_strings_lines(struct jinja_context *context, const struct jinja_string *string,
                                bool keep_ends, struct jinja_value *out)
{
    TRY(jinja_value_new_list(context, JINJA_LIST, 0, out));
    TRY(jinja_context_charge_bytes(context, string->bytes.len));
    struct str rest = string->bytes;
    size_t from = 0;
    while (rest.len) {
        const size_t at = string->bytes.len - rest.len;
        const uint32_t code_point = utf8_next(&rest);
        if (!is_line_end(code_point))
            continue;
        if (code_point == '\r' && rest.len && rest.ptr[0] == '\n')
            utf8_next(&rest);
        const size_t next = string->bytes.len - rest.len;
        TRY(add_piece(context, string, from, keep_ends ? next : at, out->list));
        from = next;
    }
    return from < string->bytes.len ? add_piece(context, string, from, string->bytes.len, out->list)
                                    : OK;
}

/* ---------------------------------------------------------------- join */

enum status jinja_strings_join(struct jinja_context *context, const struct jinja_string *separator,
                               const struct jinja_list *items, bool converts,
                               struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    for (size_t i = 0; i < items->count; i++) {
        TRY(jinja_context_charge(context, 1 + separator->run_count));
        if (i)
            jinja_text_add_string(&text, separator);
        if (!converts && items->items[i].kind != JINJA_STRING)
            return jinja_context_fail(context, E_FORMAT,
                                      "sequence item %zu: expected str instance, %s found", i,
                                      jinja_value_type_name(items->items[i]));
        TRY(jinja_format_str(context, items->items[i], &text));
    }
    return jinja_context_finish(context, &text, out);
}
