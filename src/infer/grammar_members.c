#include "infer/grammar_members.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/grammar_members_elements.h"
#include "infer/grammar_members_plain.h"
#include "infer/grammar_members_value.h"
#include "infer/grammar_schema.h"
#include "infer/grammar_schema_keywords.h"
#include "text/json.h"
#include "text/tool_schema.h"
#include "text/utf8.h"

enum { NAME_SHOWN_MAX = 64 };

/* ---------------------------------------------------------------- what the schema says */

/* One member of the arguments. */
struct member {
    struct str name;
    const json_t *schema;
    bool is_required;
    uint32_t then; /* the rule behind its key_open and name */
};

static bool is_known(const char *keyword, const json_t *value)
{
    static const char *const known[] = {"type", "properties", "required", "additionalProperties",
                                        "strict"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(keyword, known[i]) == 0)
            return true;
    }
    return grammar_members_is_annotation(keyword, value);
}

bool grammar_members_is_annotation(const char *keyword, const json_t *value)
{
    const enum grammar_schema_keyword kind =
        grammar_schema_keywords_find(str_from_c(keyword), value);
    return kind == GRAMMAR_SCHEMA_ANNOTATION || kind == GRAMMAR_SCHEMA_ROOT_ONLY;
}

static enum status check_keywords(const json_t *schema, const struct grammar_limits *limits,
                                  struct error *err)
{
    const char *keyword = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)schema, keyword, value)
    {
        if (is_known(keyword, value))
            continue;
        if (!limits->warnings)
            return error_set(err, E_UNSUPPORTED,
                             "\"%.*s\" beside the properties cannot be enforced in this form",
                             NAME_SHOWN_MAX, keyword);
        strbuf_addf(limits->warnings, "\"%.*s\" at # is not enforced in this form\n",
                    NAME_SHOWN_MAX, keyword);
    }
    return OK;
}

static bool is_required(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *one = json_string_value(json_array_get(required, i));
        if (one && strcmp(one, name) == 0)
            return true;
    }
    return false;
}

/* Can the name stand in front of a value without being taken for something else? */
static bool is_writable(struct str name, const struct grammar_members_form *form)
{
    const bool has_tags =
        form->style == GRAMMAR_MEMBERS_TAGS || form->style == GRAMMAR_MEMBERS_ELEMENTS;
    const char *taken = has_tags ? "<>\"" : "<>=:,()[]{}\"'";
    bool is_fine = name.len > 0 && name.len <= GRAMMAR_MEMBERS_NAME_MAX && utf8_is_valid(name) &&
                   str_equal(str_trim(name), name) &&
                   (form->style != GRAMMAR_MEMBERS_ELEMENTS || name.ptr[0] != '/');
    for (size_t i = 0; i < name.len; i++)
        is_fine &= (unsigned char)name.ptr[i] >= ' ' && !strchr(taken, name.ptr[i]);
    return is_fine;
}

/* Every required name must be a property. */
static enum status check_required(const json_t *schema, struct error *err)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (name && !json_object_get(json_object_get(schema, "properties"), name))
            return error_set(err, E_UNSUPPORTED, "\"%.*s\" is required and not described",
                             NAME_SHOWN_MAX, name);
    }
    return OK;
}

static enum status read_members(const json_t *schema, const struct grammar_members_form *form,
                                const struct grammar_limits *limits, struct member *members,
                                struct error *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    size_t i = 0;
    TRY(check_keywords(schema, limits, err));
    TRY(check_required(schema, err));
    json_object_foreach(json_object_get(schema, "properties"), name, value)
    {
        const struct str text = str_from_c(name);
        if (!is_writable(text, form))
            return error_set(err, E_UNSUPPORTED,
                             "the property \"%.*s\" cannot be written in this form", NAME_SHOWN_MAX,
                             name);
        members[i++] = (struct member){text, value, is_required(schema, name), GRAMMAR_NONE};
    }
    return OK;
}

bool grammar_members_can_write(const json_t *plain, const struct grammar_members_form *form)
{
    const json_t *properties = json_object_get(plain, "properties");
    const char *name = NULL;
    json_t *value = NULL;
    bool can = json_object_size(properties) > 0 &&
               json_object_size(properties) <= GRAMMAR_MEMBERS_MAX &&
               check_required(plain, NULL) == OK;
    json_object_foreach((json_t *)(uintptr_t)properties, name, value) can &=
        is_writable(str_from_c(name), form);
    return can;
}

/* ---------------------------------------------------------------- rules */

struct builder {
    struct grammar *grammar;
    const struct grammar_members_form *form;
    struct member *members;
    uint32_t count;
    uint32_t end;
};

static uint32_t sequence(const struct builder *b, uint32_t first, uint32_t second)
{
    if (first == GRAMMAR_NONE || second == GRAMMAR_NONE)
        return first == GRAMMAR_NONE ? second : first;
    return grammar_add_sequence(b->grammar, (const uint32_t[]){first, second}, 2);
}

static uint32_t text(const struct builder *b, struct str literal)
{
    return literal.len ? b->form->text(b->form->context, b->grammar, literal) : GRAMMAR_NONE;
}

/* A member's value and what ends it. */
static enum status add_value(struct grammar_members_value *in, const struct builder *b,
                             const struct member *member, int depth, uint32_t *out,
                             struct error *err)
{
    if (b->form->style == GRAMMAR_MEMBERS_ELEMENTS)
        return grammar_members_elements_add(in, member->schema, member->name, depth, out, err);
    TRY(grammar_members_value_add(in, member->schema, depth, out, err));
    *out = sequence(b, *out, text(b, b->form->value_close));
    return OK;
}

/* What may come where members from `index` on are left: one of them up to the first that must, or
 * the end. */
static uint32_t add_choice(const struct builder *b, uint32_t index, bool is_first)
{
    const struct grammar_members_form *form = b->form;
    uint32_t last = index;
    while (last < b->count && !b->members[last].is_required)
        last++;
    const bool may_end = last == b->count;
    const uint32_t count = (may_end ? last : last + 1) - index;
    if (count == 0)
        return b->end;
    CLEANUP(mem_freep) struct str *names = mem_alloc(count * sizeof(*names));
    CLEANUP(mem_freep) uint32_t *then = mem_alloc(count * sizeof(*then));
    for (uint32_t i = 0; i < count; i++) {
        names[i] = b->members[index + i].name;
        then[i] = b->members[index + i].then;
    }
    uint32_t rule = grammar_add_words(b->grammar, names, then, count);
    rule = sequence(b, text(b, form->key_open), rule);
    if (!is_first)
        rule = sequence(b, text(b, form->separator), rule);
    if (!may_end)
        return rule;
    return grammar_add_choice(b->grammar, (const uint32_t[]){rule, b->end}, 2);
}

enum status grammar_members_add_inside(struct grammar_members_value *in, const json_t *schema,
                                       int depth, uint32_t end, uint32_t *out_rule,
                                       struct error *err)
{
    CLEANUP(json_decrefp) json_t *plain = NULL;
    const struct grammar_members_form *form = in->form;
    TRY(grammar_members_plain(in->root, schema, &in->plain_steps, &plain, err));
    const size_t count = json_object_size(json_object_get(plain, "properties"));
    if (count > GRAMMAR_MEMBERS_MAX)
        return error_set(err, E_LIMIT, "%zu properties (limit %d)", count, GRAMMAR_MEMBERS_MAX);
    CLEANUP(mem_freep) struct member *members = mem_zalloc((count + 1) * sizeof(*members));
    TRY(read_members(plain, form, in->limits, members, err));
    const struct builder b = {in->grammar, form, members, (uint32_t)count, end};
    for (uint32_t i = (uint32_t)count; i-- > 0;) {
        const bool is_text = tool_schema_is_text(in->root, members[i].schema);
        const bool is_other = !is_text && form->key_close_other.len > 0;
        uint32_t rule = GRAMMAR_NONE;
        const uint32_t behind = add_choice(&b, i + 1, false);
        if (depth == 0)
            in->member = members[i].name.ptr;
        TRY(add_value(in, &b, &members[i], depth, &rule, err));
        members[i].then = sequence(&b, text(&b, is_other ? form->key_close_other : form->key_close),
                                   sequence(&b, rule, behind));
    }
    *out_rule = add_choice(&b, 0, true);
    return OK;
}

/* What no form can enforce, or what is no schema at all: found by the one that reads all of it. */
static enum status check_whole(const json_t *schema, const struct grammar_limits *limits,
                               struct error *err)
{
    CLEANUP(grammar_unrefp) struct grammar *unused = grammar_new();
    uint32_t rule = GRAMMAR_NONE;
    return grammar_schema_add_object(unused, schema, limits, &rule, err);
}

enum status grammar_members_add(struct grammar *grammar, const json_t *schema,
                                const struct grammar_members_form *form, uint32_t end,
                                const struct grammar_limits *limits, uint32_t *out_rule,
                                struct error *err)
{
    const struct grammar_limits none = {0};
    limits = limits ? limits : &none;
    if (schema)
        TRY(check_whole(schema, limits, err));
    CLEANUP(grammar_members_value_done)
    struct grammar_members_value in = {
        .grammar = grammar, .root = schema, .form = form, .limits = limits};
    return grammar_members_add_inside(&in, schema, 0, end, out_rule, err);
}
