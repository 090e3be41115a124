/*
 * stop_texts - ends an answer where one of a request's stop texts appears.
 *
 * Text is fed as it comes, cut anywhere; what could still become a stop text is held back. The stop
 * text itself and what follows are not part of the answer.
 *
 * Threads: one at a time. Used by: reply.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>

enum {
    STOP_TEXTS_MAX = 16,
    STOP_TEXTS_BYTES_MAX = 1024, /* of one */
};

/* Zeroed: none. */
struct stop_texts {
    struct strbuf texts[STOP_TEXTS_MAX];
    size_t count;
    struct strbuf held; /* not handed out yet */
    size_t found;       /* index of the text that ended the answer, once it is_found */
    bool is_found;
};

void stop_texts_done(struct stop_texts *stops);

/* False when there are too many, or `text` is empty or too long. */
bool stop_texts_add(struct stop_texts *stops, struct str text);

/* Adds `piece`; appends to `out` what can be handed out. False once a stop text was found. */
bool stop_texts_feed(struct stop_texts *stops, struct str piece, struct strbuf *out);

/* The answer is over: appends what was held back. */
void stop_texts_flush(struct stop_texts *stops, struct strbuf *out);
