/*
 * bench_tokenizer - how fast text becomes tokens, on one thread.
 *
 * The text is made here and is the same on every machine: sentences of common English words by
 * Zipf's law, with names, numbers, punctuation and line ends, and some words made of syllables.
 *
 * Threads: main thread. Used by: cmd_bench.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

struct tokenizer;

struct bench_tokenizer_result {
    /* 1e6 bytes of text per second of CPU time, median of the rounds; 0 without a vocabulary */
    double mbs;
    double bytes_per_token;
};

/* Appends at least `len` bytes of such text. */
void bench_tokenizer_add_text(size_t len, struct strbuf *out);

MUST_USE enum status bench_tokenizer_run(const struct tokenizer *tokenizer,
                                         struct bench_tokenizer_result *out, struct error *err);
