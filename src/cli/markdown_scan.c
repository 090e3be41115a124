#include "cli/markdown_scan.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static bool is_word(char c)
{
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static size_t run_length(struct str text, size_t at)
{
    size_t len = 1;
    while (at + len < text.len && text.ptr[at + len] == text.ptr[at])
        len++;
    return len;
}

static size_t skip_spaces(struct str line)
{
    size_t i = 0;
    while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
        i++;
    return i;
}

static bool is_empty_line(struct str line)
{
    return skip_spaces(line) == line.len;
}

/* ---------------------------------------------------------------- lines */

/* An open code fence; length 0: none. */
struct fence {
    char c;
    size_t length;
};

/* Updates the fence for one line; true if the line opens, closes or stands inside one. */
static bool pass_fence(struct fence *fence, struct str line)
{
    const size_t begin = skip_spaces(line);
    const char c = begin < line.len ? line.ptr[begin] : '\0';
    const bool may_fence = c == '`' || c == '~';
    const size_t length = may_fence ? run_length(line, begin) : 0;
    if (fence->length == 0) {
        if (length < 3)
            return false;
        *fence = (struct fence){c, length};
        return true;
    }
    const struct str rest = str_slice(line, begin + length, line.len);
    if (c == fence->c && length >= fence->length && is_empty_line(rest))
        *fence = (struct fence){0};
    return true;
}

/* True for "- ", "* ", "+ ", "1. ", "1) " after spaces. */
static bool is_list_item(struct str line)
{
    size_t i = skip_spaces(line);
    const size_t begin = i;
    while (i < line.len && line.ptr[i] >= '0' && line.ptr[i] <= '9')
        i++;
    if (i >= line.len)
        return false;
    const char c = line.ptr[i];
    const bool is_mark = i > begin ? c == '.' || c == ')' : c == '-' || c == '*' || c == '+';
    return is_mark && (i + 1 == line.len || is_blank(line.ptr[i + 1]));
}

static bool begins_top_block(struct str line)
{
    return line.len > 0 && !is_blank(line.ptr[0]) && !is_list_item(line) &&
           !(line.ptr[0] >= '0' && line.ptr[0] <= '9') && line.ptr[0] != '-' &&
           line.ptr[0] != '+' && line.ptr[0] != '*';
}

size_t markdown_scan_whole_blocks(struct str source)
{
    struct fence fence = {0};
    size_t whole = 0;
    bool after_blank = false;
    struct str rest = source;
    while (rest.ptr && rest.len > 0) {
        const size_t begin = source.len - rest.len;
        const struct str line = str_split(&rest, '\n');
        if (fence.length == 0 && after_blank && begins_top_block(line))
            whole = begin;
        const bool in_code = pass_fence(&fence, line);
        after_blank = !in_code && is_empty_line(line);
    }
    return whole;
}

/* ---------------------------------------------------------------- inline */

/* End of the run of the same character and length that closes a code span, or SIZE_MAX. */
static size_t close_code(struct str text, size_t at, size_t length)
{
    while (at < text.len) {
        if (text.ptr[at] != '`') {
            at++;
            continue;
        }
        const size_t found = run_length(text, at);
        at += found;
        if (found == length)
            return at;
    }
    return SIZE_MAX;
}

/* End of the run that closes an emphasis begun with `length` times `c`, or SIZE_MAX. */
static size_t close_emphasis(struct str text, size_t at, char c, size_t length)
{
    while (at < text.len) {
        if (text.ptr[at] == '\\') {
            at += 2;
            continue;
        }
        if (text.ptr[at] == '`') {
            const size_t ticks = run_length(text, at);
            const size_t end = close_code(text, at + ticks, ticks);
            at = end == SIZE_MAX ? at + ticks : end;
            continue;
        }
        if (text.ptr[at] != c) {
            at++;
            continue;
        }
        const size_t found = run_length(text, at);
        const bool closes = !is_blank(text.ptr[at - 1]);
        at += found;
        if (closes && found >= length)
            return at;
    }
    return SIZE_MAX;
}

/* Index of the bracket that matches the one at `at`, or SIZE_MAX. */
static size_t close_bracket(struct str text, size_t at)
{
    const char open = text.ptr[at];
    const char close = open == '[' ? ']' : ')';
    size_t depth = 0;
    for (; at < text.len; at++) {
        if (text.ptr[at] == '\\')
            at++;
        else if (text.ptr[at] == open)
            depth++;
        else if (text.ptr[at] == close && --depth == 0)
            return at;
    }
    return SIZE_MAX;
}

static bool opens_emphasis(struct str text, size_t at, size_t length)
{
    const size_t next = at + length;
    if (next >= text.len)
        return true; /* more of it may follow */
    const char after = text.ptr[next];
    const char before = at > 0 ? text.ptr[at - 1] : ' ';
    if (is_blank(after))
        return false;
    if (text.ptr[at] == '_' && is_word(before))
        return false;
    return is_word(after) || !is_word(before);
}

/* Reads one construct at `at`; returns where the next begins, or SIZE_MAX when this one is open. */
static size_t pass_inline(struct str text, size_t at)
{
    const char c = text.ptr[at];
    const size_t length = run_length(text, at);
    switch (c) {
    case '\\': return at + 1 < text.len ? at + 2 : SIZE_MAX;
    case '`': return close_code(text, at + length, length);
    case '*':
    case '_':
    case '~':
        return opens_emphasis(text, at, length) ? close_emphasis(text, at + length, c, length)
                                                : at + length;
    case '[': {
        const size_t end = close_bracket(text, at);
        if (end == SIZE_MAX || end + 1 >= text.len)
            return SIZE_MAX;
        if (text.ptr[end + 1] == ':' && (at == 0 || text.ptr[at - 1] == '\n'))
            return str_find_char(text, '\n', end);
        if (text.ptr[end + 1] != '(')
            return at + 1;
        const size_t address = close_bracket(text, end + 1);
        return address == SIZE_MAX ? SIZE_MAX : address + 1;
    }
    default: return at + 1;
    }
}

/* Bytes up to the last space that is outside of every construct and before the first open one. */
static size_t closed_length(struct str text)
{
    size_t closed = 0;
    for (size_t at = 0; at < text.len;) {
        size_t next = pass_inline(text, at);
        if (next == SIZE_MAX) {
            if (text.len - at <= MARKDOWN_SCAN_HOLD_MAX)
                break;
            next = at + run_length(text, at);
        }
        if (next == at + 1 && is_blank(text.ptr[at]))
            closed = next;
        at = next;
    }
    return closed;
}

/* A table's second line: dashes, colons, bars and spaces, at least one dash once it is whole. */
static bool is_table_rule(struct str line, bool is_whole)
{
    bool has_dash = false;
    for (size_t i = 0; i < line.len; i++) {
        const char c = line.ptr[i];
        has_dash = has_dash || c == '-';
        if (c != '-' && c != ':' && c != '|' && !is_blank(c))
            return false;
    }
    return has_dash || !is_whole;
}

static bool may_be_table(struct str block)
{
    struct str rest = block;
    const struct str first = str_split(&rest, '\n');
    if (str_find_char(first, '|', 0) == SIZE_MAX)
        return false;
    if (!rest.ptr)
        return true;
    const struct str second = str_split(&rest, '\n');
    return is_table_rule(second, rest.ptr != NULL);
}

size_t markdown_scan_stable(struct str source)
{
    struct fence fence = {0};
    size_t begin = 0;     /* of the block whose inline text is still open */
    size_t last_line = 0; /* of the line that is still growing */
    struct str rest = source;
    while (rest.ptr && rest.len > 0) {
        last_line = source.len - rest.len;
        const struct str line = str_split(&rest, '\n');
        const bool in_code = pass_fence(&fence, line);
        if (in_code || is_empty_line(line) || line.ptr[0] == '#')
            begin = source.len - rest.len;
        else if (is_list_item(line))
            begin = last_line;
        if ((line.len > 0 && line.ptr[0] == '#') || (in_code && !rest.ptr))
            begin = last_line;
    }
    const struct str line = str_slice(source, last_line, source.len);
    if (fence.length > 0) {
        const size_t i = skip_spaces(line);
        const bool may_end = i == line.len || line.ptr[i] == fence.c;
        return may_end ? last_line : source.len;
    }

    const struct str block = str_slice(source, begin, source.len);
    if (may_be_table(block))
        return begin;
    return begin + closed_length(block);
}
