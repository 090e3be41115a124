/*
 * token_log - the tokens of an answer with their probabilities, in step with its text.
 *
 * A model's tokens and the text a client gets are not cut alike: markers are swallowed, the
 * beginning of a stop text is held back, a character comes in pieces. So tokens wait until the text
 * they became is known, and are handed out with it.
 *
 *   token_log_add()    a token (CHAT_EVENT_TOKEN)
 *   token_log_text()   this much text has come of the tokens that wait
 *   token_log_drop()   they became something else: thinking, a call
 *   token_log_take()   those whose text begins before `end`, once each
 *
 * Entries are {"token", "logprob", "bytes", "top_logprobs": [{"token", "logprob", "bytes"}]}, as
 * OpenAI and Ollama write them, or the numbers of the tokens alone.
 *
 * Threads: one at a time. Used by: reply.c and the writers.
 */
#pragma once

#include "chat/chat_event.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Zeroed is empty. */
struct token_log {
    bool has_ids;    /* entries have "id", too */
    bool only_ids;   /* entries are numbers */
    json_t *waiting; /* entries without a text yet */
    json_t *sizes;   /* of these, in bytes */
    json_t *ready;   /* entries with one, not taken yet */
    json_t *starts;  /* where the text of each begins, in bytes of the answer */
    size_t text_end; /* of all text so far */
};

void token_log_done(struct token_log *log);

void token_log_add(struct token_log *log, const struct chat_token *tokens, size_t count);
void token_log_text(struct token_log *log, size_t size);
void token_log_drop(struct token_log *log);

/* A new array, or NULL when there is none; *out_starts (may be NULL) gets the places. */
json_t *token_log_take(struct token_log *log, size_t end, json_t **out_starts);

/* The form of /v1/completions: {"tokens", "token_logprobs", "top_logprobs", "text_offset"}. Takes
 * both over; NULL for NULL. */
json_t *token_log_columns(json_t *entries, json_t *starts);
