#include "api/route.h"

#include "api/anthropic_read.h"
#include "api/embeddings.h"
#include "api/field.h"
#include "api/listings.h"
#include "api/ollama_read.h"
#include "api/openai_read.h"
#include "api/responses_read.h"
#include "api/text_tools.h"

#include <stdio.h>

static const struct route routes[] = {
    /* OpenAI */
    {.method = "POST",
     .path = "/v1/chat/completions",
     .protocol = API_OPENAI,
     .read = openai_read_chat,
     .format = &reply_openai_chat},
    {.method = "POST",
     .path = "/v1/completions",
     .protocol = API_OPENAI,
     .read = openai_read_completion,
     .format = &reply_openai_completion},
    {.method = "POST",
     .path = "/v1/responses",
     .protocol = API_OPENAI,
     .read = responses_read,
     .format = &reply_responses},
    {.method = "POST", .path = "/v1/embeddings", .protocol = API_OPENAI, .work = embeddings_openai},
    {.method = "GET", .path = "/v1/models", .protocol = API_OPENAI, .answer = listings_v1_models},
    /* Anthropic */
    {.method = "POST",
     .path = "/v1/messages",
     .protocol = API_ANTHROPIC,
     .read = anthropic_read_messages,
     .format = &reply_anthropic},
    {.method = "POST",
     .path = "/v1/messages/count_tokens",
     .protocol = API_ANTHROPIC,
     .answer = text_tools_count_tokens},
    /* Ollama */
    {.method = "POST",
     .path = "/api/chat",
     .protocol = API_OLLAMA,
     .read = ollama_read_chat,
     .format = &reply_ollama_chat},
    {.method = "POST",
     .path = "/api/generate",
     .protocol = API_OLLAMA,
     .read = ollama_read_generate,
     .format = &reply_ollama_generate},
    {.method = "POST", .path = "/api/embed", .protocol = API_OLLAMA, .work = embeddings_ollama},
    {.method = "POST",
     .path = "/api/embeddings",
     .protocol = API_OLLAMA,
     .work = embeddings_ollama_prompt},
    {.method = "GET", .path = "/api/tags", .protocol = API_OLLAMA, .answer = listings_tags},
    {.method = "GET", .path = "/api/ps", .protocol = API_OLLAMA, .answer = listings_running},
    {.method = "POST", .path = "/api/show", .protocol = API_OLLAMA, .answer = listings_show},
    {.method = "GET", .path = "/api/version", .protocol = API_OLLAMA, .answer = listings_version},
    {.method = "GET", .path = "/", .protocol = API_OLLAMA, .print = listings_greeting},
    /* llama.cpp's extras */
    {.method = "GET", .path = "/health", .protocol = API_OPENAI, .answer = listings_health},
    {.method = "GET", .path = "/v1/health", .protocol = API_OPENAI, .answer = listings_health},
    {.method = "GET", .path = "/props", .protocol = API_OPENAI, .answer = listings_props},
    {.method = "GET", .path = "/metrics", .protocol = API_OPENAI, .print = listings_metrics},
    {.method = "POST", .path = "/v1/rerank", .protocol = API_OPENAI, .work = embeddings_rerank},
    {.method = "POST", .path = "/v1/reranking", .protocol = API_OPENAI, .work = embeddings_rerank},
    {.method = "POST", .path = "/rerank", .protocol = API_OPENAI, .work = embeddings_rerank},
    {.method = "POST", .path = "/reranking", .protocol = API_OPENAI, .work = embeddings_rerank},
    {.method = "POST", .path = "/tokenize", .protocol = API_OPENAI, .answer = text_tools_tokenize},
    {.method = "POST",
     .path = "/detokenize",
     .protocol = API_OPENAI,
     .answer = text_tools_detokenize},
    {.method = "POST",
     .path = "/apply-template",
     .protocol = API_OPENAI,
     .answer = text_tools_apply_template},
};

const struct route *route_find(struct str method, struct str path, bool *out_path_is_known)
{
    const struct str wanted = str_equal_c(method, "HEAD") ? STR("GET") : method;
    *out_path_is_known = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!str_equal_c(path, routes[i].path))
            continue;
        *out_path_is_known = true;
        if (str_equal_c(wanted, routes[i].method))
            return &routes[i];
    }
    return NULL;
}

bool route_names_model(const struct api_model *model, struct str name)
{
    const struct str latest = STR(":latest");
    if (str_ends_with(name, latest))
        name = str_slice(name, 0, name.len - latest.len);
    return name.len == 0 || str_equal(name, model->name) || str_starts_with(name, STR("claude-"));
}

struct api_failure route_no_chat(const struct api_model *model)
{
    char text[200];
    snprintf(text, sizeof(text), "\"%.*s\" is served for embeddings and does not support chat",
             STR_ARG(field_shown(model->name)));
    return api_failure_make(400, text);
}

struct api_failure route_no_embeddings(const struct api_model *model)
{
    char text[200];
    snprintf(
        text, sizeof(text),
        "\"%.*s\" is served for text and does not support embeddings: start holt serve with an "
        "embedding model, or with --pooling",
        STR_ARG(field_shown(model->name)));
    return api_failure_make(501, text);
}
