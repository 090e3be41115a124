/*
 * space_mark - U+2581, which SentencePiece files write for a space.
 *
 * Threads: any. For the files of tokenizer/ only.
 */
#pragma once

#include "base/str.h"

#include <string.h>

#define SPACE_MARK "\xe2\x96\x81"

enum { SPACE_MARK_LEN = sizeof(SPACE_MARK) - 1, SPACE_MARK_CODE_POINT = 0x2581 };

/* True if the mark is at the front of `text`. */
static inline bool space_mark_leads(struct str text)
{
    return text.len >= SPACE_MARK_LEN && !memcmp(text.ptr, SPACE_MARK, SPACE_MARK_LEN);
}

/* Copies `text` to `out`, which has room for text.len bytes, with every mark as a space; returns
 * the length. */
static inline size_t space_mark_decode(struct str text, char *out)
{
    size_t len = 0;
    while (text.len > 0) {
        const bool is_mark = space_mark_leads(text);
        out[len++] = is_mark ? ' ' : text.ptr[0];
        text = str_slice(text, is_mark ? SPACE_MARK_LEN : 1, text.len);
    }
    return len;
}

/* True if a space stands behind another character. Where no token has one, text may be cut before
 * each run of spaces: what is on either side never joins. */
static inline bool space_mark_is_inside(struct str decoded)
{
    for (size_t i = 1; i < decoded.len; i++) {
        if (decoded.ptr[i] == ' ' && decoded.ptr[i - 1] != ' ')
            return true;
    }
    return false;
}
