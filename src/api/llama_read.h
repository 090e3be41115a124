/*
 * llama_read - request bodies of llama.cpp's own /completion and /infill.
 *
 * Source: llama.cpp's server documentation as of August 2026. Fields that only steer its slots and
 * caches (id_slot, cache_prompt, ...) are ignored; those that would change the answer and are not
 * known here (mirostat, samplers, ...) are refused by name.
 *
 * Used by: route.c.
 */
#pragma once

#include "api/api_request.h"

MUST_USE enum status llama_read_completion(const json_t *body, struct api_request *out,
                                           struct error *err);
MUST_USE enum status llama_read_infill(const json_t *body, struct api_request *out,
                                       struct error *err);

/* "generation_settings" of the answer, once the request is settled; a new reference. What is known
 * later (seed, n_ctx, model) is added by the writer. */
json_t *llama_read_settings(const struct api_request *request);

/* Text to be filled in between two others, for the readers of other protocols. */
void llama_read_set_middle(struct api_request *request, struct str before, struct str after);
