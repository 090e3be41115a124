/*
 * Search indexes keep vectors for years and compare them with new ones: a text must get the same
 * vector whatever it is computed with, and a text that does not fit must not be cut in silence.
 */
#include "base/mem.h"
#include "engine/embed.h"
#include "engine/engine.h"
#include "tests/tiny_encoder.h"

#include <math.h>
#include <stdio.h>

enum { DIM = 48, TEXTS = 70 };

/* A file of the model; the path lives as long as the process. */
static const char *write_model(enum tiny_encoder_kind kind)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/model.gguf", test_folder());
    struct strbuf bytes = tiny_encoder_bytes(kind);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
    strbuf_done(&bytes);
    return path;
}

static struct embed *open_kind(enum tiny_encoder_kind kind, uint32_t threads)
{
    const struct embed_config config = {.model_path = write_model(kind), .thread_count = threads};
    struct embed *embed = NULL;
    assert_ok(embed_open(&config, &embed, err));
    return embed;
}

/* More texts than go into one step, of lengths from 0 to 60 words. */
static void make_texts(struct strbuf *memory, struct str *texts)
{
    static const char *const words[] = {"the", "otters", "den",   "river",
                                        "is",  "deep?",  "zebra", "a"};
    size_t starts[TEXTS + 1];
    for (size_t t = 0; t < TEXTS; t++) {
        starts[t] = memory->len;
        for (size_t w = 0; w < t * 11 % 61; w++)
            strbuf_addf(memory, "%s ", words[(t * 5 + w * w) % ARRAY_LEN(words)]);
    }
    starts[TEXTS] = memory->len;
    for (size_t t = 0; t < TEXTS; t++)
        texts[t] = str_slice(strbuf_view(memory), starts[t], starts[t + 1]);
}

static void a_text_has_one_vector_whatever_it_is_computed_with(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf memory = {0};
    struct str texts[TEXTS];
    static float together[TEXTS][DIM];
    float alone[DIM];
    uint32_t counts[TEXTS];
    const struct embed_options options = {0};
    make_texts(&memory, texts);
    CLEANUP(embed_closep) struct embed *embed = open_kind(TINY_BERT, 3);
    assert_ok(embed_texts(embed, texts, TEXTS, &options, together[0], counts, err));
    CLEANUP(embed_closep) struct embed *other = open_kind(TINY_BERT, 1);
    for (size_t t = 0; t < TEXTS; t++) {
        uint32_t count = 0;
        double length = 0;
        assert_ok(embed_texts(other, &texts[t], 1, &options, alone, &count, err));
        assert_memory_equal(alone, together[t], sizeof(alone));
        assert_int_equal(count, counts[t]);
        for (size_t d = 0; d < DIM; d++)
            length += (double)alone[d] * (double)alone[d];
        assert_true(fabs(length - 1) < 1e-6);
    }
    assert_int_equal(counts[0], 2); /* the ends alone */
    assert_ok(embed_texts(embed, NULL, 0, &options, NULL, NULL, err));
}

static void pooling_and_length_are_chosen(void **state)
{
    (void)state;
    const struct str text = STR("the otter is deep");
    CLEANUP(embed_closep) struct embed *embed = open_kind(TINY_BERT, 1);
    float kinds[4][DIM];
    for (int kind = 0; kind < 4; kind++) {
        const struct embed_options options = {.pooling = (enum embed_pooling)kind,
                                              .keeps_length = true};
        assert_ok(embed_texts(embed, &text, 1, &options, kinds[kind], NULL, err));
    }
    assert_memory_equal(kinds[EMBED_POOLING_MODEL], kinds[EMBED_POOLING_MEAN], sizeof(kinds[0]));
    assert_memory_not_equal(kinds[EMBED_POOLING_MEAN], kinds[EMBED_POOLING_FIRST],
                            sizeof(kinds[0]));
    assert_memory_not_equal(kinds[EMBED_POOLING_FIRST], kinds[EMBED_POOLING_LAST],
                            sizeof(kinds[0]));
    assert_string_equal(embed_get_info(embed)->pooling, "mean");
    assert_int_equal(embed_get_info(embed)->dim, DIM);
}

static void documents_get_scores_of_their_own(void **state)
{
    (void)state;
    const struct str documents[] = {STR("the otter"), STR("river ?"), STR("the otter")};
    float scores[3];
    float alone = 0;
    uint32_t counts[3];
    CLEANUP(embed_closep) struct embed *embed = open_kind(TINY_BERT_RANK, 2);
    assert_ok(embed_rank(embed, STR("is the den deep"), documents, 3, scores, counts, err));
    assert_true(scores[0] == scores[2] && scores[0] != scores[1]);
    assert_int_equal(counts[0], 1 + 4 + 1 + 2 + 1);
    assert_ok(embed_rank(embed, STR("is the den deep"), &documents[1], 1, &alone, NULL, err));
    assert_true(alone == scores[1]);
    assert_ok(embed_rank(embed, STR("the otter"), &documents[1], 1, &alone, NULL, err));
    assert_true(alone != scores[1]);
}

static void what_does_not_fit_is_refused_by_number(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf long_text = {0};
    for (int i = 0; i < 95; i++)
        strbuf_add_c(&long_text, "den ");
    const struct str texts[] = {STR("the den"), strbuf_view(&long_text)};
    const struct embed_options options = {0};
    float out[2 * DIM];
    struct error fault = {0};
    CLEANUP(embed_closep) struct embed *embed = open_kind(TINY_BERT, 1);
    assert_int_equal(embed_get_info(embed)->tokens_max, TINY_ENCODER_CONTEXT);
    assert_int_equal(embed_texts(embed, texts, 2, &options, out, NULL, &fault), E_LIMIT);
    assert_string_equal(fault.text, "text 2 has 97 tokens (limit 96)");

    const char *path = write_model(TINY_BERT);
    const struct embed_config greedy = {.model_path = path, .tokens_max = EMBED_TOKENS_MAX + 1};
    const struct embed_config poor = {
        .model_path = path, .tokens_max = 96, .memory_bytes_max = 1000};
    struct embed *none = NULL;
    assert_int_equal(embed_open(&greedy, &none, &fault), E_LIMIT);
    assert_int_equal(embed_open(&poor, &none, &fault), E_LIMIT);
    assert_non_null(strstr(fault.text, "MiB are free"));
}

static void models_are_used_for_what_they_can_do(void **state)
{
    (void)state;
    const struct embed_options as_file = {0};
    const struct embed_options last = {.pooling = EMBED_POOLING_LAST};
    const struct str text = STR("the den");
    struct error fault = {0};
    float score = 0;
    float vector[DIM];
    CLEANUP(embed_closep) struct embed *plain = open_kind(TINY_BERT, 1);
    assert_int_equal(embed_rank(plain, text, &text, 1, &score, NULL, &fault), E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "cannot rerank"));
    CLEANUP(embed_closep) struct embed *ranker = open_kind(TINY_BERT_RANK, 1);
    assert_int_equal(embed_texts(ranker, &text, 1, &as_file, vector, NULL, &fault), E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "holt rerank"));
    assert_ok(embed_texts(ranker, &text, 1, &last, vector, NULL, err));

    const struct engine_config writes = {.model_path = write_model(TINY_BERT)};
    struct engine *engine = NULL;
    assert_int_equal(engine_open(&writes, &engine, &fault), E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "cannot write text"));

    const struct embed_config builtin = {.thread_count = 1};
    CLEANUP(embed_closep) struct embed *writer = NULL;
    assert_ok(embed_open(&builtin, &writer, err));
    CLEANUP(mem_freep)
    float *wide = mem_alloc(embed_get_info(writer)->dim * sizeof(*wide));
    assert_int_equal(embed_texts(writer, &text, 1, &as_file, wide, NULL, &fault), E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "names no pooling"));
    assert_ok(embed_texts(writer, &text, 1, &last, wide, NULL, err));
}

int test_embed(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_has_one_vector_whatever_it_is_computed_with),
        cmocka_unit_test(pooling_and_length_are_chosen),
        cmocka_unit_test(documents_get_scores_of_their_own),
        cmocka_unit_test(what_does_not_fit_is_refused_by_number),
        cmocka_unit_test(models_are_used_for_what_they_can_do),
    };
    return cmocka_run_group_tests_name("embed", tests, NULL, NULL);
}
