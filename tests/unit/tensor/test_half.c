/*
 * Scales of packed weights are halves: a conversion that differs by one bit between a portable and
 * a vector kernel would break the rule of exact arithmetic.
 */
#include "tests/holt_test.h"

#include "tensor/bfloat16.h"
#include "tensor/half.h"

#include <math.h>

static float from_bits(uint32_t bits)
{
    float value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint32_t to_bits(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static void every_half_survives_the_way_to_float_and_back(void **state)
{
    (void)state;
    for (uint32_t half = 0; half <= 0xffff; half++) {
        const float value = half_to_float((uint16_t)half);
        const uint32_t exponent = (half >> 10) & 0x1f;
        const uint32_t mantissa = half & 0x3ff;
        if (exponent == 0x1f && mantissa) {
            assert_true(isnan(value));
            assert_int_equal(half_from_float(value), half | 0x200); /* quiet */
            continue;
        }
        double expected =
            exponent ? ldexp(1024.0 + mantissa, (int)exponent - 25) : ldexp((double)mantissa, -24);
        if (exponent == 0x1f)
            expected = (double)INFINITY;
        if (half & 0x8000)
            expected = -expected;
        assert_true((double)value == expected && !signbit(value) == !signbit(expected));
        assert_int_equal(half_from_float(value), half);
    }
}

static void floats_round_to_the_nearest_half_ties_to_even(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float value;
        uint16_t half;
    } cases[] = {
        {"tie goes down to even", 1.0f + 0x1p-11f, 0x3c00},
        {"tie goes up to even", 1.0f + 3 * 0x1p-11f, 0x3c02},
        {"just over a tie goes up", 1.0f + 0x1p-11f + 0x1p-23f, 0x3c01},
        {"rounding carries into the exponent", 0x1.ffep0f, 0x4000},
        {"largest half", 65504.0f, 0x7bff},
        {"last value below infinity", 65519.996f, 0x7bff},
        {"the tie to infinity", 65520.0f, 0x7c00},
        {"huge", 1e30f, 0x7c00},
        {"smallest subnormal", 0x1p-24f, 0x0001},
        {"half of it is a tie to zero", 0x1p-25f, 0x0000},
        {"just over half of it", 0x1.000002p-25f, 0x0001},
        {"subnormal tie to even", 3 * 0x1p-25f, 0x0002},
        {"largest subnormal rounds to normal", 0x1.ffep-15f, 0x0400},
        {"negative zero", -0.0f, 0x8000},
        {"tiny negative", -1e-30f, 0x8000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        assert_int_equal(half_from_float(cases[i].value), cases[i].half);
    }
}

static void rounding_agrees_with_distance_for_many_floats(void **state)
{
    (void)state;
    uint32_t bits = 12345;
    for (int i = 0; i < 200000; i++) {
        bits = bits * 1664525u + 1013904223u;
        const float value = from_bits(bits);
        if (isnan(value) || fabsf(value) >= 65504.0f)
            continue;
        const uint16_t half = half_from_float(value);
        const double error = fabs((double)half_to_float(half) - (double)value);
        /* neighbours of equal sign; 0 has none below */
        if ((half & 0x7fff) != 0)
            assert_true(error <= fabs((double)half_to_float((uint16_t)(half - 1)) - (double)value));
        assert_true(error <= fabs((double)half_to_float((uint16_t)(half + 1)) - (double)value));
    }
}

static void bfloat16_keeps_the_upper_half_and_rounds_to_even(void **state)
{
    (void)state;
    assert_true(bfloat16_to_float(0x3f80) == 1.0f);
    assert_int_equal(bfloat16_from_float(1.0f), 0x3f80);
    assert_int_equal(bfloat16_from_float(from_bits(0x3f808000)), 0x3f80);
    assert_int_equal(bfloat16_from_float(from_bits(0x3f818000)), 0x3f82);
    assert_int_equal(bfloat16_from_float(from_bits(0x3f808001)), 0x3f81);
    assert_int_equal(bfloat16_from_float(INFINITY), 0x7f80);
    assert_int_equal(bfloat16_from_float(from_bits(0x7f800001)), 0x7fc0); /* still a NaN */
    for (uint32_t value = 0; value <= 0xffff; value++)
        assert_int_equal(to_bits(bfloat16_to_float((uint16_t)value)), value << 16);
}

int test_half(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_survives_the_way_to_float_and_back),
        cmocka_unit_test(floats_round_to_the_nearest_half_ties_to_even),
        cmocka_unit_test(rounding_agrees_with_distance_for_many_floats),
        cmocka_unit_test(bfloat16_keeps_the_upper_half_and_rounds_to_even),
    };
    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
