/*
 * matmul_unpacked_neon - products of every quantized type: four rows are unpacked (unpack.h), and
 * every token of the call is multiplied with them, a stretch of columns at a time.
 *
 * A vector of sums has a row in each of its four lanes, so that its order of additions is that of
 * the reference by construction. Sums between stretches are kept in the output array.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/arm/kernel_arm.h"
#include "kernel/unroll.h"
#include "tensor/block_formats.h"

#include <arm_neon.h>

enum {
    ROWS = 4,
    TILE = 4, /* tokens whose sums are in registers */
    UNITS_MAX = UNPACK_COLUMNS / 32,
    SUBS_MAX = UNPACK_COLUMNS / 16
};

/* Four rows of a stretch, and their numbers with a row in each lane. */
struct rows {
    struct unpacked row[ROWS];
    float32x4_t scale[SUBS_MAX];
    float32x4_t min[UNITS_MAX];
    int32x4_t sub_scale[SUBS_MAX];
    int32x4_t sub_min[SUBS_MAX];
};

/* Where the stretch lies: units [begin, begin + count) of the row. */
struct stretch {
    const struct kernel_matmul_args *args;
    size_t row;
    size_t row_count; /* at most ROWS */
    size_t begin;
    size_t count;
};

/* ---------------------------------------------------------------- a row in each lane */

/* Four numbers of each row around: vector i has number i of all. */
TEMPLATE void turn_four(const uint32_t *const row[ROWS], size_t at, uint32x4_t out[4])
{
    const uint32x4_t a = vld1q_u32(row[0] + at);
    const uint32x4_t b = vld1q_u32(row[1] + at);
    const uint32x4_t c = vld1q_u32(row[2] + at);
    const uint32x4_t d = vld1q_u32(row[3] + at);
    const uint64x2_t ab_low = vreinterpretq_u64_u32(vzip1q_u32(a, b));
    const uint64x2_t ab_high = vreinterpretq_u64_u32(vzip2q_u32(a, b));
    const uint64x2_t cd_low = vreinterpretq_u64_u32(vzip1q_u32(c, d));
    const uint64x2_t cd_high = vreinterpretq_u64_u32(vzip2q_u32(c, d));
    out[0] = vreinterpretq_u32_u64(vzip1q_u64(ab_low, cd_low));
    out[1] = vreinterpretq_u32_u64(vzip2q_u64(ab_low, cd_low));
    out[2] = vreinterpretq_u32_u64(vzip1q_u64(ab_high, cd_high));
    out[3] = vreinterpretq_u32_u64(vzip2q_u64(ab_high, cd_high));
}

/* `count` floats of each row, or a few more. */
static void turn_floats(const float *const row[ROWS], size_t count, float32x4_t *out)
{
    const uint32_t *bits[ROWS];
    for (size_t r = 0; r < ROWS; r++)
        bits[r] = (const uint32_t *)(const void *)row[r];
    for (size_t i = 0; i < count; i += 4) {
        uint32x4_t turned[4];
        turn_four(bits, i, turned);
        for (size_t j = 0; j < 4; j++)
            out[i + j] = vreinterpretq_f32_u32(turned[j]);
    }
}

/* `count` words of each row, a multiple of 8. */
static void turn_words(const int16_t *const row[ROWS], size_t count, int32x4_t *out)
{
    const uint32_t *pairs[ROWS];
    for (size_t r = 0; r < ROWS; r++)
        pairs[r] = (const uint32_t *)(const void *)row[r];
    for (size_t i = 0; i < count / 2; i += 4) {
        uint32x4_t turned[4]; /* words 2j and 2j + 1 of a row in a lane */
        turn_four(pairs, i, turned);
        for (size_t j = 0; j < 4; j++) {
            const int32x4_t both = vreinterpretq_s32_u32(turned[j]);
            out[2 * (i + j)] = vshrq_n_s32(vshlq_n_s32(both, 16), 16);
            out[2 * (i + j) + 1] = vshrq_n_s32(both, 16);
        }
    }
}

static size_t scales_of(enum unpack_shape shape, size_t units)
{
    return shape == UNPACK_32_TWO ? 2 * units : units;
}

static void unpack_rows(const struct unpack_format *format, const struct stretch *s,
                        struct rows *out)
{
    const enum unpack_shape shape = format->shape;
    const size_t unit_len = unpack_unit_len(shape);
    const size_t row_bytes = s->args->columns / format->block_len * format->block_bytes;
    const size_t first = s->begin * unit_len / format->block_len * format->block_bytes;
    const float *scale[ROWS];
    const float *min[ROWS];
    const int16_t *sub_scale[ROWS];
    const int16_t *sub_min[ROWS];
    for (size_t r = 0; r < ROWS; r++) { /* rows that are not there repeat the last */
        const size_t row = s->row + (r < s->row_count ? r : s->row_count - 1);
        const char *blocks = (const char *)s->args->weights + row * row_bytes + first;
        struct unpacked *to = &out->row[r];
        format->unpack(blocks, s->count * unit_len / format->block_len, to);
        scale[r] = to->scale;
        min[r] = to->min;
        sub_scale[r] = to->sub_scale;
        sub_min[r] = to->sub_min;
    }
    turn_floats(scale, scales_of(shape, s->count), out->scale);
    if (unpack_has_min(shape))
        turn_floats(min, s->count, out->min);
    if (unit_len == 32)
        return;
    const size_t subs = s->count * (unpack_is_by_16(shape) ? 16 : 8);
    turn_words(sub_scale, subs, out->sub_scale);
    if (unpack_has_min(shape))
        turn_words(sub_min, subs, out->sub_min);
}

/* ---------------------------------------------------------------- products */

/* Sums of q a over `sixteens` * 16 columns from `at` of the stretch on, a row in each lane. */
TEMPLATE void dots(const struct rows *rows, size_t at, const int8_t *const a[TILE], size_t sixteens,
                   size_t tokens, int32x4_t out[TILE])
{
    int32x4_t c[TILE][ROWS];
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t r = 0; r < ROWS; r++)
            c[t][r] = vdupq_n_s32(0);
    UNROLL_FOR (size_t i = 0; i < sixteens; i++)
        UNROLL_FOR (size_t r = 0; r < ROWS; r++) {
            const int8x16_t w = vld1q_s8(rows->row[r].q + at + 16 * i);
            UNROLL_FOR (size_t t = 0; t < tokens; t++)
                c[t][r] = vdotq_s32(c[t][r], w, vld1q_s8(a[t] + at + 16 * i));
        }
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        out[t] = vpaddq_s32(vpaddq_s32(c[t][0], c[t][1]), vpaddq_s32(c[t][2], c[t][3]));
}

TEMPLATE const void *activation(const struct stretch *s, size_t token)
{
    return (const char *)s->args->activations + token * s->args->activation_stride;
}

TEMPLATE void multiply_32(const struct rows *rows, const struct stretch *s, enum unpack_shape shape,
                          size_t token, size_t tokens, float32x4_t sum[TILE])
{
    const int8_t *q[TILE];
    struct activation_q8_32 a[TILE];
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        a[t] = activation_q8_32_view(activation(s, token + t), s->args->columns);
        q[t] = a[t].q + s->begin * 32;
    }
    for (size_t u = 0; u < s->count; u++) {
        int32x4_t dot[TILE];
        int32x4_t second[TILE];
        if (shape == UNPACK_32_TWO) {
            dots(rows, u * 32, q, 1, tokens, dot);
            dots(rows, u * 32 + 16, q, 1, tokens, second);
        } else {
            dots(rows, u * 32, q, 2, tokens, dot);
        }
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const float a_scale = a[t].scale[s->begin + u];
            const float32x4_t value = vcvtq_f32_s32(dot[t]);
            if (shape == UNPACK_32) {
                sum[t] = vfmaq_f32(sum[t], vmulq_n_f32(rows->scale[u], a_scale), value);
            } else if (shape == UNPACK_32_MIN) {
                const float a_sum = (float)a[t].sum[s->begin + u];
                const float32x4_t scaled = vmulq_f32(rows->scale[u], value);
                sum[t] = vfmaq_n_f32(sum[t], vfmaq_n_f32(scaled, rows->min[u], a_sum), a_scale);
            } else {
                const float32x4_t scaled = vmulq_f32(rows->scale[2 * u], value);
                const float32x4_t both =
                    vfmaq_f32(scaled, rows->scale[2 * u + 1], vcvtq_f32_s32(second[t]));
                sum[t] = vfmaq_n_f32(sum[t], both, a_scale);
            }
        }
    }
}

TEMPLATE void multiply_256(const struct rows *rows, const struct stretch *s, bool is_by_16,
                           bool has_min, size_t token, size_t tokens, float32x4_t sum[TILE])
{
    const size_t subs = is_by_16 ? 16 : 8;
    const int8_t *q[TILE];
    struct activation_q8_256 a[TILE];
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        a[t] = activation_q8_256_view(activation(s, token + t), s->args->columns);
        q[t] = a[t].q + s->begin * 256;
    }
    for (size_t u = 0; u < s->count; u++) {
        int32x4_t isum[TILE];
        int32x4_t msum[TILE];
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            isum[t] = msum[t] = vdupq_n_s32(0);
        for (size_t sub = 0; sub < subs; sub++) {
            const size_t at = u * subs + sub;
            int32x4_t dot[TILE];
            dots(rows, at * (256 / subs), q, 16 / subs, tokens, dot);
            UNROLL_FOR (size_t t = 0; t < tokens; t++) {
                const int16_t *sums = is_by_16 ? a[t].sum16 : a[t].sum32;
                isum[t] = vmlaq_s32(isum[t], dot[t], rows->sub_scale[at]);
                if (has_min)
                    msum[t] = vmlaq_n_s32(msum[t], rows->sub_min[at], sums[s->begin * subs + at]);
            }
        }
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            float32x4_t value = vmulq_f32(rows->scale[u], vcvtq_f32_s32(isum[t]));
            if (has_min)
                value = vfmsq_f32(value, rows->min[u], vcvtq_f32_s32(msum[t]));
            sum[t] = vfmaq_n_f32(sum[t], value, a[t].scale[s->begin + u]);
        }
    }
}

/* ---------------------------------------------------------------- rows and tokens */

TEMPLATE float32x4_t load_sums(const struct stretch *s, size_t token)
{
    float sums[ROWS] = {0};
    if (s->begin == 0)
        return vdupq_n_f32(0.0f);
    memcpy(sums, s->args->out + token * s->args->out_stride + s->row, s->row_count * sizeof(float));
    return vld1q_f32(sums);
}

TEMPLATE void store_sums(const struct stretch *s, size_t token, float32x4_t sum)
{
    float sums[ROWS];
    vst1q_f32(sums, sum);
    memcpy(s->args->out + token * s->args->out_stride + s->row, sums, s->row_count * sizeof(float));
}

/* Adds a stretch to the outputs of `tokens` tokens from `token` on. */
TEMPLATE void run_tile(const struct rows *rows, const struct stretch *s, enum unpack_shape shape,
                       size_t token, size_t tokens)
{
    float32x4_t sum[TILE];
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        sum[t] = load_sums(s, token + t);
    if (shape < UNPACK_256_BY_32)
        multiply_32(rows, s, shape, token, tokens, sum);
    else
        multiply_256(rows, s, unpack_is_by_16(shape), unpack_has_min(shape), token, tokens, sum);
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        store_sums(s, token + t, sum[t]);
}

TEMPLATE void run_tokens(const struct rows *rows, const struct stretch *s, enum unpack_shape shape)
{
    const size_t count = s->args->token_count;
    size_t token = 0;
    for (; token + TILE <= count; token += TILE)
        run_tile(rows, s, shape, token, TILE);
    for (; token < count; token++)
        run_tile(rows, s, shape, token, 1);
}

static void run_shape(const struct rows *rows, const struct stretch *s, enum unpack_shape shape)
{
    switch (shape) { /* a constant in each call */
    case UNPACK_32: run_tokens(rows, s, UNPACK_32); break;
    case UNPACK_32_MIN: run_tokens(rows, s, UNPACK_32_MIN); break;
    case UNPACK_32_TWO: run_tokens(rows, s, UNPACK_32_TWO); break;
    case UNPACK_256_BY_32: run_tokens(rows, s, UNPACK_256_BY_32); break;
    case UNPACK_256_BY_16: run_tokens(rows, s, UNPACK_256_BY_16); break;
    case UNPACK_256_BY_32_MIN: run_tokens(rows, s, UNPACK_256_BY_32_MIN); break;
    case UNPACK_256_BY_16_MIN: run_tokens(rows, s, UNPACK_256_BY_16_MIN); break;
    case UNPACK_SHAPE_COUNT: break;
    }
}

static void run(const struct kernel_matmul_args *args, const struct unpack_format *format)
{
    const size_t unit_len = unpack_unit_len(format->shape);
    const size_t units = args->columns / unit_len;
    const size_t step = UNPACK_COLUMNS / unit_len;
    struct rows rows;
    for (size_t row = args->row_begin; row < args->row_end; row += ROWS) {
        const size_t left = args->row_end - row;
        struct stretch s = {.args = args, .row = row, .row_count = left < ROWS ? left : ROWS};
        for (; s.begin < units; s.begin += s.count) {
            s.count = units - s.begin < step ? units - s.begin : step;
            unpack_rows(format, &s, &rows);
            run_shape(&rows, &s, format->shape);
        }
    }
}

#define RUN(type, name, len, shape)                                                   \
    static void run_##name(const struct kernel_matmul_args *args)                     \
    {                                                                                 \
        const struct unpack_format format = {len, sizeof(struct block_##name), shape, \
                                             unpack_neon[DTYPE_##type]};              \
        run(args, &format);                                                           \
    }
UNPACK_TYPES(RUN)

void matmul_unpacked_neon_fill(struct kernel_table *table)
{
#define FILL(type, name, len, shape) table->matmul[DTYPE_##type].run = run_##name;
    UNPACK_TYPES(FILL)
}
