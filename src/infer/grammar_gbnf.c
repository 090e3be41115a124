#include "infer/grammar_gbnf.h"

#include "base/attr.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "infer/grammar_gbnf_internal.h"
#include "text/utf8.h"

struct parser {
    struct str text;
    size_t at;
    int depth; /* of groups */
    struct grammar_gbnf_internal *out;
    uint32_t capacity;
    struct hash_map names;
    struct error *err;
};

static enum status parse_choice(struct parser *p, struct grammar_expression **out);

/* ---------------------------------------------------------------- places */

enum status grammar_gbnf_internal_fail(struct str text, size_t at, enum status status,
                                       const char *what, struct error *err)
{
    uint32_t line = 1;
    uint32_t column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        column += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
        if (text.ptr[i] != '\n')
            continue;
        line++;
        column = 1;
    }
    return error_set(err, status, "grammar, line %u, column %u: %.300s", line, column, what);
}

static enum status fail_at(const struct parser *p, size_t at, enum status status, const char *what)
{
    return grammar_gbnf_internal_fail(p->text, at, status, what, p->err);
}

static enum status fail(const struct parser *p, const char *what)
{
    return fail_at(p, p->at, E_INVALID, what);
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

/* Over spaces and comments, and over line breaks where they mean nothing. */
static void skip_space(struct parser *p, bool over_lines)
{
    for (;;) {
        const int c = peek(p);
        if (c == '#') {
            while (peek(p) >= 0 && peek(p) != '\n' && peek(p) != '\r')
                p->at++;
        } else if (c == ' ' || c == '\t' || (over_lines && (c == '\n' || c == '\r'))) {
            p->at++;
        } else {
            return;
        }
    }
}

static bool is_name_char(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static enum status read_name(struct parser *p, struct str *out)
{
    const size_t start = p->at;
    while (is_name_char(peek(p)))
        p->at++;
    *out = str_slice(p->text, start, p->at);
    if (out->len == 0)
        return fail(p, "a rule's name is missing");
    if (out->len > GRAMMAR_GBNF_NAME_MAX)
        return fail_at(p, start, E_LIMIT, "a rule's name is too long (limit 128 bytes)");
    return OK;
}

/* The rule with this name, new if need be; `at` is where the name stands. */
static enum status rule_by_name(struct parser *p, struct str name, size_t at, uint32_t *out)
{
    uint64_t known = 0;
    if (hash_map_find(&p->names, name, &known)) {
        *out = (uint32_t)known;
        return OK;
    }
    struct grammar_gbnf_internal *rules = p->out;
    if (rules->count == GRAMMAR_GBNF_RULES_MAX)
        return fail_at(p, at, E_LIMIT, "too many rules (limit 4096)");
    if (rules->count == p->capacity) {
        p->capacity = p->capacity ? 2 * p->capacity : 32;
        rules->rules = mem_realloc(rules->rules, p->capacity * sizeof(*rules->rules));
    }
    struct grammar_gbnf_internal_rule *rule = &rules->rules[rules->count];
    *rule = (struct grammar_gbnf_internal_rule){.name = name, .at = at};
    hash_map_add(&p->names, name, rules->count);
    *out = rules->count++;
    return OK;
}

/* ---------------------------------------------------------------- characters */

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

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
    return *out <= UTF8_CODE_POINT_MAX ? OK : fail(p, "no character has so large a number");
}

/* One character of a literal or set. */
static enum status read_character(struct parser *p, uint32_t *out)
{
    static const struct {
        char name;
        char means;
    } rows[] = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'\\', '\\'},
                {'"', '"'},  {'[', '['},  {']', ']'}};
    if (!take(p, "\\")) {
        struct str rest = str_slice(p->text, p->at, p->text.len);
        *out = utf8_next(&rest);
        p->at = p->text.len - rest.len;
        return OK;
    }
    if (take(p, "x"))
        return read_hex(p, 2, out);
    if (take(p, "u"))
        return read_hex(p, 4, out);
    if (take(p, "U"))
        return read_hex(p, 8, out);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (peek(p) == rows[i].name) {
            *out = (uint32_t)rows[i].means;
            p->at++;
            return OK;
        }
    }
    return fail(p, "an escape that is not known");
}

static struct grammar_expression *single(struct parser *p, uint32_t c)
{
    struct grammar_characters set = {0};
    grammar_characters_add(&set, c, c);
    struct grammar_expression *node = grammar_expression_characters(&p->out->arena, &set);
    grammar_characters_done(&set);
    return node;
}

/* Behind the opening quote. */
static enum status read_literal(struct parser *p, struct grammar_expression **out)
{
    const size_t start = p->at - 1;
    *out = grammar_expression_new(&p->out->arena, GRAMMAR_EXPRESSION_SEQUENCE);
    while (!take(p, "\"")) {
        uint32_t c = 0;
        if (peek(p) < 0)
            return fail_at(p, start, E_INVALID, "the closing quote of a literal is missing");
        TRY(read_character(p, &c));
        grammar_expression_append(*out, single(p, c));
    }
    return OK;
}

static enum status read_members(struct parser *p, size_t start, struct grammar_characters *set)
{
    while (!take(p, "]")) {
        uint32_t low = 0;
        if (peek(p) < 0)
            return fail_at(p, start, E_INVALID, "the closing bracket of a set is missing");
        TRY(read_character(p, &low));
        uint32_t high = low;
        const bool is_range =
            peek(p) == '-' && p->at + 1 < p->text.len && p->text.ptr[p->at + 1] != ']';
        if (is_range) {
            p->at++;
            TRY(read_character(p, &high));
            if (high < low)
                return fail(p, "a range in a set is not in order");
        }
        grammar_characters_add(set, low, high);
    }
    return OK;
}

/* Behind the opening bracket, or behind "." (then `set` is empty). */
static enum status read_set(struct parser *p, bool is_any, struct grammar_expression **out)
{
    const size_t start = p->at - 1;
    struct grammar_characters set = {0};
    const bool is_negated = is_any || take(p, "^");
    const enum status status = is_any ? OK : read_members(p, start, &set);
    if (is_negated) {
        grammar_characters_add(&set, 0, 0);
        grammar_characters_tidy(&set);
        grammar_characters_negate(&set);
    }
    if (status == OK)
        *out = grammar_expression_characters(&p->out->arena, &set);
    grammar_characters_done(&set);
    return status;
}

/* ---------------------------------------------------------------- repetitions */

static enum status read_number(struct parser *p, uint32_t *out)
{
    *out = 0;
    if (!(peek(p) >= '0' && peek(p) <= '9'))
        return fail(p, "a number of repetitions is missing");
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        *out = *out * 10 + (uint32_t)(peek(p) - '0');
        if (*out > GRAMMAR_EXPRESSION_TIMES_MAX)
            return fail_at(p, p->at, E_LIMIT, "too many repetitions (limit 4096)");
    }
    return OK;
}

/* Behind the opening brace. */
static enum status read_times(struct parser *p, uint32_t *out_min, uint32_t *out_max)
{
    skip_space(p, false);
    TRY(read_number(p, out_min));
    *out_max = *out_min;
    skip_space(p, false);
    if (take(p, ",")) {
        skip_space(p, false);
        *out_max = GRAMMAR_EXPRESSION_ENDLESS;
        if (peek(p) != '}')
            TRY(read_number(p, out_max));
        skip_space(p, false);
    }
    if (!take(p, "}"))
        return fail(p, "the closing brace of a repetition is missing");
    return *out_max < *out_min ? fail(p, "a repetition with bounds that are not in order") : OK;
}

static enum status parse_repetition(struct parser *p, struct grammar_expression **item)
{
    for (;;) {
        skip_space(p, p->depth > 0);
        uint32_t least = 0;
        uint32_t most = GRAMMAR_EXPRESSION_ENDLESS;
        if (take(p, "+"))
            least = 1;
        else if (take(p, "?"))
            most = 1;
        else if (take(p, "{"))
            TRY(read_times(p, &least, &most));
        else if (!take(p, "*"))
            return OK;
        struct grammar_expression *repeat =
            grammar_expression_new(&p->out->arena, GRAMMAR_EXPRESSION_REPEAT);
        repeat->times_min = least;
        repeat->times_max = most;
        grammar_expression_append(repeat, *item);
        *item = repeat;
    }
}

/* ---------------------------------------------------------------- items */

/* Behind the opening parenthesis. */
static enum status parse_group(struct parser *p, struct grammar_expression **out)
{
    const size_t start = p->at - 1;
    if (p->depth == GRAMMAR_EXPRESSION_DEPTH_MAX)
        return fail_at(p, start, E_LIMIT, "groups in groups, too deep (limit 64)");
    p->depth++;
    TRY(parse_choice(p, out));
    p->depth--;
    if (!take(p, ")"))
        return peek(p) < 0 ? fail_at(p, start, E_INVALID, "the end of a group is missing")
                           : fail(p, "not what can stand in a group");
    return OK;
}

static enum status parse_call(struct parser *p, struct grammar_expression **out)
{
    const size_t start = p->at;
    struct str name;
    *out = grammar_expression_new(&p->out->arena, GRAMMAR_EXPRESSION_CALL);
    TRY(read_name(p, &name));
    return rule_by_name(p, name, start, &(*out)->rule);
}

/* *out stays NULL where no item begins. */
static enum status parse_item(struct parser *p, struct grammar_expression **out)
{
    if (take(p, "\""))
        return read_literal(p, out);
    if (take(p, "["))
        return read_set(p, false, out);
    if (take(p, "."))
        return read_set(p, true, out);
    if (take(p, "("))
        return parse_group(p, out);
    if (is_name_char(peek(p)))
        return parse_call(p, out);
    const int c = peek(p);
    if (c == '<' || c == '!')
        return fail_at(p, p->at, E_UNSUPPORTED, "references to tokens are not supported");
    if (c == '*' || c == '+' || c == '?' || c == '{')
        return fail(p, "nothing to repeat");
    return OK;
}

static enum status parse_sequence(struct parser *p, struct grammar_expression **out)
{
    *out = grammar_expression_new(&p->out->arena, GRAMMAR_EXPRESSION_SEQUENCE);
    for (;;) {
        struct grammar_expression *item = NULL;
        TRY(parse_item(p, &item));
        if (!item)
            return OK;
        TRY(parse_repetition(p, &item));
        grammar_expression_append(*out, item);
    }
}

static enum status parse_choice(struct parser *p, struct grammar_expression **out)
{
    *out = grammar_expression_new(&p->out->arena, GRAMMAR_EXPRESSION_CHOICE);
    do {
        struct grammar_expression *part = NULL;
        skip_space(p, true);
        TRY(parse_sequence(p, &part));
        grammar_expression_append(*out, part);
    } while (take(p, "|"));
    return OK;
}

/* ---------------------------------------------------------------- rules */

static enum status parse_rule(struct parser *p)
{
    const size_t start = p->at;
    struct str name;
    struct grammar_expression *body = NULL;
    uint32_t index = 0;
    TRY(read_name(p, &name));
    skip_space(p, false);
    if (!take(p, "::="))
        return fail(p, "\"::=\" is missing");
    TRY(rule_by_name(p, name, start, &index));
    if (p->out->rules[index].body)
        return fail_at(p, start, E_INVALID, "a second rule of the same name");
    TRY(parse_choice(p, &body));
    p->out->rules[index].body = body;
    if (peek(p) >= 0 && peek(p) != '\n' && peek(p) != '\r')
        return fail(p, "not what can stand in a rule");
    return OK;
}

static enum status parse_rules(struct parser *p, uint32_t *out_root)
{
    for (skip_space(p, true); peek(p) >= 0; skip_space(p, true))
        TRY(parse_rule(p));
    uint64_t root = 0;
    if (!hash_map_find(&p->names, STR("root"), &root))
        return error_set(p->err, E_INVALID, "the grammar has no rule \"root\"");
    for (uint32_t i = 0; i < p->out->count; i++) {
        const struct grammar_gbnf_internal_rule *rule = &p->out->rules[i];
        char what[GRAMMAR_GBNF_NAME_MAX + 32];
        if (rule->body)
            continue;
        snprintf(what, sizeof(what), "there is no rule \"%.*s\"", STR_ARG(rule->name));
        return fail_at(p, rule->at, E_INVALID, what);
    }
    *out_root = (uint32_t)root;
    return OK;
}

void grammar_gbnf_internal_done(struct grammar_gbnf_internal *rules)
{
    mem_free(rules->rules);
    arena_done(&rules->arena);
    *rules = (struct grammar_gbnf_internal){0};
}

enum status grammar_gbnf_internal_read(struct str text, struct grammar_gbnf_internal *out,
                                       uint32_t *out_root, struct error *err)
{
    if (text.len > GRAMMAR_GBNF_SIZE_MAX)
        return error_set(err, E_LIMIT, "the grammar has %zu bytes (limit %d)", text.len,
                         GRAMMAR_GBNF_SIZE_MAX);
    if (!utf8_is_valid(text))
        return error_set(err, E_INVALID, "the grammar is no valid UTF-8");
    struct parser p = {.text = text, .out = out, .err = err};
    const enum status status = parse_rules(&p, out_root);
    hash_map_done(&p.names);
    return status;
}

enum status grammar_gbnf_parse(struct str text, struct grammar **out, uint32_t *out_rule,
                               struct error *err)
{
    struct grammar_gbnf_internal rules = {0};
    uint32_t root = 0;
    enum status status = grammar_gbnf_internal_read(text, &rules, &root, err);
    if (status == OK)
        status = grammar_gbnf_internal_compile(&rules, root, out, out_rule, err);
    grammar_gbnf_internal_done(&rules);
    return status;
}
