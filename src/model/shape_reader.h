/*
 * shape_reader - reads the numbers of one model family, each with its limit.
 *
 * Keys are "<arch>.<name>". A number may be stored once or as an array with one value per block;
 * every integer width is accepted. What is missing, out of range or of another type fails with a
 * sentence that names the key.
 *
 * Threads: any; reads only.
 * Depends on: base/, gguf/. Used by: model_shape.c, arch_*.c.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct gguf;

enum { SHAPE_KEY_LEN_MAX = 128 };

struct shape_reader {
    const struct gguf *file;
    const char *arch;
};

struct shape_key {
    char text[SHAPE_KEY_LEN_MAX];
};

struct shape_key shape_reader_key(const struct shape_reader *reader, const char *name);
bool shape_reader_has(const struct shape_reader *reader, const char *name);

/* An integer in [1, max], the same in all blocks. With `fallback` 0 the key must be there. */
MUST_USE enum status shape_reader_count(const struct shape_reader *reader, const char *name,
                                        uint64_t fallback, uint32_t max, uint32_t *out,
                                        struct error *err);

/* An integer in [0, max], the same in all blocks; `fallback` when the key is missing. */
MUST_USE enum status shape_reader_number(const struct shape_reader *reader, const char *name,
                                         uint32_t fallback, uint32_t max, uint32_t *out,
                                         struct error *err);

/* One integer in [0, max] per block, out[block_count]; an array has one for each block or more, a
 * single number is meant for all. `fallback` for all when the key is missing. */
MUST_USE enum status shape_reader_per_block(const struct shape_reader *reader, const char *name,
                                            uint32_t fallback, uint32_t max, uint32_t *out,
                                            uint32_t block_count, struct error *err);

/* A finite number in [min, max]. */
MUST_USE enum status shape_reader_real(const struct shape_reader *reader, const char *name,
                                       double fallback, double min, double max, double *out,
                                       struct error *err);

MUST_USE enum status shape_reader_flag(const struct shape_reader *reader, const char *name,
                                       bool fallback, bool *out, struct error *err);
