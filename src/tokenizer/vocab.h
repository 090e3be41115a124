/*
 * vocab - the tokens of a model: their bytes, their kinds, the special ones among them.
 *
 * Read from the `tokenizer.ggml.*` keys of a GGUF file and checked; everything is copied. Pieces
 * are real bytes: byte-level BPE texts are decoded, SPM's U+2581 is a space, and so is WordPiece's
 * where it begins a token.
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
    VOCAB_WORDPIECE,
    VOCAB_UNIGRAM,
};

/* What the kind of tokenizer says where the file says nothing. */
struct vocab_manner {
    enum vocab_kind kind;
    bool has_raw_text; /* BPE: tokens are UTF-8 with U+2581 for a space, no byte alphabet */
    bool adds_bos;
    bool adds_eos;
    bool insists_on_bos; /* even when the file says no */
};

/* White space beside a special token that is no text. */
enum vocab_strip {
    VOCAB_STRIP_LEFT = 1 << 0,
    VOCAB_STRIP_RIGHT = 1 << 1,
};

/* Zeroed is a vocabulary without tokens. */
struct vocab {
    enum vocab_kind kind;
    uint32_t size;
    struct str *pieces;       /* [size] */
    uint8_t *kinds;           /* [size] enum token_kind */
    uint8_t *ends;            /* [size] 1: generation ends with it */
    char *bytes;              /* of all pieces */
    uint8_t *strips;          /* [size] enum vocab_strip, or NULL: none strips */
    struct hash_map words;    /* piece -> id: the tokens that ordinary text can become */
    struct hash_map specials; /* text -> id: control, user-defined and unknown tokens */
    int32_t byte_tokens[256]; /* token of a single byte; -1 none */
    int32_t bos;              /* -1: none; the same below */
    int32_t eos;
    int32_t eot;
    int32_t unknown;
    int32_t separator;
    bool adds_bos;
    bool adds_eos;
    bool adds_separator; /* between the texts of a pair; WordPiece: behind every text too */
    bool adds_space_prefix;
};

/* The kind of tokenizer a file holds, and in *out_pre the pre-tokenizer it names (borrowed; empty
 * if none). E_UNSUPPORTED names a kind that holt does not have. */
MUST_USE enum status vocab_read_kind(const struct gguf *file, enum vocab_kind *out,
                                     struct str *out_pre, struct error *err);

/* Fills *vocab. On failure *vocab holds what vocab_done() must release. */
MUST_USE enum status vocab_load(const struct gguf *file, const struct vocab_manner *manner,
                                struct vocab *vocab, struct error *err);
void vocab_done(struct vocab *vocab);

/* True for tokens that only text marked as special may become. */
bool vocab_is_special(const struct vocab *vocab, uint32_t id);
