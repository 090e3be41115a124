#include "chat/jinja_scope.h"

#include "chat/jinja_context.h"

enum { CAPACITY_MIN = 8 };

enum status jinja_scope_new(struct jinja_context *context, const struct jinja_scope *parent,
                            struct jinja_scope **out)
{
    TRY(jinja_context_alloc(context, 1, sizeof(**out), out));
    (*out)->parent = parent;
    return OK;
}

static struct jinja_scope_variable *find_here(const struct jinja_scope *scope, uint32_t symbol)
{
    for (uint32_t i = 0; i < scope->count; i++) {
        if (scope->variables[i].symbol == symbol)
            return &scope->variables[i];
    }
    return NULL;
}

enum status jinja_scope_set(struct jinja_context *context, struct jinja_scope *scope,
                            uint32_t symbol, struct jinja_value value)
{
    struct jinja_scope_variable *found = find_here(scope, symbol);
    if (found) {
        found->value = value;
        return OK;
    }
    if (scope->count == scope->capacity) {
        const uint32_t capacity = scope->capacity ? scope->capacity * 2 : CAPACITY_MIN;
        struct jinja_scope_variable *grown = NULL;
        TRY(jinja_context_alloc(context, capacity, sizeof(*grown), &grown));
        if (scope->count)
            memcpy(grown, scope->variables, scope->count * sizeof(*grown));
        scope->variables = grown;
        scope->capacity = capacity;
    }
    scope->variables[scope->count++] = (struct jinja_scope_variable){symbol, value};
    return OK;
}

const struct jinja_value *jinja_scope_find(const struct jinja_scope *scope, uint32_t symbol)
{
    for (; scope; scope = scope->parent) {
        const struct jinja_scope_variable *found = find_here(scope, symbol);
        if (found)
            return &found->value;
    }
    return NULL;
}
