/*
 * show_facts - everything `holt show` says about a model file, as one JSON object.
 *
 * What cannot be known is null and, where it matters, has a sentence beside it ("problem"). A file
 * of a family holt cannot run is still described.
 *
 * Threads: main thread of a locked process. Used by: cmd_show.c, show_lines.c.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct gguf;

enum { SHOW_FACTS_PROMPT_TOKENS = 512 }; /* of the prompt that memory is told for */

/* `shows_all`: every metadata key and every tensor, too. The caller releases the result. */
json_t *show_facts_collect(const struct gguf *file, bool shows_all);
