/*
 * gguf_internal - how an open model file is held in memory. For the files of gguf/ only.
 */
#pragma once

#include "base/hash_map.h"
#include "gguf/gguf.h"
#include "os/file_map.h"

struct gguf_value {
    struct str key;
    enum gguf_type type;
    enum gguf_type element_type; /* of an array; else equal to type */
    size_t count;                /* elements of an array; else 1 */
    struct str bytes;            /* a string, or packed numbers */
    struct str *strings;         /* owned; only for an array of strings */
};

/* One file of a (possibly split) model. Zeroed is empty. */
struct gguf_part {
    struct file_map map;           /* closed when the bytes are borrowed */
    unsigned char *metadata_copy;  /* owned; NULL when the bytes are borrowed */
    const unsigned char *metadata; /* header, keys and tensor table: metadata_size bytes */
    size_t metadata_size;
    const unsigned char *file; /* the whole file: file_size bytes, mapped or borrowed */
    size_t file_size;

    uint32_t version;
    uint32_t alignment;
    struct gguf_value *values; /* owned */
    size_t value_count;
    struct hash_map keys; /* key -> index of values */

    struct tensor *tensors; /* owned; data set once the file is mapped */
    uint64_t *offsets;      /* owned; of tensor data, from data_start */
    size_t tensor_count;
    size_t data_start;
};

struct gguf {
    struct gguf_part *parts; /* owned */
    size_t part_count;
    struct tensor *tensors; /* owned; of all parts */
    size_t tensor_count;
    struct hash_map names; /* tensor name -> index of tensors */
};

/* The value of `key` in the first part, or NULL. */
const struct gguf_value *gguf_find_value(const struct gguf *file, struct str key);
