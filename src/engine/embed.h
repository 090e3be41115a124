/*
 * embed - texts to vectors, and documents to scores: what embedding and reranking models do.
 *
 * An embedding depends on the model, the KV kind and its own text: never on the other texts of the
 * call, the number of threads or the CPU; tests compare bits. Texts are computed together as far as
 * they fit into one step, each whole. A text that is too long is refused, or cut where asked for.
 *
 * Ownership: an embed owns its model; texts are borrowed for the call.
 * Threads: one at a time; the compute threads are inside.
 * Depends on: model/, infer/, tokenizer/. Used by: cli/, api/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct embed; /* opaque: see embed.c */

enum {
    EMBED_TEXTS_MAX = 1 << 16, /* of one call */
    EMBED_TOKENS_DEFAULT = 2048,
    EMBED_TOKENS_MAX = 4096, /* of one text, and of all texts that are computed together */
};

enum embed_pooling {
    EMBED_POOLING_MODEL, /* as the file says */
    EMBED_POOLING_MEAN,
    EMBED_POOLING_FIRST, /* the first token, CLS */
    EMBED_POOLING_LAST,
};

struct embed_config {
    const char *model_path;    /* a GGUF file, or NULL for the built-in model */
    uint32_t tokens_max;       /* of one text; 0: the smaller of EMBED_TOKENS_DEFAULT and what the
                                  model was trained for, less where memory is short */
    uint32_t thread_count;     /* 0: every core this process may use */
    unsigned cpu_features_off; /* bits of cpu_features() not to use */
    enum kv_kind kv;
    uint64_t memory_bytes_max; /* 0: what the machine has free, less a reserve */
};

struct embed_info {
    struct str model_name;   /* general.name, or empty; lives as long as the embed */
    struct str architecture; /* general.architecture */
    uint32_t dim;            /* numbers of an embedding */
    uint32_t tokens_max;     /* of one text */
    const char *pooling;     /* of the file: "none", "mean", "cls", "last", "rank" */
    bool has_classifier;     /* embed_rank() works */
    uint64_t parameter_count;
};

struct embed_options {
    enum embed_pooling pooling;
    bool keeps_length; /* vectors are not divided by their length */
    bool cuts;         /* a text that is too long loses its end, but for its last token */
};

/* E_UNSUPPORTED for a model that cannot be used so; E_LIMIT, with both numbers, when memory does
 * not allow config->tokens_max. */
MUST_USE enum status embed_open(const struct embed_config *config, struct embed **out,
                                struct error *err);
void embed_close(struct embed *embed); /* NULL is allowed */

static inline void embed_closep(struct embed **embed)
{
    embed_close(*embed);
}

const struct embed_info *embed_get_info(const struct embed *embed);

/* Whether the file names a pooling: it was made for embeddings or ranking. */
MUST_USE enum status embed_is_made_for(const char *model_path, bool *out, struct error *err);

/* As those of engine.h. */
const struct gguf *embed_gguf(const struct embed *embed);
const struct tokenizer *embed_tokenizer(const struct embed *embed);
void embed_fingerprint(const struct embed *embed, uint8_t out[32]);

/*
 * Writes out [count][dim], and to token_counts [count] (may be NULL) how many tokens each text has,
 * those the model adds included.
 *   E_UNSUPPORTED  the file names no pooling and none was asked for; it has no vocabulary
 *   E_LIMIT        a text of more than tokens_max tokens, by number; more than EMBED_TEXTS_MAX
 *   E_INVALID      a text without any token
 */
MUST_USE enum status embed_texts(struct embed *embed, const struct str *texts, size_t count,
                                 const struct embed_options *options, float *out,
                                 uint32_t *token_counts, struct error *err);

/* Writes scores [count], larger for documents that answer the query better; otherwise as
 * embed_texts(). E_UNSUPPORTED for a model without a classifier. */
MUST_USE enum status embed_rank(struct embed *embed, struct str query, const struct str *documents,
                                size_t count, float *scores, uint32_t *token_counts,
                                struct error *err);
