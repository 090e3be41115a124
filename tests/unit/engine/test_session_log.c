/*
 * Forks share the tokens of a log: a block changed in place would change another session's past,
 * and one never given back is lost for good. The random walk compares every operation with plain
 * copies; the counts show that what is shared is not copied.
 */
#include "base/mem.h"
#include "engine/recent_ids.h"
#include "engine/session_log.h"
#include "tests/holt_test.h"

#include <string.h>

enum { LOGS = 6, CAPACITY = 5 * SESSION_LOG_BLOCK_TOKENS / 2, WALK_STEPS = 4000, BRANCHES = 64 };

struct plain {
    struct session_log log;
    struct recent_ids recent;
    struct log_token tokens[CAPACITY];
};

static uint64_t seed = 7;

static uint32_t below(uint32_t count)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % count;
}

static void push(struct plain *p, int32_t id)
{
    const struct log_token token = {.id = id, .bytes = below(9), .origin = (uint8_t)below(4)};
    p->tokens[p->log.count] = token;
    recent_ids_push(&p->recent, p->log.count, id);
    session_log_push(&p->log, token);
}

static void assert_equal(struct plain *p)
{
    struct log_token *copy = session_log_copy(&p->log, p->log.count);
    uint32_t pieces = 0;
    for (uint32_t i = 0; i < p->log.count; i++) {
        assert_int_equal(copy[i].id, p->tokens[i].id);
        assert_int_equal(copy[i].bytes, p->tokens[i].bytes);
        assert_int_equal(copy[i].origin, p->tokens[i].origin);
        assert_int_equal(copy[i].keeps_state, p->tokens[i].keeps_state);
    }
    for (uint32_t begin = 0; begin < p->log.count; begin += session_log_run(&p->log, begin))
        pieces++;
    assert_int_equal(pieces,
                     (p->log.count + SESSION_LOG_BLOCK_TOKENS - 1) / SESSION_LOG_BLOCK_TOKENS);
    const uint32_t wanted = p->log.count < 40 ? p->log.count : 40;
    const int32_t *ids = recent_ids_of(&p->recent, &p->log, wanted);
    for (uint32_t i = 0; i < wanted; i++)
        assert_int_equal(ids[i], p->tokens[p->log.count - wanted + i].id);
    mem_free(copy);
}

static void cut(struct plain *p, uint32_t count)
{
    session_log_cut(&p->log, count);
    recent_ids_cut(&p->recent, count);
}

static void a_random_walk_equals_plain_copies(void **state)
{
    (void)state;
    struct session_log_store store = {0};
    static struct plain logs[LOGS];
    for (int i = 0; i < LOGS; i++)
        session_log_init(&logs[i].log, &store, CAPACITY);
    for (int step = 0; step < WALK_STEPS; step++) {
        struct plain *p = &logs[below(LOGS)];
        struct plain *other = &logs[below(LOGS)];
        const uint32_t kind = below(10);
        if (kind < 5) {
            for (uint32_t k = below(200); k > 0 && p->log.count < CAPACITY; k--)
                push(p, step * 1000 + (int32_t)k);
        } else if (kind < 7) {
            cut(p,
                p->log.count ? p->log.count - below(p->log.count < 300 ? p->log.count : 300) : 0);
        } else if (kind < 8 && p->log.count > 0) {
            const uint32_t at = below(p->log.count);
            session_log_keep_state(&p->log, at);
            p->tokens[at].keeps_state = true;
        } else if (p != other) {
            session_log_done(&p->log);
            recent_ids_cut(&p->recent, 0);
            session_log_init(&p->log, &store, CAPACITY);
            session_log_share(&other->log, &p->log);
            memcpy(p->tokens, other->tokens, sizeof(p->tokens));
        }
        assert_equal(p);
        assert_equal(other);
    }
    for (int i = 0; i < LOGS; i++) {
        assert_equal(&logs[i]);
        session_log_done(&logs[i].log);
        recent_ids_done(&logs[i].recent);
    }
    assert_int_equal(store.used_count, 0);
    session_log_store_done(&store);
}

/* Branches behind `tokens` tokens, each with one of its own: allocations and blocks they take. */
static void branch_off(uint32_t tokens, size_t *out_share, size_t *out_grow, uint32_t *out_blocks)
{
    struct session_log_store store = {0};
    struct session_log trunk = {0};
    struct session_log branches[BRANCHES];
    session_log_init(&trunk, &store, 1 << 18);
    for (uint32_t i = 0; i < tokens; i++)
        session_log_push(&trunk, (struct log_token){.id = (int32_t)i});
    session_log_reserve(&trunk, BRANCHES * SESSION_LOG_BLOCK_TOKENS);
    const uint32_t before = store.used_count;
    const size_t begin = mem_allocation_count();
    for (int i = 0; i < BRANCHES; i++) {
        session_log_init(&branches[i], &store, trunk.capacity);
        session_log_share(&trunk, &branches[i]);
    }
    assert_int_equal(store.used_count, before);
    *out_share = mem_allocation_count() - begin;
    for (int i = 0; i < BRANCHES; i++)
        session_log_push(&branches[i], (struct log_token){.id = -i});
    *out_grow = mem_allocation_count() - begin - *out_share;
    *out_blocks = store.used_count - before;
    for (int i = 0; i < BRANCHES; i++) {
        assert_int_equal(session_log_at(&branches[i], tokens)->id, -i);
        assert_int_equal(session_log_at(&branches[i], tokens - 1)->id, tokens - 1);
        session_log_done(&branches[i]);
    }
    session_log_done(&trunk);
    session_log_store_done(&store);
}

static void branches_cost_their_own_tokens_whatever_the_length(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {100, 16384 - 10, 131072 - 10};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        size_t share = 0;
        size_t grow = 0;
        uint32_t blocks = 0;
        branch_off(lengths[i], &share, &grow, &blocks);
        assert_int_equal(share, 0);
        assert_int_equal(grow, BRANCHES); /* a table each */
        assert_int_equal(blocks, BRANCHES);
    }
}

static void behind_a_reservation_nothing_is_allocated(void **state)
{
    (void)state;
    struct session_log_store store = {0};
    struct session_log log = {0};
    session_log_init(&log, &store, 100000);
    session_log_push(&log, (struct log_token){.id = 1});
    session_log_reserve(&log, 60000);
    const size_t before = mem_allocation_count();
    for (int32_t i = 0; i < 60000; i++)
        session_log_push(&log, (struct log_token){.id = i});
    assert_int_equal(mem_allocation_count(), before);
    session_log_cut(&log, 100);
    for (int32_t i = 0; i < 60000; i++)
        session_log_push(&log, (struct log_token){.id = i});
    assert_int_equal(mem_allocation_count(), before);
    session_log_done(&log);
    session_log_store_done(&store);
}

int test_session_log(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_walk_equals_plain_copies),
        cmocka_unit_test(branches_cost_their_own_tokens_whatever_the_length),
        cmocka_unit_test(behind_a_reservation_nothing_is_allocated),
    };
    return cmocka_run_group_tests_name("session_log", tests, NULL, NULL);
}
