#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <string.h>

enum { BLOCK_BYTES_MIN = 16 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t capacity;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    const size_t capacity = size > BLOCK_BYTES_MIN ? size : BLOCK_BYTES_MIN;
    struct arena_block *block = mem_alloc(sizeof(*block) + capacity);
    block->older = arena->newest;
    block->capacity = capacity;
    block->used = 0;
    arena->newest = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = 0;
    if (__builtin_add_overflow(size, alignof(max_align_t) - 1, &rounded))
        return NULL;
    rounded &= ~(alignof(max_align_t) - 1);
    if (arena->size_max &&
        (rounded > arena->size_max || arena->used_bytes > arena->size_max - rounded))
        return NULL;

    struct arena_block *block = arena->newest;
    if (!block || block->capacity - block->used < rounded)
        block = add_block(arena, rounded);
    void *memory = block->bytes + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    memset(memory, 0, rounded);
    return memory;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return arena_alloc(arena, bytes);
}

struct str arena_copy_str(struct arena *arena, struct str text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (!copy)
        return (struct str){0};
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    return (struct str){copy, text.len};
}

void arena_reset(struct arena *arena)
{
    while (arena->newest && arena->newest->older) {
        struct arena_block *block = arena->newest;
        arena->newest = block->older;
        mem_free(block);
    }
    if (arena->newest)
        arena->newest->used = 0;
    arena->used_bytes = 0;
}

void arena_done(struct arena *arena)
{
    while (arena->newest) {
        struct arena_block *block = arena->newest;
        arena->newest = block->older;
        mem_free(block);
    }
    arena->used_bytes = 0;
}
