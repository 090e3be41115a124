/*
 * pretokenizer_words - the steps that cut a whole text into words: the published expressions of
 * model families, each as one scanner with parameters (see pretokenizer_step.h).
 *
 * Linear in the text: no scanner looks at a character more than a constant number of times.
 *
 * Threads: any. Used by: tokenizer/pretokenizer.c.
 */
#pragma once

#include "tokenizer/pretokenizer_scan.h"
#include "tokenizer/pretokenizer_step.h"

/* The first word at or after `at` < scan->end. Only STEP_WORDS_SIGNS leaves text out. *known_end
 * belongs to the walk over one piece: 0 at its beginning. */
struct match pretokenizer_words_find(const struct scan *scan, const struct step *step, size_t at,
                                     size_t *known_end);
