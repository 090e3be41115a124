/*
 * fill_middle - text to be written between two texts, for models that were trained to fill in the
 * middle: editors complete code with it.
 *
 *   [repository] NAME [file] NAME text ... [file] NAME [prefix] before [suffix] after [middle]
 *
 * The tokens in brackets are the model's own: named by its file (tokenizer.ggml.fim_*_token_id), or
 * known by their text. Other files come first, where the model has tokens for that, else as
 * snippets (the layout of llama.cpp's /infill). What is between the brackets is the user's text and
 * becomes no control token.
 *
 * Threads: any. Depends on: tokenizer/, chat/. Used by: server/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stddef.h>

struct chat_spans;
struct gguf;
struct tokenizer;

enum { FILL_MIDDLE_FILES_MAX = 256 };

struct fill_middle_file {
    struct str name; /* empty: unknown */
    struct str text;
};

struct fill_middle {
    struct str before;
    struct str after;
    const struct fill_middle_file *files; /* [file_count] */
    size_t file_count;
};

/* Appends to `out`. E_UNSUPPORTED: the model has no tokens for it. */
MUST_USE enum status fill_middle_render(const struct gguf *file, const struct tokenizer *tokenizer,
                                        const struct fill_middle *input, struct chat_spans *out,
                                        struct error *err);
