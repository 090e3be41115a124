/*
 * The reference kernels define every result, so they are held against what they are meant to
 * compute: the same formula over the values the packed bytes stand for, in double. The faster
 * kernels are compared with the reference bit for bit by checkkernel.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "kernel/activation.h"
#include "kernel/exact_math.h"
#include "kernel/kernel_table.h"
#include "os/cpu.h"
#include "tensor/block_formats.h"
#include "tensor/dtype.h"
#include "tensor/half.h"

#include <inttypes.h>
#include <math.h>

#define FROZEN_DIGEST UINT64_C(0x81beb659c4038cc3)

static uint64_t random_state;

static float uniform(float lowest, float highest)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return lowest + (highest - lowest) * ((float)(random_state >> 40) * 0x1p-24f);
}

static struct kernel_table reference(void)
{
    struct kernel_table table;
    kernel_table_init(&table, 0);
    return table;
}

/* ---------------------------------------------------------------- formats, by hand */

static void q4_k_unpacks_scales_mins_and_nibbles_in_their_order(void **state)
{
    (void)state;
    struct block_q4_k block = {.scale = half_from_float(2.0f), .min = half_from_float(0.5f)};
    /* models.md 7.2: pair j < 4 in the low six bits of bytes j and j + 4; pair j >= 4 takes its low
     * nibbles from byte j + 4 and its top bits from bytes j - 4 and j. */
    const unsigned scales[8] = {1, 2, 3, 63, 16, 33, 47, 62};
    const unsigned mins[8] = {5, 0, 63, 1, 48, 17, 2, 31};
    for (unsigned j = 0; j < 4; j++) {
        block.sub_scales[j] = (uint8_t)(scales[j] | (scales[j + 4] >> 4) << 6);
        block.sub_scales[j + 4] = (uint8_t)(mins[j] | (mins[j + 4] >> 4) << 6);
        block.sub_scales[j + 8] = (uint8_t)((scales[j + 4] & 15) | (mins[j + 4] & 15) << 4);
    }
    for (unsigned i = 0; i < 128; i++)
        block.q[i] = (uint8_t)(i * 37);

    const struct kernel_table table = reference();
    float out[256];
    table.dequantize_row[DTYPE_Q4_K](&block, 256, out);
    for (unsigned i = 0; i < 256; i++) {
        const unsigned sub = i / 32;
        const uint8_t byte = (uint8_t)((i / 64 * 32 + i % 32) * 37);
        const unsigned q = sub % 2 ? byte >> 4 : byte & 15u;
        const float want = 2.0f * (float)(scales[sub] * q) - 0.5f * (float)mins[sub];
        assert_true(out[i] == want);
    }
}

static void q6_k_unpacks_its_six_bits_in_their_order(void **state)
{
    (void)state;
    struct block_q6_k block = {.scale = half_from_float(-0.25f)};
    uint8_t q[256];
    for (unsigned i = 0; i < 256; i++)
        q[i] = (uint8_t)(i * 29 % 64);
    for (unsigned i = 0; i < 16; i++)
        block.sub_scales[i] = (int8_t)((int)i * 17 - 128);
    for (unsigned n = 0; n < 2; n++)
        for (unsigned l = 0; l < 32; l++) {
            const uint8_t *v = &q[128 * n + l];
            block.q_low[64 * n + l] = (uint8_t)((v[0] & 15) | (v[64] & 15) << 4);
            block.q_low[64 * n + 32 + l] = (uint8_t)((v[32] & 15) | (v[96] & 15) << 4);
            block.q_high[32 * n + l] =
                (uint8_t)(v[0] >> 4 | v[32] >> 4 << 2 | v[64] >> 4 << 4 | v[96] >> 4 << 6);
        }
    const struct kernel_table table = reference();
    float out[256];
    table.dequantize_row[DTYPE_Q6_K](&block, 256, out);
    for (unsigned i = 0; i < 256; i++) {
        const float want = -0.25f * (float)((int)(i / 16) * 17 - 128) * (float)((int)q[i] - 32);
        assert_true(out[i] == want);
    }
}

static void q4_0_and_q8_0_unpack_in_their_order(void **state)
{
    (void)state;
    const struct kernel_table table = reference();
    struct block_q4_0 four = {.scale = half_from_float(3.0f)};
    struct block_q8_0 eight = {.scale = 0x8001}; /* minus the smallest subnormal */
    for (unsigned j = 0; j < 16; j++)
        four.q[j] = (uint8_t)(j | (15 - j) << 4);
    for (int j = 0; j < 32; j++)
        eight.q[j] = (int8_t)(j * 8 - 128);
    float out[32];
    table.dequantize_row[DTYPE_Q4_0](&four, 32, out);
    for (int j = 0; j < 16; j++) {
        assert_true(out[j] == 3.0f * (float)(j - 8));
        assert_true(out[j + 16] == 3.0f * (float)(7 - j));
    }
    table.dequantize_row[DTYPE_Q8_0](&eight, 32, out);
    for (int j = 0; j < 32; j++)
        assert_true(out[j] == -0x1p-24f * (float)(j * 8 - 128));
}

/* ---------------------------------------------------------------- activations */

static void activations_round_to_even_and_keep_their_sums(void **state)
{
    (void)state;
    const struct kernel_table table = reference();
    float x[64] = {127.0f, -127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 3.4999f};
    for (int i = 32; i < 64; i++)
        x[i] = 0.25f; /* one value over and over: all are amax */
    _Alignas(64) unsigned char row[512];
    assert_in_range(activation_q8_32_bytes(64), 1, sizeof(row));
    table.quantize[KERNEL_ACTIVATION_Q8_32](x, 64, row);
    const struct activation_q8_32 a = activation_q8_32_view(row, 64);
    const int8_t want[9] = {127, -127, 0, 2, 2, 0, -2, -2, 3};
    for (int i = 0; i < 9; i++)
        assert_int_equal(a.q[i], want[i]);
    assert_true(a.scale[0] == 1.0f);
    assert_int_equal(a.sum[0], 3);
    assert_int_equal(a.q[40], 127);
    assert_int_equal(a.sum[1], 32 * 127);
    assert_true(a.scale[1] == 0.25f / 127.0f);
}

static void activations_that_are_no_numbers_become_nan_and_harm_one_block_only(void **state)
{
    (void)state;
    const struct kernel_table table = reference();
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < ARRAY_LEN(bad); b++) {
        float x[96] = {0};
        x[0] = 1.0f;
        x[40] = bad[b];
        x[41] = 1.0f;
        x[70] = 1e-38f; /* too small for a scale: zero */
        _Alignas(64) unsigned char row[512];
        table.quantize[KERNEL_ACTIVATION_Q8_32](x, 96, row);
        const struct activation_q8_32 a = activation_q8_32_view(row, 96);
        assert_true(a.scale[0] == 1.0f / 127.0f);
        assert_true(isnan(a.scale[1]));
        assert_true(a.scale[2] == 0.0f);
        assert_int_equal(a.q[0], 127);
        for (int i = 32; i < 96; i++)
            assert_int_equal(a.q[i], 0);
    }
}

/* ---------------------------------------------------------------- products */

/* The values that the activation row stands for. */
static void expand_activation(enum kernel_activation kind, const void *row, size_t columns,
                              float *x)
{
    if (kind == KERNEL_ACTIVATION_F32)
        memcpy(x, row, columns * sizeof(float));
    const struct activation_q8_32 a32 = activation_q8_32_view(row, columns);
    const struct activation_q8_256 a256 = activation_q8_256_view(row, columns);
    for (size_t i = 0; i < columns && kind != KERNEL_ACTIVATION_F32; i++)
        x[i] = kind == KERNEL_ACTIVATION_Q8_32 ? (float)a32.q[i] * a32.scale[i / 32]
                                               : (float)a256.q[i] * a256.scale[i / 256];
}

static void fill_weights(enum dtype dtype, unsigned char *row, size_t bytes, size_t columns)
{
    for (size_t i = 0; i < bytes; i++)
        row[i] = (unsigned char)uniform(0.0f, 255.99f);
    const size_t block_bytes = bytes / (columns / dtype_find(dtype)->block_len);
    for (size_t at = 0; at < bytes; at += block_bytes) {
        const uint16_t scale = half_from_float(uniform(-0.1f, 0.1f));
        const float plain = uniform(-1.0f, 1.0f);
        if (dtype == DTYPE_F32) {
            memcpy(row + at, &plain, sizeof(plain));
            continue;
        }
        if (dtype == DTYPE_BF16) { /* a magnitude around 1 */
            row[at + 1] = (unsigned char)((row[at + 1] & 0x80) | 0x3f);
            continue;
        }
        if (dtype == DTYPE_Q4_K)
            memcpy(row + at + offsetof(struct block_q4_k, min), &scale, sizeof(scale));
        const size_t offset = dtype == DTYPE_Q6_K ? offsetof(struct block_q6_k, scale) : 0;
        memcpy(row + at + offset, &scale, sizeof(scale));
    }
}

static void products_are_those_of_the_unpacked_values(void **state)
{
    (void)state;
    static const enum dtype dtypes[] = {DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0,
                                        DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
    enum { COLUMNS = 768 };
    const struct kernel_table table = reference();
    for (size_t d = 0; d < ARRAY_LEN(dtypes); d++) {
        const enum dtype dtype = dtypes[d];
        test_case(dtype_name(dtype));
        const size_t bytes = dtype_row_bytes(dtype_find(dtype), COLUMNS);
        const enum kernel_activation kind = table.matmul[dtype].activation;
        const size_t stride = kernel_table_activation_bytes(kind, COLUMNS);
        CLEANUP(mem_freep) unsigned char *row = mem_alloc(bytes);
        CLEANUP(mem_freep) void *packed = mem_try_aligned(64, stride);
        float x[COLUMNS];
        float w[COLUMNS];
        for (int i = 0; i < COLUMNS; i++)
            x[i] = uniform(-2.0f, 2.0f);
        fill_weights(dtype, row, bytes, COLUMNS);
        table.quantize[kind](x, COLUMNS, packed);
        float out = 0;
        const struct kernel_matmul_args args = {row, packed, &out, stride, 1, COLUMNS, 1, 0, 1};
        table.matmul[dtype].run(&args);

        expand_activation(kind, packed, COLUMNS, x);
        table.dequantize_row[dtype](row, COLUMNS, w);
        double want = 0;
        double magnitude = 0;
        for (int i = 0; i < COLUMNS; i++) {
            want += (double)w[i] * (double)x[i];
            magnitude += fabs((double)w[i] * (double)x[i]);
        }
        assert_true(fabs((double)out - want) <= 1e-6 * magnitude);
    }
}

/* ---------------------------------------------------------------- the rest */

static void norm_swiglu_and_softmax_follow_their_formulas(void **state)
{
    (void)state;
    enum { N = 100 };
    const struct kernel_table table = reference();
    float x[N];
    float y[N];
    float out[N];
    double squares = 0;
    double sum = 0;
    for (int i = 0; i < N; i++) {
        x[i] = uniform(-8.0f, 8.0f);
        y[i] = uniform(-2.0f, 2.0f);
        squares += (double)x[i] * (double)x[i];
        sum += exp((double)x[i]);
    }
    table.rms_norm(x, y, N, 1e-5f, out);
    for (int i = 0; i < N; i++)
        assert_true(fabs((double)out[i] - (double)x[i] * (double)y[i] / sqrt(squares / N + 1e-5)) <
                    1e-5);
    table.swiglu(x, y, N, out);
    for (int i = 0; i < N; i++)
        assert_true(
            fabs((double)out[i] - (double)x[i] / (1.0 + exp(-(double)x[i])) * (double)y[i]) < 1e-5);
    table.softmax(x, N, out);
    for (int i = 0; i < N; i++)
        assert_true(fabs((double)out[i] - exp((double)x[i]) / sum) < 1e-6);
}

static void rotation_turns_halves_and_pairs_by_the_angle(void **state)
{
    (void)state;
    enum { DIM = 8, ROT = 6 };
    const struct kernel_table table = reference();
    const double frequencies[ROT / 2] = {1.0, 0.1, 0.01};
    float cosines[ROT / 2];
    float sines[ROT / 2];
    kernel_table_rope_angles(1000000.0, frequencies, ROT / 2, 1.0, cosines, sines);
    for (int j = 0; j < ROT / 2; j++) {
        assert_true(fabs((double)cosines[j] - cos(1e6 * frequencies[j])) < 1e-7);
        assert_true(fabs((double)sines[j] - sin(1e6 * frequencies[j])) < 1e-7);
    }
    for (int halves = 0; halves < 2; halves++) {
        float x[DIM] = {1, 2, 3, 4, 5, 6, 7, 8};
        (halves ? table.rope_halves : table.rope_pairs)(x, cosines, sines, 1, DIM, ROT);
        for (int j = 0; j < ROT / 2; j++) {
            const int a = halves ? j : 2 * j;
            const int b = halves ? j + ROT / 2 : 2 * j + 1;
            const double first = a + 1;
            const double second = b + 1;
            const double cosine = (double)cosines[j];
            const double sine = (double)sines[j];
            assert_true(fabs((double)x[a] - (first * cosine - second * sine)) < 1e-5);
            assert_true(fabs((double)x[b] - (second * cosine + first * sine)) < 1e-5);
        }
        assert_true(x[ROT] == 7.0f && x[ROT + 1] == 8.0f);
    }
}

static void attention_is_softmax_of_scores_times_values(void **state)
{
    (void)state;
    enum { KEYS = 700, DIM = 24, HEADS = 3, PAGES = 11, ROWS = PAGES * KERNEL_PAGE_TOKENS };
    const struct kernel_table table = reference();
    CLEANUP(mem_freep) float *keys = mem_alloc(ROWS * DIM * sizeof(float));
    CLEANUP(mem_freep) float *values = mem_alloc(ROWS * DIM * sizeof(float));
    uint32_t pages[PAGES];
    float queries[HEADS * DIM];
    float out[HEADS * DIM];
    for (unsigned i = 0; i < ROWS * DIM; i++) {
        keys[i] = uniform(-3.0f, 3.0f);
        values[i] = uniform(-1.0f, 1.0f);
    }
    for (unsigned i = 0; i < HEADS * DIM; i++)
        queries[i] = uniform(-1.0f, 1.0f);
    for (unsigned p = 0; p < PAGES; p++)
        pages[p] = PAGES - 1 - p;
    const struct kernel_attend_args args = {.queries = queries,
                                            .keys = keys,
                                            .values = values,
                                            .pages = pages,
                                            .out = out,
                                            .query_stride = HEADS * DIM,
                                            .out_stride = HEADS * DIM,
                                            .page_bytes = KERNEL_PAGE_TOKENS * DIM * sizeof(float),
                                            .key_count = KEYS,
                                            .token_count = 1,
                                            .head_count = HEADS,
                                            .head_dim = DIM,
                                            .value_dim = DIM,
                                            .value_stride = DIM,
                                            .scale = 0.3f};
    CLEANUP(mem_freep)
    float *scratch = mem_try_aligned(64, kernel_table_attend_bytes(1, HEADS, DIM));
    assert_int_equal(kernel_table_span_count(&args), 2);
    kernel_table_attend(&table, KERNEL_KV_F32, &args, scratch);

    for (unsigned h = 0; h < HEADS; h++) {
        double sum = 0;
        double mixed[DIM] = {0};
        for (unsigned k = 0; k < KEYS; k++) {
            const size_t row = (size_t)pages[k / 64] * 64 + k % 64;
            double score = 0;
            for (unsigned d = 0; d < DIM; d++)
                score += (double)queries[h * DIM + d] * (double)keys[row * DIM + d];
            const double weight = exp(score * (double)0.3f);
            sum += weight;
            for (unsigned d = 0; d < DIM; d++)
                mixed[d] += weight * (double)values[row * DIM + d];
        }
        for (unsigned d = 0; d < DIM; d++)
            assert_true(fabs((double)out[h * DIM + d] - mixed[d] / sum) < 1e-5);
    }
}

/* ---------------------------------------------------------------- frozen bits */

static uint64_t fold(uint64_t digest, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ at[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return digest;
}

static uint64_t fold_products(const struct kernel_table *table, uint64_t digest)
{
    static const enum dtype dtypes[] = {DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0,
                                        DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
    enum { COLUMNS = 1280 };
    float x[COLUMNS];
    for (size_t d = 0; d < ARRAY_LEN(dtypes); d++) {
        const enum dtype dtype = dtypes[d];
        const size_t bytes = dtype_row_bytes(dtype_find(dtype), COLUMNS);
        const enum kernel_activation kind = table->matmul[dtype].activation;
        const size_t stride = kernel_table_activation_bytes(kind, COLUMNS);
        CLEANUP(mem_freep) unsigned char *row = mem_alloc(bytes);
        CLEANUP(mem_freep) void *packed = mem_try_aligned(64, stride);
        for (size_t i = 0; i < COLUMNS; i++)
            x[i] = uniform(-2.0f, 2.0f);
        fill_weights(dtype, row, bytes, COLUMNS);
        table->quantize[kind](x, COLUMNS, packed);
        float out = 0;
        const struct kernel_matmul_args args = {row, packed, &out, stride, 1, COLUMNS, 1, 0, 1};
        table->matmul[dtype].run(&args);
        digest = fold(digest, packed, stride);
        digest = fold(digest, &out, sizeof(out));
        table->dequantize_row[dtype](row, COLUMNS, x);
        digest = fold(digest, x, sizeof(x));
    }
    return digest;
}

static uint64_t fold_vectors(const struct kernel_table *table, uint64_t digest)
{
    enum { N = 1000, ROT = 64 };
    const double frequencies[ROT / 2] = {1.0, 0.5, 0.25, 0.1};
    float x[N];
    float y[N];
    float out[N];
    float cosines[ROT / 2];
    float sines[ROT / 2];
    for (size_t i = 0; i < N; i++) {
        x[i] = uniform(-9.0f, 9.0f);
        y[i] = uniform(-2.0f, 2.0f);
    }
    table->rms_norm(x, y, N, 1e-6f, out);
    digest = fold(digest, out, sizeof(out));
    table->swiglu(x, y, N, out);
    digest = fold(digest, out, sizeof(out));
    table->softmax(x, N, out);
    digest = fold(digest, out, sizeof(out));
    kernel_table_rope_angles(123456.0, frequencies, ROT / 2, 1.25, cosines, sines);
    table->rope_halves(x, cosines, sines, 10, 100, ROT);
    table->rope_pairs(y, cosines, sines, 10, 100, ROT);
    digest = fold(digest, x, sizeof(x));
    return fold(digest, y, sizeof(y));
}

static uint64_t fold_attention(const struct kernel_table *table, uint64_t digest)
{
    enum { KEYS = 600, DIM = 32, TOKENS = 2, PAGES = 10, ROWS = PAGES * KERNEL_PAGE_TOKENS };
    CLEANUP(mem_freep) uint16_t *keys = mem_alloc(ROWS * DIM * sizeof(uint16_t));
    CLEANUP(mem_freep) uint16_t *values = mem_alloc(ROWS * DIM * sizeof(uint16_t));
    uint32_t pages[PAGES];
    float queries[TOKENS * DIM];
    float out[TOKENS * DIM];
    for (size_t i = 0; i < ROWS * DIM; i++) {
        keys[i] = half_from_float(uniform(-3.0f, 3.0f));
        values[i] = half_from_float(uniform(-1.0f, 1.0f));
    }
    for (size_t i = 0; i < TOKENS * DIM; i++)
        queries[i] = uniform(-1.0f, 1.0f);
    for (uint32_t p = 0; p < PAGES; p++)
        pages[p] = p;
    const struct kernel_attend_args args = {
        .queries = queries,
        .keys = keys,
        .values = values,
        .pages = pages,
        .out = out,
        .query_stride = DIM,
        .out_stride = DIM,
        .page_bytes = KERNEL_PAGE_TOKENS * DIM * sizeof(uint16_t),
        .key_count = KEYS,
        .token_count = TOKENS,
        .head_count = 1,
        .head_dim = DIM,
        .value_dim = DIM,
        .value_stride = DIM,
        .scale = 0.25f,
    };
    CLEANUP(mem_freep)
    float *scratch = mem_try_aligned(64, kernel_table_attend_bytes(TOKENS, 1, DIM));
    kernel_table_attend(table, KERNEL_KV_F16, &args, scratch);
    return fold(digest, out, sizeof(out));
}

/* Caches on disk and recorded sessions rely on these bits: with another compiler, on another CPU,
 * at every level. Whoever changes them on purpose raises ARITHMETIC_VERSION (model/). */
static void the_bits_of_all_kernels_are_frozen(void **state)
{
    (void)state;
    const unsigned features = cpu_features();
    for (size_t level = 0; level < CPU_LEVEL_COUNT; level++) {
        if ((features & cpu_levels[level].features) != cpu_levels[level].features)
            continue;
        test_case(cpu_levels[level].name);
        struct kernel_table table;
        kernel_table_init(&table, cpu_levels[level].features);
        random_state = 1;
        uint64_t digest = UINT64_C(0xcbf29ce484222325);
        digest = fold_products(&table, digest);
        digest = fold_vectors(&table, digest);
        digest = fold_attention(&table, digest);
        if (digest != FROZEN_DIGEST)
            fail_msg("digest 0x%016" PRIx64, digest);
    }
}

static void every_type_that_is_supported_has_kernels(void **state)
{
    (void)state;
    const struct kernel_table table = reference();
    for (uint32_t id = 0; id <= DTYPE_ID_MAX; id++) {
        const struct dtype_info *info = dtype_find(id);
        const bool is_supported = info && info->is_supported;
        test_case(dtype_name(id));
        assert_true((table.matmul[id].run != NULL) == is_supported);
        assert_true((table.dequantize_row[id] != NULL) == is_supported);
    }
}

int test_reference(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(q4_k_unpacks_scales_mins_and_nibbles_in_their_order),
        cmocka_unit_test(q6_k_unpacks_its_six_bits_in_their_order),
        cmocka_unit_test(q4_0_and_q8_0_unpack_in_their_order),
        cmocka_unit_test(activations_round_to_even_and_keep_their_sums),
        cmocka_unit_test(activations_that_are_no_numbers_become_nan_and_harm_one_block_only),
        cmocka_unit_test(products_are_those_of_the_unpacked_values),
        cmocka_unit_test(norm_swiglu_and_softmax_follow_their_formulas),
        cmocka_unit_test(rotation_turns_halves_and_pairs_by_the_angle),
        cmocka_unit_test(attention_is_softmax_of_scores_times_values),
        cmocka_unit_test(the_bits_of_all_kernels_are_frozen),
        cmocka_unit_test(every_type_that_is_supported_has_kernels),
    };
    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
