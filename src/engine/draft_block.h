/*
 * draft_block - guesses by the model's own block for speculation (multi-token prediction).
 *
 * Threads: the engine's. Used by: engine.c.
 */
#pragma once

struct drafter;
struct engine;

/* For an engine whose infer was made with infer_config.guesses. */
struct drafter *draft_block_new(const struct engine *engine);
