/*
 * pretokenizer_rows - the table of pre-tokenizers: one row per name in `tokenizer.ggml.pre`.
 *
 * The expressions are those that model publishers ship with their tokenizers (tokenizer.json, or
 * the pattern of a tiktoken vocabulary).
 *
 * Threads: any; constant. Used by: tokenizer/pretokenizer.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"
#include "tokenizer/pretokenizer_step.h"

/* The row called `name`, or NULL. The empty name is the default of old files. */
const struct pretokenizer_row *pretokenizer_rows_find(struct str name);

/* Appends the known names, separated by ", ". */
void pretokenizer_rows_add_names(struct strbuf *out);
