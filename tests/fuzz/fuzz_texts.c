/*
 * fuzz_texts - any bytes as what a client asks of a text: its tokens, its length, its place in a
 * template, its vector, its rank; and as the model it wants to know about.
 *
 * Every request ends with an answer or one sentence. Tokens spell the text they were made of, and
 * are the same with and without their pieces; counts are those of the rendered conversation; there
 * is a vector of the right length for every text, the same in each form; a ranking names every
 * document once, the best first.
 *
 * The first byte ("0" to "9") picks what is asked for, the rest is the body.
 */
#include "api/route.h"
#include "base/check.h"
#include "engine/embed.h"
#include "engine/engine.h"
#include "tests/fuzz/scratch.h"
#include "tests/tiny_encoder.h"
#include "text/json.h"
#include "text/utf8.h"

#include <math.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A text costs as much as it is long, and nothing is learnt of long ones. */
enum { BYTES_MAX = 4096, DOCUMENTS_MAX = 64 };

static struct api_model writer, encoder, ranker;

static double no_clock(void)
{
    return 0;
}

static void open_encoder(enum tiny_encoder_kind kind, const char *name, struct api_model *out)
{
    CLEANUP(mem_freep) char *path = scratch_path(name);
    CLEANUP(strbuf_done) struct strbuf bytes = tiny_encoder_bytes(kind);
    scratch_write(name, strbuf_view(&bytes));
    const struct embed_config config = {.model_path = path, .thread_count = 1};
    struct embed *embed = NULL;
    CHECK(embed_open(&config, &embed, NULL) == OK);
    *out = (struct api_model){.embed = embed,
                              .is_for_embeddings = true,
                              .file = embed_gguf(embed),
                              .tokenizer = embed_tokenizer(embed),
                              .name = STR("otter")};
}

static void open_models(void)
{
    const struct engine_config config = {.context_tokens = 256, .thread_count = 1};
    struct engine *engine = NULL;
    if (writer.engine)
        return;
    CHECK(engine_open(&config, &engine, NULL) == OK);
    writer = (struct api_model){.engine = engine,
                                .file = engine_gguf(engine),
                                .tokenizer = engine_tokenizer(engine),
                                .caps = engine_template_caps(engine),
                                .architecture = engine_get_info(engine)->architecture,
                                .context_tokens = 256,
                                .name = STR("builtin")};
    open_encoder(TINY_BERT, "encoder.gguf", &encoder);
    open_encoder(TINY_BERT_RANK, "ranker.gguf", &ranker);
}

/* What the address answers; a new reference, NULL: a refusal with a sentence. */
static json_t *ask(const char *path, const struct api_model *model, const json_t *body)
{
    static struct model_list list;
    bool is_known = false;
    struct api_failure failure = {0};
    const struct route *route = route_find(STR("POST"), str_from_c(path), &is_known);
    route = route ? route : route_find(STR("GET"), str_from_c(path), &is_known);
    if (list.count == 0)
        model_list_add(&list, &(struct model_list_row){.name = (char[]){"acme/Otter:Q8_0"}});
    const struct api_context context = {.model = model, .models = &list, .seconds = no_clock};
    CHECK(route && (route->answer || route->work));
    json_t *answer = (route->answer ? route->answer : route->work)(&context, body, &failure);
    CHECK(answer || (failure.http_status >= 400 && failure.text[0]));
    CHECK(answer || (utf8_is_valid(str_from_c(failure.text)) && !strchr(failure.text, '\n')));
    return answer;
}

/* ---------------------------------------------------------------- tokens */

static void check_tokens(json_t *body)
{
    json_object_del(body, "add_special");
    json_object_set_new(body, "with_pieces", json_false());
    CLEANUP(json_decrefp) json_t *plain = ask("/tokenize", &writer, body);
    if (!plain)
        return;
    json_object_set_new(body, "with_pieces", json_true());
    CLEANUP(json_decrefp) json_t *pieces = ask("/tokenize", &writer, body);
    CLEANUP(json_decrefp) json_t *spelled = ask("/detokenize", &writer, plain);
    const json_t *ids = json_object_get(plain, "tokens");
    const json_t *rows = json_object_get(pieces, "tokens");
    CHECK(json_array_size(ids) == json_array_size(rows));
    for (size_t i = 0; i < json_array_size(ids); i++)
        CHECK(json_equal(json_array_get(ids, i), json_object_get(json_array_get(rows, i), "id")));
    CHECK(str_equal(json_str(json_object_get(spelled, "content")),
                    json_str(json_object_get(body, "content"))));
}

static void check_conversation(const json_t *body)
{
    CLEANUP(json_decrefp) json_t *counted = ask("/v1/chat/completions/input_tokens", &writer, body);
    CLEANUP(json_decrefp) json_t *rendered = ask("/apply-template", &writer, body);
    CHECK(!counted == !rendered);
    if (!counted)
        return;
    CLEANUP(json_decrefp)
    json_t *text = json_pack("{s:O}", "content", json_object_get(rendered, "prompt"));
    CLEANUP(json_decrefp) json_t *tokens = ask("/tokenize", &writer, text);
    const json_int_t count = json_integer_value(json_object_get(counted, "input_tokens"));
    CHECK(count > 0);
    /* Marks that a client wrote are text, which takes more tokens than the marks. */
    CHECK((size_t)count >= json_array_size(json_object_get(tokens, "tokens")));
}

static void check_count(const char *path, const json_t *body)
{
    CLEANUP(json_decrefp) json_t *counted = ask(path, &writer, body);
    CHECK(!counted || json_integer_value(json_object_get(counted, "input_tokens")) > 0);
}

/* ---------------------------------------------------------------- vectors */

static size_t count_of(const json_t *texts)
{
    return json_is_array(texts) ? json_array_size(texts) : 1;
}

static bool is_too_much(const json_t *texts)
{
    return count_of(texts) > DOCUMENTS_MAX;
}

/* Of length 1, and as long as was asked for. */
static void check_vector(const json_t *vector, const json_t *body)
{
    const json_t *dimensions = json_object_get(body, "dimensions");
    const size_t dim = embed_get_info(encoder.embed)->dim;
    double sum = 0;
    CHECK(json_array_size(vector) ==
          (json_is_integer(dimensions) ? (size_t)json_integer_value(dimensions) : dim));
    for (size_t i = 0; i < json_array_size(vector); i++)
        sum += pow(json_real_value(json_array_get(vector, i)), 2);
    CHECK(fabs(sum - 1) < 1e-4);
}

static void check_vectors(json_t *body)
{
    const json_t *input = json_object_get(body, "input");
    if (is_too_much(input))
        return;
    json_object_del(body, "encoding_format");
    CLEANUP(json_decrefp) json_t *openai = ask("/v1/embeddings", &encoder, body);
    CLEANUP(json_decrefp) json_t *ollama = ask("/api/embed", &encoder, body);
    CHECK(!openai == !ollama);
    if (!openai)
        return;
    const json_t *data = json_object_get(openai, "data");
    const json_t *vectors = json_object_get(ollama, "embeddings");
    CHECK(json_array_size(data) == count_of(input) && json_array_size(vectors) == count_of(input));
    for (size_t i = 0; i < json_array_size(data); i++) {
        const json_t *row = json_array_get(data, i);
        const json_t *vector = json_object_get(row, "embedding");
        CHECK((size_t)json_integer_value(json_object_get(row, "index")) == i);
        CHECK(json_equal(vector, json_array_get(vectors, i)));
        check_vector(vector, body);
    }
    json_object_set_new(body, "encoding_format", json_string("base64"));
    CLEANUP(json_decrefp) json_t *packed = ask("/v1/embeddings", &encoder, body);
    CHECK(json_array_size(json_object_get(packed, "data")) == count_of(input));
}

static void check_ranking(const json_t *body)
{
    bool seen[DOCUMENTS_MAX] = {false};
    const json_t *documents = json_object_get(body, "documents");
    const json_t *top = json_object_get(body, "top_n");
    if (is_too_much(documents))
        return;
    CLEANUP(json_decrefp) json_t *ranked = ask("/v1/rerank", &ranker, body);
    if (!ranked)
        return;
    const json_t *results = json_object_get(ranked, "results");
    size_t wanted = count_of(documents);
    if (json_is_integer(top) && (size_t)json_integer_value(top) < wanted)
        wanted = (size_t)json_integer_value(top);
    CHECK(json_array_size(results) == wanted);
    double before = HUGE_VAL;
    for (size_t i = 0; i < wanted; i++) {
        const json_t *row = json_array_get(results, i);
        const size_t index = (size_t)json_integer_value(json_object_get(row, "index"));
        const double score = json_real_value(json_object_get(row, "relevance_score"));
        CHECK(index < count_of(documents) && !seen[index] && score <= before);
        seen[index] = true;
        before = score;
    }
}

/* ---------------------------------------------------------------- models */

static void check_model(struct str id)
{
    CLEANUP(strbuf_done) struct strbuf path = {0};
    strbuf_addf(&path, "/v1/models/%.*s", STR_ARG(id));
    CLEANUP(json_decrefp) json_t *body = json_pack("{s:s%}", "digest", id.ptr, id.len);
    CLEANUP(json_decrefp) json_t *model = ask(strbuf_c(&path), &writer, body);
    CHECK(!model || str_equal(json_str(json_object_get(model, "id")), id));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(json_decrefp) json_t *body = NULL;
    CLEANUP(json_decrefp) json_t *answer = NULL;
    struct error err = {0};
    if (size == 0 || size > BYTES_MAX)
        return 0;
    const struct str rest = {(const char *)bytes + 1, size - 1};
    open_models();
    if (bytes[0] == '9') {
        check_model(rest);
        return 0;
    }
    if (json_parse(rest, NULL, &body, &err) != OK)
        return 0;
    switch ((uint8_t)(bytes[0] - '0') % 9) {
    case 0: check_tokens(body); break;
    case 1: answer = ask("/detokenize", &writer, body); break;
    case 2: check_conversation(body); break;
    case 3: check_count("/v1/messages/count_tokens", body); break;
    case 4: check_count("/v1/responses/input_tokens", body); break;
    case 5: check_vectors(body); break;
    case 6:
        answer = is_too_much(json_object_get(body, "prompt"))
                     ? NULL
                     : ask("/api/embeddings", &encoder, body);
        break;
    case 7: check_ranking(body); break;
    default: answer = ask("/api/show", bytes[0] % 2 ? &encoder : &writer, body); break;
    }
    return 0;
}
