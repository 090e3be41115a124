/*
 * A tree of prefixes answers with the longest beginning that is held, whoever holds it, and forgets
 * what nobody holds: checked against a plain list of logs.
 */
#include "base/mem.h"
#include "engine/prefix_tree.h"
#include "engine/session_internal.h"
#include "tests/holt_test.h"

#include <string.h>

enum { LOGS = 40, TOKENS_MAX = 300, ROUNDS = 3000 };

struct held {
    struct log_token log[TOKENS_MAX];
    uint32_t count;
    struct prefix_node *place; /* NULL: not held */
};

static uint64_t state = 20250801;

static uint32_t below(uint32_t n)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

/* A log that often shares its beginning with another: long runs and one change. */
static void make_log(const struct held *other, struct held *out)
{
    const uint32_t common = other->count ? below(other->count + 1) : 0;
    out->count = common + 1 + below(TOKENS_MAX - common);
    if (out->count > TOKENS_MAX)
        out->count = TOKENS_MAX;
    for (uint32_t i = 0; i < out->count; i++)
        out->log[i] = i < common ? other->log[i] : (struct log_token){.id = (int32_t)below(2)};
}

static uint32_t common_of(const struct held *a, const struct held *b)
{
    uint32_t i = 0;
    while (i < a->count && i < b->count && a->log[i].id == b->log[i].id)
        i++;
    return i;
}

static bool holds(const struct prefix_node *node, const void *owner)
{
    for (const struct prefix_holder *h = prefix_tree_holders(node); h; h = h->next)
        if (h->owner == owner)
            return true;
    return false;
}

static void the_longest_beginning_is_found(void **unused)
{
    (void)unused;
    struct held *logs = mem_zalloc(LOGS * sizeof(*logs));
    struct held *asked = mem_zalloc(sizeof(*asked));
    struct prefix_tree *tree = prefix_tree_new();
    for (int round = 0; round < ROUNDS; round++) {
        struct held *one = &logs[below(LOGS)];
        if (one->place) {
            prefix_tree_remove(tree, one->place, one);
            one->place = NULL;
        } else {
            make_log(&logs[below(LOGS)], one);
            one->place = prefix_tree_add(tree, one->log, one->count, 0, one);
        }
        make_log(&logs[below(LOGS)], asked);
        uint32_t best = 0;
        for (size_t i = 0; i < LOGS; i++)
            if (logs[i].place && common_of(&logs[i], asked) > best)
                best = common_of(&logs[i], asked);
        struct prefix_path path = {0};
        prefix_tree_find_log(tree, asked->log, asked->count, &path);
        assert_int_equal(path.token_count, best);
        assert_int_equal(path.node_count, (best + 63) / 64);
        bool has_holder = best == 0;
        for (size_t i = 0; i < LOGS && path.node_count > 0; i++)
            has_holder |= logs[i].place && common_of(&logs[i], asked) == best &&
                          holds(path.nodes[path.node_count - 1], &logs[i]);
        assert_true(has_holder);
        prefix_tree_path_done(&path);
    }
    prefix_tree_free(tree);
    mem_free(asked);
    mem_free(logs);
}

static void a_holder_has_its_own_pages_only(void **unused)
{
    (void)unused;
    struct held *one = mem_zalloc(sizeof(*one));
    struct prefix_tree *tree = prefix_tree_new();
    struct prefix_path path = {0};
    one->count = 200;
    for (uint32_t i = 0; i < one->count; i++)
        one->log[i].id = (int32_t)below(1000);
    one->place = prefix_tree_add(tree, one->log, one->count, 2, one);
    prefix_tree_find_log(tree, one->log, one->count, &path);
    assert_int_equal(path.token_count, 0); /* nobody has its beginning */
    struct prefix_node *begin = prefix_tree_add(tree, one->log, 128, 0, tree);
    prefix_tree_find_log(tree, one->log, one->count, &path);
    assert_int_equal(path.node_count, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(holds(path.nodes[i], one), i >= 2);
    prefix_tree_path_done(&path);
    prefix_tree_find_log(tree, one->log, 130, &path);
    assert_int_equal(path.token_count, 130);
    const struct log_token *next = prefix_tree_next_token(tree, &path);
    assert_int_equal(next->id, one->log[130].id);
    prefix_tree_path_done(&path);
    prefix_tree_remove(tree, one->place, one);
    prefix_tree_find_log(tree, one->log, one->count, &path);
    assert_int_equal(path.token_count, 128);
    prefix_tree_path_done(&path);
    prefix_tree_remove(tree, begin, tree);
    prefix_tree_find_log(tree, one->log, one->count, &path);
    assert_int_equal(path.token_count, 0);
    assert_null(prefix_tree_next_token(tree, &path));
    prefix_tree_free(tree);
    mem_free(one);
}

int test_prefix_tree(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_beginning_is_found),
        cmocka_unit_test(a_holder_has_its_own_pages_only),
    };
    return cmocka_run_group_tests_name("prefix tree", tests, NULL, NULL);
}
