/*
 * memory - how much memory this process may still take.
 *
 * Threads: any. Depends on: base/.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes that can be allocated without swapping: what the system calls available, and no more than
 * the control groups of this process leave. 0 when neither can be read. */
uint64_t memory_available_bytes(void);

/* Resident bytes of this process: its own, and of files it has mapped (the program included).
 * Zeros when unknown. */
struct memory_own {
    uint64_t anonymous_bytes;
    uint64_t file_bytes;
};

void memory_own_read(struct memory_own *out);

/* Mapped bytes of which only a few will be read, here and there: nothing around them is brought
 * into memory. A hint. */
void memory_advise_sparse(const void *bytes, size_t size);

/* `size` bytes of zeros that take memory as they are written, in large pages where the system has
 * them; NULL when it refuses. Given back with memory_release() of the same size. */
void *memory_reserve(size_t size);
void memory_release(void *bytes, size_t size); /* NULL is allowed */

/* Bytes of a mapped file that will hardly be read any more: the pages inside are given back, and
 * come from the file again if they are. A hint; not for memory that is no file's. */
void memory_advise_unused(const void *bytes, size_t size);

/* Bytes of physical memory; 0 when unknown. */
uint64_t memory_total_bytes(void);
