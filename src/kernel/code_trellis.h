/*
 * code_trellis - the choice of symbols of code_ref.c for as many chains at once as a vector has
 * lanes of 16 bits. The file that includes it defines, before:
 *
 *   trellis_lanes    a vector of uint16_t; TRELLIS_LANES of them
 *   trellis_load(p), trellis_store(p, a), trellis_all(x)
 *   trellis_add(a, b) sums that stop at 65535, trellis_min(a, b)
 *   trellis_square(v, t) (v - t)^2 of signed v and t within [-127, 127]
 *   trellis_pick(a, b, x, y) x in the lanes where a < b, else y
 *
 * Costs of all starts are carried along; then the best start's way is walked once more with the
 * choices noted.
 *
 * Threads: any.
 */
#pragma once

#include "kernel/code_block.h"
#include "kernel/unroll.h"

enum { TRELLIS_STATES_MAX = 8 };

struct trellis {
    _Alignas(64) uint16_t v[KV_CODE_CHAIN][TRELLIS_LANES];      /* targets, two's complement */
    _Alignas(64) uint16_t cost[KV_CODE_WINDOWS][TRELLIS_LANES]; /* [before][state] of one step */
    _Alignas(64) uint16_t pick[KV_CODE_WINDOWS][TRELLIS_LANES]; /* which of the symbols */
    _Alignas(64) uint16_t sum[TRELLIS_STATES_MAX][TRELLIS_STATES_MAX][TRELLIS_LANES];
    _Alignas(64) uint16_t choice[KV_CODE_CHAIN][TRELLIS_STATES_MAX][TRELLIS_LANES];
    _Alignas(64) uint16_t start[TRELLIS_LANES];
};

/* cost[before * states + state] of step p: the cheapest of the symbols that lead there. */
TEMPLATE void trellis_find_costs(struct trellis *t, const int8_t *table, unsigned bits, size_t p,
                                 bool notes_pick)
{
    const unsigned states = 1u << (6 - bits);
    const unsigned parallel = (1u << bits) / states;
    const trellis_lanes v = trellis_load(t->v[p]);
    for (unsigned before = 0; before < states; before++)
        for (unsigned s = 0; s < states; s++) {
            const int8_t *from = table + ((size_t)s * parallel << (6 - bits)) + before;
            trellis_lanes best = trellis_square(v, trellis_all(from[0]));
            trellis_lanes pick = trellis_all(0);
            UNROLL_FOR (unsigned k = 1; k < parallel; k++) {
                const trellis_lanes c =
                    trellis_square(v, trellis_all(from[(size_t)k << (6 - bits)]));
                if (notes_pick)
                    pick = trellis_pick(c, best, trellis_all((int)k), pick);
                best = trellis_min(c, best);
            }
            trellis_store(t->cost[before * states + s], best);
            if (notes_pick && parallel > 1)
                trellis_store(t->pick[before * states + s], pick);
        }
}

/* sum[start][state] goes one step on. */
TEMPLATE void trellis_advance(struct trellis *t, unsigned states)
{
    for (unsigned start = 0; start < states; start++) {
        trellis_lanes sum[TRELLIS_STATES_MAX];
        UNROLL_FOR (unsigned s = 0; s < states; s++)
            sum[s] = trellis_load(t->sum[start][s]);
        for (unsigned s = 0; s < states; s++) {
            trellis_lanes best = trellis_add(sum[0], trellis_load(t->cost[s]));
            UNROLL_FOR (unsigned before = 1; before < states; before++)
                best = trellis_min(
                    best, trellis_add(sum[before], trellis_load(t->cost[before * states + s])));
            trellis_store(t->sum[start][s], best);
        }
    }
}

/* Of each lane the start whose way back to itself is the cheapest, the lowest of equal ones. */
TEMPLATE void trellis_find_start(struct trellis *t, const int8_t *table, unsigned bits)
{
    const unsigned states = 1u << (6 - bits);
    trellis_find_costs(t, table, bits, 0, false);
    for (unsigned start = 0; start < states; start++)
        for (unsigned s = 0; s < states; s++)
            trellis_store(t->sum[start][s], trellis_load(t->cost[start * states + s]));
    for (size_t p = 1; p < KV_CODE_CHAIN; p++) {
        trellis_find_costs(t, table, bits, p, false);
        trellis_advance(t, states);
    }
    trellis_lanes best = trellis_load(t->sum[0][0]);
    trellis_lanes at = trellis_all(0);
    for (unsigned start = 1; start < states; start++) {
        const trellis_lanes sum = trellis_load(t->sum[start][start]);
        at = trellis_pick(sum, best, trellis_all((int)start), at);
        best = trellis_min(sum, best);
    }
    trellis_store(t->start, at);
}

/* The way from there, noting choices: before * parallel + which of the symbols. */
TEMPLATE void trellis_walk(struct trellis *t, const int8_t *table, unsigned bits)
{
    const unsigned states = 1u << (6 - bits);
    const unsigned parallel = (1u << bits) / states;
    const trellis_lanes start = trellis_load(t->start);
    trellis_lanes sum[TRELLIS_STATES_MAX];
    UNROLL_FOR (unsigned s = 0; s < states; s++) { /* 0 at the start, else as much as there is */
        const trellis_lanes above =
            trellis_pick(trellis_all((int)s), start, trellis_all(-1), trellis_all(0));
        sum[s] = trellis_pick(start, trellis_all((int)s), trellis_all(-1), above);
    }
    for (size_t p = 0; p < KV_CODE_CHAIN; p++) {
        trellis_lanes next[TRELLIS_STATES_MAX];
        trellis_find_costs(t, table, bits, p, true);
        UNROLL_FOR (unsigned s = 0; s < states; s++) {
            trellis_lanes best = trellis_add(sum[0], trellis_load(t->cost[s]));
            trellis_lanes choice = parallel > 1 ? trellis_load(t->pick[s]) : trellis_all(0);
            UNROLL_FOR (unsigned before = 1; before < states; before++) {
                const size_t edge = before * states + s;
                const trellis_lanes c = trellis_add(sum[before], trellis_load(t->cost[edge]));
                trellis_lanes way = trellis_all((int)(before * parallel));
                if (parallel > 1)
                    way = trellis_add(way, trellis_load(t->pick[edge]));
                choice = trellis_pick(c, best, way, choice);
                best = trellis_min(c, best);
            }
            next[s] = best;
            trellis_store(t->choice[p][s], choice);
        }
        UNROLL_FOR (unsigned s = 0; s < states; s++)
            sum[s] = next[s];
    }
}

/* Where the numbers of a chain lie in code_block.v: number p at first[p % tokens * dim + p /
 * tokens]. */
struct trellis_chain {
    int8_t *first;
    size_t tokens; /* 1 or 4 */
};

TEMPLATE struct trellis_chain trellis_chain_at(struct code_block *b, size_t chain)
{
    if (!b->is_value) {
        const size_t groups = b->dim / 16;
        const size_t token = chain / (8 * groups) * 8 + chain % 8;
        return (struct trellis_chain){b->v + token * b->dim + chain / 8 % groups * 16, 1};
    }
    const size_t group = b->dim < 32 ? b->dim : 32;
    const size_t beside = group / 4;
    const size_t token = chain / beside % 16 * 4;
    const size_t channel = chain / (16 * beside) * group + chain % beside * 4;
    return (struct trellis_chain){b->v + token * b->dim + channel, 4};
}

/* The symbols of a lane from its choices; the targets make way for the table values. */
TEMPLATE void trellis_trace(const struct trellis *t, struct code_block *b, size_t chain,
                            size_t lane, unsigned bits)
{
    const unsigned states = 1u << (6 - bits);
    const unsigned parallel = (1u << bits) / states;
    const struct trellis_chain place = trellis_chain_at(b, chain);
    unsigned state = t->start[lane];
    uint64_t word = 0;
    for (size_t p = KV_CODE_CHAIN; p-- > 0;) {
        const unsigned choice = t->choice[p][state][lane];
        const unsigned symbol = state * parallel + choice % parallel;
        state = choice / parallel;
        word = word << bits | symbol;
        place.first[p % place.tokens * b->dim + p / place.tokens] =
            b->format->table[symbol << (6 - bits) | state];
    }
    memcpy(b->chains + chain * 2 * bits, &word, (size_t)2 * bits);
}

TEMPLATE void trellis_choose(struct code_block *b, unsigned bits)
{
    struct trellis t;
    for (size_t chain = 0; chain < 4 * b->dim; chain += TRELLIS_LANES) {
        for (size_t lane = 0; lane < TRELLIS_LANES; lane++) {
            const struct trellis_chain place = trellis_chain_at(b, chain + lane);
            for (size_t p = 0; p < KV_CODE_CHAIN; p++)
                t.v[p][lane] = (uint16_t)place.first[p % place.tokens * b->dim + p / place.tokens];
        }
        trellis_find_start(&t, b->format->table, bits);
        trellis_walk(&t, b->format->table, bits);
        for (size_t lane = 0; lane < TRELLIS_LANES; lane++)
            trellis_trace(&t, b, chain + lane, lane, bits);
    }
}

/* The table values of symbols that were chosen without trellis. */
static inline void trellis_round_nearest(struct code_block *b)
{
    const unsigned step = KV_CODE_WINDOWS >> b->format->bits;
    const unsigned levels = 1u << b->format->bits;
    int8_t nearest[255];
    for (int v = -127; v <= 127; v++) {
        unsigned level = 0;
        for (unsigned k = 0; k + 1 < levels; k++)
            level += 2 * v > b->format->table[k * step] + b->format->table[(k + 1) * step];
        nearest[v + 127] = b->format->table[level * step];
    }
    for (size_t i = 0; i < KV_CODE_TOKENS * b->dim; i++)
        b->v[i] = nearest[b->v[i] + 127];
}

static inline void trellis_encode(enum kv_code code, bool is_value, const uint16_t *rows,
                                  size_t row_stride, size_t dim, unsigned char *chains,
                                  unsigned char *tail)
{
    struct code_block b;
    b.format = &kv_code_formats[code];
    b.rows = rows;
    b.row_stride = row_stride;
    b.dim = dim;
    b.is_value = is_value;
    b.chains = chains;
    b.tail = kv_code_tail_at(code, tail);
    if (!code_block_is_finite(&b)) {
        code_block_write_broken(&b, kv_code_chain_bytes(code));
        return;
    }
    code_block_find_mean(&b);
    code_block_find_targets(&b);
    if (code == KV_CODE_T4) {
        trellis_choose(&b, 4);
    } else if (code == KV_CODE_T3) {
        trellis_choose(&b, 3);
    } else {
        code_block_choose_nearest(&b);
        trellis_round_nearest(&b);
    }
    code_block_find_scales(&b);
}
