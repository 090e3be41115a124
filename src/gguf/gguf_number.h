/*
 * gguf_number - numbers of any type as they lie in a file: little endian, unaligned.
 *
 * Threads: any. For the files of gguf/ only.
 */
#pragma once

#include "gguf/gguf.h"

/* An integer read from the file: `value` as a signed number, or beyond INT64_MAX. */
struct gguf_number {
    int64_t value;
    bool is_beyond; /* an unsigned number over INT64_MAX; value holds its bits */
};

/* Bytes of one number of that type; 0 for strings and arrays. */
size_t gguf_number_size(enum gguf_type type);

/* Integers of all widths, and bool. */
bool gguf_number_is_integer(enum gguf_type type);

/* Whether elements of this type can be read as that kind. */
bool gguf_number_is_kind(enum gguf_type type, enum gguf_array_kind kind);

/* `bytes` holds one number of `type`, an integer or bool. */
struct gguf_number gguf_number_integer(enum gguf_type type, const char *bytes);

/* `bytes` holds one number of `type`, f32 or f64. */
double gguf_number_float(enum gguf_type type, const char *bytes);
