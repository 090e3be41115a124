/*
 * embed_setup - what holt embed and holt rerank share: options, texts, numbers.
 *
 * Threads: main thread. Used by: cmd_embed.c, cmd_rerank.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "cli/command.h"
#include "engine/embed.h"
#include "infer/infer.h"

#include <jansson.h>

struct embed_setup_args {
    const char *model;
    const char *kv;
    const char *cpu_mask;
    int64_t tokens_max;
    int64_t thread_count;
    bool is_json;
};

/* Rows of `type`, whose member `common` is a struct embed_setup_args. */
#define EMBED_SETUP_OPTIONS(type)                                                                \
    OPTION_PATH(type, common.model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,                   \
                "a GGUF file, a name in the models folder, or builtin"),                         \
        OPTION_INT(type, common.tokens_max, 0, "length", "N", 1, EMBED_TOKENS_MAX,               \
                   "tokens of a text, at most (default: what the model was trained for, 2048)"), \
        OPTION_INT(type, common.thread_count, 0, "threads", "N", 1, INFER_THREADS_MAX,           \
                   "compute threads (default: all cores); no effect on the result"),             \
        OPTION_STRING(type, common.kv, 0, "kv", "KIND",                                          \
                      "how keys and values are kept: " KV_KIND_NAMES " (default f16)"),          \
        OPTION_STRING(type, common.cpu_mask, 0, "cpu-mask", "LEVEL",                             \
                      "use kernels of baseline, avx2, avx512 or avx512vbmi at most"),            \
        OPTION_FLAG(type, common.is_json, 0, "json", "print JSON")

/* What embed_open() needs; the path is set later. E_INVALID: an option's value is wrong. */
MUST_USE enum status embed_setup_config(const struct embed_setup_args *args,
                                        struct embed_config *out, struct error *err);

/* Texts of a call. Zeroed is empty. */
struct embed_setup_texts {
    struct strbuf input; /* what was read from standard input */
    struct str *texts;
    size_t count;
};

void embed_setup_texts_done(struct embed_setup_texts *texts);

/* The operands, or, with none, the lines of standard input, empty ones left out. E_NOT_FOUND when
 * there are neither; E_INVALID for invalid UTF-8; E_LIMIT. */
MUST_USE enum status embed_setup_read(int operand_count, const char *const *operands,
                                      struct embed_setup_texts *out, struct error *err);

/* The value of --pooling; NULL is the model's own. E_INVALID. */
MUST_USE enum status embed_setup_pooling(const char *name, enum embed_pooling *out,
                                         struct error *err);

/* A number with no more digits than the float has. */
json_t *embed_setup_number(float value);
