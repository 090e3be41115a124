/*
 * The page tables decide which keys a query sees: a page counted wrongly is read by the wrong
 * sequence or never comes back. The random walk compares every operation with a model that simply
 * copies whole token lists.
 */
#include "base/mem.h"
#include "infer/kv_cache.h"
#include "tests/holt_test.h"

#include <string.h>

/* Layers need not be alike; the last keeps values in its keys. */
static const struct kv_cache_layer layers[] = {
    {2, 4, 4, 0, false}, {1, 6, 2, 0, false}, {1, 8, 0, 0, false}};

static const struct kv_cache_config small = {
    .layers = layers, .layer_count = ARRAY_LEN(layers), .kind = KV_KIND_F32, .token_capacity = 640};

/* Stands for the keys and values of one token: one number in every layer, first bytes of its
 * place. */
static uint32_t *token_mark(const struct kv_view *view, const struct kv_cache_seq *seq,
                            uint32_t layer, uint32_t position)
{
    const uint32_t page = kv_cache_seq_pages(seq)[position / KV_PAGE_TOKENS];
    return (uint32_t *)(void *)kv_view_page(view, layer, page) + position % KV_PAGE_TOKENS;
}

static void append_marks(const struct kv_cache *cache, struct kv_cache_seq *seq, uint32_t first,
                         uint32_t count)
{
    const uint32_t before = kv_cache_seq_token_count(seq);
    assert_ok(kv_cache_seq_append(seq, count, err));
    assert_int_equal(kv_cache_seq_token_count(seq), before + count);
    for (uint32_t layer = 0; layer < small.layer_count; layer++)
        for (uint32_t i = 0; i < count; i++)
            *token_mark(kv_cache_view(cache), seq, layer, before + i) = (first + i) * 8 + layer;
}

static void assert_marks(const struct kv_cache *cache, const struct kv_cache_seq *seq,
                         const uint32_t *marks, uint32_t count)
{
    assert_int_equal(kv_cache_seq_token_count(seq), count);
    for (uint32_t layer = 0; layer < small.layer_count; layer++)
        for (uint32_t i = 0; i < count; i++)
            if (*token_mark(kv_cache_view(cache), seq, layer, i) != marks[i] * 8 + layer)
                fail_msg("token %u of layer %u is another's", i, layer);
}

static void a_fork_shares_pages_until_one_side_writes(void **state)
{
    (void)state;
    struct kv_cache *cache = NULL;
    struct kv_cache_seq *seq = NULL;
    struct kv_cache_seq *fork = NULL;
    assert_ok(kv_cache_new(&small, &cache, err));
    assert_int_equal(kv_cache_page_count(cache), 10);
    assert_ok(kv_cache_seq_new(cache, &seq, err));
    append_marks(cache, seq, 1000, 100);
    assert_int_equal(kv_cache_free_page_count(cache), 8);

    assert_ok(kv_cache_seq_fork(seq, 80, &fork, err));
    assert_int_equal(kv_cache_free_page_count(cache), 8);
    assert_int_equal(kv_cache_seq_append_pages(fork, 1), 1);
    append_marks(cache, fork, 2000, 1); /* copies the page that is half full */
    assert_int_equal(kv_cache_free_page_count(cache), 7);
    assert_int_equal(kv_cache_seq_pages(fork)[0], kv_cache_seq_pages(seq)[0]);
    assert_int_not_equal(kv_cache_seq_pages(fork)[1], kv_cache_seq_pages(seq)[1]);
    append_marks(cache, seq, 1100, 1); /* alone again: writes in place */
    assert_int_equal(kv_cache_free_page_count(cache), 7);

    uint32_t marks[101];
    for (uint32_t i = 0; i < 101; i++)
        marks[i] = 1000 + i;
    assert_marks(cache, seq, marks, 101);
    marks[80] = 2000;
    assert_marks(cache, fork, marks, 81);

    kv_cache_seq_free(seq); /* the fork keeps what it shares */
    assert_marks(cache, fork, marks, 81);
    kv_cache_seq_free(fork);
    assert_int_equal(kv_cache_free_page_count(cache), 10);
    kv_cache_free(cache);
}

/* Allocations of a fork of so many tokens, and of its first own one. */
static void count_fork(uint32_t token_count, size_t *out_fork, size_t *out_append)
{
    struct kv_cache *cache = NULL;
    struct kv_cache_seq *seq = NULL;
    struct kv_cache_seq *fork = NULL;
    struct kv_cache_config config = small;
    config.token_capacity = 1 << 17;
    assert_ok(kv_cache_new(&config, &cache, err));
    assert_ok(kv_cache_seq_new(cache, &seq, err));
    assert_ok(kv_cache_seq_append(seq, token_count, err));
    const uint32_t free_count = kv_cache_free_page_count(cache);
    const size_t begin = mem_allocation_count();
    assert_ok(kv_cache_seq_fork(seq, token_count, &fork, err));
    *out_fork = mem_allocation_count() - begin;
    assert_ptr_equal(kv_cache_seq_pages(fork), kv_cache_seq_pages(seq)); /* the list too */
    assert_int_equal(kv_cache_seq_append_pages(seq, 1), 1);
    assert_ok(kv_cache_seq_append(fork, 1, err));
    *out_append = mem_allocation_count() - begin - *out_fork;
    assert_ptr_not_equal(kv_cache_seq_pages(fork), kv_cache_seq_pages(seq));
    assert_int_equal(kv_cache_free_page_count(cache), free_count - 1);
    kv_cache_seq_free(seq);
    kv_cache_seq_free(fork);
    assert_int_equal(kv_cache_free_page_count(cache), kv_cache_page_count(cache));
    kv_cache_free(cache);
}

static void a_fork_costs_the_same_whatever_its_length(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {10, 16384 - 10, (1 << 17) - 100};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        size_t fork = 0;
        size_t append = 0;
        count_fork(lengths[i], &fork, &append);
        assert_int_equal(fork, 1);
        assert_int_equal(append, 1);
    }
}

static void a_fork_at_a_page_end_copies_nothing(void **state)
{
    (void)state;
    struct kv_cache *cache = NULL;
    struct kv_cache_seq *seq = NULL;
    struct kv_cache_seq *fork = NULL;
    assert_ok(kv_cache_new(&small, &cache, err));
    assert_ok(kv_cache_seq_new(cache, &seq, err));
    append_marks(cache, seq, 0, 128);
    assert_ok(kv_cache_seq_fork(seq, 64, &fork, err));
    assert_int_equal(kv_cache_seq_append_pages(fork, 64), 1);
    assert_int_equal(kv_cache_seq_append_pages(fork, 65), 2);
    assert_int_equal(kv_cache_seq_append_pages(fork, 0), 0);
    append_marks(cache, fork, 500, 64);
    assert_int_equal(kv_cache_free_page_count(cache), 7);
    kv_cache_seq_free(fork);
    kv_cache_seq_free(seq);
    kv_cache_free(cache);
}

static void a_full_cache_refuses_and_changes_nothing(void **state)
{
    (void)state;
    struct kv_cache *cache = NULL;
    struct kv_cache_seq *seq = NULL;
    struct kv_cache_seq *fork = NULL;
    assert_ok(kv_cache_new(&small, &cache, err));
    assert_ok(kv_cache_seq_new(cache, &seq, err));
    append_marks(cache, seq, 0, 630);
    struct error error = {0};
    assert_int_equal(kv_cache_seq_append(seq, 11, &error), E_LIMIT);
    assert_non_null(strstr(error.text, "no room for 11 more tokens"));
    assert_int_equal(kv_cache_seq_append(seq, UINT32_MAX, &error), E_LIMIT);
    assert_int_equal(kv_cache_seq_token_count(seq), 630);
    assert_int_equal(kv_cache_seq_append(seq, 0, &error), OK);

    /* The copy of a shared page needs a page too. */
    assert_ok(kv_cache_seq_fork(seq, 630, &fork, err));
    assert_int_equal(kv_cache_seq_append(fork, 1, &error), E_LIMIT);
    kv_cache_seq_free(seq);
    append_marks(cache, fork, 900, 10);
    assert_int_equal(kv_cache_seq_append(fork, 1, &error), E_LIMIT);
    kv_cache_seq_free(fork);
    kv_cache_free(cache);
}

static void bad_requests_are_refused_with_a_sentence(void **state)
{
    (void)state;
    struct error error = {0};
    struct kv_cache *cache = NULL;
    struct kv_cache_config config = small;
    config.token_capacity = 0;
    assert_int_equal(kv_cache_new(&config, &cache, &error), E_INVALID);
    config.token_capacity = KV_CACHE_TOKENS_MAX + 1;
    assert_int_equal(kv_cache_new(&config, &cache, &error), E_INVALID);
    const struct kv_cache_layer huge = {UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, false};
    config = (struct kv_cache_config){.layers = &huge,
                                      .layer_count = 1,
                                      .kind = KV_KIND_F32,
                                      .token_capacity = KV_CACHE_TOKENS_MAX};
    assert_true(kv_cache_bytes(&config) == SIZE_MAX);
    assert_int_equal(kv_cache_new(&config, &cache, &error), E_NO_MEMORY);
    assert_null(cache);

    struct kv_cache_seq *seq = NULL;
    struct kv_cache_seq *fork = NULL;
    assert_ok(kv_cache_new(&small, &cache, err));
    assert_ok(kv_cache_seq_new(cache, &seq, err));
    assert_int_equal(kv_cache_seq_fork(seq, 1, &fork, &error), E_INVALID);
    assert_non_null(strstr(error.text, "a fork at token 1 of a sequence of 0 tokens"));
    assert_null(fork);
    kv_cache_seq_truncate(seq, 5); /* longer than it is: nothing to forget */
    assert_int_equal(kv_cache_seq_token_count(seq), 0);
    kv_cache_seq_free(seq);
    kv_cache_free(cache);
    kv_cache_free(NULL);
    kv_cache_seq_free(NULL);
}

/* ---------------------------------------------------------------- random walk */

enum { WALK_SEQS = 5, WALK_STEPS = 4000, WALK_TOKENS = 640 };

struct walk_seq {
    struct kv_cache_seq *seq; /* NULL: this place is empty */
    uint32_t marks[WALK_TOKENS];
    uint32_t count;
};

static uint32_t walk_random(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

static void walk_append(struct kv_cache *cache, struct walk_seq *one, uint32_t count,
                        uint32_t *next_mark)
{
    struct error error;
    const uint32_t pages = kv_cache_seq_append_pages(one->seq, count);
    if (pages > kv_cache_free_page_count(cache)) {
        assert_int_equal(kv_cache_seq_append(one->seq, count, &error), E_LIMIT);
        return;
    }
    const uint32_t before = kv_cache_free_page_count(cache);
    append_marks(cache, one->seq, *next_mark, count);
    assert_int_equal(kv_cache_free_page_count(cache), before - pages);
    for (uint32_t i = 0; i < count; i++)
        one->marks[one->count++] = (*next_mark)++;
}

static void walk_fork(struct walk_seq *from, struct walk_seq *to, uint32_t count)
{
    kv_cache_seq_free(to->seq);
    to->seq = NULL;
    assert_ok(kv_cache_seq_fork(from->seq, count, &to->seq, err));
    memcpy(to->marks, from->marks, count * sizeof(to->marks[0]));
    to->count = count;
}

static void walk_step(struct kv_cache *cache, struct walk_seq *seqs, uint64_t *random,
                      uint32_t *next_mark)
{
    struct walk_seq *one = &seqs[walk_random(random, WALK_SEQS)];
    struct walk_seq *other = &seqs[walk_random(random, WALK_SEQS)];
    if (!one->seq) {
        assert_ok(kv_cache_seq_new(cache, &one->seq, err));
        one->count = 0;
    }
    switch (walk_random(random, 6)) {
    case 0:
        if (other != one)
            walk_fork(one, other, walk_random(random, one->count + 1));
        break;
    case 1:
        one->count = walk_random(random, one->count + 1);
        kv_cache_seq_truncate(one->seq, one->count);
        break;
    case 2:
        if (walk_random(random, 4) == 0) {
            kv_cache_seq_free(one->seq);
            one->seq = NULL;
        }
        break;
    default: walk_append(cache, one, 1 + walk_random(random, 90), next_mark); break;
    }
}

static void a_random_walk_never_mixes_sequences_or_loses_pages(void **state)
{
    (void)state;
    struct kv_cache *cache = NULL;
    assert_ok(kv_cache_new(&small, &cache, err));
    struct walk_seq *seqs = mem_zalloc(WALK_SEQS * sizeof(*seqs));
    uint64_t random = 7;
    uint32_t next_mark = 1;
    for (int step = 0; step < WALK_STEPS; step++) {
        walk_step(cache, seqs, &random, &next_mark);
        if (step % 16 == 0)
            for (int i = 0; i < WALK_SEQS; i++)
                if (seqs[i].seq)
                    assert_marks(cache, seqs[i].seq, seqs[i].marks, seqs[i].count);
    }
    for (int i = 0; i < WALK_SEQS; i++)
        kv_cache_seq_free(seqs[i].seq);
    assert_int_equal(kv_cache_free_page_count(cache), kv_cache_page_count(cache));
    mem_free(seqs);
    kv_cache_free(cache);
}

/* Nothing of one conversation may get into what another one stores. */
static void a_page_of_another_is_zeros(void **state)
{
    (void)state;
    struct kv_cache *cache = NULL;
    struct kv_cache_seq *seq = NULL;
    assert_ok(kv_cache_new(&small, &cache, err));
    assert_ok(kv_cache_seq_new(cache, &seq, err));
    append_marks(cache, seq, 1000, 640);
    kv_cache_seq_free(seq);
    assert_ok(kv_cache_seq_new(cache, &seq, err));
    append_marks(cache, seq, 500, 70);
    size_t page_bytes = 0;
    for (uint32_t piece = 0; piece < kv_cache_piece_count(cache); piece++) {
        const struct kv_cache_piece found = kv_cache_seq_piece(seq, 1, piece);
        page_bytes += found.size;
        for (size_t i = 6 * sizeof(uint32_t); i < found.size; i++)
            assert_int_equal(found.bytes[i], 0);
        unsigned char *copy = mem_copy(found.bytes, found.size);
        memset(copy, 7, found.size);
        kv_cache_clear_tail(cache, piece, copy, 0);
        for (size_t i = 0; i < found.size; i++)
            assert_int_equal(copy[i], 0);
        mem_free(copy);
    }
    assert_int_equal(page_bytes, kv_cache_page_bytes(cache));
    kv_cache_seq_free(seq);
    kv_cache_free(cache);
}

static void loading_takes_pages_or_none(void **state)
{
    (void)state;
    struct kv_cache *cache = NULL;
    struct kv_cache_seq *seq = NULL;
    struct kv_cache_seq *other = NULL;
    struct error err = {0};
    assert_int_equal(kv_cache_new(&small, &cache, &err), OK);
    assert_int_equal(kv_cache_seq_new(cache, &seq, &err), OK);
    assert_int_equal(kv_cache_seq_new(cache, &other, &err), OK);
    assert_int_equal(kv_cache_seq_load(seq, 500, &err), OK);
    assert_int_equal(kv_cache_free_page_count(cache), 2);
    assert_int_equal(kv_cache_seq_load(other, 129, &err), E_LIMIT);
    assert_int_equal(kv_cache_seq_token_count(other), 0);
    assert_int_equal(kv_cache_free_page_count(cache), 2);
    assert_int_equal(kv_cache_seq_load(other, 128, &err), OK);
    kv_cache_seq_free(seq);
    kv_cache_seq_free(other);
    assert_int_equal(kv_cache_free_page_count(cache), 10);
    kv_cache_free(cache);
}

/* Where open page i of the sequence begins in a layer. */
static unsigned char *open_rows(const struct kv_cache *cache, const struct kv_cache_seq *seq,
                                uint32_t layer, uint32_t i)
{
    return kv_view_open_page(kv_cache_view(cache), layer, kv_cache_seq_open_pages(seq)[i]);
}

static void blocks_that_a_slice_fills_keep_no_rows_of_their_own(void **state)
{
    (void)state;
    static const struct kv_cache_layer coded_layers[] = {{1, 32, 32, 0, false},
                                                         {2, 64, 16, 0, false}};
    const struct kv_cache_config config = {.layers = coded_layers,
                                           .layer_count = 2,
                                           .kind = KV_KIND_T4,
                                           .token_capacity = 640,
                                           .open_page_count = 3,
                                           .passing_page_count = 2};
    struct kv_cache *cache = NULL;
    struct kv_cache_seq *seq = NULL;
    assert_ok(kv_cache_new(&config, &cache, err));
    assert_ok(kv_cache_seq_new(cache, &seq, err));
    assert_ok(kv_cache_seq_append(seq, 256, err));
    kv_cache_open_begin(cache);
    assert_true(kv_cache_seq_open(seq, 0));
    assert_false(kv_cache_seq_open_passing(seq, 0)); /* it is needed as long as there is one */
    assert_true(kv_cache_seq_open_passing(seq, 64));
    assert_true(kv_cache_seq_open_passing(seq, 128));
    assert_false(kv_cache_seq_open_passing(seq, 192)); /* there are two */
    assert_true(kv_cache_seq_open(seq, 192));
    assert_false(kv_cache_seq_open_passing(seq, 192)); /* it is open */
    const size_t largest = kv_cache_view(cache)->layers[1].open_page_bytes;
    for (uint32_t i = 0; i < 4; i++) {
        const bool is_shared = open_rows(cache, seq, 0, i) == open_rows(cache, seq, 1, i);
        assert_int_equal(is_shared, i == 1 || i == 2);
        memset(open_rows(cache, seq, 1, i), 7, largest); /* their own memory */
    }
    assert_true(open_rows(cache, seq, 0, 2) - open_rows(cache, seq, 0, 1) >= (ptrdiff_t)largest);
    for (uint32_t position = 0; position < 200; position++)
        kv_cache_seq_note(seq, position);
    assert_int_equal(kv_cache_seq_missing(seq, 64), 64);
    assert_int_equal(kv_cache_seq_missing(seq, 200), 200);

    kv_cache_open_begin(cache); /* the next slice */
    assert_true(kv_cache_seq_open(seq, 100));
    assert_int_equal(kv_cache_seq_missing(seq, 100), 64); /* all rows before it in its block */
    kv_cache_seq_free(seq);
    kv_cache_free(cache);
}

/* A layer for guesses keeps rows beside layers that keep codes. */
static void a_plain_layer_has_rows_where_others_have_codes(void **state)
{
    (void)state;
    static const struct kv_cache_layer layers_of_both[] = {{2, 32, 32, 0, false},
                                                           {2, 32, 32, 0, true}};
    enum { ROW_BYTES = 32 * 2, TOKENS = 10, HALF = 2 * KV_PAGE_TOKENS * ROW_BYTES };
    const struct kv_cache_config config = {.layers = layers_of_both,
                                           .layer_count = 2,
                                           .kind = KV_KIND_T4,
                                           .token_capacity = 640,
                                           .open_page_count = 3};
    struct kv_cache *cache = NULL;
    assert_ok(kv_cache_new(&config, &cache, err));
    const struct kv_view *view = kv_cache_view(cache);
    assert_true(kv_view_is_coded(view, 0));
    assert_false(kv_view_is_coded(view, 1));
    assert_int_equal(view->layers[1].page_bytes, 2 * HALF);
    assert_int_equal(view->layers[1].open_page_bytes, 0);
    assert_true(view->layers[0].page_bytes * 3 < view->layers[1].page_bytes);
    unsigned char *copy = mem_alloc(2 * HALF);
    memset(copy, 7, 2 * HALF);
    kv_cache_clear_tail(cache, 1, copy, TOKENS);
    for (size_t i = 0; i < (size_t)2 * HALF; i++)
        assert_int_equal(copy[i], i / ROW_BYTES % KV_PAGE_TOKENS < TOKENS ? 7 : 0);
    memset(copy, 7, view->layers[0].page_bytes);
    kv_cache_clear_tail(cache, 0, copy, TOKENS); /* codes of a part of a block mean nothing */
    for (size_t i = 0; i < view->layers[0].page_bytes; i++)
        assert_int_equal(copy[i], 0);
    mem_free(copy);
    kv_cache_free(cache);
}

/* Qwen3 4B with 32K tokens: what docs/kv.md says. */
static void codes_take_a_quarter_of_the_memory(void **state)
{
    (void)state;
    struct kv_cache_layer shape[36];
    for (size_t i = 0; i < ARRAY_LEN(shape); i++)
        shape[i] = (struct kv_cache_layer){8, 128, 128, 0, false};
    struct kv_cache_config config = {.layers = shape,
                                     .layer_count = ARRAY_LEN(shape),
                                     .kind = KV_KIND_F16,
                                     .token_capacity = 32768,
                                     .open_page_count = 3,
                                     .passing_page_count = 4};
    const size_t f16 = kv_cache_bytes(&config);
    config.kind = KV_KIND_T4;
    assert_in_range(kv_cache_bytes(&config) * 1000 / f16, 260, 272);
    config.kind = KV_KIND_T3;
    assert_in_range(kv_cache_bytes(&config) * 1000 / f16, 200, 210);
}

int test_kv_cache(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_shares_pages_until_one_side_writes),
        cmocka_unit_test(a_fork_costs_the_same_whatever_its_length),
        cmocka_unit_test(a_fork_at_a_page_end_copies_nothing),
        cmocka_unit_test(a_full_cache_refuses_and_changes_nothing),
        cmocka_unit_test(bad_requests_are_refused_with_a_sentence),
        cmocka_unit_test(a_page_of_another_is_zeros),
        cmocka_unit_test(loading_takes_pages_or_none),
        cmocka_unit_test(a_plain_layer_has_rows_where_others_have_codes),
        cmocka_unit_test(blocks_that_a_slice_fills_keep_no_rows_of_their_own),
        cmocka_unit_test(codes_take_a_quarter_of_the_memory),
        cmocka_unit_test(a_random_walk_never_mixes_sequences_or_loses_pages),
    };
    return cmocka_run_group_tests_name("kv_cache", tests, NULL, NULL);
}
