#include "infer/grammar_schema.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/grammar_schema_builder.h"
#include "infer/grammar_schema_if.h"
#include "infer/grammar_schema_keywords.h"
#include "infer/grammar_schema_not.h"
#include "text/json.h"
#include "text/json_pointer.h"
#include "text/utf8.h"

#include <math.h>
#include <stdlib.h>

enum {
    WORK_MAX = 200 * 1000,  /* schemas joining sets, and comparisons */
    JOIN_DEPTH_MAX = 32,    /* $ref and allOf behind each other */
    PATH_LEN_MAX = 160,     /* of the JSON pointers in messages */
    KEYWORD_SHOWN_MAX = 64, /* bytes of a keyword in a message */
};

/* ---------------------------------------------------------------- paths and references */

/* For messages, which are one line: control characters become '?'. */
static void add_clean(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        strbuf_add_char(out, c < ' ' || c == 0x7f ? '?' : (char)c);
    }
}

/* path/name; a path that grows too long for a message stays as it is. */
static const char *path_below(struct grammar_schema_builder *builder, const char *path,
                              const char *name)
{
    CLEANUP(strbuf_done) struct strbuf text = {.size_max = PATH_LEN_MAX};
    strbuf_add_c(&text, path);
    strbuf_add_char(&text, '/');
    add_clean(&text, str_from_c(name));
    if (text.overflowed)
        return path;
    return arena_copy_str(&builder->arena, strbuf_view(&text)).ptr;
}

/* A reference as the path of what it leads to. */
static const char *path_of(struct grammar_schema_builder *builder, struct str reference)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    add_clean(&text, str_slice(reference, 0, utf8_cut(reference, PATH_LEN_MAX)));
    return arena_copy_str(&builder->arena, strbuf_view(&text)).ptr;
}

static const char *path_at(struct grammar_schema_builder *builder, const char *path,
                           const char *keyword, size_t index)
{
    char name[64];
    snprintf(name, sizeof(name), "%s/%zu", keyword, index);
    return path_below(builder, path, name);
}

static enum status find_reference(const struct grammar_schema_builder *builder, const json_t *ref,
                                  const char *path, const json_t **out, struct error *err)
{
    if (!json_is_string(ref) || json_string_length(ref) > GRAMMAR_SCHEMA_REF_LEN_MAX)
        return error_set(err, E_INVALID, "\"$ref\" at %s must be a text of at most %d bytes", path,
                         GRAMMAR_SCHEMA_REF_LEN_MAX);
    switch (json_pointer_find(builder->root, json_str(ref), out)) {
    case JSON_POINTER_FOUND: break;
    case JSON_POINTER_FOREIGN:
        return error_set(err, E_UNSUPPORTED, "the $ref at %s leads out of the schema", path);
    case JSON_POINTER_ANCHOR:
        return error_set(err, E_UNSUPPORTED, "the $ref at %s is no JSON pointer", path);
    case JSON_POINTER_MALFORMED:
        return error_set(err, E_INVALID, "the $ref at %s is malformed", path);
    case JSON_POINTER_NOWHERE:
        return error_set(err, E_INVALID, "the $ref at %s leads nowhere", path);
    }
    return OK;
}

/* ---------------------------------------------------------------- joining sets */

enum status grammar_schema_builder_give_up(struct grammar_schema_builder *builder,
                                           const struct error *reason, struct error *err)
{
    enum { LIMITS_PASSED_MAX = 8 }; /* each costs time */
    struct strbuf *warnings = builder->limits.warnings;
    const struct error copy = *reason;
    builder->limits_passed += copy.status == E_LIMIT;
    if (!warnings || builder->limits_passed > LIMITS_PASSED_MAX)
        return error_set(err, copy.status, "%s", copy.text);
    const struct str line = str_from_c(copy.text);
    if (str_find(strbuf_view(warnings), line, 0) == SIZE_MAX &&
        warnings->len + line.len < GRAMMAR_WARNINGS_LEN_MAX) {
        strbuf_add_str(warnings, line);
        strbuf_add_char(warnings, '\n');
    }
    return OK;
}

enum status grammar_schema_builder_work(struct grammar_schema_builder *builder, size_t steps,
                                        struct error *err)
{
    if (steps > WORK_MAX || builder->work > WORK_MAX - steps)
        return error_set(err, E_LIMIT, "the schema is too intricate to enforce");
    builder->work += (uint32_t)steps;
    return OK;
}

struct joining {
    struct grammar_schema_builder *builder;
    struct grammar_schema_set *set;
    const json_t *open[JOIN_DEPTH_MAX]; /* schemas whose references are being followed */
    size_t depth;
    struct error *err;
};

static enum status join(struct joining *in, const json_t *schema, const char *path);

static bool has_atom(const struct grammar_schema_set *set, const json_t *json)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->atoms[i].json == json)
            return true;
    }
    return false;
}

static enum status add_atom(struct joining *in, struct grammar_schema_atom atom)
{
    struct grammar_schema_set *set = in->set;
    if (has_atom(set, atom.json))
        return OK;
    if (set->count == GRAMMAR_SCHEMA_ATOMS_MAX)
        return error_set(in->err, E_LIMIT, "more than %d schemas apply to the value at %s",
                         GRAMMAR_SCHEMA_ATOMS_MAX, atom.path);
    if (set->count == set->capacity) {
        const size_t capacity = set->capacity ? 2 * set->capacity : 4;
        struct grammar_schema_atom *atoms =
            arena_alloc_array(&in->builder->arena, capacity, sizeof(*atoms));
        if (set->count)
            memcpy(atoms, set->atoms, set->count * sizeof(*atoms));
        set->atoms = atoms;
        set->capacity = capacity;
    }
    set->atoms[set->count++] = atom;
    return OK;
}

static enum status refuse_keyword(const struct joining *in, struct str keyword, const char *path)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    struct error reason;
    add_clean(&clean, str_slice(keyword, 0, utf8_cut(keyword, KEYWORD_SHOWN_MAX)));
    (void)!error_set(&reason, E_UNSUPPORTED, "the schema keyword \"%s\" at %s cannot be enforced",
                     strbuf_c(&clean), path);
    return grammar_schema_builder_give_up(in->builder, &reason, in->err);
}

/* Refuses keywords that cannot be enforced; says whether any is left besides those that refer. */
static enum status check_keywords(struct joining *in, const json_t *schema, const char *path,
                                  bool *out_is_plain)
{
    static const char *const referring[] = {"allOf", "anyOf", "oneOf", "$ref",
                                            "if",    "then",  "else"};
    *out_is_plain = false;
    json_t *iterated = (json_t *)(uintptr_t)schema; /* jansson's iterators change nothing */
    for (void *i = json_object_iter(iterated); i; i = json_object_iter_next(iterated, i)) {
        const struct str key = {json_object_iter_key(i), json_object_iter_key_len(i)};
        const enum grammar_schema_keyword kind =
            grammar_schema_keywords_find(key, json_object_iter_value(i));
        if (kind == GRAMMAR_SCHEMA_UNSUPPORTED ||
            (kind == GRAMMAR_SCHEMA_ROOT_ONLY && schema != in->builder->root)) {
            TRY(refuse_keyword(in, key, path));
            continue;
        }
        bool refers = kind != GRAMMAR_SCHEMA_USED;
        for (size_t k = 0; k < ARRAY_LEN(referring); k++)
            refers |= str_equal_c(key, referring[k]);
        *out_is_plain |= !refers;
    }
    return OK;
}

static enum status join_list(struct joining *in, const json_t *schema, const char *keyword,
                             const char *path)
{
    const json_t *list = json_object_get(schema, keyword);
    if (!list)
        return OK;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return error_set(in->err, E_INVALID, "\"%s\" at %s must be a list of schemas", keyword,
                         path);
    if (json_array_size(list) > GRAMMAR_CHOICES_MAX)
        return error_set(in->err, E_LIMIT, "\"%s\" at %s has %zu schemas (limit %d)", keyword, path,
                         json_array_size(list), GRAMMAR_CHOICES_MAX);
    if (!strcmp(keyword, "allOf")) {
        for (size_t i = 0; i < json_array_size(list); i++)
            TRY(join(in, json_array_get(list, i), path_at(in->builder, path, keyword, i)));
        return OK;
    }
    const struct grammar_schema_atom atom = {
        .kind = !strcmp(keyword, "anyOf") ? GRAMMAR_SCHEMA_ANY_OF : GRAMMAR_SCHEMA_ONE_OF,
        .json = list,
        .path = path_below(in->builder, path, keyword)};
    return add_atom(in, atom);
}

/* "if" as alternatives: the same list each time, since sets of schemas are told by addresses. */
static enum status join_condition(struct joining *in, const json_t *schema, const char *path)
{
    struct grammar_schema_builder *builder = in->builder;
    const json_t *condition = json_object_get(schema, "if");
    if (!condition || !grammar_schema_if_is_simple(condition))
        return OK; /* this was said already */
    const struct str key = {(const char *)&schema, sizeof(schema)};
    uint64_t known = 0;
    if (!hash_map_find(&builder->conditions, key, &known)) {
        json_t *list = grammar_schema_if_branches(schema);
        if (!builder->made)
            builder->made = json_array();
        json_array_append_new(builder->made, list);
        known = (uint64_t)(uintptr_t)list;
        hash_map_add(&builder->conditions, arena_copy_str(&builder->arena, key), known);
    }
    const struct grammar_schema_atom atom = {.kind = GRAMMAR_SCHEMA_ANY_OF,
                                             .json = (const json_t *)(uintptr_t)known,
                                             .path = path_below(builder, path, "if")};
    return add_atom(in, atom);
}

static enum status join_references(struct joining *in, const json_t *schema, const char *path)
{
    TRY(join_list(in, schema, "allOf", path));
    const json_t *ref = json_object_get(schema, "$ref");
    if (ref) {
        const json_t *target = NULL;
        struct error reason = {0};
        const enum status status = find_reference(in->builder, ref, path, &target, &reason);
        if (status == E_UNSUPPORTED)
            TRY(grammar_schema_builder_give_up(in->builder, &reason, in->err));
        else if (status != OK)
            return error_set(in->err, status, "%s", reason.text);
        if (target)
            TRY(join(in, target, path_of(in->builder, json_str(ref))));
    }
    TRY(join_condition(in, schema, path));
    TRY(join_list(in, schema, "anyOf", path));
    return join_list(in, schema, "oneOf", path);
}

static enum status join(struct joining *in, const json_t *schema, const char *path)
{
    TRY(grammar_schema_builder_work(in->builder, 1, in->err));
    if (json_is_true(schema))
        return OK;
    if (json_is_false(schema))
        return add_atom(in, (struct grammar_schema_atom){GRAMMAR_SCHEMA_FALSE, schema, path});
    if (!json_is_object(schema))
        return error_set(in->err, E_INVALID, "the schema at %s must be an object", path);
    for (size_t i = 0; i < in->depth; i++) {
        if (in->open[i] == schema)
            return error_set(in->err, E_INVALID, "the $ref at %s leads back to itself", path);
    }
    if (in->depth == JOIN_DEPTH_MAX)
        return error_set(in->err, E_LIMIT, "references at %s follow each other too long (limit %d)",
                         path, JOIN_DEPTH_MAX);
    if (has_atom(in->set, schema))
        return OK;
    bool is_plain = false;
    TRY(check_keywords(in, schema, path, &is_plain));
    if (is_plain)
        TRY(add_atom(in, (struct grammar_schema_atom){GRAMMAR_SCHEMA_PLAIN, schema, path}));
    in->open[in->depth++] = schema;
    TRY(join_references(in, schema, path));
    in->depth--;
    return OK;
}

enum status grammar_schema_builder_join(struct grammar_schema_builder *builder,
                                        struct grammar_schema_set *set, const json_t *schema,
                                        const char *path, struct error *err)
{
    struct joining in = {.builder = builder, .set = set, .err = err};
    return join(&in, schema, path);
}

/* ---------------------------------------------------------------- the queue */

static int by_address(const void *a, const void *b)
{
    const uintptr_t left = *(const uintptr_t *)a;
    const uintptr_t right = *(const uintptr_t *)b;
    return (left > right) - (left < right);
}

/* The set's rule, which is built later if it is new. */
static uint32_t rule_for(struct grammar_schema_builder *builder, struct grammar_schema_set set)
{
    uintptr_t *key = arena_alloc_array(&builder->arena, set.count + 1, sizeof(*key));
    for (size_t i = 0; i < set.count; i++)
        key[i] = (uintptr_t)set.atoms[i].json; /* an address has one kind */
    qsort(key, set.count, sizeof(*key), by_address);
    key[set.count] = 1; /* so that the empty set has a key, too */
    const struct str bytes = {(const char *)key, (set.count + 1) * sizeof(*key)};

    uint64_t known = 0;
    if (hash_map_find(&builder->rules, bytes, &known))
        return (uint32_t)known;
    const uint32_t rule = grammar_reserve(builder->grammar);
    hash_map_add(&builder->rules, bytes, rule);
    struct grammar_schema_job *job = arena_alloc(&builder->arena, sizeof(*job));
    *job = (struct grammar_schema_job){.set = set, .rule = rule};
    if (builder->last)
        builder->last->next = job;
    else
        builder->first = job;
    builder->last = job;
    return rule;
}

/* ---------------------------------------------------------------- objects */

static const json_t *keyword_of(const struct grammar_schema_atom *atom, const char *keyword)
{
    return atom->kind == GRAMMAR_SCHEMA_PLAIN ? json_object_get(atom->json, keyword) : NULL;
}

enum status grammar_schema_builder_member(struct grammar_schema_builder *builder,
                                          const struct grammar_schema_set *object, const char *name,
                                          struct grammar_schema_set *out, struct error *err)
{
    *out = (struct grammar_schema_set){0};
    for (size_t i = 0; i < object->count; i++) {
        const struct grammar_schema_atom *atom = &object->atoms[i];
        const char *forbidden = grammar_schema_not_name(keyword_of(atom, "not"));
        if (forbidden && strcmp(forbidden, name) == 0) {
            TRY(grammar_schema_builder_join(builder, out, json_false(),
                                            path_below(builder, atom->path, "not"), err));
            continue;
        }
        const json_t *named = json_object_get(keyword_of(atom, "properties"), name);
        const json_t *others = keyword_of(atom, "additionalProperties");
        const char *keyword = named ? "properties" : "additionalProperties";
        const char *path = path_below(builder, atom->path, keyword);
        if (named)
            TRY(grammar_schema_builder_join(builder, out, named, path_below(builder, path, name),
                                            err));
        else if (others)
            TRY(grammar_schema_builder_join(builder, out, others, path, err));
    }
    return OK;
}

bool grammar_schema_builder_is_open(const struct grammar_schema_set *object)
{
    bool is_said = false;
    bool is_listed = false;
    for (size_t i = 0; i < object->count; i++) {
        const json_t *others = keyword_of(&object->atoms[i], "additionalProperties");
        if (json_is_false(others))
            return false;
        is_said |= others != NULL;
        is_listed |= keyword_of(&object->atoms[i], "properties") != NULL;
        is_listed |= json_array_size(keyword_of(&object->atoms[i], "required")) > 0;
    }
    return is_said || !is_listed;
}

static bool is_required(const struct grammar_schema_set *object, struct str name)
{
    for (size_t i = 0; i < object->count; i++) {
        const json_t *list = keyword_of(&object->atoms[i], "required");
        for (size_t k = 0; k < json_array_size(list); k++) {
            if (str_equal(json_str(json_array_get(list, k)), name))
                return true;
        }
    }
    return false;
}

bool grammar_schema_builder_may_have(const struct grammar_schema_set *object, const char *name)
{
    for (size_t i = 0; i < object->count; i++) {
        const char *forbidden = grammar_schema_not_name(keyword_of(&object->atoms[i], "not"));
        if (forbidden && strcmp(forbidden, name) == 0)
            return false;
    }
    if (grammar_schema_builder_is_open(object) || is_required(object, str_from_c(name)))
        return true;
    for (size_t i = 0; i < object->count; i++) {
        if (json_object_get(keyword_of(&object->atoms[i], "properties"), name))
            return true;
    }
    return false;
}

/* The names of an object's members, in the order in which they are first mentioned. */
struct names {
    struct grammar_property_spec *items; /* owned */
    size_t count;
    size_t capacity;
    struct hash_map seen;
};

static void names_done(struct names *names)
{
    mem_free(names->items);
    hash_map_done(&names->seen);
}

static void add_name(struct names *names, struct str name)
{
    if (!hash_map_add(&names->seen, name, 1))
        return;
    if (names->count == names->capacity) {
        names->capacity = names->capacity ? 2 * names->capacity : 16;
        names->items = mem_realloc(names->items, names->capacity * sizeof(*names->items));
    }
    names->items[names->count++] = (struct grammar_property_spec){.name = name};
}

static enum status collect_names(const struct grammar_schema_set *object, struct names *names,
                                 struct error *err)
{
    for (size_t i = 0; i < object->count; i++) {
        const json_t *members = keyword_of(&object->atoms[i], "properties");
        if (members && !json_is_object(members))
            return error_set(err, E_INVALID, "\"properties\" at %s must be an object",
                             object->atoms[i].path);
        json_t *iterated = (json_t *)(uintptr_t)members; /* jansson's iterators change nothing */
        for (void *at = json_object_iter(iterated); at; at = json_object_iter_next(iterated, at))
            add_name(names, (struct str){json_object_iter_key(at), json_object_iter_key_len(at)});
        const char *forbidden = grammar_schema_not_name(keyword_of(&object->atoms[i], "not"));
        if (forbidden) /* named, so that it is no further key */
            add_name(names, str_from_c(forbidden));
    }
    for (size_t i = 0; i < object->count; i++) {
        const json_t *list = keyword_of(&object->atoms[i], "required");
        if (list && !json_is_array(list))
            return error_set(err, E_INVALID, "\"required\" at %s must be a list of names",
                             object->atoms[i].path);
        for (size_t k = 0; k < json_array_size(list); k++) {
            if (!json_is_string(json_array_get(list, k)))
                return error_set(err, E_INVALID, "\"required\" at %s must be a list of names",
                                 object->atoms[i].path);
            add_name(names, json_str(json_array_get(list, k)));
        }
    }
    return OK;
}

/* Marks the required ones: with many names by a map, since hostile lists are long. */
static void mark_required(const struct grammar_schema_set *object, struct names *names)
{
    CLEANUP(hash_map_done) struct hash_map required = {0};
    for (size_t i = 0; i < object->count; i++) {
        const json_t *list = keyword_of(&object->atoms[i], "required");
        for (size_t k = 0; k < json_array_size(list); k++)
            hash_map_set(&required, json_str(json_array_get(list, k)), 1);
    }
    for (size_t i = 0; i < names->count; i++) {
        uint64_t value = 0;
        names->items[i].is_required = hash_map_find(&required, names->items[i].name, &value);
    }
}

static enum status build_object(struct grammar_schema_builder *builder,
                                const struct grammar_schema_set *set, uint32_t *out,
                                struct error *err)
{
    CLEANUP(names_done) struct names names = {0};
    TRY(collect_names(set, &names, err));
    if (names.count > GRAMMAR_PROPERTIES_MAX)
        return error_set(err, E_LIMIT, "the object at %s has %zu properties (limit %d)",
                         set->atoms[0].path, names.count, GRAMMAR_PROPERTIES_MAX);
    mark_required(set, &names);
    for (size_t i = 0; i < names.count; i++) {
        struct grammar_schema_set member;
        TRY(grammar_schema_builder_member(builder, set, names.items[i].name.ptr, &member, err));
        names.items[i].value = rule_for(builder, member);
    }
    struct grammar_object_spec spec = {.properties = names.items,
                                       .property_count = (uint32_t)names.count,
                                       .extra = GRAMMAR_NONE,
                                       .extra_keys_max = builder->limits.extra_keys_max,
                                       .key_len_max = builder->limits.key_len_max};
    if (grammar_schema_builder_is_open(set) && names.count <= GRAMMAR_OPEN_PROPERTIES_MAX) {
        struct grammar_schema_set others = {0};
        for (size_t i = 0; i < set->count; i++) {
            const struct grammar_schema_atom *atom = &set->atoms[i];
            const json_t *schema = keyword_of(atom, "additionalProperties");
            const char *path = path_below(builder, atom->path, "additionalProperties");
            if (schema)
                TRY(grammar_schema_builder_join(builder, &others, schema, path, err));
        }
        spec.extra = rule_for(builder, others);
    }
    *out = grammar_add_object(builder->grammar, &spec);
    return OK;
}

/* ---------------------------------------------------------------- arrays */

/* Before draft 2020-12 `items` could be a list, and `additionalItems` the others. */
static const json_t *prefix_of(const struct grammar_schema_atom *atom)
{
    const json_t *items = keyword_of(atom, "items");
    return json_is_array(items) ? items : keyword_of(atom, "prefixItems");
}

static const json_t *others_of(const struct grammar_schema_atom *atom, const char **out_keyword)
{
    const json_t *items = keyword_of(atom, "items");
    *out_keyword = json_is_array(items) ? "additionalItems" : "items";
    return keyword_of(atom, *out_keyword);
}

static enum status check_items(const struct grammar_schema_atom *atom, size_t *out_prefix,
                               struct error *err)
{
    const json_t *prefix = prefix_of(atom);
    if (prefix && !json_is_array(prefix))
        return error_set(err, E_INVALID, "\"prefixItems\" at %s must be a list of schemas",
                         atom->path);
    if (json_array_size(prefix) > GRAMMAR_CHOICES_MAX)
        return error_set(err, E_LIMIT, "\"prefixItems\" at %s has %zu schemas (limit %d)",
                         atom->path, json_array_size(prefix), GRAMMAR_CHOICES_MAX);
    *out_prefix = json_array_size(prefix) > *out_prefix ? json_array_size(prefix) : *out_prefix;
    return OK;
}

/* What applies to item `index`; SIZE_MAX: to those that no prefixItems speaks of. */
static enum status item_rule(struct grammar_schema_builder *builder,
                             const struct grammar_schema_set *set, size_t index, uint32_t *out,
                             struct error *err)
{
    struct grammar_schema_set item = {0};
    for (size_t i = 0; i < set->count; i++) {
        const struct grammar_schema_atom *atom = &set->atoms[i];
        const char *keyword = NULL;
        const json_t *own = json_array_get(prefix_of(atom), index);
        const json_t *schema = own ? own : others_of(atom, &keyword);
        const char *path = own ? path_at(builder, atom->path, "prefixItems", index)
                               : path_below(builder, atom->path, keyword);
        if (schema)
            TRY(grammar_schema_builder_join(builder, &item, schema, path, err));
    }
    *out = rule_for(builder, item);
    return OK;
}

static enum status build_array(struct grammar_schema_builder *builder,
                               const struct grammar_schema_set *set,
                               const struct grammar_schema_part *part, uint32_t *out,
                               struct error *err)
{
    size_t prefix_count = 0;
    for (size_t i = 0; i < set->count; i++)
        TRY(check_items(&set->atoms[i], &prefix_count, err));
    uint32_t prefix[GRAMMAR_CHOICES_MAX];
    for (size_t i = 0; i < prefix_count; i++)
        TRY(item_rule(builder, set, i, &prefix[i], err));
    struct grammar_array_spec spec = {.prefix = prefix, .prefix_count = (uint32_t)prefix_count};
    TRY(item_rule(builder, set, SIZE_MAX, &spec.items, err));

    const uint64_t ceiling = GRAMMAR_SHORTEST_MAX;
    uint64_t most = part->items_max;
    if (most == UINT64_MAX)
        most = part->items_min > builder->limits.array_len_max ? part->items_min
                                                               : builder->limits.array_len_max;
    spec.len_max = (uint32_t)(most < ceiling ? most : ceiling);
    spec.len_min = (uint32_t)(part->items_min < ceiling + 1 ? part->items_min : ceiling + 1);
    *out = grammar_add_array(builder->grammar, &spec);
    return OK;
}

/* ---------------------------------------------------------------- scalars and lists of values */

/* Finds out early which patterns are not understood; a lenient caller goes on without them. */
static enum status check_patterns(struct grammar_schema_builder *builder,
                                  const struct grammar_schema_part *part, struct error *err)
{
    for (size_t i = 0; i < part->pattern_count; i++) {
        const struct grammar_automaton *automaton = NULL;
        struct error reason = {0};
        if (grammar_schema_text_automaton(&builder->texts, &part->patterns[i], &automaton,
                                          &reason) == OK)
            continue;
        TRY(grammar_schema_builder_give_up(builder, &reason, err));
        grammar_schema_text_ignore(&builder->texts, &part->patterns[i]);
    }
    return OK;
}

static uint32_t build_free_string(struct grammar_schema_builder *builder,
                                  const struct grammar_schema_part *part)
{
    const uint64_t ceiling = GRAMMAR_STRING_LEN_MAX;
    uint64_t most = part->string_max;
    if (most == UINT64_MAX)
        most = part->string_min > builder->limits.string_len_max ? part->string_min
                                                                 : builder->limits.string_len_max;
    const uint64_t least = part->string_min < ceiling + 1 ? part->string_min : ceiling + 1;
    return grammar_add_string(builder->grammar, (uint32_t)least,
                              (uint32_t)(most < ceiling ? most : ceiling));
}

static enum status build_string(struct grammar_schema_builder *builder,
                                const struct grammar_schema_part *part, uint32_t *out,
                                struct error *err)
{
    uint32_t rule = GRAMMAR_NONE;
    struct error reason = {0};
    TRY(check_patterns(builder, part, err));
    if (part->pattern_count &&
        grammar_schema_text_rule(&builder->texts, builder->grammar, part, &rule, &reason) != OK)
        TRY(grammar_schema_builder_give_up(builder, &reason, err));
    *out = rule != GRAMMAR_NONE ? rule : build_free_string(builder, part);
    return OK;
}

/* Some of the values that "not" excludes cannot be kept out. */
static enum status give_up_not(struct grammar_schema_builder *builder,
                               const struct grammar_schema_part *part, const char *what,
                               struct error *err)
{
    struct error reason;
    (void)!error_set(&reason, E_UNSUPPORTED, "\"not\" at %s cannot be enforced for %s",
                     part->excluded_path, what);
    return grammar_schema_builder_give_up(builder, &reason, err);
}

static int by_value(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Whole numbers but for the excluded ones: what lies between these. */
static enum status build_integers(struct grammar_schema_builder *builder,
                                  const struct grammar_schema_part *part, uint32_t *out,
                                  struct error *err)
{
    enum { EXCLUDED_MAX = 32 };
    int64_t without[EXCLUDED_MAX];
    uint32_t rules[EXCLUDED_MAX + 1];
    uint32_t count = 0;
    uint32_t rule_count = 0;
    for (size_t i = 0; i < json_array_size(part->excluded); i++) {
        const json_t *value = json_array_get(part->excluded, i);
        const double real = json_number_value(value);
        const bool is_whole = json_is_integer(value) ||
                              (json_is_real(value) && real == floor(real) && fabs(real) < 0x1p53);
        if (!is_whole)
            continue;
        if (count == EXCLUDED_MAX)
            return error_set(err, E_LIMIT, "\"not\" at %s lists more than %d numbers",
                             part->excluded_path, EXCLUDED_MAX);
        without[count++] = json_is_integer(value) ? json_integer_value(value) : (int64_t)real;
    }
    qsort(without, count, sizeof(*without), by_value);
    int64_t from = part->integer_min;
    bool goes_on = true;
    for (uint32_t i = 0; i <= count && goes_on; i++) {
        const bool is_last = i == count || without[i] > part->integer_max;
        const int64_t to = is_last ? part->integer_max : without[i];
        if (!is_last && to < from)
            continue;
        const bool has_any = is_last ? from <= to : from < to;
        if (has_any) {
            struct grammar_number number = grammar_number_integers(from, is_last ? to : to - 1);
            number.multiple = grammar_schema_part_integer_multiple(part);
            rules[rule_count++] = grammar_add_number(builder->grammar, &number);
        }
        goes_on = !is_last && to < INT64_MAX;
        from = goes_on ? to + 1 : to;
    }
    *out = rule_count == 1 ? rules[0] : grammar_add_choice(builder->grammar, rules, rule_count);
    return OK;
}

static enum status build_number(struct grammar_schema_builder *builder,
                                const struct grammar_schema_set *set,
                                const struct grammar_schema_part *part, uint32_t *out,
                                struct error *err)
{
    struct grammar_number number = grammar_number_integers(part->integer_min, part->integer_max);
    number.multiple = grammar_schema_part_integer_multiple(part);
    if (part->multiple_path) {
        struct error reason;
        (void)!error_set(&reason, E_UNSUPPORTED,
                         "\"multipleOf\" at %s cannot be enforced: it is no short binary fraction",
                         part->multiple_path);
        TRY(grammar_schema_builder_give_up(builder, &reason, err));
    }
    if (!(part->types & GRAMMAR_SCHEMA_FRACTION) && part->excluded)
        return build_integers(builder, part, out, err);
    for (size_t i = 0; i < json_array_size(part->excluded); i++) {
        const json_t *value = json_array_get(part->excluded, i);
        if (json_is_number(value) && grammar_schema_part_fits(part, value))
            TRY(give_up_not(builder, part, "numbers with fractions", err));
    }
    if (part->types & GRAMMAR_SCHEMA_FRACTION) {
        if (part->is_inexact)
            return error_set(err, E_UNSUPPORTED,
                             "the bounds of the number at %s are too large to be exact",
                             set->atoms[0].path);
        if (part->multiple)
            TRY(grammar_number_multiples(part->low, part->low_is_open, part->high,
                                         part->high_is_open, part->multiple, part->multiple_bits,
                                         &number, err));
        else
            TRY(grammar_number_decimals(part->low, part->low_is_open, part->high,
                                        part->high_is_open, &number, err));
    }
    *out = grammar_add_number(builder->grammar, &number);
    return OK;
}

/* One of the values of enum and const that the other keywords allow, too. */
static enum status build_values(struct grammar_schema_builder *builder,
                                const struct grammar_schema_set *set,
                                const struct grammar_schema_part *part, uint32_t *out,
                                struct error *err)
{
    const size_t count = json_array_size(part->values);
    if (count > GRAMMAR_WORDS_MAX)
        return error_set(err, E_LIMIT, "%zu values in the list at %s (limit %d)", count,
                         set->atoms[0].path, GRAMMAR_WORDS_MAX);
    CLEANUP(mem_freep) struct str *texts = mem_alloc((count + 1) * sizeof(*texts));
    TRY(check_patterns(builder, part, err));
    uint32_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(part->values, i);
        bool matches = true;
        if (json_is_string(value))
            TRY(grammar_schema_text_allows(&builder->texts, part, json_str(value), &matches, err));
        if (!matches || !grammar_schema_part_fits(part, value))
            continue;
        if (part->has_members && (json_is_object(value) || json_is_array(value)))
            return error_set(err, E_UNSUPPORTED,
                             "a list of values that are objects or arrays, together with keywords "
                             "about their members, at %s",
                             set->atoms[0].path);
        CLEANUP(strbuf_done) struct strbuf text = {.size_max = GRAMMAR_TEXT_MAX};
        json_write_python(value, &text);
        if (text.overflowed)
            return error_set(err, E_LIMIT, "a value in the list at %s is too large",
                             set->atoms[0].path);
        texts[kept++] = arena_copy_str(&builder->arena, strbuf_view(&text));
    }
    *out = grammar_add_words(builder->grammar, texts, NULL, kept);
    return OK;
}

static uint32_t build_fixed(struct grammar_schema_builder *builder,
                            const struct grammar_schema_part *part)
{
    const struct {
        struct str text;
        unsigned type;
        json_t *value; /* one of jansson's constants, which are not counted */
    } rows[] = {{STR("null"), GRAMMAR_SCHEMA_NULL, json_null()},
                {STR("true"), GRAMMAR_SCHEMA_BOOLEAN, json_true()},
                {STR("false"), GRAMMAR_SCHEMA_BOOLEAN, json_false()}};
    struct str texts[ARRAY_LEN(rows)];
    uint32_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((part->types & rows[i].type) && !grammar_schema_part_is_excluded(part, rows[i].value))
            texts[count++] = rows[i].text;
    }
    return grammar_add_words(builder->grammar, texts, NULL, count);
}

/* Objects and arrays cannot be told from single ones. */
static enum status check_excluded(struct grammar_schema_builder *builder,
                                  const struct grammar_schema_part *part, struct error *err)
{
    bool is_open = false;
    for (size_t i = 0; i < json_array_size(part->excluded); i++) {
        const json_t *value = json_array_get(part->excluded, i);
        is_open |= json_is_object(value) && (part->types & GRAMMAR_SCHEMA_OBJECT);
        is_open |= json_is_array(value) && (part->types & GRAMMAR_SCHEMA_ARRAY);
    }
    return is_open ? give_up_not(builder, part, "objects and arrays", err) : OK;
}

/* ---------------------------------------------------------------- building */

static enum status build_types(struct grammar_schema_builder *builder,
                               const struct grammar_schema_set *set,
                               const struct grammar_schema_part *part, uint32_t *out,
                               struct error *err)
{
    uint32_t rules[5];
    uint32_t count = 0;
    TRY(check_excluded(builder, part, err));
    if (part->types & GRAMMAR_SCHEMA_STRING)
        TRY(build_string(builder, part, &rules[count++], err));
    if (part->types & GRAMMAR_SCHEMA_NUMBER)
        TRY(build_number(builder, set, part, &rules[count++], err));
    if (part->types & (GRAMMAR_SCHEMA_NULL | GRAMMAR_SCHEMA_BOOLEAN))
        rules[count++] = build_fixed(builder, part);
    if (part->types & GRAMMAR_SCHEMA_OBJECT)
        TRY(build_object(builder, set, &rules[count++], err));
    if (part->types & GRAMMAR_SCHEMA_ARRAY)
        TRY(build_array(builder, set, part, &rules[count++], err));
    *out = count == 1 ? rules[0] : grammar_add_choice(builder->grammar, rules, count);
    return OK;
}

static enum status build_plain(struct grammar_schema_builder *builder,
                               const struct grammar_schema_set *set, uint32_t *out,
                               struct error *err)
{
    CLEANUP(grammar_schema_part_done) struct grammar_schema_part part = {0};
    TRY(grammar_schema_part_read(set, &part, err));
    if (part.values)
        return build_values(builder, set, &part, out, err);
    return build_types(builder, set, &part, out, err);
}

/* The alternatives at `group`: each joins what else is said. */
static enum status build_group(struct grammar_schema_builder *builder,
                               const struct grammar_schema_set *set, size_t group, uint32_t *out,
                               struct error *err)
{
    const struct grammar_schema_atom *atom = &set->atoms[group];
    const size_t count = json_array_size(atom->json);
    struct grammar_schema_set branches[GRAMMAR_CHOICES_MAX];
    uint32_t rules[GRAMMAR_CHOICES_MAX];
    for (size_t i = 0; i < count; i++) {
        struct grammar_schema_set *branch = &branches[i];
        *branch = (struct grammar_schema_set){
            .atoms = arena_alloc_array(&builder->arena, set->count, sizeof(*branch->atoms)),
            .capacity = set->count};
        for (size_t k = 0; k < set->count; k++) {
            if (k != group)
                branch->atoms[branch->count++] = set->atoms[k];
        }
        char index[24];
        snprintf(index, sizeof(index), "%zu", i);
        TRY(grammar_schema_builder_join(builder, branch, json_array_get(atom->json, i),
                                        path_below(builder, atom->path, index), err));
        rules[i] = rule_for(builder, *branch);
    }
    if (atom->kind == GRAMMAR_SCHEMA_ONE_OF)
        TRY(grammar_schema_oneof_check(builder, branches, count, atom->path, err));
    *out = grammar_add_choice(builder->grammar, rules, (uint32_t)count);
    return OK;
}

static enum status build(struct grammar_schema_builder *builder,
                         const struct grammar_schema_job *job, struct error *err)
{
    const struct grammar_schema_set *set = &job->set;
    uint32_t built = GRAMMAR_NONE;
    size_t group = SIZE_MAX;
    for (size_t i = set->count; i-- > 0;) {
        if (set->atoms[i].kind == GRAMMAR_SCHEMA_FALSE)
            return OK; /* the reserved rule allows nothing */
        if (set->atoms[i].kind != GRAMMAR_SCHEMA_PLAIN)
            group = i;
    }
    if (group != SIZE_MAX)
        TRY(build_group(builder, set, group, &built, err));
    else
        TRY(build_plain(builder, set, &built, err));
    grammar_fill(builder->grammar, job->rule, built);
    return OK;
}

static void builder_done(struct grammar_schema_builder *builder)
{
    hash_map_done(&builder->rules);
    hash_map_done(&builder->conditions);
    json_decref(builder->made);
    grammar_schema_text_done(&builder->texts);
    arena_done(&builder->arena);
}

static uint32_t limit_or(uint32_t limit, uint32_t otherwise, uint32_t most)
{
    limit = limit ? limit : otherwise;
    return limit < most ? limit : most;
}

/* `also` (may be NULL) applies to the value, too; references start from `root`. */
static enum status add(struct grammar *grammar, const json_t *root, const json_t *schema,
                       const json_t *also, const struct grammar_limits *limits, uint32_t *out_rule,
                       struct error *err)
{
    const struct grammar_limits none = {0};
    limits = limits ? limits : &none;
    CLEANUP(builder_done)
    struct grammar_schema_builder builder = {
        .grammar = grammar,
        .root = root,
        .limits = {
            .warnings = limits->warnings,
            .string_len_max = limit_or(limits->string_len_max, GRAMMAR_STRING_LEN_DEFAULT,
                                       GRAMMAR_STRING_LEN_MAX),
            .array_len_max =
                limit_or(limits->array_len_max, GRAMMAR_ARRAY_LEN_DEFAULT, GRAMMAR_SHORTEST_MAX),
            .extra_keys_max =
                limit_or(limits->extra_keys_max, GRAMMAR_EXTRA_KEYS_MAX, GRAMMAR_EXTRA_KEYS_MAX),
            .key_len_max =
                limit_or(limits->key_len_max, GRAMMAR_KEY_LEN_DEFAULT, GRAMMAR_KEY_LEN_DEFAULT),
        }};
    struct grammar_schema_set set = {0};
    TRY(grammar_schema_builder_join(&builder, &set, schema, "#", err));
    if (also)
        TRY(grammar_schema_builder_join(&builder, &set, also, "#", err));
    const uint32_t rule = rule_for(&builder, set);
    for (const struct grammar_schema_job *job = builder.first; job; job = job->next) {
        TRY(build(&builder, job, err));
        if (grammar->too_much) /* grammar_finish() will say so */
            break;
    }
    *out_rule = rule;
    return OK;
}

enum status grammar_schema_add(struct grammar *grammar, const json_t *schema,
                               const struct grammar_limits *limits, uint32_t *out_rule,
                               struct error *err)
{
    return add(grammar, schema, schema, NULL, limits, out_rule, err);
}

enum status grammar_schema_add_part(struct grammar *grammar, const json_t *root,
                                    const json_t *schema, const struct grammar_limits *limits,
                                    uint32_t *out_rule, struct error *err)
{
    return add(grammar, root, schema, NULL, limits, out_rule, err);
}

enum status grammar_schema_add_object(struct grammar *grammar, const json_t *schema,
                                      const struct grammar_limits *limits, uint32_t *out_rule,
                                      struct error *err)
{
    CLEANUP(json_decrefp) json_t *object = json_pack("{ss}", "type", "object");
    return add(grammar, schema, schema, object, limits, out_rule, err);
}
