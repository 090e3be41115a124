/*
 * recurrent_engine - an engine on a random model with recurrent layers that has the vocabulary and
 * the template of the built-in one: what holds for sessions must hold for it.
 */
#pragma once

#include "engine/engine.h"

/* 0: *out is open, with one thread; else it is not, and standard error says why. */
int recurrent_engine_open(uint32_t context_tokens, struct engine **out);

/* The model of tests/tiny_hybrid.h called `name`; config->model_path does not count. */
int recurrent_engine_open_as(const char *name, const struct engine_config *config,
                             struct engine **out);

/* The same with a block for speculation. */
int recurrent_engine_open_with_block(uint32_t context_tokens, struct engine **out);
