/*
 * A wrong frequency gives a model that works for a paragraph and then drifts. Values by hand from
 * the formulas; YaRN's ends are what the paper promises: fast pairs untouched, slow ones divided.
 */
#include "model/rope.h"
#include "tests/holt_test.h"

#include <math.h>

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-14 * fabs(want)))
        fail_msg("%.17g instead of %.17g", got, want);
}

static void frequencies_fall_from_one_by_equal_ratios(void **state)
{
    (void)state;
    const struct rope_shape rope = {.dim = 8, .base = 10000, .factor = 1};
    double out[4];
    rope_frequencies(&rope, NULL, out);
    assert_near(out[0], 1.0);
    assert_near(out[1], 0.1);
    assert_near(out[2], 0.01);
    assert_near(out[3], 0.001);
    assert_near(rope_magnitude(&rope), 1.0);
}

static void factors_divide_and_linear_scaling_divides_all(void **state)
{
    (void)state;
    const float factors[] = {1, 2, 4, 8};
    struct rope_shape rope = {.dim = 8, .base = 10000, .factor = 4, .scaling = ROPE_SCALING_LINEAR};
    double out[4];
    rope_frequencies(&rope, factors, out);
    assert_near(out[0], 0.25);
    assert_near(out[1], 0.1 / 8);
    assert_near(out[3], 0.001 / 32);
    rope.scaling = ROPE_SCALING_NONE; /* "none" means that the factor is not applied */
    rope_frequencies(&rope, NULL, out);
    assert_near(out[0], 1.0);
    assert_near(rope_magnitude(&rope), 1.0);
}

static void yarn_keeps_fast_pairs_and_divides_slow_ones(void **state)
{
    (void)state;
    const struct rope_shape rope = {.dim = 128,
                                    .base = 10000,
                                    .factor = 8,
                                    .scaling = ROPE_SCALING_YARN,
                                    .original_context = 4096,
                                    .extrapolation = 1,
                                    .attention_factor = 1,
                                    .beta_fast = 32,
                                    .beta_slow = 1};
    double plain[64];
    double out[64];
    struct rope_shape unscaled = rope;
    unscaled.scaling = ROPE_SCALING_NONE;
    rope_frequencies(&unscaled, NULL, plain);
    rope_frequencies(&rope, NULL, out);
    /* corr(32) = 128 ln(4096 / (64 pi)) / (2 ln 10000) = 20.94, corr(1) = 45.03 */
    for (int j = 0; j <= 20; j++)
        assert_near(out[j], plain[j]);
    for (int j = 46; j < 64; j++)
        assert_near(out[j], plain[j] / 8);
    const double share = 1 - (33 - 20) / (46.0 - 20);
    assert_near(out[33], plain[33] / 8 * (1 - share) + plain[33] * share);
    assert_near(rope_magnitude(&rope), 1 + 0.1 * log(8));
}

static void the_magnitude_of_yarn_follows_its_keys(void **state)
{
    (void)state;
    struct rope_shape rope = {.dim = 64,
                              .base = 10000,
                              .factor = 40,
                              .scaling = ROPE_SCALING_YARN,
                              .original_context = 4096,
                              .extrapolation = 1,
                              .attention_factor = 2,
                              .log_multiplier = 1,
                              .beta_fast = 32,
                              .beta_slow = 1};
    assert_near(rope_magnitude(&rope), 2.0); /* the two logarithms cancel */
    rope.log_multiplier = 0.5;
    assert_near(rope_magnitude(&rope), 2 * (1 + 0.1 * log(40)) / (1 + 0.05 * log(40)));
    rope.extrapolation = 0;
    assert_near(rope_magnitude(&rope), 2.0);
    double out[32];
    rope_frequencies(&rope, NULL, out); /* no extrapolation: all pairs are divided */
    assert_near(out[0], 1.0 / 40);
}

int test_rope(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_fall_from_one_by_equal_ratios),
        cmocka_unit_test(factors_divide_and_linear_scaling_divides_all),
        cmocka_unit_test(yarn_keeps_fast_pairs_and_divides_slow_ones),
        cmocka_unit_test(the_magnitude_of_yarn_follows_its_keys),
    };
    return cmocka_run_group_tests_name("rope", tests, NULL, NULL);
}
