/*
 * grammar_automaton - from an expression to states that know what to do with each byte.
 *
 * The expression becomes an automaton with many ways (Thompson), and that one with a single way for
 * each byte (subset construction, Rabin and Scott); calls of rules stay as they are. Automatons can
 * then be joined: what two of them accept, or what one accepts of so many characters.
 *
 * Ownership: an automaton owns its arrays; zeroed is empty and can be released.
 * Threads: one at a time. Used by: grammar_schema_text.c, grammar_gbnf.c.
 */
#pragma once

#include "infer/grammar.h"
#include "infer/grammar_expression.h"

enum {
    GRAMMAR_AUTOMATON_STATES_MAX = 16 * 1024,
    GRAMMAR_AUTOMATON_EDGES_MAX = 256 * 1024, /* before the subsets are formed */
    GRAMMAR_AUTOMATON_WORK_MAX = 8 * 1024 * 1024,
};

struct grammar_automaton {
    uint8_t classes[256];
    uint32_t class_count;
    uint32_t state_count;
    uint32_t capacity;
    uint16_t *cells;                      /* [state][class] */
    struct grammar_network_state *states; /* calls and is_accepting */
    bool *is_inside;                      /* [state] between the bytes of one character */
    struct grammar_network_call *calls;
    uint32_t call_count;
    uint32_t call_capacity;
};

void grammar_automaton_done(struct grammar_automaton *automaton);

/* How an expression is read. */
struct grammar_automaton_options {
    bool is_json;     /* characters as in a JSON string */
    bool is_searched; /* the expression may match any part of the text */
    /* Of expressions with calls, by the rule's number: */
    const struct grammar_expression *const *rules; /* what it says */
    const uint32_t *calls; /* its rule in the grammar, or GRAMMAR_NONE: put in place of the call */
    const bool *may_be_empty;
    size_t *work; /* steps of all automatons so far, which GRAMMAR_AUTOMATON_WORK_MAX bounds */
};

/* E_LIMIT: too intricate. */
MUST_USE enum status grammar_automaton_build(const struct grammar_expression *expression,
                                             const struct grammar_automaton_options *options,
                                             struct grammar_automaton *out, struct error *err);

/* What both accept. Neither calls rules. */
MUST_USE enum status grammar_automaton_intersect(const struct grammar_automaton *a,
                                                 const struct grammar_automaton *b,
                                                 struct grammar_automaton *out, struct error *err);

/* What `a` accepts and `b` does not. Neither calls rules. */
MUST_USE enum status grammar_automaton_subtract(const struct grammar_automaton *a,
                                                const struct grammar_automaton *b,
                                                struct grammar_automaton *out, struct error *err);

/* What is accepted and has from `least` to `most` characters (GRAMMAR_ENDLESS: no upper bound). */
MUST_USE enum status grammar_automaton_bound(const struct grammar_automaton *a, uint32_t least,
                                             uint32_t most, struct grammar_automaton *out,
                                             struct error *err);

/* Is the text accepted? For a string the text is that between the quotes. */
bool grammar_automaton_accepts(const struct grammar_automaton *automaton, struct str text);

/* Adds it as a rule; `is_quoted`: between quotes, which no character in it may then be. */
uint32_t grammar_automaton_add(struct grammar *grammar, const struct grammar_automaton *automaton,
                               bool is_quoted);
