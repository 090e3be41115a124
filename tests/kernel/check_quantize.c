/* check_quantize - activations to int8, and packed weights to f32. */
#include "tests/kernel/check.h"

#include "tensor/dtype.h"

#include <string.h>

static const size_t block_counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 22, 33, 90};

/* As near to halfway between two integers as floats come: with amax 127 the factor is 1, and .5
 * goes
 * to the even neighbour; with any other amax the last bit of the factor decides. */
static void fill_halfway(struct check *c, float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 32) {
        const float amax = check_int(c, 0, 1) ? 127.0f : check_float(c, 1.0f, 500.0f);
        for (size_t j = i; j < n && j < i + 32; j++)
            x[j] = ((float)check_int(c, -126, 126) + 0.5f) * (amax / 127.0f);
        x[i] = check_int(c, 0, 1) ? amax : -amax;
    }
}

static void check_one(struct check *c, enum kernel_activation kind, size_t columns, int pattern)
{
    if (check_skips(c))
        return;
    const size_t bytes = kernel_table_activation_bytes(kind, columns);
    check_case(c, "quantize kind %d, %zu columns, pattern %d", (int)kind, columns, pattern);
    float *x = check_buffer(c, columns * sizeof(float), 4);
    void *want = check_buffer(c, bytes, 64);
    void *got = check_buffer(c, bytes, 64);
    if (pattern == CHECK_PATTERN_COUNT)
        fill_halfway(c, x, columns);
    else
        check_fill_floats(c, (enum check_pattern)pattern, x, columns);
    c->reference->quantize[kind](x, columns, want);
    c->candidate->quantize[kind](x, columns, got);
    /* The planes are compared as floats too, so that any NaN scale will do. */
    const float *a = got;
    const float *b = want;
    if (memcmp(got, want, bytes) != 0 && pattern == CHECK_ANY_BITS)
        check_floats(c, a, b, bytes / sizeof(float));
    else
        check_bytes(c, got, want, bytes);
    check_free(c, got);
    check_free(c, want);
    check_free(c, x);
}

void check_quantize(struct check *c)
{
    static const size_t lens[KERNEL_ACTIVATION_COUNT] = {[KERNEL_ACTIVATION_F32] = 5,
                                                         [KERNEL_ACTIVATION_Q8_32] = 32,
                                                         [KERNEL_ACTIVATION_Q8_256] = 256};
    for (int kind = 0; kind < KERNEL_ACTIVATION_COUNT; kind++)
        for (size_t i = 0; i < ARRAY_LEN(block_counts); i++)
            for (int pattern = 0; pattern <= CHECK_PATTERN_COUNT; pattern++)
                for (int repeat = 0; repeat < 8; repeat++)
                    check_one(c, (enum kernel_activation)kind, block_counts[i] * lens[kind],
                              pattern);
}

void check_dequantize(struct check *c)
{
    for (size_t id = 0; id <= DTYPE_ID_MAX; id++)
        for (size_t i = 0; i < ARRAY_LEN(block_counts) && c->reference->dequantize_row[id]; i++)
            for (int pattern = 0; pattern < CHECK_PATTERN_COUNT; pattern++) {
                if (check_skips(c))
                    continue;
                const enum dtype dtype = (enum dtype)id;
                const size_t columns = block_counts[i] * dtype_find(dtype)->block_len;
                check_case(c, "dequantize %s, %zu columns, pattern %d", dtype_name(dtype), columns,
                           pattern);
                void *row = check_buffer(c, check_row_bytes(dtype, columns), 2);
                float *want = check_buffer(c, columns * sizeof(float), 4);
                float *got = check_buffer(c, columns * sizeof(float), 4);
                check_fill_weights(c, (enum check_pattern)pattern, dtype, row, 1, columns);
                c->reference->dequantize_row[dtype](row, columns, want);
                c->candidate->dequantize_row[dtype](row, columns, got);
                check_floats(c, got, want, columns);
                check_free(c, got);
                check_free(c, want);
                check_free(c, row);
            }
}
