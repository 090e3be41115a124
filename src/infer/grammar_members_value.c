#include "infer/grammar_members_value.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/grammar_automaton.h"
#include "infer/grammar_members_plain.h"
#include "infer/grammar_regex.h"
#include "infer/grammar_schema.h"
#include "infer/grammar_schema_formats.h"
#include "infer/grammar_schema_part.h"
#include "text/json.h"
#include "text/tool_schema.h"
#include "text/utf8.h"

/* ---------------------------------------------------------------- JSON */

enum status grammar_members_value_json(const struct grammar_members_value *in, const json_t *schema,
                                       uint32_t *out_rule, struct error *err)
{
    /* what is not enforced was said when all of the schema was read */
    CLEANUP(strbuf_done) struct strbuf said = {.size_max = GRAMMAR_WARNINGS_LEN_MAX};
    struct grammar_limits limits = *in->limits;
    if (limits.warnings)
        limits.warnings = &said;
    return grammar_schema_add_part(in->grammar, in->root, schema, &limits, out_rule, err);
}

static bool is_type(const json_t *schema, const char *name)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    return type && strcmp(type, name) == 0;
}

/* Words that a boolean or null may be; false: the schema is neither, or says more than its type. */
static bool add_words(const struct grammar_members_value *in, const json_t *schema,
                      uint32_t *out_rule)
{
    static const struct str words[] = {{"True", 4}, {"False", 5}, {"None", 4},
                                       {"true", 4}, {"false", 5}, {"null", 4}};
    const bool is_boolean = is_type(schema, "boolean");
    static const char *const more[] = {"enum", "const", "not", "if", "anyOf", "oneOf", "allOf"};
    bool says_more = false;
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        says_more |= json_object_get(schema, more[i]) != NULL;
    if (in->form->style == GRAMMAR_MEMBERS_BRACES || (!is_boolean && !is_type(schema, "null")) ||
        says_more)
        return false;
    struct str found[4];
    uint32_t count = 0;
    const bool has_json = in->form->style == GRAMMAR_MEMBERS_TAGS;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if ((i % 3 < 2) == is_boolean && (i < 3 || has_json))
            found[count++] = words[i];
    }
    *out_rule = grammar_add_words(in->grammar, found, NULL, count);
    return true;
}

/* ---------------------------------------------------------------- texts */

const json_t *grammar_members_value_choice(const json_t *plain, const char **out_keyword)
{
    static const char *const names[] = {"anyOf", "oneOf"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *choice = json_object_get(plain, names[i]);
        if (out_keyword)
            *out_keyword = names[i];
        if (json_is_array(choice))
            return choice;
    }
    return NULL;
}

json_t *grammar_members_value_with_rest(const json_t *plain, const char *keyword,
                                        const json_t *alternative)
{
    CLEANUP(json_decrefp) json_t *rest = json_copy((json_t *)(uintptr_t)plain);
    json_object_del(rest, keyword);
    return grammar_members_plain_both(rest, alternative);
}

/* The first that allows a text, or else, the first that says no type, or else the first. */
static const json_t *text_alternative(const struct grammar_members_value *in, const json_t *choice)
{
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(choice); i++) {
        const json_t *one = json_array_get(choice, i);
        if (tool_schema_is_text(in->root, one))
            return one;
        if (!found && !json_object_get(one, "type"))
            found = one;
    }
    return found ? found : json_array_get(choice, 0);
}

/* `schema` without references and without alternatives: of these, the first that allows a text. */
static enum status text_schema(struct grammar_members_value *in, const json_t *schema, json_t **out,
                               struct error *err)
{
    CLEANUP(json_decrefp) json_t *plain = NULL;
    TRY(grammar_members_plain(in->root, schema, &in->plain_steps, &plain, err));
    for (int depth = 0; depth < GRAMMAR_MEMBERS_DEPTH_MAX; depth++) {
        const char *keyword = NULL;
        const json_t *choice = grammar_members_value_choice(plain, &keyword);
        if (!choice) {
            *out = json_incref(plain);
            return OK;
        }
        CLEANUP(json_decrefp)
        json_t *one = grammar_members_value_with_rest(plain, keyword, text_alternative(in, choice));
        json_decref(plain);
        plain = NULL;
        TRY(grammar_members_plain(in->root, one, &in->plain_steps, &plain, err));
    }
    return error_set(err, E_LIMIT, "alternatives inside alternatives (limit %d)",
                     GRAMMAR_MEMBERS_DEPTH_MAX);
}

/* What no text may hold: the tag behind it, or the mark around it. Of a tag that begins with a mark
 * only the part from one '<' up to the next: no tag can come without it. */
static struct str forbidden_in(const struct grammar_members_form *form)
{
    if (form->style == GRAMMAR_MEMBERS_BRACES)
        return form->quote;
    if (form->style != GRAMMAR_MEMBERS_ELEMENTS)
        return str_trim(form->value_close);
    const size_t start = str_find_char(form->value_close, '<', 0);
    const size_t end = str_find_char(form->value_close, '<', start + 1);
    return str_slice(form->value_close, start, end);
}

enum { PATTERNS_MAX = 8 };

/* What a schema says about a text, its list of values left out. */
struct text_bounds {
    uint32_t min; /* characters */
    uint32_t max;
    bool has_max; /* the schema says so */
    struct str patterns[PATTERNS_MAX];
    size_t pattern_count;
};

static bool is_writable(struct str text, struct str without)
{
    bool is_fine = text.len > 0 && utf8_is_valid(text) && str_find(text, without, 0) == SIZE_MAX;
    for (size_t i = 0; i < text.len; i++)
        is_fine &= (unsigned char)text.ptr[i] >= ' ' || text.ptr[i] == '\n' || text.ptr[i] == '\t';
    return is_fine;
}

/* One of the listed texts. */
static enum status add_listed(const struct grammar_members_value *in, const json_t *values,
                              const struct text_bounds *bounds, uint32_t *out_rule,
                              struct error *err)
{
    const size_t size = json_array_size(values);
    const struct str without = forbidden_in(in->form);
    CLEANUP(mem_freep) struct str *texts = mem_alloc((size + 1) * sizeof(*texts));
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++) {
        const struct str text = json_str(json_array_get(values, i));
        const uint64_t len = grammar_schema_part_characters(text);
        if (text.ptr && is_writable(text, without) && len >= bounds->min && len <= bounds->max)
            texts[count++] = text;
    }
    if (count == 0)
        return error_set(err, E_UNSUPPORTED, "none of the listed texts can be written");
    if (bounds->pattern_count)
        return error_set(err, E_UNSUPPORTED,
                         "a list of texts beside a pattern cannot be enforced in this form");
    *out_rule = grammar_add_words(in->grammar, texts, NULL, count);
    return OK;
}

static uint32_t bound_of(const json_t *schema, const char *keyword, uint32_t otherwise)
{
    const json_t *value = json_object_get(schema, keyword);
    const json_int_t bound = json_integer_value(value);
    if (!json_is_integer(value) || bound < 0)
        return otherwise;
    return bound < GRAMMAR_STRING_LEN_MAX ? (uint32_t)bound : GRAMMAR_STRING_LEN_MAX;
}

/* The expression for a pattern or format. */
static enum status build(struct grammar_members_value *in, struct arena *arena, struct str pattern,
                         struct grammar_automaton *out, struct error *err)
{
    const struct grammar_automaton_options options = {.is_searched = true, .work = &in->work};
    struct grammar_expression *expression = NULL;
    TRY(grammar_regex_parse(arena, pattern, &expression, err));
    return grammar_automaton_build(expression, &options, out, err);
}

/* Texts that match all patterns, and hold no '<' so that no tag can begin in them. */
static enum status add_patterns(struct grammar_members_value *in, const struct text_bounds *bounds,
                                uint32_t *out_rule, struct error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    CLEANUP(grammar_automaton_done) struct grammar_automaton all = {0};
    CLEANUP(grammar_automaton_done) struct grammar_automaton whole = {0};
    TRY(build(in, &arena, STR("^[^<\\x00-\\x08\\x0b-\\x1f]*$"), &all, err));
    for (size_t i = 0; i < bounds->pattern_count; i++) {
        CLEANUP(grammar_automaton_done) struct grammar_automaton wanted = {0};
        struct grammar_automaton both = {0};
        TRY(build(in, &arena, bounds->patterns[i], &wanted, err));
        TRY(grammar_automaton_intersect(&wanted, &all, &both, err));
        grammar_automaton_done(&all);
        all = both;
    }
    TRY(grammar_automaton_bound(&all, bounds->min, bounds->has_max ? bounds->max : UINT32_MAX,
                                &whole, err));
    if (whole.state_count == 0)
        return error_set(err, E_UNSUPPORTED, "no text matches the pattern");
    *out_rule = grammar_automaton_add(in->grammar, &whole, false);
    return OK;
}

static enum status add_one_pattern(struct text_bounds *bounds, struct str pattern,
                                   struct error *err)
{
    if (!pattern.len)
        return OK;
    if (bounds->pattern_count == PATTERNS_MAX)
        return error_set(err, E_LIMIT, "more than %d patterns for one text", PATTERNS_MAX);
    bounds->patterns[bounds->pattern_count++] = pattern;
    return OK;
}

/* What cannot be enforced is an error, or, for a lenient caller, a line. */
static enum status give_up(const struct grammar_members_value *in, const char *keyword,
                           struct error *err)
{
    struct strbuf *warnings = in->limits->warnings;
    if (!warnings)
        return error_set(err, E_UNSUPPORTED, "\"%s\" cannot be enforced in this form", keyword);
    if (warnings->len < GRAMMAR_WARNINGS_LEN_MAX)
        strbuf_addf(warnings, "\"%s\" at #/properties/%.*s is not enforced in this form\n", keyword,
                    GRAMMAR_MEMBERS_NAME_MAX, in->member);
    return OK;
}

/* `plain`: of a text; what could not be put together stands in its allOf. */
static enum status read_bounds(const struct grammar_members_value *in, const json_t *plain,
                               struct text_bounds *out, struct error *err)
{
    const json_t *left = json_object_get(plain, "allOf");
    const uint32_t limit =
        in->limits->string_len_max ? in->limits->string_len_max : GRAMMAR_STRING_LEN_DEFAULT;
    *out = (struct text_bounds){.min = bound_of(plain, "minLength", 0),
                                .has_max = json_object_get(plain, "maxLength") != NULL};
    out->max = bound_of(plain, "maxLength", out->min > limit ? out->min : limit);
    for (size_t i = 0; i <= json_array_size(left); i++) {
        const json_t *one = i ? json_array_get(left, i - 1) : plain;
        const struct str format = json_str(json_object_get(one, "format"));
        TRY(add_one_pattern(out, json_str(json_object_get(one, "pattern")), err));
        TRY(add_one_pattern(out, grammar_schema_formats_pattern(format), err));
        if (json_object_get(one, "not"))
            TRY(give_up(in, "not", err));
        if (json_object_get(one, "if"))
            TRY(give_up(in, "if", err));
    }
    return OK;
}

enum status grammar_members_value_text(struct grammar_members_value *in, const json_t *schema,
                                       uint32_t *out_rule, struct error *err)
{
    CLEANUP(json_decrefp) json_t *plain = NULL;
    struct text_bounds bounds;
    TRY(text_schema(in, schema, &plain, err));
    TRY(read_bounds(in, plain, &bounds, err));
    const json_t *values = json_object_get(plain, "enum");
    if (json_is_array(values))
        return add_listed(in, values, &bounds, out_rule, err);
    if (bounds.pattern_count)
        return add_patterns(in, &bounds, out_rule, err);
    *out_rule = grammar_add_text(in->grammar, forbidden_in(in->form), bounds.min, bounds.max);
    return OK;
}

/* ---------------------------------------------------------------- braces */

static enum status add_braced(struct grammar_members_value *in, const json_t *schema, int depth,
                              uint32_t *out_rule, struct error *err);

static uint32_t literal(const struct grammar_members_value *in, struct str text)
{
    return in->form->text(in->form->context, in->grammar, text);
}

static enum status add_marked(struct grammar_members_value *in, const json_t *schema,
                              uint32_t *out_rule, struct error *err)
{
    uint32_t parts[3] = {0};
    TRY(grammar_members_value_text(in, schema, &parts[1], err));
    parts[0] = literal(in, in->form->quote);
    parts[2] = literal(in, in->form->quote);
    *out_rule = grammar_add_sequence(in->grammar, parts, 3);
    return OK;
}

void grammar_members_value_counts(const struct grammar_members_value *in, const json_t *plain,
                                  uint32_t *out_least, uint32_t *out_most)
{
    const uint32_t limit =
        in->limits->array_len_max ? in->limits->array_len_max : GRAMMAR_ARRAY_LEN_DEFAULT;
    *out_least = bound_of(plain, "minItems", 0);
    *out_most = bound_of(plain, "maxItems", *out_least > limit ? *out_least : limit);
}

/* [item,item]: so many of them. */
static enum status add_list(struct grammar_members_value *in, const json_t *schema, int depth,
                            uint32_t *out_rule, struct error *err)
{
    struct grammar *grammar = in->grammar;
    const json_t *items = json_object_get(schema, "items");
    uint32_t least = 0;
    uint32_t most = 0;
    uint32_t item = 0;
    grammar_members_value_counts(in, schema, &least, &most);
    if (least > GRAMMAR_MEMBERS_LEAST_MAX || json_object_get(schema, "prefixItems"))
        return error_set(err, E_UNSUPPORTED, "a list of this kind cannot be enforced in this form");
    TRY(add_braced(in, items, depth + 1, &item, err));
    const uint32_t close = grammar_add_literal(grammar, STR("]"));
    const uint32_t next =
        grammar_add_sequence(grammar, (const uint32_t[]){literal(in, STR(",")), item}, 2);
    uint32_t parts[GRAMMAR_MEMBERS_LEAST_MAX + 3];
    uint32_t count = 0;
    for (uint32_t i = 1; i < least; i++)
        parts[count++] = i == 1 ? item : next;
    if (most > 0) {
        const uint32_t left = most - (least > 1 ? least - 1 : 0);
        parts[count] = grammar_add_repeat(grammar, least > 1 ? next : item, next, left);
        count++;
    }
    parts[count++] = close;
    uint32_t rule = grammar_add_sequence(grammar, parts, count);
    if (least == 0 && most > 0)
        rule = grammar_add_choice(grammar, (const uint32_t[]){rule, close}, 2);
    *out_rule = grammar_add_sequence(
        grammar, (const uint32_t[]){grammar_add_literal(grammar, STR("[")), rule}, 2);
    return least <= most ? OK : error_set(err, E_INVALID, "minItems is more than maxItems");
}

/* One of the schemas of a list, each under what is said beside them. */
static enum status add_alternatives(struct grammar_members_value *in, const json_t *plain,
                                    const char *keyword, const json_t *choice, int depth,
                                    uint32_t *out_rule, struct error *err)
{
    uint32_t rules[GRAMMAR_CHOICES_MAX];
    const size_t count = json_array_size(choice);
    if (count == 0 || count > GRAMMAR_CHOICES_MAX)
        return error_set(err, E_LIMIT, "%zu alternatives (limits 1 and %d)", count,
                         GRAMMAR_CHOICES_MAX);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(json_decrefp)
        json_t *one = grammar_members_value_with_rest(plain, keyword, json_array_get(choice, i));
        TRY(add_braced(in, one, depth + 1, &rules[i], err));
    }
    *out_rule = grammar_add_choice(in->grammar, rules, (uint32_t)count);
    return OK;
}

/* Each type of a list of them, as a schema of its own. */
static enum status add_types(struct grammar_members_value *in, const json_t *plain, int depth,
                             uint32_t *out_rule, struct error *err)
{
    const json_t *types = json_object_get(plain, "type");
    CLEANUP(json_decrefp) json_t *choice = json_array();
    for (size_t i = 0; i < json_array_size(types); i++)
        json_array_append_new(choice, json_pack("{s:O}", "type", json_array_get(types, i)));
    return add_alternatives(in, plain, "type", choice, depth, out_rule, err);
}

/* {key:value}: the members of an object inside another value. */
static enum status add_object(struct grammar_members_value *in, const json_t *plain, int depth,
                              uint32_t *out_rule, struct error *err)
{
    uint32_t rule = 0;
    const uint32_t close = grammar_add_literal(in->grammar, STR("}"));
    TRY(grammar_members_add_inside(in, plain, depth + 1, close, &rule, err));
    *out_rule = grammar_add_sequence(
        in->grammar, (const uint32_t[]){grammar_add_literal(in->grammar, STR("{")), rule}, 2);
    return OK;
}

/* Is every value of a list one that is written as JSON has it? */
static bool are_words(const json_t *values)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        if (!json_is_number(value) && !json_is_boolean(value) && !json_is_null(value))
            return false;
    }
    return json_array_size(values) > 0;
}

/* Is there an "if", in the schema itself or in what could not be put together with it? */
static bool has_condition(const json_t *plain)
{
    const json_t *left = json_object_get(plain, "allOf");
    bool found = json_object_get(plain, "if") != NULL;
    for (size_t i = 0; i < json_array_size(left); i++)
        found |= json_object_get(json_array_get(left, i), "if") != NULL;
    return found;
}

/* A value of one type, without references and alternatives. */
static enum status add_plain(struct grammar_members_value *in, const json_t *schema,
                             const json_t *plain, int depth, uint32_t *out_rule, struct error *err)
{
    const json_t *type = json_object_get(plain, "type");
    const json_t *values = json_object_get(plain, "enum");
    const bool is_object =
        is_type(plain, "object") || (!type && !values && json_object_get(plain, "properties"));
    if ((is_object || is_type(plain, "array")) && values)
        return error_set(err, E_UNSUPPORTED,
                         "a list of objects or arrays cannot be enforced in this form");
    if ((is_object || is_type(plain, "array")) && json_object_get(plain, "not"))
        TRY(give_up(in, "not", err));
    if ((is_object || is_type(plain, "array")) && has_condition(plain))
        TRY(give_up(in, "if", err));
    if (is_object)
        return add_object(in, plain, depth, out_rule, err);
    if (is_type(plain, "array"))
        return add_list(in, plain, depth, out_rule, err);
    if (is_type(plain, "integer") || is_type(plain, "number") || is_type(plain, "boolean") ||
        is_type(plain, "null") || (!type && are_words(values)))
        return grammar_members_value_json(in, schema, out_rule, err);
    if (type && !is_type(plain, "string"))
        return error_set(err, E_INVALID, "the type of a value is unknown");
    return add_marked(in, plain, out_rule, err); /* anything may be a text */
}

static enum status build_braced(struct grammar_members_value *in, const json_t *schema, int depth,
                                uint32_t *out_rule, struct error *err)
{
    CLEANUP(json_decrefp) json_t *plain = NULL;
    const char *keyword = NULL;
    if (depth > GRAMMAR_MEMBERS_DEPTH_MAX || ++in->count > GRAMMAR_MEMBERS_VALUES_MAX)
        return error_set(err, E_LIMIT, "too many or too deep values (limits %d and %d)",
                         GRAMMAR_MEMBERS_VALUES_MAX, GRAMMAR_MEMBERS_DEPTH_MAX);
    TRY(grammar_members_plain(in->root, schema, &in->plain_steps, &plain, err));
    const json_t *choice = grammar_members_value_choice(plain, &keyword);
    if (choice)
        return add_alternatives(in, plain, keyword, choice, depth, out_rule, err);
    if (json_is_array(json_object_get(plain, "type")))
        return add_types(in, plain, depth, out_rule, err);
    return add_plain(in, schema, plain, depth, out_rule, err);
}

/* A value; schemas that read the same share a rule, so that one may lead back to itself. */
static enum status add_braced(struct grammar_members_value *in, const json_t *schema, int depth,
                              uint32_t *out_rule, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {.size_max = JSON_SIZE_MAX};
    uint64_t known = 0;
    uint32_t built = 0;
    json_write_python(schema, &text);
    if (text.overflowed)
        return error_set(err, E_LIMIT, "a schema is too large (limit %d bytes)", JSON_SIZE_MAX);
    if (hash_map_find(&in->rules, strbuf_view(&text), &known)) {
        *out_rule = (uint32_t)known;
        return OK;
    }
    const uint32_t rule = grammar_reserve(in->grammar);
    hash_map_add(&in->rules, arena_copy_str(&in->arena, strbuf_view(&text)), rule);
    TRY(build_braced(in, schema, depth, &built, err));
    grammar_fill(in->grammar, rule, grammar_add_choice(in->grammar, &built, 1));
    *out_rule = rule;
    return OK;
}

/* ---------------------------------------------------------------- all of them */

void grammar_members_value_done(struct grammar_members_value *in)
{
    hash_map_done(&in->rules);
    arena_done(&in->arena);
}

enum status grammar_members_value_add(struct grammar_members_value *in, const json_t *schema,
                                      int depth, uint32_t *out_rule, struct error *err)
{
    if (in->form->style == GRAMMAR_MEMBERS_BRACES)
        return add_braced(in, schema, depth, out_rule, err);
    if (in->form->style == GRAMMAR_MEMBERS_TAGS && tool_schema_is_text(in->root, schema))
        return grammar_members_value_text(in, schema, out_rule, err);
    CLEANUP(json_decrefp) json_t *plain = NULL;
    TRY(grammar_members_plain(in->root, schema, &in->plain_steps, &plain, err));
    if (add_words(in, plain, out_rule))
        return OK;
    return grammar_members_value_json(in, schema, out_rule, err);
}
