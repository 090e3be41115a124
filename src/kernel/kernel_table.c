/*
 * kernel_table - fills the table in order of capability, and what is built from its kernels.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"

#include "kernel/activation.h"
#include "kernel/attend_span.h"
#include "kernel/exact_math.h"
#include "kernel/ref/kernel_ref.h"
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
    quantize_ref_fill(table);
    dequantize_ref_fill(table);
    vector_ref_fill(table);
    attend_ref_fill(table);
    speed_ref_fill(table);

#if defined(__x86_64__)
    if (!(features & CPU_FEATURE_AVX2))
        return;
    kernel_x86_fill_avx2(table);
    if (!(features & CPU_FEATURE_AVX512))
        return;
    kernel_x86_fill_avx512(table);
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

size_t kernel_table_partial_floats(const struct kernel_attend_args *args)
{
    return args->token_count * args->head_count * (KERNEL_PARTIAL_HEAD + args->head_dim);
}

size_t kernel_table_attend_bytes(size_t token_count, size_t head_count, size_t head_dim)
{
    const size_t floats = token_count * head_count * (KERNEL_PARTIAL_HEAD + head_dim);
    return 2 * activation_plane(floats * sizeof(float));
}

size_t kernel_table_span_count(const struct kernel_attend_args *args)
{
    const size_t keys = args->key_count + args->token_count - 1;
    return (keys + KERNEL_SPAN_TOKENS - 1) / KERNEL_SPAN_TOKENS;
}

void kernel_table_attend(const struct kernel_table *table, enum kernel_kv kind,
                         const struct kernel_attend_args *args, float *scratch)
{
    const size_t floats = kernel_table_partial_floats(args);
    const size_t span_count = kernel_table_span_count(args);
    float *state = scratch;
    float *partial = scratch + activation_plane(floats * sizeof(float)) / sizeof(float);
    table->attend_span[kind](args, 0, state);
    for (size_t span = 1; span < span_count; span++) {
        table->attend_span[kind](args, span, partial);
        table->attend_merge(args, span, partial, state);
    }
    kernel_table_attend_finish(args, state);
}

void kernel_table_attend_finish(const struct kernel_attend_args *args, const float *state)
{
    for (size_t t = 0; t < args->token_count; t++)
        for (size_t h = 0; h < args->head_count; h++) {
            float *out = args->out + t * args->out_stride + h * args->head_dim;
            for (size_t d = 0; d < args->head_dim; d++)
                out[d] = state[KERNEL_PARTIAL_HEAD + d] / state[ATTEND_SPAN_SUM];
            state += KERNEL_PARTIAL_HEAD + args->head_dim;
        }
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
