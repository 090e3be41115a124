/*
 * An embedding has nothing to check itself by: a wrong one still looks like numbers, and search
 * quietly gets worse. So every kind of encoder is held against what another program computed, and
 * its bits against itself, however texts are put together.
 */
#include "base/mem.h"
#include "infer/pooling.h"
#include "model/model.h"
#include "os/cpu.h"
#include "tests/tiny_encoder.h"

#include <stdio.h>

enum { TOKENS = 40 };

static const char *const kind_names[TINY_ENCODER_COUNT] = {
    "bert", "bert-rank", "nomic-bert", "gemma-embedding", "qwen3", "qwen3-rank"};

/* A loaded model with what it needs. */
struct loaded {
    struct strbuf bytes;
    struct gguf *file;
    struct model *model;
    struct infer *infer;
};

static void load(struct loaded *l, enum tiny_encoder_kind kind, unsigned features, uint32_t threads)
{
    const struct infer_config config = {.thread_count = threads,
                                        .cpu_features = features,
                                        .kv_kind = KV_KIND_F32,
                                        .batch_rows_max = 256,
                                        .token_capacity = 1024};
    l->bytes = tiny_encoder_bytes(kind);
    assert_ok(gguf_open_memory(l->bytes.ptr, l->bytes.len, &l->file, err));
    assert_ok(model_open(l->file, &l->model, err));
    assert_ok(infer_new(l->model, &config, &l->infer, err));
}

static void unload(struct loaded *l)
{
    infer_free(l->infer);
    model_close(l->model);
    gguf_close(l->file);
    strbuf_done(&l->bytes);
}

static int32_t token_at(const struct loaded *l, uint32_t text, uint32_t position)
{
    return (int32_t)((position * 7 + text * 13 + 3) % l->model->shape.vocab_size);
}

/* Computes texts of these lengths in one step; hidden states of all tokens follow each other. */
static void step(struct loaded *l, const uint32_t *texts, const uint32_t *lengths, size_t count,
                 const uint32_t *segments)
{
    struct infer_row rows[256];
    struct infer_seq *sequences[8];
    size_t row_count = 0;
    assert_true(count <= ARRAY_LEN(sequences));
    for (size_t t = 0; t < count; t++) {
        assert_ok(infer_seq_new(l->infer, &sequences[t], err));
        for (uint32_t i = 0; i < lengths[t]; i++)
            rows[row_count++] = (struct infer_row){
                .seq = sequences[t], .token = token_at(l, texts[t], i), .wants_logits = true};
    }
    assert_ok(infer_hidden_step(l->infer, rows, segments, row_count, err));
    for (size_t t = 0; t < count; t++)
        infer_seq_free(sequences[t]);
}

static double distance(const float *got, const float *want, size_t n)
{
    double error = 0;
    double size = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)got[i] - (double)want[i];
        error += d * d;
        size += (double)want[i] * (double)want[i];
    }
    return error / size;
}

static void check_recorded(const char *name, const char *what, const float *got, size_t n)
{
    char path[128];
    snprintf(path, sizeof(path), "tests/data/encoder/%s.%s.f32", name, what);
    const struct str recorded = test_read_file(path);
    assert_int_equal(recorded.len, n * sizeof(float));
    CLEANUP(mem_freep) float *want = mem_copy(recorded.ptr, recorded.len);
    const double nmse = distance(got, want, n);
    if (!(nmse <= 1e-5))
        fail_msg("%s, %s: %g from what was recorded", name, what, nmse);
}

static void hidden_states_are_the_recorded_ones(void **state)
{
    (void)state;
    for (int kind = 0; kind < TINY_ENCODER_COUNT; kind++) {
        test_case(kind_names[kind]);
        struct loaded l;
        load(&l, (enum tiny_encoder_kind)kind, cpu_features(), 2);
        const uint32_t d = l.model->shape.embd_dim;
        CLEANUP(mem_freep) float *all = mem_alloc(TOKENS * d * sizeof(*all));
        step(&l, (const uint32_t[]){0}, (const uint32_t[]){TOKENS}, 1, NULL);
        for (size_t t = 0; t < TOKENS; t++) /* through the layers behind the pooling, too */
            pooling_embed(l.infer, t, 1, all + t * d);
        check_recorded(kind_names[kind], "hidden", all, TOKENS * d);
        unload(&l);
    }
}

static void pooled_vectors_and_scores_are_the_recorded_ones(void **state)
{
    (void)state;
    for (int kind = 0; kind < TINY_ENCODER_COUNT; kind++) {
        test_case(kind_names[kind]);
        struct loaded l;
        float out[256];
        uint32_t begin = 0;
        uint32_t end = 0;
        load(&l, (enum tiny_encoder_kind)kind, cpu_features(), 2);
        const struct model_shape *s = &l.model->shape;
        step(&l, (const uint32_t[]){0}, (const uint32_t[]){TOKENS}, 1, NULL);
        pooling_range(s, s->embedding.pooling, TOKENS, &begin, &end);
        if (s->embedding.pooling == MODEL_POOLING_RANK)
            pooling_rank(l.infer, begin, out);
        else
            pooling_embed(l.infer, begin, end - begin, out);
        check_recorded(kind_names[kind], "pooled", out,
                       s->embedding.pooling == MODEL_POOLING_RANK ? s->embedding.label_count
                                                                  : s->embedding.dim);
        unload(&l);
    }
}

/* The hidden states of text 3, of 33 tokens, among others in one step. */
static void read_text(struct loaded *l, bool among_others, float *out)
{
    static const uint32_t texts[] = {1, 2, 3, 4};
    static const uint32_t lengths[] = {5, 64, 33, 70};
    const size_t d = l->model->shape.embd_dim;
    size_t first = 0;
    if (among_others) {
        step(l, texts, lengths, ARRAY_LEN(texts), NULL);
        first = lengths[0] + lengths[1];
    } else {
        step(l, &texts[2], &lengths[2], 1, NULL);
    }
    for (size_t t = 0; t < lengths[2]; t++)
        memcpy(out + t * d, infer_hidden(l->infer, first + t), d * sizeof(*out));
}

static void a_text_gives_the_same_bits_wherever_and_with_whatever_it_is_computed(void **state)
{
    (void)state;
    for (int kind = 0; kind < TINY_ENCODER_COUNT; kind++) {
        float want[33 * 64];
        float got[33 * 64];
        struct loaded l;
        load(&l, (enum tiny_encoder_kind)kind, 0, 1);
        const size_t size = 33 * l.model->shape.embd_dim * sizeof(float);
        read_text(&l, false, want);
        unload(&l);
        for (unsigned round = 0; round < 6; round++) {
            const struct cpu_level *level = &cpu_levels[round % CPU_LEVEL_COUNT];
            char name[64];
            snprintf(name, sizeof(name), "%s, %s", kind_names[kind], level->name);
            test_case(name);
            load(&l, (enum tiny_encoder_kind)kind, cpu_features() & level->features, 1 + round % 4);
            read_text(&l, round != 1, got);
            assert_memory_equal(got, want, size);
            read_text(&l, true, got); /* again, in used pages */
            assert_memory_equal(got, want, size);
            unload(&l);
        }
    }
}

static void tokens_of_an_encoder_see_those_behind_them(void **state)
{
    (void)state;
    for (int kind = 0; kind < TINY_ENCODER_COUNT; kind++) {
        test_case(kind_names[kind]);
        struct loaded l;
        float first[64];
        load(&l, (enum tiny_encoder_kind)kind, cpu_features(), 1);
        const size_t size = l.model->shape.embd_dim * sizeof(float);
        step(&l, (const uint32_t[]){0}, (const uint32_t[]){8}, 1, NULL);
        memcpy(first, infer_hidden(l.infer, 0), size);
        step(&l, (const uint32_t[]){0}, (const uint32_t[]){9}, 1, NULL);
        assert_int_equal(memcmp(first, infer_hidden(l.infer, 0), size) != 0,
                         l.model->shape.sees_all);
        unload(&l);
    }
}

static void the_second_text_of_a_pair_is_told_from_the_first(void **state)
{
    (void)state;
    struct loaded l;
    float one[64];
    load(&l, TINY_BERT_RANK, cpu_features(), 1);
    const size_t size = l.model->shape.embd_dim * sizeof(float);
    step(&l, (const uint32_t[]){0}, (const uint32_t[]){4}, 1, (const uint32_t[]){0, 0, 0, 0});
    memcpy(one, infer_hidden(l.infer, 0), size);
    step(&l, (const uint32_t[]){0}, (const uint32_t[]){4}, 1, NULL);
    assert_memory_equal(one, infer_hidden(l.infer, 0), size);
    step(&l, (const uint32_t[]){0}, (const uint32_t[]){4}, 1, (const uint32_t[]){0, 0, 1, 1});
    assert_memory_not_equal(one, infer_hidden(l.infer, 0), size);
    unload(&l);
}

static void what_an_encoder_cannot_do_is_refused(void **state)
{
    (void)state;
    struct loaded l;
    struct infer_seq *seq = NULL;
    struct error fault = {0};
    struct infer_row rows[TINY_ENCODER_CONTEXT + 1];
    load(&l, TINY_BERT, cpu_features(), 1);
    assert_ok(infer_seq_new(l.infer, &seq, err));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        rows[i] = (struct infer_row){.seq = seq, .token = 5, .wants_logits = true};
    assert_int_equal(infer_step(l.infer, rows, 3, &fault), E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "cannot write text"));
    assert_int_equal(infer_hidden_step(l.infer, rows, NULL, ARRAY_LEN(rows), &fault), E_LIMIT);
    assert_non_null(strstr(fault.text, "more than 96 tokens"));
    assert_int_equal(infer_seq_token_count(seq), 0);
    assert_ok(infer_hidden_step(l.infer, rows, NULL, 3, err));
    assert_int_equal(infer_hidden_step(l.infer, rows, NULL, 3, &fault), E_INVALID);
    assert_non_null(strstr(fault.text, "whole"));
    infer_seq_free(seq);
    unload(&l);
}

int test_encoder(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_states_are_the_recorded_ones),
        cmocka_unit_test(pooled_vectors_and_scores_are_the_recorded_ones),
        cmocka_unit_test(a_text_gives_the_same_bits_wherever_and_with_whatever_it_is_computed),
        cmocka_unit_test(tokens_of_an_encoder_see_those_behind_them),
        cmocka_unit_test(the_second_text_of_a_pair_is_told_from_the_first),
        cmocka_unit_test(what_an_encoder_cannot_do_is_refused),
    };
    return cmocka_run_group_tests_name("encoder", tests, NULL, NULL);
}
