/*
 * gguf_writer - builds a GGUF version 3 file: keys first, then tensors, then write.
 *
 * Keys and strings are copied; tensor data is borrowed until the file is written. A mistake (a key
 * or tensor given twice, an impossible shape) is remembered and returned by the write call, so that
 * a long list of additions needs no checks in between.
 *
 * Threads: one at a time. Depends on: base/, os/, tensor/. Used by: tests, tools that write models.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "tensor/dtype.h"

struct gguf_writer; /* opaque: see gguf_writer.c */

struct gguf_writer *gguf_writer_new(void);
void gguf_writer_free(struct gguf_writer *writer); /* NULL is allowed */

static inline void gguf_writer_freep(struct gguf_writer **writer)
{
    gguf_writer_free(*writer);
}

/* Power of two, GGUF_ALIGNMENT_MIN..GGUF_ALIGNMENT_MAX; also stored as general.alignment. The
 * default is 32, not stored. */
void gguf_writer_set_alignment(struct gguf_writer *writer, uint32_t alignment);

void gguf_writer_add_u32(struct gguf_writer *writer, const char *key, uint32_t value);
void gguf_writer_add_i32(struct gguf_writer *writer, const char *key, int32_t value);
void gguf_writer_add_u64(struct gguf_writer *writer, const char *key, uint64_t value);
void gguf_writer_add_f32(struct gguf_writer *writer, const char *key, float value);
void gguf_writer_add_bool(struct gguf_writer *writer, const char *key, bool value);
void gguf_writer_add_str(struct gguf_writer *writer, const char *key, struct str value);

/* Any scalar number type: `value` points to one little-endian number of that type. */
void gguf_writer_add_number(struct gguf_writer *writer, const char *key, enum gguf_type type,
                            const void *value);

/* `values` points to `count` numbers of that type, one after another. */
void gguf_writer_add_numbers(struct gguf_writer *writer, const char *key, enum gguf_type type,
                             const void *values, size_t count);
void gguf_writer_add_strs(struct gguf_writer *writer, const char *key, const struct str *values,
                          size_t count);

/* dims[0] is the fastest dimension. `data` has exactly the bytes that type and shape need and is
 * borrowed until the file is written. */
void gguf_writer_add_tensor(struct gguf_writer *writer, const char *name, enum dtype dtype,
                            uint32_t dim_count, const uint64_t *dims, const void *data);

/* The whole file as bytes appended to `out`. E_INVALID names the first mistake. */
MUST_USE enum status gguf_writer_to_bytes(const struct gguf_writer *writer, struct strbuf *out,
                                          struct error *err);

/* The whole file to `path` (0600, replaced by rename after fsync; see os/file.h). */
MUST_USE enum status gguf_writer_to_file(const struct gguf_writer *writer, const char *path,
                                         struct error *err);
