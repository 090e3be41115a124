/*
 * The heap of long words and the scan of short ones must join in the same order as the rule says:
 * best pair first, leftmost of equals. The rule itself, done the slow way, is the judge.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "tokenizer/merger.h"

#include <time.h>

static uint64_t random_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Scans the whole word for the best pair, joins it, and begins again. */
static size_t join_slowly(const struct merge_table *table, uint32_t *ids, size_t count)
{
    for (;;) {
        size_t best = SIZE_MAX;
        struct merge_table_entry best_entry = {.priority = MERGE_TABLE_NONE};
        for (size_t i = 0; i + 1 < count; i++) {
            const struct merge_table_entry entry = merge_table_find(table, ids[i], ids[i + 1]);
            if (entry.priority < best_entry.priority) {
                best_entry = entry;
                best = i;
            }
        }
        if (best == SIZE_MAX)
            return count;
        ids[best] = best_entry.joined;
        count--;
        memmove(&ids[best + 1], &ids[best + 2], (count - best - 1) * sizeof(*ids));
    }
}

/* Joins of small letters, of what those give, and so on: few enough to happen often. Every pair
 * gives a number of its own, since numbers stand for texts. */
static void add_random_merges(struct merge_table *table, uint64_t *seed)
{
    uint32_t next = 4;
    for (int i = 0; i < 40; i++) {
        const struct merge_table_entry entry = {
            .left = (uint32_t)(random_next(seed) % next),
            .right = (uint32_t)(random_next(seed) % next),
            .priority = (uint32_t)(random_next(seed) % 20), /* with equals */
            .joined = next,
        };
        if (merge_table_find(table, entry.left, entry.right).priority != MERGE_TABLE_NONE)
            continue;
        assert_true(merge_table_add(table, entry));
        next++;
    }
}

static void fill(struct merger *merger, const uint32_t *ids, size_t count)
{
    assert_true(merger_begin(merger, count));
    for (size_t i = 0; i < count; i++)
        merger->symbols[i] = (struct merger_symbol){(uint32_t)i, 1, ids[i]};
    merger->symbol_count = count;
}

static void joins_happen_in_the_order_of_the_rule(void **state)
{
    (void)state;
    uint64_t seed = 20;
    struct merger merger = {0};
    for (int round = 0; round < 400; round++) {
        struct merge_table table = {0};
        assert_true(merge_table_reserve(&table, 1));
        add_random_merges(&table, &seed);
        uint32_t ids[200];
        const size_t count = random_next(&seed) % ARRAY_LEN(ids);
        for (size_t i = 0; i < count; i++)
            ids[i] = (uint32_t)(random_next(&seed) % 4);
        fill(&merger, ids, count);
        const size_t left = join_slowly(&table, ids, count);
        assert_true(merger_run(&merger, &table));
        assert_int_equal(merger.symbol_count, left);
        uint32_t at = 0;
        for (size_t i = 0; i < left; i++) {
            assert_int_equal(merger.symbols[i].id, ids[i]);
            assert_int_equal(merger.symbols[i].start, at);
            at += merger.symbols[i].len;
        }
        assert_int_equal(at, count);
        merge_table_done(&table);
    }
    merger_done(&merger);
}

static void symbols_without_a_number_never_join(void **state)
{
    (void)state;
    struct merge_table table = {0};
    assert_true(merge_table_reserve(&table, 1));
    const uint32_t ids[] = {MERGE_TABLE_NONE, 0, MERGE_TABLE_NONE, MERGE_TABLE_NONE};
    struct merger merger = {0};
    fill(&merger, ids, ARRAY_LEN(ids));
    assert_true(merger_run(&merger, &table));
    assert_int_equal(merger.symbol_count, ARRAY_LEN(ids));
    merger_done(&merger);
    merge_table_done(&table);
}

static void the_longest_word_is_quick(void **state)
{
    (void)state;
    /* aa, aaaa, aaaaaaaa, ...: every level of the run joins */
    struct merge_table table = {0};
    for (uint32_t i = 0; i < 10; i++)
        assert_true(merge_table_add(&table, (struct merge_table_entry){i, i, i, i + 1}));
    struct merger merger = {0};
    assert_true(merger_begin(&merger, MERGER_SYMBOLS_MAX));
    for (uint32_t i = 0; i < MERGER_SYMBOLS_MAX; i++)
        merger.symbols[i] = (struct merger_symbol){i, 1, 0};
    merger.symbol_count = MERGER_SYMBOLS_MAX;
    const clock_t start = clock();
    assert_true(merger_run(&merger, &table));
    assert_true(clock() - start < 10 * CLOCKS_PER_SEC); /* far below; quadratic: an hour */
    assert_int_equal(merger.symbol_count, MERGER_SYMBOLS_MAX / 1024);
    merger_done(&merger);
    merge_table_done(&table);
}

static void the_earlier_of_two_equal_merges_stays(void **state)
{
    (void)state;
    struct merge_table table = {0};
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(merge_table_add(&table, (struct merge_table_entry){i, i + 1, i, 5000 + i}));
        assert_true(merge_table_add(&table, (struct merge_table_entry){i, i + 1, 0, 9}));
    }
    assert_int_equal(table.count, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(merge_table_find(&table, i, i + 1).joined, 5000 + i);
    assert_int_equal(merge_table_find(&table, 5, 5).priority, MERGE_TABLE_NONE);
    merge_table_done(&table);
}

int test_merger(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_happen_in_the_order_of_the_rule),
        cmocka_unit_test(symbols_without_a_number_never_join),
        cmocka_unit_test(the_longest_word_is_quick),
        cmocka_unit_test(the_earlier_of_two_equal_merges_stays),
    };
    return cmocka_run_group_tests_name("merger", tests, NULL, NULL);
}
