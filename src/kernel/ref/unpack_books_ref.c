/*
 * unpack_books_ref - the types whose values come from code books, 8 or 4 at a time; see unpack.h
 * and tensor/block_formats.h.
 *
 * Threads: any; no state.
 */
#include "kernel/code_books.h"
#include "kernel/unpack.h"
#include "tensor/block_formats.h"
#include "tensor/half.h"

#include <string.h>

enum { LEN = QK_BLOCK_LEN, EIGHTS = LEN / 8 };

/* A sign byte of a sign index: its top bit makes the number of bits even. */
static unsigned signs_of(unsigned index)
{
    unsigned parity = 0;
    for (unsigned bit = 0; bit < 7; bit++)
        parity ^= index >> bit & 1;
    return index | parity << 7;
}

/* q[j] = byte j of the entry, negative where bit j of `signs` is set. */
static void put(int8_t *q, uint64_t entry, size_t count, unsigned signs)
{
    for (size_t j = 0; j < count; j++) {
        const int value = (int)(entry >> 8 * j & 0xff);
        q[j] = (int8_t)(signs >> j & 1 ? -value : value);
    }
}

static int16_t odd(unsigned sub_scale)
{
    return (int16_t)(2 * sub_scale + 1);
}

/* ---------------------------------------------------------------- IQ2 */

void unpack_ref_iq2_xxs(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq2_xxs *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale) * 0.125f;
        for (size_t s = 0; s < 8; s++) {
            const uint8_t *index = &w[b].q[s * 8];
            uint32_t rest = 0;
            memcpy(&rest, index + 4, sizeof(rest));
            out->sub_scale[b * 8 + s] = odd(rest >> 28);
            for (size_t k = 0; k < 4; k++)
                put(&out->q[b * LEN + s * 32 + k * 8], code_books_iq2_xxs[index[k]], 8,
                    signs_of(rest >> 7 * k & 127));
        }
    }
}

static void two_nibbles(const uint8_t *packed, int16_t sub_scale[16])
{
    for (size_t s = 0; s < 16; s++)
        sub_scale[s] = odd((unsigned)packed[s / 2] >> s % 2 * 4 & 15);
}

void unpack_ref_iq2_xs(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq2_xs *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale) * 0.125f;
        two_nibbles(w[b].sub_scales, &out->sub_scale[b * 16]);
        for (size_t k = 0; k < EIGHTS; k++)
            put(&out->q[b * LEN + k * 8], code_books_iq2_xs[w[b].q[k] & 511], 8,
                signs_of((unsigned)w[b].q[k] >> 9));
    }
}

void unpack_ref_iq2_s(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq2_s *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale) * 0.125f;
        two_nibbles(w[b].sub_scales, &out->sub_scale[b * 16]);
        for (size_t k = 0; k < EIGHTS; k++) {
            const unsigned index = w[b].q[k] | ((unsigned)w[b].high[k / 4] >> k % 4 * 2 & 3) << 8;
            put(&out->q[b * LEN + k * 8], code_books_iq2_s[index], 8, w[b].signs[k]);
        }
    }
}

/* ---------------------------------------------------------------- IQ3 */

void unpack_ref_iq3_xxs(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq3_xxs *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale) * 0.25f;
        for (size_t s = 0; s < 8; s++) {
            uint32_t rest = 0;
            memcpy(&rest, &w[b].signs_scales[s * 4], sizeof(rest));
            out->sub_scale[b * 8 + s] = odd(rest >> 28);
            for (size_t k = 0; k < 8; k++) {
                const unsigned signs = signs_of(rest >> 7 * (k / 2) & 127);
                put(&out->q[b * LEN + s * 32 + k * 4], code_books_iq3_xxs[w[b].q[s * 8 + k]], 4,
                    signs >> k % 2 * 4);
            }
        }
    }
}

void unpack_ref_iq3_s(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq3_s *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale);
        for (size_t s = 0; s < 8; s++)
            out->sub_scale[b * 8 + s] = odd((unsigned)w[b].sub_scales[s / 2] >> s % 2 * 4 & 15);
        for (size_t k = 0; k < LEN / 4; k++) {
            const unsigned index = w[b].q[k] | ((unsigned)w[b].high[k / 8] >> k % 8 & 1) << 8;
            put(&out->q[b * LEN + k * 4], code_books_iq3_s[index], 4,
                (unsigned)w[b].signs[k / 2] >> k % 2 * 4);
        }
    }
}

/* ---------------------------------------------------------------- IQ1 */

/* Eighths: an entry of -1, 0, 1 plus or minus 1/8. */
static void put_eighths(int8_t *q, uint64_t entry, bool is_less)
{
    for (size_t j = 0; j < 8; j++)
        q[j] = (int8_t)((int8_t)(entry >> 8 * j & 0xff) * 8 + (is_less ? -1 : 1));
}

void unpack_ref_iq1_s(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq1_s *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale) * 0.125f;
        for (size_t s = 0; s < 8; s++) {
            const unsigned high = w[b].high[s];
            out->sub_scale[b * 8 + s] = odd(high >> 12 & 7);
            for (size_t k = 0; k < 4; k++) {
                const unsigned index = w[b].q[s * 4 + k] | (high >> 3 * k & 7) << 8;
                put_eighths(&out->q[b * LEN + s * 32 + k * 8], code_books_iq1[index], high >> 15);
            }
        }
    }
}

void unpack_ref_iq1_m(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq1_m *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        unsigned scale = 0;
        for (size_t word = 0; word < 4; word++)
            scale |= (unsigned)w[b].scales[word] >> 12 << 4 * word;
        out->scale[b] = half_to_float((uint16_t)scale) * 0.125f;
        for (size_t s = 0; s < 16; s++)
            out->sub_scale[b * 16 + s] = odd((unsigned)w[b].scales[s / 4] >> s % 4 * 3 & 7);
        for (size_t k = 0; k < EIGHTS; k++) {
            const unsigned nibble = (unsigned)w[b].high[k / 2] >> k % 2 * 4 & 15;
            const unsigned index = w[b].q[k] | (nibble & 7) << 8;
            put_eighths(&out->q[b * LEN + k * 8], code_books_iq1[index], nibble >> 3);
        }
    }
}
