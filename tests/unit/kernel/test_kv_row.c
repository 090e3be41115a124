/* Keys and values as q8 rows: near, in order, and a broken block harms no other. */
#include "tests/holt_test.h"

#include "kernel/kernel_table.h"
#include "kernel/kv_row.h"
#include "tensor/half.h"

#include <math.h>

enum { LENGTH = 80, ROW_BYTES = 80 + 3 * KV_ROW_Q8_SCALE };

static const struct kernel_table *reference(void)
{
    static struct kernel_table table;
    kernel_table_init(&table, 0);
    return &table;
}

static float scale_of(const unsigned char *row, size_t i)
{
    uint16_t scale = 0;
    memcpy(&scale, kv_row_q8_block(row, i), sizeof(scale));
    return half_to_float(scale);
}

static float number_of(const unsigned char *row, size_t i)
{
    const unsigned char *block = kv_row_q8_block(row, i);
    return (float)(int8_t)block[KV_ROW_Q8_SCALE + i % KV_ROW_Q8_BLOCK] * scale_of(row, i);
}

static void fill(float *x)
{
    for (size_t i = 0; i < LENGTH; i++)
        x[i] = sinf((float)(i * i)) * (i < 32 ? 100.0f : 0.01f);
}

static void numbers_are_within_half_a_step(void **state)
{
    (void)state;
    float x[LENGTH];
    unsigned char row[ROW_BYTES];
    fill(x);
    assert_int_equal(kv_row_q8_bytes(LENGTH), ROW_BYTES);
    assert_int_equal(kernel_table_kv_bytes(KERNEL_KV_Q8, 128), 136);
    reference()->to_q8(x, LENGTH, row);
    for (size_t i = 0; i < LENGTH; i++) {
        const float step = scale_of(row, i);
        assert_true(step > 0 && step < (i < 32 ? 0.8f : 0.8e-4f));
        assert_true(fabsf(number_of(row, i) - x[i]) <= 0.57f * step); /* the scale is rounded too */
    }
}

static void a_block_that_is_no_number_harms_itself_only(void **state)
{
    (void)state;
    float x[LENGTH];
    unsigned char row[ROW_BYTES];
    fill(x);
    x[40] = INFINITY;
    reference()->to_q8(x, LENGTH, row);
    for (size_t i = 0; i < LENGTH; i++)
        assert_int_equal(isnan(number_of(row, i)) != 0, i >= 32 && i < 64);
}

static void zero_and_the_smallest_numbers_become_zero(void **state)
{
    (void)state;
    float x[LENGTH] = {0};
    unsigned char row[ROW_BYTES];
    x[3] = 0x1p-149f;
    x[70] = -0x1p-30f;
    reference()->to_q8(x, LENGTH, row);
    for (size_t i = 0; i < LENGTH; i++)
        assert_true(number_of(row, i) == 0.0f);
}

int test_kv_row(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_within_half_a_step),
        cmocka_unit_test(a_block_that_is_no_number_harms_itself_only),
        cmocka_unit_test(zero_and_the_smallest_numbers_become_zero),
    };
    return cmocka_run_group_tests_name("kv_row", tests, NULL, NULL);
}
