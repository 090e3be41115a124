/*
 * grammar_schema_part - what several schemas together say about one value, without what they say
 * about its members and items.
 *
 * Threads: one at a time. Depends on: jansson. Used by: grammar_schema.c, grammar_schema_oneof.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum grammar_schema_type {
    GRAMMAR_SCHEMA_NULL = 1 << 0,
    GRAMMAR_SCHEMA_BOOLEAN = 1 << 1,
    GRAMMAR_SCHEMA_OBJECT = 1 << 2,
    GRAMMAR_SCHEMA_ARRAY = 1 << 3,
    GRAMMAR_SCHEMA_STRING = 1 << 4,
    GRAMMAR_SCHEMA_INTEGER = 1 << 5,
    GRAMMAR_SCHEMA_FRACTION = 1 << 6, /* "number" is both */
    GRAMMAR_SCHEMA_NUMBER = GRAMMAR_SCHEMA_INTEGER | GRAMMAR_SCHEMA_FRACTION,
    GRAMMAR_SCHEMA_ALL = (1 << 7) - 1,
};

/* One schema object, or one array of alternatives; borrowed from the document. */
struct grammar_schema_atom {
    enum {
        GRAMMAR_SCHEMA_PLAIN, /* the constraining keywords of an object, alternatives left out */
        GRAMMAR_SCHEMA_ANY_OF,
        GRAMMAR_SCHEMA_ONE_OF,
        GRAMMAR_SCHEMA_FALSE, /* nothing is allowed */
    } kind;
    const json_t *json;
    const char *path; /* JSON pointer, for messages; lives as long as the builder */
};

/* Atoms that all apply to one value, in the order in which they were met. */
struct grammar_schema_set {
    struct grammar_schema_atom *atoms; /* in the builder's arena */
    size_t count;
    size_t capacity;
};

enum { GRAMMAR_SCHEMA_PATTERNS_MAX = 8, GRAMMAR_SCHEMA_FRACTION_BITS_MAX = 6 };

/* A regular expression that a string must match; borrowed from the document. */
struct grammar_schema_pattern {
    struct str text;
    const char *path; /* of the schema that says so */
    bool is_format;   /* `format` stands for it */
    bool is_not;      /* the string must not match */
};

struct grammar_schema_part {
    unsigned types_said; /* enum grammar_schema_type: what `type` allows */
    unsigned types;      /* of these, what is produced: without `type` and list of values, those
                            that other keywords speak of */
    json_t *values;      /* array of all allowed values (enum, const), owned; NULL: no list */
    json_t *excluded; /* array of values that are not allowed, owned; NULL: none. Taken off `values`
                            already; strings are patterns, too */
    const char *excluded_path;
    json_t *texts;       /* array of patterns that were made here, owned; may be NULL */
    int64_t integer_min; /* bounds as they are for integers */
    int64_t integer_max;
    double low; /* bounds for other numbers; infinite: none */
    double high;
    bool low_is_open;
    bool high_is_open;
    bool is_inexact; /* a bound is an integer that no double holds */
    uint64_t string_min;
    uint64_t string_max; /* UINT64_MAX: none */
    struct grammar_schema_pattern patterns[GRAMMAR_SCHEMA_PATTERNS_MAX];
    size_t pattern_count;
    uint64_t multiple;      /* numbers are multiples of multiple / 2^multiple_bits; 0: of nothing */
    unsigned multiple_bits; /* at most GRAMMAR_SCHEMA_FRACTION_BITS_MAX */
    const char *multiple_path; /* of a multipleOf that cannot be counted exactly, or NULL */
    uint64_t items_min;
    uint64_t items_max;
    bool has_members; /* some keyword speaks of members or items */
};

/* Reads the plain atoms. E_INVALID: a keyword's value is not what the standard says. E_LIMIT: lists
 * too long to be put together. */
MUST_USE enum status grammar_schema_part_read(const struct grammar_schema_set *set,
                                              struct grammar_schema_part *out, struct error *err);
void grammar_schema_part_done(struct grammar_schema_part *part);

/* What integers must be multiples of; 1: anything. */
uint64_t grammar_schema_part_integer_multiple(const struct grammar_schema_part *part);

/* Does the value obey types, bounds and multipleOf? Members and items are not looked into, nor are
 * the list and patterns. */
bool grammar_schema_part_fits(const struct grammar_schema_part *part, const json_t *value);

/* And is it in the list, if there is one? */
bool grammar_schema_part_allows(const struct grammar_schema_part *part, const json_t *value);

/* Is it among the values that are not allowed? */
bool grammar_schema_part_is_excluded(const struct grammar_schema_part *part, const json_t *value);

/* True if certainly nothing that is produced for `a` obeys `b`: told by types, lists and bounds.
 * Objects and arrays that differ only in members are not told apart. */
bool grammar_schema_part_excludes(const struct grammar_schema_part *a,
                                  const struct grammar_schema_part *b);

/* The same for the values of one type, which both have. */
bool grammar_schema_part_excludes_type(const struct grammar_schema_part *a,
                                       const struct grammar_schema_part *b, unsigned type);

/* Characters of valid UTF-8. */
uint64_t grammar_schema_part_characters(struct str text);
