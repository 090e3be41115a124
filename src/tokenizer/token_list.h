/*
 * token_list - a growing list of token ids, each with the span of text it came from.
 *
 * Threads: one at a time. Depends on: base/.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Zeroed is a valid empty list. */
struct token_list {
    int32_t *ids;
    uint32_t *spans; /* same length: index of the span that holds the token's first byte */
    size_t count;
    size_t capacity;
};

void token_list_add(struct token_list *list, int32_t id, uint32_t span);
void token_list_truncate(struct token_list *list, size_t count); /* no-op if already shorter */
void token_list_clear(struct token_list *list);                  /* empty, memory kept */
void token_list_done(struct token_list *list);                   /* releases memory; empty again */
