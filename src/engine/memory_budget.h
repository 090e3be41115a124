/*
 * memory_budget - how much memory keys, values and activations may take.
 *
 * Threads: any. Used by: engine.c, embed.c.
 */
#pragma once

#include <stdint.h>

/* `asked_bytes`, or, when that is 0, what the machine has free, less a reserve for the rest. */
uint64_t memory_budget_bytes(uint64_t asked_bytes);
