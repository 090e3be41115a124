/*
 * weight_binder - gives tensors of a file to the places of a model, by name and exact shape.
 *
 * A tensor that is missing, has another shape or a type holt has no kernels for fails with its
 * name. What a family did not ask for is refused at the end: a weight that is silently left out
 * gives wrong answers.
 *
 * Matrices are borrowed from the file; vectors are converted to f32 into the model's memory.
 *
 * Threads: one at a time.
 * Depends on: base/, gguf/, tensor/. Used by: model.c, arch_*.c.
 */
#pragma once

#include "base/error.h"
#include "base/hash_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gguf;
struct model;
struct weight;

struct weight_binder {
    const struct gguf *file;
    struct model *model;
    struct hash_map bound;   /* names taken so far */
    const char *output_norm; /* name of that tensor; NULL: output_norm.weight */
    bool counts_only;        /* vectors are checked and counted, not converted: they stay NULL */
    uint64_t vector_bytes;   /* of the vectors bound so far, as floats */
};

/* One tensor: exactly one of `matrix` and `vector` is set. */
struct weight_binder_spec {
    const char *name;      /* whole, or what follows "blk.<layer>." */
    struct weight *matrix; /* [rows][columns] */
    const float **vector;  /* [rows or 1][columns], F32, F16 or BF16 in the file */
    uint32_t columns;
    uint32_t rows;        /* of a matrix; a vector may have rows too: [rows][columns] */
    uint32_t slices;      /* of a matrix with three dimensions; 0: it has two */
    uint32_t slices_used; /* by one token, for counting work; 0: all */
    bool is_optional;     /* stays NULL or zeroed when the file lacks it */
    bool is_transposed;   /* a vector becomes [columns][rows] */
};

/* Whether the file has a tensor "blk.<layer>.<name>". */
bool weight_binder_has(const struct weight_binder *bind, uint32_t layer, const char *name);

/* Binds tensors "blk.<layer>.<name>". */
MUST_USE enum status weight_binder_layer(struct weight_binder *bind, uint32_t layer,
                                         const struct weight_binder_spec *specs, size_t count,
                                         struct error *err);

/* Binds token_embd, output_norm (with its bias, if the family has one) and output; without
 * output.weight the model is tied and token_embd serves for both. */
MUST_USE enum status weight_binder_outer(struct weight_binder *bind, bool has_norm_bias,
                                         struct error *err);

/* Binds two matrices that lie in one tensor of 2 * rows rows, in every slice `first` before
 * `second`; otherwise as weight_binder_layer() with one spec, whose `matrix` is not used. */
MUST_USE enum status weight_binder_pair(struct weight_binder *bind, uint32_t layer,
                                        const struct weight_binder_spec *spec, struct weight *first,
                                        struct weight *second, struct error *err);

/* Binds the optional divisors of the rotation frequencies, rope_freqs.weight: finite, above 0. */
MUST_USE enum status weight_binder_rope_factors(struct weight_binder *bind, struct error *err);

/* Binds a matrix whose number of rows the file decides, 1 to `rows_max`; optional. */
MUST_USE enum status weight_binder_head_matrix(struct weight_binder *bind, const char *name,
                                               uint32_t columns, uint32_t rows_max,
                                               struct weight *out, struct error *err);

/* Binds a vector or table by its whole name, as `spec` says. */
MUST_USE enum status weight_binder_named(struct weight_binder *bind,
                                         const struct weight_binder_spec *spec, struct error *err);

/* Binds what an embedding or reranking model has behind its last norm, all of it optional:
 * cls, cls.output, dense_2, dense_3; fills shape.embedding.label_count and .dim. */
MUST_USE enum status weight_binder_head(struct weight_binder *bind, struct error *err);

/* E_UNSUPPORTED, by name, when a tensor of the file was not bound. */
MUST_USE enum status weight_binder_finish(const struct weight_binder *bind, struct error *err);
