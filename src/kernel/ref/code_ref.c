/*
 * code_ref - coding blocks of keys and values: the definition (kernel_table.h).
 *
 * Threads: any; no state.
 */
#include "kernel/code_rotate.h"
#include "kernel/kernel_table.h"
#include "kernel/ref/kernel_ref.h"
#include "tensor/half.h"

static inline void code_block_load(const uint16_t *from, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half_to_float(from[i]);
}

#include "kernel/code_block.h"

enum {
    STATES_MAX = 8,
    COST_MAX = 65535, /* sums stop there */
};

static const size_t tokens_of[2] = {1, 4}; /* in a chain: of keys, of values */

/* One step through the trellis: what the state before was, and which of the symbols that lead to
 * the state. */
struct step {
    uint8_t before[STATES_MAX];
    uint8_t symbol[STATES_MAX];
};

/* The cheapest way through 16 targets that begins in state `start`, to every state. */
static void walk(const struct kv_code_format *format, const int v[KV_CODE_CHAIN], unsigned start,
                 unsigned cost[STATES_MAX], struct step steps[KV_CODE_CHAIN])
{
    const unsigned states = 1u << (6 - format->bits);
    const unsigned parallel = (1u << format->bits) / states; /* symbols that lead to one state */
    for (unsigned s = 0; s < states; s++)
        cost[s] = s == start ? 0 : COST_MAX;
    for (size_t p = 0; p < KV_CODE_CHAIN; p++) {
        unsigned next[STATES_MAX];
        for (unsigned s = 0; s < states; s++) {
            next[s] = UINT32_MAX;
            for (unsigned before = 0; before < states; before++)
                for (unsigned k = 0; k < parallel; k++) {
                    const unsigned symbol = s * parallel + k;
                    const int d = v[p] - format->table[symbol << (6 - format->bits) | before];
                    unsigned sum = cost[before] + (unsigned)(d * d);
                    sum = sum < COST_MAX ? sum : COST_MAX;
                    if (sum >= next[s])
                        continue;
                    next[s] = sum;
                    steps[p].before[s] = (uint8_t)before;
                    steps[p].symbol[s] = (uint8_t)symbol;
                }
        }
        memcpy(cost, next, sizeof(next[0]) * states);
    }
}

/* The symbols of one chain: of all that end in the state they begin in, the cheapest. */
static void choose_chain(const struct kv_code_format *format, const int v[KV_CODE_CHAIN],
                         uint8_t symbols[KV_CODE_CHAIN])
{
    const unsigned states = 1u << (6 - format->bits);
    struct step steps[KV_CODE_CHAIN];
    unsigned cost[STATES_MAX];
    unsigned best = 0;
    unsigned best_cost = UINT32_MAX;
    for (unsigned start = 0; start < states; start++) {
        walk(format, v, start, cost, steps);
        if (cost[start] < best_cost) {
            best_cost = cost[start];
            best = start;
        }
    }
    walk(format, v, best, cost, steps);
    unsigned state = best;
    for (size_t p = KV_CODE_CHAIN; p-- > 0;) {
        symbols[p] = steps[p].symbol[state];
        state = steps[p].before[state];
    }
}

static void choose_trellis(struct code_block *b)
{
    const size_t tokens = tokens_of[b->is_value];
    const size_t channels = KV_CODE_CHAIN / tokens;
    for (size_t t = 0; t < KV_CODE_TOKENS; t += tokens)
        for (size_t c = 0; c < b->dim; c += channels) {
            int v[KV_CODE_CHAIN];
            uint8_t symbols[KV_CODE_CHAIN];
            for (size_t p = 0; p < KV_CODE_CHAIN; p++)
                v[p] = b->v[(t + p % tokens) * b->dim + c + p / tokens];
            choose_chain(b->format, v, symbols);
            code_block_put_chain(b, kv_code_place_of(b->is_value, b->dim, t, c).chain, symbols);
        }
}

void code_ref_read(enum kv_code code, bool is_value, const unsigned char *chains, size_t dim,
                   int8_t *out)
{
    const struct kv_code_format *format = &kv_code_formats[code];
    const unsigned bits = format->bits;
    const unsigned mask = (1u << bits) - 1;
    const size_t tokens = tokens_of[is_value];
    const size_t channels = KV_CODE_CHAIN / tokens;
    for (size_t t = 0; t < KV_CODE_TOKENS; t += tokens)
        for (size_t c = 0; c < dim; c += channels) {
            uint64_t word = 0;
            memcpy(&word, chains + kv_code_place_of(is_value, dim, t, c).chain * 2 * bits,
                   (size_t)2 * bits);
            unsigned before = (unsigned)(word >> (bits * (KV_CODE_CHAIN - 1))) & mask;
            for (size_t p = 0; p < KV_CODE_CHAIN; p++) {
                const unsigned symbol = (unsigned)(word >> (bits * p)) & mask;
                out[(t + p % tokens) * dim + c + p / tokens] =
                    format->table[symbol << (6 - bits) | before >> (2 * bits - 6)];
                before = symbol;
            }
        }
}

static void encode(enum kv_code code, bool is_value, const uint16_t *rows, size_t row_stride,
                   size_t dim, unsigned char *chains, unsigned char *tail)
{
    struct code_block b = {.format = &kv_code_formats[code],
                           .rows = rows,
                           .row_stride = row_stride,
                           .dim = dim,
                           .is_value = is_value,
                           .chains = chains,
                           .tail = kv_code_tail_at(code, tail)};
    if (!code_block_is_finite(&b)) {
        code_block_write_broken(&b, kv_code_chain_bytes(code));
        return;
    }
    code_block_find_mean(&b);
    code_block_find_targets(&b);
    if (b.format->has_mean)
        choose_trellis(&b);
    else
        code_block_choose_nearest(&b);
    code_ref_read(code, is_value, chains, dim, b.v);
    code_block_find_scales(&b);
}

static void rotate(float *x, size_t n, size_t cut, bool is_back)
{
    code_rotate_row(x, n, cut, is_back);
}

void code_ref_fill(struct kernel_table *table)
{
    table->code_encode = encode;
    table->code_rotate = rotate;
}
