/*
 * builtin_model - the model that ships inside the program: models/builtin.gguf, byte for byte.
 *
 * Threads: constant data. Used by: engine.c.
 */
#pragma once

#include <stddef.h>

/* The file's bytes, aligned to 64; valid for the life of the process. */
const void *builtin_model_bytes(size_t *out_size);
