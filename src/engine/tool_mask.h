/*
 * tool_mask - the token mask for tool calls, in the words of the layers above: tools and a choice.
 *
 * A mask made here lets a model write text, or calls in its own format that name one of the tools
 * and fit that tool's schema; nothing else that begins like a call can be produced. It is moved
 * along by session_generate() and serves one generation.
 *
 * Threads: the engine's. Depends on: chat/tool_format, infer/token_mask. Used by: agent/, cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>

struct engine;
struct token_mask;

enum tool_choice {
    TOOL_CHOICE_AUTO,     /* text, calls, or both */
    TOOL_CHOICE_REQUIRED, /* a call */
    TOOL_CHOICE_NONE,     /* text only: no call can begin */
};

/* `tools`: an array in OpenAI form. E_UNSUPPORTED names a schema keyword that cannot be enforced.
 * On success *out owns the mask; release it with tool_mask_free(). */
MUST_USE enum status tool_mask_new(struct engine *engine, const json_t *tools,
                                   enum tool_choice choice, struct token_mask **out,
                                   struct error *err);
void tool_mask_free(struct token_mask *mask); /* NULL is allowed */
static inline void tool_mask_freep(struct token_mask **mask)
{
    tool_mask_free(*mask);
}

/* This very call can no longer be made; any other still can. `arguments`: one JSON object. Before
 * the mask is used. */
MUST_USE enum status tool_mask_forbid(struct token_mask *mask, struct str tool_name,
                                      struct str arguments, struct error *err);
