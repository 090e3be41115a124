/*
 * loaded_model - a model opened for a test, from a spec or a file, and short ways to run it.
 */
#pragma once

#include "base/strbuf.h"
#include "infer/infer.h"
#include "tests/tiny_model.h"

struct model;

struct loaded_model {
    struct strbuf bytes; /* of a model made in memory */
    struct gguf *file;
    struct model *model;
};

/* Fail the test when they cannot. */
struct loaded_model loaded_model_from_spec(const struct tiny_model_spec *spec);
struct loaded_model loaded_model_from_bytes(struct strbuf bytes); /* takes ownership */
struct loaded_model loaded_model_from_file(const char *path);
void loaded_model_close(struct loaded_model *loaded);

struct infer *loaded_model_infer(const struct loaded_model *loaded,
                                 const struct infer_config *config);

/* Appends `count` tokens in one step, all wanting logits, and copies these to `out`
 * [count][vocab_size]. */
void loaded_model_step(struct infer *infer, struct infer_seq *seq, const int32_t *tokens,
                       size_t count, float *out);

/* `count` tokens that do not repeat in a short pattern, below `vocab_size`. */
int32_t *loaded_model_tokens(size_t count, uint32_t vocab_size, uint64_t seed);
