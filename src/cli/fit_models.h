/*
 * fit_models - models people run that may not be on this machine yet: what `holt fit` knows of them
 * without their files.
 *
 * Shapes are those of the published configurations (config.json of each checkpoint). Parameters are
 * counted from the shapes; the sizes of four-bit files are llama.cpp's Q4_K_M rules over the full
 * list of tensors, checked against published files (Llama 3.1 8B 4.92 GB, Qwen3.5 9B 5.23 GiB).
 * Files of one element type throughout have its bits for every parameter.
 *
 * Threads: any; constant data. Used by: cmd_fit.c, fit_rows.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

enum { FIT_MODELS_TYPES = 3, FIT_MODELS_NAME_LEN_MAX = 64 };

struct fit_model {
    const char *name;
    uint64_t parameter_count;
    uint64_t active_count; /* parameters read for one token; no rows of an input table of its own */
    uint32_t layer_count;
    uint32_t attention_count; /* layers with keys and values; the others have a recurrent state, are
                                 only feed-forward, or both */
    uint32_t kv_heads;
    uint32_t key_size;    /* numbers of a head */
    uint32_t value_size;  /* 0: a value is part of its key, stored once (latent attention) */
    uint64_t state_bytes; /* recurrent state of one conversation; 0: none */
    uint32_t width;
    uint32_t vocabulary;
    uint32_t context_trained;
    const char *type;    /* of the usual file */
    uint64_t file_bytes; /* of that file */
    uint64_t read_bytes; /* of it, for each token */
    int has_one_type;    /* published in this type only */
};

extern const struct fit_model fit_models[];
extern const size_t fit_models_count;

/* One size of file. */
struct fit_models_size {
    const char *type; /* "Q4_K_M", "Q8_0", "F16", ... */
    uint64_t file_bytes;
    uint64_t read_bytes; /* for each token */
};

/* The sizes a model comes in, smallest first; returns how many. */
size_t fit_models_sizes(const struct fit_model *model,
                        struct fit_models_size out[FIT_MODELS_TYPES]);

/* The model called `name`, in small or large letters: its whole name, or a part that only one has.
 * E_NOT_FOUND; E_INVALID with the choices. */
MUST_USE enum status fit_models_find(struct str name, const struct fit_model **out,
                                     struct error *err);
