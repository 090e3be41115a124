/*
 * openai_read - request bodies of OpenAI's /v1/chat/completions and /v1/completions.
 *
 * Source: OpenAI's API reference as of August 2026, and what clients send. Fields that holt does
 * not know are ignored; what it knows and cannot do is refused with a sentence.
 *
 * Used by: route.c.
 */
#pragma once

#include "api/api_request.h"

MUST_USE enum status openai_read_chat(const json_t *body, struct api_request *out,
                                      struct error *err);
MUST_USE enum status openai_read_completion(const json_t *body, struct api_request *out,
                                            struct error *err);

/* Content that is a text or a list of parts of type text (also input_text, output_text), joined.
 * Images and other parts are refused. Shared with the other readers. */
MUST_USE enum status openai_read_content(const json_t *content, struct strbuf *out,
                                         struct error *err);
