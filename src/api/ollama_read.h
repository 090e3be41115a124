/*
 * ollama_read - request bodies of Ollama's /api/chat and /api/generate.
 *
 * Source: Ollama's API as of August 2026. Arguments of calls are objects there, streams are on
 * unless switched off, and sampling has Ollama's own defaults.
 *
 * Used by: route.c.
 */
#pragma once

#include "api/api_request.h"

MUST_USE enum status ollama_read_chat(const json_t *body, struct api_request *out,
                                      struct error *err);
MUST_USE enum status ollama_read_generate(const json_t *body, struct api_request *out,
                                          struct error *err);
