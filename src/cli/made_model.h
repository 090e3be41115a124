/*
 * made_model - what a model that was made from another (holt create) has of its own, for the
 * commands that compute with it themselves.
 *
 * What the person said wins over the model's own parameters, these over the usual values.
 *
 * Threads: any. Used by: cmd_run.c, agent_setup.c.
 */
#pragma once

#include "cli/sampling_options.h"

#include <jansson.h>
#include <stdint.h>

/* Takes the parameters of `settings` (api/model_settings.h; NULL: none) where `sampling` is still
 * as `usual` has it and the counts are 0. */
void made_model_take(const json_t *settings, const struct sampling_options *usual,
                     struct sampling_options *sampling, int64_t *context_tokens,
                     int64_t *token_count_max);
