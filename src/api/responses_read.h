/*
 * responses_read - request bodies of OpenAI's /v1/responses, as Codex sends them.
 *
 * Source: OpenAI's API reference and the requests of Codex as of August 2026. Items of kinds that
 * carry nothing for a model are skipped, never refused.
 *
 * Tools that are no plain functions become functions (client_tools.h); those of a namespace get a
 * joined name.
 *
 * What a request goes on from (previous_response_id) was put in front of its input before
 * (server/response_store.h).
 *
 * Used by: route.c.
 */
#pragma once

#include "api/api_request.h"

MUST_USE enum status responses_read(const json_t *body, struct api_request *out, struct error *err);
