#include "base/mem.h"

#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_size_t allocation_count;

static void *counted(void *block)
{
    if (block)
        atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
    return block;
}

void *mem_try_alloc(size_t size)
{
    return counted(malloc(size ? size : 1));
}

void *mem_try_zalloc(size_t count, size_t size)
{
    return counted(calloc(count ? count : 1, size ? size : 1));
}

void *mem_try_realloc(void *block, size_t size)
{
    return counted(realloc(block, size ? size : 1));
}

void *mem_try_aligned(size_t alignment, size_t size)
{
    size_t rounded = 0;
    if (__builtin_add_overflow(size, alignment - 1, &rounded))
        return NULL;
    rounded &= ~(alignment - 1);
    return counted(aligned_alloc(alignment, rounded ? rounded : alignment));
}

void *mem_alloc(size_t size)
{
    void *block = mem_try_alloc(size);
    CHECK(block);
    return block;
}

void *mem_zalloc(size_t size)
{
    void *block = mem_try_zalloc(1, size);
    CHECK(block);
    return block;
}

void *mem_realloc(void *block, size_t size)
{
    void *grown = mem_try_realloc(block, size);
    CHECK(grown);
    return grown;
}

void *mem_copy(const void *bytes, size_t size)
{
    void *block = mem_alloc(size);
    if (size)
        memcpy(block, bytes, size);
    return block;
}

char *mem_copy_str(const char *text)
{
    return mem_copy(text, strlen(text) + 1);
}

void mem_free(void *block)
{
    free(block);
}

size_t mem_allocation_count(void)
{
    return atomic_load_explicit(&allocation_count, memory_order_relaxed);
}

void mem_freep(void *pointer)
{
    void *block = NULL;
    memcpy(&block, pointer, sizeof(block));
    mem_free(block);
}
