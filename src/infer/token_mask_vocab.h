/*
 * token_mask_vocab - the vocabulary of one tokenizer, arranged for token masks.
 *
 * All ordinary tokens (normal and byte tokens; control, user-defined, unknown and unused ones are
 * left out, and those that end generation) lie in a trie over their bytes, written out in walking
 * order: one pass visits every token whose bytes an automaton accepts and skips the rest by
 * subtree. Beside it, for the inside of JSON strings, where nearly everything is allowed: the set
 * of tokens that are plain string text, by where in a character they end, and a second trie of only
 * those tokens that hold a quote or a backslash. The same for texts between tags.
 *
 * Built once per tokenizer, which it borrows; read-only afterwards and shared by all masks.
 * Threads: any number may read. Depends on: tokenizer/. Used by: token_mask*.c, engine/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct tokenizer;
struct token_mask_vocab;

enum {
    TOKEN_MASK_VOCAB_PIECE_MAX = 1024, /* longer ordinary tokens are never allowed in a mask */
    TOKEN_MASK_VOCAB_PENDING_MAX = 3,  /* bytes of a character a token may leave open */
    TOKEN_MASK_VOCAB_ENDS = 8,         /* places in a character where a token may end */
};

/* E_UNSUPPORTED when the tokenizer has no vocabulary, or lacks the one-byte tokens from which
 * anything can be spelled (every byte-level BPE and every SPM with byte fallback has them). */
MUST_USE enum status token_mask_vocab_new(const struct tokenizer *tokenizer,
                                          struct token_mask_vocab **out, struct error *err);
void token_mask_vocab_free(
    struct token_mask_vocab *vocab); /* NULL is allowed; masks must be gone */

static inline void token_mask_vocab_freep(struct token_mask_vocab **vocab)
{
    token_mask_vocab_free(*vocab);
}

/* ---------------------------------------------------------------- for token_mask*.c */

/* Node i stands for one byte more than the last node before it with depths[i] - 1 bytes; the nodes
 * that begin with its bytes are (i, ends[i]). */
struct token_mask_vocab_trie {
    uint32_t node_count;
    uint32_t *ends;         /* [node_count] index behind the subtree */
    uint32_t *first_tokens; /* [node_count + 1] its tokens in `tokens`, up to the next node's */
    int32_t *tokens;        /* ids, in byte order of their pieces */
    uint16_t *depths;       /* [node_count] bytes, this one included */
    uint8_t *bytes;         /* [node_count] the last of them */
    uint32_t roots[256];    /* node of each first byte, UINT32_MAX: none */
    uint32_t depth_max;
};

/* Where in a character a token ends; the first is between two. */
struct token_mask_vocab_end {
    uint16_t phase;   /* of a node of a running grammar, enum grammar_phase */
    uint16_t pending; /* bytes that the character lacks */
};
extern const struct token_mask_vocab_end token_mask_vocab_ends[TOKEN_MASK_VOCAB_ENDS];

struct token_mask_vocab {
    const struct tokenizer *tokenizer;
    uint32_t size;
    uint32_t word_count; /* 64-bit words of a set of tokens */
    struct token_mask_vocab_trie all;
    struct token_mask_vocab_trie quoted;    /* begin like string text, then a quote or backslash */
    uint64_t *plain[TOKEN_MASK_VOCAB_ENDS]; /* sets of those that are string text only */
    uint16_t *characters;                   /* [size] characters such a token begins, and one in
                                               `bare` */
    uint32_t characters_max;
    /* The same for texts without quotes (GRAMMAR_TEXT), which only '<' may end. */
    struct token_mask_vocab_trie tagged; /* begin like text, then a '<' */
    uint64_t *bare[TOKEN_MASK_VOCAB_ENDS];
    uint8_t *lasts;    /* [size] the last byte of each ordinary token */
    uint64_t *ends;    /* set of tokens that end generation */
    int32_t *specials; /* ids of control, user-defined and unknown tokens with a text */
    uint32_t special_count;
};

/* The node that continues `node` (or the empty text: UINT32_MAX) with a byte; UINT32_MAX: none. */
uint32_t token_mask_vocab_child(const struct token_mask_vocab_trie *trie, uint32_t node,
                                unsigned char byte);
