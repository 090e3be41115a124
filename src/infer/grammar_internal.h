/*
 * grammar_internal - what grammar.c and grammar_finish.c share.
 *
 * Threads: those of the grammar.
 */
#pragma once

#include "infer/grammar.h"

/* Adds references to rules; returns the index of the first. */
uint32_t grammar_internal_add_links(struct grammar *grammar, const uint32_t *ids, uint32_t count);
