/*
 * word_sink - where encoders put tokens: a list, with the span of text each one begins in.
 *
 * A byte without a token of its own becomes the unknown token, or is an error if there is none.
 *
 * Threads: one at a time. For the files of tokenizer/ only.
 */
#pragma once

#include "base/error.h"
#include "tokenizer/token_list.h"
#include "tokenizer/vocab.h"

struct word_sink {
    const struct vocab *vocab;
    struct token_list *list;
    const size_t *span_ends; /* [span_count] ascending: where in the text each span ends */
    size_t span_count;
    size_t span; /* of the last token: offsets only grow */
};

/* Adds token `id`, whose text begins at `offset` of the whole text. */
static inline void word_sink_add(struct word_sink *sink, int32_t id, size_t offset)
{
    while (sink->span + 1 < sink->span_count && offset >= sink->span_ends[sink->span])
        sink->span++;
    token_list_add(sink->list, id, (uint32_t)sink->span);
}

/* Adds the token of one byte. */
static inline enum status word_sink_add_byte(struct word_sink *sink, unsigned char byte,
                                             size_t offset, struct error *err)
{
    int32_t id = sink->vocab->byte_tokens[byte];
    if (id < 0)
        id = sink->vocab->unknown;
    if (id < 0)
        return error_set(err, E_FORMAT, "byte 0x%02x of the text has no token in this vocabulary",
                         byte);
    word_sink_add(sink, id, offset);
    return OK;
}
