/*
 * grammar_without - an automaton that never writes a certain text.
 *
 * The product with the automaton that follows how much of the text was just read (Knuth, Morris,
 * Pratt). A call of a rule is kept only where none of it was: what the rule reads is then judged by
 * itself, and so is where it ends.
 *
 * Threads: any. Used by: grammar_gbnf_compile.c.
 */
#pragma once

#include "infer/grammar_automaton.h"

/* `text` begins with a byte that it has nowhere else. E_LIMIT: too many states. */
MUST_USE enum status grammar_without_apply(const struct grammar_automaton *from, struct str text,
                                           struct grammar_automaton *out, struct error *err);
