/*
 * pretokenizer_runs - the steps that cut out runs of characters and leave what lies between to the
 * next step (see pretokenizer_step.h).
 *
 * Linear in the text. Threads: any. Used by: tokenizer/pretokenizer.c.
 */
#pragma once

#include "tokenizer/pretokenizer_scan.h"
#include "tokenizer/pretokenizer_step.h"

/* The first match at or after `at`; begin == end == scan->end: none. *known_end belongs to the walk
 * over one piece: 0 at its beginning. */
struct match pretokenizer_runs_find(const struct scan *scan, const struct step *step, size_t at,
                                    size_t *known_end);
