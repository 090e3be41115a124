/*
 * grammar_expression - what a pattern or a GBNF rule says, as a tree.
 *
 * Nodes and sets lie in an arena; a tree is built once, then made an automaton
 * (grammar_automaton.h).
 *
 * Threads: one at a time. Used by: grammar_regex.c, grammar_gbnf*.c, grammar_automaton.c.
 */
#pragma once

#include "base/arena.h"
#include "infer/grammar_characters.h"

enum {
    GRAMMAR_EXPRESSION_DEPTH_MAX = 64, /* groups in groups */
    GRAMMAR_EXPRESSION_TIMES_MAX = 4096,
};

#define GRAMMAR_EXPRESSION_ENDLESS UINT32_MAX /* times_max: no bound */

enum grammar_expression_kind {
    GRAMMAR_EXPRESSION_EMPTY,
    GRAMMAR_EXPRESSION_CHARACTERS, /* one of a set */
    GRAMMAR_EXPRESSION_SEQUENCE,   /* the children one after the other; may have none */
    GRAMMAR_EXPRESSION_CHOICE,     /* one of the children */
    GRAMMAR_EXPRESSION_REPEAT,     /* the only child so many times */
    GRAMMAR_EXPRESSION_CALL,       /* a rule by number */
    GRAMMAR_EXPRESSION_AT_START,   /* nothing, where the text begins */
    GRAMMAR_EXPRESSION_AT_END,     /* nothing, where it ends */
};

struct grammar_expression {
    enum grammar_expression_kind kind;
    struct grammar_characters set; /* CHARACTERS; its ranges lie in the arena */
    uint32_t times_min;
    uint32_t times_max;
    uint32_t rule;
    struct grammar_expression *first; /* child */
    struct grammar_expression *last;
    struct grammar_expression *next; /* sibling */
};

static inline struct grammar_expression *grammar_expression_new(struct arena *arena,
                                                                enum grammar_expression_kind kind)
{
    struct grammar_expression *node = arena_alloc(arena, sizeof(*node));
    node->kind = kind;
    return node;
}

static inline void grammar_expression_append(struct grammar_expression *parent,
                                             struct grammar_expression *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

/* The set is copied, tidied. */
static inline struct grammar_expression *
grammar_expression_characters(struct arena *arena, struct grammar_characters *set)
{
    struct grammar_expression *node = grammar_expression_new(arena, GRAMMAR_EXPRESSION_CHARACTERS);
    grammar_characters_tidy(set);
    node->set.ranges = arena_alloc_array(arena, set->count + 1, sizeof(*set->ranges));
    node->set.count = set->count;
    for (size_t i = 0; i < set->count; i++)
        node->set.ranges[i] = set->ranges[i];
    return node;
}
