/*
 * packed_avx2 - packs rows (packed.h) at the speed of memory: 32 values of eight rows at a time.
 *
 * Threads: any; no state.
 */
#include "kernel/packed.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "tensor/block_formats.h"

#include <immintrin.h>
#include <string.h>

enum { LEN = 32, STEPS = 8, HALVES = 2 };

/* Steps of 32 values of 16 rows: [step][rows 0-7, 8-15]. */
struct steps {
    __m256i v[STEPS][HALVES];
};

TEMPLATE __m256i load(const void *bytes)
{
    return _mm256_loadu_si256(bytes);
}

TEMPLATE __m256i low_nibbles(__m256i v)
{
    return _mm256_and_si256(v, _mm256_set1_epi8(15));
}

TEMPLATE __m256i high_nibbles(__m256i v)
{
    return low_nibbles(_mm256_srli_epi16(v, 4));
}

/* 16 bytes: values 0-15 in the low nibbles, 16-31 in the high ones. */
TEMPLATE __m256i split_16(const uint8_t *q)
{
    const __m128i v = _mm_loadu_si128((const __m128i *)q);
    return low_nibbles(_mm256_set_m128i(_mm_srli_epi16(v, 4), v));
}

/* Bit i of the 32 bits at `bits` as 16 or 0 in byte i. */
TEMPLATE __m256i fifth_bits(const void *bits)
{
    int32_t word = 0;
    memcpy(&word, bits, sizeof(word));
    const __m256i which = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2,
                                           2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i bit = _mm256_set1_epi64x((int64_t)UINT64_C(0x8040201008040201));
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(word), which);
    const __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
    return _mm256_and_si256(is_set, _mm256_set1_epi8(16));
}

/* Codes of values [32 part, 32 part + 32) of a block. */
TEMPLATE __m256i codes_of(enum dtype dtype, const unsigned char *block, size_t part)
{
    switch ((int)dtype) {
    case DTYPE_Q4_0: return split_16(((const struct block_q4_0 *)block)->q);
    case DTYPE_Q4_1: return split_16(((const struct block_q4_1 *)block)->q);
    case DTYPE_IQ4_NL: return split_16(((const struct block_iq4_nl *)block)->q);
    case DTYPE_MXFP4: return split_16(((const struct block_mxfp4 *)block)->q);
    case DTYPE_IQ4_XS: return split_16(((const struct block_iq4_xs *)block)->q + 16 * part);
    case DTYPE_Q8_0: return load(((const struct block_q8_0 *)block)->q);
    case DTYPE_Q5_0: {
        const struct block_q5_0 *w = (const void *)block;
        return _mm256_or_si256(split_16(w->q), fifth_bits(w->high));
    }
    case DTYPE_Q5_1: {
        const struct block_q5_1 *w = (const void *)block;
        return _mm256_or_si256(split_16(w->q), fifth_bits(w->high));
    }
    case DTYPE_Q4_K: {
        const __m256i v = load(((const struct block_q4_k *)block)->q + part / 2 * 32);
        return part % 2 ? high_nibbles(v) : low_nibbles(v);
    }
    case DTYPE_Q5_K: {
        const struct block_q5_k *w = (const void *)block;
        const __m256i v = load(w->q + part / 2 * 32);
        const __m256i low = part % 2 ? high_nibbles(v) : low_nibbles(v);
        const __m256i bit = _mm256_set1_epi8((char)(1u << part));
        const __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(load(w->high), bit), bit);
        return _mm256_or_si256(low, _mm256_and_si256(is_set, _mm256_set1_epi8(16)));
    }
    case DTYPE_Q6_K: {
        const struct block_q6_k *w = (const void *)block;
        const size_t half = part / 4;
        const size_t quarter = part % 4;
        const __m256i v = load(w->q_low + 64 * half + 32 * (quarter % 2));
        const __m256i low = quarter < 2 ? low_nibbles(v) : high_nibbles(v);
        const __m256i high =
            _mm256_srl_epi16(load(w->q_high + 32 * half), _mm_cvtsi32_si128((int)(2 * quarter)));
        const __m256i two = _mm256_and_si256(high, _mm256_set1_epi8(3));
        return _mm256_or_si256(low, _mm256_slli_epi16(two, 4));
    }
    default: return _mm256_setzero_si256();
    }
}

/* Eight rows of eight words turned around. */
TEMPLATE void turn(const __m256i row[8], struct steps *out, size_t half)
{
    __m256i pair[8];
    __m256i four[8];
    UNROLL_FOR (size_t i = 0; i < 8; i += 2) {
        pair[i] = _mm256_unpacklo_epi32(row[i], row[i + 1]);
        pair[i + 1] = _mm256_unpackhi_epi32(row[i], row[i + 1]);
    }
    UNROLL_FOR (size_t i = 0; i < 8; i += 4) {
        four[i] = _mm256_unpacklo_epi64(pair[i], pair[i + 2]);
        four[i + 1] = _mm256_unpackhi_epi64(pair[i], pair[i + 2]);
        four[i + 2] = _mm256_unpacklo_epi64(pair[i + 1], pair[i + 3]);
        four[i + 3] = _mm256_unpackhi_epi64(pair[i + 1], pair[i + 3]);
    }
    UNROLL_FOR (size_t i = 0; i < 4; i++) {
        out->v[i][half] = _mm256_permute2x128_si256(four[i], four[i + 4], 0x20);
        out->v[i + 4][half] = _mm256_permute2x128_si256(four[i], four[i + 4], 0x31);
    }
}

TEMPLATE void store(unsigned char *out, size_t half, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(out + half * sizeof(v)), v);
}

/* The bits above the fourth of `count` steps, 8 / count of each. */
TEMPLATE void put_high_bits(const struct steps *steps, size_t from, int count, unsigned char *out)
{
    UNROLL_FOR (size_t half = 0; half < HALVES; half++) {
        __m256i all = _mm256_setzero_si256();
        UNROLL_FOR (int s = 0; s < count; s++) {
            const __m256i high = high_nibbles(steps->v[from + (size_t)s][half]);
            all = _mm256_or_si256(all, _mm256_slli_epi16(high, s * (8 / count)));
        }
        store(out, half, all);
    }
}

TEMPLATE unsigned char *put_steps(const struct steps *steps, unsigned bits, unsigned char *out)
{
    const size_t high_steps = bits == 5 ? 8 : 4;
    UNROLL_FOR (size_t s = 0; s < STEPS; s += bits == 8 ? 1 : 2) {
        if (bits > 4 && bits < 8 && s % high_steps == 0) {
            put_high_bits(steps, s, (int)high_steps, out);
            out += PACKED_VECTOR;
        }
        UNROLL_FOR (size_t half = 0; half < HALVES; half++) {
            __m256i v = steps->v[s][half];
            if (bits < 8)
                v = _mm256_or_si256(low_nibbles(v),
                                    _mm256_slli_epi16(low_nibbles(steps->v[s + 1][half]), 4));
            store(out, half, v);
        }
        out += PACKED_VECTOR;
    }
    return out;
}

TEMPLATE void pack_codes(enum dtype dtype, size_t block_len, unsigned bits,
                         const struct packed_blocks *blocks, unsigned char *out)
{
    UNROLL_FOR (size_t part = 0; part < block_len / LEN; part++) {
        struct steps steps;
        UNROLL_FOR (size_t half = 0; half < HALVES; half++) {
            __m256i row[8];
            UNROLL_FOR (size_t r = 0; r < 8; r++)
                row[r] = codes_of(dtype, blocks->row[8 * half + r], part);
            turn(row, &steps, half);
        }
        out = put_steps(&steps, bits, out);
    }
}

static void pack(enum dtype dtype, const void *rows, size_t row_count, size_t columns, void *out)
{
    const struct packed_format *format = packed_format_find(dtype);
    unsigned char *to = out;
    for (size_t b = 0; b < columns / format->block_len; b++) {
        const struct packed_blocks blocks = packed_blocks_at(format, rows, row_count, columns, b);
        format->numbers(&blocks, to);
        unsigned char *codes = to + format->number_bytes;
        switch ((int)dtype) {
        case DTYPE_Q4_0: pack_codes(DTYPE_Q4_0, 32, 4, &blocks, codes); break;
        case DTYPE_Q4_1: pack_codes(DTYPE_Q4_1, 32, 4, &blocks, codes); break;
        case DTYPE_Q5_0: pack_codes(DTYPE_Q5_0, 32, 5, &blocks, codes); break;
        case DTYPE_Q5_1: pack_codes(DTYPE_Q5_1, 32, 5, &blocks, codes); break;
        case DTYPE_Q8_0: pack_codes(DTYPE_Q8_0, 32, 8, &blocks, codes); break;
        case DTYPE_IQ4_NL: pack_codes(DTYPE_IQ4_NL, 32, 4, &blocks, codes); break;
        case DTYPE_MXFP4: pack_codes(DTYPE_MXFP4, 32, 4, &blocks, codes); break;
        case DTYPE_Q4_K: pack_codes(DTYPE_Q4_K, 256, 4, &blocks, codes); break;
        case DTYPE_Q5_K: pack_codes(DTYPE_Q5_K, 256, 5, &blocks, codes); break;
        case DTYPE_Q6_K: pack_codes(DTYPE_Q6_K, 256, 6, &blocks, codes); break;
        case DTYPE_IQ4_XS: pack_codes(DTYPE_IQ4_XS, 256, 4, &blocks, codes); break;
        default: break;
        }
        to += packed_format_block_bytes(format);
    }
}

void packed_avx2_fill(struct kernel_table *table)
{
    table->pack = pack;
}
