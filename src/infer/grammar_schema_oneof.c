/*
 * grammar_schema_oneof - do the branches of a oneOf exclude each other?
 *
 * "Exactly one" cannot be followed byte by byte, so it is only accepted where no value that is
 * produced for one branch can be valid for another; then it is the same as anyOf. Certain is what
 * follows from types, bounds and lists of values, and for objects from a member that one branch
 * always has and the other forbids, never produces or gives other values.
 *
 * Threads: one at a time. Used by: grammar_schema.c.
 */
#include "infer/grammar_schema_builder.h"

#include "base/attr.h"

enum { DEPTH_MAX = 3 }; /* members inside members that are compared */

struct comparison {
    struct grammar_schema_builder *builder;
    struct error *err;
};

static enum status excludes(const struct comparison *in, const struct grammar_schema_set *a,
                            const struct grammar_schema_set *b, int depth, bool *out);

static const json_t *keyword_of(const struct grammar_schema_atom *atom, const char *keyword)
{
    return atom->kind == GRAMMAR_SCHEMA_PLAIN ? json_object_get(atom->json, keyword) : NULL;
}

/* Does `set` say outright that there is no such member? */
static bool forbids(const struct grammar_schema_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct grammar_schema_atom *atom = &set->atoms[i];
        const json_t *named = json_object_get(keyword_of(atom, "properties"), name);
        if (json_is_false(named) ||
            (!named && json_is_false(keyword_of(atom, "additionalProperties"))))
            return true;
    }
    return false;
}

/* Every object produced for `a` has the member `name`: does `b` refuse them all? */
static enum status refused_by_member(const struct comparison *in,
                                     const struct grammar_schema_set *a,
                                     const struct grammar_schema_set *b, const char *name,
                                     int depth, bool *out)
{
    *out = forbids(b, name);
    if (*out || depth == 0)
        return OK;
    struct grammar_schema_set mine;
    struct grammar_schema_set other;
    TRY(grammar_schema_builder_member(in->builder, a, name, &mine, in->err));
    TRY(grammar_schema_builder_member(in->builder, b, name, &other, in->err));
    return excludes(in, &mine, &other, depth - 1, out);
}

static enum status objects_exclude(const struct comparison *in, const struct grammar_schema_set *a,
                                   const struct grammar_schema_set *b, int depth, bool *out)
{
    *out = false;
    for (size_t i = 0; i < b->count && !*out; i++) {
        const json_t *list = keyword_of(&b->atoms[i], "required");
        for (size_t k = 0; k < json_array_size(list) && !*out; k++) {
            const char *name = json_string_value(json_array_get(list, k));
            TRY(grammar_schema_builder_work(in->builder, a->count, in->err));
            *out = name && !grammar_schema_builder_may_have(a, name);
        }
    }
    for (size_t i = 0; i < a->count && !*out; i++) {
        const json_t *list = keyword_of(&a->atoms[i], "required");
        for (size_t k = 0; k < json_array_size(list) && !*out; k++) {
            const char *name = json_string_value(json_array_get(list, k));
            if (name)
                TRY(refused_by_member(in, a, b, name, depth, out));
        }
    }
    return OK;
}

/* *out: certainly nothing produced for `a` is valid for `b`. */
static enum status excludes(const struct comparison *in, const struct grammar_schema_set *a,
                            const struct grammar_schema_set *b, int depth, bool *out)
{
    CLEANUP(grammar_schema_part_done) struct grammar_schema_part mine = {0};
    CLEANUP(grammar_schema_part_done) struct grammar_schema_part other = {0};
    TRY(grammar_schema_part_read(a, &mine, in->err));
    TRY(grammar_schema_part_read(b, &other, in->err));
    const size_t values = json_array_size(mine.values) + 1;
    const size_t other_values = json_array_size(other.values) + 1;
    TRY(grammar_schema_builder_work(in->builder, 1 + values * other_values / 64, in->err));
    *out = grammar_schema_part_excludes(&mine, &other);
    if (*out || mine.values || other.values)
        return OK;
    const unsigned common = mine.types & other.types_said;
    for (unsigned type = 1; type < GRAMMAR_SCHEMA_ALL; type <<= 1) {
        if (!(common & type) || grammar_schema_part_excludes_type(&mine, &other, type))
            continue;
        if (type != GRAMMAR_SCHEMA_OBJECT)
            return OK;
        bool is_excluded = false;
        TRY(objects_exclude(in, a, b, depth, &is_excluded));
        if (!is_excluded)
            return OK;
    }
    *out = true;
    return OK;
}

enum status grammar_schema_oneof_check(struct grammar_schema_builder *builder,
                                       const struct grammar_schema_set *branches, size_t count,
                                       const char *path, struct error *err)
{
    const struct comparison in = {builder, err};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            bool is_excluded = i == k;
            if (i != k)
                TRY(excludes(&in, &branches[i], &branches[k], DEPTH_MAX, &is_excluded));
            if (is_excluded)
                continue;
            struct error reason;
            (void)!error_set(&reason, E_UNSUPPORTED,
                             "branches %zu and %zu of \"oneOf\" at %s may allow the same value; "
                             "use \"anyOf\"",
                             i < k ? i : k, i < k ? k : i, path);
            return grammar_schema_builder_give_up(builder, &reason, err);
        }
    }
    return OK;
}
