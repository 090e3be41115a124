#include "chat/tool_reader_internal.h"

#include "base/check.h"
#include "text/json.h"
#include "text/utf8.h"

/* ---------------------------------------------------------------- life */

void tool_reader_init(struct tool_reader *reader, const struct tool_format *format,
                      const json_t *tools)
{
    *reader = (struct tool_reader){.format = format, .tools = tools};
    if (format)
        tool_reader_begin(reader);
}

void tool_reader_done(struct tool_reader *reader)
{
    strbuf_done(&reader->name);
    strbuf_done(&reader->id);
    strbuf_done(&reader->arguments);
    strbuf_done(&reader->elements.names);
}

/* Forgets one call. */
static void clear(struct tool_reader *reader, enum tool_reader_stage stage)
{
    reader->syntax = &reader->format->syntax;
    reader->stage = (int)stage;
    reader->is_sure = false;
    reader->is_bad = false;
    reader->at = 0;
    reader->searched = 0;
    reader->json = (struct tool_reader_json){0};
    reader->literal = (struct tool_literal){.quote = reader->syntax->quote};
    strbuf_clear(&reader->name);
    strbuf_clear(&reader->id);
    strbuf_clear(&reader->arguments);
    strbuf_clear(&reader->elements.names);
    reader->elements.count = 0;
    reader->elements.depth = 0;
}

void tool_reader_begin(struct tool_reader *reader)
{
    clear(reader, TOOL_READER_START);
    reader->in_section = false;
}

void tool_reader_next(struct tool_reader *reader)
{
    clear(reader, TOOL_READER_BETWEEN);
}

void tool_reader_begin_arguments(struct tool_reader *reader, struct str name, size_t at)
{
    clear(reader, TOOL_READER_ARGUMENTS);
    reader->in_section = false;
    reader->at = at;
    reader->is_sure = true;
    strbuf_add_str(&reader->name, name);
}

/* ---------------------------------------------------------------- matching */

struct str tool_reader_rest(struct str raw, size_t at)
{
    return str_trim_front(str_slice(raw, at, raw.len));
}

enum tool_reader_match tool_reader_match(struct str rest, struct str wanted, bool is_final)
{
    if (str_starts_with(rest, wanted))
        return TOOL_READER_YES;
    return !is_final && str_starts_with(wanted, rest) ? TOOL_READER_MAYBE : TOOL_READER_NO;
}

enum tool_reader_match tool_reader_match_words(struct str raw, size_t *at, struct str text,
                                               bool is_final)
{
    size_t end = *at;
    for (struct str word = tool_format_next_word(&text); word.len;
         word = tool_format_next_word(&text)) {
        const struct str rest = tool_reader_rest(raw, end);
        const enum tool_reader_match match = tool_reader_match(rest, word, is_final);
        if (match != TOOL_READER_YES)
            return match;
        end = raw.len - rest.len + word.len;
    }
    *at = end;
    return TOOL_READER_YES;
}

/* Takes those words of `text` that are there. MAYBE when that cannot be told yet. */
static enum tool_reader_match take_words(struct str raw, size_t *at, struct str text, bool is_final)
{
    size_t end = *at;
    for (struct str word = tool_format_next_word(&text); word.len;
         word = tool_format_next_word(&text)) {
        switch (tool_reader_match_words(raw, &end, word, is_final)) {
        case TOOL_READER_MAYBE: return TOOL_READER_MAYBE;
        case TOOL_READER_YES:
        case TOOL_READER_NO: break;
        }
    }
    *at = end;
    return TOOL_READER_YES;
}

/* ---------------------------------------------------------------- bad calls and mentions */

enum tool_reader_found tool_reader_bad(struct tool_reader *reader, size_t consumed,
                                       const char *reason)
{
    const enum status status = error_set(&reader->reason, E_FORMAT, "%s", reason);
    (void)status; /* it is what was asked for */
    reader->consumed = consumed;
    return TOOL_READER_BAD;
}

void tool_reader_lose(struct tool_reader *reader, const char *reason)
{
    const enum status status = error_set(&reader->reason, E_FORMAT, "%s", reason);
    (void)status;
    reader->stage = TOOL_READER_LOST;
    reader->searched = 0;
}

/* The tag that ends a call, good or bad; empty when the form has none. */
static struct str closing_tag(const struct tool_reader *reader)
{
    const struct str close = tool_format_last_word(reader->syntax->close);
    if (close.len > 1)
        return close;
    const struct str section = tool_format_last_word(reader->syntax->section_close);
    return section.len > 1 ? section : (struct str){0};
}

/* The bad call ends with the closing tag; is that the section's? */
static void close_lost(struct tool_reader *reader)
{
    if (tool_format_last_word(reader->syntax->close).len <= 1)
        reader->in_section = false;
}

/* One bad call up to the closing tag. */
static enum tool_reader_found read_lost(struct tool_reader *reader, struct str raw, bool is_final)
{
    const struct str tag = closing_tag(reader);
    const size_t hit = tag.len ? str_find(raw, tag, reader->searched) : SIZE_MAX;
    if (hit == SIZE_MAX) {
        reader->searched = raw.len > tag.len ? raw.len - tag.len : 0;
        if (!is_final)
            return TOOL_READER_MORE;
        if (tag.len)
            return tool_reader_bad(reader, raw.len, "the call is cut off");
    }
    reader->consumed = hit == SIZE_MAX ? raw.len : hit + tag.len;
    close_lost(reader);
    return TOOL_READER_BAD;
}

/* What the text begins with: the marker of the format, empty when there is none. */
static struct str marker_of(const struct tool_format *format, struct str raw)
{
    for (size_t i = 0; format->markers[i]; i++) {
        if (str_starts_with(raw, str_from_c(format->markers[i])))
            return str_from_c(format->markers[i]);
    }
    return (struct str){0};
}

/* Behind the opening no call begins: bad when the closing tag follows soon, else the tag was only
 * mentioned and is text. True when the stage changed. */
static bool read_mention(struct tool_reader *reader, struct str raw, bool is_final,
                         const char *reason, enum tool_reader_found *out_found)
{
    const struct str marker = marker_of(reader->format, raw);
    if (!marker.len || reader->syntax == reader->format->otherwise) {
        tool_reader_lose(reader, reason); /* in a section there is no doubt */
        return true;
    }
    const struct str tag = closing_tag(reader);
    const struct str near = str_slice(raw, 0, TOOL_READER_MENTION_BYTES);
    const size_t close = tag.len ? str_find(near, tag, marker.len) : SIZE_MAX;
    const size_t again = str_find(near, marker, marker.len);
    if (close < again) {
        *out_found = tool_reader_bad(reader, close + tag.len, reason);
        close_lost(reader);
        return false;
    }
    if (tag.len && again == SIZE_MAX && near.len < TOOL_READER_MENTION_BYTES && !is_final)
        return false;
    reader->consumed = marker.len;
    *out_found = TOOL_READER_TEXT;
    return false;
}

static const char *missing_part(const struct tool_reader *reader)
{
    return reader->syntax->shape == TOOL_FORMAT_OBJECT ? "the call is not a JSON object"
                                                       : "the call has no name";
}

/* ---------------------------------------------------------------- openings */

/* The words of section_open and open from the one on that `raw` begins with; *out_in_section. */
static struct str opening_from(const struct tool_reader *reader, struct str marker,
                               bool *out_in_section, struct str *out_open)
{
    const struct tool_format_syntax *syntax = reader->syntax;
    struct str texts[] = {syntax->section_open, syntax->open};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct str rest = texts[i];
        for (;;) {
            const struct str before = rest;
            const struct str word = tool_format_next_word(&rest);
            if (!word.len)
                break;
            if (str_starts_with(word, marker) || str_starts_with(marker, word)) {
                *out_in_section = i == 0;
                *out_open = i == 0 ? syntax->open : (struct str){0};
                return before;
            }
        }
    }
    *out_in_section = false;
    *out_open = (struct str){0};
    return marker; /* a marker that the syntax does not know: see `otherwise` */
}

/* True when the stage changed. Sets *out_found when no call begins. */
static bool read_start(struct tool_reader *reader, struct str raw, bool is_final,
                       enum tool_reader_found *out_found)
{
    struct str open;
    const struct str marker = marker_of(reader->format, raw);
    const struct str first = opening_from(reader, marker, &reader->in_section, &open);
    size_t at = 0;
    enum tool_reader_match match = TOOL_READER_YES;
    if (marker.len)
        match = tool_reader_match_words(raw, &at, first, is_final);
    if (match == TOOL_READER_YES)
        match = tool_reader_match_words(raw, &at, open, is_final);
    if (match == TOOL_READER_NO)
        return read_mention(reader, raw, is_final, missing_part(reader), out_found);
    if (match != TOOL_READER_YES)
        return false;
    reader->at = at;
    reader->stage = TOOL_READER_BODY;
    return true;
}

/* Behind a call of a section: another one, or its end. */
static bool read_between(struct tool_reader *reader, struct str raw, bool is_final,
                         enum tool_reader_found *out_found)
{
    const struct tool_format_syntax *syntax = reader->syntax;
    struct str close = syntax->section_close;
    const struct str first = tool_format_next_word(&close);
    size_t at = 0;
    reader->consumed = 0;
    *out_found = TOOL_READER_OUTSIDE;
    if (!reader->in_section)
        return false;
    enum tool_reader_match match = tool_reader_match_words(raw, &at, first, is_final);
    if (match == TOOL_READER_YES)
        match = take_words(raw, &at, close, is_final);
    if (match == TOOL_READER_YES) {
        reader->consumed = at;
        return false;
    }
    if (match == TOOL_READER_MAYBE) {
        *out_found = TOOL_READER_MORE;
        return false;
    }
    match = take_words(raw, &at, syntax->between, is_final);
    if (match == TOOL_READER_YES)
        match = tool_reader_match_words(raw, &at, syntax->open, is_final);
    const struct str rest = tool_reader_rest(raw, at);
    if (match == TOOL_READER_YES && !rest.len && !is_final)
        match = TOOL_READER_MAYBE;
    const bool begins =
        rest.len > 0 && (syntax->shape == TOOL_FORMAT_OBJECT ? rest.ptr[0] == '{' : at > 0);
    if (match == TOOL_READER_MAYBE)
        *out_found = TOOL_READER_MORE;
    if (match == TOOL_READER_YES && !rest.len) /* cut off between two calls */
        reader->consumed = at;
    if (match != TOOL_READER_YES || !begins)
        return false;
    reader->at = at;
    reader->stage = TOOL_READER_BODY;
    return true;
}

/* ---------------------------------------------------------------- names */

/* In front of the object or the name. */
static bool read_body(struct tool_reader *reader, struct str raw, bool is_final,
                      enum tool_reader_found *out_found)
{
    const struct str rest = tool_reader_rest(raw, reader->at);
    const bool is_object = reader->syntax->shape == TOOL_FORMAT_OBJECT;
    if (!rest.len && !is_final)
        return false;
    if (is_object && (!rest.len || rest.ptr[0] != '{')) {
        if (!rest.len || !reader->format->otherwise)
            return read_mention(reader, raw, is_final, missing_part(reader), out_found);
        reader->syntax = reader->format->otherwise;
        reader->literal.quote = reader->syntax->quote;
    }
    reader->at = raw.len - rest.len;
    reader->stage =
        reader->syntax->shape == TOOL_FORMAT_OBJECT ? TOOL_READER_OBJECT_IN : TOOL_READER_HEADER;
    return true;
}

/* Where the name ends, and in *out_behind where what follows begins; SIZE_MAX: not there yet. */
static size_t header_end(const struct tool_reader *reader, struct str rest, size_t *out_behind)
{
    const struct tool_format_syntax *syntax = reader->syntax;
    const struct str close = str_trim(syntax->name_close);
    size_t end = close.len ? str_find(rest, close, 0) : SIZE_MAX;
    *out_behind = end == SIZE_MAX ? end : end + close.len;
    if (syntax->arguments == TOOL_FORMAT_JSON || syntax->arguments == TOOL_FORMAT_BRACES) {
        const size_t brace = str_find_char(rest, '{', 0);
        if (brace < end)
            *out_behind = end = brace;
    } else if (!close.len) {
        for (end = 0; end < rest.len && rest.ptr[end] != '<' && !strchr(" \t\r\n", rest.ptr[end]);)
            end++;
        *out_behind = end = end == rest.len ? SIZE_MAX : end;
    }
    return end;
}

/* The header without what is around the name; sets name and id. False: it is none. */
static bool take_header(struct tool_reader *reader, struct str header)
{
    const struct tool_format_syntax *syntax = reader->syntax;
    struct str name = str_trim(header);
    const bool has_id =
        syntax->id != TOOL_FORMAT_NO_ID && syntax->id_place == TOOL_FORMAT_BEHIND_NAME;
    size_t cut = SIZE_MAX;
    for (size_t at = 0; has_id && at < name.len; at++) {
        at = str_find(name, syntax->id_open, at);
        cut = at == SIZE_MAX ? cut : at;
        if (at == SIZE_MAX)
            break;
    }
    if (cut != SIZE_MAX) {
        const struct str id = str_trim(str_slice(name, cut + syntax->id_open.len, name.len));
        name = str_trim(str_slice(name, 0, cut));
        if (syntax->id == TOOL_FORMAT_ID_INDEX) { /* the whole header is what results refer to */
            strbuf_add_str(&reader->id, syntax->name_open);
            strbuf_add_str(&reader->id, name);
            strbuf_add_str(&reader->id, syntax->id_open);
        }
        strbuf_add_str(&reader->id, id);
    }
    if (syntax == reader->format->otherwise && str_ends_with(name, STR(".call")))
        name.len -= 5;
    bool is_clean = name.len > 0 && name.len <= TOOL_READER_NAME_MAX && utf8_is_valid(header);
    for (size_t i = 0; i < header.len; i++)
        is_clean &= (unsigned char)header.ptr[i] >= ' ' || strchr("\r\n\t", header.ptr[i]);
    for (size_t i = 0; i < name.len; i++)
        is_clean &= (unsigned char)name.ptr[i] > ' ' && name.ptr[i] != '<';
    strbuf_add_str(&reader->name, name);
    return is_clean;
}

/* Where only white space ends the name, what follows tells whether it was one. */
static enum tool_reader_match follows_name(const struct tool_reader *reader, struct str raw,
                                           size_t at, bool is_final)
{
    const struct tool_format_syntax *syntax = reader->syntax;
    struct str close = syntax->close;
    if (syntax->arguments != TOOL_FORMAT_TAGS || str_trim(syntax->name_close).len)
        return TOOL_READER_YES;
    size_t end = at;
    const enum tool_reader_match key =
        tool_reader_match_words(raw, &end, syntax->key_open, is_final);
    if (key != TOOL_READER_NO)
        return key;
    return tool_reader_match_words(raw, &end, tool_format_next_word(&close), is_final);
}

static bool read_header(struct tool_reader *reader, struct str raw, bool is_final,
                        enum tool_reader_found *out_found)
{
    const struct tool_format_syntax *syntax = reader->syntax;
    size_t at = reader->at;
    size_t behind = 0;
    if (take_words(raw, &at, syntax->name_open, is_final) == TOOL_READER_MAYBE)
        return false;
    const struct str rest = tool_reader_rest(raw, at);
    const size_t end = header_end(reader, rest, &behind);
    if (end == SIZE_MAX && !is_final && rest.len <= TOOL_READER_HEADER_MAX + syntax->name_close.len)
        return false;
    at = raw.len - rest.len;
    strbuf_clear(&reader->name);
    strbuf_clear(&reader->id);
    const bool is_name =
        end <= TOOL_READER_HEADER_MAX && take_header(reader, str_slice(rest, 0, end));
    const enum tool_reader_match follows =
        is_name ? follows_name(reader, raw, at + behind, is_final) : TOOL_READER_NO;
    if (follows == TOOL_READER_MAYBE)
        return false;
    if (follows == TOOL_READER_NO)
        return read_mention(reader, raw, is_final, missing_part(reader), out_found);
    reader->at = at + behind;
    reader->is_sure = true;
    const enum tool_format_arguments arguments = syntax->arguments;
    const bool is_literal = arguments == TOOL_FORMAT_PYTHON || arguments == TOOL_FORMAT_BRACES;
    reader->stage = is_literal ? TOOL_READER_LITERAL : TOOL_READER_ARGUMENTS;
    if (arguments == TOOL_FORMAT_TAGS || arguments == TOOL_FORMAT_ELEMENTS)
        strbuf_add_char(&reader->arguments, '{');
    return true;
}

/* ---------------------------------------------------------------- arguments */

static bool read_literal(struct tool_reader *reader, struct str raw, bool is_final)
{
    switch (tool_literal_read(&reader->literal, raw, &reader->at, &reader->arguments)) {
    case TOOL_LITERAL_DONE: reader->stage = TOOL_READER_CLOSE; return true;
    case TOOL_LITERAL_BROKEN:
        tool_reader_lose(reader, "the arguments of the call cannot be read");
        return true;
    case TOOL_LITERAL_MORE: break;
    }
    if (is_final)
        tool_reader_lose(reader, "the call is cut off");
    return is_final;
}

static bool read_arguments(struct tool_reader *reader, struct str raw, bool is_final)
{
    if (reader->syntax->arguments == TOOL_FORMAT_TAGS)
        return tool_reader_tags(reader, raw, is_final);
    if (reader->syntax->arguments == TOOL_FORMAT_ELEMENTS)
        return tool_reader_elements(reader, raw, is_final);
    return tool_reader_json_arguments(reader, raw, is_final);
}

/* The arguments are complete; are they what they should be? */
static void check_arguments(struct tool_reader *reader)
{
    CLEANUP(json_decrefp) json_t *parsed = NULL;
    if (reader->is_bad)
        return;
    if (json_parse(strbuf_view(&reader->arguments), NULL, &parsed, &reader->reason) != OK) {
        reader->is_bad = true;
        return;
    }
    if (!json_is_object(parsed)) {
        reader->is_bad = true;
        (void)tool_reader_bad(reader, 0, "the arguments of the call are not a JSON object");
    }
}

/* Behind the arguments: takes the closing tags that are there. */
static bool read_close(struct tool_reader *reader, struct str raw, bool is_final,
                       enum tool_reader_found *out_found)
{
    size_t at = reader->at;
    if (reader->syntax->shape == TOOL_FORMAT_OBJECT) { /* a brace too many is forgiven */
        struct str rest = tool_reader_rest(raw, at);
        while (rest.len && rest.ptr[0] == '}' && reader->syntax->close.len) {
            at = raw.len - rest.len + 1;
            rest = tool_reader_rest(raw, at);
        }
        if (at > reader->at && !rest.len && !is_final)
            return false;
    }
    size_t closed = at;
    if (take_words(raw, &closed, reader->syntax->close, is_final) == TOOL_READER_MAYBE)
        return false;
    reader->consumed = closed > at ? closed : reader->at;
    check_arguments(reader);
    *out_found = reader->is_bad ? TOOL_READER_BAD : TOOL_READER_CALL;
    return false;
}

/* An object that is the whole reply is an answer unless it is a call. */
static enum tool_reader_found settle(const struct tool_reader *reader, struct str raw,
                                     enum tool_reader_found found)
{
    const bool is_bare = reader->format->starts_reply && raw.len && raw.ptr[0] == '{';
    return found == TOOL_READER_BAD && is_bare && !reader->is_sure ? TOOL_READER_TEXT : found;
}

enum tool_reader_found tool_reader_read(struct tool_reader *reader, struct str raw, bool is_final)
{
    enum tool_reader_found found = TOOL_READER_MORE;
    bool goes_on = true;
    while (goes_on) {
        found = TOOL_READER_MORE;
        switch ((enum tool_reader_stage)reader->stage) {
        case TOOL_READER_START: goes_on = read_start(reader, raw, is_final, &found); break;
        case TOOL_READER_BETWEEN: goes_on = read_between(reader, raw, is_final, &found); break;
        case TOOL_READER_BODY: goes_on = read_body(reader, raw, is_final, &found); break;
        case TOOL_READER_HEADER: goes_on = read_header(reader, raw, is_final, &found); break;
        case TOOL_READER_OBJECT_IN: goes_on = tool_reader_object(reader, raw, is_final); break;
        case TOOL_READER_ARGUMENTS: goes_on = read_arguments(reader, raw, is_final); break;
        case TOOL_READER_VALUE: goes_on = tool_reader_tag_value(reader, raw, is_final); break;
        case TOOL_READER_LITERAL: goes_on = read_literal(reader, raw, is_final); break;
        case TOOL_READER_CLOSE: goes_on = read_close(reader, raw, is_final, &found); break;
        case TOOL_READER_LOST:
            found = read_lost(reader, raw, is_final);
            goes_on = false;
            break;
        }
    }
    return settle(reader, raw, found);
}
