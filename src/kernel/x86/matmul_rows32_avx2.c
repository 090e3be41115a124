/*
 * matmul_rows32_avx2 - products for few tokens with weights that have a scale for each 32: Q8_0 and
 * Q4_0 as they lie in the file, all types unpacked (matmul_rows.h).
 *
 * vpmaddubsw multiplies unsigned with signed bytes and adds pairs as words, saturating. Q8_0: the
 * sign of a weight moves to its activation; 128 * 127 * 2 fits a word, and -128 becomes an unsigned
 * 128. Q4_0: nibbles are unsigned, 8 * (sum of the activations) is subtracted afterwards.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/kernel_table.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/matmul_panel.h"
#include "kernel/x86/matmul_rows.h"
#include "kernel/x86/sum_lanes_avx2.h"
#include "tensor/block_formats.h"

enum { BLOCKS = 8 }; /* done together */

/* Where a stretch of up to 8 blocks begins, and how many there are. */
struct stretch {
    size_t at; /* first block, counted from the part's */
    size_t count;
};

/* The 32 weights of a block, and the products of them with activations as eight sums. */
typedef __m256i(load_fn)(const unsigned char *block);
typedef __m256i(dot_fn)(__m256i w, __m256i a);

static inline __m256i load_q8_0(const unsigned char *block)
{
    return _mm256_loadu_si256((const __m256i *)(block + offsetof(struct block_q8_0, q)));
}

static inline __m256i load_q4_0(const unsigned char *block)
{
    const __m128i packed =
        _mm_loadu_si128((const __m128i *)(block + offsetof(struct block_q4_0, q)));
    const __m256i both =
        _mm256_srlv_epi64(_mm256_broadcastsi128_si256(packed), _mm256_setr_epi64x(0, 0, 4, 4));
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

static inline __m256i dot_q8_0(__m256i w, __m256i a)
{
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static inline __m256i dot_q4_0(__m256i w, __m256i a)
{
    return _mm256_madd_epi16(_mm256_maddubs_epi16(w, a), _mm256_set1_epi16(1));
}

/* What differs between the two formats, constant at every use. */
struct format {
    size_t block_bytes;
    load_fn *load;
    dot_fn *dot;
    int offset_shift; /* weights are too large by 2^this; below 0: they are not */
};

TEMPLATE __m256i load_activations(const int8_t *q)
{
    return _mm256_loadu_si256((const __m256i *)q);
}

/* Factors and values of a stretch. */
TEMPLATE void multiply(const struct matmul_rows_part *part, int tokens, struct format format,
                       struct stretch s, const uint16_t *scales, struct matmul_rows_chain *chain)
{
    const unsigned char *block = (const unsigned char *)part->blocks + s.at * format.block_bytes;
    const size_t b = part->block_begin + s.at;
    const __m256 scale = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(scales + s.at)));
    __m256i w[BLOCKS];
    UNROLL_FOR (size_t i = 0; i < BLOCKS; i++)
        w[i] = i < s.count ? format.load(block + i * format.block_bytes) : _mm256_setzero_si256();
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const struct activation_q8_32 a =
            activation_q8_32_view(part->activations[t], part->columns);
        __m256i c[BLOCKS];
        const int8_t *q = a.q + b * Q8_0_BLOCK_LEN;
        UNROLL_FOR (size_t i = 0; i < BLOCKS; i++)
            c[i] = i < s.count ? format.dot(w[i], load_activations(q + i * Q8_0_BLOCK_LEN))
                               : _mm256_setzero_si256();
        /* The planes of an activation are padded: eight numbers are always there. */
        __m256i dot = sum_all_8(c);
        if (format.offset_shift >= 0) {
            const __m256i sum = _mm256_loadu_si256((const __m256i *)(a.sum + b));
            dot = _mm256_sub_epi32(dot, _mm256_slli_epi32(sum, format.offset_shift));
        }
        _mm256_storeu_ps(chain[t].value + s.at, _mm256_cvtepi32_ps(dot));
        _mm256_storeu_ps(chain[t].factor_memory + s.at,
                         _mm256_mul_ps(scale, _mm256_loadu_ps(a.scale + b)));
        chain[t].factor = chain[t].factor_memory;
    }
}

TEMPLATE void multiply_part(const struct matmul_rows_part *part, int tokens, struct format format,
                            struct matmul_rows_chain *chain)
{
    const unsigned char *block = part->blocks;
    uint16_t scales[MATMUL_ROWS_BLOCKS + BLOCKS];
    for (size_t b = 0; b < part->block_count; b++)
        memcpy(&scales[b], block + b * format.block_bytes, sizeof(scales[b]));
    memset(scales + part->block_count, 0, BLOCKS * sizeof(scales[0]));
    struct stretch s = {0, BLOCKS};
    for (; s.at + BLOCKS <= part->block_count; s.at += BLOCKS)
        multiply(part, tokens, format, (struct stretch){s.at, BLOCKS}, scales, chain);
    s.count = part->block_count - s.at;
    if (s.count > 0)
        multiply(part, tokens, format, s, scales, chain);
}

TEMPLATE void q8_0_part(const struct matmul_rows_part *part, int tokens,
                        struct matmul_rows_chain *chain)
{
    multiply_part(part, tokens, (struct format){sizeof(struct block_q8_0), load_q8_0, dot_q8_0, -1},
                  chain);
}

TEMPLATE void q4_0_part(const struct matmul_rows_part *part, int tokens,
                        struct matmul_rows_chain *chain)
{
    multiply_part(part, tokens, (struct format){sizeof(struct block_q4_0), load_q4_0, dot_q4_0, 3},
                  chain);
}

static void q8_0_1(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q8_0_part(part, 1, chain);
}

static void q8_0_2(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q8_0_part(part, 2, chain);
}

static void q4_0_1(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q4_0_part(part, 1, chain);
}

static void q4_0_2(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q4_0_part(part, 2, chain);
}

/* ---------------------------------------------------------------- every type, unpacked */

/* The products of blocks [from, from + s.count) of `u` with one token: eight vectors. */
TEMPLATE void products_of(const struct matmul_rows_part *part, int t, struct stretch s,
                          const struct unpacked *u, size_t from, __m256i c[BLOCKS])
{
    const struct activation_q8_32 a = activation_q8_32_view(part->activations[t], part->columns);
    const int8_t *q = a.q + (part->block_begin + s.at) * 32;
    UNROLL_FOR (size_t i = 0; i < BLOCKS; i++)
        c[i] = i < s.count ? dot_q8_0(load_activations(u->q + (from + i) * 32),
                                      load_activations(q + i * 32))
                           : _mm256_setzero_si256();
}

/* fma(scale1, dot1, scale0 * dot0) of the halves of eight blocks. */
TEMPLATE __m256 two_halves(const float *scale, const __m256i c[BLOCKS])
{
    const __m256i low = sum_quads(c);
    const __m256i high = sum_quads(c + 4);
    const __m256 dot0 = _mm256_cvtepi32_ps(_mm256_permute2x128_si256(low, high, 0x20));
    const __m256 dot1 = _mm256_cvtepi32_ps(_mm256_permute2x128_si256(low, high, 0x31));
    const __m256 first = _mm256_loadu_ps(scale);
    const __m256 second = _mm256_loadu_ps(scale + 8);
    const __m256i order = _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7);
    const __m256 scale0 = _mm256_permutevar8x32_ps(_mm256_shuffle_ps(first, second, 0x88), order);
    const __m256 scale1 = _mm256_permutevar8x32_ps(_mm256_shuffle_ps(first, second, 0xdd), order);
    return _mm256_fmadd_ps(scale1, dot1, _mm256_mul_ps(scale0, dot0));
}

TEMPLATE void unpacked_stretch(const struct matmul_rows_part *part, int tokens, struct stretch s,
                               const struct unpacked *u, size_t from,
                               struct matmul_rows_chain *chain)
{
    const enum unpack_shape shape = part->unpack->shape;
    const size_t b = part->block_begin + s.at;
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const struct activation_q8_32 a =
            activation_q8_32_view(part->activations[t], part->columns);
        __m256i c[BLOCKS];
        products_of(part, t, s, u, from, c);
        const __m256 scale = _mm256_loadu_ps(u->scale + from);
        const __m256 dot = _mm256_cvtepi32_ps(sum_all_8(c));
        chain[t].factor = a.scale + part->block_begin;
        if (shape == UNPACK_32) {
            chain[t].factor = chain[t].factor_memory;
            _mm256_storeu_ps(chain[t].factor_memory + s.at,
                             _mm256_mul_ps(scale, _mm256_loadu_ps(a.scale + b)));
            _mm256_storeu_ps(chain[t].value + s.at, dot);
        } else if (shape == UNPACK_32_MIN) {
            const __m256i sum = _mm256_loadu_si256((const __m256i *)(a.sum + b));
            const __m256 value = _mm256_fmadd_ps(
                _mm256_loadu_ps(u->min + from), _mm256_cvtepi32_ps(sum), _mm256_mul_ps(scale, dot));
            _mm256_storeu_ps(chain[t].value + s.at, value);
        } else {
            _mm256_storeu_ps(chain[t].value + s.at, two_halves(u->scale + 2 * from, c));
        }
    }
}

TEMPLATE void unpacked_part(const struct matmul_rows_part *part, int tokens,
                            struct matmul_rows_chain *chain)
{
    enum { UNITS = UNPACK_COLUMNS / 32 };
    struct unpacked u; /* numbers of blocks that are not there go into the padding of the chain */
    for (size_t at = 0; at < part->block_count; at += BLOCKS) {
        const size_t left = part->block_count - at;
        if (at % UNITS == 0)
            matmul_rows_unpack(part, at, left < UNITS ? left : UNITS, &u);
        if (left >= BLOCKS)
            unpacked_stretch(part, tokens, (struct stretch){at, BLOCKS}, &u, at % UNITS, chain);
        else
            unpacked_stretch(part, tokens, (struct stretch){at, left}, &u, at % UNITS, chain);
    }
}

static void unpacked_1(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    unpacked_part(part, 1, chain);
}

static void unpacked_2(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    unpacked_part(part, 2, chain);
}

void matmul_rows32_avx2_unpacked(const struct kernel_matmul_args *args,
                                 const struct unpack_format *unpack)
{
    const struct matmul_rows_format format = {
        32, unpack->block_len, unpack->block_bytes, {unpacked_1, unpacked_2}, unpack};
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel32_avx2_unpacked(args, unpack);
    else
        matmul_rows_run(args, &format);
}

/* ---------------------------------------------------------------- the table */

static const struct matmul_rows_format q8_0 = {
    32, Q8_0_BLOCK_LEN, sizeof(struct block_q8_0), {q8_0_1, q8_0_2}, NULL};
static const struct matmul_rows_format q4_0 = {
    32, Q4_0_BLOCK_LEN, sizeof(struct block_q4_0), {q4_0_1, q4_0_2}, NULL};

static void run_q8_0(const struct kernel_matmul_args *args)
{
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel32_avx2_q8_0(args);
    else
        matmul_rows_run(args, &q8_0);
}

static void run_q4_0(const struct kernel_matmul_args *args)
{
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel32_avx2_q4_0(args);
    else
        matmul_rows_run(args, &q4_0);
}

void matmul_rows32_avx2_fill(struct kernel_table *table)
{
    table->matmul[DTYPE_Q8_0].run = run_q8_0;
    table->matmul[DTYPE_Q4_0].run = run_q4_0;
}
