/*
 * engine - one loaded model, ready to hold sessions: weights, tokenizer, chat template, KV pages
 * and compute threads.
 *
 * An engine owns all of it and outlives its sessions (session.h). What it will use is known before
 * it is allocated: engine_open() refuses a model or a context that does not fit, with both numbers.
 *
 * Threads: one thread at a time calls an engine and its sessions; the compute threads are inside.
 * Depends on: model/, infer/, tokenizer/, chat/. Used by: session.c, agent/, cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "model/kv_kind.h"

#include <stdbool.h>
#include <stdint.h>

struct engine; /* opaque: see engine_internal.h */
struct chat_template;
struct chat_template_caps;
struct chat_spans;
struct chat_request;
struct infer;
struct memory_plan;
struct model;
struct gguf;
struct token_list;
struct tokenizer;
struct tool_format;
struct token_mask_vocab;
struct prefix_store_facts;

/* Where guesses of the next tokens come from (speculation.h); no effect on results. */
enum engine_speculate {
    ENGINE_SPECULATE_AUTO, /* from whatever there is, as far as it pays */
    ENGINE_SPECULATE_OFF,
    ENGINE_SPECULATE_LOOKUP, /* the session's own text */
    ENGINE_SPECULATE_MTP,    /* the model's block for it; E_UNSUPPORTED without one */
    ENGINE_SPECULATE_DRAFT,  /* the model draft_path */
};

/* Called while something takes long; `done` of `total` tokens. Return false to stop with
 * E_CANCELLED. */
typedef bool(engine_progress_fn)(void *context, uint32_t done, uint32_t total);

struct engine_config {
    const char *model_path;    /* a GGUF file, or NULL for the built-in model */
    uint32_t context_tokens;   /* tokens one session may hold; 0: see engine_open() */
    uint32_t session_count;    /* sessions of that length to have room for, as far as memory allows;
                                  0: 1, and all sessions share its room */
    uint32_t thread_count;     /* 0: every core this process may use */
    unsigned cpu_features_off; /* bits of cpu_features() not to use (--cpu-mask) */
    enum kv_kind kv;           /* how keys and values are kept; 0: f16 */
    enum engine_speculate speculate;
    const char *draft_path;    /* of the model that guesses, or NULL */
    uint64_t memory_bytes_max; /* 0: what the machine has free, less a reserve */
    const char *prefix_folder; /* where computed beginnings of conversations are kept for later
                                  processes (prefix_store.h); NULL: nowhere */
    uint64_t prefix_bytes_max; /* of these together; 0: the default */
    struct str chat_template;  /* in place of the file's own; empty: the file's */
};

struct engine_info {
    struct str model_name;    /* general.name, else the file's name; lives as long as the engine */
    struct str architecture;  /* general.architecture */
    uint32_t context_tokens;  /* tokens one session may hold */
    uint32_t capacity_tokens; /* tokens all sessions may hold together */
    uint32_t context_trained; /* {arch}.context_length */
    uint32_t vocab_size;
    uint64_t parameter_count;
    uint64_t weight_bytes;  /* mapped, shared with the page cache */
    uint64_t kv_bytes;      /* allocated */
    uint64_t state_bytes;   /* allocated: recurrent states, kept copies included */
    uint64_t scratch_bytes; /* allocated */
    uint32_t thread_count;
    const char *cpu_level; /* kernels in use: "baseline", "avx2", "avx512" */
    bool has_vocabulary;   /* false: token ids only (tokenizer "no_vocab") */
    bool has_template;
    bool is_builtin;
};

/*
 * Loads the model. With config->context_tokens 0 the context is the smallest of: what the model was
 * trained for, 32,768, and what fits into memory; a larger one is used when asked for and refused
 * with E_LIMIT, both numbers in the text, when memory does not allow it (memory_plan.h).
 * On success *out owns everything; release it with engine_close().
 */
MUST_USE enum status engine_open(const struct engine_config *config, struct engine **out,
                                 struct error *err);
void engine_close(struct engine *engine); /* NULL is allowed; every session must be freed before */
static inline void engine_closep(struct engine **engine)
{
    engine_close(*engine);
}

/* The chat template of a file (`other`: in its place; empty: none), for what looks at files without
 * running them; *out is NULL when it has none. Release it with chat_template_free(). */
MUST_USE enum status engine_open_template(const struct gguf *file,
                                          const struct tokenizer *tokenizer, struct str other,
                                          struct chat_template **out, struct error *err);

const struct engine_info *engine_get_info(const struct engine *engine);

/* What memory_plan_make() would decide for the file if it were opened so; `config->model_path` is
 * not looked at. E_UNSUPPORTED and its kin where it could not be opened. */
MUST_USE enum status engine_plan(const struct gguf *file, const struct engine_config *config,
                                 struct memory_plan *out, struct error *err);

/* Why the context is what it is, and what takes memory. */
const struct memory_plan *engine_memory_plan(const struct engine *engine);

/* What became of stored beginnings; all zero without them. The text `problem` says what went wrong
 * last. */
void engine_prefix_facts(const struct engine *engine, struct prefix_store_facts *out);

/* BLAKE2b-256 over what decides the logits (design: header, metadata, tensor table, samples, size,
 * arithmetic version); 32 bytes. */
const uint8_t *engine_fingerprint(const struct engine *engine);

/* The parts, for what stands beside sessions: tokenize, logits, bench. Borrowed from the engine. */
const struct tokenizer *engine_tokenizer(const struct engine *engine);
const struct gguf *engine_gguf(const struct engine *engine);
const struct model *engine_model(const struct engine *engine);
struct infer *engine_infer(struct engine *engine);

/* How this model writes tool calls; never NULL: models whose template knows none get the generic
 * form. */
const struct tool_format *engine_tool_format(const struct engine *engine);

/* The vocabulary tables token masks are made from; built on first use, shared by all masks. */
MUST_USE enum status engine_mask_vocab(struct engine *engine, const struct token_mask_vocab **out,
                                       struct error *err);

/*
 * Renders a conversation with the model's chat template; the spans carry the origin of every byte.
 * E_UNSUPPORTED if the model has no template, E_INVALID with the template's own words if it refuses
 * the conversation.
 */
MUST_USE enum status engine_render(struct engine *engine, const struct chat_request *request,
                                   struct chat_spans *out, struct error *err);

/* The tokens of a rendered conversation, control tokens only from the template's own bytes; no
 * beginning-of-text token is added. Appends to `list`. Any thread. */
MUST_USE enum status engine_encode(const struct engine *engine, const struct chat_spans *spans,
                                   struct token_list *list, struct error *err);

/* What the chat template can do, or NULL when the model has none. */
const struct chat_template_caps *engine_template_caps(const struct engine *engine);

/* True if the rendered prompt ends inside reasoning that the template opened: then what the model
 * writes first is thinking (session_limits.starts_in_reasoning). */
bool engine_prompt_opens_reasoning(const struct engine *engine, const struct chat_spans *prompt);
