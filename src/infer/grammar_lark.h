/*
 * grammar_lark - grammars as clients of OpenAI's custom tools write them: a part of Lark's
 * language.
 *
 *     start: begin hunk+ end              // a comment, or # one
 *     begin: "*** Begin" LF
 *     hunk: "+" /(.*)/ LF -> line
 *         | "-" FILE~1..3 LF
 *     FILE.2: ("a".."z" | "_")+
 *     %import common.LF
 *     %ignore " "
 *
 * Rules and terminals, strings and regular expressions with their flags (i; of expressions s, m and
 * u, too), ranges of characters, groups, [optional], alternatives, ? * + ~n ~n..m, aliases,
 * priorities, ?rule, !rule and _rule, imports from `common`, %ignore. What the tree of a parser
 * would look like says nothing here: aliases, priorities and these marks are read over.
 *
 * The language is that of the rules as they stand, every terminal of any length that matches (what
 * Lark's Earley parser with the lexer "dynamic_complete" accepts). A rule that begins with itself
 * is turned into a repetition; rules that begin with one another are refused by name.
 *
 * Regular expressions are read as in grammar_regex.h; \d, \w and \s are sets of ASCII and white
 * space, case is ignored of ASCII letters. U+0000 never comes.
 *
 * Not supported, and said with line and column: templates, %declare, %override, %extend, imports of
 * other modules, ^ and $, the flags x and l.
 *
 * Threads: any. Depends on: grammar_regex.h. Used by: grammar_written.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct grammar_gbnf_internal;

enum {
    GRAMMAR_LARK_SIZE_MAX = 256 * 1024, /* bytes of the text */
    GRAMMAR_LARK_RULES_MAX = 4096,
    GRAMMAR_LARK_NAME_MAX = 128,
    GRAMMAR_LARK_IGNORED_MAX = 64, /* %ignore */
};

/* The rules into *out, which is to be released also where this fails; names are views of the text.
 * *out_root: the rule "start". */
MUST_USE enum status grammar_lark_read(struct str text, struct grammar_gbnf_internal *out,
                                       uint32_t *out_root, struct error *err);

/* One rule: the regular expression `text`, anchors allowed, which the whole must match. */
MUST_USE enum status grammar_lark_read_regex(struct str text, struct grammar_gbnf_internal *out,
                                             uint32_t *out_root, struct error *err);
