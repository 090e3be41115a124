/*
 * logits_file - the log probabilities of a text under one model, in the format of llama.cpp's
 * llama-perplexity (--kl-divergence-base), so that either program can read what the other wrote.
 *
 *   "_logits_", u32 context, i32 vocabulary, i32 chunks, i32 tokens[chunks * context], then for
 *   each chunk context - 1 - context/2 rows: f32 scale, f32 minimum, u16 codes[vocabulary], and
 *   one code more where that is odd. Little endian; log p = scale * code + minimum.
 *
 * A row belongs to positions context/2 ... context - 2 of its chunk: what the model says about the
 * token behind.
 *
 * Threads: one at a time. Used by: cmd_perplexity.c.
 */
#pragma once

#include "base/error.h"
#include "os/file_map.h"

#include <stdint.h>

enum {
    LOGITS_FILE_CONTEXT_MIN = 8,
    LOGITS_FILE_CONTEXT_MAX = 1 << 20,
    LOGITS_FILE_VOCABULARY_MAX = 1 << 22,
    LOGITS_FILE_TOKENS_MAX = 1 << 28, /* of all chunks together */
    LOGITS_FILE_HEADER_BYTES = 20,
};

struct logits_file_shape {
    uint32_t context_tokens;
    uint32_t vocabulary;
    uint32_t chunk_count;
};

/* One row's numbers. */
struct logits_file_row {
    float scale;
    float minimum;
};

/* Rows of one chunk, and bytes of one row. */
uint32_t logits_file_rows(const struct logits_file_shape *shape);
size_t logits_file_row_bytes(const struct logits_file_shape *shape);

void logits_file_write_header(const struct logits_file_shape *shape,
                              unsigned char out[LOGITS_FILE_HEADER_BYTES]);

/* Codes one row of logits, [vocabulary], into logits_file_row_bytes() bytes. */
void logits_file_write_row(const struct logits_file_shape *shape, const float *logits,
                           unsigned char *out);

/* Reads and checks the header of an open file, and that the file is as long as it says. E_FORMAT,
 * E_LIMIT: a sentence names the field, the number and the limit. */
MUST_USE enum status logits_file_open(const struct file_map *map, struct logits_file_shape *out,
                                      struct error *err);

/* The tokens of all chunks, [chunk_count * context_tokens]; E_FORMAT when one is not in the
 * vocabulary. */
MUST_USE enum status logits_file_tokens(const struct file_map *map,
                                        const struct logits_file_shape *shape, int32_t *out,
                                        struct error *err);

/* Row `row` of chunk `chunk`: its bytes into `row_bytes`, log p of each token into `out`,
 * [vocabulary]. E_FORMAT when its numbers are impossible or the file became shorter. */
MUST_USE enum status logits_file_read_row(const struct file_map *map,
                                          const struct logits_file_shape *shape, uint32_t chunk,
                                          uint32_t row, unsigned char *row_bytes, float *out,
                                          struct error *err);
