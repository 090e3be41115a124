/*
 * A pick must be a function of its inputs alone, stay inside the allowed set for any bits a broken
 * model could produce, and follow the distribution that the options describe.
 */
#include "base/attr.h"
#include "base/mem.h"
#include "infer/sampler.h"
#include "kernel/exact_math.h"
#include "tests/holt_test.h"
#include "tests/unit/infer/test_kernels.h"

#include <math.h>

enum { VOCAB = 200 };

static struct sampler *new_sampler(uint32_t vocab_size)
{
    struct sampler *sampler = NULL;
    assert_ok(sampler_new(vocab_size, test_kernels(), &sampler, err));
    return sampler;
}

static int32_t pick(struct sampler *sampler, const struct sampler_options *options,
                    const float *logits, uint64_t position)
{
    const struct sampler_input input = {.logits = logits, .position = position};
    return sampler_pick(sampler, options, &input);
}

/* Published known answers of Philox4x32-10: counter and key, first two words of the result. The
 * fourth counter word is always 0 here, so the vectors with other values cannot be asked for. */
static void random_numbers_match_the_published_generator(void **state)
{
    (void)state;
    assert_true(sampler_random(0, 0, 0) == 0x6627e8d5e169c58dULL);
    assert_true(sampler_random(1, 0, 0) != sampler_random(0, 1, 0));
    assert_true(sampler_random(0, 1, 0) != sampler_random(0, 0, 1));
}

static void zero_temperature_takes_the_best_and_the_lower_of_two_equal(void **state)
{
    (void)state;
    CLEANUP(sampler_freep) struct sampler *sampler = new_sampler(VOCAB);
    float logits[VOCAB] = {0};
    const struct sampler_options greedy = {0};
    assert_int_equal(pick(sampler, &greedy, logits, 0), 0);
    logits[150] = 2.0f;
    logits[60] = 2.0f;
    assert_int_equal(pick(sampler, &greedy, logits, 0), 60);
    uint64_t allowed[4] = {[2] = (uint64_t)1 << (150 - 128)};
    const struct sampler_input input = {.logits = logits, .allowed = allowed};
    assert_int_equal(sampler_pick(sampler, &greedy, &input), 150);
}

static void what_is_added_moves_the_best(void **state)
{
    (void)state;
    CLEANUP(sampler_freep) struct sampler *sampler = new_sampler(VOCAB);
    float logits[VOCAB] = {[7] = 3.0f, [90] = 2.0f, [199] = 1.0f};
    const struct sampler_bias biases[] = {{.id = 7, .add = -1.0f},
                                          {.id = 7, .add = -0.5f},
                                          {.id = 200, .add = 50},
                                          {.id = -1, .add = 50}};
    const struct sampler_options greedy = {0};
    const struct sampler_input biased = {
        .logits = logits, .biases = biases, .bias_count = ARRAY_LEN(biases)};
    assert_int_equal(sampler_pick(sampler, &greedy, &biased), 90);
    assert_int_equal(pick(sampler, &greedy, logits, 0), 7); /* nothing of it stays */
    const struct sampler_bias banned = {.id = 7, .add = -100.0f};
    const struct sampler_options drawn = {.temperature = 1.0f};
    for (uint64_t position = 0; position < 200; position++) {
        const struct sampler_input input = {
            .logits = logits, .biases = &banned, .bias_count = 1, .position = position};
        assert_int_not_equal(sampler_pick(sampler, &drawn, &input), 7);
    }
}

/* Presence counts a token once, frequency each time, and only those of the answer. */
static void penalties_count_the_answer(void **state)
{
    (void)state;
    CLEANUP(sampler_freep) struct sampler *sampler = new_sampler(VOCAB);
    float logits[VOCAB] = {[7] = 3.0f, [90] = 2.0f, [199] = 1.0f};
    const int32_t history[] = {7, 7, 7, 300, -4, 7, 90, 7};
    const struct {
        float presence, frequency;
        size_t answer_count;
        int32_t wanted;
    } rows[] = {
        {0.9f, 0, 5, 7}, {1.5f, 0, 1, 90},  {1.5f, 0, 0, 7},      {0, 0.9f, 1, 7},
        {0, 0.6f, 5, 7}, {0, 1.1f, 8, 199}, {2.0f, 1.0f, 8, 199}, {-2.0f, 0, 5, 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct sampler_options options = {.presence_penalty = rows[i].presence,
                                                .frequency_penalty = rows[i].frequency};
        const struct sampler_input input = {.logits = logits,
                                            .history = history,
                                            .history_count = ARRAY_LEN(history),
                                            .answer_count = rows[i].answer_count};
        assert_int_equal(sampler_pick(sampler, &options, &input), rows[i].wanted);
        assert_int_equal(pick(sampler, &(struct sampler_options){0}, logits, 0), 7);
    }
}

static void every_option_row_keeps_the_pick_inside_for_broken_logits(void **state)
{
    (void)state;
    CLEANUP(sampler_freep) struct sampler *sampler = new_sampler(VOCAB);
    const float values[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 0.0f, -0.0f, 1e-45f};
    const struct sampler_options rows[] = {
        {0},
        {.temperature = 1.0f},
        {.temperature = 1e-45f, .top_p = 0.5f},
        {.temperature = 100.0f, .top_k = 3},
        {.temperature = 0.7f, .min_p = 1.0f, .repeat_penalty = 2.0f, .repeat_last_count = 9},
        {.temperature = 0.7f, .top_k = 1000, .top_p = 1e-9f, .min_p = 0.01f},
    };
    const int32_t history[] = {-1, 3, 199, 200, INT32_MAX, INT32_MIN};
    const uint64_t allowed[4] = {0, 0xff00, 0, 0};
    for (uint64_t round = 0; round < 4000; round++) {
        float logits[VOCAB];
        for (size_t i = 0; i < VOCAB; i++)
            logits[i] = values[sampler_random(1, round, (uint32_t)i) % ARRAY_LEN(values)];
        const struct sampler_input input = {.logits = logits,
                                            .allowed = round % 2 ? allowed : NULL,
                                            .history = history,
                                            .history_count = ARRAY_LEN(history),
                                            .position = round};
        const int32_t token = sampler_pick(sampler, &rows[round % ARRAY_LEN(rows)], &input);
        assert_in_range(token, round % 2 ? 72 : 0, round % 2 ? 79 : VOCAB - 1);
    }
}

static void nothing_likely_gives_the_lowest_allowed_and_nothing_allowed_gives_none(void **state)
{
    (void)state;
    CLEANUP(sampler_freep) struct sampler *sampler = new_sampler(VOCAB);
    float logits[VOCAB];
    for (size_t i = 0; i < VOCAB; i++)
        logits[i] = i % 2 ? NAN : -INFINITY;
    uint64_t allowed[4] = {[1] = 0x30};
    const struct sampler_options options = {.temperature = 1.0f};
    struct sampler_input input = {.logits = logits, .allowed = allowed};
    assert_int_equal(sampler_pick(sampler, &options, &input), 68);
    allowed[1] = 0;
    allowed[3] = UINT64_MAX << (VOCAB - 192); /* beyond the vocabulary */
    assert_int_equal(sampler_pick(sampler, &options, &input), -1);
}

/* How often each of the first four tokens comes in `count` picks at following positions. */
static void frequencies(const struct sampler_options *options, const float *logits, double out[4])
{
    enum { COUNT = 40000 };
    CLEANUP(sampler_freep) struct sampler *sampler = new_sampler(4);
    for (int i = 0; i < 4; i++)
        out[i] = 0;
    for (uint64_t i = 0; i < COUNT; i++)
        out[pick(sampler, options, logits, i)] += 1.0 / COUNT;
}

static void frequencies_follow_the_options(void **state)
{
    (void)state;
    /* probabilities 0.1, 0.4, 0.2, 0.3 */
    const float logits[4] = {-2.302585f, -0.916291f, -1.609438f, -1.203973f};
    const struct {
        const char *name;
        struct sampler_options options;
        double want[4];
    } rows[] = {
        {"plain", {.temperature = 1.0f}, {0.1, 0.4, 0.2, 0.3}},
        {"top-k 2", {.temperature = 1.0f, .top_k = 2}, {0, 4.0 / 7, 0, 3.0 / 7}},
        {"top-p 0.65", {.temperature = 1.0f, .top_p = 0.65f}, {0, 4.0 / 7, 0, 3.0 / 7}},
        {"top-p 0.75", {.temperature = 1.0f, .top_p = 0.75f}, {0, 4.0 / 9, 2.0 / 9, 3.0 / 9}},
        {"top-p tiny", {.temperature = 1.0f, .top_p = 1e-6f}, {0, 1, 0, 0}},
        {"top-k 3, top-p 0.5", /* of the three that are left */
         {.temperature = 1.0f, .top_k = 3, .top_p = 0.5f},
         {0, 4.0 / 7, 0, 3.0 / 7}},
        {"min-p 0.45", {.temperature = 1.0f, .min_p = 0.45f}, {0, 4.0 / 9, 2.0 / 9, 3.0 / 9}},
        {"hot", {.temperature = 2.0f}, {0.1627, 0.3254, 0.2301, 0.2818}},
        {"cold", {.temperature = 0.5f}, {1.0 / 30, 16.0 / 30, 4.0 / 30, 9.0 / 30}},
    };
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        test_case(rows[row].name);
        double got[4];
        frequencies(&rows[row].options, logits, got);
        for (int i = 0; i < 4; i++)
            assert_true(fabs(got[i] - rows[row].want[i]) < 0.012); /* 4.8 sigma at 40,000 */
    }
}

static void penalty_makes_seen_tokens_less_likely_once(void **state)
{
    (void)state;
    CLEANUP(sampler_freep) struct sampler *sampler = new_sampler(4);
    const struct sampler_options options = {.repeat_penalty = 2.0f, .repeat_last_count = 3};
    const float positive[4] = {1.0f, 3.0f, 1.4f, 1.0f};
    const float negative[4] = {-9.0f, -1.0f, -1.5f, -9.0f};
    const int32_t history[] = {1, 0, 1, 1, 1}; /* counted once: 3 / 2 is still above 1.4 */
    struct sampler_input input = {.logits = positive, .history = history, .history_count = 5};
    assert_int_equal(sampler_pick(sampler, &options, &input), 1);
    input.logits = negative;
    assert_int_equal(sampler_pick(sampler, &options, &input), 2);
    const int32_t long_ago[] = {1, 0, 0, 0};
    input.history = long_ago;
    input.history_count = 4;
    assert_int_equal(sampler_pick(sampler, &options, &input), 1);
}

/* A recorded sequence: it changes only when some result of the sampler changes. */
static void picks_are_the_same_everywhere(void **state)
{
    (void)state;
    CLEANUP(sampler_freep) struct sampler *sampler = new_sampler(VOCAB);
    const struct sampler_options options = {
        .temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.02f, .seed = 42};
    uint64_t digest = 0;
    for (uint64_t position = 0; position < 500; position++) {
        float logits[VOCAB];
        for (uint32_t i = 0; i < VOCAB; i++)
            logits[i] = (float)(sampler_random(7, position, i) >> 40) * 0x1p-21f;
        const int32_t token = pick(sampler, &options, logits, position);
        assert_int_equal(pick(sampler, &options, logits, position), token);
        digest = (digest ^ (uint32_t)token) * 0x9E3779B97F4A7C15u;
    }
    assert_true(digest == 0xf02a5a7892f88960u);
}

enum { MANY = 1000, DRAWS = 300 };

/* Some tokens likely, many too unlikely for a double, a chunk of them without any weight. */
static void fill_logits(uint64_t position, float logits[MANY])
{
    for (uint32_t i = 0; i < MANY; i++) {
        const float random = (float)(sampler_random(3, position, i) >> 40) * 0x1p-24f;
        logits[i] = i / 128 == position % 8 ? -900.0f - random : 12.0f * random * random;
    }
}

/* The draw as its definition has it, one weight after the other. */
static int32_t plain_draw(const float logits[MANY], float temperature, double at)
{
    double total = 0;
    double sum = 0;
    float largest = logits[0];
    for (int i = 1; i < MANY; i++)
        largest = fmaxf(largest, logits[i]);
    for (int i = 0; i < MANY; i++)
        total += exact_math_exp((double)logits[i] / (double)temperature -
                                (double)largest / (double)temperature);
    for (int i = 0; i < MANY; i++) {
        sum += exact_math_exp((double)logits[i] / (double)temperature -
                              (double)largest / (double)temperature);
        if (at * total < sum)
            return i;
    }
    return -1;
}

static void a_draw_is_what_plain_sums_find_at_every_level(void **state)
{
    (void)state;
    for (int level = 0; level < CPU_LEVEL_COUNT; level++) {
        if ((cpu_levels[level].features & ~cpu_features()) != 0)
            continue;
        CLEANUP(sampler_freep) struct sampler *sampler = NULL;
        test_case(cpu_levels[level].name);
        assert_ok(sampler_new(MANY, test_kernels_of(cpu_levels[level].features), &sampler, err));
        for (uint64_t position = 0; position < DRAWS; position++) {
            const struct sampler_options options = {.temperature = position % 3 ? 1.0f : 1.5f,
                                                    .seed = 9};
            float logits[MANY];
            fill_logits(position, logits);
            const double at = (double)(sampler_random(9, position, 0) >> 11) * 0x1p-53;
            assert_int_equal(pick(sampler, &options, logits, position),
                             plain_draw(logits, options.temperature, at));
        }
    }
}

static void picks_allocate_nothing(void **state)
{
    (void)state;
    CLEANUP(sampler_freep) struct sampler *sampler = new_sampler(VOCAB);
    float logits[VOCAB] = {1.0f};
    const struct sampler_options options = {.temperature = 1.0f, .top_k = 5, .top_p = 0.9f};
    const size_t before = mem_allocation_count();
    for (uint64_t i = 0; i < 100; i++)
        (void)pick(sampler, &options, logits, i);
    assert_int_equal(mem_allocation_count(), before);
}

static void options_out_of_range_are_named(void **state)
{
    (void)state;
    const struct {
        struct sampler_options options;
        const char *name;
    } rows[] = {
        {{.temperature = -1.0f}, "temperature"},
        {{.temperature = NAN}, "temperature"},
        {{.top_p = 1.5f}, "top_p"},
        {{.min_p = -0.1f}, "min_p"},
        {{.repeat_penalty = INFINITY}, "repeat_penalty"},
        {{.repeat_last_count = SAMPLER_REPEAT_LAST_MAX + 1}, "repeat_last_count"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        assert_int_equal(sampler_options_check(&rows[i].options, &err), E_INVALID);
        assert_non_null(strstr(err.text, rows[i].name));
    }
    struct sampler *sampler = NULL;
    struct error err = {0};
    assert_int_equal(sampler_new(0, test_kernels(), &sampler, &err), E_LIMIT);
    assert_int_equal(sampler_new(UINT32_MAX, test_kernels(), &sampler, &err), E_LIMIT);
}

int test_sampler(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers_match_the_published_generator),
        cmocka_unit_test(zero_temperature_takes_the_best_and_the_lower_of_two_equal),
        cmocka_unit_test(what_is_added_moves_the_best),
        cmocka_unit_test(penalties_count_the_answer),
        cmocka_unit_test(every_option_row_keeps_the_pick_inside_for_broken_logits),
        cmocka_unit_test(nothing_likely_gives_the_lowest_allowed_and_nothing_allowed_gives_none),
        cmocka_unit_test(frequencies_follow_the_options),
        cmocka_unit_test(penalty_makes_seen_tokens_less_likely_once),
        cmocka_unit_test(picks_are_the_same_everywhere),
        cmocka_unit_test(a_draw_is_what_plain_sums_find_at_every_level),
        cmocka_unit_test(picks_allocate_nothing),
        cmocka_unit_test(options_out_of_range_are_named),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
