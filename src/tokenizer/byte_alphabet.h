/*
 * byte_alphabet - the printable characters that byte-level BPE files write for bytes.
 *
 * Token texts and merges spell every byte as one code point: the printable ones of Latin-1 stand
 * for themselves, the other 68 for U+0100, U+0101, ... in order. In memory holt keeps real bytes.
 *
 * Threads: any; read-only once built. Used by: tokenizer/vocab.c, tokenizer/bpe.c.
 */
#pragma once

#include "base/str.h"

enum { BYTE_ALPHABET_CODE_POINTS = 256 + 68 };

struct byte_alphabet {
    int16_t byte_of[BYTE_ALPHABET_CODE_POINTS]; /* -1: stands for no byte */
};

void byte_alphabet_init(struct byte_alphabet *alphabet);

/* Writes the bytes that `text` spells to `out`, which has room for text.len bytes, and returns
 * their number. Characters that spell no byte are copied as they are, and *out_is_pure becomes
 * false. */
size_t byte_alphabet_decode(const struct byte_alphabet *alphabet, struct str text, char *out,
                            bool *out_is_pure);
