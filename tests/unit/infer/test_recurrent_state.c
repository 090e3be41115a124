/*
 * A state that is another sequence's, or stands for other tokens than it says, gives wrong answers
 * without a sign. The random walk gives every state a digest of the tokens it stands for and
 * compares after each operation.
 */
#include "base/mem.h"
#include "infer/recurrent_state.h"
#include "tests/holt_test.h"

#include <stdbool.h>
#include <string.h>

enum { FLOATS = 20 };

static struct recurrent_state_store *store_of(uint32_t slot_count)
{
    const struct recurrent_state_store_config config = {.float_count = FLOATS,
                                                        .slot_count = slot_count};
    struct recurrent_state_store *states = NULL;
    assert_ok(recurrent_state_store_new(&config, &states, err));
    return states;
}

/* Adds tokens that count as `value` each. */
static void step(struct recurrent_state *state, uint32_t token_count, float value)
{
    assert_ok(recurrent_state_reserve(state, err));
    float *values = recurrent_state_values(state);
    for (int i = 0; i < FLOATS; i++)
        values[i] += (float)token_count * value;
    recurrent_state_advance(state, token_count);
    recurrent_state_rest(state);
}

static void assert_values(struct recurrent_state *state, uint32_t position, float value)
{
    assert_int_equal(recurrent_state_position(state), position);
    for (int i = 0; i < FLOATS; i++)
        assert_true(recurrent_state_values(state)[i] == value);
}

static void a_fork_shares_a_state_until_one_side_goes_on(void **unused)
{
    (void)unused;
    struct recurrent_state_store *states = store_of(4);
    struct recurrent_state *state = NULL;
    struct recurrent_state *fork = NULL;
    assert_ok(recurrent_state_new(states, &state, err));
    step(state, 5, 1);
    assert_ok(recurrent_state_fork(state, 5, &fork, err));
    assert_int_equal(recurrent_state_store_free_count(states), 3);
    step(fork, 2, 10);
    assert_int_equal(recurrent_state_store_free_count(states), 2);
    assert_values(state, 5, 5);
    assert_values(fork, 7, 25);
    step(state, 1, 100); /* alone again: written in place */
    assert_int_equal(recurrent_state_store_free_count(states), 2);
    assert_values(state, 6, 105);
    recurrent_state_free(state);
    recurrent_state_free(fork);
    assert_int_equal(recurrent_state_store_free_count(states), 4);
    recurrent_state_store_free(states);
}

static void a_rewind_goes_to_the_newest_kept_state_before_its_target(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t target;
        uint32_t position;
        float value;
    } cases[] = {{19, 10, 10}, {10, 10, 10}, {9, 4, 4}, {4, 4, 4}, {3, 0, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct recurrent_state_store *states = store_of(4);
        struct recurrent_state *state = NULL;
        assert_ok(recurrent_state_new(states, &state, err));
        recurrent_state_keep(state); /* nothing seen: nothing to keep */
        assert_int_equal(recurrent_state_store_free_count(states), 4);
        step(state, 4, 1);
        recurrent_state_keep(state);
        step(state, 6, 1);
        recurrent_state_keep(state);
        recurrent_state_keep(state); /* once is enough */
        step(state, 10, 1);
        assert_int_equal(recurrent_state_store_free_count(states), 1);
        recurrent_state_rewind(state, 30); /* nothing to forget */
        assert_values(state, 20, 20);
        recurrent_state_rewind(state, cases[i].target);
        assert_int_equal(recurrent_state_position(state), cases[i].position);
        step(state, 1, 0.5f);
        assert_values(state, cases[i].position + 1, cases[i].value + 0.5f);
        recurrent_state_free(state);
        recurrent_state_store_free(states);
    }
}

static void states_at_rest_go_before_a_sequence_is_refused(void **unused)
{
    (void)unused;
    struct recurrent_state_store *states = store_of(2);
    struct recurrent_state *seqs[3];
    struct error error = {0};
    for (int i = 0; i < 3; i++)
        assert_ok(recurrent_state_new(states, &seqs[i], err));
    step(seqs[0], 3, 1);
    recurrent_state_keep(seqs[0]);
    step(seqs[0], 30, 1); /* both slots in use */
    step(seqs[1], 10, 7); /* takes the kept one's, which saves less */
    assert_values(seqs[0], 33, 33);
    step(seqs[2], 2, 9); /* takes one at rest: the one that is older and would save less */
    assert_values(seqs[2], 2, 18);
    assert_values(seqs[0], 33, 33);
    assert_int_equal(recurrent_state_position(seqs[1]), 0);

    assert_ok(recurrent_state_reserve(seqs[0], err));
    assert_ok(recurrent_state_reserve(seqs[2], err));
    assert_int_equal(recurrent_state_reserve(seqs[1], &error), E_LIMIT);
    assert_non_null(strstr(error.text, "one more sequence (limit 2)"));
    recurrent_state_rest(seqs[0]);
    assert_ok(recurrent_state_reserve(seqs[1], err));
    assert_int_equal(recurrent_state_position(seqs[0]), 0);
    for (int i = 0; i < 3; i++)
        recurrent_state_free(seqs[i]);
    recurrent_state_store_free(states);
}

static void one_slot_serves_who_writes(void **unused)
{
    (void)unused;
    struct recurrent_state_store *states = store_of(1);
    struct recurrent_state *state = NULL;
    struct recurrent_state *fork = NULL;
    assert_ok(recurrent_state_new(states, &state, err));
    step(state, 4, 1);
    recurrent_state_keep(state);
    step(state, 1, 1); /* no slot for the kept copy: it is given up */
    assert_values(state, 5, 5);
    assert_ok(recurrent_state_fork(state, 5, &fork, err));
    step(fork, 1, 10); /* the other half of the fork falls back */
    assert_values(fork, 6, 15);
    assert_int_equal(recurrent_state_position(state), 0);
    recurrent_state_free(state);
    recurrent_state_free(fork);
    recurrent_state_store_free(states);
}

static void old_kept_states_grow_sparse_and_new_ones_stay_dense(void **unused)
{
    (void)unused;
    struct recurrent_state_store *states = store_of(9);
    struct recurrent_state *state = NULL;
    assert_ok(recurrent_state_new(states, &state, err));
    for (int i = 0; i < 256; i++) {
        step(state, 10, 1);
        recurrent_state_keep(state);
    }
    step(state, 10, 1);
    uint32_t gap_max = 0;
    uint32_t end = 2570;
    for (int back = 0; back < 5; back++) {
        recurrent_state_rewind(state, end - 1);
        const uint32_t position = recurrent_state_position(state);
        assert_true(end - position >= gap_max);
        gap_max = end - position;
        print_message("kept at %u\n", position);
        if (back == 0)
            assert_int_equal(position, 2560);
        end = position;
    }
    assert_true(gap_max > 20 && end > 0);
    recurrent_state_free(state);
    recurrent_state_store_free(states);
}

/* ---------------------------------------------------------------- the random walk */

enum { SEQS = 5, TOKENS_MAX = 4000 };

struct walker {
    struct recurrent_state *state;
    uint32_t tokens[TOKENS_MAX];
    uint32_t count;
};

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 40);
}

static uint32_t mix(uint32_t digest, uint32_t token)
{
    return (digest ^ token) * 0x9e3779b1u;
}

static void assert_digest(struct walker *w)
{
    const uint32_t position = recurrent_state_position(w->state);
    assert_true(position <= w->count);
    uint32_t want = 0;
    for (uint32_t i = 0; i < position; i++)
        want = mix(want, w->tokens[i]);
    uint32_t got = 0;
    if (position > 0)
        memcpy(&got, recurrent_state_values(w->state), sizeof(got));
    assert_int_equal(got, want);
}

/* What infer does: computes again what lies before, then the new tokens. */
static bool append(struct walker *w, uint32_t token)
{
    struct error error;
    if (recurrent_state_reserve(w->state, &error) != OK)
        return false;
    w->tokens[w->count++] = token;
    float *values = recurrent_state_values(w->state);
    uint32_t digest = 0;
    memcpy(&digest, values, sizeof(digest));
    for (uint32_t i = recurrent_state_position(w->state); i < w->count; i++)
        digest = mix(digest, w->tokens[i]);
    memcpy(values, &digest, sizeof(digest));
    recurrent_state_advance(w->state, w->count - recurrent_state_position(w->state));
    recurrent_state_rest(w->state);
    return true;
}

static void walk(uint32_t slot_count)
{
    struct recurrent_state_store *states = store_of(slot_count);
    static struct walker walkers[SEQS];
    uint64_t random = 5;
    size_t refused = 0;
    memset(walkers, 0, sizeof(walkers));
    for (int i = 0; i < SEQS; i++)
        assert_ok(recurrent_state_new(states, &walkers[i].state, err));
    for (int i = 0; i < 20000; i++) {
        struct walker *w = &walkers[next_random(&random) % SEQS];
        struct walker *other = &walkers[next_random(&random) % SEQS];
        const uint32_t at = w->count ? next_random(&random) % (w->count + 1) : 0;
        const uint32_t choice = next_random(&random) % 16;
        if (choice < 9 && w->count < TOKENS_MAX) {
            refused += !append(w, next_random(&random));
        } else if (choice < 13) {
            recurrent_state_keep(w->state);
        } else if (choice < 14) {
            recurrent_state_rewind(w->state, at);
            w->count = at;
        } else if (other != w) {
            recurrent_state_free(other->state);
            assert_ok(recurrent_state_fork(w->state, at, &other->state, err));
            memcpy(other->tokens, w->tokens, sizeof(w->tokens));
            other->count = at;
        }
        for (int k = 0; k < SEQS; k++)
            assert_digest(&walkers[k]);
    }
    assert_int_equal(refused, 0);
    for (int i = 0; i < SEQS; i++)
        recurrent_state_free(walkers[i].state);
    assert_int_equal(recurrent_state_store_free_count(states), slot_count);
    recurrent_state_store_free(states);
}

static void every_state_stands_for_its_own_tokens(void **unused)
{
    (void)unused;
    static const uint32_t slot_counts[] = {7, 3, 1, 16}; /* for five sequences at rest */
    for (size_t i = 0; i < sizeof(slot_counts) / sizeof(slot_counts[0]); i++)
        walk(slot_counts[i]);
}

static void numbers_out_of_range_are_refused(void **unused)
{
    (void)unused;
    struct recurrent_state_store *states = NULL;
    struct error error = {0};
    struct recurrent_state_store_config config = {.float_count = 4};
    assert_int_equal(recurrent_state_store_new(&config, &states, &error), E_INVALID);
    config.slot_count = RECURRENT_STATE_SLOTS_MAX + 1;
    assert_int_equal(recurrent_state_store_new(&config, &states, &error), E_INVALID);
    config = (struct recurrent_state_store_config){.float_count = SIZE_MAX / 8, .slot_count = 8};
    assert_true(recurrent_state_store_bytes(&config) == SIZE_MAX);
    assert_int_equal(recurrent_state_store_new(&config, &states, &error), E_NO_MEMORY);
    config = (struct recurrent_state_store_config){.float_count = 1000, .slot_count = 8};
    assert_in_range(recurrent_state_store_bytes(&config), 8 * 4000, 8 * 4100 + 1000);
    recurrent_state_store_free(NULL);
    recurrent_state_free(NULL);
}

static void states_are_told_and_loaded(void **unused)
{
    (void)unused;
    struct recurrent_state_store *states = store_of(4);
    struct recurrent_state *state = NULL;
    struct recurrent_state *loaded = NULL;
    uint32_t position = 0;
    float *values = NULL;
    assert_ok(recurrent_state_new(states, &state, err));
    assert_int_equal(recurrent_state_count(state), 0);
    step(state, 5, 1);
    recurrent_state_keep(state);
    assert_int_equal(recurrent_state_count(state), 1); /* kept and newest are one */
    step(state, 3, 1);
    assert_int_equal(recurrent_state_count(state), 2);
    assert_true(recurrent_state_at(state, 0, &position)[3] == 5 && position == 5);
    assert_true(recurrent_state_at(state, 1, &position)[3] == 8 && position == 8);
    assert_ok(recurrent_state_new(states, &loaded, err));
    assert_ok(recurrent_state_load(loaded, 8, &values, err));
    memcpy(values, recurrent_state_at(state, 1, &position), FLOATS * sizeof(*values));
    recurrent_state_rest(loaded);
    assert_values(loaded, 8, 8);
    step(loaded, 2, 1);
    assert_values(loaded, 10, 10);
    assert_values(state, 8, 8);
    recurrent_state_free(loaded);
    recurrent_state_free(state);
    recurrent_state_store_free(states);
}

int test_recurrent_state(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_shares_a_state_until_one_side_goes_on),
        cmocka_unit_test(a_rewind_goes_to_the_newest_kept_state_before_its_target),
        cmocka_unit_test(states_at_rest_go_before_a_sequence_is_refused),
        cmocka_unit_test(one_slot_serves_who_writes),
        cmocka_unit_test(old_kept_states_grow_sparse_and_new_ones_stay_dense),
        cmocka_unit_test(every_state_stands_for_its_own_tokens),
        cmocka_unit_test(states_are_told_and_loaded),
        cmocka_unit_test(numbers_out_of_range_are_refused),
    };
    return cmocka_run_group_tests_name("recurrent_state", tests, NULL, NULL);
}
