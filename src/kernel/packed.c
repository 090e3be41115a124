/*
 * packed - packs rows: the definition, in plain C.
 *
 * Threads: any; no state.
 */
#include "kernel/packed.h"

#include "base/check.h"
#include "kernel/q4_k_scales.h"
#include "tensor/block_formats.h"

#include <string.h>

enum {
    LEN_MAX = QK_BLOCK_LEN,
    STEP = 4, /* values of a row in one step */
    STEPS_MAX = LEN_MAX / STEP,
};

/* The codes of one block of each row, then as steps. */
struct codes {
    uint8_t row[PACKED_ROWS][LEN_MAX];
    uint8_t step[STEPS_MAX][PACKED_VECTOR];
};

/* ---------------------------------------------------------------- codes of one block */

static void split_nibbles(const uint8_t *bytes, size_t n, uint8_t *low, uint8_t *high)
{
    for (size_t i = 0; i < n; i++) {
        low[i] = bytes[i] & 15;
        high[i] = (uint8_t)(bytes[i] >> 4);
    }
}

/* Bit i of `bits` becomes bit 4 of out[i], which has four bits. */
static void add_fifth_bits(const uint8_t bits[4], uint8_t out[32])
{
    for (size_t i = 0; i < 32; i++)
        out[i] |= (uint8_t)((bits[i / 8] >> i % 8 & 1) << 4);
}

#define CODES_32(name)                                        \
    static void codes_##name(const void *block, uint8_t *out) \
    {                                                         \
        const struct block_##name *w = block;                 \
        split_nibbles(w->q, 16, out, out + 16);               \
    }
#define CODES_32_HIGH(name)                                   \
    static void codes_##name(const void *block, uint8_t *out) \
    {                                                         \
        const struct block_##name *w = block;                 \
        split_nibbles(w->q, 16, out, out + 16);               \
        add_fifth_bits((const uint8_t *)w->high, out);        \
    }
CODES_32(q4_0)
CODES_32(q4_1)
CODES_32(iq4_nl)
CODES_32(mxfp4)
CODES_32_HIGH(q5_0)
CODES_32_HIGH(q5_1)

static void codes_q8_0(const void *block, uint8_t *out)
{
    memcpy(out, ((const struct block_q8_0 *)block)->q, Q8_0_BLOCK_LEN);
}

static void codes_q4_k(const void *block, uint8_t *out)
{
    const struct block_q4_k *w = block;
    for (size_t part = 0; part < 4; part++)
        split_nibbles(w->q + 32 * part, 32, out + 64 * part, out + 64 * part + 32);
}

static void codes_q5_k(const void *block, uint8_t *out)
{
    const struct block_q5_k *w = block;
    for (size_t part = 0; part < 4; part++)
        split_nibbles(w->q + 32 * part, 32, out + 64 * part, out + 64 * part + 32);
    for (size_t s = 0; s < 8; s++)
        for (size_t i = 0; i < 32; i++)
            out[32 * s + i] |= (uint8_t)((w->high[i] >> s & 1) << 4);
}

static void codes_q6_k(const void *block, uint8_t *out)
{
    const struct block_q6_k *w = block;
    for (size_t half = 0; half < 2; half++) {
        uint8_t *to = out + 128 * half;
        const uint8_t *high = w->q_high + 32 * half;
        split_nibbles(w->q_low + 64 * half, 64, to, to + 64);
        for (size_t quarter = 0; quarter < 4; quarter++)
            for (size_t i = 0; i < 32; i++)
                to[32 * quarter + i] |= (uint8_t)((high[i] >> 2 * quarter & 3) << 4);
    }
}

static void codes_iq4_xs(const void *block, uint8_t *out)
{
    const struct block_iq4_xs *w = block;
    for (size_t s = 0; s < 8; s++)
        split_nibbles(w->q + 16 * s, 16, out + 32 * s, out + 32 * s + 16);
}

/* ---------------------------------------------------------------- numbers of 16 blocks */

/* The half at `offset` of each block. */
static void put_halves(const struct packed_blocks *blocks, size_t offset, unsigned char *out)
{
    for (size_t r = 0; r < PACKED_ROWS; r++)
        memcpy(out + 2 * r, blocks->row[r] + offset, 2);
}

/* All types of 32 begin with their scale, the second half is a min. */
static void numbers_scale(const struct packed_blocks *blocks, unsigned char *out)
{
    put_halves(blocks, 0, out);
}

static void numbers_scale_min(const struct packed_blocks *blocks, unsigned char *out)
{
    put_halves(blocks, 0, out);
    put_halves(blocks, 2, out + PACKED_HALVES);
}

static void numbers_mxfp4(const struct packed_blocks *blocks, unsigned char *out)
{
    for (size_t r = 0; r < PACKED_ROWS; r++)
        out[r] = blocks->row[r][offsetof(struct block_mxfp4, exponent)];
}

static uint32_t pair(const uint8_t *values, size_t i)
{
    return values[2 * i] | (uint32_t)values[2 * i + 1] << 16;
}

static struct packed_k_scales pack_k_scales(const uint8_t sub_scales[12])
{
    const struct q4_k_scales sub = q4_k_scales_unpack(sub_scales);
    const uint32_t m2 = pair(sub.min, 2);
    const uint32_t m3 = pair(sub.min, 3);
    const uint32_t top[3] = {m2 & 0x000f000f, (m2 >> 4 & 0x00030003) | (m3 & 0x00030003) << 2,
                             m3 >> 2 & 0x000f000f};
    return (struct packed_k_scales){{
        pair(sub.scale, 0) | pair(sub.scale, 1) << 6 | top[0] << 12,
        pair(sub.scale, 2) | pair(sub.scale, 3) << 6 | top[1] << 12,
        pair(sub.min, 0) | pair(sub.min, 1) << 6 | top[2] << 12,
    }};
}

/* Q4_K and Q5_K: their first 16 bytes are the same. */
static void numbers_k(const struct packed_blocks *blocks, unsigned char *out)
{
    numbers_scale_min(blocks, out);
    for (size_t r = 0; r < PACKED_ROWS; r++) {
        const struct packed_k_scales k =
            pack_k_scales(blocks->row[r] + offsetof(struct block_q4_k, sub_scales));
        for (size_t i = 0; i < 3; i++)
            memcpy(out + 2 * PACKED_HALVES + i * PACKED_VECTOR + 4 * r, &k.word[i], 4);
    }
}

static void numbers_q6_k(const struct packed_blocks *blocks, unsigned char *out)
{
    put_halves(blocks, offsetof(struct block_q6_k, scale), out);
    for (size_t r = 0; r < PACKED_ROWS; r++)
        for (size_t i = 0; i < 8; i++)
            memcpy(out + PACKED_HALVES + i * PACKED_HALVES + 2 * r,
                   blocks->row[r] + offsetof(struct block_q6_k, sub_scales) + 2 * i, 2);
}

static void numbers_iq4_xs(const struct packed_blocks *blocks, unsigned char *out)
{
    put_halves(blocks, offsetof(struct block_iq4_xs, scale), out);
    for (size_t r = 0; r < PACKED_ROWS; r++) {
        struct block_iq4_xs w;
        memcpy(&w, blocks->row[r], sizeof(w));
        for (size_t s = 0; s < 8; s++) {
            const int low = w.scales_low[s / 2] >> s % 2 * 4 & 15;
            const int high = w.scales_high >> s * 2 & 3;
            out[PACKED_HALVES + s / 2 * PACKED_HALVES + 2 * r + s % 2] =
                (unsigned char)((low | high << 4) - 32);
        }
    }
}

/* ---------------------------------------------------------------- the formats */

#define FORMAT(type, name, len, numbers, bits, write) \
    [DTYPE_##type] = {len, sizeof(struct block_##name), numbers, bits, codes_##name, write}

static const struct packed_format formats[DTYPE_ID_MAX + 1] = {
    FORMAT(Q4_0, q4_0, 32, PACKED_HALVES, 4, numbers_scale),
    FORMAT(Q4_1, q4_1, 32, 2 * PACKED_HALVES, 4, numbers_scale_min),
    FORMAT(Q5_0, q5_0, 32, PACKED_HALVES, 5, numbers_scale),
    FORMAT(Q5_1, q5_1, 32, 2 * PACKED_HALVES, 5, numbers_scale_min),
    FORMAT(Q8_0, q8_0, 32, PACKED_HALVES, 8, numbers_scale),
    FORMAT(IQ4_NL, iq4_nl, 32, PACKED_HALVES, 4, numbers_scale),
    FORMAT(MXFP4, mxfp4, 32, PACKED_ROWS, 4, numbers_mxfp4),
    FORMAT(Q4_K, q4_k, 256, PACKED_K_NUMBERS, 4, numbers_k),
    FORMAT(Q5_K, q5_k, 256, PACKED_K_NUMBERS, 5, numbers_k),
    FORMAT(Q6_K, q6_k, 256, 9 * PACKED_HALVES, 6, numbers_q6_k),
    FORMAT(IQ4_XS, iq4_xs, 256, 5 * PACKED_HALVES, 4, numbers_iq4_xs),
};

const struct packed_format *packed_format_find(enum dtype dtype)
{
    return formats[dtype].codes ? &formats[dtype] : NULL;
}

size_t packed_group_bytes(enum dtype dtype, size_t columns)
{
    const struct packed_format *format = packed_format_find(dtype);
    return format ? columns / format->block_len * packed_format_block_bytes(format) : 0;
}

struct packed_blocks packed_blocks_at(const struct packed_format *format, const void *rows,
                                      size_t row_count, size_t columns, size_t index)
{
    static const unsigned char zeros[sizeof(struct block_q6_k)];
    DCHECK(row_count <= PACKED_ROWS && format->block_bytes <= sizeof(zeros));
    const size_t row_bytes = columns / format->block_len * format->block_bytes;
    const unsigned char *first = (const unsigned char *)rows + index * format->block_bytes;
    struct packed_blocks blocks;
    for (size_t r = 0; r < PACKED_ROWS; r++)
        blocks.row[r] = r < row_count ? first + r * row_bytes : zeros;
    return blocks;
}

/* ---------------------------------------------------------------- writing codes */

/* Two steps become one vector of nibbles. */
static unsigned char *put_nibbles(const uint8_t (*step)[PACKED_VECTOR], unsigned char *out)
{
    for (size_t i = 0; i < PACKED_VECTOR; i++)
        out[i] = (unsigned char)((step[0][i] & 15) | step[1][i] << 4);
    return out + PACKED_VECTOR;
}

/* The bits above the fourth of `steps` steps, 8 / steps of each, in one vector. */
static unsigned char *put_high_bits(const uint8_t (*step)[PACKED_VECTOR], size_t steps,
                                    unsigned char *out)
{
    memset(out, 0, PACKED_VECTOR);
    for (size_t s = 0; s < steps; s++)
        for (size_t i = 0; i < PACKED_VECTOR; i++)
            out[i] |= (unsigned char)(step[s][i] >> 4 << s * (8 / steps));
    return out + PACKED_VECTOR;
}

static void put_codes(const struct packed_format *format, const struct codes *codes,
                      unsigned char *out)
{
    const size_t steps = format->block_len / STEP;
    const size_t high_steps = format->code_bits == 5 ? 8 : 4;
    if (format->code_bits == 8) {
        memcpy(out, codes->step, steps * PACKED_VECTOR);
        return;
    }
    for (size_t s = 0; s < steps; s += 2) {
        if (format->code_bits > 4 && s % high_steps == 0)
            out = put_high_bits(&codes->step[s], high_steps, out);
        out = put_nibbles(&codes->step[s], out);
    }
}

static void pack_block(const struct packed_format *format, const struct packed_blocks *blocks,
                       unsigned char *out)
{
    struct codes codes;
    format->numbers(blocks, out);
    for (size_t r = 0; r < PACKED_ROWS; r++)
        format->codes(blocks->row[r], codes.row[r]);
    for (size_t s = 0; s < format->block_len / STEP; s++)
        for (size_t r = 0; r < PACKED_ROWS; r++)
            memcpy(&codes.step[s][STEP * r], &codes.row[r][STEP * s], STEP);
    put_codes(format, &codes, out + format->number_bytes);
}

void packed_pack(enum dtype dtype, const void *rows, size_t row_count, size_t columns, void *out)
{
    const struct packed_format *format = packed_format_find(dtype);
    CHECK(format);
    const size_t packed_bytes = packed_format_block_bytes(format);
    for (size_t b = 0; b < columns / format->block_len; b++) {
        const struct packed_blocks blocks = packed_blocks_at(format, rows, row_count, columns, b);
        pack_block(format, &blocks, (unsigned char *)out + b * packed_bytes);
    }
}
