/*
 * detokenizer - token ids back to text, one at a time, whole characters only.
 *
 * A character of several bytes may be spread over several tokens: its bytes are held back until it
 * is complete. Bytes that cannot become a character turn into U+FFFD as soon as that is certain,
 * one for each longest piece that could have begun one. What comes out is always valid UTF-8.
 *
 * The struct is small and may lie on the stack; it borrows the tokenizer and owns two buffers.
 * Threads: one at a time. Depends on: tokenizer/tokenizer.h, text/utf8.h. Used by: engine/, cli/.
 */
#pragma once

#include "base/strbuf.h"
#include "tokenizer/tokenizer.h"

enum detokenizer_flags {
    DETOKENIZER_PLAIN = 0,
    DETOKENIZER_SHOW_SPECIAL = 1 << 0,  /* control tokens give their text instead of nothing */
    DETOKENIZER_AT_TEXT_START = 1 << 1, /* drop the space that encoding put in front (SPM) */
};

struct detokenizer {
    const struct tokenizer *tokenizer;
    struct strbuf text; /* what the last call returned */
    struct strbuf raw;  /* bytes of a character that is not complete: 0 to 3 between calls */
    unsigned flags;
    bool drop_space; /* the next piece is the first of the text */
};

/* `flags`: enum detokenizer_flags. */
void detokenizer_init(struct detokenizer *detokenizer, const struct tokenizer *tokenizer,
                      unsigned flags);
void detokenizer_done(struct detokenizer *detokenizer);

/* The text that token `id` completes; may be empty. Valid until the next call. An id outside the
 * vocabulary gives nothing. User-defined tokens are always shown. */
struct str detokenizer_feed(struct detokenizer *detokenizer, int32_t id);

/* At the end: what is still held, as one U+FFFD; empty if nothing is. Valid until the next call. */
struct str detokenizer_flush(struct detokenizer *detokenizer);

/* Whole text of `count` ids appended to `out`, as if fed to a new detokenizer and flushed. */
void detokenizer_all(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                     unsigned flags, struct strbuf *out);
