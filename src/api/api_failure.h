/*
 * api_failure - a request that could not be answered, in each protocol's own form.
 *
 *   OpenAI     {"error": {"message", "type", "param", "code"}}
 *   Anthropic  {"type": "error", "error": {"type", "message"}, "request_id"}
 *   Ollama     {"error": "message"}
 *
 * Nothing of the inside is told: a sentence, and a code that clients know.
 *
 * Used by: reply.c, the readers, server/.
 */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum api_protocol { API_OPENAI, API_ANTHROPIC, API_OLLAMA };

enum { API_FAILURE_REQUEST_ID_BYTES = 48 };

struct api_failure {
    int http_status;
    enum status status;
    bool is_context;                        /* the conversation does not fit: */
    uint64_t prompt_tokens, context_tokens; /* both 0: not known */
    const char *param; /* OpenAI: the field that is wrong; NULL: none in particular */
    const char *code;  /* OpenAI: more exactly than the kind of error; NULL: that is all */
    char text[ERROR_TEXT_MAX];
    char request_id[API_FAILURE_REQUEST_ID_BYTES]; /* Anthropic; empty: not told */
};

/* What `status` and its sentence are to a client. A conversation that does not fit (E_LIMIT from
 * the scheduler) is api_failure_of_context() with both numbers. */
struct api_failure api_failure_of(enum status status, const struct error *err);
struct api_failure api_failure_of_context(uint64_t prompt_tokens, uint64_t context_tokens);
struct api_failure api_failure_make(int http_status, const char *text);

/* The body; a new reference. */
json_t *api_failure_json(const struct api_failure *failure, enum api_protocol protocol);
