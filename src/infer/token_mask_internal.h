/*
 * token_mask_internal - the inside of a token mask, shared by the token_mask*.c files only.
 *
 *   token_mask.c          lifetime, moving along, forbidden calls
 *   token_mask_free.c     free text, and what opens a call in it
 *   token_mask_compile.c  tools and schemas -> grammar
 *   token_mask_form.c     tool-call form -> grammar
 *   token_mask_answer.c   answers that are no calls, and texts of grammars
 *   token_mask_allowed.c  the set of allowed tokens
 *   token_mask_walk.c     ... by walking the vocabulary
 *   token_mask_text.c     ... in texts between tags
 *   token_mask_sets.c     ... in networks, as sets that are kept
 *   token_mask_need.c     fewest tokens to the end
 *   token_mask_forced.c   text that must come, and its tokens
 *
 * Threads: see token_mask.h.
 */
#pragma once

#include "infer/grammar_rest.h"
#include "infer/grammar_state.h"
#include "infer/token_mask.h"

struct token_mask_sets;
struct token_mask_sets_exit;

enum {
    TOKEN_MASK_INTERNAL_TAIL_MAX = 64, /* bytes of the text so far that are remembered */
    TOKEN_MASK_INTERNAL_MEMO = 256,
    TOKEN_MASK_INTERNAL_SETS = 64,    /* states of networks whose sets are kept ... */
    TOKEN_MASK_INTERNAL_EXITS = 8192, /* ... each a bit for every token and 8 bytes an exit: at
                                         most 6 MB for 250,000 tokens */
    TOKEN_MASK_INTERNAL_WAYS = 512,   /* states of networks about which something is known during
                                         one request */
    TOKEN_MASK_INTERNAL_TRIGGERS_MAX = 8,
};

struct token_mask_internal_tool {
    struct str name; /* owned by the program */
    uint32_t mark;   /* the rule of its arguments */
    uint32_t then;   /* the rule behind its name */
};

/* A text on which free text ends. */
struct token_mask_internal_trigger {
    int32_t token; /* the same as one token; -1: none is */
    char *text;
    uint32_t len;
    uint32_t *borders;   /* [len + 1] longest proper border of each beginning */
    int32_t *containing; /* tokens whose text holds the whole of it, `token` left out */
    uint32_t containing_count;
    uint32_t rule;      /* what follows; GRAMMAR_NONE: the text must not appear */
    bool only_at_start; /* of the answer */
    bool restarts;      /* what follows is free, and the start of an answer again */
};

/* What is compiled once and shared by a mask and its forks. */
struct token_mask_internal_program {
    const struct token_mask_vocab *vocab;
    struct grammar *grammar;
    enum token_mask_mode mode;
    uint32_t start; /* of the whole; GRAMMAR_NONE: it begins with free text */
    uint32_t exit;  /* what must come in the end of free text; GRAMMAR_NONE: it may end anywhere */
    bool has_calls;
    bool arguments_are_json;
    struct str name_before; /* owned: what stands in front of a name ... */
    struct str name_suffix; /* ... and between it and the arguments */
    uint32_t words;         /* of the tools' names */
    struct token_mask_internal_tool *tools;
    uint32_t tool_count;
    int32_t *specials; /* tokens the grammar may ask for */
    uint32_t special_count;

    struct token_mask_internal_trigger triggers[TOKEN_MASK_INTERNAL_TRIGGERS_MAX];
    uint32_t trigger_count;
    struct token_mask_sets *sets; /* see token_mask_sets.h */
    int reference_count;          /* atomic */
};

struct token_mask_internal_memo {
    uint64_t hash;
    uint32_t count;  /* symbols; 0: unused */
    uint32_t tokens; /* fewest that spell them */
};

/* Bytes, one bit each. */
struct token_mask_internal_bytes {
    uint64_t bits[4];
};

/* What token_mask_walk.c has found out about a state of the network that a walk is in. */
struct token_mask_internal_way {
    uint64_t inside; /* which walk; 0: unused */
    uint32_t state;
    enum { TOKEN_MASK_INTERNAL_UNKNOWN, TOKEN_MASK_INTERNAL_FITS, TOKEN_MASK_INTERNAL_FAR } reach;
    struct token_mask_internal_bytes tried; /* aside, as in grammar_state_step_aside() */
    struct token_mask_internal_bytes found; /* of these, those that lead on */
};

struct token_mask {
    struct token_mask_internal_program *program;
    struct grammar *grammar; /* the program's, or a narrowed copy */
    struct grammar_exclusions exclusions;
    struct grammar_state state;
    bool is_free;
    bool is_past_start;       /* free: more than white space, and no beginning of a trigger */
    bool starts_in_reasoning; /* for token_mask_start() */
    uint32_t exit_need;       /* fewest tokens of program->exit, as the grammar is now */
    uint32_t read[TOKEN_MASK_INTERNAL_TRIGGERS_MAX]; /* free: bytes of each trigger that the text
                                                        ends with */
    int32_t last_special;                            /* the special token before the tail, or -1 */
    uint32_t tail_len;
    char tail[TOKEN_MASK_INTERNAL_TAIL_MAX]; /* the last bytes of the text */

    uint64_t *allowed;                    /* [vocab->word_count] */
    uint64_t *some;                       /* the same, of token_mask_text.c */
    uint64_t *others;                     /* the same */
    struct grammar_layer *layers;         /* [depth_max + 2] */
    uint16_t *network_states;             /* [depth_max + 2] of token_mask_walk.c */
    struct token_mask_internal_way *ways; /* [TOKEN_MASK_INTERNAL_WAYS] by state */
    uint64_t inside_count;                /* walks within networks so far */
    struct token_mask_sets_exit *exits;   /* of token_mask_sets.c */
    uint32_t exit_capacity;
    bool *keeps; /* [GRAMMAR_STATE_CONFIGS_MAX] */
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

/* Puts the state in front of a rule; false when it cannot be. */
bool token_mask_internal_enter(struct token_mask *mask, uint32_t rule);

/* Free text begins. */
void token_mask_internal_free(struct token_mask *mask, bool is_past_start);

/* Free text ends while there is still room for what must come: goes over to that when `budget`
 * tokens, the next one included, allow nothing else. */
void token_mask_internal_hurry(struct token_mask *mask, uint32_t budget);

/* Moves along with a token in free text. */
MUST_USE enum status token_mask_internal_accept_free(struct token_mask *mask, int32_t token,
                                                     struct error *err);

/* The set of tokens for free text, `budget` as in token_mask_allowed(); NULL: all. */
const uint64_t *token_mask_internal_allowed_free(struct token_mask *mask, uint32_t budget);

/* Says that a token does not fit. */
enum status token_mask_internal_refuse(const struct token_mask *mask, int32_t token,
                                       struct error *err);
bool token_mask_internal_step_text(struct token_mask *mask, const struct grammar_layer *from,
                                   struct str text, struct grammar_layer *to);

/* The layer behind an ordinary or special token; false when the grammar refuses it. `*to` may not
 * be viable yet: see token_mask_internal_is_viable(). */
bool token_mask_internal_step(struct token_mask *mask, const struct grammar_layer *from,
                              int32_t token, struct grammar_layer *to);

/* Fewest tokens to the end; UINT32_MAX: no end. */
uint32_t token_mask_internal_fewest(struct token_mask *mask, const struct grammar_layer *layer);

/* The same for one configuration of the base, exclusions not looked at. */
uint32_t token_mask_internal_fewest_for(struct token_mask *mask, const struct grammar_node *config);

/* Is the end within `budget` tokens? As fewest() <= budget, but mostly without counting them. */
bool token_mask_internal_fits(struct token_mask *mask, const struct grammar_layer *layer,
                              uint32_t budget);

/* ---------------------------------------------------------------- compiling */

/* A tool-call form on its way into a grammar. */
struct token_mask_internal_form {
    struct token_mask_internal_program *program;
    const struct token_mask_syntax *syntax;
    struct grammar_limits limits;
    uint32_t call_count_max;
    uint32_t id;     /* the rule of an id */
    uint32_t answer; /* of what comes instead of calls; GRAMMAR_NONE: free text */
    bool is_unthinking;
    uint32_t trials;  /* schemas tried for a lenient caller so far */
    bool *is_bare;    /* [tool] lenient: of its arguments no more than types is enforced */
    uint32_t *origin; /* [program->tool_count] which of the given tools each is */
    struct error *err;
};

/* A literal text, in which special tokens may be spelled. GRAMMAR_NONE for an empty one. */
uint32_t token_mask_internal_text(struct token_mask_internal_form *form, struct str text);

/* One rule behind the other; either may be GRAMMAR_NONE. */
uint32_t token_mask_internal_join(struct token_mask_internal_form *form, uint32_t first,
                                  uint32_t second);

/* The longest special token that `text` begins with; -1: none. */
int32_t token_mask_internal_special_at(const struct token_mask_vocab *vocab, struct str text);

/* The beginning of `text` that is written behind a name as text: up to a special token. */
struct str token_mask_internal_plain(const struct token_mask_internal_form *form, struct str text);

/* Fills start, exit and triggers of the program; its words are there. */
MUST_USE enum status token_mask_internal_add_form(struct token_mask_internal_form *form);

/* The rule of an answer that is no call. */
MUST_USE enum status token_mask_internal_add_answer(struct token_mask_internal_form *form,
                                                    const struct token_mask_answer *answer,
                                                    uint32_t *out);

/* The arguments that are one text, and `end` behind them. */
MUST_USE enum status token_mask_internal_add_input(struct token_mask_internal_form *form,
                                                   const struct token_mask_input *input,
                                                   uint32_t end, uint32_t *out);
