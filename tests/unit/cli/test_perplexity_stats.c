/*
 * A figure nobody can check is worth nothing: perplexity and divergence are compared with what
 * their formulas give for distributions one can work out by hand.
 */
#include "tests/holt_test.h"

#include "cli/perplexity_stats.h"

#include <math.h>

static double member(const json_t *object, const char *name, const char *part)
{
    return json_real_value(json_object_get(json_object_get(object, name), part));
}

static void expect_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("wanted %.9f, got %.9f", want, got);
}

static void a_model_that_guesses_evenly_has_its_vocabulary_as_perplexity(void **state)
{
    (void)state;
    const float logits[4] = {2, 2, 2, 2};
    struct perplexity_stats stats = {0};
    for (int32_t i = 0; i < 8; i++)
        perplexity_stats_add(&stats, logits, NULL, 4, i % 4);
    CLEANUP(json_decrefp) json_t *result = perplexity_stats_json(&stats);
    expect_near(member(result, "perplexity", "value"), 4, 1e-9);
    expect_near(member(result, "perplexity", "error"), 0, 1e-6);
    assert_null(json_object_get(result, "divergence"));
    perplexity_stats_done(&stats);
}

static void divergence_is_what_its_formula_says(void **state)
{
    (void)state;
    const float logits[2] = {0, 0};                     /* a half each */
    const float base[2] = {-0.28768207F, -1.38629436F}; /* three quarters and one */
    const float same[2] = {-0.69314718F, -0.69314718F};
    const double one = 0.75 * log(0.75 / 0.5) + 0.25 * log(0.25 / 0.5);
    struct perplexity_stats stats = {0};
    for (int i = 0; i < 3; i++)
        perplexity_stats_add(&stats, logits, same, 2, 0);
    perplexity_stats_add(&stats, logits, base, 2, 1);
    CLEANUP(json_decrefp) json_t *result = perplexity_stats_json(&stats);
    expect_near(member(result, "divergence", "mean"), one / 4, 1e-7);
    expect_near(member(result, "divergence", "median"), 0, 1e-7);
    expect_near(member(result, "divergence", "max"), one, 1e-7);
    expect_near(member(result, "divergence", "p90"), 0.7 * one, 1e-7);
    expect_near(member(result, "same_top", "share"), 1, 1e-9);
    expect_near(member(result, "perplexity", "value"), 2, 1e-6);
    const double base_loss = (3 * log(2) + log(4)) / 4;
    expect_near(member(result, "base_perplexity", "value"), exp(base_loss), 1e-6);
    expect_near(member(result, "log_ratio", "value"), log(2) - base_loss, 1e-6);
    expect_near(member(result, "probability_change", "mean"), 0.25 / 4, 1e-6);
    perplexity_stats_done(&stats);
}

int test_perplexity_stats(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_that_guesses_evenly_has_its_vocabulary_as_perplexity),
        cmocka_unit_test(divergence_is_what_its_formula_says),
    };
    return cmocka_run_group_tests_name("perplexity_stats", tests, NULL, NULL);
}
