/*
 * mask_vocab - vocabularies for the tests of token masks: a small one made here (byte-level BPE
 * with merges for JSON and the markers of a tool call), and the recorded ones where they are
 * present.
 */
#pragma once

#include "infer/token_mask_vocab.h"
#include "tokenizer/tokenizer.h"

enum { MASK_VOCAB_COUNT = 3 };

struct mask_vocab {
    const char *name;
    struct tokenizer *tokenizer;
    struct token_mask_vocab *tables;
};

/* The small one. Its markers <tool_call>, </tool_call> and <|im_end|> are control tokens. */
struct mask_vocab mask_vocab_small(void);

/* One of the recorded ones, "gpt-2" or "llama-spm"; tokenizer is NULL when it is absent. Markers
 * are ordinary text in both. */
struct mask_vocab mask_vocab_recorded(const char *name);

/* By number: 0 is the small one; a recorded one may be absent. */
struct mask_vocab mask_vocab_get(int number);

void mask_vocab_done(struct mask_vocab *vocab);
