/*
 * custom_input - the text of a custom tool's call, while the arguments that hold it still come.
 *
 * For a model a custom tool is a function with one argument (client_tools.h): {"input": "TEXT"}.
 * Pieces of that JSON are fed as they come, cut anywhere between characters; what of TEXT is
 * certain comes out, its escapes undone.
 *
 * Threads: one at a time. Used by: openai_write.c, responses_write.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

/* Zeroed is the beginning. */
struct custom_input {
    int state;         /* enum in custom_input.c */
    unsigned digits;   /* of an escape \uXXXX, so far */
    uint32_t code;     /* what they say */
    uint32_t high;     /* the first half of a character in two escapes; 0: none */
    size_t told_bytes; /* of the text, so far */
};

/* Appends to `out`. */
void custom_input_feed(struct custom_input *input, struct str arguments, struct strbuf *out);

/* What of the whole text has not come out yet. */
struct str custom_input_rest(const struct custom_input *input, struct str whole);
