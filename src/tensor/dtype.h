/*
 * dtype - the element types a tensor may have, one table row each.
 *
 * The numbers are the type ids of the GGUF file format, so a file's id is the enum value once
 * dtype_find() knows it. A row says how elements are packed: `block_len` elements in `block_bytes`
 * bytes; plain types have blocks of one element.
 *
 * Threads: any; the table is constant. Depends on: base/. Used by: everything that holds weights.
 */
#pragma once

#include "base/str.h"

enum dtype {
    DTYPE_F32 = 0,
    DTYPE_F16 = 1,
    DTYPE_Q4_0 = 2,
    DTYPE_Q4_1 = 3,
    DTYPE_Q5_0 = 6,
    DTYPE_Q5_1 = 7,
    DTYPE_Q8_0 = 8,
    DTYPE_Q8_1 = 9,
    DTYPE_Q2_K = 10,
    DTYPE_Q3_K = 11,
    DTYPE_Q4_K = 12,
    DTYPE_Q5_K = 13,
    DTYPE_Q6_K = 14,
    DTYPE_Q8_K = 15,
    DTYPE_IQ2_XXS = 16,
    DTYPE_IQ2_XS = 17,
    DTYPE_IQ3_XXS = 18,
    DTYPE_IQ1_S = 19,
    DTYPE_IQ4_NL = 20,
    DTYPE_IQ3_S = 21,
    DTYPE_IQ2_S = 22,
    DTYPE_IQ4_XS = 23,
    DTYPE_I8 = 24,
    DTYPE_I16 = 25,
    DTYPE_I32 = 26,
    DTYPE_I64 = 27,
    DTYPE_F64 = 28,
    DTYPE_IQ1_M = 29,
    DTYPE_BF16 = 30,
    DTYPE_TQ1_0 = 34,
    DTYPE_TQ2_0 = 35,
    DTYPE_MXFP4 = 39,
    DTYPE_NVFP4 = 40,
    DTYPE_Q1_0 = 41,
    DTYPE_Q2_0 = 42,
};

enum { DTYPE_ID_MAX = 42 }; /* arrays indexed by type have DTYPE_ID_MAX + 1 entries */

struct dtype_info {
    enum dtype dtype;
    const char *name;
    uint32_t block_len;   /* elements per block, at least 1 */
    uint32_t block_bytes; /* bytes per block, at least 1 */
    bool is_supported;    /* holt computes with weights of this type */
};

/* The row of a type id from a file; NULL when holt does not know how it is packed. */
const struct dtype_info *dtype_find(uint32_t id);

/* The type called `name` ("Q8_0"); NULL when there is none. */
const struct dtype_info *dtype_find_name(struct str name);

/* Name of a known type; "?" otherwise. Never NULL. */
const char *dtype_name(uint32_t id);

/* For ids dtype_find() does not know: what they are or were ("Q4_2, removed from the format",
 * "IQ4_KS, private to ik_llama.cpp"), or NULL. For error messages. */
const char *dtype_foreign_name(uint32_t id);

/* Bytes of one row of `columns` elements. 0 when columns is no multiple of the block length or the
 * size does not fit 64 bits. */
uint64_t dtype_row_bytes(const struct dtype_info *info, uint64_t columns);
