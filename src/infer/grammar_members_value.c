#include "infer/grammar_members_value.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/grammar_automaton.h"
#include "infer/grammar_regex.h"
#include "infer/grammar_schema.h"
#include "infer/grammar_schema_formats.h"
#include "text/json.h"
#include "text/tool_schema.h"
#include "text/utf8.h"

/* ---------------------------------------------------------------- JSON */

/* A schema that stands alone: with the definitions that it may refer to. New reference. */
static json_t *with_definitions(const struct grammar_members_value *in, const json_t *schema)
{
    static const char *const names[] = {"$defs", "definitions"};
    if (!json_is_object(schema))
        return json_incref((json_t *)(uintptr_t)schema);
    json_t *alone = json_copy((json_t *)(uintptr_t)schema);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_t *definitions = json_object_get(in->root, names[i]);
        if (definitions && !json_object_get(alone, names[i]))
            json_object_set(alone, names[i], definitions);
    }
    return alone;
}

static enum status add_json(const struct grammar_members_value *in, const json_t *schema,
                            uint32_t *out_rule, struct error *err)
{
    CLEANUP(json_decrefp) json_t *alone = with_definitions(in, schema);
    return grammar_schema_add(in->grammar, alone, in->limits, out_rule, err);
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
    if (in->form->style == GRAMMAR_MEMBERS_BRACES || (!is_boolean && !is_type(schema, "null")) ||
        json_object_get(schema, "enum") || json_object_get(schema, "const"))
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

/* The one of the alternatives that allows a text. */
static const json_t *text_schema(const json_t *schema)
{
    static const char *const names[] = {"anyOf", "oneOf"};
    for (int depth = 0; depth < GRAMMAR_MEMBERS_DEPTH_MAX; depth++) {
        const json_t *inner = NULL;
        for (size_t k = 0; k < ARRAY_LEN(names) && !json_object_get(schema, "type"); k++) {
            const json_t *choice = json_object_get(schema, names[k]);
            for (size_t i = 0; i < json_array_size(choice) && !inner; i++) {
                const json_t *one = json_array_get(choice, i);
                inner = tool_schema_is_text(one) ? one : NULL;
            }
        }
        if (!inner)
            return schema;
        schema = inner;
    }
    return schema;
}

/* What no text may hold: the tag behind it, or the mark around it. */
static struct str forbidden_in(const struct grammar_members_form *form)
{
    return form->style == GRAMMAR_MEMBERS_BRACES ? form->quote : str_trim(form->value_close);
}

static bool is_writable(struct str text, struct str without)
{
    bool is_fine = text.len > 0 && utf8_is_valid(text) && str_find(text, without, 0) == SIZE_MAX;
    for (size_t i = 0; i < text.len; i++)
        is_fine &= (unsigned char)text.ptr[i] >= ' ' || text.ptr[i] == '\n' || text.ptr[i] == '\t';
    return is_fine;
}

/* One of the listed texts. */
static enum status add_listed(const struct grammar_members_value *in, const json_t *values,
                              struct str without, uint32_t *out_rule, struct error *err)
{
    const size_t size = json_array_size(values);
    CLEANUP(mem_freep) struct str *texts = mem_alloc((size + 1) * sizeof(*texts));
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++) {
        const struct str text = json_str(json_array_get(values, i));
        if (text.ptr && is_writable(text, without))
            texts[count++] = text;
    }
    if (count == 0)
        return error_set(err, E_UNSUPPORTED, "none of the listed texts can be written");
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

/* Texts that match a pattern, and hold no '<' so that no tag can begin in them. */
static enum status add_pattern(struct grammar_members_value *in, struct str pattern,
                               uint32_t len_min, uint32_t len_max, uint32_t *out_rule,
                               struct error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    CLEANUP(grammar_automaton_done) struct grammar_automaton wanted = {0};
    CLEANUP(grammar_automaton_done) struct grammar_automaton untagged = {0};
    CLEANUP(grammar_automaton_done) struct grammar_automaton both = {0};
    CLEANUP(grammar_automaton_done) struct grammar_automaton whole = {0};
    TRY(build(in, &arena, pattern, &wanted, err));
    TRY(build(in, &arena, STR("^[^<\\x00-\\x08\\x0b-\\x1f]*$"), &untagged, err));
    TRY(grammar_automaton_intersect(&wanted, &untagged, &both, err));
    TRY(grammar_automaton_bound(&both, len_min, len_max, &whole, err));
    if (whole.state_count == 0)
        return error_set(err, E_UNSUPPORTED, "no text matches the pattern");
    *out_rule = grammar_automaton_add(in->grammar, &whole, false);
    return OK;
}

static enum status add_text(struct grammar_members_value *in, const json_t *schema,
                            uint32_t *out_rule, struct error *err)
{
    const struct str without = forbidden_in(in->form);
    schema = text_schema(schema);
    const json_t *values = json_object_get(schema, "enum");
    const json_t *constant = json_object_get(schema, "const");
    if (constant) {
        CLEANUP(json_decrefp) json_t *one = json_pack("[O]", constant);
        return add_listed(in, one, without, out_rule, err);
    }
    if (json_is_array(values))
        return add_listed(in, values, without, out_rule, err);
    const uint32_t limit =
        in->limits->string_len_max ? in->limits->string_len_max : GRAMMAR_STRING_LEN_DEFAULT;
    const uint32_t len_min = bound_of(schema, "minLength", 0);
    const uint32_t len_max = bound_of(schema, "maxLength", len_min > limit ? len_min : limit);
    struct str pattern = json_str(json_object_get(schema, "pattern"));
    const struct str format = json_str(json_object_get(schema, "format"));
    if (!pattern.ptr && format.ptr)
        pattern = grammar_schema_formats_pattern(format);
    if (pattern.ptr)
        return add_pattern(in, pattern, len_min,
                           json_object_get(schema, "maxLength") ? len_max : UINT32_MAX, out_rule,
                           err);
    *out_rule = grammar_add_text(in->grammar, without, len_min, len_max);
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
    TRY(add_text(in, schema, &parts[1], err));
    parts[0] = literal(in, in->form->quote);
    parts[2] = literal(in, in->form->quote);
    *out_rule = grammar_add_sequence(in->grammar, parts, 3);
    return OK;
}

/* [item,item]: so many of them. */
static enum status add_list(struct grammar_members_value *in, const json_t *schema, int depth,
                            uint32_t *out_rule, struct error *err)
{
    struct grammar *grammar = in->grammar;
    const json_t *items = json_object_get(schema, "items");
    const uint32_t limit =
        in->limits->array_len_max ? in->limits->array_len_max : GRAMMAR_ARRAY_LEN_DEFAULT;
    const uint32_t least = bound_of(schema, "minItems", 0);
    const uint32_t most = bound_of(schema, "maxItems", least > limit ? least : limit);
    uint32_t item = 0;
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

static enum status add_alternatives(struct grammar_members_value *in, const json_t *choice,
                                    int depth, uint32_t *out_rule, struct error *err)
{
    uint32_t rules[GRAMMAR_CHOICES_MAX];
    const size_t count = json_array_size(choice);
    if (count == 0 || count > GRAMMAR_CHOICES_MAX)
        return error_set(err, E_LIMIT, "%zu alternatives (limits 1 and %d)", count,
                         GRAMMAR_CHOICES_MAX);
    for (size_t i = 0; i < count; i++)
        TRY(add_braced(in, json_array_get(choice, i), depth + 1, &rules[i], err));
    *out_rule = grammar_add_choice(in->grammar, rules, (uint32_t)count);
    return OK;
}

/* {key:value}: the members of an object inside another value. */
static enum status add_object(struct grammar_members_value *in, const json_t *schema,
                              uint32_t *out_rule, struct error *err)
{
    uint32_t rule = 0;
    const uint32_t close = grammar_add_literal(in->grammar, STR("}"));
    TRY(grammar_members_add(in->grammar, schema, in->form, close, in->limits, &rule, err));
    *out_rule = grammar_add_sequence(
        in->grammar, (const uint32_t[]){grammar_add_literal(in->grammar, STR("{")), rule}, 2);
    return OK;
}

/* The keywords that this form can hold values to. */
static enum status check_braced(const json_t *schema, struct error *err)
{
    static const char *const refused[] = {
        "$ref", "allOf", "not", "oneOf", "multipleOf", "if", "patternProperties"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (json_object_get(schema, refused[i]))
            return error_set(err, E_UNSUPPORTED, "\"%s\" cannot be enforced in this form",
                             refused[i]);
    }
    return OK;
}

/* Each type of a list of them, as a schema of its own. */
static enum status add_types(struct grammar_members_value *in, const json_t *schema,
                             const json_t *types, int depth, uint32_t *out_rule, struct error *err)
{
    CLEANUP(json_decrefp) json_t *choice = json_array();
    for (size_t i = 0; i < json_array_size(types); i++) {
        json_t *one = json_copy((json_t *)(uintptr_t)schema);
        json_object_set(one, "type", json_array_get(types, i));
        json_array_append_new(choice, one);
    }
    return add_alternatives(in, choice, depth, out_rule, err);
}

static enum status add_braced(struct grammar_members_value *in, const json_t *schema, int depth,
                              uint32_t *out_rule, struct error *err)
{
    const json_t *types = json_object_get(schema, "type");
    if (depth > GRAMMAR_MEMBERS_DEPTH_MAX || ++in->count > GRAMMAR_MEMBERS_VALUES_MAX)
        return error_set(err, E_LIMIT, "too many or too deep values (limits %d and %d)",
                         GRAMMAR_MEMBERS_VALUES_MAX, GRAMMAR_MEMBERS_DEPTH_MAX);
    TRY(check_braced(schema, err));
    if (json_is_array(types))
        return add_types(in, schema, types, depth, out_rule, err);
    if (json_object_get(schema, "anyOf"))
        return add_alternatives(in, json_object_get(schema, "anyOf"), depth, out_rule, err);
    if (is_type(schema, "object") || (!types && json_object_get(schema, "properties")))
        return add_object(in, schema, out_rule, err);
    if (is_type(schema, "array"))
        return add_list(in, schema, depth, out_rule, err);
    if (is_type(schema, "integer") || is_type(schema, "number") || is_type(schema, "boolean") ||
        is_type(schema, "null"))
        return add_json(in, schema, out_rule, err);
    if (types && !is_type(schema, "string"))
        return error_set(err, E_INVALID, "the type of a value is unknown");
    return add_marked(in, schema, out_rule, err); /* anything may be a text */
}

/* ---------------------------------------------------------------- all of them */

enum status grammar_members_value_add(struct grammar_members_value *in, const json_t *schema,
                                      uint32_t *out_rule, struct error *err)
{
    if (in->form->style == GRAMMAR_MEMBERS_BRACES)
        return add_braced(in, schema, 0, out_rule, err);
    if (in->form->style == GRAMMAR_MEMBERS_TAGS && tool_schema_is_text(schema))
        return add_text(in, schema, out_rule, err);
    if (add_words(in, schema, out_rule))
        return OK;
    return add_json(in, schema, out_rule, err);
}
