/*
 * grammar_network - automatons with numbered states as parts of a grammar.
 *
 * From a state a byte leads to at most one other (bytes that no state tells apart are one class),
 * and a call leads to another behind the text of a whole rule: with calls a network is as strong as
 * a context-free grammar, without them it is a regular language, which needs one configuration only
 * (grammar_state.h). State 0 is the first.
 *
 * Threads: constant once the grammar is finished. Used by: grammar.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GRAMMAR_NO_STATE UINT16_MAX

struct grammar_network_call {
    uint32_t rule;
    uint32_t to; /* state behind the rule's text */
};

struct grammar_network_state {
    uint32_t rest;       /* symbols of the shortest text to the network's end (set by finish) */
    uint32_t first_call; /* in calls */
    uint16_t call_count;
    uint16_t depth;    /* stack nodes that text needs (set by finish) */
    bool is_accepting; /* the text may end here */
    bool is_final;     /* and nothing can follow (set when added) */
};

struct grammar_network {
    uint32_t first_state;
    uint32_t state_count;
    uint32_t first_cell;
    uint32_t class_count;
    bool has_calls;
    uint32_t way_out;     /* a state that calls nothing, in which the text may end or go on;
                             GRAMMAR_NO_STATE: there is none */
    uint32_t rest_max;    /* the longest rest of its states that have one (set by finish) */
    uint32_t depth_max;   /* and the greatest depth */
    uint8_t classes[256]; /* of each byte */
};

/* What a new network is made from; borrowed. */
struct grammar_network_spec {
    uint8_t classes[256];
    uint32_t class_count;
    uint32_t state_count;
    const struct grammar_network_state *states; /* first_call counts from 0 */
    const uint16_t *cells;                      /* [state][class] */
    const struct grammar_network_call *calls;
    uint32_t call_count;
};
