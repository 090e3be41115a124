/*
 * The block for speculation behind the layers: it must compute what a model of one layer computes
 * whose embeddings are project * [norm(embedding of the next token) | norm(hidden state)], whether
 * its rows come together or one by one.
 */
#include "base/mem.h"
#include "infer/kv_cache.h"
#include "model/forward.h"
#include "model/model.h"
#include "model/model_arch.h"
#include "os/cpu.h"
#include "os/worker_pool.h"
#include "tests/tiny_hybrid.h"
#include "tests/unit/infer/loaded_model.h"
#include "tests/unit/infer/naive_model.h"

enum { TOKENS = 40, EMBD = TINY_HYBRID_EMBD, VOCAB = TINY_HYBRID_VOCAB };

static const struct tiny_hybrid_spec with_draft = {
    .name = "draft", .arch = "qwen35", .pattern = "raa", .seed = 201, .draft_count = 1};

/* A forward of its own, because infer runs no drafts. */
struct stage {
    struct loaded_model loaded;
    struct kernel_table kernels;
    struct worker_pool *workers;
    struct kv_cache *cache;
    struct kv_cache_seq *seq;
    struct forward *forward;
    float *state;
};

static void stage_open(struct stage *s)
{
    *s = (struct stage){.loaded = loaded_model_from_bytes(tiny_hybrid_bytes(&with_draft))};
    const struct model_shape *shape = &s->loaded.model->shape;
    const struct kv_cache_layer layers[] = {
        {shape->layers[1].kv_head_count, shape->head_dim, shape->value_dim, 0, false},
        {shape->layers[2].kv_head_count, shape->head_dim, shape->value_dim, 0, false}};
    const struct kv_cache_config cache = {
        .layers = layers, .layer_count = 2, .kind = KV_KIND_F32, .token_capacity = 64};
    const struct forward_config config = {
        .rows_max = TOKENS, .logits_rows_max = TOKENS, .thread_count = 1, .positions_max = 64};
    assert_int_equal(shape->kv_layer_count, 2);
    kernel_table_init(&s->kernels, cpu_features());
    assert_ok(worker_pool_new(1, &s->workers, err));
    assert_ok(kv_cache_new(&cache, &s->cache, err));
    assert_ok(kv_cache_seq_new(s->cache, &s->seq, err));
    assert_ok(kv_cache_seq_append(s->seq, TOKENS, err));
    assert_ok(forward_new(s->loaded.model, &config, &s->kernels, s->workers,
                          kv_cache_view(s->cache), &s->forward, err));
    s->state = mem_zalloc(recurrent_shape_floats(&shape->recurrent) * sizeof(float));
}

static void stage_close(struct stage *s)
{
    mem_free(s->state);
    forward_free(s->forward);
    kv_cache_seq_free(s->seq);
    kv_cache_free(s->cache);
    worker_pool_free(s->workers);
    loaded_model_close(&s->loaded);
}

/* Rows for `tokens`, at positions from `first` on. */
static void set_rows(struct stage *s, const int32_t *tokens, uint32_t first, uint32_t count)
{
    s->forward->row_count = count;
    for (uint32_t i = 0; i < count; i++)
        s->forward->rows[i] = (struct forward_row){.token = tokens[i],
                                                   .position = first + i,
                                                   .pages = kv_cache_seq_pages(s->seq),
                                                   .state = s->state,
                                                   .wants_logits = true};
    forward_begin(s->forward);
}

/* ---------------------------------------------------------------- the model of one layer */

static void copy_tensor(struct gguf_writer *writer, const struct gguf *from, const char *name,
                        const char *as)
{
    const struct tensor *tensor = gguf_find_tensor(from, name);
    assert_non_null(tensor);
    gguf_writer_add_tensor(writer, as, tensor->dtype, tensor->dims[1] > 1 ? 2 : 1, tensor->dims,
                           tensor->data);
}

/* RMS norm in double precision, times the tensor `weight`. */
static void norm(const struct gguf *file, const char *weight, const float *x, double *out)
{
    const float *w = gguf_find_tensor(file, weight)->data;
    double sum = 0;
    for (int i = 0; i < EMBD; i++)
        sum += (double)x[i] * (double)x[i];
    for (int i = 0; i < EMBD; i++)
        out[i] = (double)x[i] / sqrt(sum / EMBD + 1e-5) * (double)w[i];
}

/* [VOCAB][EMBD]: row t is what the block begins with at position t. */
static void fill_embeddings(const struct gguf *file, const int32_t *next, const float *hidden,
                            size_t hidden_stride, float *out)
{
    const float *embeddings = gguf_find_tensor(file, "token_embd.weight")->data;
    const float *project = gguf_find_tensor(file, "blk.2.nextn.eh_proj.weight")->data;
    for (int t = 0; t < TOKENS; t++) {
        double in[2 * EMBD];
        norm(file, "blk.2.nextn.enorm.weight", embeddings + (size_t)next[t] * EMBD, in);
        norm(file, "blk.2.nextn.hnorm.weight", hidden + (size_t)t * hidden_stride, in + EMBD);
        for (int row = 0; row < EMBD; row++) {
            double sum = 0;
            for (int i = 0; i < 2 * EMBD; i++)
                sum += in[i] * (double)project[row * 2 * EMBD + i];
            out[t * EMBD + row] = (float)sum;
        }
    }
}

static struct loaded_model one_layer_model(const struct gguf *file, const float *embeddings)
{
    static const char *const parts[] = {"attn_norm.weight",   "attn_q.weight",
                                        "attn_k.weight",      "attn_v.weight",
                                        "attn_output.weight", "attn_q_norm.weight",
                                        "attn_k_norm.weight", "post_attention_norm.weight",
                                        "ffn_gate.weight",    "ffn_up.weight",
                                        "ffn_down.weight"};
    struct tiny_hybrid_spec spec = with_draft;
    spec.pattern = "a";
    spec.draft_count = 0;
    const struct tiny_model_spec common = {.arch = spec.arch};
    struct tiny_hybrid h = {.m = {.spec = &common, .writer = gguf_writer_new()}, .spec = &spec};
    const uint64_t dims[] = {EMBD, VOCAB};
    struct strbuf bytes = {0};
    gguf_writer_add_u32(h.m.writer, "qwen35.full_attention_interval", 1);
    gguf_writer_add_u32(h.m.writer, "qwen35.rope.dimension_count", TINY_HYBRID_HEAD_DIM / 2);
    gguf_writer_add_numbers(h.m.writer, "qwen35.rope.dimension_sections", GGUF_TYPE_I32,
                            (const int32_t[]){2, 2, 0, 0}, 4);
    tiny_hybrid_keys(&h);
    gguf_writer_add_tensor(h.m.writer, "token_embd.weight", DTYPE_F32, 2, dims, embeddings);
    copy_tensor(h.m.writer, file, "blk.2.nextn.shared_head_norm.weight", "output_norm.weight");
    copy_tensor(h.m.writer, file, "output.weight", "output.weight");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        char from[64];
        char as[64];
        snprintf(from, sizeof(from), "blk.2.%s", parts[i]);
        snprintf(as, sizeof(as), "blk.0.%s", parts[i]);
        copy_tensor(h.m.writer, file, from, as);
    }
    assert_ok(gguf_writer_to_bytes(h.m.writer, &bytes, err));
    gguf_writer_free(h.m.writer);
    arena_done(&h.m.memory);
    return loaded_model_from_bytes(bytes);
}

/* Its logits of tokens 0, 1, 2, ...: [TOKENS][VOCAB], as doubles. */
static void one_layer_logits(const struct gguf *file, const float *embeddings, double *out)
{
    const struct infer_config config = {.thread_count = 1,
                                        .cpu_features = cpu_features(),
                                        .kv_kind = KV_KIND_F32,
                                        .token_capacity = 64,
                                        .logits_rows_max = TOKENS};
    struct loaded_model loaded = one_layer_model(file, embeddings);
    float *logits = mem_zalloc((size_t)TOKENS * VOCAB * sizeof(*logits));
    struct infer *infer = loaded_model_infer(&loaded, &config);
    struct infer_seq *seq = NULL;
    int32_t tokens[TOKENS];
    for (int i = 0; i < TOKENS; i++)
        tokens[i] = i;
    assert_ok(infer_seq_new(infer, &seq, err));
    loaded_model_step(infer, seq, tokens, TOKENS, logits);
    for (size_t i = 0; i < (size_t)TOKENS * VOCAB; i++)
        out[i] = (double)logits[i];
    infer_seq_free(seq);
    infer_free(infer);
    mem_free(logits);
    loaded_model_close(&loaded);
}

static void a_draft_is_a_layer_on_embedding_and_hidden_state(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s);
    struct forward *f = s.forward;
    const struct model *model = s.loaded.model;
    const size_t stride = forward_stride(EMBD);
    int32_t *tokens = loaded_model_tokens(TOKENS + 1, VOCAB, 9);
    float *hidden = mem_zalloc(TOKENS * stride * sizeof(*hidden));
    float *embeddings = mem_zalloc((size_t)VOCAB * EMBD * sizeof(*embeddings));
    float *together = mem_zalloc((size_t)TOKENS * VOCAB * sizeof(*together));
    double *want = mem_zalloc((size_t)TOKENS * VOCAB * sizeof(*want));

    set_rows(&s, tokens, 0, TOKENS);
    model->arch->run(model, f);
    memcpy(hidden, f->hidden, TOKENS * stride * sizeof(*hidden));
    fill_embeddings(s.loaded.file, tokens + 1, hidden, stride, embeddings);
    one_layer_logits(s.loaded.file, embeddings, want);

    set_rows(&s, tokens + 1, 0, TOKENS);
    model->arch->run_draft(model, f);
    memcpy(together, f->logits, (size_t)TOKENS * VOCAB * sizeof(*together));
    const double nmse = naive_model_nmse(together, want, (size_t)TOKENS * VOCAB);
    print_message("draft: NMSE %.2e (at most 1e-10)\n", nmse);
    assert_true(nmse <= 1e-10);

    for (uint32_t i = 0; i < TOKENS; i++) { /* one by one: the same bits */
        set_rows(&s, tokens + 1 + i, i, 1);
        memcpy(f->hidden, hidden + i * stride, EMBD * sizeof(*hidden));
        model->arch->run_draft(model, f);
        assert_memory_equal(f->logits, together + (size_t)i * VOCAB, VOCAB * sizeof(*together));
    }
    mem_free(want);
    mem_free(together);
    mem_free(embeddings);
    mem_free(hidden);
    mem_free(tokens);
    stage_close(&s);
}

/* ---------------------------------------------------------------- guesses of a sequence */

enum { GUESSES = 3, GUESS_TOKENS = 150, HYBRID_VOCAB = TINY_HYBRID_VOCAB };

struct guessed {
    float logits[GUESSES][HYBRID_VOCAB];
    int32_t tokens[GUESSES];
};

static int32_t choose(void *context, const float *logits, uint32_t index)
{
    struct guessed *guessed = context;
    int32_t best = 0;
    memcpy(guessed->logits[index], logits, sizeof(guessed->logits[index]));
    for (int32_t i = 1; i < HYBRID_VOCAB; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

static struct infer *guessing_infer(const struct loaded_model *loaded, enum kv_kind kind,
                                    uint32_t batch_rows_max)
{
    const struct infer_config config = {.thread_count = 2,
                                        .cpu_features = cpu_features(),
                                        .kv_kind = kind,
                                        .token_capacity = 1024,
                                        .batch_rows_max = batch_rows_max,
                                        .guesses = true};
    return loaded_model_infer(loaded, &config);
}

/* Guesses behind the first `count` tokens, all of them computed in one step. */
static void guess_afresh(struct infer *infer, const int32_t *tokens, uint32_t count,
                         struct guessed *out)
{
    struct infer_seq *seq = NULL;
    struct infer_row rows[GUESS_TOKENS];
    memset(out, 0, sizeof(*out));
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct infer_row){.token = tokens[i], .wants_logits = i + 1 == count};
    assert_ok(infer_seq_new(infer, &seq, err));
    for (uint32_t i = 0; i < count; i++)
        rows[i].seq = seq;
    assert_int_equal(infer_guess(seq, tokens[0], GUESSES, choose, out, out->tokens), 0);
    assert_ok(infer_step(infer, rows, count, err));
    assert_int_equal(infer_guess(seq, tokens[count], GUESSES, choose, out, out->tokens), GUESSES);
    assert_int_equal(infer_seq_token_count(seq), count);
    infer_seq_free(seq);
}

/* Adds tokens[at] and then drafts, the first `right` of which are those that follow. */
static uint32_t step_with_drafts(struct infer *infer, struct infer_seq *seq,
                                 struct infer_seq *beside, const int32_t *tokens, uint32_t right,
                                 uint32_t drafts)
{
    struct infer_row rows[GUESS_TOKENS];
    const uint32_t at = infer_seq_token_count(seq);
    uint32_t count = 0;
    if (beside)
        rows[count++] = (struct infer_row){.seq = beside, .token = 5};
    for (uint32_t i = 0; i <= drafts; i++)
        rows[count++] = (struct infer_row){
            .seq = seq,
            .token = i <= right ? tokens[at + i] : (tokens[at + i] + 1) % HYBRID_VOCAB,
            .wants_logits = true,
            .is_draft = i > 0};
    assert_ok(infer_step(infer, rows, count, err));
    infer_seq_accept(seq, right);
    return at + 1 + right;
}

/* How the tokens came into the sequence, and what was guessed on the way, changes no guess. */
static void guess_along(enum kv_kind kind, uint32_t token_count)
{
    struct loaded_model loaded = loaded_model_from_bytes(tiny_hybrid_bytes(&tiny_hybrids[1]));
    int32_t *tokens = loaded_model_tokens(GUESS_TOKENS + 8, HYBRID_VOCAB, 21);
    struct infer *cut = guessing_infer(&loaded, kind, 5);
    struct infer_seq *seq = NULL;
    struct infer_seq *beside = NULL;
    struct guessed want;
    struct guessed got;
    assert_ok(infer_seq_new(cut, &seq, err));
    assert_ok(infer_seq_new(cut, &beside, err));
    for (uint32_t round = 0, count = 0; count < token_count - 5; round++) {
        count = step_with_drafts(cut, seq, round % 3 ? beside : NULL, tokens, round % 4, 3);
        memset(&got, 0, sizeof(got));
        assert_int_equal(infer_guess(seq, tokens[count], GUESSES, choose, &got, got.tokens),
                         GUESSES);
        struct infer *whole = guessing_infer(&loaded, kind, 512); /* with empty pages */
        guess_afresh(whole, tokens, count, &want);
        infer_free(whole);
        assert_memory_equal(&got, &want, sizeof(want));
    }
    infer_seq_truncate(seq, 7);
    assert_int_equal(infer_guess(seq, tokens[7], GUESSES, choose, &got, got.tokens), 0);
    infer_seq_free(seq);
    infer_seq_free(beside);
    infer_free(cut);
    mem_free(tokens);
    loaded_model_close(&loaded);
}

static void guesses_depend_only_on_the_tokens(void **state)
{
    (void)state;
    guess_along(KV_KIND_F16, 40);
}

/* Blocks of the other layers are coded before their guesses' keys are there. */
static void guesses_over_codes_depend_only_on_the_tokens(void **state)
{
    (void)state;
    guess_along(KV_KIND_T4, GUESS_TOKENS);
}

int test_draft(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_is_a_layer_on_embedding_and_hidden_state),
        cmocka_unit_test(guesses_depend_only_on_the_tokens),
        cmocka_unit_test(guesses_over_codes_depend_only_on_the_tokens),
    };
    return cmocka_run_group_tests_name("draft", tests, NULL, NULL);
}
