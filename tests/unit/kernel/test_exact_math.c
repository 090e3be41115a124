/*
 * These functions are compared with long double arithmetic of the C library: the errors stated in
 * exact_math.h and vector_exp.h are measured here. That they are the same everywhere follows from
 * their operations; a digest of many results holds it down.
 */
#include "tests/holt_test.h"

#include "kernel/exact_math.h"
#include "kernel/vector_exp.h"

#include <float.h>
#include <math.h>

static uint64_t next_bits(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 11;
}

static double uniform(uint64_t *state, double lowest, double highest)
{
    return lowest + (highest - lowest) * ((double)next_bits(state) * 0x1p-53);
}

/* Distance in units of the last place of the true value, as a double. */
static double ulp_error(double got, long double want)
{
    int exponent = 0;
    (void)frexpl(want, &exponent);
    return (double)(fabsl((long double)got - want) / ldexpl(1.0L, exponent - DBL_MANT_DIG));
}

enum { SAMPLES = 200000 };

static const struct {
    const char *name;
    double (*ours)(double x);
    long double (*theirs)(long double x);
    double lowest;
    double highest;
    double ulp_max;
} functions[] = {
    {"exp, where attention uses it", exact_math_exp, expl, -30.0, 0.0, 1.0},
    {"exp, everywhere", exact_math_exp, expl, -700.0, 709.0, 1.0},
    {"log near one", exact_math_log, logl, 0.5, 2.0, 1.0},
    {"log of large numbers", exact_math_log, logl, 1.0, 1e9, 1.0},
    {"log of small numbers", exact_math_log, logl, 1e-300, 1e-3, 1.0},
    {"sin of small angles", exact_math_sin, sinl, -0.8, 0.8, 1.1},
    {"cos of small angles", exact_math_cos, cosl, -0.8, 0.8, 1.1},
};

static void functions_are_within_their_stated_error(void **state)
{
    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(functions); f++) {
        test_case(functions[f].name);
        uint64_t random = 1;
        double worst = 0;
        for (int i = 0; i < SAMPLES; i++) {
            const double x = uniform(&random, functions[f].lowest, functions[f].highest);
            const double error =
                ulp_error(functions[f].ours(x), functions[f].theirs((long double)x));
            worst = error > worst ? error : worst;
        }
        print_message("%s: %.3f ulp\n", functions[f].name, worst);
        assert_true(worst <= functions[f].ulp_max);
    }
}

static void angles_of_far_positions_are_exact_enough(void **state)
{
    (void)state;
    uint64_t random = 2;
    double worst = 0;
    for (int i = 0; i < SAMPLES; i++) {
        const double position = (double)(next_bits(&random) % (1 << 24));
        const double angle = position * uniform(&random, 0.0, 1.0);
        const double sine =
            fabs((double)((long double)exact_math_sin(angle) - sinl((long double)angle)));
        const double cosine =
            fabs((double)((long double)exact_math_cos(angle) - cosl((long double)angle)));
        worst = fmax(worst, fmax(sine, cosine));
    }
    print_message("sin and cos up to 2^24: %.3g from the truth\n", worst);
    assert_true(worst < 0x1p-52);
}

static void powers_are_within_their_stated_error(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < SAMPLES; i++) { /* what rotary frequencies need: base^(-2i/n) */
        const double base = uniform(&random, 2.0, 1e7);
        const double y = uniform(&random, -1.0, 1.0);
        const long double want = powl((long double)base, (long double)y);
        const double bound = 0x1p-52 * (1.0 + fabs(y * log(base)));
        assert_true((double)fabsl((long double)exact_math_pow(base, y) / want - 1.0L) <= bound);
    }
}

static void special_arguments_have_their_limits(void **state)
{
    (void)state;
    assert_true(exact_math_exp(0.0) == 1.0);
    assert_true(exact_math_exp(800.0) == (double)INFINITY);
    assert_true(exact_math_exp(-800.0) == 0.0);
    assert_true(exact_math_exp(-745.0) > 0.0);
    assert_true(exact_math_exp(-(double)INFINITY) == 0.0);
    assert_true(isnan(exact_math_exp((double)NAN)));
    assert_true(exact_math_log(1.0) == 0.0);
    assert_true(exact_math_log(0.0) == -(double)INFINITY);
    assert_true(isnan(exact_math_log(-1.0)));
    assert_true(isinf(exact_math_log((double)INFINITY)));
    assert_true(fabs(exact_math_log(0x1p-1074) - -744.4400719213812) < 1e-10);
    assert_true(exact_math_sin(0.0) == 0.0);
    assert_true(exact_math_cos(0.0) == 1.0);
    assert_true(isnan(exact_math_sin(EXACT_MATH_ANGLE_MAX * 2)));
    assert_true(isnan(exact_math_cos((double)INFINITY)));
    assert_true(isnan(exact_math_cos((double)NAN)));
}

static void the_vector_exp_is_within_one_ulp(void **state)
{
    (void)state;
    uint64_t random = 4;
    double worst = 0;
    for (int i = 0; i < 4 * SAMPLES; i++) {
        const float x = (float)uniform(&random, -87.0, 88.7);
        const long double want = expl((long double)x);
        int exponent = 0;
        (void)frexpl(want, &exponent);
        const long double unit = ldexpl(1.0L, exponent - FLT_MANT_DIG);
        worst = fmax(worst, (double)(fabsl((long double)vector_exp(x) - want) / unit));
    }
    print_message("exp in f32: %.3f ulp\n", worst);
    assert_true(worst <= 1.0);
}

static void the_vector_exp_keeps_its_limits(void **state)
{
    (void)state;
    assert_true(vector_exp(0.0f) == 1.0f);
    assert_true(vector_exp(-0.0f) == 1.0f);
    assert_true(vector_exp(-INFINITY) == 0.0f);
    assert_true(vector_exp(-1000.0f) == 0.0f);
    assert_true(vector_exp(INFINITY) == INFINITY);
    assert_true(vector_exp(1000.0f) == INFINITY);
    assert_true(isnan(vector_exp(NAN)));
    assert_true(isnan(vector_exp(-NAN)));
    assert_true(vector_exp(-103.0f) == 0x1p-149f); /* the smallest subnormal */
    const float subnormal = vector_exp(-90.0f);
    assert_true(fabs((double)subnormal / exp(-90.0) - 1.0) < 1e-5);
}

/* One number over many bits: another compiler or CPU that computes otherwise changes it. */
static void the_bits_are_the_same_everywhere(void **state)
{
    (void)state;
    uint64_t random = 5;
    uint64_t digest = 0;
    for (int i = 0; i < SAMPLES; i++) {
        const double x = uniform(&random, -50.0, 50.0);
        const double values[] = {exact_math_exp(x), exact_math_log(fabs(x)), exact_math_sin(x),
                                 exact_math_cos(x), (double)vector_exp((float)x)};
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            uint64_t bits = 0;
            memcpy(&bits, &values[v], sizeof(bits));
            digest = (digest ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
            digest ^= digest >> 29;
        }
    }
    assert_true(digest == UINT64_C(0x915a60a46bae2168));
}

int test_exact_math(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_within_their_stated_error),
        cmocka_unit_test(angles_of_far_positions_are_exact_enough),
        cmocka_unit_test(powers_are_within_their_stated_error),
        cmocka_unit_test(special_arguments_have_their_limits),
        cmocka_unit_test(the_vector_exp_is_within_one_ulp),
        cmocka_unit_test(the_vector_exp_keeps_its_limits),
        cmocka_unit_test(the_bits_are_the_same_everywhere),
    };
    return cmocka_run_group_tests_name("exact_math", tests, NULL, NULL);
}
