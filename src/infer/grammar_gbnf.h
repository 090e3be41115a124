/*
 * grammar_gbnf - grammars as llama.cpp's users write them.
 *
 *     root ::= "(" item ("," item)* ")"     # a comment
 *     item ::= [a-z0-9]{1,8} | root
 *
 * Literals, sets of characters, any character (.), groups, alternatives, * + ? {m} {m,} {m,n},
 * escapes \x \u \U \n \r \t \\ \" \[ \], rules of any kind of recursion but left recursion. A rule
 * ends with its line, except inside a group and behind ::= and |. The text starts at `root`.
 *
 * Rules that do not lead back to themselves are put in the place of their calls where that stays
 * small: most of a grammar then is one automaton that knows each byte's only successor.
 * Negated sets and the any character leave U+0000 out, which not every reader can hold.
 *
 * Not supported, and said so: references to tokens (<think>).
 *
 * Threads: any. Depends on: grammar_automaton.h. Used by: token_mask_compile.c.
 */
#pragma once

#include "infer/grammar.h"

enum {
    GRAMMAR_GBNF_SIZE_MAX = 1024 * 1024, /* bytes of the text */
    GRAMMAR_GBNF_RULES_MAX = 4096,
    GRAMMAR_GBNF_NAME_MAX = 128, /* bytes of a rule's name */
};

/* *out is finished, *out_rule not ENDLESS. E_INVALID gives line and column, or the name of the rule
 * that recurses on the left; E_LIMIT what is too large. */
MUST_USE enum status grammar_gbnf_parse(struct str text, struct grammar **out, uint32_t *out_rule,
                                        struct error *err);
