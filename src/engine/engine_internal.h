/*
 * engine_internal - the inside of an engine, shared by engine.c and session.c only.
 *
 * Threads: see engine.h.
 */
#pragma once

#include "chat/output_parser.h"
#include "engine/engine.h"
#include "engine/memory_plan.h"
#include "engine/session_log.h"
#include "engine/speculation.h"
#include "engine/tool_mask.h"
#include "gguf/gguf.h"

struct model;
struct prefix_store;
struct session;

/* Frees pages of what rests until `page_count` are free, as far as it can. */
typedef void(engine_make_room_fn)(void *context, uint32_t page_count);

struct engine {
    struct gguf *gguf;
    struct model *model;
    struct tokenizer *tokenizer;
    struct infer *infer;
    struct chat_template *chat_template; /* NULL: none in the file */
    const struct tool_format *tool_format;
    struct output_parser_reasoning reasoning;
    struct token_mask_vocab *mask_vocab; /* NULL until a mask is made */
    struct tool_mask_cache tool_masks;
    struct sampler *sampler; /* scratch of every pick */
    struct session_log_store logs;
    struct speculation speculation;
    uint32_t pick_count; /* tokens that can be sampled: the vocabulary, no padding rows */
    char *path;
    struct engine_info info;
    struct memory_plan memory_plan;
    unsigned char fingerprint[GGUF_FINGERPRINT_BYTES];
    struct prefix_store *prefixes;       /* NULL: none are stored */
    char prefix_problem[ERROR_TEXT_MAX]; /* why the store could not be opened */
    engine_make_room_fn *make_room;      /* of who drives several sessions; may be NULL */
    void *make_room_context;
};

/* Asks whoever drives the sessions for free pages. */
void engine_make_room(struct engine *engine, uint32_t page_count);
