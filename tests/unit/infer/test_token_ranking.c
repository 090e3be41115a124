/* Probabilities are those of the softmax by the C library's own functions, the most likely come
 * first, and broken logits give numbers that JSON can hold. */
#include "base/attr.h"
#include "infer/sampler.h"
#include "infer/token_ranking.h"
#include "tests/holt_test.h"

#include <math.h>

enum { VOCAB = 300 };

static void ranks_are_those_of_the_softmax(void **state)
{
    (void)state;
    float logits[VOCAB];
    for (uint32_t round = 0; round < 200; round++) {
        double sum = 0;
        for (uint32_t i = 0; i < VOCAB; i++) {
            logits[i] = (float)(sampler_random(round, i, 0) % 4000) / 100.0f - 20.0f;
            sum += exp((double)logits[i]);
        }
        struct token_ranking_row rows[1 + TOKEN_RANKING_TOP_MAX];
        const uint32_t top = round % (TOKEN_RANKING_TOP_MAX + 1);
        const struct token_ranking_input input = {
            .logits = logits, .vocab_size = VOCAB, .id = (int32_t)round, .top_count = top};
        assert_int_equal(token_ranking_make(&input, rows), 1 + top);
        assert_int_equal(rows[0].id, round);
        for (uint32_t i = 0; i <= top; i++) {
            const double wanted = (double)logits[rows[i].id] - log(sum);
            assert_true(fabs(rows[i].logprob - wanted) < 1e-9);
        }
        for (uint32_t i = 1; i <= top; i++) {
            uint32_t better = 0; /* tokens that come before this one */
            for (int32_t k = 0; k < VOCAB; k++)
                better += logits[k] > logits[rows[i].id] ||
                          (logits[k] == logits[rows[i].id] && k < rows[i].id);
            assert_int_equal(better, i - 1);
        }
    }
}

static void broken_logits_give_numbers(void **state)
{
    (void)state;
    const float values[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 0.0f};
    for (uint32_t round = 0; round < 500; round++) {
        float logits[8];
        struct token_ranking_row rows[1 + TOKEN_RANKING_TOP_MAX];
        for (uint32_t i = 0; i < 8; i++)
            logits[i] = values[sampler_random(9, round, i) % ARRAY_LEN(values)];
        const struct token_ranking_input input = {
            .logits = logits, .vocab_size = 8, .id = 3, .top_count = 20};
        assert_int_equal(token_ranking_make(&input, rows), 9);
        for (uint32_t i = 0; i < 9; i++)
            assert_true(isfinite(rows[i].logprob) && rows[i].logprob >= TOKEN_RANKING_NEVER);
    }
}

static void what_was_no_choice_is_certain(void **state)
{
    (void)state;
    struct token_ranking_row rows[1 + TOKEN_RANKING_TOP_MAX];
    const struct token_ranking_input input = {.vocab_size = 8, .id = 3, .top_count = 2};
    assert_int_equal(token_ranking_make(&input, rows), 2);
    assert_int_equal(rows[1].id, 3);
    assert_true(rows[0].logprob == 0 && rows[1].logprob == 0);
}

int test_token_ranking(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_those_of_the_softmax),
        cmocka_unit_test(broken_logits_give_numbers),
        cmocka_unit_test(what_was_no_choice_is_certain),
    };
    return cmocka_run_group_tests_name("token_ranking", tests, NULL, NULL);
}
