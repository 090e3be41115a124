/*
 * attend_code_neon - attention over coded keys and values, up to four (token, head) rows at a time:
 * one instruction looks 16 windows up in all 64 table values.
 *
 * Dot products are of signed bytes: weights of values are taken 128 smaller, which the sum of the
 * table values makes up for.
 *
 * Threads: any; no state.
 */
#include "kernel/arm/kernel_arm.h"
#include "kernel/arm/vector_neon.h"
#include "kernel/attend_code.h"
#include "kernel/attend_span.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/unroll.h"

enum {
    LANES = VECTOR_NEON_LANES,
    ROWS = 4,
    VECTORS = KERNEL_PAGE_TOKENS / LANES,
    BESIDE = 8,
    AT_ONCE = 2, /* chains */
};

struct weights {
    float p[ROWS][KERNEL_PAGE_TOKENS];
    int8_t bytes[ROWS][KERNEL_PAGE_TOKENS]; /* 128 smaller */
    float step[ROWS];
    float sum[ROWS];
    float shrink[ROWS];
};

/* The tables of the kind. */
struct tables {
    uint8x16x4_t keys;
    uint8x16x4_t values;
};

TEMPLATE struct tables load_tables(const struct kernel_attend_args *args)
{
    return (struct tables){
        .keys = vld1q_u8_x4((const uint8_t *)kv_code_formats[args->key_code].table),
        .values = vld1q_u8_x4((const uint8_t *)kv_code_formats[args->value_code].table),
    };
}

/* ---------------------------------------------------------------- queries */

/* attend_code_quantize() on vectors, the even ones of 16 numbers first; a piece that is not finite
 * is left to it. */
TEMPLATE void quantize_piece(const float *x, size_t dim, int8_t *q, float *scale, int *sum)
{
    float32x4_t most = vdupq_n_f32(0.0f);
    uint32x4_t finite = vdupq_n_u32(UINT32_MAX);
    for (size_t i = 0; i < dim; i += LANES) {
        const float32x4_t magnitude = vabsq_f32(vld1q_f32(x + i));
        most = vmaxq_f32(magnitude, most);
        finite = vandq_u32(finite, vcleq_f32(magnitude, vdupq_n_f32(FLT_MAX)));
    }
    if (vminvq_u32(finite) == 0) {
        attend_code_quantize_piece(x, dim, q, scale, sum); /* all 0, in any order */
        return;
    }
    const float largest = vmaxvq_f32(most);
    const float factor = largest > ATTEND_CODE_SMALLEST ? 127.0f / largest : 0.0f;
    for (size_t i = 0; i < dim; i += 16) {
        int16x4_t words[4];
        UNROLL_FOR (size_t v = 0; v < 4; v++)
            words[v] = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + i + v * LANES), factor)));
        const int8x8_t first = vmovn_s16(vcombine_s16(words[0], words[1]));
        const int8x8_t last = vmovn_s16(vcombine_s16(words[2], words[3]));
        vst1_s8(q + i, vuzp1_s8(first, last));
        vst1_s8(q + i + 8, vuzp2_s8(first, last));
    }
    *sum = 0; /* products are signed */
    *scale = largest / 127.0f / KV_CODE_SCALE;
}

TEMPLATE void quantize(const struct kernel_attend_args *args, const float *x,
                       struct attend_code_query *out)
{
    size_t dim = 0;
    out->x = x;
    for (size_t at = 0, i = 0; at < args->head_dim; at += dim, i++) {
        dim = kv_code_piece(args->head_dim, 0, at);
        quantize_piece(x + at, dim, out->q + at, &out->scale[i], &out->sum[i]);
    }
}

/* ---------------------------------------------------------------- codes */

/* Of two chains eight bytes each: even symbols, odd symbols. */
struct halves {
    uint8x16_t even;
    uint8x16_t odd;
};

/* Windows of 6 bits: those of even symbols begin 2 bits before a byte, those of odd ones behind. */
TEMPLATE struct halves find_windows_4(const unsigned char *chains)
{
    const uint8x16_t x = vld1q_u8(chains);
    const uint64x2_t words = vreinterpretq_u64_u8(x);
    const uint64x2_t ring = vsliq_n_u64(vshrq_n_u64(words, 62), words, 2);
    return (struct halves){
        .even = vandq_u8(vreinterpretq_u8_u64(ring), vdupq_n_u8(63)),
        .odd = vshrq_n_u8(x, 2),
    };
}

/* Words shifted left by `first` and `second` in turn (right, if negative). */
TEMPLATE uint8x16_t shift(uint8x16_t x, int16_t first, int16_t second)
{
    const int16x8_t counts = vreinterpretq_s16_u32(
        vdupq_n_u32((uint32_t)(uint16_t)first | (uint32_t)(uint16_t)second << 16));
    return vreinterpretq_u8_u16(vshlq_u16(vreinterpretq_u16_u8(x), counts));
}

/* Three bytes have four windows of even symbols, from bits -3, 3, 9 and 15 on, and four of odd
 * ones, from bits 0, 6, 12 and 18 on. Each is cut out of one of the words of bytes (-1, 0), (0, 1)
 * and (1, 2): the first and third into even bytes, the others into odd bytes. */
TEMPLATE struct halves find_windows_3(const unsigned char *chains)
{
    static const uint8_t outer[16] = {5, 0, 1, 2, 2, 3, 4, 5, 11, 6, 7, 8, 8, 9, 10, 11};
    static const uint8_t inner[16] = {0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10, 10, 11};
    const uint8x16_t low = vreinterpretq_u8_u16(vdupq_n_u16(0x00ff));
    const uint8x16_t six = vdupq_n_u8(63);
    uint8_t twelve[16] = {0};
    memcpy(twelve, chains, 12);
    const uint8x16_t x = vld1q_u8(twelve);
    const uint8x16_t a = vqtbl1q_u8(x, vld1q_u8(outer));
    const uint8x16_t b = vqtbl1q_u8(x, vld1q_u8(inner));
    return (struct halves){
        .even = vandq_u8(vbslq_u8(low, shift(a, -5, -1), shift(b, 5, 1)), six),
        .odd = vandq_u8(vbslq_u8(low, shift(a, -8, -4), shift(b, 2, -2)), six),
    };
}

TEMPLATE struct halves look_up(const unsigned char *chains, unsigned bits, uint8x16x4_t table)
{
    const struct halves w = bits == 4 ? find_windows_4(chains) : find_windows_3(chains);
    return (struct halves){vqtbl4q_u8(table, w.even), vqtbl4q_u8(table, w.odd)};
}

/* Table values of two chains, as pairs of vectors that products need. */
struct looked_up {
    int8x16_t first;
    int8x16_t second;
};

TEMPLATE struct looked_up load_looked_up(const unsigned char *from)
{
    return (struct looked_up){vreinterpretq_s8_u8(vld1q_u8(from)),
                              vreinterpretq_s8_u8(vld1q_u8(from + 16))};
}

/* Even symbols of both chains, then odd ones: queries are in that order too. */
TEMPLATE struct looked_up look_up_key(const unsigned char *chains, unsigned bits,
                                      const struct tables *tables)
{
    if (bits == ATTEND_CODE_LOOKED_UP)
        return load_looked_up(chains);
    const struct halves x = look_up(chains, bits, tables->keys);
    return (struct looked_up){vreinterpretq_s8_u8(x.even), vreinterpretq_s8_u8(x.odd)};
}

/* One chain, then the other: four tokens of four channels each. */
TEMPLATE struct looked_up look_up_value(const unsigned char *chains, unsigned bits,
                                        const struct tables *tables)
{
    if (bits == ATTEND_CODE_LOOKED_UP)
        return load_looked_up(chains);
    const struct halves x = look_up(chains, bits, tables->values);
    return (struct looked_up){vreinterpretq_s8_u8(vzip1q_u8(x.even, x.odd)),
                              vreinterpretq_s8_u8(vzip2q_u8(x.even, x.odd))};
}

TEMPLATE void store_looked_up(struct looked_up x, unsigned char *to)
{
    vst1q_u8(to, vreinterpretq_u8_s8(x.first));
    vst1q_u8(to + 16, vreinterpretq_u8_s8(x.second));
}

TEMPLATE void look_up_keys(const unsigned char *chains, size_t count, unsigned bits,
                           const struct tables *tables, unsigned char *to)
{
    for (size_t i = 0; i < count; i += AT_ONCE)
        store_looked_up(look_up_key(chains + i * 2 * bits, bits, tables), to + i * KV_CODE_CHAIN);
}

TEMPLATE void look_up_values(const unsigned char *chains, size_t count, unsigned bits,
                             const struct tables *tables, unsigned char *to)
{
    for (size_t i = 0; i < count; i += AT_ONCE)
        store_looked_up(look_up_value(chains + i * 2 * bits, bits, tables), to + i * KV_CODE_CHAIN);
}

/* ---------------------------------------------------------------- scores */

/* Eight numbers, twice. */
TEMPLATE int8x16_t twice(const int8_t *eight)
{
    const int8x8_t half = vld1_s8(eight);
    return vcombine_s8(half, half);
}

/* Adds the products with one piece of the keys to the scores. */
TEMPLATE void add_scores(const struct attend_code_piece *piece, size_t number,
                         const struct attend_code_row *rows, size_t count, unsigned bits,
                         const struct tables *tables, struct weights *w)
{
    const size_t chain_bytes = 2 * (size_t)bits;
    const size_t groups = piece->dim / 16;
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += 2 * AT_ONCE) {
        const unsigned char *chains =
            piece->chains + (t / BESIDE * groups * BESIDE + t % BESIDE) * chain_bytes;
        int32x4_t near[ROWS]; /* of two tokens, twice each */
        int32x4_t far[ROWS];
        UNROLL_FOR (size_t r = 0; r < count; r++)
            near[r] = far[r] = vdupq_n_s32(0);
        for (size_t g = 0; g < groups; g++, chains += BESIDE * chain_bytes) {
            const struct looked_up a = look_up_key(chains, bits, tables);
            const struct looked_up b = look_up_key(chains + AT_ONCE * chain_bytes, bits, tables);
            UNROLL_FOR (size_t r = 0; r < count; r++) {
                const int8_t *q = rows[r].query.q + piece->at + g * 16;
                const int8x16_t even = twice(q);
                const int8x16_t odd = twice(q + 8);
                near[r] = vdotq_s32(vdotq_s32(near[r], a.first, even), a.second, odd);
                far[r] = vdotq_s32(vdotq_s32(far[r], b.first, even), b.second, odd);
            }
        }
        const float32x4_t scale =
            vector_neon_halves((const uint16_t *)(const void *)(piece->tail.scales + 2 * t));
        UNROLL_FOR (size_t r = 0; r < count; r++) {
            const float32x4_t dot = vmulq_f32(vcvtq_f32_s32(vpaddq_s32(near[r], far[r])), scale);
            vst1q_f32(w->p[r] + t,
                      vfmaq_n_f32(vld1q_f32(w->p[r] + t), dot, rows[r].query.scale[number]));
        }
    }
}

/* Eight of the mean's int8 as floats. */
struct mean {
    float32x4_t low;
    float32x4_t high;
};

TEMPLATE struct mean load_mean(const unsigned char *mean)
{
    const int16x8_t words = vmovl_s8(vreinterpret_s8_u8(vld1_u8(mean)));
    return (struct mean){vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))),
                         vcvtq_f32_s32(vmovl_s16(vget_high_s16(words)))};
}

TEMPLATE float mean_product(const float *x, const struct attend_code_piece *piece)
{
    float32x4_t sum[VECTOR_NEON_VECTORS];
    UNROLL_FOR (size_t v = 0; v < VECTOR_NEON_VECTORS; v++)
        sum[v] = vdupq_n_f32(0.0f);
    for (size_t i = 0; i < piece->dim; i += 16)
        UNROLL_FOR (size_t half = 0; half < 2; half++) {
            const struct mean mean = load_mean(piece->tail.mean + i + 8 * half);
            const float *at = x + i + 8 * half;
            sum[2 * half] = vfmaq_f32(sum[2 * half], vld1q_f32(at), mean.low);
            sum[2 * half + 1] = vfmaq_f32(sum[2 * half + 1], vld1q_f32(at + LANES), mean.high);
        }
    return vector_neon_sum(sum);
}

/* What a query and the block's mean give, the same for all its keys. */
TEMPLATE void begin_scores(const struct kernel_attend_args *args, struct attend_code_block block,
                           const struct attend_code_row *rows, size_t count, struct weights *w)
{
    float mean[ROWS] = {0};
    struct attend_code_piece piece = {0};
    while (attend_code_next(args->key_code, ATTEND_CODE_LOOKED_UP, args->head_dim, 0, &block.keys,
                            &block.key_tails, &piece))
        for (size_t r = 0; r < count && piece.tail.mean; r++)
            mean[r] += piece.mean_scale * mean_product(rows[r].query.x + piece.at, &piece);
    for (size_t r = 0; r < count; r++)
        for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += LANES)
            vst1q_f32(w->p[r] + t, vdupq_n_f32(mean[r]));
}

/* ---------------------------------------------------------------- weights */

/* kernel_table.h: the score after the softcap. */
TEMPLATE float32x4_t cap(float32x4_t score, float softcap)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    const float32x4_t e = vector_neon_exp(vmulq_n_f32(score, 2.0f / softcap));
    const float32x4_t part = vdivq_f32(vdupq_n_f32(2.0f), vaddq_f32(e, one));
    return vmulq_n_f32(vsubq_f32(one, part), softcap);
}

/* x where it is larger, as in the reference; a NaN is not. */
TEMPLATE float32x4_t larger(float32x4_t x, float32x4_t most)
{
    return vbslq_f32(vcgtq_f32(x, most), x, most);
}

/* All bits in the lanes of keys [begin, end) among the four from t on. */
TEMPLATE uint32x4_t visible(size_t begin, size_t end, size_t t)
{
    static const uint32_t lanes[LANES] = {0, 1, 2, 3};
    const uint32x4_t key = vaddq_u32(vld1q_u32(lanes), vdupq_n_u32((uint32_t)t));
    return vandq_u32(vcgeq_u32(key, vdupq_n_u32((uint32_t)begin)),
                     vcltq_u32(key, vdupq_n_u32((uint32_t)end)));
}

TEMPLATE float32x4_t keep(float32x4_t x, uint32x4_t mask)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), mask));
}

/* Scores of row r, of which keys [begin, end) count, become weights. */
TEMPLATE void weigh(const struct kernel_attend_args *args, float *partial, size_t begin, size_t end,
                    size_t r, struct weights *w)
{
    float32x4_t most = vdupq_n_f32(partial[ATTEND_SPAN_LARGEST]);
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += LANES) {
        float32x4_t s = vmulq_n_f32(vld1q_f32(w->p[r] + t), args->scale);
        if (args->softcap != 0)
            s = cap(s, args->softcap);
        vst1q_f32(w->p[r] + t, s);
        most = vbslq_f32(visible(begin, end, t), larger(s, most), most);
    }
    const float largest = vmaxvq_f32(most);
    float32x4_t sums[VECTOR_NEON_VECTORS];
    UNROLL_FOR (size_t v = 0; v < VECTOR_NEON_VECTORS; v++)
        sums[v] = vdupq_n_f32(0.0f);
    w->shrink[r] = vector_exp(partial[ATTEND_SPAN_LARGEST] - largest);
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += VECTOR_NEON_VECTORS * LANES)
        UNROLL_FOR (size_t v = 0; v < VECTOR_NEON_VECTORS; v++) {
            float *at = w->p[r] + t + v * LANES;
            const float32x4_t p =
                keep(vector_neon_exp(vsubq_f32(vld1q_f32(at), vdupq_n_f32(largest))),
                     visible(begin, end, t + v * LANES));
            sums[v] = vaddq_f32(sums[v], p);
            vst1q_f32(at, p);
        }
    w->sum[r] = vector_neon_sum(sums);
    partial[ATTEND_SPAN_SUM] = fmaf(partial[ATTEND_SPAN_SUM], w->shrink[r], w->sum[r]);
    partial[ATTEND_SPAN_LARGEST] = largest;
}

/* Weights times the scales of a piece of the values, as bytes. */
TEMPLATE void find_bytes(const unsigned char *scales, size_t r, struct weights *w)
{
    const uint16_t *halves = (const uint16_t *)(const void *)scales;
    float weight[KERNEL_PAGE_TOKENS];
    float32x4_t most = vdupq_n_f32(0.0f);
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += LANES) {
        const float32x4_t x = vmulq_f32(vld1q_f32(w->p[r] + t), vector_neon_halves(halves + t));
        most = larger(x, most);
        vst1q_f32(weight + t, x);
    }
    const float largest = vmaxvq_f32(most);
    const float factor = largest > ATTEND_CODE_SMALLEST ? 255.0f / largest : 0.0f;
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += 2 * LANES) {
        const int32x4_t low = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(weight + t), factor));
        const int32x4_t high = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(weight + t + LANES), factor));
        const uint8x8_t bytes = vqmovun_s16(vcombine_s16(vqmovn_s32(low), vqmovn_s32(high)));
        vst1_s8(w->bytes[r] + t, vreinterpret_s8_u8(veor_u8(bytes, vdup_n_u8(0x80))));
    }
    const float first = vgetq_lane_f32(vector_neon_halves(halves), 0);
    w->step[r] = fmaf(first, 0.0f, largest * ATTEND_CODE_WEIGHT_STEP);
}

/* ---------------------------------------------------------------- values */

/* What four channels had, smaller, and what they get. */
TEMPLATE void add_channels(const struct attend_code_piece *piece, float32x4_t mean, size_t r,
                           const struct weights *w, int32x4_t total, float *out)
{
    float32x4_t x = vmulq_n_f32(vld1q_f32(out), w->shrink[r]);
    x = vfmaq_n_f32(x, vcvtq_f32_s32(total), w->step[r]);
    if (piece->tail.mean)
        x = vfmaq_n_f32(x, mean, w->sum[r] * piece->mean_scale);
    vst1q_f32(out, x);
}

/* Channels are taken eight at a time: two chains of each four tokens. */
TEMPLATE void mix_piece(const struct attend_code_piece *piece, const struct attend_code_row *rows,
                        size_t count, unsigned bits, const struct tables *tables, struct weights *w)
{
    const size_t chain_bytes = 2 * (size_t)bits;
    const int8x16_t ones = vdupq_n_s8(1);
    for (size_t r = 0; r < count; r++)
        find_bytes(piece->tail.scales, r, w);
    for (size_t channel = 0; channel < piece->dim; channel += 4 * AT_ONCE) {
        const unsigned char *chains =
            piece->chains + (channel / 32 * 16 * BESIDE + channel % 32 / 4) * chain_bytes;
        int32x4_t first[ROWS];
        int32x4_t second[ROWS];
        int32x4_t first_sum = vdupq_n_s32(0);
        int32x4_t second_sum = vdupq_n_s32(0);
        UNROLL_FOR (size_t r = 0; r < count; r++)
            first[r] = second[r] = vdupq_n_s32(0);
        for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += 4, chains += BESIDE * chain_bytes) {
            const struct looked_up x = look_up_value(chains, bits, tables);
            first_sum = vdotq_s32(first_sum, x.first, ones);
            second_sum = vdotq_s32(second_sum, x.second, ones);
            UNROLL_FOR (size_t r = 0; r < count; r++) {
                int32_t four = 0;
                memcpy(&four, w->bytes[r] + t, sizeof(four));
                const int8x16_t weight = vreinterpretq_s8_s32(vdupq_n_s32(four));
                first[r] = vdotq_s32(first[r], x.first, weight);
                second[r] = vdotq_s32(second[r], x.second, weight);
            }
        }
        struct mean mean = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
        if (piece->tail.mean)
            mean = load_mean(piece->tail.mean + channel);
        UNROLL_FOR (size_t r = 0; r < count; r++) {
            float *mixed = rows[r].partial + KERNEL_PARTIAL_HEAD + piece->at + channel;
            add_channels(piece, mean.low, r, w, vaddq_s32(first[r], vshlq_n_s32(first_sum, 7)),
                         mixed);
            add_channels(piece, mean.high, r, w, vaddq_s32(second[r], vshlq_n_s32(second_sum, 7)),
                         mixed + LANES);
        }
    }
}

TEMPLATE void attend_block(const struct kernel_attend_args *args,
                           const struct attend_code_row *rows, size_t count, size_t key,
                           struct attend_code_block block, unsigned key_bits, unsigned value_bits,
                           const struct tables *tables)
{
    struct attend_code_piece piece = {0};
    struct weights w;
    begin_scores(args, block, rows, count, &w);
    for (size_t i = 0; attend_code_next(args->key_code, key_bits, args->head_dim, 0, &block.keys,
                                        &block.key_tails, &piece);
         i++)
        add_scores(&piece, i, rows, count, key_bits, tables, &w);
    for (size_t r = 0; r < count; r++) {
        const size_t left = rows[r].end - key;
        weigh(args, rows[r].partial, rows[r].begin > key ? rows[r].begin - key : 0,
              left < KERNEL_PAGE_TOKENS ? left : KERNEL_PAGE_TOKENS, r, &w);
    }
    piece = (struct attend_code_piece){0};
    while (attend_code_next(args->value_code, value_bits, args->value_dim, 0, &block.values,
                            &block.value_tails, &piece))
        mix_piece(&piece, rows, count, value_bits, tables, &w);
}

#include "kernel/attend_code_tiles.h"

void attend_code_neon_fill(struct kernel_table *table)
{
    table->attend_code = attend_code;
}
