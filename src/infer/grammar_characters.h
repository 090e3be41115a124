/*
 * grammar_characters - sets of Unicode characters, and the bytes that spell them.
 *
 * A set is a list of ranges of code points; grammar_characters_tidy() sorts and joins them, which
 * all other functions expect. Surrogates are no characters: no bytes spell them.
 *
 * Ownership: a set owns its ranges; zeroed is the empty set.
 * Threads: one at a time. Used by: grammar_regex.c, grammar_gbnf.c, grammar_automaton.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grammar_characters_range {
    uint32_t low;
    uint32_t high;
};

struct grammar_characters {
    struct grammar_characters_range *ranges;
    size_t count;
    size_t capacity;
};

void grammar_characters_done(struct grammar_characters *set);
void grammar_characters_add(struct grammar_characters *set, uint32_t low, uint32_t high);
/* What a set of the same name in patterns means: 'd', 'w', 's', or 'D', 'W', 'S' (ECMA-262). */
void grammar_characters_add_class(struct grammar_characters *set, char name);
/* The other case of every ASCII letter in it. */
void grammar_characters_add_cases(struct grammar_characters *set);
void grammar_characters_tidy(struct grammar_characters *set);
void grammar_characters_negate(struct grammar_characters *set); /* tidy before and after */
bool grammar_characters_has(const struct grammar_characters *set, uint32_t code_point);

/* Some characters of one length: byte i lies in [low[i], high[i]], each independent of the rest. */
struct grammar_characters_bytes {
    unsigned len;
    uint8_t low[8];
    uint8_t high[8];
};

typedef void(grammar_characters_fn)(void *context, const struct grammar_characters_bytes *bytes);

/* The UTF-8 forms of the set, cut into such pieces, to `fn`. */
void grammar_characters_utf8(const struct grammar_characters *set, grammar_characters_fn *fn,
                             void *context);

/* The same as they stand in a JSON string that json_write_python() writes: escapes for a quote, a
 * backslash and control characters. U+0000 is left out, as everywhere in masks. */
void grammar_characters_json(const struct grammar_characters *set, grammar_characters_fn *fn,
                             void *context);
