/*
 * vocab - the tokens of a model: their bytes, their kinds, the special ones among them.
 *
 * Read from the `tokenizer.ggml.*` keys of a GGUF file and checked; everything is copied. Pieces
 * are real bytes: byte-level BPE texts are decoded, SPM's U+2581 is a space.
 *
 * Threads: read-only once loaded. Depends on: base/, text/, gguf/. Used inside tokenizer/ only.
 */
#pragma once

#include "base/error.h"
#include "base/hash_map.h"
#include "base/str.h"

struct gguf;

enum vocab_kind {
    VOCAB_NONE, /* nothing but a size */
    VOCAB_BPE,
    VOCAB_SPM,
};

/* Zeroed is a vocabulary without tokens. */
struct vocab {
    enum vocab_kind kind;
    uint32_t size;
    struct str *pieces;       /* [size] */
    uint8_t *kinds;           /* [size] enum token_kind */
    uint8_t *ends;            /* [size] 1: generation ends with it */
    char *bytes;              /* of all pieces */
    struct hash_map words;    /* piece -> id: the tokens that ordinary text can become */
    struct hash_map specials; /* text -> id: control, user-defined and unknown tokens */
    int32_t byte_tokens[256]; /* token of a single byte; -1 none */
    int32_t bos;              /* -1: none; the same below */
    int32_t eos;
    int32_t eot;
    int32_t unknown;
    bool adds_bos;
    bool adds_eos;
    bool adds_space_prefix;
};

/* The kind of tokenizer a file holds. E_UNSUPPORTED names one that holt does not have. */
MUST_USE enum status vocab_read_kind(const struct gguf *file, enum vocab_kind *out,
                                     struct error *err);

/* Fills *vocab; adds_bos is `adds_bos_default` unless the file says. On failure *vocab holds what
 * vocab_done() must release. */
MUST_USE enum status vocab_load(const struct gguf *file, enum vocab_kind kind,
                                bool adds_bos_default, struct vocab *vocab, struct error *err);
void vocab_done(struct vocab *vocab);

/* True for tokens that only text marked as special may become. */
bool vocab_is_special(const struct vocab *vocab, uint32_t id);
