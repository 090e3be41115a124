/*
 * memory_store - short notes that outlive a session: one plain file a person can read and edit.
 *
 * The file is Markdown, <folder>/notes.md, one "- note" per line, newest last. Every other line is
 * the person's own and is kept as it is. Each change writes a new file beside the old one, syncs
 * and renames it (mode 0600); programs that add at the same time wait for each other.
 *
 * Threads: one at a time per store; several processes may share a folder. Depends on: os/, text/.
 * Used by: tools/ (remember, recall), cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

enum {
    MEMORY_STORE_FILE_MAX = 1024 * 1024, /* bytes of notes.md */
    MEMORY_STORE_NOTE_MAX = 2000,        /* bytes of one note */
    MEMORY_STORE_WORDS_MAX = 64,         /* distinct words of a query that count */
};

struct memory_store; /* opaque: see memory_store.c */

/* Makes `folder` (0700) when it is missing; the file appears with the first note. */
MUST_USE enum status memory_store_open(const char *folder, struct memory_store **out,
                                       struct error *err);
void memory_store_close(struct memory_store *store); /* NULL is allowed */
static inline void memory_store_closep(struct memory_store **store)
{
    memory_store_close(*store);
}

/* Keeps one note; line breaks in it become spaces. E_INVALID when it is empty or no valid UTF-8,
 * E_LIMIT when it or the file would be too long; nothing has changed then. */
MUST_USE enum status memory_store_add(struct memory_store *store, struct str note,
                                      struct error *err);

/* Calls `found` for at most `count_max` notes that share a word with `query`, best first: more
 * distinct words of the query, then newer. Words are runs of letters and digits; ASCII letters
 * match in either case. */
typedef void(memory_store_found_fn)(void *context, struct str note);
MUST_USE enum status memory_store_find(struct memory_store *store, struct str query,
                                       size_t count_max, memory_store_found_fn *found,
                                       void *context, struct error *err);

/* Number of notes. */
MUST_USE enum status memory_store_count(struct memory_store *store, size_t *out, struct error *err);
