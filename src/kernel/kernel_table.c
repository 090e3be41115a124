/*
 * kernel_table - fills the table in order of capability, and what is built from its kernels.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"

#include "kernel/activation.h"
#include "kernel/attend_span.h"
#include "kernel/exact_math.h"
#include "kernel/kv_row.h"
#include "kernel/packed.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/vector_exp.h"
#include "os/cpu.h"
#if defined(__x86_64__)
#    include "kernel/x86/kernel_x86.h"
#elif defined(__aarch64__)
#    include "kernel/arm/kernel_arm.h"
#endif

void kernel_table_init(struct kernel_table *table, unsigned features)
{
    *table = (struct kernel_table){0};
    matmul_ref_fill(table);
    table->pack = packed_pack;
    quantize_ref_fill(table);
    dequantize_ref_fill(table);
    vector_ref_fill(table);
    attend_ref_fill(table);
    attend_code_ref_fill(table);
    code_ref_fill(table);
    recurrent_ref_fill(table);
    speed_ref_fill(table);

#if defined(__x86_64__)
    if (!(features & CPU_FEATURE_AVX2))
        return;
    kernel_x86_fill_avx2(table);
    if (!(features & CPU_FEATURE_AVX512))
        return;
    kernel_x86_fill_avx512(table);
    if (features & CPU_FEATURE_AVX512_VBMI)
        kernel_x86_fill_avx512vbmi(table);
#elif defined(__aarch64__)
    if (features & CPU_FEATURE_NEON)
        kernel_arm_fill_neon(table);
#endif
}

size_t kernel_table_activation_bytes(enum kernel_activation kind, size_t columns)
{
    switch (kind) {
    case KERNEL_ACTIVATION_Q8_32: return activation_q8_32_bytes(columns);
    case KERNEL_ACTIVATION_Q8_256: return activation_q8_256_bytes(columns);
    case KERNEL_ACTIVATION_F32:
    case KERNEL_ACTIVATION_COUNT: break;
    }
    return activation_plane(columns * sizeof(float));
}

/* ---------------------------------------------------------------- attention */

size_t kernel_table_kv_bytes(enum kernel_kv kind, size_t n)
{
    switch (kind) {
    case KERNEL_KV_F16: return n * sizeof(uint16_t);
    case KERNEL_KV_Q8: return kv_row_q8_bytes(n);
    case KERNEL_KV_F32:
    case KERNEL_KV_COUNT: break;
    }
    return n * sizeof(float);
}

size_t kernel_table_partial_floats(const struct kernel_attend_args *args)
{
    return args->token_count * args->head_count * (KERNEL_PARTIAL_HEAD + args->value_dim);
}

size_t kernel_table_attend_bytes(size_t token_count, size_t head_count, size_t value_dim)
{
    const size_t floats = token_count * head_count * (KERNEL_PARTIAL_HEAD + value_dim);
    return 2 * activation_plane(floats * sizeof(float));
}

size_t kernel_table_span_first(const struct kernel_attend_args *args)
{
    return attend_span_first(args, 0) / KERNEL_SPAN_TOKENS;
}

size_t kernel_table_span_count(const struct kernel_attend_args *args)
{
    const size_t keys = attend_span_last(args, args->token_count - 1);
    return (keys + KERNEL_SPAN_TOKENS - 1) / KERNEL_SPAN_TOKENS;
}

void kernel_table_attend(const struct kernel_table *table, enum kernel_kv kind,
                         const struct kernel_attend_args *args, float *scratch)
{
    const size_t floats = kernel_table_partial_floats(args);
    const size_t span_count = kernel_table_span_count(args);
    float *state = scratch;
    float *partial = scratch + activation_plane(floats * sizeof(float)) / sizeof(float);
    const size_t first = kernel_table_span_first(args);
    table->attend_span[kind](args, first, state);
    for (size_t span = first + 1; span < span_count; span++) {
        table->attend_span[kind](args, span, partial);
        table->attend_merge(args, span, partial, state);
    }
    kernel_table_attend_finish(args, state);
}

/* ---------------------------------------------------------------- attention over codes */

/* Where the own block of the tokens begins: what is before it is seen as codes, but for block 0. */
static size_t own_block(const struct kernel_attend_args *args)
{
    return (args->key_count - 1) / KERNEL_PAGE_TOKENS * KERNEL_PAGE_TOKENS;
}

size_t kernel_table_coded_part_count(const struct kernel_attend_codes *codes)
{
    return (own_block(codes->args) + KERNEL_SPAN_TOKENS - 1) / KERNEL_SPAN_TOKENS + 2;
}

/* What part `part` looks at, and where. */
struct coded_part {
    struct kernel_attend_args args;
    size_t span;
    bool is_coded;
};

static struct coded_part coded_part(const struct kernel_attend_codes *codes, size_t part)
{
    const size_t own = own_block(codes->args);
    struct coded_part p = {.args = *codes->args};
    const bool is_own = part + 1 == kernel_table_coded_part_count(codes);
    if (part > 0 && !is_own) {
        p.is_coded = true;
        p.span = part - 1;
        p.args.key_begin = KERNEL_PAGE_TOKENS;
        p.args.key_end = own > KERNEL_PAGE_TOKENS ? own : KERNEL_PAGE_TOKENS;
        return p;
    }
    p.args.keys = is_own ? codes->own_keys : codes->first_keys;
    p.args.values = is_own ? codes->own_values : codes->first_values;
    p.args.page_bytes = 0; /* one page, whatever its number */
    p.args.key_begin = is_own ? own : 0;
    p.args.key_end = is_own || own > 0 ? p.args.key_begin + KERNEL_PAGE_TOKENS : 0;
    p.span = p.args.key_begin / KERNEL_SPAN_TOKENS;
    return p;
}

/* Block 0 is a part of its own only where it is not the tokens' own block. */
static bool is_empty_part(const struct kernel_attend_codes *codes, size_t part)
{
    const size_t own = own_block(codes->args);
    return part + 1 != kernel_table_coded_part_count(codes) &&
           (part == 0 ? own == 0 : own <= KERNEL_PAGE_TOKENS);
}

void kernel_table_coded_part(const struct kernel_table *table,
                             const struct kernel_attend_codes *codes, size_t part, float *partial)
{
    if (is_empty_part(codes, part))
        return;
    const struct coded_part p = coded_part(codes, part);
    if (p.is_coded)
        table->attend_code(&p.args, p.span, partial);
    else
        table->attend_span[KERNEL_KV_F16](&p.args, p.span, partial);
}

void kernel_table_coded_merge(const struct kernel_table *table,
                              const struct kernel_attend_codes *codes, size_t part,
                              const float *partial, float *state)
{
    if (is_empty_part(codes, part))
        return;
    const struct coded_part p = coded_part(codes, part);
    table->attend_merge(&p.args, p.span, partial, state);
}

void kernel_table_attend_coded(const struct kernel_table *table,
                               const struct kernel_attend_codes *codes, float *scratch)
{
    const size_t floats = kernel_table_partial_floats(codes->args);
    float *partial = scratch + activation_plane(floats * sizeof(float)) / sizeof(float);
    for (size_t part = 0; part < kernel_table_coded_part_count(codes); part++) {
        kernel_table_coded_part(table, codes, part, partial);
        kernel_table_coded_merge(table, codes, part, partial, scratch);
    }
    kernel_table_attend_finish(codes->args, scratch);
}

static void finish_head(const float *state, size_t value_dim, const float *sink, float *out)
{
    const float *mixed = state + KERNEL_PARTIAL_HEAD;
    const float most = state[ATTEND_SPAN_LARGEST];
    float sum = state[ATTEND_SPAN_SUM];
    if (!sink) {
        for (size_t d = 0; d < value_dim; d++)
            out[d] = mixed[d] / sum;
        return;
    }
    const float largest = *sink > most ? *sink : most;
    const float shrink = vector_exp(most - largest);
    sum = fmaf(sum, shrink, vector_exp(*sink - largest));
    for (size_t d = 0; d < value_dim; d++)
        out[d] = mixed[d] * shrink / sum;
}

void kernel_table_attend_finish(const struct kernel_attend_args *args, const float *state)
{
    const size_t n = args->value_dim;
    for (size_t t = 0; t < args->token_count; t++)
        for (size_t h = 0; h < args->head_count; h++) {
            finish_head(state, n, args->sinks ? &args->sinks[h] : NULL,
                        args->out + t * args->out_stride + h * n);
            state += KERNEL_PARTIAL_HEAD + n;
        }
}

/* ---------------------------------------------------------------- gates */

/* log(1 + exp(x)) without loss where exp(x) is small: log(1 + e) = e - e^2/2 + e^3/3 - ... */
static double softplus(double x)
{
    if (x > 20.0)
        return x;
    const double e = exact_math_exp(x);
    return e < 1e-5 ? e - 0.5 * e * e : exact_math_log(1.0 + e);
}

void kernel_table_decay_gates(const float *x, const float *bias, const float *a, size_t count,
                              float *out_step, float *out_decay)
{
    for (size_t i = 0; i < count; i++) {
        const double step = softplus((double)x[i] + (double)bias[i]);
        out_decay[i] = (float)exact_math_exp(step * (double)a[i]);
        if (out_step)
            out_step[i] = (float)step;
    }
}

void kernel_table_sigmoid(const float *x, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(1.0 / (1.0 + exact_math_exp(-(double)x[i])));
}

/* ---------------------------------------------------------------- positions */

void kernel_table_rope_angles(double position, const double *frequencies, size_t count,
                              double magnitude, float *cosines, float *sines)
{
    for (size_t i = 0; i < count; i++) {
        const double angle = position * frequencies[i];
        cosines[i] = (float)(exact_math_cos(angle) * magnitude);
        sines[i] = (float)(exact_math_sin(angle) * magnitude);
    }
}
