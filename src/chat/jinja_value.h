/*
 * jinja_value - the values a template computes with: Python's, as far as templates need them.
 *
 * A value is 16 bytes and copied freely; what it points to lives in the arena of the rendering (or
 * of the template, for constants) and is never released alone. Lists, dicts and namespaces are
 * shared by reference and may be changed by the template that made them, as in Python.
 *
 * Every value has an origin (segment.h). Strings carry it byte by byte; numbers and containers as a
 * whole, so that printing them gives text of the right origin.
 *
 * Threads: one at a time. Used by: all of jinja_*, chat_template.c.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_string.h"

#include <jansson.h>
#include <stdint.h>

struct jinja_context;
struct jinja_function;
struct jinja_macro;
struct jinja_scope;
struct jinja_stmt;

enum jinja_kind {
    JINJA_UNDEFINED, /* a name or member that does not exist: prints nothing, is false */
    JINJA_NONE,
    JINJA_BOOL,
    JINJA_INT,
    JINJA_FLOAT,
    JINJA_STRING,
    JINJA_LIST,
    JINJA_TUPLE,
    JINJA_DICT,
    JINJA_NAMESPACE, /* a dict whose members can be set from inside a loop */
    JINJA_LOOP,      /* the variable `loop` */
    JINJA_MACRO,
    JINJA_FUNCTION, /* a global function */
    JINJA_METHOD,   /* a method with the value it belongs to */
    JINJA_ABSENT,   /* a parameter that was not given; never seen by a template */
};

struct jinja_value {
    uint8_t kind;   /* enum jinja_kind */
    uint8_t origin; /* enum segment_origin; of strings: that of the string */
    union {
        const struct jinja_missing *missing; /* UNDEFINED; NULL when nothing is known of it */
        bool boolean;
        int64_t integer;
        double real;
        const struct jinja_string *string;
        struct jinja_list *list; /* LIST, TUPLE */
        struct jinja_dict *dict; /* DICT, NAMESPACE */
        struct jinja_loop *loop;
        const struct jinja_macro *macro;
        const struct jinja_function *function;
        const struct jinja_method *method;
    };
};

/* What was looked for and not found: for the message when it is used after all. */
struct jinja_missing {
    const char *owner; /* kind of the value that lacks it ("dict object"); NULL: a variable */
    struct jinja_value key;
};

struct jinja_list {
    struct jinja_value *items;
    size_t count;
    size_t capacity;
    bool is_group; /* TUPLE of groupby: its two items are also called `grouper` and `list` */
};

struct jinja_entry {
    struct jinja_value key;
    struct jinja_value value;
};

struct jinja_dict {
    struct jinja_entry *entries; /* in the order they were added */
    size_t count;
    size_t capacity;
};

struct jinja_loop {
    const struct jinja_list *items;
    size_t index;                  /* from 0 */
    size_t depth;                  /* of loop(items) in a recursive loop, from 1 */
    const struct jinja_stmt *stmt; /* what loop(items) runs again */
    struct jinja_scope *scope;     /* around the loop */
    struct jinja_value changed;    /* TUPLE: what changed() saw last; else nothing yet */
};

struct jinja_method {
    const struct jinja_function *function;
    struct jinja_value self;
};

/* ---------------------------------------------------------------- making values */

static inline struct jinja_value jinja_value_none(void)
{
    return (struct jinja_value){.kind = JINJA_NONE};
}

static inline struct jinja_value jinja_value_bool(bool boolean)
{
    return (struct jinja_value){.kind = JINJA_BOOL, .boolean = boolean};
}

static inline struct jinja_value jinja_value_int(int64_t integer)
{
    return (struct jinja_value){.kind = JINJA_INT, .integer = integer};
}

static inline struct jinja_value jinja_value_float(double real)
{
    return (struct jinja_value){.kind = JINJA_FLOAT, .real = real};
}

static inline struct jinja_value jinja_value_string(const struct jinja_string *string)
{
    return (struct jinja_value){
        .kind = JINJA_STRING, .origin = (uint8_t)string->origin, .string = string};
}

/* Each fails with E_LIMIT when the rendering's memory is used up. */
MUST_USE enum status jinja_value_new_string(struct jinja_context *context,
                                            struct jinja_string string, struct jinja_value *out);
MUST_USE enum status jinja_value_new_text(struct jinja_context *context, struct str bytes,
                                          enum segment_origin origin, struct jinja_value *out);
MUST_USE enum status jinja_value_new_list(struct jinja_context *context, enum jinja_kind kind,
                                          size_t capacity, struct jinja_value *out);
MUST_USE enum status jinja_value_new_dict(struct jinja_context *context, enum jinja_kind kind,
                                          size_t capacity, struct jinja_value *out);

/* An undefined value: member `key` of `owner`, or the variable `key` when owner is ABSENT. */
MUST_USE enum status jinja_value_new_missing(struct jinja_context *context,
                                             struct jinja_value owner, struct jinja_value key,
                                             struct jinja_value *out);

/* All of a JSON value as text of one origin. Strings are borrowed from `json`. */
MUST_USE enum status jinja_value_from_json(struct jinja_context *context, const json_t *json,
                                           enum segment_origin origin, struct jinja_value *out);

/* ---------------------------------------------------------------- containers */

MUST_USE enum status jinja_value_append(struct jinja_context *context, struct jinja_list *list,
                                        struct jinja_value item);

/* NULL when there is no such key. */
const struct jinja_value *jinja_value_find(struct jinja_context *context,
                                           const struct jinja_dict *dict, struct jinja_value key);
const struct jinja_value *jinja_value_find_c(const struct jinja_dict *dict, const char *key);

MUST_USE enum status jinja_value_set(struct jinja_context *context, struct jinja_dict *dict,
                                     struct jinja_value key, struct jinja_value value);

/* As jinja_value_set(); `key` is a literal or lives as long as the rendering. */
MUST_USE enum status jinja_value_set_c(struct jinja_context *context, struct jinja_dict *dict,
                                       const char *key, struct jinja_value value);

/* What a for loop would visit: items, keys, characters. Undefined: nothing. A list is itself, not
 * a copy. Others: E_FORMAT "'int' object is not iterable". */
MUST_USE enum status jinja_value_items(struct jinja_context *context, struct jinja_value value,
                                       const struct jinja_list **out);

/* ---------------------------------------------------------------- facts */

bool jinja_value_is_true(struct jinja_value value);
bool jinja_value_is_number(struct jinja_value value); /* int, float or bool */

/* For int and bool. */
static inline int64_t jinja_value_integer(struct jinja_value value)
{
    return value.kind == JINJA_BOOL ? value.boolean : value.integer;
}

double jinja_value_real(struct jinja_value value); /* of a number */

/* "str", "dict", "NoneType", ...: what Python calls the type. */
const char *jinja_value_type_name(struct jinja_value value);

/* len(): false when the value has none. Strings count characters. */
bool jinja_value_length(struct jinja_value value, size_t *out);

/* Fails with "'x' is undefined" and its kin if the value is undefined, else OK. */
MUST_USE enum status jinja_value_need_defined(struct jinja_context *context,
                                              struct jinja_value value);
