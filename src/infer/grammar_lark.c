#include "infer/grammar_lark.h"

#include "base/attr.h"
#include "base/mem.h"
#include "infer/grammar_lark_internal.h"
#include "infer/grammar_regex.h"
#include "text/utf8.h"

/* Rules that no name of a grammar can mean. */
static const char ignored_name[] = " ignored";
static const char whole_name[] = " whole";

/* ---------------------------------------------------------------- places */

enum status grammar_lark_internal_fail_at(const struct grammar_lark_internal *in, size_t at,
                                          enum status status, const char *what)
{
    return grammar_gbnf_internal_fail(in->text, at, status, what, in->err);
}

static enum status fail(const struct grammar_lark_internal *in, const char *what)
{
    return grammar_lark_internal_fail_at(in, in->at, E_INVALID, what);
}

static enum status refuse(const struct grammar_lark_internal *in, size_t at, const char *what)
{
    return grammar_lark_internal_fail_at(in, at, E_UNSUPPORTED, what);
}

/* ---------------------------------------------------------------- reading */

int grammar_lark_internal_peek(const struct grammar_lark_internal *in)
{
    return in->at < in->text.len ? (unsigned char)in->text.ptr[in->at] : -1;
}

bool grammar_lark_internal_take(struct grammar_lark_internal *in, const char *what)
{
    if (!str_starts_with(str_slice(in->text, in->at, in->text.len), str_from_c(what)))
        return false;
    in->at += strlen(what);
    return true;
}

static bool is_next(const struct grammar_lark_internal *in, const char *what)
{
    return str_starts_with(str_slice(in->text, in->at, in->text.len), str_from_c(what));
}

static void skip_line(struct grammar_lark_internal *in)
{
    const size_t end = str_find_char(in->text, '\n', in->at);
    in->at = end == SIZE_MAX ? in->text.len : end;
}

/* Over spaces and comments, and over line ends where they mean nothing. */
static void skip_space(struct grammar_lark_internal *in, bool over_lines)
{
    for (;;) {
        const int c = grammar_lark_internal_peek(in);
        if (c == '#' || is_next(in, "//"))
            skip_line(in);
        else if (c == ' ' || c == '\t' || c == '\r' || (over_lines && c == '\n'))
            in->at++;
        else
            return;
    }
}

static bool is_name_char(const struct grammar_lark_internal *in, int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c == '.' && in->is_common);
}

/* Terminals have capital letters. */
static bool is_terminal_name(struct str name)
{
    const size_t first = str_starts_with(name, STR("_")) ? 1 : 0;
    return first < name.len && name.ptr[first] >= 'A' && name.ptr[first] <= 'Z';
}

static enum status read_name(struct grammar_lark_internal *in, struct str *out)
{
    const size_t start = in->at;
    while (is_name_char(in, grammar_lark_internal_peek(in)))
        in->at++;
    *out = str_slice(in->text, start, in->at);
    const size_t mark = str_starts_with(*out, STR("_")) ? 1 : 0;
    const char first = out->len > mark ? out->ptr[mark] : '0';
    if (out->len > GRAMMAR_LARK_NAME_MAX)
        return grammar_lark_internal_fail_at(in, start, E_LIMIT,
                                             "a name is too long (limit 128 bytes)");
    if (first == '_' || (first >= '0' && first <= '9'))
        return grammar_lark_internal_fail_at(in, start, E_INVALID,
                                             "the name of a rule or terminal is missing");
    for (size_t i = 0; i < out->len; i++) {
        const bool is_upper = out->ptr[i] >= 'A' && out->ptr[i] <= 'Z';
        const bool is_lower = out->ptr[i] >= 'a' && out->ptr[i] <= 'z';
        if (!in->is_common && (is_terminal_name(*out) ? is_lower : is_upper))
            return grammar_lark_internal_fail_at(in, start, E_INVALID,
                                                 "a name with small and capital letters");
    }
    return OK;
}

enum status grammar_lark_internal_rule(struct grammar_lark_internal *in, struct str name, size_t at,
                                       uint32_t *out)
{
    uint64_t known = 0;
    if (hash_map_find(&in->names, name, &known)) {
        *out = (uint32_t)known;
        return OK;
    }
    struct grammar_gbnf_internal *rules = in->out;
    if (rules->count == GRAMMAR_LARK_RULES_MAX)
        return grammar_lark_internal_fail_at(in, at, E_LIMIT, "too many rules (limit 4096)");
    if (rules->count == in->capacity) {
        in->capacity = in->capacity ? 2 * in->capacity : 32;
        rules->rules = mem_realloc(rules->rules, in->capacity * sizeof(*rules->rules));
    }
    struct grammar_gbnf_internal_rule *rule = &rules->rules[rules->count];
    *rule = (struct grammar_gbnf_internal_rule){.name = name, .at = at};
    hash_map_add(&in->names, name, rules->count);
    *out = rules->count++;
    return OK;
}

static struct grammar_expression *call_of(struct grammar_lark_internal *in, uint32_t rule)
{
    struct grammar_expression *call =
        grammar_expression_new(&in->out->arena, GRAMMAR_EXPRESSION_CALL);
    call->rule = rule;
    return call;
}

/* ---------------------------------------------------------------- items */

static enum status read_group(struct grammar_lark_internal *in, const char *close,
                              struct grammar_expression **out)
{
    const size_t start = in->at - 1;
    if (in->depth == GRAMMAR_EXPRESSION_DEPTH_MAX)
        return grammar_lark_internal_fail_at(in, start, E_LIMIT,
                                             "groups in groups, too deep (limit 64)");
    in->depth++;
    TRY(grammar_lark_internal_choice(in, out));
    in->depth--;
    if (grammar_lark_internal_take(in, close))
        return OK;
    return grammar_lark_internal_peek(in) < 0
               ? grammar_lark_internal_fail_at(in, start, E_INVALID,
                                               "the end of a group is missing")
               : fail(in, "not what can stand in a group");
}

static void repeat(struct grammar_lark_internal *in, struct grammar_expression **item,
                   uint32_t least, uint32_t most)
{
    struct grammar_expression *node =
        grammar_expression_new(&in->out->arena, GRAMMAR_EXPRESSION_REPEAT);
    node->times_min = least;
    node->times_max = most;
    grammar_expression_append(node, *item);
    *item = node;
}

static enum status read_number(struct grammar_lark_internal *in, uint32_t *out)
{
    const size_t start = in->at;
    *out = 0;
    for (int c = grammar_lark_internal_peek(in); c >= '0' && c <= '9';
         c = grammar_lark_internal_peek(in)) {
        *out = *out * 10 + (uint32_t)(c - '0');
        in->at++;
        if (*out > GRAMMAR_EXPRESSION_TIMES_MAX)
            return grammar_lark_internal_fail_at(in, start, E_LIMIT,
                                                 "too many repetitions (limit 4096)");
    }
    return in->at > start ? OK : fail(in, "a number of repetitions is missing");
}

/* Behind "~". */
static enum status read_times(struct grammar_lark_internal *in, struct grammar_expression **item)
{
    uint32_t least = 0;
    skip_space(in, false);
    const size_t start = in->at;
    TRY(read_number(in, &least));
    uint32_t most = least;
    skip_space(in, false);
    if (grammar_lark_internal_take(in, "..")) {
        skip_space(in, false);
        TRY(read_number(in, &most));
    }
    if (most < least)
        return grammar_lark_internal_fail_at(in, start, E_INVALID,
                                             "a repetition with bounds that are not in order");
    repeat(in, item, least, most);
    return OK;
}

/* What may follow an item, once. */
static enum status read_operator(struct grammar_lark_internal *in, struct grammar_expression **item)
{
    skip_space(in, false);
    const int c = grammar_lark_internal_peek(in);
    if (c == '~') {
        in->at++;
        return read_times(in, item);
    }
    if (c != '?' && c != '*' && c != '+')
        return OK;
    in->at++;
    repeat(in, item, c == '+', c == '?' ? 1 : GRAMMAR_EXPRESSION_ENDLESS);
    return OK;
}

static enum status read_call(struct grammar_lark_internal *in, struct grammar_expression **out,
                             bool *out_is_token)
{
    const size_t start = in->at;
    struct str name;
    uint32_t rule = 0;
    TRY(read_name(in, &name));
    *out_is_token = in->is_common || is_terminal_name(name);
    if (grammar_lark_internal_peek(in) == '{')
        return refuse(in, in->at, "templates are not supported");
    if (in->is_terminal && !*out_is_token)
        return grammar_lark_internal_fail_at(in, start, E_INVALID,
                                             "a terminal is made of terminals, not of rules");
    if (in->is_common)
        TRY(grammar_lark_internal_common(in, name, &rule));
    else
        TRY(grammar_lark_internal_rule(in, name, start, &rule));
    *out = call_of(in, rule);
    return OK;
}

/* *out stays NULL where no item begins. */
static enum status read_item(struct grammar_lark_internal *in, struct grammar_expression **out)
{
    const int c = grammar_lark_internal_peek(in);
    bool is_token = c == '"' || c == '/';
    if (c == '(' || c == '[') {
        in->at++;
        TRY(read_group(in, c == '(' ? ")" : "]", out));
        if (c == '[')
            repeat(in, out, 0, 1);
    } else if (c == '"') {
        in->at++;
        TRY(grammar_lark_internal_string(in, out));
    } else if (c == '/') {
        in->at++;
        TRY(grammar_lark_internal_regex(in, out));
    } else if (c != '.' && is_name_char(in, c)) {
        TRY(read_call(in, out, &is_token));
    } else if (c == '?' || c == '*' || c == '+' || c == '~') {
        return fail(in, "nothing to repeat");
    }
    if (!is_token || in->is_terminal || !in->has_ignored)
        return OK;
    struct grammar_expression *both =
        grammar_expression_new(&in->out->arena, GRAMMAR_EXPRESSION_SEQUENCE);
    grammar_expression_append(both, call_of(in, in->ignored));
    grammar_expression_append(both, *out);
    *out = both;
    return OK;
}

static enum status read_sequence(struct grammar_lark_internal *in, struct grammar_expression **out)
{
    *out = grammar_expression_new(&in->out->arena, GRAMMAR_EXPRESSION_SEQUENCE);
    for (;;) {
        struct grammar_expression *item = NULL;
        skip_space(in, in->depth > 0);
        if (grammar_lark_internal_take(in, "->")) { /* the name of a node of the tree */
            struct str name;
            skip_space(in, false);
            TRY(read_name(in, &name));
            skip_space(in, in->depth > 0);
            return OK;
        }
        TRY(read_item(in, &item));
        if (!item)
            return OK;
        TRY(read_operator(in, &item));
        grammar_expression_append(*out, item);
    }
}

/* A line that begins with "|" belongs to the rule above. */
static bool take_bar(struct grammar_lark_internal *in)
{
    const size_t before = in->at;
    skip_space(in, true);
    if (grammar_lark_internal_take(in, "|"))
        return true;
    in->at = in->depth > 0 ? in->at : before;
    return false;
}

enum status grammar_lark_internal_choice(struct grammar_lark_internal *in,
                                         struct grammar_expression **out)
{
    *out = grammar_expression_new(&in->out->arena, GRAMMAR_EXPRESSION_CHOICE);
    do {
        struct grammar_expression *part = NULL;
        TRY(read_sequence(in, &part));
        grammar_expression_append(*out, part);
    } while (take_bar(in));
    return OK;
}

/* ---------------------------------------------------------------- rules */

static enum status end_line(struct grammar_lark_internal *in, const char *what)
{
    skip_space(in, false);
    const int c = grammar_lark_internal_peek(in);
    return c < 0 || c == '\n' ? OK : fail(in, what);
}

static void define(struct grammar_lark_internal *in, uint32_t rule, struct grammar_expression *body)
{
    in->out->rules[rule].body = body;
}

/* ".2" behind a name: which of two readings is preferred says nothing about texts. */
static enum status skip_priority(struct grammar_lark_internal *in)
{
    if (!grammar_lark_internal_take(in, "."))
        return OK;
    const size_t start = in->at;
    (void)grammar_lark_internal_take(in, "-");
    while (grammar_lark_internal_peek(in) >= '0' && grammar_lark_internal_peek(in) <= '9')
        in->at++;
    return in->at > start ? OK : fail(in, "a priority is a number");
}

static enum status read_rule(struct grammar_lark_internal *in)
{
    struct str name;
    uint32_t rule = 0;
    struct grammar_expression *body = NULL;
    while (grammar_lark_internal_peek(in) == '?' || grammar_lark_internal_peek(in) == '!')
        in->at++;
    const size_t start = in->at;
    TRY(read_name(in, &name));
    if (grammar_lark_internal_peek(in) == '{')
        return refuse(in, in->at, "templates are not supported");
    TRY(skip_priority(in));
    skip_space(in, false);
    if (!grammar_lark_internal_take(in, ":"))
        return fail(in, "\":\" is missing");
    TRY(grammar_lark_internal_rule(in, name, start, &rule));
    if (in->out->rules[rule].body)
        return grammar_lark_internal_fail_at(in, start, E_INVALID,
                                             "a second definition of the same name");
    in->is_terminal = is_terminal_name(name);
    TRY(grammar_lark_internal_choice(in, &body));
    in->is_terminal = false;
    define(in, rule, body);
    return end_line(in, "not what can stand in a rule");
}

/* ---------------------------------------------------------------- statements */

/* NAME of `common`, known as `as`. `at`: where it stands. */
static enum status import_name(struct grammar_lark_internal *in, struct str name, struct str as,
                               size_t at)
{
    uint32_t known = 0;
    uint32_t rule = 0;
    struct error *err = in->err;
    struct error ignored = {0};
    CLEANUP(strbuf_done) struct strbuf whole = {0};
    strbuf_addf(&whole, "common.%.*s", STR_ARG(name));
    in->err = &ignored;
    const enum status status = grammar_lark_internal_common(in, strbuf_view(&whole), &known);
    in->err = err;
    if (status != OK)
        return refuse(in, at, "the library `common` has no terminal of this name here");
    TRY(grammar_lark_internal_rule(in, as, at, &rule));
    if (in->out->rules[rule].body)
        return grammar_lark_internal_fail_at(in, at, E_INVALID,
                                             "a second definition of the same name");
    define(in, rule, call_of(in, known));
    return OK;
}

/* (NAME, NAME) */
static enum status import_list(struct grammar_lark_internal *in)
{
    do {
        struct str name;
        skip_space(in, true);
        const size_t at = in->at;
        TRY(read_name(in, &name));
        TRY(import_name(in, name, name, at));
        skip_space(in, true);
    } while (grammar_lark_internal_take(in, ","));
    return grammar_lark_internal_take(in, ")") ? OK : fail(in, "\")\" is missing");
}

/* Behind "%import". */
static enum status read_import(struct grammar_lark_internal *in)
{
    struct str name;
    skip_space(in, false);
    if (!grammar_lark_internal_take(in, "common"))
        return refuse(in, in->at, "only the library `common` can be imported from");
    if (grammar_lark_internal_take(in, ".")) {
        const size_t at = in->at;
        TRY(read_name(in, &name));
        struct str as = name;
        skip_space(in, false);
        if (grammar_lark_internal_take(in, "->")) {
            skip_space(in, false);
            TRY(read_name(in, &as));
        }
        return import_name(in, name, as, at);
    }
    skip_space(in, false);
    return grammar_lark_internal_take(in, "(")
               ? import_list(in)
               : fail(in, "the name of what is to be imported is missing");
}

/* Behind "%ignore". */
static enum status read_ignored(struct grammar_lark_internal *in)
{
    struct grammar_expression *body = NULL;
    struct grammar_expression *all = in->out->rules[in->ignored].body->first;
    uint32_t count = 0;
    for (const struct grammar_expression *i = all->first; i; i = i->next)
        count++;
    if (count == GRAMMAR_LARK_IGNORED_MAX)
        return grammar_lark_internal_fail_at(in, in->at, E_LIMIT,
                                             "too many %ignore statements (limit 64)");
    in->is_terminal = true;
    TRY(grammar_lark_internal_choice(in, &body));
    in->is_terminal = false;
    grammar_expression_append(all, body);
    return OK;
}

static enum status read_statement(struct grammar_lark_internal *in)
{
    const size_t start = in->at;
    if (grammar_lark_internal_take(in, "%import"))
        TRY(read_import(in));
    else if (grammar_lark_internal_take(in, "%ignore"))
        TRY(read_ignored(in));
    else
        return refuse(in, start, "of statements only %import and %ignore are supported");
    return end_line(in, "not what can stand in a statement");
}

/* ---------------------------------------------------------------- the whole */

/* The rule of what may stand between tokens: nothing so far. */
static enum status add_ignored(struct grammar_lark_internal *in)
{
    in->has_ignored = str_find(in->text, STR("%ignore"), 0) != SIZE_MAX;
    if (!in->has_ignored)
        return OK;
    TRY(grammar_lark_internal_rule(in, str_from_c(ignored_name), 0, &in->ignored));
    struct grammar_expression *body =
        grammar_expression_new(&in->out->arena, GRAMMAR_EXPRESSION_CHOICE);
    repeat(in, &body, 0, GRAMMAR_EXPRESSION_ENDLESS);
    define(in, in->ignored, body);
    return OK;
}

/* A choice of nothing would be no text at all. */
static void close_ignored(struct grammar_lark_internal *in)
{
    if (in->has_ignored && !in->out->rules[in->ignored].body->first->first)
        define(in, in->ignored,
               grammar_expression_new(&in->out->arena, GRAMMAR_EXPRESSION_SEQUENCE));
}

/* "start", and what may stand behind it. */
static enum status find_root(struct grammar_lark_internal *in, uint32_t *out)
{
    uint64_t start = 0;
    if (!hash_map_find(&in->names, STR("start"), &start) || !in->out->rules[start].body)
        return error_set(in->err, E_INVALID, "the grammar has no rule \"start\"");
    *out = (uint32_t)start;
    if (!in->has_ignored)
        return OK;
    TRY(grammar_lark_internal_rule(in, str_from_c(whole_name), 0, out));
    struct grammar_expression *body =
        grammar_expression_new(&in->out->arena, GRAMMAR_EXPRESSION_SEQUENCE);
    grammar_expression_append(body, call_of(in, (uint32_t)start));
    grammar_expression_append(body, call_of(in, in->ignored));
    define(in, *out, body);
    return OK;
}

static enum status read_all(struct grammar_lark_internal *in, uint32_t *out_root)
{
    TRY(add_ignored(in));
    for (skip_space(in, true); grammar_lark_internal_peek(in) >= 0; skip_space(in, true))
        TRY(grammar_lark_internal_peek(in) == '%' ? read_statement(in) : read_rule(in));
    close_ignored(in);
    for (uint32_t i = 0; i < in->out->count; i++) {
        const struct grammar_gbnf_internal_rule *rule = &in->out->rules[i];
        char what[GRAMMAR_GBNF_NAME_MAX + 48];
        if (rule->body)
            continue;
        snprintf(what, sizeof(what), "there is no rule or terminal \"%.*s\"", STR_ARG(rule->name));
        return grammar_lark_internal_fail_at(in, rule->at, E_INVALID, what);
    }
    TRY(find_root(in, out_root));
    grammar_lark_internal_unroll(in->out);
    return OK;
}

enum status grammar_lark_read(struct str text, struct grammar_gbnf_internal *out,
                              uint32_t *out_root, struct error *err)
{
    if (text.len > GRAMMAR_LARK_SIZE_MAX)
        return error_set(err, E_LIMIT, "the grammar has %zu bytes (limit %d)", text.len,
                         GRAMMAR_LARK_SIZE_MAX);
    if (!utf8_is_valid(text))
        return error_set(err, E_INVALID, "the grammar is no valid UTF-8");
    struct grammar_lark_internal in = {.text = text, .out = out, .err = err};
    const enum status status = read_all(&in, out_root);
    hash_map_done(&in.names);
    return status;
}

enum status grammar_lark_read_regex(struct str text, struct grammar_gbnf_internal *out,
                                    uint32_t *out_root, struct error *err)
{
    const struct grammar_regex_options options = {.is_of_grammar = true};
    struct grammar_lark_internal in = {.text = text, .out = out, .err = err};
    struct grammar_expression *body = NULL;
    enum status status = grammar_regex_parse_as(&out->arena, text, &options, &body, err);
    if (status == OK)
        status = grammar_lark_internal_rule(&in, str_from_c(whole_name), 0, out_root);
    if (status == OK) {
        (void)grammar_lark_internal_clean(body);
        define(&in, *out_root, body);
    }
    hash_map_done(&in.names);
    return status;
}
