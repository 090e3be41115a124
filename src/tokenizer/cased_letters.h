/*
 * cased_letters - the letters that the deepseek-llm pre-tokenizer joins into words.
 *
 * That tokenizer's published expression lists ranges instead of a Unicode property: the letters
 * with upper and lower case of Latin, Greek, Cyrillic, Armenian, Georgian, Cherokee, Deseret and
 * others, as of one Unicode version. Kept as they are, since the model was trained so.
 *
 * Threads: any; constant. Used by: tokenizer/pretokenizer.c.
 */
#pragma once

#include "tokenizer/code_range.h"

extern const struct code_range cased_letters[]; /* ascending, without overlap */
extern const size_t cased_letters_count;
