/*
 * token_mask_internal - the inside of a token mask, shared by the token_mask*.c files only.
 *
 *   token_mask.c          lifetime, moving along, forbidden calls
 *   token_mask_compile.c  tool-call form and schemas -> grammar
 *   token_mask_allowed.c  the set of allowed tokens
 *   token_mask_need.c     fewest tokens to the end
 *   token_mask_forced.c   text that must come, and its tokens
 *
 * Threads: see token_mask.h.
 */
#pragma once

#include "infer/grammar_rest.h"
#include "infer/grammar_state.h"
#include "infer/token_mask.h"

enum {
    TOKEN_MASK_INTERNAL_TAIL_MAX = 64, /* bytes of the text so far that are remembered */
    TOKEN_MASK_INTERNAL_MEMO = 256,
};

struct token_mask_internal_tool {
    struct str name; /* owned by the program */
    uint32_t mark;   /* the rule of its arguments */
    uint32_t then;   /* the rule behind its name */
};

/* What is compiled once and shared by a mask and its forks. */
struct token_mask_internal_program {
    const struct token_mask_vocab *vocab;
    struct grammar *grammar;
    enum token_mask_mode mode;
    uint32_t rule;  /* REQUIRED: of the whole; AUTO: of what follows the trigger; else NONE */
    uint32_t words; /* of the tools' names */
    struct token_mask_internal_tool *tools;
    uint32_t tool_count;
    int32_t *specials; /* tokens the grammar may ask for */
    uint32_t special_count;

    /* What begins a call in free text. */
    int32_t trigger_token; /* -1: none */
    char *trigger;         /* the same as text */
    uint32_t trigger_len;
    uint32_t *borders;   /* [trigger_len + 1] longest proper border of each beginning */
    int32_t *containing; /* tokens whose text holds the whole trigger, the trigger token left out */
    uint32_t containing_count;
    bool only_at_start;
    int reference_count; /* atomic */
};

struct token_mask_internal_memo {
    uint64_t hash;
    uint32_t count;  /* symbols; 0: unused */
    uint32_t tokens; /* fewest that spell them */
};

struct token_mask {
    struct token_mask_internal_program *program;
    struct grammar *grammar; /* the program's, or a narrowed copy */
    struct grammar_exclusions exclusions;
    struct grammar_state state;
    bool is_free;
    bool is_past_start;    /* free, only_at_start: `open` can no longer come */
    uint32_t trigger_read; /* free: bytes of the trigger the text ends with */
    int32_t last_special;  /* the special token before the tail, or -1 */
    uint32_t tail_len;
    char tail[TOKEN_MASK_INTERNAL_TAIL_MAX]; /* the last bytes of the text */

    uint64_t *allowed;            /* [vocab->word_count] */
    struct grammar_layer *layers; /* [depth_max + 2] */
    bool *keeps;                  /* [GRAMMAR_STATE_CONFIGS_MAX] */
    struct grammar_rest_text rest;
    struct grammar_rest_text scratch;
    uint32_t *costs; /* of token_mask_need.c */
    uint32_t cost_capacity;
    struct token_mask_internal_memo *memo; /* [TOKEN_MASK_INTERNAL_MEMO] */
};

/* Takes ownership of nothing; *out holds one reference. */
MUST_USE enum status token_mask_internal_new(struct token_mask_internal_program *program,
                                             struct token_mask **out, struct error *err);
void token_mask_internal_unref(struct token_mask_internal_program *program);

/* Can a call begin (AUTO), as far as tools and forbidden calls go? */
bool token_mask_internal_can_open(const struct token_mask *mask);

/* Puts the state where the grammar begins; its rule must not be ENDLESS. */
void token_mask_internal_enter(struct token_mask *mask);

/* The layer behind an ordinary or special token; false when the grammar refuses it. `*to` may not
 * be viable yet: see token_mask_internal_is_viable(). */
bool token_mask_internal_step(struct token_mask *mask, const struct grammar_layer *from,
                              int32_t token, struct grammar_layer *to);

/* Free text: what the token makes of it. */
enum token_mask_internal_opening {
    TOKEN_MASK_INTERNAL_STAYS_FREE,
    TOKEN_MASK_INTERNAL_OPENS,  /* a call has begun: *to is the layer behind the token */
    TOKEN_MASK_INTERNAL_REFUSED /* a call would begin that must not, or wrongly */
};
enum token_mask_internal_opening token_mask_internal_open(struct token_mask *mask, int32_t token,
                                                          struct grammar_layer *to);

/* Fewest tokens to the end; UINT32_MAX: no end. */
uint32_t token_mask_internal_fewest(struct token_mask *mask, const struct grammar_layer *layer);

/* The same for one configuration of the base, exclusions not looked at. */
uint32_t token_mask_internal_fewest_for(struct token_mask *mask, const struct grammar_node *config);

/* Is the end within `budget` tokens? As fewest() <= budget, but mostly without counting them. */
bool token_mask_internal_fits(struct token_mask *mask, const struct grammar_layer *layer,
                              uint32_t budget);
