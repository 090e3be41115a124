/*
 * grammar_automaton_internal - shared by grammar_automaton.c and grammar_automaton_build.c.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/hash_map.h"
#include "infer/grammar_automaton.h"

/* Adds a state that leads nowhere; class_count must be set. */
MUST_USE enum status grammar_automaton_internal_add_state(struct grammar_automaton *automaton,
                                                          struct error *err);
