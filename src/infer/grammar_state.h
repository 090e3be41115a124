/*
 * grammar_state - a running grammar: where a text stands in it.
 *
 * A state is a list of configurations (the readings of the text that are still possible; mostly
 * one), each a stack of nodes. Stacks share their lower parts. To look ahead without changing the
 * state there are layers: grammar_state_step() makes the layer behind one byte on top of another
 * layer, and a layer is given up by making another one on the layer below it. Walking a tree of
 * texts is thus a stack of layers; grammar_state_commit() makes one of them the state's own.
 *
 * Every layer that exists can be continued to a complete text: steps into dead ends are refused,
 * except that excluded texts (grammar_exclusions.h) show only in grammar_rest_layer().
 * More than GRAMMAR_STATE_CONFIGS_MAX readings at a time are cut down to those with the shortest
 * ends: then some texts that the schema would allow are refused, never the other way round.
 *
 * Ownership: a state owns its arrays and borrows grammar and exclusions. Zeroed is valid and empty.
 * Threads: one at a time. Depends on: grammar.h. Used by: token_mask*.c.
 */
#pragma once

#include "infer/grammar.h"
#include "infer/grammar_exclusions.h"

enum { GRAMMAR_STATE_CONFIGS_MAX = 128 };

enum grammar_phase {
    GRAMMAR_AT_START, /* nothing read; the phase of kinds that have no other */

    GRAMMAR_IN_STRING, /* STRING, KEY and TEXT: between characters */
    GRAMMAR_IN_ESCAPE,
    GRAMMAR_IN_U,      /* behind \u */
    GRAMMAR_IN_U0,     /* behind \u0 */
    GRAMMAR_IN_U00,    /* behind \u00 */
    GRAMMAR_IN_U000,   /* behind \u000 */
    GRAMMAR_IN_U001,   /* behind \u001 */
    GRAMMAR_IN_UTF8_1, /* one more byte of a character, any */
    GRAMMAR_IN_UTF8_2, /* two more */
    GRAMMAR_IN_UTF8_3,
    GRAMMAR_IN_UTF8_E0, /* behind this first byte: the second has a smaller range */
    GRAMMAR_IN_UTF8_ED,
    GRAMMAR_IN_UTF8_F0,
    GRAMMAR_IN_UTF8_F4,

    GRAMMAR_AT_FIRST,    /* OBJECT, ARRAY: behind the bracket */
    GRAMMAR_AFTER_VALUE, /* behind a member or item */
    GRAMMAR_AFTER_COMMA,
    GRAMMAR_AT_KEY,   /* OBJECT: a key must come */
    GRAMMAR_IN_NAME,  /* OBJECT: a node of its own, on top of the object's: in a named key */
    GRAMMAR_IN_KEY,   /* OBJECT: below a KEY node */
    GRAMMAR_AT_COLON, /* OBJECT: behind a further key */
    GRAMMAR_AT_SPACE,
    GRAMMAR_IN_VALUE, /* below a node for a member or item */
};

/* One node of a stack; the top one is part of a configuration. */
struct grammar_node {
    uint32_t rule;   /* GRAMMAR_NONE: the text is complete */
    uint32_t parent; /* index of the node below, GRAMMAR_NONE at the bottom */
    uint32_t tail;   /* symbols of the shortest text behind this rule, to the very end */
    uint16_t depth;  /* nodes below */
    uint16_t phase;  /* enum grammar_phase */
    union {
        struct {
            uint32_t
                count; /* LITERAL, WORDS, IN_NAME: bytes read. STRING, KEY, TEXT: characters begun.
                               SEQUENCE: index of the part. ARRAY: items begun. REPEAT: times begun.
                               OBJECT: further keys. NETWORK: state */
            uint32_t index; /* OBJECT: of the next property. WORDS, IN_NAME: first still possible.
                               TEXT: bytes read of what must not occur */
            uint64_t extra; /* WORDS, IN_NAME: behind the last possible. KEY: hash so far. OBJECT:
                               node index + 1 of the last further key's hash */
        };
        struct grammar_number_at number;
    };
};

struct grammar_layer {
    uint32_t first; /* configurations, in the state's array */
    uint32_t count;
    uint32_t node_count; /* nodes in use */
    uint32_t mark_len;   /* bytes read under the mark */
    uint64_t matching;   /* exclusions that the text under the mark is a beginning of, by bit */
};

struct grammar_state {
    const struct grammar *grammar;
    const struct grammar_exclusions *exclusions; /* may be NULL */
    struct grammar_node *nodes;
    uint32_t node_capacity;
    struct grammar_node *configs;
    uint32_t config_capacity;
    struct grammar_layer base; /* the state itself */
    uint32_t *remap;           /* scratch of commit */
    uint32_t remap_capacity;
};

/* Puts the state before the first symbol of `rule` (not ENDLESS). `depth` (mostly 0): as if it
 * stood inside so many others. */
void grammar_state_start(struct grammar_state *state, const struct grammar *grammar,
                         const struct grammar_exclusions *exclusions, uint32_t rule,
                         uint32_t depth);
void grammar_state_done(struct grammar_state *state);

/* No reading is possible any more; memory is kept. */
void grammar_state_forget(struct grammar_state *state);

/* Makes *to (which keeps its memory) equal to *from. */
void grammar_state_copy(struct grammar_state *to, const struct grammar_state *from);

/* The layer behind `byte`; false when the grammar does not allow it there. `from` is the base or
 * was made last or lies below what was made last, which is then given up. */
bool grammar_state_step(struct grammar_state *state, const struct grammar_layer *from,
                        unsigned char byte, struct grammar_layer *to);

/* A layer on top of `below` with one configuration; what `node` stands on belongs to `below`. */
struct grammar_layer grammar_state_put(struct grammar_state *state,
                                       const struct grammar_layer *below,
                                       const struct grammar_node *node);
/* One more, where `layer` was made last. */
void grammar_state_add(struct grammar_state *state, struct grammar_layer *layer,
                       const struct grammar_node *node);

/* As grammar_state_step() from a layer whose only configuration is in a network or text, but not by
 * the byte's own way in it: only by calls and by leaving it. */
bool grammar_state_step_aside(struct grammar_state *state, const struct grammar_layer *from,
                              unsigned char byte, struct grammar_layer *to);

/* As grammar_state_step(), for a special token. */
bool grammar_state_step_special(struct grammar_state *state, const struct grammar_layer *from,
                                int32_t token, struct grammar_layer *to);

/* A layer with some of the configurations of another, put on top of it; `keeps` [from->count]. */
struct grammar_layer grammar_state_select(struct grammar_state *state,
                                          const struct grammar_layer *from, const bool *keeps);

/* True if the text may end here. */
bool grammar_state_is_complete(struct grammar_state *state, const struct grammar_layer *layer);

/* Does free text begin here? */
bool grammar_state_is_free(const struct grammar_state *state, const struct grammar_layer *layer);

/* The layer becomes the state; all others are given up. */
void grammar_state_commit(struct grammar_state *state, const struct grammar_layer *layer);
