/*
 * agent_context - the conversation of an agent and its place in the model's context.
 *
 * Part of agent.h. Facts, not estimates: every count here is the tokenizer's own.
 *
 * Threads: the engine's. Used by: agent.c only.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>

struct agent;

/* Adds a message in the recorded form (store/session_store.h) to the conversation. */
MUST_USE enum status agent_context_add(struct agent *agent, const json_t *message,
                                       struct error *err);

/* Renders the conversation into the session so that the model can go on. When it does not fit the
 * oldest tool results are shortened and the user is told; *out_has_room is false when that is not
 * enough. */
MUST_USE enum status agent_context_prepare(struct agent *agent, bool *out_has_room,
                                           struct error *err);

/* Appends `text` to `out`, cut at a line end to the token budget of one result, with a last line
 * that says what was cut. */
MUST_USE enum status agent_context_cut_result(struct agent *agent, struct str text,
                                              struct strbuf *out, struct error *err);
