#include "api/api_failure.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    HTTP_BAD_REQUEST = 400,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_TOO_LARGE = 413,
    HTTP_CANCELLED = 499,
    HTTP_INTERNAL = 500,
    HTTP_UNAVAILABLE = 503,
};

static int http_status_of(enum status status)
{
    switch (status) {
    case OK: return 200;
    case E_INVALID:
    case E_FORMAT:
    case E_LIMIT:
    case E_UNSUPPORTED: return HTTP_BAD_REQUEST;
    case E_NOT_FOUND: return HTTP_NOT_FOUND;
    case E_DENIED: return HTTP_FORBIDDEN;
    case E_CANCELLED: return HTTP_CANCELLED;
    case E_BUSY: return HTTP_UNAVAILABLE;
    case E_IO:
    case E_NO_MEMORY: return HTTP_INTERNAL;
    }
    return HTTP_INTERNAL;
}

struct api_failure api_failure_make(int http_status, const char *text)
{
    struct api_failure failure = {.http_status = http_status, .status = E_INVALID};
    snprintf(failure.text, sizeof(failure.text), "%s", text);
    return failure;
}

struct api_failure api_failure_of(enum status status, const struct error *err)
{
    struct api_failure failure = api_failure_make(http_status_of(status), err->text);
    failure.status = status;
    return failure;
}

/* The words are those that clients look for: "maximum context length" and "prompt is too long". */
struct api_failure api_failure_of_context(uint64_t prompt_tokens, uint64_t context_tokens)
{
    struct api_failure failure = {
        .http_status = HTTP_BAD_REQUEST,
        .status = E_LIMIT,
        .is_context = true,
        .prompt_tokens = prompt_tokens,
        .context_tokens = context_tokens,
    };
    snprintf(failure.text, sizeof(failure.text),
             "prompt is too long: %" PRIu64 " tokens > %" PRIu64
             " maximum context length; nothing was cut",
             prompt_tokens, context_tokens);
    return failure;
}

static const char *openai_type(const struct api_failure *failure)
{
    return failure->http_status >= HTTP_INTERNAL ? "server_error" : "invalid_request_error";
}

static const char *openai_code(const struct api_failure *failure)
{
    if (failure->is_context)
        return "context_length_exceeded";
    if (failure->code)
        return failure->code;
    switch (failure->http_status) {
    case 401: return "invalid_api_key";
    case HTTP_NOT_FOUND: return "not_found";
    case HTTP_UNAVAILABLE: return "server_overloaded";
    default: return NULL;
    }
}

static const char *anthropic_type(int http_status)
{
    switch (http_status) {
    case 401: return "authentication_error";
    case HTTP_FORBIDDEN: return "permission_error";
    case HTTP_NOT_FOUND: return "not_found_error";
    case HTTP_TOO_LARGE: return "request_too_large";
    case HTTP_UNAVAILABLE:
    case 529: return "overloaded_error";
    default: return http_status >= HTTP_INTERNAL ? "api_error" : "invalid_request_error";
    }
}

/* With the numbers that llama.cpp's clients look for, where there are any. */
static json_t *openai_json(const struct api_failure *failure)
{
    json_t *error =
        json_pack("{s:s, s:s, s:s?, s:s?}", "message", failure->text, "type", openai_type(failure),
                  "param", failure->param, "code", openai_code(failure));
    if (failure->prompt_tokens > 0) {
        json_object_set_new(error, "n_prompt_tokens",
                            json_integer((json_int_t)failure->prompt_tokens));
        json_object_set_new(error, "n_ctx", json_integer((json_int_t)failure->context_tokens));
    }
    return json_pack("{s:o}", "error", error);
}

static json_t *anthropic_json(const struct api_failure *failure)
{
    json_t *object = json_pack("{s:s, s:{s:s, s:s}}", "type", "error", "error", "type",
                               anthropic_type(failure->http_status), "message", failure->text);
    if (failure->request_id[0])
        json_object_set_new(object, "request_id", json_string(failure->request_id));
    return object;
}

json_t *api_failure_json(const struct api_failure *failure, enum api_protocol protocol)
{
    switch (protocol) {
    case API_OPENAI: return openai_json(failure);
    case API_ANTHROPIC: return anthropic_json(failure);
    case API_OLLAMA: return json_pack("{s:s}", "error", failure->text);
    }
    return NULL;
}
