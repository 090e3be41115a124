#include "api/embeddings.h"

#include "api/field.h"
#include "base/mem.h"
#include "engine/embed.h"
#include "text/json.h"

#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* What a request asks for, and what comes of it. Zeroed is empty. */
struct texts {
    struct str *of;
    size_t count;
    float *vectors; /* [count][dim] */
    uint32_t *token_counts;
    size_t dim;  /* of the model */
    size_t kept; /* numbers of a vector that are told */
};

static void texts_done(struct texts *texts)
{
    mem_free(texts->of);
    mem_free(texts->vectors);
    mem_free(texts->token_counts);
}

static json_t *refuse(struct api_failure *out, enum status status, const struct error *err)
{
    *out = api_failure_of(status, err);
    return NULL;
}

/* ---------------------------------------------------------------- reading */

static enum status read_text(const json_t *value, const char *name, struct str *out,
                             struct error *err)
{
    if (json_is_integer(value) || json_is_array(value))
        return error_set(err, E_INVALID,
                         "%s has token numbers; send texts (in LangChain: "
                         "check_embedding_ctx_length=False)",
                         name);
    if (!json_is_string(value))
        return error_set(err, E_INVALID, "%s is not a text or an array of texts", name);
    *out = (struct str){json_string_value(value), json_string_length(value)};
    return OK;
}

/* A document: a text, or an object with one. */
static enum status read_document(const json_t *value, struct str *out, struct error *err)
{
    if (json_is_object(value))
        value = json_object_get(value, "text");
    return read_text(value, "documents", out, err);
}

static enum status read_texts(const json_t *body, const char *name, bool are_documents,
                              struct texts *out, struct error *err)
{
    const json_t *input = json_object_get(body, name);
    const size_t count = json_is_array(input) ? json_array_size(input) : 1;
    if (!input || count == 0)
        return error_set(err, E_INVALID, "%s is missing or empty", name);
    if (count > EMBED_TEXTS_MAX)
        return error_set(err, E_LIMIT, "%s has %zu texts (limit %d)", name, count, EMBED_TEXTS_MAX);
    out->of = mem_zalloc(count * sizeof(*out->of));
    for (; out->count < count; out->count++) {
        const json_t *value = json_is_array(input) ? json_array_get(input, out->count) : input;
        if (are_documents)
            TRY(read_document(value, &out->of[out->count], err));
        else
            TRY(read_text(value, name, &out->of[out->count], err));
    }
    out->token_counts = mem_zalloc(count * sizeof(*out->token_counts));
    return OK;
}

/* ---------------------------------------------------------------- computing */

/* The first `kept` numbers of a vector, at length 1 again. */
static void shorten(float *vector, size_t kept)
{
    double sum = 0;
    for (size_t i = 0; i < kept; i++)
        sum += (double)vector[i] * (double)vector[i];
    const double factor = sum > 0 ? 1 / sqrt(sum) : 0;
    for (size_t i = 0; i < kept; i++)
        vector[i] = (float)((double)vector[i] * factor);
}

static enum status compute(const struct api_context *context, const json_t *body,
                           struct embed_options options, struct texts *texts, struct error *err)
{
    int64_t dimensions = 0;
    texts->dim = embed_get_info(context->model->embed)->dim;
    TRY(field_int(body, "dimensions", 1, (int64_t)texts->dim, &dimensions, err));
    TRY(field_bool(body, "truncate", &options.cuts, err));
    options.pooling = context->model->pooling;
    texts->kept = dimensions ? (size_t)dimensions : texts->dim;
    texts->vectors = mem_try_zalloc(texts->count, texts->dim * sizeof(float));
    if (!texts->vectors)
        return error_set(err, E_NO_MEMORY, "no memory for %zu embeddings", texts->count);
    TRY(embed_texts(context->model->embed, texts->of, texts->count, &options, texts->vectors,
                    texts->token_counts, err));
    for (size_t i = 0; i < texts->count && texts->kept < texts->dim && !options.keeps_length; i++)
        shorten(texts->vectors + i * texts->dim, texts->kept);
    return OK;
}

static json_int_t tokens_of(const struct texts *texts)
{
    json_int_t sum = 0;
    for (size_t i = 0; i < texts->count; i++)
        sum += texts->token_counts[i];
    return sum;
}

/* No more digits than the float has. */
static json_t *number(float value)
{
    char text[32];
    snprintf(text, sizeof(text), "%.9g", (double)value);
    return json_real(strtod(text, NULL));
}

static json_t *numbers_of(const struct texts *texts, size_t index)
{
    json_t *list = json_array();
    for (size_t i = 0; i < texts->kept; i++)
        json_array_append_new(list, number(texts->vectors[index * texts->dim + i]));
    return list;
}

/* The floats as they lie in memory, little-endian. */
static json_t *base64_of(const struct texts *texts, size_t index)
{
    const size_t size = texts->kept * sizeof(float);
    const size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    char *text = mem_alloc(room);
    sodium_bin2base64(text, room, (const unsigned char *)(texts->vectors + index * texts->dim),
                      size, sodium_base64_VARIANT_ORIGINAL);
    json_t *value = json_string(text);
    mem_free(text);
    return value;
}

/* ---------------------------------------------------------------- OpenAI */

json_t *embeddings_openai(const struct api_context *context, const json_t *body,
                          struct api_failure *out_failure)
{
    CLEANUP(texts_done) struct texts texts = {0};
    struct error err = {0};
    struct str encoding = STR("float");
    enum status status = field_str(body, "encoding_format", &encoding, &err);
    const bool is_base64 = str_equal_c(encoding, "base64");
    if (status == OK && !is_base64 && !str_equal_c(encoding, "float"))
        status = error_set(&err, E_INVALID, "encoding_format is float or base64");
    if (status == OK)
        status = read_texts(body, "input", false, &texts, &err);
    if (status == OK)
        status = compute(context, body, (struct embed_options){0}, &texts, &err);
    if (status != OK)
        return refuse(out_failure, status, &err);
    json_t *data = json_array();
    for (size_t i = 0; i < texts.count; i++)
        json_array_append_new(
            data, json_pack("{s:s, s:I, s:o}", "object", "embedding", "index", (json_int_t)i,
                            "embedding", is_base64 ? base64_of(&texts, i) : numbers_of(&texts, i)));
    const json_int_t tokens = tokens_of(&texts);
    return json_pack("{s:s, s:o, s:o, s:{s:I, s:I}}", "object", "list", "data", data, "model",
                     reply_text(context->model->name), "usage", "prompt_tokens", tokens,
                     "total_tokens", tokens);
}

/* ---------------------------------------------------------------- Ollama */

json_t *embeddings_ollama(const struct api_context *context, const json_t *body,
                          struct api_failure *out_failure)
{
    CLEANUP(texts_done) struct texts texts = {0};
    struct error err = {0};
    const double begin = context->seconds();
    enum status status = read_texts(body, "input", false, &texts, &err);
    if (status == OK)
        status = compute(context, body, (struct embed_options){0}, &texts, &err);
    if (status != OK)
        return refuse(out_failure, status, &err);
    json_t *list = json_array();
    for (size_t i = 0; i < texts.count; i++)
        json_array_append_new(list, numbers_of(&texts, i));
    return json_pack("{s:o, s:o, s:I, s:I, s:I}", "model", reply_text(context->model->name),
                     "embeddings", list, "total_duration",
                     (json_int_t)((context->seconds() - begin) * 1e9), "load_duration",
                     (json_int_t)0, "prompt_eval_count", tokens_of(&texts));
}

/* The older form: one text, and the vector as the model makes it. */
json_t *embeddings_ollama_prompt(const struct api_context *context, const json_t *body,
                                 struct api_failure *out_failure)
{
    CLEANUP(texts_done) struct texts texts = {0};
    struct error err = {0};
    enum status status = read_texts(body, "prompt", false, &texts, &err);
    if (status == OK && texts.count != 1)
        status = error_set(&err, E_INVALID, "prompt is one text; /api/embed takes several");
    if (status == OK)
        status = compute(context, body, (struct embed_options){.keeps_length = true}, &texts, &err);
    if (status != OK)
        return refuse(out_failure, status, &err);
    return json_pack("{s:o}", "embedding", numbers_of(&texts, 0));
}

/* ---------------------------------------------------------------- ranking */

struct ranked {
    size_t index;
    float score;
};

/* Best first; equal ones in the order they came. */
static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

static json_t *results_of(const struct texts *texts, const struct ranked *ranked, size_t count,
                          bool with_documents)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_pack("{s:I, s:o}", "index", (json_int_t)ranked[i].index,
                                "relevance_score", number(ranked[i].score));
        if (with_documents)
            json_object_set_new(row, "document",
                                json_pack("{s:o}", "text", reply_text(texts->of[ranked[i].index])));
        json_array_append_new(list, row);
    }
    return list;
}

json_t *embeddings_rerank(const struct api_context *context, const json_t *body,
                          struct api_failure *out_failure)
{
    CLEANUP(texts_done) struct texts texts = {0};
    CLEANUP(mem_freep) struct ranked *ranked = NULL;
    struct error err = {0};
    struct str query = {0};
    bool with_documents = false;
    int64_t top = EMBED_TEXTS_MAX;
    enum status status = field_str(body, "query", &query, &err);
    if (status == OK && query.len == 0)
        status = error_set(&err, E_INVALID, "query is missing or empty");
    if (status == OK)
        status = field_int(body, "top_n", 0, EMBED_TEXTS_MAX, &top, &err);
    if (status == OK)
        status = field_bool(body, "return_documents", &with_documents, &err);
    if (status == OK)
        status = read_texts(body, "documents", true, &texts, &err);
    if (status == OK) {
        texts.vectors = mem_zalloc(texts.count * sizeof(float));
        status = embed_rank(context->model->embed, query, texts.of, texts.count, texts.vectors,
                            texts.token_counts, &err);
    }
    if (status != OK)
        return refuse(out_failure, status, &err);
    ranked = mem_zalloc(texts.count * sizeof(*ranked));
    for (size_t i = 0; i < texts.count; i++)
        ranked[i] = (struct ranked){i, texts.vectors[i]};
    qsort(ranked, texts.count, sizeof(*ranked), compare_ranked);
    const size_t told = (size_t)top < texts.count ? (size_t)top : texts.count;
    const json_int_t tokens = tokens_of(&texts);
    return json_pack("{s:o, s:s, s:{s:I, s:I}, s:o}", "model", reply_text(context->model->name),
                     "object", "list", "usage", "prompt_tokens", tokens, "total_tokens", tokens,
                     "results", results_of(&texts, ranked, told, with_documents));
}
