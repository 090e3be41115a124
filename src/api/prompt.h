/*
 * prompt - the text a model goes on with, of a request: a rendered conversation, one that goes on
 * in its last answer, a gap to be filled, a text, or tokens.
 *
 * Threads: the engine's. Depends on: engine/. Used by: server/engine_loop.c, text_tools.c.
 */
#pragma once

#include "api/api_request.h"
#include "base/error.h"

struct chat_spans;
struct engine;

/* Fills `out` with the prompt `index` of the request, and gives its biases of texts their tokens.
 * E_UNSUPPORTED: the model has no template, or
 * no tokens for gaps. E_INVALID: the template refuses the conversation; tokens are not those of the
 * text they spell. */
MUST_USE enum status prompt_make(struct engine *engine, struct api_request *request, size_t index,
                                 struct chat_spans *out, struct error *err);

/* What the model reads, as a text: with the beginning-of-text token that is put in front. */
void prompt_text(const struct engine *engine, const struct chat_spans *spans, struct strbuf *out);
