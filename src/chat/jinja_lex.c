#include "chat/jinja_lex.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "chat/jinja_context.h"
#include "text/unicode.h"
#include "text/utf8.h"

#include <inttypes.h>

enum { TOKENS_MIN = 64, ESCAPE_DIGITS_MAX = 8 };

/* Where the lexer is. */
struct lexer {
    struct jinja_lex *out;
    struct str source;
    size_t at;
    uint32_t line;
    bool is_line_start; /* what was consumed last ended with a newline, or nothing was */
    char closers[JINJA_NESTING_MAX]; /* of the brackets that are open */
    size_t open_count;
    struct error *err;
};

/* ---------------------------------------------------------------- white space */

bool jinja_lex_is_space(uint32_t code_point)
{
    if (code_point < 0x80) /* also the four separators that only Python counts */
        return code_point == ' ' || (code_point >= '\t' && code_point <= '\r') ||
               (code_point >= 0x1c && code_point <= 0x1f);
    return (unicode_class(code_point) & UNICODE_SPACE) != 0;
}

struct str jinja_lex_strip_front(struct str text)
{
    struct str rest = text;
    while (rest.len) {
        const struct str before = rest;
        if (!jinja_lex_is_space(utf8_next(&rest)))
            return before;
    }
    return rest;
}

struct str jinja_lex_strip_end(struct str text)
{
    while (text.len) {
        size_t start = text.len - 1; /* of the last character */
        while (start > 0 && ((unsigned char)text.ptr[start] & 0xc0) == 0x80 &&
               text.len - start < UTF8_BYTES_MAX)
            start--;
        struct str last = {text.ptr + start, text.len - start};
        if (!jinja_lex_is_space(utf8_next(&last)) || last.len)
            return text;
        text.len = start;
    }
    return text;
}

/* ---------------------------------------------------------------- helpers */

static enum status fail(const struct lexer *lexer, const char *reason)
{
    return error_set(lexer->err, E_FORMAT, "chat template, line %" PRIu32 ": %s", lexer->line,
                     reason);
}

static bool looking_at(const struct lexer *lexer, const char *text)
{
    return str_starts_with(str_slice(lexer->source, lexer->at, SIZE_MAX), str_from_c(text));
}

static char peek(const struct lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->source.len ? lexer->source.ptr[lexer->at + ahead] : '\0';
}

/* Goes to `to`, counting lines. */
static void advance(struct lexer *lexer, size_t to)
{
    for (size_t i = lexer->at; i < to; i++)
        lexer->line += lexer->source.ptr[i] == '\n';
    if (to > lexer->at)
        lexer->is_line_start = lexer->source.ptr[to - 1] == '\n';
    lexer->at = to;
}

static void skip_space(struct lexer *lexer)
{
    const struct str rest = str_slice(lexer->source, lexer->at, SIZE_MAX);
    advance(lexer, lexer->source.len - jinja_lex_strip_front(rest).len);
}

static void add(struct lexer *lexer, enum jinja_token_kind kind, struct str text)
{
    struct jinja_lex *out = lexer->out;
    if (out->count == out->capacity) {
        out->capacity = out->capacity ? out->capacity * 2 : TOKENS_MIN;
        out->tokens = mem_realloc(out->tokens, out->capacity * sizeof(*out->tokens));
    }
    out->tokens[out->count++] = (struct jinja_token){kind, lexer->line, text};
}

/* Takes the next `len` bytes as a token. */
static void take(struct lexer *lexer, enum jinja_token_kind kind, size_t len)
{
    add(lexer, kind, str_slice(lexer->source, lexer->at, lexer->at + len));
    advance(lexer, lexer->at + len);
}

/* ---------------------------------------------------------------- text between tags */

/* The data in front of a tag at `tag`, as much of it as the tag's sign leaves. */
static void add_data(struct lexer *lexer, size_t tag, char sign, bool strips_line)
{
    struct str text = str_slice(lexer->source, lexer->at, tag);
    if (sign == '-') {
        text = jinja_lex_strip_end(text);
    } else if (sign != '+' && strips_line) {
        size_t line_from = text.len; /* of the last line in `text` */
        while (line_from > 0 && text.ptr[line_from - 1] != '\n')
            line_from--;
        const struct str last = str_slice(text, line_from, SIZE_MAX);
        if ((line_from > 0 || lexer->is_line_start) && jinja_lex_strip_front(last).len == 0)
            text.len = line_from;
    }
    if (text.len)
        add(lexer, JINJA_TOKEN_DATA, text);
    advance(lexer, tag);
}

static char tag_sign(const struct lexer *lexer, size_t tag)
{
    const char c = tag + 2 < lexer->source.len ? lexer->source.ptr[tag + 2] : '\0';
    return c == '-' || c == '+' ? c : '\0';
}

/* After "-%}" all white space goes, after "%}" one newline. `kept` is true for variables. */
static void end_tag(struct lexer *lexer, char sign, bool keeps_newline)
{
    if (sign == '-')
        skip_space(lexer);
    else if (sign != '+' && !keeps_newline && peek(lexer, 0) == '\n')
        advance(lexer, lexer->at + 1);
}

/* At "{#". */
static enum status skip_comment(struct lexer *lexer)
{
    const size_t from = lexer->at + 2 + (tag_sign(lexer, lexer->at) != '\0');
    const size_t end = str_find(lexer->source, STR("#}"), from);
    if (end == SIZE_MAX)
        return fail(lexer, "a comment is not closed");
    const char before = end > from ? lexer->source.ptr[end - 1] : '\0';
    advance(lexer, end + 2);
    end_tag(lexer, before == '-' || before == '+' ? before : '\0', false);
    return OK;
}

/* If a block tag at `tag` holds only `word`: the place behind the word's white space and its sign,
 * where "%}" must stand. 0 otherwise. */
static size_t bare_tag(const struct lexer *lexer, size_t tag, struct str word, char *out_sign)
{
    size_t at = tag + 2 + (tag_sign(lexer, tag) != '\0');
    struct str rest = jinja_lex_strip_front(str_slice(lexer->source, at, SIZE_MAX));
    if (!str_starts_with(rest, word))
        return 0;
    rest = jinja_lex_strip_front(str_slice(rest, word.len, SIZE_MAX));
    *out_sign = rest.len && (rest.ptr[0] == '-' || rest.ptr[0] == '+') ? rest.ptr[0] : '\0';
    rest = str_slice(rest, *out_sign != '\0', SIZE_MAX);
    at = lexer->source.len - rest.len;
    return str_starts_with(rest, STR("%}")) ? at : 0;
}

/* At "{% raw %}", whose end is at `end`: everything up to {% endraw %} is data. */
static enum status take_raw(struct lexer *lexer, size_t end, char sign)
{
    advance(lexer, end + 2);
    if (sign == '-')
        skip_space(lexer);
    for (size_t tag = lexer->at; (tag = str_find(lexer->source, STR("{%"), tag)) != SIZE_MAX;
         tag += 2) {
        char end_sign = '\0';
        const size_t close = bare_tag(lexer, tag, STR("endraw"), &end_sign);
        if (!close)
            continue;
        add_data(lexer, tag, tag_sign(lexer, tag), true);
        advance(lexer, close + 2);
        end_tag(lexer, end_sign, false);
        return OK;
    }
    return fail(lexer, "a raw block is not closed");
}

/* ---------------------------------------------------------------- inside of tags */

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t name_len(const struct lexer *lexer)
{
    size_t len = 0;
    while (is_name_start(peek(lexer, len)) || (len && is_digit(peek(lexer, len))))
        len++;
    return len;
}

static size_t digits_len(const struct lexer *lexer, size_t from)
{
    size_t len = 0;
    while (is_digit(peek(lexer, from + len)) ||
           (len && peek(lexer, from + len) == '_' && is_digit(peek(lexer, from + len + 1))))
        len++;
    return len;
}

/* 12, 1_000, 1.5, 1e-3, 0x1f, 0b1, 0o7. */
static void take_number(struct lexer *lexer)
{
    size_t len = digits_len(lexer, 0);
    const char base = peek(lexer, 1);
    if (len == 1 && peek(lexer, 0) == '0' && base && strchr("xXbBoO", base)) {
        len = 2;
        while (is_name_start(peek(lexer, len)) || is_digit(peek(lexer, len)))
            len++;
        take(lexer, JINJA_TOKEN_INTEGER, len);
        return;
    }
    const size_t whole = len;
    const bool after_dot = lexer->at > 0 && lexer->source.ptr[lexer->at - 1] == '.';
    if (peek(lexer, len) == '.' && is_digit(peek(lexer, len + 1)))
        len += 1 + digits_len(lexer, len + 1);
    if (peek(lexer, len) == 'e' || peek(lexer, len) == 'E') {
        const char sign = peek(lexer, len + 1);
        const size_t digits_at = len + 1 + (sign == '+' || sign == '-');
        const size_t digits = digits_len(lexer, digits_at);
        if (digits)
            len = digits_at + digits;
    }
    if (after_dot) /* a.0.5 is a member of a member */
        len = whole;
    take(lexer, len == whole ? JINJA_TOKEN_INTEGER : JINJA_TOKEN_FLOAT, len);
}

static enum status take_string(struct lexer *lexer)
{
    const char quote = peek(lexer, 0);
    for (size_t len = 1; lexer->at + len < lexer->source.len; len++) {
        const char c = peek(lexer, len);
        if (c == '\\') {
            len++;
        } else if (c == quote) {
            take(lexer, JINJA_TOKEN_STRING, len + 1);
            return OK;
        }
    }
    return fail(lexer, "a string is not closed");
}

static enum status balance(struct lexer *lexer, char c)
{
    const char *opener = strchr("([{", c);
    if (opener) {
        if (lexer->open_count == JINJA_NESTING_MAX)
            return fail(lexer, "too many open brackets");
        lexer->closers[lexer->open_count++] = ")]}"[opener - "([{"];
    } else if (strchr(")]}", c)) {
        if (!lexer->open_count || lexer->closers[--lexer->open_count] != c)
            return fail(lexer, "a closing bracket does not match");
    }
    return OK;
}

static enum status take_operator(struct lexer *lexer)
{
    static const char *const pairs[] = {"//", "**", "==", "!=", ">=", "<="};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (looking_at(lexer, pairs[i])) {
            take(lexer, JINJA_TOKEN_OPERATOR, 2);
            return OK;
        }
    }
    const char c = peek(lexer, 0);
    if (!c || !strchr("+-/*%~[](){}><=.:|,;", c))
        return fail(lexer, "unexpected character");
    TRY(balance(lexer, c));
    take(lexer, JINJA_TOKEN_OPERATOR, 1);
    return OK;
}

/* If the tag ends here, takes its end. */
static bool take_tag_end(struct lexer *lexer, bool is_print)
{
    const char first = peek(lexer, 0);
    const char sign = first == '-' || (first == '+' && !is_print) ? first : '\0';
    const size_t skip = sign ? 1 : 0;
    const struct str rest = str_slice(lexer->source, lexer->at + skip, SIZE_MAX);
    if (lexer->open_count || !str_starts_with(rest, is_print ? STR("}}") : STR("%}")))
        return false;
    take(lexer, is_print ? JINJA_TOKEN_PRINT_END : JINJA_TOKEN_BLOCK_END, skip + 2);
    end_tag(lexer, sign, is_print);
    return true;
}

/* From behind "{{" or "{%" to behind its end. */
static enum status take_tag(struct lexer *lexer, bool is_print)
{
    while (lexer->at < lexer->source.len) {
        skip_space(lexer);
        if (take_tag_end(lexer, is_print))
            return OK;
        const char c = peek(lexer, 0);
        if (is_digit(c))
            take_number(lexer);
        else if (is_name_start(c))
            take(lexer, JINJA_TOKEN_NAME, name_len(lexer));
        else if (c == '"' || c == '\'')
            TRY(take_string(lexer));
        else if (lexer->at < lexer->source.len)
            TRY(take_operator(lexer));
    }
    return OK; /* the parser misses the end of the tag and says where */
}

/* ---------------------------------------------------------------- the whole */

static enum status take_next(struct lexer *lexer)
{
    size_t tag = lexer->at;
    for (;; tag++) { /* the next "{{", "{%" or "{#" */
        tag = str_find_char(lexer->source, '{', tag);
        if (tag == SIZE_MAX || tag + 1 >= lexer->source.len)
            break;
        if (strchr("{%#", lexer->source.ptr[tag + 1]) && lexer->source.ptr[tag + 1])
            break;
    }
    if (tag == SIZE_MAX || tag + 1 >= lexer->source.len) {
        take(lexer, JINJA_TOKEN_DATA, lexer->source.len - lexer->at);
        return OK;
    }

    const char kind = lexer->source.ptr[tag + 1];
    const char sign = tag_sign(lexer, tag);
    char raw_sign = '\0';
    const size_t raw = kind == '%' ? bare_tag(lexer, tag, STR("raw"), &raw_sign) : 0;
    add_data(lexer, tag, sign, kind != '{');
    if (raw)
        return take_raw(lexer, raw, raw_sign);
    if (kind == '#')
        return skip_comment(lexer);
    take(lexer, kind == '{' ? JINJA_TOKEN_PRINT_BEGIN : JINJA_TOKEN_BLOCK_BEGIN, sign ? 3 : 2);
    return take_tag(lexer, kind == '{');
}

/* A copy of the source in which every line ends with "\n", without one at the very end. */
static void copy_source(struct str source, struct jinja_lex *out)
{
    out->source = mem_alloc(source.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < source.len; i++) {
        char c = source.ptr[i];
        if (c == '\r') {
            c = '\n';
            if (i + 1 < source.len && source.ptr[i + 1] == '\n')
                i++;
        }
        out->source[len++] = c;
    }
    if (len && out->source[len - 1] == '\n')
        len--;
    out->source_len = len;
}

enum status jinja_lex_run(struct str source, struct jinja_lex *out, struct error *err)
{
    if (source.len > JINJA_SOURCE_BYTES_MAX)
        return error_set(err, E_LIMIT, "chat template of %zu bytes (limit %d)", source.len,
                         JINJA_SOURCE_BYTES_MAX);
    CLEANUP(jinja_lex_done) struct jinja_lex lex = {0};
    copy_source(source, &lex);
    struct lexer lexer = {.out = &lex,
                          .source = {lex.source, lex.source_len},
                          .line = 1,
                          .is_line_start = true,
                          .err = err};
    while (lexer.at < lexer.source.len)
        TRY(take_next(&lexer));
    add(&lexer, JINJA_TOKEN_END, (struct str){0});
    *out = lex;
    lex = (struct jinja_lex){0};
    return OK;
}

void jinja_lex_done(struct jinja_lex *lex)
{
    mem_free(lex->source);
    mem_free(lex->tokens);
    *lex = (struct jinja_lex){0};
}

/* ---------------------------------------------------------------- string literals */

static int digit_value(char c, int base)
{
    const int value = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : 99;
    return value < base ? value : -1;
}

/* Reads `count_min` to `count_max` digits off the front of *text as a code point. */
static bool add_code_point(struct str *text, int base, size_t count_min, size_t count_max,
                           struct strbuf *out)
{
    uint64_t value = 0;
    size_t count = 0;
    while (count < count_max && count < text->len && digit_value(text->ptr[count], base) >= 0)
        value = value * (uint64_t)base + (uint64_t)digit_value(text->ptr[count++], base);
    *text = str_slice(*text, count, SIZE_MAX);
    if (count < count_min || value > UTF8_CODE_POINT_MAX)
        return false;
    char bytes[UTF8_BYTES_MAX];
    strbuf_add(out, bytes, utf8_write((uint32_t)value, bytes));
    return true;
}

/* An escape whose backslash is gone from the front of *text. */
static bool add_escape(struct str *text, struct strbuf *out)
{
    static const char names[] = "abfnrtv\\'\"\n";
    static const char *const values[] = {"\a", "\b", "\f", "\n", "\r", "\t",
                                         "\v", "\\", "'",  "\"", ""};
    const char c = text->len ? text->ptr[0] : '\0';
    if (c >= '0' && c <= '7')
        return add_code_point(text, 8, 1, 3, out);
    *text = str_slice(*text, 1, SIZE_MAX);
    if (c == 'x')
        return add_code_point(text, 16, 2, 2, out);
    if (c == 'u')
        return add_code_point(text, 16, 4, 4, out);
    if (c == 'U')
        return add_code_point(text, 16, ESCAPE_DIGITS_MAX, ESCAPE_DIGITS_MAX, out);
    if (c == 'N' || !c)
        return false;
    const char *found = strchr(names, c);
    if (found) {
        strbuf_add_c(out, values[found - names]);
    } else { /* an unknown escape stands for itself */
        strbuf_add_char(out, '\\');
        strbuf_add_char(out, c);
    }
    return true;
}

bool jinja_lex_unquote(struct str token, struct strbuf *out)
{
    struct str rest = str_slice(token, 1, token.len ? token.len - 1 : 0);
    while (rest.len) {
        size_t plain = str_find_char(rest, '\\', 0);
        plain = plain < rest.len ? plain : rest.len;
        strbuf_add(out, rest.ptr, plain);
        rest = str_slice(rest, plain, SIZE_MAX);
        if (!rest.len)
            break;
        rest = str_slice(rest, 1, SIZE_MAX);
        if (!add_escape(&rest, out))
            return false;
    }
    return true;
}
