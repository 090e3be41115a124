/*
 * kv_code - how a block of 64 keys or values lies in the cache as codes of 4 or 3 bits.
 *
 * A vector of n numbers (n a multiple of 16) is cut into pieces whose lengths are powers of two;
 * each piece is rotated (code_rotate.h) and each is coded for itself, 64 tokens at a time:
 *
 *   number = mean[channel] * mean_scale + table[w] * scale[token] / KV_CODE_SCALE
 *
 * A chain is 16 symbols of b bits in one word, the first one lowest; w is the 6 bits that end with
 * the symbol, the word taken as a ring: w = symbol << (6 - b) | top 6 - b bits of the one before.
 * In keys a chain is 16 channels of one token, in values 4 channels of 4 tokens, token fastest; so
 * products with both need no transposing. kv_code_chain_*() say which chain.
 *
 *   T4, T3    a trellis over the windows, the block's mean taken off first, a scale that makes
 *             products unbiased: |x|^2 / <x, table values>
 *   TQ4, TQ3  TurboQuant (arXiv 2504.19874): each number to the nearest level for normal data, the
 *             scale from the length of the vector; no mean
 *
 * Of one head there are the chains of all pieces, and elsewhere the tails of all pieces:
 *   float mean_scale  and later  int8 mean[dim]     T4 and T3 only
 *   half  scale[64]
 *
 * Threads: any; constant data. Files built for one instruction set may include it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kv_code { KV_CODE_T4, KV_CODE_T3, KV_CODE_TQ4, KV_CODE_TQ3, KV_CODE_COUNT };

enum {
    KV_CODE_TOKENS = 64,
    KV_CODE_CHAIN = 16,   /* symbols */
    KV_CODE_WINDOWS = 64, /* entries of a table */
    KV_CODE_PIECE_MIN = 16,
    KV_CODE_PIECE_MAX = 512,
    KV_CODE_DIM_MAX = 1024, /* numbers of a vector */
    KV_CODE_SCALE = 16,     /* scales are kept as so many times what they are: halves reach lower */
    KV_CODE_SCALES_BYTES = 2 * KV_CODE_TOKENS,
    KV_CODE_MEAN_SCALE_BYTES = 4,
};

struct kv_code_format {
    unsigned bits;                 /* of a symbol */
    bool has_mean;                 /* and a trellis */
    float deviations;              /* what table value 127 stands for, in standard deviations */
    int8_t table[KV_CODE_WINDOWS]; /* -127 to 127 */
};

extern const struct kv_code_format kv_code_formats[KV_CODE_COUNT];

/* Whether vectors of n numbers can be coded. */
static inline bool kv_code_fits(size_t n)
{
    return n % KV_CODE_PIECE_MIN == 0 && n <= KV_CODE_DIM_MAX;
}

/* The length of the piece that begins at number `at` of n. None crosses number `cut` (0: none):
 * values that are the first numbers of keys. */
static inline size_t kv_code_piece(size_t n, size_t cut, size_t at)
{
    const size_t left = at < cut ? cut - at : n - at;
    size_t piece = KV_CODE_PIECE_MAX;
    while (piece > left)
        piece /= 2;
    return piece;
}

/* Bytes of one chain. */
static inline size_t kv_code_chain_bytes(enum kv_code code)
{
    return (code == KV_CODE_T4 || code == KV_CODE_TQ4) ? 8 : 6;
}

static inline bool kv_code_has_mean(enum kv_code code)
{
    return code == KV_CODE_T4 || code == KV_CODE_T3;
}

/* Chains of a block of vectors of n numbers, in bytes; a multiple of 64. */
static inline size_t kv_code_bytes(enum kv_code code, size_t n)
{
    return KV_CODE_TOKENS / KV_CODE_CHAIN * n * kv_code_chain_bytes(code);
}

/* The tail of a piece. */
static inline size_t kv_code_tail_bytes(enum kv_code code, size_t piece)
{
    return KV_CODE_SCALES_BYTES + (kv_code_has_mean(code) ? KV_CODE_MEAN_SCALE_BYTES + piece : 0);
}

/* The tails of all pieces of a vector of n numbers. */
static inline size_t kv_code_tails_bytes(enum kv_code code, size_t n, size_t cut)
{
    size_t total = 0;
    for (size_t at = 0; at < n; at += kv_code_piece(n, cut, at))
        total += kv_code_tail_bytes(code, kv_code_piece(n, cut, at));
    return total;
}

/* The parts of a tail; mean_scale and mean are NULL without. */
struct kv_code_tail {
    unsigned char *mean_scale; /* float */
    unsigned char *scales;     /* half [64] */
    unsigned char *mean;       /* int8 [piece] */
};

static inline struct kv_code_tail kv_code_tail_at(enum kv_code code, unsigned char *tail)
{
    if (!kv_code_has_mean(code))
        return (struct kv_code_tail){.scales = tail};
    unsigned char *scales = tail + KV_CODE_MEAN_SCALE_BYTES;
    return (struct kv_code_tail){tail, scales, scales + KV_CODE_SCALES_BYTES};
}

/* Where number (token, channel) of a piece of `dim` is: its chain, and its place there. */
struct kv_code_place {
    size_t chain;
    size_t symbol;
};

static inline struct kv_code_place kv_code_place_of(bool is_value, size_t dim, size_t token,
                                                    size_t channel)
{
    if (!is_value)
        return (struct kv_code_place){
            (token / 8 * (dim / 16) + channel / 16) * 8 + token % 8,
            channel % 16,
        };
    const size_t group = dim < 32 ? dim : 32; /* channels whose chains lie side by side */
    return (struct kv_code_place){
        (channel / group * 16 + token / 4) * (group / 4) + channel % group / 4,
        channel % 4 * 4 + token % 4,
    };
}
