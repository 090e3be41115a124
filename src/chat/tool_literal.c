#include "chat/tool_literal.h"

#include "text/json.h"
#include "text/utf8.h"

enum { WORD_LEN_MAX = 4096 };

enum expect {
    EXPECT_START, /* nothing is open */
    EXPECT_KEY,   /* or the end of the container */
    EXPECT_SEPARATOR,
    EXPECT_VALUE,
    EXPECT_ITEM, /* a value, or the end of the list */
    EXPECT_COMMA,
};

void tool_literal_add_escaped(struct strbuf *out, struct str text)
{
    CLEANUP(strbuf_done) struct strbuf quoted = {0};
    json_write_string(text, &quoted);
    strbuf_add_str(out, str_slice(strbuf_view(&quoted), 1, quoted.len - 1));
}

/* ---------------------------------------------------------------- containers */

static bool is_list(const struct tool_literal *literal)
{
    return literal->stack[literal->depth - 1] == ']';
}

/* Closing bytes: '}' of a dictionary, ']' of a list, 't' of a tuple, ')' of the call itself. */
static bool open_container(struct tool_literal *literal, char closing, struct strbuf *out)
{
    if (literal->depth == TOOL_LITERAL_DEPTH_MAX)
        return false;
    const bool is_row = closing == ']' || closing == 't';
    literal->stack[literal->depth] = (uint8_t)closing;
    literal->has_member[literal->depth++] = false;
    literal->expect = is_row ? EXPECT_ITEM : EXPECT_KEY;
    strbuf_add_char(out, is_row ? '[' : '{');
    return true;
}

static bool closes(const struct tool_literal *literal, char c)
{
    const char closing = (char)literal->stack[literal->depth - 1];
    return c == (closing == 't' ? ')' : closing);
}

static void close_container(struct tool_literal *literal, struct strbuf *out)
{
    const char closing = (char)literal->stack[--literal->depth];
    strbuf_add_char(out, closing == ']' || closing == 't' ? ']' : '}');
    literal->expect = EXPECT_COMMA;
}

/* A member begins: the comma before it. */
static void begin_member(struct tool_literal *literal, struct strbuf *out)
{
    if (literal->has_member[literal->depth - 1])
        strbuf_add_c(out, ", ");
    literal->has_member[literal->depth - 1] = true;
}

/* ---------------------------------------------------------------- texts */

/* Bytes of a text that can be taken: none of a character that is not whole. */
static size_t whole_len(struct str text)
{
    return text.len - utf8_incomplete_tail(text);
}

static void end_text(struct tool_literal *literal, struct strbuf *out)
{
    const bool was_key = literal->expect == EXPECT_KEY;
    literal->in_text = 0;
    literal->expect = was_key ? EXPECT_SEPARATOR : EXPECT_COMMA;
    strbuf_add_char(out, '"');
}

/* A text between marks, which has no escapes. True when it ended. */
static bool read_marked(struct tool_literal *literal, struct str raw, size_t *at,
                        struct strbuf *out)
{
    const struct str rest = str_slice(raw, *at, raw.len);
    const size_t end = str_find(rest, literal->quote, 0);
    if (end != SIZE_MAX) {
        tool_literal_add_escaped(out, str_slice(rest, 0, end));
        *at += end + literal->quote.len;
        end_text(literal, out);
        return true;
    }
    const size_t sure_len = rest.len - str_partial(rest, literal->quote);
    const struct str taken = str_slice(rest, 0, whole_len(str_slice(rest, 0, sure_len)));
    tool_literal_add_escaped(out, taken);
    *at += taken.len;
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The number of `count` hexadecimal digits at `at`; -1: they are none, -2: some are missing. */
static int64_t read_hex(struct str raw, size_t at, size_t count)
{
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (at + i >= raw.len)
            return -2;
        const int digit = hex_value(raw.ptr[at + i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void add_code_point(struct strbuf *out, uint32_t code_point)
{
    char bytes[UTF8_BYTES_MAX];
    const size_t len = utf8_write(code_point, bytes);
    tool_literal_add_escaped(out, (struct str){bytes, len});
}

/* \uXXXX, two of which may be one character. Bytes taken; 0: some are missing. */
static size_t read_u(struct str raw, size_t at, struct strbuf *out)
{
    const int64_t first = read_hex(raw, at + 2, 4);
    if (first < 0) {
        if (first == -1)
            tool_literal_add_escaped(out, STR("\\u"));
        return first == -1 ? 2 : 0;
    }
    if (first < 0xd800 || first > 0xdbff) {
        add_code_point(out, (uint32_t)first);
        return 6;
    }
    const struct str behind = str_slice(raw, at + 6, at + 8);
    if (!str_equal_c(behind, "\\u")) {
        if (str_starts_with(STR("\\u"), behind))
            return 0;
        add_code_point(out, UTF8_REPLACEMENT);
        return 6;
    }
    const int64_t second = read_hex(raw, at + 8, 4);
    if (second == -2)
        return 0;
    if (second < 0xdc00 || second > 0xdfff) {
        add_code_point(out, UTF8_REPLACEMENT);
        return 6;
    }
    add_code_point(out, (uint32_t)(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)));
    return 12;
}

/* The escape at `at`. Bytes taken; 0: it is not whole. */
static size_t read_escape(struct str raw, size_t at, struct strbuf *out)
{
    static const char letters[] = "ntrbfva0\\'\"/\n";
    static const char values[] = "\n\t\r\b\f\v\a\0\\'\"/";
    if (at + 1 >= raw.len)
        return 0;
    const char c = raw.ptr[at + 1];
    const char *letter = c ? strchr(letters, c) : NULL;
    if (c == '\n')
        return 2; /* the line goes on */
    if (letter) {
        tool_literal_add_escaped(out, (struct str){&values[letter - letters], 1});
        return 2;
    }
    if (c == 'u')
        return read_u(raw, at, out);
    if (c == 'x' || c == 'U') {
        const size_t digits = c == 'x' ? 2 : 8;
        const int64_t value = read_hex(raw, at + 2, digits);
        if (value == -2)
            return 0;
        if (value >= 0) {
            add_code_point(out, (uint32_t)value);
            return 2 + digits;
        }
    }
    tool_literal_add_escaped(out, STR("\\")); /* no escape: the backslash stands for itself */
    return 1;
}

/* A text in quotes. True when it ended. */
static bool read_quoted(struct tool_literal *literal, struct str raw, size_t *at,
                        struct strbuf *out)
{
    while (*at < raw.len) {
        size_t end = *at;
        while (end < raw.len && raw.ptr[end] != literal->in_text && raw.ptr[end] != '\\')
            end++;
        struct str plain = str_slice(raw, *at, end);
        if (end == raw.len)
            plain = str_slice(plain, 0, whole_len(plain));
        tool_literal_add_escaped(out, plain);
        *at += plain.len;
        if (end == raw.len)
            return false;
        if (raw.ptr[end] == literal->in_text) {
            ++*at;
            end_text(literal, out);
            return true;
        }
        const size_t taken = read_escape(raw, end, out);
        if (!taken)
            return false;
        *at += taken;
    }
    return false;
}

/* What begins a text at `rest`: its in_text, 0: nothing, -1: too little to tell. */
static int text_opening(const struct tool_literal *literal, struct str rest)
{
    if (literal->quote.len && str_starts_with(rest, literal->quote))
        return 'q';
    if (rest.ptr[0] == '"' || (rest.ptr[0] == '\'' && !literal->quote.len))
        return rest.ptr[0];
    return literal->quote.len && str_starts_with(literal->quote, rest) ? -1 : 0;
}

/* ---------------------------------------------------------------- words */

static const char *json_word(struct str word)
{
    static const char *const words[][2] = {{"True", "true"}, {"False", "false"}, {"None", "null"},
                                           {"true", "true"}, {"false", "false"}, {"null", "null"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_equal_c(word, words[i][0]))
            return words[i][1];
    }
    return NULL;
}

/* Appends a word that is a value; false: it is none. */
static bool add_word(const struct tool_literal *literal, struct str word, struct strbuf *out)
{
    const char *known = json_word(word);
    CLEANUP(json_decrefp) json_t *number = NULL;
    if (known) {
        strbuf_add_c(out, known);
        return true;
    }
    if (word.len > 1 && word.ptr[0] == '+')
        word = str_slice(word, 1, word.len);
    const char first = word.ptr[0];
    if ((first == '-' || (first >= '0' && first <= '9')) &&
        json_parse(word, NULL, &number, NULL) == OK && json_is_number(number)) {
        strbuf_add_str(out, word);
        return true;
    }
    if (!literal->quote.len || !utf8_is_valid(word))
        return false;
    json_write_string(word, out); /* a text whose marks were left out */
    return true;
}

/* The word at *at, up to one of `ends`; .ptr NULL when it may go on. */
static struct str take_word(struct str raw, size_t *at, const char *ends)
{
    size_t end = *at;
    while (end < raw.len && !strchr(ends, raw.ptr[end]) && end - *at <= WORD_LEN_MAX)
        end++;
    if (end == raw.len)
        return (struct str){0};
    const struct str word = str_slice(raw, *at, end);
    *at = end;
    return word;
}

/* ---------------------------------------------------------------- one token */

enum token { TOKEN_MORE, TOKEN_READ, TOKEN_BROKEN };

static enum token begin_text(struct tool_literal *literal, int opening, size_t *at,
                             struct strbuf *out)
{
    literal->in_text = (char)opening;
    *at += opening == 'q' ? literal->quote.len : 1;
    begin_member(literal, out);
    strbuf_add_char(out, '"');
    return TOKEN_READ;
}

static enum token read_key(struct tool_literal *literal, struct str raw, size_t *at,
                           struct strbuf *out)
{
    const int opening = text_opening(literal, str_slice(raw, *at, raw.len));
    const bool is_call = literal->stack[literal->depth - 1] == ')';
    if (opening < 0)
        return TOKEN_MORE;
    if (opening > 0 && !is_call)
        return begin_text(literal, opening, at, out);
    const struct str word = take_word(raw, at, is_call ? "=,()[]{}:\"'\n" : ":,()[]{}\"'\n=");
    if (!word.ptr)
        return TOKEN_MORE;
    const struct str key = str_trim(word);
    if (!key.len || !utf8_is_valid(key))
        return TOKEN_BROKEN;
    begin_member(literal, out);
    json_write_string(key, out);
    literal->expect = EXPECT_SEPARATOR;
    return TOKEN_READ;
}

static enum token read_value(struct tool_literal *literal, struct str raw, size_t *at,
                             struct strbuf *out)
{
    const int opening = text_opening(literal, str_slice(raw, *at, raw.len));
    const char c = raw.ptr[*at];
    if (opening < 0)
        return TOKEN_MORE;
    if (literal->expect == EXPECT_VALUE) /* its comma came with the key */
        literal->has_member[literal->depth - 1] = false;
    if (opening > 0)
        return begin_text(literal, opening, at, out);
    if (c == '{' || c == '[' || c == '(') {
        begin_member(literal, out);
        ++*at;
        const char closing = c == '{' ? '}' : c == '[' ? ']' : 't';
        return open_container(literal, closing, out) ? TOKEN_READ : TOKEN_BROKEN;
    }
    const struct str word = take_word(raw, at, literal->quote.len ? ",}]" : ",}])([{:='\" \t\r\n");
    if (!word.ptr)
        return TOKEN_MORE;
    begin_member(literal, out);
    literal->expect = EXPECT_COMMA;
    return str_trim(word).len && add_word(literal, str_trim(word), out) ? TOKEN_READ : TOKEN_BROKEN;
}

static enum token read_between(struct tool_literal *literal, char c, size_t *at, struct strbuf *out)
{
    ++*at;
    if (literal->expect == EXPECT_SEPARATOR) {
        const bool is_call = literal->stack[literal->depth - 1] == ')';
        if (c != (is_call ? '=' : ':'))
            return TOKEN_BROKEN;
        strbuf_add_c(out, ": ");
        literal->expect = EXPECT_VALUE;
        return TOKEN_READ;
    }
    if (c != ',')
        return TOKEN_BROKEN;
    literal->expect =
        is_list(literal) || literal->stack[literal->depth - 1] == 't' ? EXPECT_ITEM : EXPECT_KEY;
    return TOKEN_READ;
}

static enum token read_token(struct tool_literal *literal, struct str raw, size_t *at,
                             struct strbuf *out)
{
    const char c = raw.ptr[*at];
    if (literal->expect == EXPECT_START) {
        *at += literal->quote.len ? 1 : 0;
        if (literal->quote.len && c != '{')
            return TOKEN_BROKEN;
        return open_container(literal, literal->quote.len ? '}' : ')', out) ? TOKEN_READ
                                                                            : TOKEN_BROKEN;
    }
    const bool may_close = literal->expect != EXPECT_SEPARATOR && literal->expect != EXPECT_VALUE;
    if (may_close && closes(literal, c)) {
        ++*at;
        close_container(literal, out);
        return TOKEN_READ;
    }
    switch ((enum expect)literal->expect) {
    case EXPECT_KEY: return read_key(literal, raw, at, out);
    case EXPECT_VALUE:
    case EXPECT_ITEM: return read_value(literal, raw, at, out);
    case EXPECT_SEPARATOR:
    case EXPECT_COMMA: return read_between(literal, c, at, out);
    case EXPECT_START: break;
    }
    return TOKEN_BROKEN;
}

enum tool_literal_found tool_literal_read(struct tool_literal *literal, struct str raw, size_t *at,
                                          struct strbuf *out)
{
    for (;;) {
        if (literal->in_text) {
            const bool ended = literal->in_text == 'q' ? read_marked(literal, raw, at, out)
                                                       : read_quoted(literal, raw, at, out);
            if (!ended)
                return TOOL_LITERAL_MORE;
            continue;
        }
        if (literal->depth == 0 && literal->expect == EXPECT_COMMA)
            return TOOL_LITERAL_DONE;
        const struct str rest = str_trim_front(str_slice(raw, *at, raw.len));
        if (!rest.len)
            return TOOL_LITERAL_MORE;
        *at = raw.len - rest.len;
        const enum token token = read_token(literal, raw, at, out);
        if (token != TOKEN_READ)
            return token == TOKEN_MORE ? TOOL_LITERAL_MORE : TOOL_LITERAL_BROKEN;
    }
}
