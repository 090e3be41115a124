/*
 * grammar_schema_builder - the inside of grammar_schema.c, shared with grammar_schema_oneof.c.
 *
 * A value is described by a set of atoms: schema objects that all apply to it ($ref and allOf are
 * followed when a schema joins a set), and lists of alternatives. Each different set becomes one
 * rule; sets that are still to be built wait in a queue, so nothing here recurses into the
 * document.
 *
 * Threads: one at a time. Used by: grammar_schema.c, grammar_schema_oneof.c.
 */
#pragma once

#include "base/arena.h"
#include "base/hash_map.h"
#include "infer/grammar_schema.h"
#include "infer/grammar_schema_part.h"
#include "infer/grammar_schema_text.h"

struct grammar_schema_job {
    struct grammar_schema_job *next;
    struct grammar_schema_set set;
    uint32_t rule;
};

struct grammar_schema_builder {
    struct grammar *grammar;
    const json_t *root;
    struct grammar_limits limits; /* filled in */
    struct arena arena;           /* sets, paths, keys of `rules` */
    struct hash_map rules;        /* set as bytes -> rule */
    struct hash_map conditions;   /* a schema's address as bytes -> the list made of its "if" */
    json_t *made;                 /* owned: those lists */
    struct grammar_schema_text texts;
    struct grammar_schema_job *first;
    struct grammar_schema_job *last;
    uint32_t limits_passed; /* by patterns that a lenient caller goes without */
    uint32_t work;          /* steps so far: bounds time and memory */
};

/* Something cannot be enforced: the status and text of *reason, or, for a lenient caller, OK and a
 * line among the warnings. `err` may be `reason`. */
MUST_USE enum status grammar_schema_builder_give_up(struct grammar_schema_builder *builder,
                                                    const struct error *reason, struct error *err);

/* Counts steps; E_LIMIT when a schema takes more than any sensible one does. */
MUST_USE enum status grammar_schema_builder_work(struct grammar_schema_builder *builder,
                                                 size_t steps, struct error *err);

/* Lets `schema` and what it refers to join the set. */
MUST_USE enum status grammar_schema_builder_join(struct grammar_schema_builder *builder,
                                                 struct grammar_schema_set *set,
                                                 const json_t *schema, const char *path,
                                                 struct error *err);

/* Everything that applies to the member `name` of a value of this set. */
MUST_USE enum status grammar_schema_builder_member(struct grammar_schema_builder *builder,
                                                   const struct grammar_schema_set *object,
                                                   const char *name, struct grammar_schema_set *out,
                                                   struct error *err);

/* Do the atoms name or allow the member, as far as this program would produce it? */
bool grammar_schema_builder_may_have(const struct grammar_schema_set *object, const char *name);

/* May objects of this set have members that nothing names? */
bool grammar_schema_builder_is_open(const struct grammar_schema_set *object);

/* E_UNSUPPORTED unless no value produced for one of the sets is valid for another. */
MUST_USE enum status grammar_schema_oneof_check(struct grammar_schema_builder *builder,
                                                const struct grammar_schema_set *branches,
                                                size_t count, const char *path, struct error *err);
