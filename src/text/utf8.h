/*
 * utf8 - code points in and out of bytes (RFC 3629: no overlong forms, no surrogates).
 *
 * Threads: any. Depends on: base/.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

enum {
    UTF8_CODE_POINT_MAX = 0x10ffff,
    UTF8_REPLACEMENT = 0xfffd,
    UTF8_BYTES_MAX = 4, /* of one code point */
};

#define UTF8_INVALID UINT32_MAX

/* Takes one code point off the front of *text. Where no valid one begins, takes one byte and
 * returns UTF8_INVALID. *text is not empty. */
uint32_t utf8_next(struct str *text);

/* True if all of `text` is valid. */
bool utf8_is_valid(struct str text);

/* Writes the form of a scalar value; returns its length, 1..4. Anything else is written as
 * U+FFFD. */
size_t utf8_write(uint32_t code_point, char out[UTF8_BYTES_MAX]);

/* Number of bytes at the end of `text` that begin a character which more bytes could complete:
 * 0..3. */
size_t utf8_incomplete_tail(struct str text);

/* Appends `text` to `out` with U+FFFD for each longest piece that could have begun a character. */
void utf8_add_clean(struct strbuf *out, struct str text);

/* Length of `text` cut to at most `len_max` bytes without splitting a character. */
size_t utf8_cut(struct str text, size_t len_max);
