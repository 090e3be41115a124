/*
 * vector_ref - normalisation, element-wise operations, rotation, softmax.
 *
 * Threads: any; no state.
 */
#include "kernel/exact_math.h"
#include "kernel/gated_units.h"
#include "kernel/kernel_table.h"
#include "kernel/lanes.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/vector_exp.h"
#include "tensor/half.h"

#include <math.h>

static void rms_norm(const float *x, const float *weight, size_t n, float epsilon, float *out)
{
    double lane[LANES] = {0};
    for (size_t i = 0; i < n; i++) /* squares of floats are exact in a double */
        lane[i % LANES] += (double)x[i] * (double)x[i];
    const double mean = lanes_sum_double(lane) / (double)n;
    const float factor = (float)(1.0 / sqrt(mean + (double)epsilon));
    for (size_t i = 0; i < n; i++)
        out[i] = weight ? x[i] * factor * weight[i] : x[i] * factor;
}

static void l2_norm(const float *x, size_t n, float epsilon, float *out)
{
    double lane[LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i % LANES] += (double)x[i] * (double)x[i];
    const double length = sqrt(lanes_sum_double(lane));
    const float factor = (float)(1.0 / (length < (double)epsilon ? (double)epsilon : length));
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * factor;
}

static void layer_norm(const float *x, const float *weight, const float *bias, size_t n,
                       float epsilon, float *out)
{
    double sums[LANES] = {0};
    double squares[LANES] = {0};
    for (size_t i = 0; i < n; i++)
        sums[i % LANES] += (double)x[i];
    const double mean = lanes_sum_double(sums) / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)x[i] - mean;
        squares[i % LANES] = fma(difference, difference, squares[i % LANES]);
    }
    const double variance = lanes_sum_double(squares) / (double)n;
    const float factor = (float)(1.0 / sqrt(variance + (double)epsilon));
    for (size_t i = 0; i < n; i++)
        out[i] = fmaf((float)((double)x[i] - mean) * factor, weight[i], bias[i]);
}

static void add(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] + y[i];
}

static void mul(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * y[i];
}

static void swiglu(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] / (1.0f + vector_exp(-x[i])) * y[i];
}

static float gelu_one(float x)
{
    const float bend = fmaf(x * x, GATED_GELU_CUBIC, 1.0f);
    return x / (1.0f + vector_exp(-(x * GATED_GELU_SCALE * bend)));
}

static void gelu(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gelu_one(x[i]);
}

static void sigmoid_mul(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] / (1.0f + vector_exp(-y[i]));
}

static void geglu(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gelu_one(x[i]) * y[i];
}

/* Comparisons as minps and maxps make them: a NaN passes. */
static void swiglu_clamped(const float *x, const float *y, size_t n, float *out)
{
    const float limit = GATED_CLAMP_LIMIT;
    for (size_t i = 0; i < n; i++) {
        const float gate = limit < x[i] ? limit : x[i];
        float up = limit < y[i] ? limit : y[i];
        up = -limit > up ? -limit : up;
        out[i] = gate / (1.0f + vector_exp(-(gate * GATED_CLAMP_FACTOR))) * (up + 1.0f);
    }
}

static void relu_squared(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        const float v = 0.0f > x[i] ? 0.0f : x[i];
        out[i] = v * v;
    }
}

static void add_scaled(const float *x, float scale, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = fmaf(x[i], scale, out[i]);
}

static void exp_row(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = vector_exp(x[i]);
}

static void exp_f64(const double *x, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = exact_math_exp(x[i]);
}

static void softmax(const float *x, size_t n, float *out)
{
    float largest = x[0];
    for (size_t i = 1; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    float lane[LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        out[i] = vector_exp(x[i] - largest);
        lane[i % LANES] += out[i];
    }
    const float sum = lanes_sum(lane);
    for (size_t i = 0; i < n; i++)
        out[i] = out[i] / sum;
}

static void to_f16(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half_from_float(x[i]);
}

static void rotate(float *a, float *b, float cosine, float sine)
{
    const float first = *a;
    const float second = *b;
    *a = fmaf(first, cosine, -(second * sine));
    *b = fmaf(second, cosine, first * sine);
}

static void rope_halves(float *x, const float *cosines, const float *sines, size_t head_count,
                        size_t head_dim, size_t rot_dim)
{
    for (size_t h = 0; h < head_count; h++, x += head_dim)
        for (size_t j = 0; j < rot_dim / 2; j++)
            rotate(&x[j], &x[j + rot_dim / 2], cosines[j], sines[j]);
}

static void rope_pairs(float *x, const float *cosines, const float *sines, size_t head_count,
                       size_t head_dim, size_t rot_dim)
{
    for (size_t h = 0; h < head_count; h++, x += head_dim)
        for (size_t j = 0; j < rot_dim / 2; j++)
            rotate(&x[2 * j], &x[2 * j + 1], cosines[j], sines[j]);
}

void vector_ref_fill(struct kernel_table *table)
{
    table->rms_norm = rms_norm;
    table->l2_norm = l2_norm;
    table->layer_norm = layer_norm;
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
    table->exp_f64 = exp_f64;
    table->softmax = softmax;
    table->to_f16 = to_f16;
    table->rope_halves = rope_halves;
    table->rope_pairs = rope_pairs;
}
