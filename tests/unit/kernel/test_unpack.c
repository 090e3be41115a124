/*
 * Every quantized type: what its blocks stand for is what ggml says (recorded), its products are
 * those of these values, and the bits of both stay as they are.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "kernel/activation.h"
#include "kernel/kernel_table.h"
#include "kernel/unpack.h"
#include "os/cpu.h"
#include "tensor/block_formats.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* With another compiler, on another CPU, at every level: whoever changes them on purpose raises
 * ARITHMETIC_VERSION (model/). */
static const struct type {
    enum dtype dtype;
    size_t block_len;
    size_t block_bytes;
    uint64_t digest; /* of values and products of the recorded blocks */
} types[] = {
    {DTYPE_Q4_0, 32, sizeof(struct block_q4_0), UINT64_C(0x55d1617e1cbce0b3)},
    {DTYPE_Q4_1, 32, sizeof(struct block_q4_1), UINT64_C(0xb48e8126dea4d41f)},
    {DTYPE_Q5_0, 32, sizeof(struct block_q5_0), UINT64_C(0xbae0fbdc0112cfe4)},
    {DTYPE_Q5_1, 32, sizeof(struct block_q5_1), UINT64_C(0xfbca527297880c12)},
    {DTYPE_Q8_0, 32, sizeof(struct block_q8_0), UINT64_C(0xc45f0f9077f38b79)},
    {DTYPE_IQ4_NL, 32, sizeof(struct block_iq4_nl), UINT64_C(0xc0b5eaea035ef0b5)},
    {DTYPE_MXFP4, 32, sizeof(struct block_mxfp4), UINT64_C(0x92ea7214dbae1c02)},
    {DTYPE_NVFP4, 64, sizeof(struct block_nvfp4), UINT64_C(0x8f00e88a9b820688)},
    {DTYPE_Q4_K, 256, sizeof(struct block_q4_k), UINT64_C(0x8ddc5d1446faade3)},
    {DTYPE_Q6_K, 256, sizeof(struct block_q6_k), UINT64_C(0x60479a133f5ff0f0)},
    {DTYPE_Q1_0, 128, sizeof(struct block_q1_0), UINT64_C(0xf7975463b1c256f5)},
    {DTYPE_Q2_0, 64, sizeof(struct block_q2_0), UINT64_C(0x823fe589c2a24a53)},
    {DTYPE_Q2_K, 256, sizeof(struct block_q2_k), UINT64_C(0x18ac23f122fd5092)},
    {DTYPE_Q3_K, 256, sizeof(struct block_q3_k), UINT64_C(0xcb59fced9ca4b7d1)},
    {DTYPE_Q5_K, 256, sizeof(struct block_q5_k), UINT64_C(0xcaf48e1d263d5bb7)},
    {DTYPE_IQ4_XS, 256, sizeof(struct block_iq4_xs), UINT64_C(0x5da49de74778b95a)},
    {DTYPE_TQ1_0, 256, sizeof(struct block_tq1_0), UINT64_C(0x8881dc867c88e403)},
    {DTYPE_TQ2_0, 256, sizeof(struct block_tq2_0), UINT64_C(0x5030478a8b85368c)},
    {DTYPE_IQ2_XXS, 256, sizeof(struct block_iq2_xxs), UINT64_C(0xb64acce7a1a4eaf4)},
    {DTYPE_IQ2_XS, 256, sizeof(struct block_iq2_xs), UINT64_C(0x4b8af87263b0b87a)},
    {DTYPE_IQ2_S, 256, sizeof(struct block_iq2_s), UINT64_C(0x1b1651cd19b3a3a8)},
    {DTYPE_IQ3_XXS, 256, sizeof(struct block_iq3_xxs), UINT64_C(0x1231c110735c03d5)},
    {DTYPE_IQ3_S, 256, sizeof(struct block_iq3_s), UINT64_C(0x320a34b5267e61b2)},
    {DTYPE_IQ1_S, 256, sizeof(struct block_iq1_s), UINT64_C(0x7d27c18bd59989ce)},
    {DTYPE_IQ1_M, 256, sizeof(struct block_iq1_m), UINT64_C(0x2c87685dfde134a9)},
};

enum { COLUMNS = 512 };

/* The recorded blocks of a type, and the values that ggml gives. */
static const void *recorded(enum dtype dtype, float want[COLUMNS])
{
    char path[128];
    (void)snprintf(path, sizeof(path), "tests/data/dequantize/%s.bin", dtype_name(dtype));
    const struct str file = test_read_file(path);
    const size_t row_bytes = dtype_row_bytes(dtype_find(dtype), COLUMNS);
    assert_int_equal(file.len, row_bytes + COLUMNS * sizeof(float));
    memcpy(want, file.ptr + row_bytes, COLUMNS * sizeof(float));
    return file.ptr;
}

static void every_quantized_type_has_its_row(void **state)
{
    (void)state;
    size_t row_count = 0;
    struct kernel_table table;
    kernel_table_init(&table, 0);
    for (size_t id = 0; id <= DTYPE_ID_MAX; id++)
        row_count += table.matmul[id].run && dtype_find((uint32_t)id)->block_len > 1;
    assert_int_equal(row_count, ARRAY_LEN(types));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        test_case(dtype_name(types[i].dtype));
        const struct dtype_info *info = dtype_find(types[i].dtype);
        assert_true(info->is_supported);
        assert_int_equal(info->block_len, types[i].block_len);
        assert_int_equal(info->block_bytes, types[i].block_bytes);
    }
}

static void values_are_those_that_ggml_gives(void **state)
{
    (void)state;
    struct kernel_table table;
    kernel_table_init(&table, 0);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        test_case(dtype_name(types[i].dtype));
        float want[COLUMNS];
        float got[COLUMNS];
        const void *row = recorded(types[i].dtype, want);
        table.dequantize_row[types[i].dtype](row, COLUMNS, got);
        for (size_t j = 0; j < COLUMNS; j++)
            if (got[j] != want[j])
                fail_msg("value %zu is %a, ggml says %a", j, (double)got[j], (double)want[j]);
    }
}

/* x as int8 with scales, and the values that this stands for. */
static void make_activation(const struct kernel_table *table, enum kernel_activation kind,
                            void *row, float x[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++)
        x[i] = (float)(i * 7919 % 1000 - 500) * (i % 37 == 0 ? 0.02f : 0.004f);
    table->quantize[kind](x, COLUMNS, row);
    const struct activation_q8_32 a32 = activation_q8_32_view(row, COLUMNS);
    const struct activation_q8_256 a256 = activation_q8_256_view(row, COLUMNS);
    for (size_t i = 0; i < COLUMNS; i++)
        x[i] = kind == KERNEL_ACTIVATION_Q8_32 ? (float)a32.q[i] * a32.scale[i / 32]
                                               : (float)a256.q[i] * a256.scale[i / 256];
}

static void products_are_those_of_the_values(void **state)
{
    (void)state;
    struct kernel_table table;
    kernel_table_init(&table, 0);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        test_case(dtype_name(types[i].dtype));
        const struct kernel_matmul *matmul = &table.matmul[types[i].dtype];
        const size_t stride = kernel_table_activation_bytes(matmul->activation, COLUMNS);
        CLEANUP(mem_freep) void *activation = mem_try_aligned(64, stride);
        float w[COLUMNS];
        float x[COLUMNS];
        float out = 0;
        const void *row = recorded(types[i].dtype, w);
        make_activation(&table, matmul->activation, activation, x);
        const struct kernel_matmul_args args = {row, activation, &out, stride, 1, COLUMNS, 1, 0, 1};
        matmul->run(&args);
        double want = 0;
        double magnitude = 0;
        for (size_t j = 0; j < COLUMNS; j++) {
            want += (double)w[j] * (double)x[j];
            magnitude += fabs((double)w[j] * (double)x[j]);
        }
        if (!(fabs((double)out - want) <= 1e-6 * magnitude))
            fail_msg("%s: %a, not %a", dtype_name(types[i].dtype), (double)out, want);
    }
}

static uint64_t fold(uint64_t digest, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ at[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return digest;
}

static uint64_t digest_of(const struct kernel_table *table, enum dtype dtype)
{
    enum { TOKENS = 4 };
    const struct kernel_matmul *matmul = &table->matmul[dtype];
    const size_t stride = kernel_table_activation_bytes(matmul->activation, COLUMNS);
    CLEANUP(mem_freep) unsigned char *activations = mem_try_aligned(64, TOKENS * stride);
    float values[COLUMNS];
    float x[COLUMNS];
    float out[TOKENS + 1];
    const void *row = recorded(dtype, values);
    for (size_t t = 0; t < TOKENS; t++)
        make_activation(table, matmul->activation, activations + t * stride, x);
    struct kernel_matmul_args args = {row, activations, out, stride, 1, COLUMNS, TOKENS, 0, 1};
    matmul->run(&args); /* a panel */
    args.token_count = 1;
    args.out = &out[TOKENS];
    matmul->run(&args);
    table->dequantize_row[dtype](row, COLUMNS, values);
    return fold(fold(UINT64_C(0xcbf29ce484222325), out, sizeof(out)), values, sizeof(values));
}

static void the_bits_of_every_type_are_frozen(void **state)
{
    (void)state;
    const unsigned features = cpu_features();
    size_t changed = 0;
    for (size_t level = 0; level < CPU_LEVEL_COUNT; level++) {
        if ((features & cpu_levels[level].features) != cpu_levels[level].features)
            continue;
        struct kernel_table table;
        kernel_table_init(&table, cpu_levels[level].features);
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
            const uint64_t digest = digest_of(&table, types[i].dtype);
            if (digest == types[i].digest)
                continue;
            changed++;
            print_message("%s, %s: 0x%016" PRIx64 "\n", cpu_levels[level].name,
                          dtype_name(types[i].dtype), digest);
        }
    }
    assert_int_equal(changed, 0);
}

int test_unpack(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_quantized_type_has_its_row),
        cmocka_unit_test(values_are_those_that_ggml_gives),
        cmocka_unit_test(products_are_those_of_the_values),
        cmocka_unit_test(the_bits_of_every_type_are_frozen),
    };
    return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
