/*
 * arena - many allocations, one lifetime, one release.
 *
 * An arena is named after its lifetime (`struct arena *request`), and no pointer into it is stored
 * in anything that lives longer. Zeroed is a valid empty arena. With `size_max` set, allocations
 * beyond it return NULL; otherwise a failing allocation aborts.
 *
 * Threads: one at a time; nothing here locks.
 */
#pragma once

#include "base/str.h"

#include <stddef.h>

struct arena_block; /* opaque: see arena.c */

struct arena {
    struct arena_block *newest;
    size_t used_bytes; /* handed out since the last reset, padding included */
    size_t size_max;   /* 0: no bound */
};

/* Zeroed memory, aligned for any type. NULL only when size_max would be exceeded. */
void *arena_alloc(struct arena *arena, size_t size);

/* As arena_alloc() for `count` elements of `size` bytes; NULL also when the product overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* A copy with a NUL behind it (not counted in len). {NULL, 0} only when size_max is exceeded. */
struct str arena_copy_str(struct arena *arena, struct str text);

void arena_reset(struct arena *arena); /* forgets all, keeps one block for reuse */
void arena_done(struct arena *arena);  /* releases all; the arena is empty again */
