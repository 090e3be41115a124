/*
 * jinja_string - a finished, immutable text that knows where each of its bytes comes from.
 *
 * Built by jinja_text.h, or from a view and one origin. Bytes and runs are borrowed: from the
 * template's arena (constants), the request (contents) or the arena of one rendering.
 *
 * Threads: any; strings never change.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "chat/segment.h"

#include <stdbool.h>

/* The runs cover the bytes; without runs all bytes have `origin`. */
struct jinja_string {
    struct str bytes;
    const struct segment_run *runs; /* NULL: one origin */
    size_t run_count;
    enum segment_origin origin; /* with runs: the least trusted of them */
    bool is_markup; /* made by the filters safe and escape: what is added to it is escaped */
};

static inline struct jinja_string jinja_string_of(struct str bytes, enum segment_origin origin)
{
    return (struct jinja_string){.bytes = bytes, .origin = origin};
}

/* The origin of byte `offset`, and in *out_end (offset < *out_end) up to where it holds. */
enum segment_origin jinja_string_origin_at(const struct jinja_string *string, size_t offset,
                                           size_t *out_end);

/* Sets the runs and the origin of `string` from `runs`, of which a copy is kept where more than one
 * is needed. False when the arena's bound does not allow it. */
bool jinja_string_keep_runs(struct jinja_string *string, const struct segment_run *runs,
                            size_t count, struct arena *arena);

/* Bytes [from, to) of `string` as a string of its own: bytes are shared, runs copied if need be.
 * False when the arena's bound does not allow it. */
bool jinja_string_slice(const struct jinja_string *string, size_t from, size_t to,
                        struct arena *arena, struct jinja_string *out);
