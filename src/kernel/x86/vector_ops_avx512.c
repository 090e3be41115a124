/*
 * vector_ops_avx512 - normalisation, element-wise operations, rotation, softmax, and activations to
 * int8.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/gated_units.h"
#include "kernel/kernel_table.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx512.h"

#include <math.h>

#define EXACT_EXP_LANES 8
#include "kernel/exact_exp.h"

enum { LANES = 16 };

/* ---------------------------------------------------------------- element by element */

static void add(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 a = _mm512_maskz_loadu_ps(there, x + i);
        const __m512 b = _mm512_maskz_loadu_ps(there, y + i);
        _mm512_mask_storeu_ps(out + i, there, _mm512_add_ps(a, b));
    }
}

static void mul(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 a = _mm512_maskz_loadu_ps(there, x + i);
        const __m512 b = _mm512_maskz_loadu_ps(there, y + i);
        _mm512_mask_storeu_ps(out + i, there, _mm512_mul_ps(a, b));
    }
}

static void swiglu(const float *x, const float *y, size_t n, float *out)
{
    const __m512 sign = _mm512_set1_ps(-0.0f);
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 a = _mm512_maskz_loadu_ps(there, x + i);
        const __m512 b = _mm512_maskz_loadu_ps(there, y + i);
        const __m512 e = vector_avx512_exp(_mm512_xor_ps(a, sign));
        const __m512 silu = _mm512_div_ps(a, _mm512_add_ps(_mm512_set1_ps(1.0f), e));
        _mm512_mask_storeu_ps(out + i, there, _mm512_mul_ps(silu, b));
    }
}

/* v / (1 + exp(-slope)) */
TEMPLATE __m512 gated(__m512 v, __m512 slope)
{
    const __m512 sign = _mm512_set1_ps(-0.0f);
    const __m512 e = vector_avx512_exp(_mm512_xor_ps(slope, sign));
    return _mm512_div_ps(v, _mm512_add_ps(_mm512_set1_ps(1.0f), e));
}

TEMPLATE __m512 gelu_vector(__m512 v)
{
    const __m512 bend = _mm512_fmadd_ps(_mm512_mul_ps(v, v), _mm512_set1_ps(GATED_GELU_CUBIC),
                                        _mm512_set1_ps(1.0f));
    const __m512 slope = _mm512_mul_ps(_mm512_mul_ps(v, _mm512_set1_ps(GATED_GELU_SCALE)), bend);
    return gated(v, slope);
}

static void gelu(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        _mm512_mask_storeu_ps(out + i, there, gelu_vector(_mm512_maskz_loadu_ps(there, x + i)));
    }
}

static void sigmoid_mul(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 a = _mm512_maskz_loadu_ps(there, x + i);
        const __m512 b = _mm512_maskz_loadu_ps(there, y + i);
        _mm512_mask_storeu_ps(out + i, there, gated(a, b));
    }
}

static void geglu(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 gate = gelu_vector(_mm512_maskz_loadu_ps(there, x + i));
        _mm512_mask_storeu_ps(out + i, there,
                              _mm512_mul_ps(gate, _mm512_maskz_loadu_ps(there, y + i)));
    }
}

static void swiglu_clamped(const float *x, const float *y, size_t n, float *out)
{
    const __m512 limit = _mm512_set1_ps(GATED_CLAMP_LIMIT);
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 gate = _mm512_min_ps(limit, _mm512_maskz_loadu_ps(there, x + i));
        __m512 up = _mm512_min_ps(limit, _mm512_maskz_loadu_ps(there, y + i));
        up = _mm512_max_ps(_mm512_set1_ps(-GATED_CLAMP_LIMIT), up);
        const __m512 slope = _mm512_mul_ps(gate, _mm512_set1_ps(GATED_CLAMP_FACTOR));
        _mm512_mask_storeu_ps(
            out + i, there,
            _mm512_mul_ps(gated(gate, slope), _mm512_add_ps(up, _mm512_set1_ps(1.0f))));
    }
}

static void relu_squared(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 v = _mm512_max_ps(_mm512_setzero_ps(), _mm512_maskz_loadu_ps(there, x + i));
        _mm512_mask_storeu_ps(out + i, there, _mm512_mul_ps(v, v));
    }
}

static void add_scaled(const float *x, float scale, size_t n, float *out)
{
    const __m512 factor = _mm512_set1_ps(scale);
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 sum = _mm512_maskz_loadu_ps(there, out + i);
        _mm512_mask_storeu_ps(out + i, there,
                              _mm512_fmadd_ps(_mm512_maskz_loadu_ps(there, x + i), factor, sum));
    }
}

static void exp_row(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 e = vector_avx512_exp(_mm512_maskz_loadu_ps(there, x + i));
        _mm512_mask_storeu_ps(out + i, there, e);
    }
}

static void to_f16(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(there, x + i);
        _mm256_mask_storeu_epi16(out + i, there, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
    }
}

/* ---------------------------------------------------------------- rows */

/* The tree of lanes.h on lanes 0..7 and 8..15. */
static double sum_double(__m512d low, __m512d high)
{
    const __m512d s8 = _mm512_add_pd(low, high);
    const __m256d s4 = _mm256_add_pd(_mm512_castpd512_pd256(s8), _mm512_extractf64x4_pd(s8, 1));
    const __m128d s2 = _mm_add_pd(_mm256_castpd256_pd128(s4), _mm256_extractf128_pd(s4, 1));
    return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2)));
}

static double sum_squares(const float *x, size_t n)
{
    __m512d low = _mm512_setzero_pd();
    __m512d high = _mm512_setzero_pd();
    for (size_t i = 0; i < n; i += LANES) { /* squares are exact: fused or not is the same */
        const __m512 v = _mm512_maskz_loadu_ps(vector_avx512_first(n - i), x + i);
        const __m512d a = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
        const __m512d b = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
        low = _mm512_fmadd_pd(a, a, low);
        high = _mm512_fmadd_pd(b, b, high);
    }
    return sum_double(low, high);
}

static void l2_norm(const float *x, size_t n, float epsilon, float *out)
{
    const double length = sqrt(sum_squares(x, n));
    const double divisor = length < (double)epsilon ? (double)epsilon : length;
    const __m512 factor = _mm512_set1_ps((float)(1.0 / divisor));
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(there, x + i);
        _mm512_mask_storeu_ps(out + i, there, _mm512_mul_ps(v, factor));
    }
}

static void rms_norm(const float *x, const float *weight, size_t n, float epsilon, float *out)
{
    const double mean = sum_squares(x, n) / (double)n;
    const __m512 factor = _mm512_set1_ps((float)(1.0 / sqrt(mean + (double)epsilon)));
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(there, x + i), factor);
        if (weight)
            v = _mm512_mul_ps(v, _mm512_maskz_loadu_ps(there, weight + i));
        _mm512_mask_storeu_ps(out + i, there, v);
    }
}

static void softmax(const float *x, size_t n, float *out)
{
    __m512 most = _mm512_set1_ps(-INFINITY);
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        most = _mm512_mask_max_ps(most, there, _mm512_maskz_loadu_ps(there, x + i), most);
    }
    const __m512 largest = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    __m512 sums = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 shifted = _mm512_sub_ps(_mm512_maskz_loadu_ps(there, x + i), largest);
        const __m512 e = vector_avx512_exp(shifted);
        sums = _mm512_mask_add_ps(sums, there, sums, e);
        _mm512_mask_storeu_ps(out + i, there, e);
    }
    const __m512 sum = _mm512_set1_ps(vector_avx512_sum(sums));
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 there = vector_avx512_first(n - i);
        const __m512 e = _mm512_maskz_loadu_ps(there, out + i);
        _mm512_mask_storeu_ps(out + i, there, _mm512_div_ps(e, sum));
    }
}

/* ---------------------------------------------------------------- rotation */

static void rope_halves(float *x, const float *cosines, const float *sines, size_t head_count,
                        size_t head_dim, size_t rot_dim)
{
    const size_t half = rot_dim / 2;
    for (size_t h = 0; h < head_count; h++, x += head_dim)
        for (size_t j = 0; j < half; j += LANES) {
            const __mmask16 there = vector_avx512_first(half - j);
            const __m512 c = _mm512_maskz_loadu_ps(there, cosines + j);
            const __m512 s = _mm512_maskz_loadu_ps(there, sines + j);
            const __m512 a = _mm512_maskz_loadu_ps(there, x + j);
            const __m512 b = _mm512_maskz_loadu_ps(there, x + half + j);
            const __m512 first = _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s));
            const __m512 second = _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s));
            _mm512_mask_storeu_ps(x + j, there, first);
            _mm512_mask_storeu_ps(x + half + j, there, second);
        }
}

/* Even lanes: a c - b s; odd lanes: b c + a s, where the neighbours are a and b. */
static void rope_pairs(float *x, const float *cosines, const float *sines, size_t head_count,
                       size_t head_dim, size_t rot_dim)
{
    const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    for (size_t h = 0; h < head_count; h++, x += head_dim)
        for (size_t i = 0; i < rot_dim; i += LANES) {
            const __mmask16 there = vector_avx512_first(rot_dim - i);
            const __mmask16 pairs = vector_avx512_first((rot_dim - i) / 2) & 0xff;
            const __m512 v = _mm512_maskz_loadu_ps(there, x + i);
            const __m512 c =
                _mm512_permutexvar_ps(twice, _mm512_maskz_loadu_ps(pairs, cosines + i / 2));
            const __m512 s =
                _mm512_permutexvar_ps(twice, _mm512_maskz_loadu_ps(pairs, sines + i / 2));
            const __m512 crossed = _mm512_mul_ps(_mm512_permute_ps(v, 0xb1), s);
            _mm512_mask_storeu_ps(x + i, there, _mm512_fmaddsub_ps(v, c, crossed));
        }
}

/* ---------------------------------------------------------------- activations to int8 */

/* activation.h: quantizes `vectors` * 16 values to q and returns the scale. */
TEMPLATE float quantize_block(const float *x, size_t vectors, int8_t *q)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i most = _mm512_setzero_si512();
    UNROLL_FOR (size_t v = 0; v < vectors; v++)
        most =
            _mm512_max_epu32(most, _mm512_and_si512(_mm512_loadu_si512(x + v * LANES), magnitude));
    const uint32_t bits = _mm512_reduce_max_epu32(most);
    float amax = 0;
    memcpy(&amax, &bits, sizeof(amax));
    if (bits >= 0x7f800000u || amax < ACTIVATION_AMAX_MIN) {
        memset(q, 0, vectors * LANES);
        return bits >= 0x7f800000u ? NAN : 0.0f;
    }
    const __m512 inverse = _mm512_set1_ps(127.0f / amax);
    UNROLL_FOR (size_t v = 0; v < vectors; v++) {
        const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(x + v * LANES), inverse);
        const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(scaled));
        _mm_storeu_si128((__m128i *)(q + v * LANES), bytes);
    }
    return amax / 127.0f;
}

/* The sum of 16 signed bytes. */
TEMPLATE int32_t sum_16(const int8_t *q)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)q);
    const __m128i offset = _mm_xor_si128(bytes, _mm_set1_epi8((char)0x80));
    const __m128i sums = _mm_sad_epu8(offset, _mm_setzero_si128());
    return _mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4) - 16 * 128;
}

static void quantize_q8_32(const float *x, size_t columns, void *out)
{
    const struct activation_q8_32_out row = activation_q8_32_out(out, columns);
    const size_t q_bytes = activation_plane(columns);
    memset(row.q + columns, 0, q_bytes - columns);
    const size_t blocks = columns / 32;
    const size_t padded = activation_plane(blocks * sizeof(float)) / sizeof(float);
    for (size_t b = 0; b < blocks; b++) {
        row.scale[b] = quantize_block(&x[b * 32], 2, &row.q[b * 32]);
        row.sum[b] = sum_16(&row.q[b * 32]) + sum_16(&row.q[b * 32 + 16]);
    }
    memset(&row.scale[blocks], 0, (padded - blocks) * sizeof(float));
    memset(&row.sum[blocks], 0, (padded - blocks) * sizeof(int32_t));
}

static void quantize_q8_256(const float *x, size_t columns, void *out)
{
    const struct activation_q8_256_out row = activation_q8_256_out(out, columns);
    const size_t blocks = columns / 256;
    memset(row.scale, 0, activation_q8_256_bytes(columns) - columns);
    for (size_t b = 0; b < blocks; b++)
        row.scale[b] = quantize_block(&x[b * 256], 16, &row.q[b * 256]);
    for (size_t s = 0; s < columns / 16; s++)
        row.sum16[s] = (int16_t)sum_16(&row.q[s * 16]);
    for (size_t s = 0; s < columns / 32; s++)
        row.sum32[s] = (int16_t)(row.sum16[2 * s] + row.sum16[2 * s + 1]);
}

void vector_ops_avx512_fill(struct kernel_table *table)
{
    table->add = add;
    table->mul = mul;
    table->swiglu = swiglu;
    table->gelu = gelu;
    table->sigmoid_mul = sigmoid_mul;
    table->geglu = geglu;
    table->swiglu_clamped = swiglu_clamped;
    table->relu_squared = relu_squared;
    table->add_scaled = add_scaled;
    table->exp_row = exp_row;
    table->exp_f64 = exact_exp_row;
    table->to_f16 = to_f16;
    table->rms_norm = rms_norm;
    table->l2_norm = l2_norm;
    table->softmax = softmax;
    table->rope_halves = rope_halves;
    table->rope_pairs = rope_pairs;
    table->quantize[KERNEL_ACTIVATION_Q8_32] = quantize_q8_32;
    table->quantize[KERNEL_ACTIVATION_Q8_256] = quantize_q8_256;
}
