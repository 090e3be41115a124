/*
 * byte_size - a number of bytes as people write it: "512M", "4G".
 *
 * Threads: any. Used by: prompt_store.c, cmd_serve.c.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* A number from 1 and one of K, M, G, T (of 1024). False when it is none, or not in [min, max]. */
bool byte_size_parse(struct str text, uint64_t min, uint64_t max, uint64_t *out);
