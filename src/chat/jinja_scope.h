/*
 * jinja_scope - variables by symbol, one scope inside another.
 *
 * The rules of Jinja2: a loop, a macro and a block set have scopes of their own, `if` has none;
 * assignments go to the innermost scope, names are looked up outwards.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_value.h"

#include <stdint.h>

struct jinja_context;

struct jinja_scope_variable {
    uint32_t symbol;
    struct jinja_value value;
};

struct jinja_scope {
    const struct jinja_scope *parent;
    struct jinja_scope_variable *variables;
    uint32_t count;
    uint32_t capacity;
};

/* In the arena of the rendering, because macros keep the scope they were defined in. */
MUST_USE enum status jinja_scope_new(struct jinja_context *context,
                                     const struct jinja_scope *parent, struct jinja_scope **out);

MUST_USE enum status jinja_scope_set(struct jinja_context *context, struct jinja_scope *scope,
                                     uint32_t symbol, struct jinja_value value);

/* NULL when no scope has it. */
const struct jinja_value *jinja_scope_find(const struct jinja_scope *scope, uint32_t symbol);
