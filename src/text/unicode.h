/*
 * unicode - what kind of character a code point is (data: utf8proc).
 *
 * Threads: any; a table is read-only once built. Depends on: base/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits; a code point has at most one of the first six. */
enum unicode_class {
    UNICODE_LETTER = 1 << 0,      /* general category L* */
    UNICODE_NUMBER = 1 << 1,      /* N* */
    UNICODE_MARK = 1 << 2,        /* M* */
    UNICODE_PUNCTUATION = 1 << 3, /* P* */
    UNICODE_SYMBOL = 1 << 4,      /* S* */
    UNICODE_SPACE = 1 << 5,       /* property White_Space: what \s means in patterns */
    UNICODE_UPPER = 1 << 6,       /* letters of category Lu or Lt */
    UNICODE_LOWER = 1 << 7,       /* letters of category Ll */
};

/* Bits of enum unicode_class; 0 for others and for anything past U+10FFFF. */
uint8_t unicode_class(uint32_t code_point);

/* General category Nd: what \d means in patterns. */
bool unicode_is_decimal(uint32_t code_point);

/* L*, M*, Nd, Pc: what \w means in patterns. */
bool unicode_is_word(uint32_t code_point);

/* General category Mn: accents and the like. */
bool unicode_is_nonspacing_mark(uint32_t code_point);

/* The full canonical decomposition (NFD of one character), 1 to UNICODE_DECOMPOSED_MAX code points;
 * returns their number. */
enum { UNICODE_DECOMPOSED_MAX = 4 };
size_t unicode_decompose(uint32_t code_point, uint32_t out[UNICODE_DECOMPOSED_MAX]);

/* Simple case mapping; the code point itself when it has none. */
uint32_t unicode_to_lower(uint32_t code_point);
uint32_t unicode_to_upper(uint32_t code_point);

/* Columns on a terminal: 0, 1 or 2. */
int unicode_width(uint32_t code_point);

/* A table for hot paths: one load for the first 65,536 code points. Built by its owner. */
enum { UNICODE_TABLE_LEN = 0x10000 };

struct unicode_table {
    uint8_t classes[UNICODE_TABLE_LEN];
};

void unicode_table_init(struct unicode_table *table);

static inline uint8_t unicode_table_class(const struct unicode_table *table, uint32_t code_point)
{
    return code_point < UNICODE_TABLE_LEN ? table->classes[code_point] : unicode_class(code_point);
}
