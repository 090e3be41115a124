#include "infer/grammar_regex.h"

#include "base/attr.h"
#include "text/utf8.h"

struct parser {
    struct arena *arena;
    struct str text;
    size_t at;
    int depth;
    struct grammar_regex_options options;
    struct error *err;
};

static enum status parse_choice(struct parser *p, struct grammar_expression **out);

static enum status fail(const struct parser *p, const char *what)
{
    return error_set(p->err, E_INVALID, "%s at byte %zu of the pattern", what, p->at);
}

static enum status refuse(const struct parser *p, const char *what)
{
    return error_set(p->err, E_UNSUPPORTED, "%s at byte %zu of the pattern", what, p->at);
}

/* ---------------------------------------------------------------- reading */

static int peek(const struct parser *p)
{
    return p->at < p->text.len ? (unsigned char)p->text.ptr[p->at] : -1;
}

static bool take(struct parser *p, const char *what)
{
    if (!str_starts_with(str_slice(p->text, p->at, p->text.len), str_from_c(what)))
        return false;
    p->at += strlen(what);
    return true;
}

static uint32_t next_character(struct parser *p)
{
    struct str rest = str_slice(p->text, p->at, p->text.len);
    const uint32_t c = utf8_next(&rest);
    p->at = p->text.len - rest.len;
    return c;
}

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* `digits` hexadecimal ones. */
static enum status read_hex(struct parser *p, int digits, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++) {
        const int value = hex_value(peek(p));
        if (value < 0)
            return fail(p, "a hexadecimal digit is missing");
        *out = *out * 16 + (uint32_t)value;
        p->at++;
    }
    return OK;
}

/* Behind "\u": four digits, two such halves of a pair, or any number in braces. */
static enum status read_unicode(struct parser *p, uint32_t *out)
{
    if (take(p, "{")) {
        *out = 0;
        while (hex_value(peek(p)) >= 0 && *out <= UTF8_CODE_POINT_MAX) {
            *out = *out * 16 + (uint32_t)hex_value(peek(p));
            p->at++;
        }
        return take(p, "}") && *out <= UTF8_CODE_POINT_MAX ? OK : fail(p, "a malformed \\u{...}");
    }
    TRY(read_hex(p, 4, out));
    if (*out < 0xd800 || *out > 0xdbff || !take(p, "\\u"))
        return OK;
    uint32_t low = 0;
    TRY(read_hex(p, 4, &low));
    if (low < 0xdc00 || low > 0xdfff)
        return fail(p, "half of a surrogate pair");
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return OK;
}

/* ---------------------------------------------------------------- escapes and sets */

/* Behind a backslash: a character (*out_class 0) or the name of a set. */
static enum status read_escape(struct parser *p, uint32_t *out, char *out_class)
{
    static const struct {
        char name;
        char means;
    } controls[] = {{'t', '\t'}, {'n', '\n'}, {'r', '\r'}, {'v', '\v'}, {'f', '\f'}};
    *out_class = 0;
    const int c = peek(p);
    if (c < 0)
        return fail(p, "nothing behind a backslash");
    if (strchr("dwsDWS", c)) {
        *out_class = (char)c;
        p->at++;
        return OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
        if (c == controls[i].name) {
            *out = (uint32_t)controls[i].means;
            p->at++;
            return OK;
        }
    }
    if (c == 'p' || c == 'P')
        return refuse(p, "a Unicode property (\\p)");
    if (c == 'b' || c == 'B')
        return refuse(p, "a word boundary (\\b)");
    if (c == 'k' || (c >= '1' && c <= '9'))
        return refuse(p, "a reference to what a group matched");
    if (take(p, "x"))
        return read_hex(p, 2, out);
    if (take(p, "u"))
        return read_unicode(p, out);
    if (take(p, "0")) {
        *out = 0;
        return OK;
    }
    if (c == 'c') {
        const int letter = p->at + 1 < p->text.len ? p->text.ptr[p->at + 1] : 0;
        if (!((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z'))
            return fail(p, "a malformed \\c");
        p->at += 2;
        *out = (uint32_t)letter % 32;
        return OK;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return fail(p, "an escape that is not known");
    *out = next_character(p);
    return OK;
}

/* One end of a range in a set, or a set by name. */
static enum status read_member(struct parser *p, uint32_t *out, char *out_class)
{
    *out_class = 0;
    if (peek(p) < 0)
        return fail(p, "a set has no end");
    if (!take(p, "\\")) {
        *out = next_character(p);
        return OK;
    }
    if (take(p, "b")) { /* a backspace, in sets */
        *out = '\b';
        return OK;
    }
    return read_escape(p, out, out_class);
}

/* Behind the bracket, and behind a "^" if there is one. */
static enum status read_members(struct parser *p, struct grammar_characters *set)
{
    while (!take(p, "]")) {
        uint32_t low = 0;
        uint32_t high = 0;
        char class = 0;
        TRY(read_member(p, &low, &class));
        if (class) {
            grammar_characters_add_class(set, class);
            continue;
        }
        high = low;
        const bool is_range =
            peek(p) == '-' && p->at + 1 < p->text.len && p->text.ptr[p->at + 1] != ']';
        if (is_range) {
            p->at++;
            TRY(read_member(p, &high, &class));
            if (class || high < low)
                return fail(p, "a range in a set is not in order");
        }
        grammar_characters_add(set, low, high);
    }
    return OK;
}

static enum status read_set(struct parser *p, struct grammar_characters *set)
{
    const bool is_negated = take(p, "^");
    TRY(read_members(p, set));
    if (p->options.ignores_case)
        grammar_characters_add_cases(set);
    grammar_characters_tidy(set);
    if (is_negated)
        grammar_characters_negate(set);
    return OK;
}

/* ---------------------------------------------------------------- groups and quantifiers */

/* Behind the opening parenthesis. */
static enum status parse_group(struct parser *p, struct grammar_expression **out)
{
    if (p->depth == GRAMMAR_EXPRESSION_DEPTH_MAX)
        return error_set(p->err, E_LIMIT, "groups in groups, too deep at byte %zu of the pattern",
                         p->at);
    if (take(p, "?=") || take(p, "?!") || take(p, "?<=") || take(p, "?<!"))
        return refuse(p, "a lookaround");
    if (take(p, "?<")) {
        while (peek(p) >= 0 && peek(p) != '>')
            p->at++;
        if (!take(p, ">"))
            return fail(p, "a group's name has no end");
    } else if (peek(p) == '?' && !take(p, "?:")) {
        return fail(p, "a group that is not known");
    }
    p->depth++;
    TRY(parse_choice(p, out));
    p->depth--;
    return take(p, ")") ? OK : fail(p, "a group has no end");
}

/* A number; false if there is none. Too large ones stay beyond any limit. */
static bool read_number(struct parser *p, uint32_t *out)
{
    const size_t before = p->at;
    *out = 0;
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        if (*out <= GRAMMAR_EXPRESSION_TIMES_MAX)
            *out = *out * 10 + (uint32_t)(peek(p) - '0');
    }
    return p->at > before;
}

/* {m}, {m,} or {m,n}; false (and nothing read) if it is none of them. */
static bool read_times(struct parser *p, uint32_t *out_min, uint32_t *out_max)
{
    const size_t before = p->at;
    bool is_times =
        take(p, "{") && (read_number(p, out_min) || (p->options.is_of_grammar && peek(p) == ','));
    *out_max = *out_min;
    if (is_times && take(p, ",") && !read_number(p, out_max))
        *out_max = GRAMMAR_EXPRESSION_ENDLESS;
    is_times = is_times && take(p, "}");
    if (!is_times)
        p->at = before;
    return is_times;
}

static enum status parse_quantifier(struct parser *p, struct grammar_expression **item)
{
    uint32_t least = 0;
    uint32_t most = GRAMMAR_EXPRESSION_ENDLESS;
    if (take(p, "+"))
        least = 1;
    else if (take(p, "?"))
        most = 1;
    else if (!take(p, "*") && !read_times(p, &least, &most))
        return OK;
    (void)take(p, "?"); /* lazy: the same texts */
    if (most < least)
        return fail(p, "a repetition with bounds that are not in order");
    if (least > GRAMMAR_EXPRESSION_TIMES_MAX ||
        (most != GRAMMAR_EXPRESSION_ENDLESS && most > GRAMMAR_EXPRESSION_TIMES_MAX))
        return error_set(p->err, E_LIMIT, "more than %d repetitions at byte %zu of the pattern",
                         GRAMMAR_EXPRESSION_TIMES_MAX, p->at);
    if ((*item)->kind == GRAMMAR_EXPRESSION_AT_START || (*item)->kind == GRAMMAR_EXPRESSION_AT_END)
        return fail(p, "a repetition of an anchor");
    struct grammar_expression *repeat = grammar_expression_new(p->arena, GRAMMAR_EXPRESSION_REPEAT);
    repeat->times_min = least;
    repeat->times_max = most;
    grammar_expression_append(repeat, *item);
    *item = repeat;
    return peek(p) == '*' || peek(p) == '+' || peek(p) == '?' ? fail(p, "two repetitions in a row")
                                                              : OK;
}

/* ---------------------------------------------------------------- items */

static enum status parse_characters(struct parser *p, struct grammar_characters *set)
{
    if (take(p, "[")) {
        TRY(read_set(p, set));
    } else if (take(p, ".")) {
        static const uint32_t line_ends[] = {'\n', '\r', 0x2028, 0x2029};
        const size_t all = p->options.is_of_grammar ? 1 : ARRAY_LEN(line_ends);
        const size_t count = p->options.dot_is_all ? 0 : all;
        for (size_t i = 0; i < count; i++)
            grammar_characters_add(set, line_ends[i], line_ends[i]);
        grammar_characters_negate(set);
    } else {
        uint32_t c = 0;
        char class = 0;
        if (take(p, "\\"))
            TRY(read_escape(p, &c, &class));
        else
            c = next_character(p);
        if (class)
            grammar_characters_add_class(set, class);
        else
            grammar_characters_add(set, c, c);
        if (p->options.ignores_case)
            grammar_characters_add_cases(set);
    }
    return OK;
}

static enum status parse_item(struct parser *p, struct grammar_expression **out)
{
    if (take(p, "^")) {
        *out = grammar_expression_new(p->arena, GRAMMAR_EXPRESSION_AT_START);
        return OK;
    }
    if (take(p, "$")) {
        *out = grammar_expression_new(p->arena, GRAMMAR_EXPRESSION_AT_END);
        return OK;
    }
    if (take(p, "("))
        return parse_group(p, out);
    if (peek(p) == '*' || peek(p) == '+' || peek(p) == '?')
        return fail(p, "nothing to repeat");
    struct grammar_characters set = {0};
    const enum status status = parse_characters(p, &set);
    if (status == OK)
        *out = grammar_expression_characters(p->arena, &set);
    grammar_characters_done(&set);
    return status;
}

static enum status parse_sequence(struct parser *p, struct grammar_expression **out)
{
    *out = grammar_expression_new(p->arena, GRAMMAR_EXPRESSION_SEQUENCE);
    while (peek(p) >= 0 && peek(p) != '|' && peek(p) != ')') {
        struct grammar_expression *item = NULL;
        TRY(parse_item(p, &item));
        TRY(parse_quantifier(p, &item));
        grammar_expression_append(*out, item);
    }
    return OK;
}

static enum status parse_choice(struct parser *p, struct grammar_expression **out)
{
    struct grammar_expression *first = NULL;
    TRY(parse_sequence(p, &first));
    if (peek(p) != '|') {
        *out = first;
        return OK;
    }
    *out = grammar_expression_new(p->arena, GRAMMAR_EXPRESSION_CHOICE);
    grammar_expression_append(*out, first);
    while (take(p, "|")) {
        struct grammar_expression *more = NULL;
        TRY(parse_sequence(p, &more));
        grammar_expression_append(*out, more);
    }
    return OK;
}

enum status grammar_regex_parse_as(struct arena *arena, struct str text,
                                   const struct grammar_regex_options *options,
                                   struct grammar_expression **out, struct error *err)
{
    struct parser p = {.arena = arena, .text = text, .options = *options, .err = err};
    if (text.len > GRAMMAR_REGEX_LEN_MAX)
        return error_set(err, E_LIMIT, "a pattern of %zu bytes (limit %d)", text.len,
                         GRAMMAR_REGEX_LEN_MAX);
    if (!utf8_is_valid(text))
        return error_set(err, E_INVALID, "a pattern that is no valid UTF-8");
    TRY(parse_choice(&p, out));
    return p.at == text.len ? OK : fail(&p, "a closing parenthesis too many");
}

enum status grammar_regex_parse(struct arena *arena, struct str text,
                                struct grammar_expression **out, struct error *err)
{
    const struct grammar_regex_options options = {0};
    return grammar_regex_parse_as(arena, text, &options, out, err);
}
