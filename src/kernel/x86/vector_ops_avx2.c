/*
 * vector_ops_avx2 - normalisation, element-wise operations, rotation, softmax, and activations to
 * int8.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/gated_units.h"
#include "kernel/kernel_table.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx2.h"

#include <math.h>

#define EXACT_EXP_LANES 4
#include "kernel/exact_exp.h"

enum { LANES = 8 }; /* of a vector; sums have sixteen, in two vectors */

/* ---------------------------------------------------------------- element by element */

static void add(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        vector_avx2_store(
            out + i, n - i,
            _mm256_add_ps(vector_avx2_load(x + i, n - i), vector_avx2_load(y + i, n - i)));
}

static void mul(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        vector_avx2_store(
            out + i, n - i,
            _mm256_mul_ps(vector_avx2_load(x + i, n - i), vector_avx2_load(y + i, n - i)));
}

static void swiglu(const float *x, const float *y, size_t n, float *out)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 a = vector_avx2_load(x + i, n - i);
        const __m256 e = vector_avx2_exp(_mm256_xor_ps(a, sign));
        const __m256 silu = _mm256_div_ps(a, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
        vector_avx2_store(out + i, n - i, _mm256_mul_ps(silu, vector_avx2_load(y + i, n - i)));
    }
}

/* v / (1 + exp(-slope)) */
TEMPLATE __m256 gated(__m256 v, __m256 slope)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    const __m256 e = vector_avx2_exp(_mm256_xor_ps(slope, sign));
    return _mm256_div_ps(v, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
}

TEMPLATE __m256 gelu_vector(__m256 v)
{
    const __m256 bend = _mm256_fmadd_ps(_mm256_mul_ps(v, v), _mm256_set1_ps(GATED_GELU_CUBIC),
                                        _mm256_set1_ps(1.0f));
    const __m256 slope = _mm256_mul_ps(_mm256_mul_ps(v, _mm256_set1_ps(GATED_GELU_SCALE)), bend);
    return gated(v, slope);
}

static void gelu(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        vector_avx2_store(out + i, n - i, gelu_vector(vector_avx2_load(x + i, n - i)));
}

static void sigmoid_mul(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        vector_avx2_store(out + i, n - i,
                          gated(vector_avx2_load(x + i, n - i), vector_avx2_load(y + i, n - i)));
}

static void geglu(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 gate = gelu_vector(vector_avx2_load(x + i, n - i));
        vector_avx2_store(out + i, n - i, _mm256_mul_ps(gate, vector_avx2_load(y + i, n - i)));
    }
}

static void swiglu_clamped(const float *x, const float *y, size_t n, float *out)
{
    const __m256 limit = _mm256_set1_ps(GATED_CLAMP_LIMIT);
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 gate = _mm256_min_ps(limit, vector_avx2_load(x + i, n - i));
        __m256 up = _mm256_min_ps(limit, vector_avx2_load(y + i, n - i));
        up = _mm256_max_ps(_mm256_set1_ps(-GATED_CLAMP_LIMIT), up);
        const __m256 slope = _mm256_mul_ps(gate, _mm256_set1_ps(GATED_CLAMP_FACTOR));
        vector_avx2_store(
            out + i, n - i,
            _mm256_mul_ps(gated(gate, slope), _mm256_add_ps(up, _mm256_set1_ps(1.0f))));
    }
}

static void relu_squared(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 v = _mm256_max_ps(_mm256_setzero_ps(), vector_avx2_load(x + i, n - i));
        vector_avx2_store(out + i, n - i, _mm256_mul_ps(v, v));
    }
}

static void add_scaled(const float *x, float scale, size_t n, float *out)
{
    const __m256 factor = _mm256_set1_ps(scale);
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 sum = vector_avx2_load(out + i, n - i);
        vector_avx2_store(out + i, n - i,
                          _mm256_fmadd_ps(vector_avx2_load(x + i, n - i), factor, sum));
    }
}

static void exp_row(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += LANES)
        vector_avx2_store(out + i, n - i, vector_avx2_exp(vector_avx2_load(x + i, n - i)));
}

static void to_f16(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __m128i half =
            _mm256_cvtps_ph(vector_avx2_load(x + i, n - i), _MM_FROUND_TO_NEAREST_INT);
        if (n - i >= LANES) {
            _mm_storeu_si128((__m128i *)(out + i), half);
        } else {
            uint16_t last[LANES];
            _mm_storeu_si128((__m128i *)last, half);
            memcpy(out + i, last, (n - i) * sizeof(last[0]));
        }
    }
}

/* ---------------------------------------------------------------- rows */

/* Adds the squares of eight floats to eight lanes; squares are exact: fused or not is the same. */
TEMPLATE void add_squares(const float *x, size_t count, __m256d lane[2])
{
    const __m256 v = vector_avx2_load(x, count);
    const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
    const __m256d b = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
    lane[0] = _mm256_fmadd_pd(a, a, lane[0]);
    lane[1] = _mm256_fmadd_pd(b, b, lane[1]);
}

/* The tree of lanes.h on lanes 0..3, 4..7, 8..11 and 12..15. */
TEMPLATE double sum_double(const __m256d lane[4])
{
    const __m256d s4 =
        _mm256_add_pd(_mm256_add_pd(lane[0], lane[2]), _mm256_add_pd(lane[1], lane[3]));
    const __m128d s2 = _mm_add_pd(_mm256_castpd256_pd128(s4), _mm256_extractf128_pd(s4, 1));
    return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2)));
}

static double sum_squares(const float *x, size_t n)
{
    __m256d lane[4]; /* lanes 0..3, 4..7, 8..11, 12..15 */
    UNROLL_FOR (size_t v = 0; v < 4; v++)
        lane[v] = _mm256_setzero_pd();
    for (size_t i = 0; i < n; i += 2 * LANES) {
        add_squares(x + i, n - i, &lane[0]);
        if (n - i > LANES)
            add_squares(x + i + LANES, n - i - LANES, &lane[2]);
    }
    return sum_double(lane);
}

static void l2_norm(const float *x, size_t n, float epsilon, float *out)
{
    const double length = sqrt(sum_squares(x, n));
    const double divisor = length < (double)epsilon ? (double)epsilon : length;
    const __m256 factor = _mm256_set1_ps((float)(1.0 / divisor));
    for (size_t i = 0; i < n; i += LANES)
        vector_avx2_store(out + i, n - i, _mm256_mul_ps(vector_avx2_load(x + i, n - i), factor));
}

static void rms_norm(const float *x, const float *weight, size_t n, float epsilon, float *out)
{
    const double mean = sum_squares(x, n) / (double)n;
    const __m256 factor = _mm256_set1_ps((float)(1.0 / sqrt(mean + (double)epsilon)));
    for (size_t i = 0; i < n; i += LANES) {
        __m256 v = _mm256_mul_ps(vector_avx2_load(x + i, n - i), factor);
        if (weight)
            v = _mm256_mul_ps(v, vector_avx2_load(weight + i, n - i));
        vector_avx2_store(out + i, n - i, v);
    }
}

/* The differences of four floats from `mean`; lanes that are not there give 0. */
TEMPLATE __m256d differences(const float *x, size_t i, size_t n, __m256d mean)
{
    const size_t count = n > i ? n - i : 0;
    const __m256i there = vector_avx2_first(count < 4 ? count : 4);
    const __m128 v = _mm_maskload_ps(x + i, _mm256_castsi256_si128(there));
    const __m256d mask = _mm256_castsi256_pd(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(there)));
    return _mm256_and_pd(_mm256_sub_pd(_mm256_cvtps_pd(v), mean), mask);
}

static void layer_norm(const float *x, const float *weight, const float *bias, size_t n,
                       float epsilon, float *out)
{
    __m256d lane[4];
    UNROLL_FOR (size_t v = 0; v < 4; v++)
        lane[v] = _mm256_setzero_pd();
    for (size_t i = 0; i < n; i += 16)
        UNROLL_FOR (size_t v = 0; v < 4; v++)
            lane[v] = _mm256_add_pd(lane[v], differences(x, i + 4 * v, n, _mm256_setzero_pd()));
    const __m256d mean = _mm256_set1_pd(sum_double(lane) / (double)n);
    UNROLL_FOR (size_t v = 0; v < 4; v++)
        lane[v] = _mm256_setzero_pd();
    for (size_t i = 0; i < n; i += 16)
        UNROLL_FOR (size_t v = 0; v < 4; v++) {
            const __m256d difference = differences(x, i + 4 * v, n, mean);
            lane[v] = _mm256_fmadd_pd(difference, difference, lane[v]);
        }
    const double variance = sum_double(lane) / (double)n;
    const __m256 factor = _mm256_set1_ps((float)(1.0 / sqrt(variance + (double)epsilon)));
    for (size_t i = 0; i < n; i += LANES) {
        const __m128 low = _mm256_cvtpd_ps(differences(x, i, n, mean));
        const __m128 high = _mm256_cvtpd_ps(differences(x, i + 4, n, mean));
        const __m256 scaled = _mm256_mul_ps(_mm256_set_m128(high, low), factor);
        vector_avx2_store(out + i, n - i,
                          _mm256_fmadd_ps(scaled, vector_avx2_load(weight + i, n - i),
                                          vector_avx2_load(bias + i, n - i)));
    }
}

static float largest_of(const float *x, size_t n)
{
    __m256 most = _mm256_set1_ps(-INFINITY);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        most = _mm256_max_ps(_mm256_loadu_ps(x + i), most);
    float largest = vector_avx2_max(most);
    for (; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

static void softmax(const float *x, size_t n, float *out)
{
    const __m256 largest = _mm256_set1_ps(largest_of(x, n));
    __m256 lane[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 shifted = _mm256_sub_ps(vector_avx2_load(x + i, n - i), largest);
        const __m256 there = _mm256_castsi256_ps(vector_avx2_first(n - i));
        const __m256 e = _mm256_and_ps(vector_avx2_exp(shifted), there);
        lane[i / LANES % 2] = _mm256_add_ps(lane[i / LANES % 2], e); /* + 0 changes nothing */
        vector_avx2_store(out + i, n - i, e);
    }
    const __m256 sum = _mm256_set1_ps(vector_avx2_sum(lane[0], lane[1]));
    for (size_t i = 0; i < n; i += LANES)
        vector_avx2_store(out + i, n - i, _mm256_div_ps(vector_avx2_load(out + i, n - i), sum));
}

/* ---------------------------------------------------------------- rotation */

static void rope_halves(float *x, const float *cosines, const float *sines, size_t head_count,
                        size_t head_dim, size_t rot_dim)
{
    const size_t half = rot_dim / 2;
    for (size_t h = 0; h < head_count; h++, x += head_dim)
        for (size_t j = 0; j < half; j += LANES) {
            const size_t count = half - j;
            const __m256 c = vector_avx2_load(cosines + j, count);
            const __m256 s = vector_avx2_load(sines + j, count);
            const __m256 a = vector_avx2_load(x + j, count);
            const __m256 b = vector_avx2_load(x + half + j, count);
            const __m256 first = _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s));
            const __m256 second = _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s));
            vector_avx2_store(x + j, count, first);
            vector_avx2_store(x + half + j, count, second);
        }
}

/* Even lanes: a c - b s; odd lanes: b c + a s, where the neighbours are a and b. */
static void rope_pairs(float *x, const float *cosines, const float *sines, size_t head_count,
                       size_t head_dim, size_t rot_dim)
{
    const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    for (size_t h = 0; h < head_count; h++, x += head_dim)
        for (size_t i = 0; i < rot_dim; i += LANES) {
            const size_t pairs = (rot_dim - i) / 2 < 4 ? (rot_dim - i) / 2 : 4;
            const __m256 v = vector_avx2_load(x + i, rot_dim - i);
            const __m256 c =
                _mm256_permutevar8x32_ps(vector_avx2_load(cosines + i / 2, pairs), twice);
            const __m256 s =
                _mm256_permutevar8x32_ps(vector_avx2_load(sines + i / 2, pairs), twice);
            const __m256 crossed = _mm256_mul_ps(_mm256_permute_ps(v, 0xb1), s);
            vector_avx2_store(x + i, rot_dim - i, _mm256_fmaddsub_ps(v, c, crossed));
        }
}

/* ---------------------------------------------------------------- activations to int8 */

/* Thirty-two values times `inverse`, rounded, as bytes. */
TEMPLATE __m256i to_bytes(const float *x, __m256 inverse)
{
    __m256i word[4];
    UNROLL_FOR (size_t v = 0; v < 4; v++)
        word[v] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + v * LANES), inverse));
    const __m256i low = _mm256_packs_epi32(word[0], word[1]);
    const __m256i high = _mm256_packs_epi32(word[2], word[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
}

/* activation.h: quantizes n values (a multiple of 32) to q and returns the scale. */
TEMPLATE float quantize_block(const float *x, size_t n, int8_t *q)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i most = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += LANES)
        most = _mm256_max_epu32(
            most, _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(x + i)), magnitude));
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
    const uint32_t bits = (uint32_t)_mm_cvtsi128_si32(four);
    const float amax = _mm_cvtss_f32(_mm_castsi128_ps(four));
    if (bits >= 0x7f800000u || amax < ACTIVATION_AMAX_MIN) {
        memset(q, 0, n);
        return bits >= 0x7f800000u ? NAN : 0.0f;
    }
    const __m256 inverse = _mm256_set1_ps(127.0f / amax);
    for (size_t i = 0; i < n; i += 32)
        _mm256_storeu_si256((__m256i *)(q + i), to_bytes(x + i, inverse));
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
    const size_t blocks = columns / 32;
    const size_t padded = activation_plane(blocks * sizeof(float)) / sizeof(float);
    memset(row.q + columns, 0, activation_plane(columns) - columns);
    for (size_t b = 0; b < blocks; b++) {
        row.scale[b] = quantize_block(&x[b * 32], 32, &row.q[b * 32]);
        row.sum[b] = sum_16(&row.q[b * 32]) + sum_16(&row.q[b * 32 + 16]);
    }
    memset(&row.scale[blocks], 0, (padded - blocks) * sizeof(float));
    memset(&row.sum[blocks], 0, (padded - blocks) * sizeof(int32_t));
}

static void quantize_q8_256(const float *x, size_t columns, void *out)
{
    const struct activation_q8_256_out row = activation_q8_256_out(out, columns);
    memset(row.scale, 0, activation_q8_256_bytes(columns) - columns);
    for (size_t b = 0; b < columns / 256; b++)
        row.scale[b] = quantize_block(&x[b * 256], 256, &row.q[b * 256]);
    for (size_t s = 0; s < columns / 16; s++)
        row.sum16[s] = (int16_t)sum_16(&row.q[s * 16]);
    for (size_t s = 0; s < columns / 32; s++)
        row.sum32[s] = (int16_t)(row.sum16[2 * s] + row.sum16[2 * s + 1]);
}

void vector_ops_avx2_fill(struct kernel_table *table)
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
    table->layer_norm = layer_norm;
    table->softmax = softmax;
    table->rope_halves = rope_halves;
    table->rope_pairs = rope_pairs;
    table->quantize[KERNEL_ACTIVATION_Q8_32] = quantize_q8_32;
    table->quantize[KERNEL_ACTIVATION_Q8_256] = quantize_q8_256;
}
