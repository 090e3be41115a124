/*
 * draft_model - guesses by a smaller model with the same vocabulary.
 *
 * It follows the log of a session with keys and values of its own and chooses tokens as the session
 * does, with the same random numbers, so that it is right as often as the two models agree.
 *
 * Threads: the engine's. Used by: engine.c.
 */
#pragma once

#include "base/error.h"

struct drafter;
struct engine;
struct engine_config;

/* Opens config->draft_path beside `engine`. E_INVALID: its vocabulary is another one, with the
 * first token that differs. */
MUST_USE enum status draft_model_new(const struct engine *engine,
                                     const struct engine_config *config, struct drafter **out,
                                     struct error *err);
