/*
 * gguf - a model file, opened for reading: metadata by key, tensors by name.
 *
 * gguf_open() maps the file (all parts of a split one) and checks everything it will ever use:
 * counts and lengths against the bytes that are there, types, sizes, alignment, overlaps,
 * duplicates. What it returns cannot point outside the file. Metadata is copied out of the file
 * before it is parsed, so a file that changes later cannot change it; tensor data stays mapped.
 * Hyper-parameters and shapes are checked by model/, vocabularies by tokenizer/.
 *
 * A mapped file that another program cuts short kills the reader with SIGBUS when a missing page is
 * touched; nothing in C can prevent that. gguf_check_unchanged() compares size and change time with
 * those at opening (the descriptor is kept): call it before long work; the role that dies is
 * reported by its parent.
 *
 * Ownership: every view handed out (keys, strings, arrays, tensors) lives until gguf_close().
 * Threads: any number may read one file. Depends on: base/, os/, tensor/.
 * Used by: tokenizer/, model/, engine/, cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "tensor/tensor.h"

enum {
    GGUF_VERSION_MIN = 2,
    GGUF_VERSION_MAX = 3,
    GGUF_KEYS_MAX = 65536,
    GGUF_TENSORS_MAX = 65536,
    GGUF_PARTS_MAX = 1024,
    GGUF_KEY_LEN_MAX = 65535,
    GGUF_TENSOR_NAME_LEN_MAX = 127,
    GGUF_STRING_LEN_MAX = 16 * 1024 * 1024, /* one string value: a chat template, a charsmap */
    GGUF_ELEMENT_LEN_MAX = 64 * 1024,       /* one string of an array: a token, a merge */
    GGUF_METADATA_BYTES_MAX = 512 * 1024 * 1024,
    GGUF_ALIGNMENT_DEFAULT = 32,
    GGUF_ALIGNMENT_MIN = 8,
    GGUF_ALIGNMENT_MAX = 64 * 1024,
    GGUF_FINGERPRINT_BYTES = 32,
};

/* Value types, numbered as in the file. */
enum gguf_type {
    GGUF_TYPE_U8 = 0,
    GGUF_TYPE_I8 = 1,
    GGUF_TYPE_U16 = 2,
    GGUF_TYPE_I16 = 3,
    GGUF_TYPE_U32 = 4,
    GGUF_TYPE_I32 = 5,
    GGUF_TYPE_F32 = 6,
    GGUF_TYPE_BOOL = 7,
    GGUF_TYPE_STR = 8,
    GGUF_TYPE_ARRAY = 9,
    GGUF_TYPE_U64 = 10,
    GGUF_TYPE_I64 = 11,
    GGUF_TYPE_F64 = 12,
};

/* What a caller wants the elements of an array to be. */
enum gguf_array_kind {
    GGUF_ARRAY_STR,
    GGUF_ARRAY_INT,   /* any integer width, or bool */
    GGUF_ARRAY_FLOAT, /* f32 or f64 */
};

struct gguf; /* opaque: see gguf.c */

/* A view of an array value; read it with gguf_array_*(). */
struct gguf_array {
    enum gguf_type element_type;
    size_t count;
    const void *elements; /* packed little-endian numbers, or struct str[count] */
};

/* One metadata entry, for listing a file. */
struct gguf_entry {
    struct str key;
    enum gguf_type type;
    enum gguf_type element_type; /* of an array; else equal to type */
    size_t count;                /* elements of an array; else 1 */
};

/*
 * Opens `path`. Of a split file (name-00001-of-00003.gguf) the first part is named; the others are
 * found beside it. E_NOT_FOUND, E_IO; E_FORMAT (empty, cut short, not GGUF, impossible sizes);
 * E_UNSUPPORTED (version 1, big-endian, a tensor type holt does not know); E_LIMIT.
 */
MUST_USE enum status gguf_open(const char *path, struct gguf **out, struct error *err);

/* As gguf_open() for a file already in memory. The bytes are borrowed until gguf_close() and must
 * be aligned to 8. Split files are refused. */
MUST_USE enum status gguf_open_memory(const void *bytes, size_t size, struct gguf **out,
                                      struct error *err);
/* Whether tensor data lies in mapped files; else it is the caller's bytes. */
bool gguf_is_mapped(const struct gguf *file);

void gguf_close(struct gguf *file); /* NULL is allowed */

static inline void gguf_closep(struct gguf **file)
{
    gguf_close(*file);
}

/* E_IO if the file has another size or change time than when it was opened. */
MUST_USE enum status gguf_check_unchanged(const struct gguf *file, struct error *err);

/* Bytes of all parts. */
uint64_t gguf_byte_count(const struct gguf *file);

/* ---- tensors, in file order, all parts */
size_t gguf_tensor_count(const struct gguf *file);
const struct tensor *gguf_tensor(const struct gguf *file, size_t index); /* index < count */
const struct tensor *gguf_find_tensor(const struct gguf *file, const char *name); /* or NULL */

/* ---- metadata */
size_t gguf_entry_count(const struct gguf *file);
struct gguf_entry gguf_entry(const struct gguf *file, size_t index); /* index < count */
bool gguf_has(const struct gguf *file, const char *key);

/* E_NOT_FOUND when the key is missing; E_FORMAT, naming key and type, when the value has another
 * type or does not fit. u64 and i64 accept every integer width; f64 accepts f32 and f64. */
MUST_USE enum status gguf_get_u64(const struct gguf *file, const char *key, uint64_t *out,
                                  struct error *err);
MUST_USE enum status gguf_get_i64(const struct gguf *file, const char *key, int64_t *out,
                                  struct error *err);
MUST_USE enum status gguf_get_f64(const struct gguf *file, const char *key, double *out,
                                  struct error *err);
MUST_USE enum status gguf_get_bool(const struct gguf *file, const char *key, bool *out,
                                   struct error *err);
MUST_USE enum status gguf_get_str(const struct gguf *file, const char *key, struct str *out,
                                  struct error *err);
MUST_USE enum status gguf_get_array(const struct gguf *file, const char *key,
                                    enum gguf_array_kind kind, struct gguf_array *out,
                                    struct error *err);

/* As above, but a missing key gives `fallback` (arrays: count 0). A wrong type is E_FORMAT. */
MUST_USE enum status gguf_get_u64_or(const struct gguf *file, const char *key, uint64_t fallback,
                                     uint64_t *out, struct error *err);
MUST_USE enum status gguf_get_i64_or(const struct gguf *file, const char *key, int64_t fallback,
                                     int64_t *out, struct error *err);
MUST_USE enum status gguf_get_f64_or(const struct gguf *file, const char *key, double fallback,
                                     double *out, struct error *err);
MUST_USE enum status gguf_get_bool_or(const struct gguf *file, const char *key, bool fallback,
                                      bool *out, struct error *err);
MUST_USE enum status gguf_get_str_or(const struct gguf *file, const char *key, struct str fallback,
                                     struct str *out, struct error *err);
MUST_USE enum status gguf_get_array_or(const struct gguf *file, const char *key,
                                       enum gguf_array_kind kind, struct gguf_array *out,
                                       struct error *err);

/* Element `index` (< count). The array was asked for with the kind that the name says; an unsigned
 * 64-bit element beyond INT64_MAX reads as INT64_MAX. */
struct str gguf_array_str(const struct gguf_array *array, size_t index);
int64_t gguf_array_i64(const struct gguf_array *array, size_t index);
double gguf_array_f64(const struct gguf_array *array, size_t index);

/* "u32", "string", ... */
const char *gguf_type_name(enum gguf_type type);

/*
 * A hash that changes when the model or its arithmetic does: BLAKE2b-256 over header, metadata and
 * tensor table, a sample of each tensor (first, middle and last KiB), the sizes, and
 * `arithmetic_version`. Cheap (a few pages per tensor); not proof against forgery.
 */
void gguf_fingerprint(const struct gguf *file, uint32_t arithmetic_version,
                      unsigned char out[GGUF_FINGERPRINT_BYTES]);
