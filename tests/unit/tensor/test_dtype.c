/*
 * Sizes of element types decide how many bytes of a model file a kernel touches: a wrong row here
 * is a read past the end there.
 */
#include "tests/holt_test.h"

#include "tensor/block_formats.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

static void every_row_is_filled_and_found(void **state)
{
    (void)state;
    size_t known = 0;
    size_t supported = 0;
    for (uint32_t id = 0; id <= DTYPE_ID_MAX + 10; id++) {
        const struct dtype_info *info = dtype_find(id);
        if (!info)
            continue;
        test_case(info->name);
        known++;
        supported += info->is_supported;
        assert_int_equal(info->dtype, id);
        assert_true(info->block_len >= 1 && info->block_bytes >= 1);
        assert_ptr_equal(dtype_find_name(str_from_c(info->name)), info);
        assert_null(dtype_foreign_name(id));
        /* no format spends more than 8 bytes or less than 1 bit on an element */
        assert_in_range(info->block_bytes * 8 / info->block_len, 1, 64);
    }
    assert_int_equal(known, 35);
    assert_int_equal(supported, 28);
}

static void packed_types_match_their_structs(void **state)
{
    (void)state;
    assert_int_equal(dtype_find(DTYPE_Q8_0)->block_bytes, sizeof(struct block_q8_0));
    assert_int_equal(dtype_find(DTYPE_Q4_0)->block_bytes, sizeof(struct block_q4_0));
    assert_int_equal(dtype_find(DTYPE_Q4_K)->block_bytes, sizeof(struct block_q4_k));
    assert_int_equal(dtype_find(DTYPE_Q6_K)->block_bytes, sizeof(struct block_q6_k));
}

static void ids_of_others_are_named_but_not_known(void **state)
{
    (void)state;
    const uint32_t ids[] = {4, 5, 31, 32, 33, 36, 37, 38, 97, 133, 139, 146, 147, 158, 202, 399};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_null(dtype_find(ids[i]));
        assert_non_null(dtype_foreign_name(ids[i]));
    }
    assert_null(dtype_find(UINT32_MAX));
    assert_null(dtype_foreign_name(400));
    assert_string_equal(dtype_name(UINT32_MAX), "?");
}

static void sizes_are_exact_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum dtype dtype;
        uint32_t dim_count;
        uint64_t dims[4];
        bool is_possible;
        size_t bytes;
    } cases[] = {
        {"one row of Q8_0", DTYPE_Q8_0, 1, {64}, true, 68},
        {"rows multiply", DTYPE_Q4_K, 3, {256, 3, 2}, true, 864},
        {"plain floats", DTYPE_F32, 2, {3, 5}, true, 60},
        {"half a block", DTYPE_Q4_0, 1, {48}, false, 0},
        {"a zero dimension", DTYPE_F32, 2, {4, 0}, false, 0},
        {"no dimensions", DTYPE_F32, 0, {4}, false, 0},
        {"five dimensions", DTYPE_F32, 5, {4}, false, 0},
        {"more than 2^62 elements",
         DTYPE_I8,
         2,
         {UINT64_C(1) << 31, (UINT64_C(1) << 31) + 1},
         false,
         0},
        {"a product that wraps to a small number",
         DTYPE_F32,
         3,
         {UINT64_C(1) << 32, UINT64_C(1) << 32, 4},
         false,
         0},
        {"bytes that do not fit", DTYPE_F32, 1, {UINT64_C(1) << 62}, false, 0},
        {"an unknown type", (enum dtype)4, 1, {32}, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        size_t bytes = 12345;
        const bool is_possible =
            tensor_byte_count(cases[i].dtype, cases[i].dim_count, cases[i].dims, &bytes);
        assert_int_equal(is_possible, cases[i].is_possible);
        assert_int_equal(bytes, cases[i].is_possible ? cases[i].bytes : 12345);
    }
}

int test_dtype(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_filled_and_found),
        cmocka_unit_test(packed_types_match_their_structs),
        cmocka_unit_test(ids_of_others_are_named_but_not_known),
        cmocka_unit_test(sizes_are_exact_or_refused),
    };
    return cmocka_run_group_tests_name("dtype", tests, NULL, NULL);
}
