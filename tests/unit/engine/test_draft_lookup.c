/*
 * A guess from a session's own text is what followed the same tokens before. The index is taken
 * back and added to as the log is; after any history it must be that of a log written at once.
 */
#include "engine/draft_lookup.h"
#include "engine/step_cost.h"
#include "tests/holt_test.h"

#include <stdbool.h>

enum { LOG_MAX = 700, GUESSES = 9 };

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 40);
}

/* The end of the log, at least two tokens of it, stands before log[at], and the guesses from there
 * on, over the log's end into themselves. */
static bool followed_there(const int32_t *log, uint32_t count, uint32_t at, const int32_t *guesses)
{
    for (uint32_t i = 1; i <= DRAFT_LOOKUP_SHORT; i++)
        if (at < i || log[at - i] != log[count - i])
            return false;
    for (uint32_t i = 0; i < GUESSES; i++)
        if (guesses[i] != (at + i < count ? log[at + i] : guesses[at + i - count]))
            return false;
    return true;
}

static uint32_t occurrences(const int32_t *log, uint32_t count, const int32_t *guesses)
{
    uint32_t found = 0;
    for (uint32_t at = DRAFT_LOOKUP_SHORT; at < count; at++)
        found += followed_there(log, count, at, guesses);
    return found;
}

static void a_guess_is_what_followed_before(void **state)
{
    (void)state;
    static int32_t log[LOG_MAX];
    uint64_t random = 7;
    uint32_t guessed = 0;
    struct draft_lookup *lookup = draft_lookup_new(LOG_MAX);
    uint32_t count = 0;
    for (int round = 0; round < 1500; round++) {
        if (round % 50 == 49)
            count = next_random(&random) % (count + 1);
        else if (count < LOG_MAX)
            log[count++] = (int32_t)(next_random(&random) % 6);
        else
            count = 100;
        if (round % 3)
            draft_lookup_follow(lookup, log, count);
        int32_t guesses[GUESSES];
        int32_t fresh_guesses[GUESSES];
        double chances[GUESSES];
        struct draft_lookup *fresh = draft_lookup_new(LOG_MAX);
        draft_lookup_follow(lookup, log, count);
        draft_lookup_follow(fresh, log, count);
        const uint32_t given = draft_lookup_propose(lookup, GUESSES, guesses, chances);
        assert_int_equal(draft_lookup_propose(fresh, GUESSES, fresh_guesses, chances), given);
        assert_memory_equal(guesses, fresh_guesses, given * sizeof(guesses[0]));
        if (given > 0)
            assert_true(occurrences(log, count, guesses) > 0);
        guessed += given > 0;
        draft_lookup_free(fresh);
    }
    assert_true(guessed > 1000);
    draft_lookup_free(lookup);
}

/* Of two places the one that agrees for longer is followed. */
static void the_longer_match_wins(void **state)
{
    (void)state;
    static const int32_t log[] = {1, 2, 3, 4, 5, 6, 70, 71, 9, 5, 6, 80, 81, 9, 1, 2, 3, 4, 5, 6};
    struct draft_lookup *lookup = draft_lookup_new(64);
    int32_t guesses[2];
    double chances[2];
    draft_lookup_follow(lookup, log, ARRAY_LEN(log));
    assert_int_equal(draft_lookup_propose(lookup, 2, guesses, chances), 2);
    assert_int_equal(guesses[0], 70);
    assert_int_equal(guesses[1], 71);
    assert_true(chances[0] > chances[1] && chances[0] < 1);
    draft_lookup_follow(lookup, log, 13); /* ... 5 6 80 81: nothing like it */
    assert_int_equal(draft_lookup_propose(lookup, 2, guesses, chances), 0);
    draft_lookup_free(lookup);
}

static double chance_after(const int32_t *made, uint32_t count)
{
    struct draft_lookup *lookup = draft_lookup_new(4096);
    int32_t guess = 0;
    double chance = 0;
    for (uint32_t i = 0; i < count; i++)
        draft_lookup_add(lookup, made[i]);
    (void)draft_lookup_propose(lookup, 1, &guess, &chance);
    draft_lookup_free(lookup);
    return chance;
}

static void chances_are_learnt_from_what_is_made(void **state)
{
    (void)state;
    enum { MADE = 2000 };
    static int32_t repeats[MADE];
    static int32_t varies[MADE];
    uint64_t random = 3;
    for (int i = 0; i < MADE; i++) {
        repeats[i] = i % 37;
        varies[i] = (int32_t)(next_random(&random) % 5);
    }
    const double high = chance_after(repeats, MADE);
    const double low = chance_after(varies, MADE);
    print_message("repeating: %.3f, random: %.3f\n", high, low);
    assert_true(high > 0.98);
    assert_true(low < 0.5);
}

static void costs_are_measured_and_filled_in(void **state)
{
    (void)state;
    struct step_cost cost = {0};
    assert_true(step_cost_of(&cost, 3) <= 0);
    step_cost_note(&cost, 1, 0.100);
    assert_true(step_cost_of(&cost, 4) > 0.100 && step_cost_of(&cost, 4) < 0.110);
    step_cost_note(&cost, 9, 0.180);
    assert_true(step_cost_of(&cost, 5) > 0.139 && step_cost_of(&cost, 5) < 0.141);
    step_cost_note(&cost, 256, 2.0);
    const double far = step_cost_of(&cost, 100);
    assert_true(far > 0.5 && far < 1.1);
    for (int i = 0; i < 50; i++)
        step_cost_note(&cost, 9, 0.150);
    assert_true(step_cost_of(&cost, 9) < 0.151);
    step_cost_note(&cost, 9, 100); /* the machine slept */
    assert_true(step_cost_of(&cost, 9) < 0.2);
    for (int i = 0; i < 100; i++) /* it stands on many */
        step_cost_note(&cost, 1, 0.100);
    assert_true(step_cost_of(&cost, 9) > 0.14);
    step_cost_note(&cost, 4, 9.0);
    for (int i = 0; i < 100; i++) /* this one is odd, and does not */
        step_cost_note(&cost, 1, 0.100);
    assert_true(step_cost_of(&cost, 4) < 0.15);
    for (int i = 0; i < 3000; i++) /* forgotten, and so tried again */
        step_cost_note(&cost, 1, 0.100);
    assert_true(step_cost_of(&cost, 9) < 0.12);
}

int test_draft_lookup(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guess_is_what_followed_before),
        cmocka_unit_test(the_longer_match_wins),
        cmocka_unit_test(chances_are_learnt_from_what_is_made),
        cmocka_unit_test(costs_are_measured_and_filled_in),
    };
    return cmocka_run_group_tests_name("draft_lookup", tests, NULL, NULL);
}
