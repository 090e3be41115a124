/*
 * mem - the only place that calls the C library's allocator.
 *
 * Two kinds of allocation, two kinds of failure. A small one, whose size the program decides,
 * aborts when it fails: nothing sensible can follow. One whose size an input decides goes through
 * mem_try_*() and returns NULL, which the caller turns into E_NO_MEMORY.
 *
 * Threads: any.
 */
#pragma once

#include "base/attr.h"

#include <stddef.h>

void *mem_alloc(size_t size);                   /* not zeroed; aborts */
void *mem_zalloc(size_t size);                  /* zeroed; aborts */
void *mem_realloc(void *block, size_t size);    /* aborts; `block` may be NULL */
void *mem_copy(const void *bytes, size_t size); /* a new block with the same bytes; aborts */
char *mem_copy_str(const char *text);           /* a new NUL-terminated copy; aborts */
MUST_USE void *mem_try_alloc(size_t size);      /* NULL on failure */
MUST_USE void *mem_try_zalloc(size_t count,
                              size_t size); /* count * size checked; NULL on failure */
MUST_USE void *mem_try_realloc(void *block, size_t size); /* NULL on failure, `block` unchanged */
void mem_free(void *block);                               /* NULL is allowed */

/* `alignment` is a power of two; free with mem_free(). NULL on failure. */
MUST_USE void *mem_try_aligned(size_t alignment, size_t size);

/* Number of successful allocations of this process so far: tests assert that steady decode adds
 * none. */
size_t mem_allocation_count(void);

/* For CLEANUP on any pointer: frees what `pointer` points to. */
void mem_freep(void *pointer);
