/*
 * op_units - how the compute threads share the units of one operation: each has a range of its own
 * and takes it in ascending order, so that memory sees one stream a thread; who has done with its
 * own takes from the others. Inside model/op*.c only.
 */
#pragma once

#include "model/forward.h"

#include <stdalign.h>
#include <stdatomic.h>

enum { OP_UNITS_LINE = 64 };

/* The units of one thread that nobody has taken: [next, end). */
struct op_units {
    alignas(OP_UNITS_LINE) atomic_size_t next;
    size_t end;
};

/* Shares `count` units among `thread_count` threads; before they run. */
static inline void op_units_begin(struct op_units *units, size_t thread_count, size_t count)
{
    for (size_t i = 0; i < thread_count; i++) {
        atomic_store_explicit(&units[i].next, count * i / thread_count, memory_order_relaxed);
        units[i].end = count * (i + 1) / thread_count;
    }
}

/* The next unit for thread `index`; false: all are taken. */
static inline bool op_units_take(struct op_units *units, size_t thread_count, size_t index,
                                 size_t *out)
{
    for (size_t i = 0; i < thread_count; i++) {
        struct op_units *from = &units[(index + i) % thread_count];
        if (atomic_load_explicit(&from->next, memory_order_relaxed) >= from->end)
            continue;
        *out = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed);
        if (*out < from->end)
            return true;
    }
    return false;
}
