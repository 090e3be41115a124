/*
 * token_strip - special tokens that swallow the white space beside them.
 *
 * A few models were trained so, and their files do not say it: the name of the model, of its family
 * or of its pre-tokenizer does.
 *
 * Threads: any. Used by: tokenizer/vocab.c.
 */
#pragma once

#include "base/error.h"
#include "tokenizer/vocab.h"

/* Fills vocab->strips, which stays NULL where no token strips. Its pieces are loaded. */
MUST_USE enum status token_strip_load(const struct gguf *file, struct vocab *vocab,
                                      struct error *err);
