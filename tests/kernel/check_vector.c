/* check_vector - norms, element-wise operations, exp, softmax, rotation, conversion to f16. */
#include "tests/kernel/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const size_t lengths[] = {1,  2,  3,  7,  8,  9,  15, 16,  17,  23,  24,
                                 31, 32, 33, 47, 63, 64, 65, 127, 128, 576, 1000};

enum { REPEATS = 6 };

/* exp() has corners of its own: around the cuts, halves between powers, every exponent. */
static void fill_exponents(struct check *c, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = check_float(c, -110.0f, 95.0f);
        if (check_int(c, 0, 3) == 0) {
            const float whole = (float)check_int(c, -150, 128);
            x[i] = (whole + 0.5f * (float)check_int(c, 0, 1)) * 0x1.62e43p-1f;
        }
    }
}

struct vectors {
    size_t n;
    float *x;
    float *y;
    float *want;
    float *got;
};

static struct vectors vectors_new(struct check *c, size_t n, int pattern)
{
    const size_t bytes = n * sizeof(float);
    struct vectors v = {n, check_buffer(c, bytes, 4), check_buffer(c, bytes, 4),
                        check_buffer(c, bytes, 4), check_buffer(c, bytes, 4)};
    if (pattern == CHECK_PATTERN_COUNT)
        fill_exponents(c, v.x, n);
    else
        check_fill_floats(c, (enum check_pattern)pattern, v.x, n);
    check_fill_floats(
        c, pattern == CHECK_PATTERN_COUNT ? CHECK_NORMAL : (enum check_pattern)pattern, v.y, n);
    return v;
}

static void vectors_free(struct check *c, struct vectors *v)
{
    check_free(c, v->got);
    check_free(c, v->want);
    check_free(c, v->y);
    check_free(c, v->x);
}

/* The result in place of the first operand must be the same. */
static void check_in_place(struct check *c, struct vectors *v)
{
    check_floats(c, v->got, v->want, v->n);
    check_floats(c, v->x, v->want, v->n);
}

static void check_binary(struct check *c, const char *name, kernel_binary_fn *reference,
                         kernel_binary_fn *candidate, size_t n, int pattern)
{
    check_case(c, "%s, %zu values, pattern %d", name, n, pattern);
    struct vectors v = vectors_new(c, n, pattern);
    reference(v.x, v.y, n, v.want);
    candidate(v.x, v.y, n, v.got);
    candidate(v.x, v.y, n, v.x);
    check_in_place(c, &v);
    vectors_free(c, &v);
}

static void check_unary(struct check *c, const char *name, kernel_unary_fn *reference,
                        kernel_unary_fn *candidate, size_t n, int pattern)
{
    check_case(c, "%s, %zu values, pattern %d", name, n, pattern);
    struct vectors v = vectors_new(c, n, pattern);
    reference(v.x, n, v.want);
    candidate(v.x, n, v.got);
    candidate(v.x, n, v.x);
    check_in_place(c, &v);
    vectors_free(c, &v);
}

static void check_add_scaled(struct check *c, size_t n, int pattern)
{
    check_case(c, "add_scaled, %zu values, pattern %d", n, pattern);
    struct vectors v = vectors_new(c, n, pattern);
    const float scale = check_float(c, -2.0f, 2.0f);
    memcpy(v.want, v.y, n * sizeof(float));
    memcpy(v.got, v.y, n * sizeof(float));
    c->reference->add_scaled(v.x, scale, n, v.want);
    c->candidate->add_scaled(v.x, scale, n, v.got);
    check_floats(c, v.got, v.want, n);
    vectors_free(c, &v);
}

static void check_rms_norm(struct check *c, size_t n, int pattern, bool has_weight)
{
    check_case(c, "rms_norm, %zu values, pattern %d", n, pattern);
    struct vectors v = vectors_new(c, n, pattern);
    const float *weight = has_weight ? v.y : NULL;
    const float epsilon = check_int(c, 0, 1) ? 1e-5f : 1e-6f;
    c->reference->rms_norm(v.x, weight, n, epsilon, v.want);
    c->candidate->rms_norm(v.x, weight, n, epsilon, v.got);
    c->candidate->rms_norm(v.x, weight, n, epsilon, v.x);
    check_in_place(c, &v);
    vectors_free(c, &v);
}

static void check_l2_norm(struct check *c, size_t n, int pattern)
{
    check_case(c, "l2_norm, %zu values, pattern %d", n, pattern);
    struct vectors v = vectors_new(c, n, pattern);
    const float epsilon = check_int(c, 0, 1) ? 1e-5f : 1e-6f;
    c->reference->l2_norm(v.x, n, epsilon, v.want);
    c->candidate->l2_norm(v.x, n, epsilon, v.got);
    c->candidate->l2_norm(v.x, n, epsilon, v.x);
    check_in_place(c, &v);
    vectors_free(c, &v);
}

static void check_layer_norm(struct check *c, size_t n, int pattern)
{
    check_case(c, "layer_norm, %zu values, pattern %d", n, pattern);
    struct vectors v = vectors_new(c, n, pattern);
    float *bias = check_buffer(c, n * sizeof(float), 4);
    check_fill_floats(c, CHECK_NORMAL, bias, n);
    c->reference->layer_norm(v.x, v.y, bias, n, 1e-5f, v.want);
    c->candidate->layer_norm(v.x, v.y, bias, n, 1e-5f, v.got);
    c->candidate->layer_norm(v.x, v.y, bias, n, 1e-5f, v.x);
    check_in_place(c, &v);
    check_free(c, bias);
    vectors_free(c, &v);
}

static void check_to_f16(struct check *c, size_t n, int pattern)
{
    check_case(c, "to_f16, %zu values, pattern %d", n, pattern);
    float *x = check_buffer(c, n * sizeof(float), 4);
    uint16_t *want = check_buffer(c, n * sizeof(uint16_t), 2);
    uint16_t *got = check_buffer(c, n * sizeof(uint16_t), 2);
    check_fill_floats(c, (enum check_pattern)pattern, x, n);
    for (size_t i = 0; i < n; i++)
        if (check_int(c, 0, 1)) { /* every exponent of a half, ties and neighbours of ties */
            const float near = (float)check_int(c, -4098, 4098);
            const float tie = near + (float)check_int(c, -1, 1) * 0.25f;
            x[i] = ldexpf(tie, check_int(c, -40, 8));
        }
    c->reference->to_f16(x, n, want);
    c->candidate->to_f16(x, n, got);
    check_halves(c, got, want, n);
    check_free(c, got);
    check_free(c, want);
    check_free(c, x);
}

static void check_rope(struct check *c, size_t heads, size_t head_dim, size_t rot_dim, bool halves)
{
    if (check_skips(c))
        return;
    check_case(c, "rope_%s, %zu heads of %zu, %zu rotate", halves ? "halves" : "pairs", heads,
               head_dim, rot_dim);
    const size_t n = heads * head_dim;
    float *want = check_buffer(c, n * sizeof(float), 4);
    float *got = check_buffer(c, n * sizeof(float), 4);
    float *cosines = check_buffer(c, rot_dim / 2 * sizeof(float), 4);
    float *sines = check_buffer(c, rot_dim / 2 * sizeof(float), 4);
    check_fill_floats(c, CHECK_NORMAL, want, n);
    memcpy(got, want, n * sizeof(float));
    for (size_t i = 0; i < rot_dim / 2; i++) {
        cosines[i] = check_float(c, -1.0f, 1.0f);
        sines[i] = check_float(c, -1.0f, 1.0f);
    }
    const struct kernel_table *ref = c->reference;
    const struct kernel_table *new = c->candidate;
    (halves ? ref->rope_halves : ref->rope_pairs)(want, cosines, sines, heads, head_dim, rot_dim);
    (halves ? new->rope_halves : new->rope_pairs)(got, cosines, sines, heads, head_dim, rot_dim);
    check_floats(c, got, want, n);
    check_free(c, sines);
    check_free(c, cosines);
    check_free(c, got);
    check_free(c, want);
}

static void check_read(struct check *c, size_t size)
{
    check_case(c, "read_bytes, %zu bytes", size);
    unsigned char *bytes = check_buffer(c, size, 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)check_bits(c);
    const uint64_t want = c->reference->read_bytes(bytes, size);
    const uint64_t got = c->candidate->read_bytes(bytes, size);
    check_bytes(c, &got, &want, sizeof(want));
    check_free(c, bytes);
}

/* Where exp is a number, above and below; and where it is none. */
static void check_exp_f64(struct check *c, size_t n)
{
    static const double odd[] = {0.0,       -0.0,   710.0,  709.782712893384, 710.5,  1e300,
                                 -745.0,    -745.2, -746.0, -746.0001,        -1e300, HUGE_VAL,
                                 -HUGE_VAL, NAN,    1e-300, -708.5,           5e-324, -1075e-16,
                                 1.0};
    const size_t bytes = n * sizeof(double);
    check_case(c, "exp_f64, %zu values", n);
    double *x = check_buffer(c, bytes, sizeof(*x));
    double *want = check_buffer(c, bytes, sizeof(*want));
    double *got = check_buffer(c, bytes, sizeof(*got));
    for (size_t i = 0; i < n; i++)
        x[i] = check_int(c, 0, 9) == 0 ? odd[check_int(c, 0, (int)ARRAY_LEN(odd) - 1)]
                                       : (double)check_int(c, -760000000, 720000000) * 1e-6;
    c->reference->exp_f64(x, n, want);
    c->candidate->exp_f64(x, n, got);
    c->candidate->exp_f64(x, n, x);
    check_bytes(c, got, want, bytes);
    check_bytes(c, x, want, bytes);
    check_free(c, got);
    check_free(c, want);
    check_free(c, x);
}

static void check_length(struct check *c, size_t n, int pattern)
{
    if (check_skips(c))
        return;
    const struct kernel_table *ref = c->reference;
    const struct kernel_table *new = c->candidate;
    check_binary(c, "add", ref->add, new->add, n, pattern);
    check_binary(c, "mul", ref->mul, new->mul, n, pattern);
    check_binary(c, "swiglu", ref->swiglu, new->swiglu, n, pattern);
    check_binary(c, "sigmoid_mul", ref->sigmoid_mul, new->sigmoid_mul, n, pattern);
    check_binary(c, "geglu", ref->geglu, new->geglu, n, pattern);
    check_binary(c, "swiglu_clamped", ref->swiglu_clamped, new->swiglu_clamped, n, pattern);
    check_unary(c, "gelu", ref->gelu, new->gelu, n, pattern);
    check_unary(c, "relu_squared", ref->relu_squared, new->relu_squared, n, pattern);
    check_add_scaled(c, n, pattern);
    check_unary(c, "exp_row", ref->exp_row, new->exp_row, n, pattern);
    check_exp_f64(c, n);
    check_unary(c, "softmax", ref->softmax, new->softmax, n, pattern);
    check_rms_norm(c, n, pattern, check_int(c, 0, 1) == 1);
    check_l2_norm(c, n, pattern);
    check_layer_norm(c, n, pattern);
    if (pattern < CHECK_PATTERN_COUNT)
        check_to_f16(c, n, pattern);
}

void check_vector(struct check *c)
{
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        for (int pattern = 0; pattern <= CHECK_PATTERN_COUNT; pattern++)
            for (int repeat = 0; repeat < REPEATS; repeat++)
                check_length(c, lengths[i], pattern);
    for (size_t size = 0; size < 1100; size += size < 80 ? 1 : 37)
        check_read(c, size);
    for (size_t head_dim = 2; head_dim <= 132; head_dim += head_dim < 70 ? 2 : 6)
        for (size_t rot_dim = 2; rot_dim <= head_dim; rot_dim += 2)
            for (int halves = 0; halves < 2; halves++)
                check_rope(c, (size_t)check_int(c, 1, 3), head_dim, rot_dim, halves == 1);
}

/* ---------------------------------------------------------------- figures */

struct bench {
    const struct kernel_table *table;
    float *x;
    float *y;
    float *out;
    void *packed;
};

enum { BENCH_LEN = 4096 };

static void bench_rms_norm(void *context)
{
    struct bench *b = context;
    b->table->rms_norm(b->x, b->y, BENCH_LEN, 1e-6f, b->out);
}

static void bench_swiglu(void *context)
{
    struct bench *b = context;
    b->table->swiglu(b->x, b->y, BENCH_LEN, b->out);
}

static void bench_softmax(void *context)
{
    struct bench *b = context;
    b->table->softmax(b->x, BENCH_LEN, b->out);
}

static void bench_quantize_32(void *context)
{
    struct bench *b = context;
    b->table->quantize[KERNEL_ACTIVATION_Q8_32](b->x, BENCH_LEN, b->packed);
}

static void bench_quantize_256(void *context)
{
    struct bench *b = context;
    b->table->quantize[KERNEL_ACTIVATION_Q8_256](b->x, BENCH_LEN, b->packed);
}

enum { PEAK_ROUNDS = 20000 };

static void bench_peak(void *context)
{
    struct bench *b = context;
    uint64_t sink = 0;
    (void)b->table->int8_peak(PEAK_ROUNDS, &sink);
    b->out[0] = (float)(sink & 1);
}

void check_vector_bench(struct check *c)
{
    static const struct {
        const char *name;
        check_bench_fn *fn;
    } rows[] = {
        {"rms_norm", bench_rms_norm},
        {"swiglu", bench_swiglu},
        {"softmax", bench_softmax},
        {"quantize q8_32", bench_quantize_32},
        {"quantize q8_256", bench_quantize_256},
    };
    const size_t bytes = BENCH_LEN * sizeof(float);
    struct bench bench = {c->candidate, check_buffer(c, bytes, 64), check_buffer(c, bytes, 64),
                          check_buffer(c, bytes, 64), check_buffer(c, bytes, 64)};
    check_fill_floats(c, CHECK_NORMAL, bench.x, BENCH_LEN);
    check_fill_floats(c, CHECK_NORMAL, bench.y, BENCH_LEN);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        printf("%-9s %-16s %d values: %6.3f ns per value\n", c->level, rows[i].name, BENCH_LEN,
               check_time(rows[i].fn, &bench).best / BENCH_LEN * 1e9);
    uint64_t sink = 0;
    const double macs = (double)c->candidate->int8_peak(PEAK_ROUNDS, &sink) * 1e-9;
    printf("%-9s int8 peak on registers: %.1f GMAC/s\n", c->level,
           macs / check_time(bench_peak, &bench).best);
    check_free(c, bench.packed);
    check_free(c, bench.out);
    check_free(c, bench.y);
    check_free(c, bench.x);
}
