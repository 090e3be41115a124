#include "engine/embed.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/builtin_model.h"
#include "engine/memory_plan.h"
#include "gguf/gguf.h"
#include "infer/infer.h"
#include "infer/pooling.h"
#include "model/arithmetic_version.h"
#include "model/model.h"
#include "model/model_arch.h"
#include "os/cpu.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>

enum {
    TOKENS_MIN = 64,
    SEQUENCES_MAX = 64, /* texts computed together; each may leave most of a page unused */
};

struct embed {
    struct gguf *gguf;
    struct model *model;
    struct tokenizer *tokenizer;
    struct infer *infer;
    struct embed_info info;
};

/* ---------------------------------------------------------------- opening */

static enum status open_file(struct embed *embed, const struct embed_config *config,
                             struct error *err)
{
    if (config->model_path)
        return gguf_open(config->model_path, &embed->gguf, err);
    size_t size = 0;
    const void *bytes = builtin_model_bytes(&size);
    return gguf_open_memory(bytes, size, &embed->gguf, err);
}

static enum status memory_for(const struct embed *embed, struct infer_config *infer,
                              uint32_t tokens, uint64_t *out, struct error *err)
{
    struct infer_memory memory;
    infer->batch_rows_max = tokens;
    infer->token_capacity = tokens + SEQUENCES_MAX * KV_PAGE_TOKENS;
    infer->logits_rows_max = 1;
    TRY(infer_memory(embed->model, infer, &memory, err));
    *out = (uint64_t)memory.kv_bytes + memory.scratch_bytes;
    return OK;
}

/* Decides the longest text and leaves `infer` set for it. */
static enum status choose_tokens(struct embed *embed, const struct embed_config *config,
                                 struct infer_config *infer, struct error *err)
{
    const uint64_t budget = memory_plan_budget(embed->model, config->memory_bytes_max);
    const uint32_t trained = embed->model->shape.context_length;
    uint32_t tokens = config->tokens_max ? config->tokens_max : EMBED_TOKENS_DEFAULT;
    uint64_t needed = 0;
    if (tokens > EMBED_TOKENS_MAX)
        return error_set(err, E_LIMIT, "texts of %" PRIu32 " tokens (limit %d)", tokens,
                         EMBED_TOKENS_MAX);
    tokens = tokens < trained ? tokens : trained;
    TRY(memory_for(embed, infer, tokens, &needed, err));
    while (config->tokens_max == 0 && needed > budget && tokens > TOKENS_MIN) {
        tokens = tokens / 2 > TOKENS_MIN ? tokens / 2 : TOKENS_MIN;
        TRY(memory_for(embed, infer, tokens, &needed, err));
    }
    if (needed > budget)
        return error_set(err, E_LIMIT,
                         "texts of %" PRIu32 " tokens take %" PRIu64 " MiB and %" PRIu64
                         " MiB are free",
                         tokens, needed >> 20, budget >> 20);
    embed->info.tokens_max = tokens;
    return OK;
}

static enum status start_infer(struct embed *embed, const struct embed_config *config,
                               struct error *err)
{
    struct infer_config infer = {
        .thread_count = config->thread_count,
        .cpu_features = cpu_features() & ~config->cpu_features_off,
        .kv_kind = config->kv,
    };
    TRY(choose_tokens(embed, config, &infer, err));
    return infer_new(embed->model, &infer, &embed->infer, err);
}

static enum status describe(struct embed *embed, struct error *err)
{
    static const char *const names[] = {"none", "mean", "cls", "last", "rank"};
    const struct model_shape *s = &embed->model->shape;
    const uint32_t words = tokenizer_vocab_size(embed->tokenizer);
    if (!tokenizer_has_vocab(embed->tokenizer))
        return error_set(err, E_UNSUPPORTED,
                         "this model file has no vocabulary: it cannot read text");
    if (words > s->vocab_size)
        return error_set(err, E_FORMAT,
                         "the vocabulary has %" PRIu32 " tokens and the model only %" PRIu32
                         " rows: the file was put together wrongly",
                         words, s->vocab_size);
    TRY(gguf_get_str_or(embed->gguf, "general.name", STR(""), &embed->info.model_name, err));
    TRY(gguf_get_str(embed->gguf, "general.architecture", &embed->info.architecture, err));
    embed->info.dim = s->embedding.dim;
    embed->info.parameter_count = embed->model->parameter_count;
    embed->info.pooling = names[s->embedding.pooling];
    embed->info.has_classifier = s->embedding.label_count > 0;
    return OK;
}

enum status embed_open(const struct embed_config *config, struct embed **out, struct error *err)
{
    CLEANUP(embed_closep) struct embed *embed = mem_zalloc(sizeof(*embed));
    TRY(open_file(embed, config, err));
    TRY(model_open(embed->gguf, &embed->model, err));
    TRY(tokenizer_new(embed->gguf, &embed->tokenizer, err));
    TRY(describe(embed, err));
    TRY(start_infer(embed, config, err));
    *out = embed;
    embed = NULL; /* ownership moves to the caller */
    return OK;
}

void embed_close(struct embed *embed)
{
    if (!embed)
        return;
    infer_free(embed->infer);
    tokenizer_free(embed->tokenizer);
    model_close(embed->model);
    gguf_close(embed->gguf);
    mem_free(embed);
}

const struct embed_info *embed_get_info(const struct embed *embed)
{
    return &embed->info;
}

const struct gguf *embed_gguf(const struct embed *embed)
{
    return embed->gguf;
}

const struct tokenizer *embed_tokenizer(const struct embed *embed)
{
    return embed->tokenizer;
}

void embed_fingerprint(const struct embed *embed, uint8_t out[32])
{
    gguf_fingerprint(embed->gguf, ARITHMETIC_VERSION, out);
}

enum status embed_is_made_for(const char *model_path, bool *out, struct error *err)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(model_closep) struct model *model = NULL;
    *out = false;
    if (!model_path)
        return OK;
    TRY(gguf_open(model_path, &file, err));
    TRY(model_open(file, &model, err));
    *out = model->shape.embedding.pooling != MODEL_POOLING_NONE;
    return OK;
}

/* ---------------------------------------------------------------- texts that go together */

/* What becomes of the hidden states of a text. */
struct purpose {
    enum model_pooling pooling;
    bool keeps_length;
    size_t out_columns; /* numbers per text */
};

/* Texts of one step. */
struct group {
    struct embed *embed;
    const struct purpose *purpose;
    struct infer_row *rows; /* [row_count], room for tokens_max */
    uint32_t *segments;
    uint32_t row_count;
    struct infer_seq *sequences[SEQUENCES_MAX];
    uint32_t wanted[SEQUENCES_MAX]; /* hidden states of each text that are read */
    size_t text_count;
    float *out; /* of the first text */
};

static void group_clear(struct group *group)
{
    for (size_t i = 0; i < group->text_count; i++)
        infer_seq_free(group->sequences[i]);
    group->text_count = group->row_count = 0;
}

static void group_done(struct group *group)
{
    group_clear(group);
    mem_free(group->rows);
    mem_free(group->segments);
}

static enum status group_init(struct group *group, struct embed *embed,
                              const struct purpose *purpose, float *out, struct error *err)
{
    const size_t tokens = embed->info.tokens_max;
    group->embed = embed;
    group->purpose = purpose;
    group->out = out;
    group->rows = mem_try_zalloc(tokens, sizeof(*group->rows));
    group->segments = mem_try_zalloc(tokens, sizeof(*group->segments));
    if (!group->rows || !group->segments)
        return error_set(err, E_NO_MEMORY, "no memory for texts of %zu tokens", tokens);
    return OK;
}

/* Computes the texts of the group and empties it. */
static enum status group_run(struct group *group, struct error *err)
{
    const struct purpose *purpose = group->purpose;
    struct infer *infer = group->embed->infer;
    if (group->text_count == 0)
        return OK;
    TRY(infer_hidden_step(infer, group->rows, group->segments, group->row_count, err));
    size_t first = 0;
    for (size_t i = 0; i < group->text_count; i++, group->out += purpose->out_columns) {
        if (purpose->pooling == MODEL_POOLING_RANK)
            pooling_rank(infer, first, group->out);
        else
            pooling_embed(infer, first, group->wanted[i], group->out);
        if (purpose->pooling != MODEL_POOLING_RANK && !purpose->keeps_length)
            pooling_normalize(group->out, purpose->out_columns);
        first += group->wanted[i];
    }
    group_clear(group);
    return OK;
}

/* Puts a text into the group, which is computed before if it has no room. */
static enum status group_add(struct group *group, const struct token_list *tokens, size_t number,
                             struct error *err)
{
    const struct embed *embed = group->embed;
    const uint32_t count = (uint32_t)tokens->count;
    if (tokens->count > embed->info.tokens_max)
        return error_set(err, E_LIMIT, "text %zu has %zu tokens (limit %" PRIu32 ")", number + 1,
                         tokens->count, embed->info.tokens_max);
    if (count == 0)
        return error_set(err, E_INVALID, "text %zu is empty", number + 1);
    if (group->text_count == SEQUENCES_MAX || group->row_count + count > embed->info.tokens_max)
        TRY(group_run(group, err));
    struct infer_seq *sequence = NULL;
    TRY(infer_seq_new(embed->infer, &sequence, err));
    uint32_t begin = 0;
    uint32_t end = 0;
    pooling_range(&embed->model->shape, group->purpose->pooling, count, &begin, &end);
    group->sequences[group->text_count] = sequence;
    group->wanted[group->text_count++] = end - begin;
    for (uint32_t i = 0; i < count; i++) {
        group->rows[group->row_count] = (struct infer_row){
            .seq = sequence, .token = tokens->ids[i], .wants_logits = i >= begin && i < end};
        group->segments[group->row_count++] = tokens->spans[i];
    }
    return OK;
}

static enum status check_count(size_t count, struct error *err)
{
    if (count > EMBED_TEXTS_MAX)
        return error_set(err, E_LIMIT, "%zu texts in one call (limit %d)", count, EMBED_TEXTS_MAX);
    return OK;
}

/* ---------------------------------------------------------------- embeddings */

static enum status choose_pooling(const struct embed *embed, enum embed_pooling asked,
                                  enum model_pooling *out, struct error *err)
{
    const enum model_pooling own = embed->model->shape.embedding.pooling;
    switch (asked) {
    case EMBED_POOLING_MEAN: *out = MODEL_POOLING_MEAN; return OK;
    case EMBED_POOLING_FIRST: *out = MODEL_POOLING_FIRST; return OK;
    case EMBED_POOLING_LAST: *out = MODEL_POOLING_LAST; return OK;
    case EMBED_POOLING_MODEL: break;
    }
    *out = own;
    if (own == MODEL_POOLING_RANK)
        return error_set(err, E_UNSUPPORTED,
                         "this model scores pairs of texts (holt rerank); ask for --pooling mean, "
                         "cls or last to get embeddings all the same");
    if (own == MODEL_POOLING_NONE)
        return error_set(err, E_UNSUPPORTED,
                         "this %s model was not made for embeddings: its file names no pooling; "
                         "ask for --pooling mean, cls or last to get some all the same",
                         embed->model->arch->name);
    return OK;
}

/* Keeps the first tokens and the last one, which ends a text in most models. */
static void cut(struct token_list *tokens, uint32_t count_max)
{
    if (tokens->count <= count_max)
        return;
    tokens->ids[count_max - 1] = tokens->ids[tokens->count - 1];
    tokens->spans[count_max - 1] = tokens->spans[tokens->count - 1];
    tokens->count = count_max;
}

enum status embed_texts(struct embed *embed, const struct str *texts, size_t count,
                        const struct embed_options *options, float *out, uint32_t *token_counts,
                        struct error *err)
{
    struct purpose purpose = {.keeps_length = options->keeps_length,
                              .out_columns = embed->info.dim};
    CLEANUP(group_done) struct group group = {0};
    CLEANUP(token_list_done) struct token_list tokens = {0};
    TRY(check_count(count, err));
    TRY(choose_pooling(embed, options->pooling, &purpose.pooling, err));
    TRY(group_init(&group, embed, &purpose, out, err));
    for (size_t i = 0; i < count; i++) {
        token_list_clear(&tokens);
        TRY(tokenizer_encode(embed->tokenizer, texts[i], TOKENIZER_ADD_BOS_EOS, &tokens, err));
        if (options->cuts)
            cut(&tokens, embed->info.tokens_max);
        TRY(group_add(&group, &tokens, i, err));
        if (token_counts)
            token_counts[i] = (uint32_t)tokens.count;
    }
    return group_run(&group, err);
}

/* ---------------------------------------------------------------- ranking */

/* The template of rerankers: text with {query} and {document}. */
static enum status encode_template(const struct embed *embed, struct str template, struct str query,
                                   struct str document, struct token_list *tokens,
                                   struct error *err)
{
    enum { SPANS_MAX = 64 };
    struct text_span spans[SPANS_MAX];
    size_t count = 0;
    while (template.len > 0) {
        const size_t at_query = str_find(template, STR("{query}"), 0);
        const size_t at_document = str_find(template, STR("{document}"), 0);
        const bool is_query = at_query < at_document;
        const size_t at = is_query ? at_query : at_document;
        if (count + 2 > SPANS_MAX)
            return error_set(err, E_LIMIT,
                             "tokenizer.chat_template.rerank names its texts more than %d times",
                             SPANS_MAX / 2 - 1);
        spans[count++] = (struct text_span){str_slice(template, 0, at), true};
        if (at == SIZE_MAX)
            break;
        spans[count++] = (struct text_span){is_query ? query : document, false};
        template =
            str_slice(template, at + strlen(is_query ? "{query}" : "{document}"), template.len);
    }
    TRY(tokenizer_encode_spans(embed->tokenizer, spans, count, tokens, err));
    for (size_t i = 0; i < tokens->count; i++)
        tokens->spans[i] = 0; /* one text, not a pair */
    return OK;
}

enum status embed_rank(struct embed *embed, struct str query, const struct str *documents,
                       size_t count, float *scores, uint32_t *token_counts, struct error *err)
{
    const uint32_t labels = embed->model->shape.embedding.label_count;
    const struct purpose purpose = {.pooling = MODEL_POOLING_RANK, .out_columns = labels};
    CLEANUP(group_done) struct group group = {0};
    CLEANUP(token_list_done) struct token_list tokens = {0};
    struct str template = {0};
    if (labels == 0)
        return error_set(err, E_UNSUPPORTED,
                         "this %s model cannot rerank: it has no classifier (cls.output)",
                         embed->model->arch->name);
    TRY(check_count(count, err));
    TRY(gguf_get_str_or(embed->gguf, "tokenizer.chat_template.rerank", STR(""), &template, err));
    CLEANUP(mem_freep) float *all = mem_try_zalloc(count ? count : 1, labels * sizeof(*all));
    if (!all)
        return error_set(err, E_NO_MEMORY, "no memory for %zu scores", count);
    TRY(group_init(&group, embed, &purpose, all, err));
    for (size_t i = 0; i < count; i++) {
        token_list_clear(&tokens);
        if (template.len > 0)
            TRY(encode_template(embed, template, query, documents[i], &tokens, err));
        else
            TRY(tokenizer_encode_pair(embed->tokenizer, query, documents[i], &tokens, err));
        TRY(group_add(&group, &tokens, i, err));
        if (token_counts)
            token_counts[i] = (uint32_t)tokens.count;
    }
    TRY(group_run(&group, err));
    for (size_t i = 0; i < count; i++)
        scores[i] = all[i * labels]; /* the first class: what is asked for */
    return OK;
}
