/*
 * What stands around the arithmetic: limits with a sentence, nothing changed by a refused step,
 * memory that is known beforehand and not allocated later.
 */
#include "base/mem.h"
#include "infer/kv_cache.h"
#include "model/model.h"
#include "os/cpu.h"
#include "os/worker_pool.h"
#include "tests/tiny_hybrid.h"
#include "tests/unit/infer/loaded_model.h"

static struct infer_config small_config(void)
{
    return (struct infer_config){.thread_count = 1,
                                 .cpu_features = cpu_features(),
                                 .token_capacity = 200, /* 4 pages of 64 */
                                 .batch_rows_max = 16,
                                 .logits_rows_max = 4};
}

struct running {
    struct loaded_model loaded;
    struct infer *infer;
    struct infer_seq *seq;
};

static struct running begin(const struct infer_config *config)
{
    struct running r = {.loaded = loaded_model_from_spec(&tiny_models[0])};
    r.infer = loaded_model_infer(&r.loaded, config);
    assert_ok(infer_seq_new(r.infer, &r.seq, err));
    return r;
}

static void end(struct running *r)
{
    infer_seq_free(r->seq);
    infer_free(r->infer);
    loaded_model_close(&r->loaded);
}

static void fill(struct running *r, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct infer_row row = {.seq = r->seq, .token = (int32_t)(i % 60)};
        assert_ok(infer_step(r->infer, &row, 1, err));
    }
}

static void a_refused_step_says_why_and_changes_nothing(void **state)
{
    (void)state;
    const struct infer_config config = small_config();
    struct running r = begin(&config);
    struct running other = begin(&config);
    struct infer_seq *second = NULL;
    assert_ok(infer_seq_new(r.infer, &second, err));
    fill(&r, 190);
    const struct {
        const char *name;
        struct infer_row rows[6];
        size_t row_count;
        enum status status;
        const char *text;
    } cases[] = {
        {"token beyond the vocabulary",
         {{r.seq, 3, false, false, false}, {r.seq, 67, false, false, false}},
         2,
         E_INVALID,
         "token 67 is not in the vocabulary of 67"},
        {"negative token", {{r.seq, -1, false, false, false}}, 1, E_INVALID, "token -1 is not"},
        {"sequence of another model",
         {{r.seq, 1, false, false, false}, {other.seq, 1, false, false, false}},
         2,
         E_INVALID,
         "row 1 belongs to another"},
        {"too many logits",
         {{r.seq, 1, true, false, false},
          {r.seq, 1, true, false, false},
          {r.seq, 1, true, false, false},
          {r.seq, 1, true, false, false},
          {r.seq, 1, true, false, false}},
         5,
         E_LIMIT,
         "logits of 5 rows in one step (limit 4)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error error = {0};
        test_case(cases[i].name);
        assert_int_equal(infer_step(r.infer, cases[i].rows, cases[i].row_count, &error),
                         cases[i].status);
        assert_non_null(strstr(error.text, cases[i].text));
        assert_int_equal(infer_seq_token_count(r.seq), 190);
    }
    infer_seq_free(second);
    end(&r);
    end(&other);
}

static void a_full_cache_refuses_all_rows_or_none(void **state)
{
    (void)state;
    const struct infer_config config = small_config();
    struct running r = begin(&config);
    struct infer_seq *second = NULL;
    struct infer_row rows[80];
    struct error error = {0};
    assert_int_equal(infer_token_capacity(r.infer), 256);
    assert_int_equal(infer_seq_room(r.seq), 256);
    fill(&r, 190);
    assert_int_equal(infer_seq_room(r.seq), 66);
    assert_ok(infer_seq_new(r.infer, &second, err));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        rows[i] = (struct infer_row){.seq = i < 4 ? second : r.seq, .token = 1};
    assert_ok(infer_step(r.infer, rows, 4, err));
    assert_int_equal(infer_seq_room(r.seq), 2);

    assert_int_equal(infer_step(r.infer, rows, ARRAY_LEN(rows), &error), E_LIMIT);
    assert_non_null(strstr(error.text, "no room for 76 more tokens"));
    assert_int_equal(infer_seq_token_count(r.seq), 190);
    assert_int_equal(infer_seq_token_count(second), 4); /* its rows came first, and went again */
    assert_ok(infer_step(r.infer, rows + 2, 4, err));   /* two and two fit */
    assert_int_equal(infer_seq_token_count(r.seq), 192);
    assert_int_equal(infer_seq_token_count(second), 6);
    assert_int_equal(infer_seq_room(r.seq), 0);
    assert_int_equal(infer_seq_room(second), 58);
    assert_ok(infer_step(r.infer, rows, 0, err)); /* nothing to do is fine */
    infer_seq_free(second);
    assert_int_equal(infer_seq_room(r.seq), 64);
    end(&r);
}

static void logits_are_there_for_exactly_the_rows_that_want_them(void **state)
{
    (void)state;
    const struct infer_config config = small_config();
    struct running r = begin(&config);
    struct infer_row rows[50];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        rows[i] = (struct infer_row){
            .seq = r.seq, .token = (int32_t)i, .wants_logits = i == 0 || i == 17 || i == 49};
    assert_null(infer_logits(r.infer, 0)); /* before any step */
    assert_ok(infer_step(r.infer, rows, ARRAY_LEN(rows), err));
    for (size_t i = 0; i < ARRAY_LEN(rows) + 3; i++)
        assert_int_equal(infer_logits(r.infer, i) != NULL, i == 0 || i == 17 || i == 49);
    assert_int_equal(infer_vocab_size(r.infer), 67);
    end(&r);
}

static void decode_allocates_nothing(void **state)
{
    (void)state;
    struct infer_config config = small_config();
    config.thread_count = 2;
    struct running r = begin(&config);
    struct infer_seq *fork = NULL;
    fill(&r, 70);
    assert_ok(infer_seq_fork(r.seq, 65, &fork, err));
    size_t before = 0;
    for (int i = 0; i < 60; i++) { /* over page ends, with one copied page */
        const struct infer_row rows[] = {{r.seq, i, true, false, false},
                                         {fork, i, i % 2 == 0, false, false}};
        assert_ok(infer_step(r.infer, rows, 2, err));
        if (i == 0) /* they part: one needs a list of pages of its own */
            before = mem_allocation_count();
    }
    infer_seq_truncate(fork, 3);
    assert_int_equal(mem_allocation_count(), before);
    infer_seq_free(fork);
    end(&r);
}

static void memory_is_known_before_it_is_taken(void **state)
{
    (void)state;
    struct loaded_model loaded = loaded_model_from_spec(&tiny_models[3]);
    struct infer_config config = small_config();
    struct infer_memory memory;
    assert_ok(infer_memory(loaded.model, &config, &memory, err));
    /* 2 layers, keys and values, 2 heads of 64 halves, 256 tokens */
    assert_in_range(memory.kv_bytes, 2 * 2 * 2 * 64 * 2 * 256, 2 * 2 * 2 * 64 * 2 * 256 + 4096);
    assert_true(memory.scratch_bytes > 16 * 256 * sizeof(float));
    const size_t kv_f16 = memory.kv_bytes;
    config.kv_kind = KV_KIND_F32;
    config.batch_rows_max = 32;
    const size_t scratch_16 = memory.scratch_bytes;
    assert_ok(infer_memory(loaded.model, &config, &memory, err));
    assert_true(memory.kv_bytes > 2 * kv_f16 - 4096);
    assert_true(memory.scratch_bytes > scratch_16);

    size_t bytes = 0;
    assert_ok(model_memory(loaded.file, &bytes, err));
    assert_true(bytes >= loaded.model->memory.used_bytes);
    loaded_model_close(&loaded);
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    struct loaded_model loaded = loaded_model_from_spec(&tiny_models[0]);
    const struct {
        struct infer_config config;
        const char *text;
    } cases[] = {
        {{.thread_count = INFER_THREADS_MAX + 1}, "threads is 257 (1 to 256)"},
        {{.token_capacity = KV_CACHE_TOKENS_MAX + 1}, "tokens to keep"},
        {{.batch_rows_max = INFER_BATCH_ROWS_MAX + 1}, "batch size"},
        {{.logits_rows_max = INFER_LOGITS_ROWS_MAX + 1}, "logits rows"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct infer *infer = NULL;
        struct infer_memory memory;
        struct error error = {0};
        assert_int_equal(infer_new(loaded.model, &cases[i].config, &infer, &error), E_INVALID);
        assert_non_null(strstr(error.text, cases[i].text));
        assert_int_equal(infer_memory(loaded.model, &cases[i].config, &memory, &error), E_INVALID);
    }
    loaded_model_close(&loaded);
}

static void zero_means_a_sensible_default(void **state)
{
    (void)state;
    const struct infer_config config = {0};
    struct running r = begin(&config);
    assert_int_equal(infer_token_capacity(r.infer), 4096);
    assert_in_range(infer_thread_count(r.infer), 1, INFER_THREADS_MAX);
    assert_int_equal(worker_pool_size(infer_workers(r.infer)), infer_thread_count(r.infer));
    fill(&r, 2);
    end(&r);
    infer_free(NULL);
    infer_seq_free(NULL);
}

static void a_broken_model_gives_numbers_and_no_crash(void **state)
{
    (void)state;
    /* Weights with every bit set: NaN scales, NaN norms. */
    struct tiny_model_spec spec = tiny_models[1];
    struct strbuf bytes = tiny_model_bytes(&spec);
    struct loaded_model loaded = {.bytes = bytes};
    assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &loaded.file, err));
    for (size_t i = 0; i < gguf_tensor_count(loaded.file); i++) {
        const struct tensor *tensor = gguf_tensor(loaded.file, i);
        if (!str_equal_c(tensor->name, "rope_freqs.weight"))
            memset(bytes.ptr + ((const char *)tensor->data - bytes.ptr), 0xff, tensor->byte_count);
    }
    assert_ok(model_open(loaded.file, &loaded.model, err));
    const struct infer_config config = small_config();
    struct infer *infer = loaded_model_infer(&loaded, &config);
    struct infer_seq *seq = NULL;
    assert_ok(infer_seq_new(infer, &seq, err));
    float *logits = mem_zalloc(4 * infer_vocab_size(infer) * sizeof(*logits));
    const int32_t tokens[] = {1, 2, 3, 130};
    loaded_model_step(infer, seq, tokens, 4, logits);
    assert_true(isnan(logits[0]));
    mem_free(logits);
    infer_seq_free(seq);
    infer_free(infer);
    loaded_model_close(&loaded);
}

/* Opens what may be nonsense and, if it is a model, runs three tokens of it. */
static bool try_bytes(const struct strbuf *bytes)
{
    struct gguf *file = NULL;
    struct model *model = NULL;
    struct error error = {0};
    bool runs = false;
    if (gguf_open_memory(bytes->ptr, bytes->len, &file, &error) == OK &&
        model_open(file, &model, &error) == OK) {
        struct loaded_model loaded = {.file = file, .model = model};
        const struct infer_config config = {
            .thread_count = 1, .token_capacity = 64, .batch_rows_max = 2, .logits_rows_max = 1};
        struct infer *infer = loaded_model_infer(&loaded, &config);
        struct infer_seq *seq = NULL;
        assert_ok(infer_seq_new(infer, &seq, err));
        for (int i = 0; i < 3; i++) {
            const struct infer_row row = {.seq = seq, .token = 0, .wants_logits = true};
            assert_ok(infer_step(infer, &row, 1, err));
        }
        infer_seq_free(seq);
        infer_free(infer);
        runs = true;
    } else {
        assert_true(strlen(error.text) > 5);
    }
    model_close(model);
    gguf_close(file);
    return runs;
}

/* Bytes before the first tensor's data. */
static size_t header_bytes(const struct strbuf *bytes)
{
    struct gguf *file = NULL;
    assert_ok(gguf_open_memory(bytes->ptr, bytes->len, &file, err));
    const char *data = (const char *)gguf_tensor(file, 0)->data;
    gguf_close(file);
    return (size_t)(data - bytes->ptr);
}

/* Flips two bits at a time; returns how many of the damaged files still ran. Consumes `bytes`. */
static size_t flip(struct strbuf bytes, int count)
{
    const size_t header = header_bytes(&bytes);
    uint64_t random = 77;
    size_t ran = 0;
    for (int i = 0; i < count; i++) {
        size_t at[2];
        char old[2];
        for (int k = 0; k < 2; k++) {
            at[k] = tiny_model_random(&random) % header;
            old[k] = bytes.ptr[at[k]];
            bytes.ptr[at[k]] ^= (char)(1 << tiny_model_random(&random) % 8);
        }
        ran += try_bytes(&bytes);
        for (int k = 1; k >= 0; k--)
            bytes.ptr[at[k]] = old[k];
    }
    strbuf_done(&bytes);
    return ran;
}

static void flipped_bytes_give_a_sentence_or_a_model_that_runs(void **state)
{
    (void)state;
    const size_t ran = flip(tiny_model_bytes(&tiny_models[0]), 3000);
    print_message("%zu of 3000 damaged files still ran\n", ran);
    assert_in_range(ran, 1, 2900);
    size_t hybrids = 0;
    for (size_t i = 0; i < ARRAY_LEN(tiny_hybrids); i++)
        hybrids += flip(tiny_hybrid_bytes(&tiny_hybrids[i]), 400);
    print_message("%zu of %zu damaged recurrent ones\n", hybrids, 400 * ARRAY_LEN(tiny_hybrids));
    assert_true(hybrids > 0);
}

int test_infer(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_step_says_why_and_changes_nothing),
        cmocka_unit_test(a_full_cache_refuses_all_rows_or_none),
        cmocka_unit_test(logits_are_there_for_exactly_the_rows_that_want_them),
        cmocka_unit_test(decode_allocates_nothing),
        cmocka_unit_test(memory_is_known_before_it_is_taken),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(zero_means_a_sensible_default),
        cmocka_unit_test(a_broken_model_gives_numbers_and_no_crash),
        cmocka_unit_test(flipped_bytes_give_a_sentence_or_a_model_that_runs),
    };
    return cmocka_run_group_tests_name("infer", tests, NULL, NULL);
}
