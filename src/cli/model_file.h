/*
 * model_file - the GGUF file behind a model name, for commands that look into it themselves.
 *
 * Threads: any. Used by: cmd_tokenize.c, cmd_logits.c, cmd_bench.c, cmd_show.c.
 */
#pragma once

#include "base/error.h"

struct gguf;

/* Puts the file's name in front of a text that does not name it. Returns err->status. */
enum status model_file_blame(const char *path, struct error *err);

/* `path` NULL is the built-in model. Release *out with gguf_close(). */
MUST_USE enum status model_file_open(const char *path, struct gguf **out, struct error *err);
