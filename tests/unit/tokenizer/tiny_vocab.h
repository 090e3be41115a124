/*
 * tiny_vocab - two small vocabularies made by the tests themselves, so that they are real without
 * any recorded file: a byte-level BPE with a few dozen merges, and an SPM with scores.
 */
#pragma once

#include "base/str.h"
#include "gguf/gguf_writer.h"
#include "tokenizer/tokenizer.h"

/* Special tokens of both, behind the others. */
#define TINY_END_TURN  "<|im_end|>"
#define TINY_START     "<|im_start|>"
#define TINY_TOOL_CALL "<tool_call>"   /* user-defined */
#define TINY_LONGER    "<|im_start|><" /* overlaps the others */
#define TINY_REACHABLE "her"           /* control; what the merge 'he r' would give */

struct tiny_vocab_options {
    const char *pre;         /* BPE: NULL for none */
    const char *model;       /* NULL: gpt2 or llama */
    bool without_byte_a;     /* BPE: no token for the byte 'a' */
    bool wrongly_typed_end;  /* TINY_END_TURN is a normal token */
    bool leaves_out_types;   /* no token_type key */
    const char *extra_merge; /* BPE: one more merge, or NULL */
    int adds_bos;            /* 0: no key; 1: true; -1: false */
    int adds_eos;            /* the same */
};

/* A writer with the vocabulary; the caller may add keys before it opens the file. */
struct gguf_writer *tiny_vocab_bpe(const struct tiny_vocab_options *options);
struct gguf_writer *tiny_vocab_spm(const struct tiny_vocab_options *options);

/* Frees the writer. Fails the test if the tokenizer cannot be made. */
struct tokenizer *tiny_vocab_tokenizer(struct gguf_writer *writer);

/* The status of making it, with the error. Frees the writer. */
enum status tiny_vocab_try(struct gguf_writer *writer, struct error *fault);

/* Merges of the BPE, in order, with real bytes: left and right of merge `i`; false past the end. */
bool tiny_vocab_merge(size_t i, struct str *left, struct str *right);
