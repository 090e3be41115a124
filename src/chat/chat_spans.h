/*
 * chat_spans - a rendered conversation: bytes, and where each of them comes from.
 *
 * Made by chat_template.h; read by engine/, which lets only SEGMENT_TEMPLATE bytes become control
 * tokens.
 */
#pragma once

#include "base/strbuf.h"
#include "chat/segment.h"

/* Owns its memory. Zeroed is empty. */
struct chat_spans {
    struct strbuf text;
    struct segment_run *runs; /* in order, without gaps, neighbours differ */
    size_t run_count;
    size_t run_capacity;
    bool starts_with_bos; /* the text begins with the template's BOS text */
};

void chat_spans_done(struct chat_spans *spans);

/* Appends text of one origin. */
void chat_spans_add(struct chat_spans *spans, struct str text, enum segment_origin origin);

/* Bytes at the beginning that both have, with the same right to become control tokens. */
size_t chat_spans_common(const struct chat_spans *a, const struct chat_spans *b);
