/*
 * tool_mask - the token mask for tool calls, in the words of the layers above: tools and a choice.
 *
 * A mask made here lets a model write text, or calls in its own format that name one of the tools
 * and fit that tool's schema; nothing else that begins like a call can be produced. Inside
 * reasoning everything is free until it ends, or until a call opens in it. A mask is moved along by
 * session_generate() and serves one generation; what it was compiled to is kept by the engine, so
 * that the next one with the same tools costs next to nothing.
 *
 * Threads: the engine's. Depends on: chat/tool_format, infer/token_mask. Used by: agent/, cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct engine;
struct strbuf;
struct token_mask;

enum { TOOL_MASK_CALLS_DEFAULT = 8 };

enum tool_choice {
    TOOL_CHOICE_AUTO,     /* text, calls, or both */
    TOOL_CHOICE_REQUIRED, /* a call */
    TOOL_CHOICE_NONE,     /* text only: no call can begin */
};

struct tool_mask_options {
    const json_t *tools; /* an array in OpenAI form; NULL: none */
    enum tool_choice choice;
    struct str name;         /* only this tool may be called; empty: any. E_NOT_FOUND: no such */
    struct strbuf *warnings; /* not NULL: lenient, for tools that somebody else wrote. What of a
                                schema cannot be enforced is no error but left open, and a line here
                                names the tool, the place in its schema and the keyword; at most
                                GRAMMAR_WARNINGS_LEN_MAX bytes are appended */
    uint32_t call_count_max; /* calls in one answer, 1: no parallel ones; 0: the default. Formats
                                that know one call only have one whatever this says */
    const json_t *inputs;    /* {TOOL: {"syntax": "lark" | "regex", "definition": TEXT}}: the text
                                of the only argument of these tools, TOOL_MASK_INPUT, is held to a
                                grammar (infer/grammar_lark.h); NULL: none */
    const json_t *schema;    /* an answer that is no call is a value of it; NULL: free text */
    struct str grammar; /* the same with a grammar in GBNF, in place of `schema`; empty: none */
    bool is_raw; /* there is no chat: a text of `schema` or `grammar`, from the first token on */
    bool is_unthinking; /* with either: only thinking that the prompt opened comes before it */
};

#define TOOL_MASK_INPUT "input"

/* E_UNSUPPORTED names a schema keyword that cannot be enforced (unless lenient: then at most that
 * none of the tools can be called, where a call is required). On success *out
 * owns the mask; release it with tool_mask_free(). */
MUST_USE enum status tool_mask_make(struct engine *engine, const struct tool_mask_options *options,
                                    struct token_mask **out, struct error *err);

/* The same with defaults for all but these. */
MUST_USE enum status tool_mask_new(struct engine *engine, const json_t *tools,
                                   enum tool_choice choice, struct token_mask **out,
                                   struct error *err);
void tool_mask_free(struct token_mask *mask); /* NULL is allowed */
static inline void tool_mask_freep(struct token_mask **mask)
{
    tool_mask_free(*mask);
}

/* This very call can no longer be made; any other still can. `arguments`: one JSON object. Before
 * the mask is used. Only where the format writes arguments as JSON. */
MUST_USE enum status tool_mask_forbid(struct token_mask *mask, struct str tool_name,
                                      struct str arguments, struct error *err);

/* The same where it does not: `written` is the call as the model wrote it (the text of its
 * CHAT_EVENT_TOOL_CALL). */
MUST_USE enum status tool_mask_forbid_written(struct token_mask *mask, struct str tool_name,
                                              struct str written, struct error *err);

/* ---------------------------------------------------------------- for engine.c */

/* Masks that were compiled, the latest first; zeroed is empty. */
enum { TOOL_MASK_CACHE_SIZE = 8 };
struct tool_mask_cache {
    struct {
        char *key;      /* owned: tools and options as text */
        char *warnings; /* owned: see tool_mask_options; NULL: none */
        struct token_mask *mask;
    } rows[TOOL_MASK_CACHE_SIZE];
};
void tool_mask_cache_done(struct tool_mask_cache *cache);
