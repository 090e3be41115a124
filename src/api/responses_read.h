/*
 * responses_read - request bodies of OpenAI's /v1/responses, as Codex sends them.
 *
 * Source: OpenAI's API reference and the requests of Codex as of August 2026. Items of kinds that
 * carry nothing for a model are skipped, never refused.
 *
 * Tools that are no plain functions become functions, and the way back is kept in
 * api_request.tool_names: those of a namespace get a joined name, a custom tool has one argument,
 * its text, which may be held to a grammar. The answer's writer turns calls back into what the
 * client offered.
 *
 * What a request goes on from (previous_response_id) was put in front of its input before
 * (server/response_store.h).
 *
 * Used by: route.c.
 */
#pragma once

#include "api/api_request.h"
#include "engine/tool_mask.h"

/* The argument of a function that stands for a custom tool. */
#define RESPONSES_INPUT TOOL_MASK_INPUT

MUST_USE enum status responses_read(const json_t *body, struct api_request *out, struct error *err);
