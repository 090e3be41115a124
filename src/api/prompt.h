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

/* Fills `out`. E_UNSUPPORTED: the model has no template, or no tokens for gaps. E_INVALID: the
 * template refuses the conversation; tokens are not those of the text they spell. */
MUST_USE enum status prompt_make(struct engine *engine, struct api_request *request,
                                 struct chat_spans *out, struct error *err);
