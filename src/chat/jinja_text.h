/*
 * jinja_text - text being built, byte by byte with its origin.
 *
 * Everything a template does to strings goes through here, so that origins are never lost: a piece
 * that is copied keeps its origin, whatever it is copied into.
 *
 * Threads: one at a time. Depends on: base/, jinja_string.h. Used by: all of jinja_*.
 */
#pragma once

#include "base/strbuf.h"
#include "chat/jinja_string.h"

/* Bytes and runs on the heap. Zeroed is empty and without a bound; with bytes.size_max set, what
 * does not fit is dropped and bytes.overflowed says so. */
struct jinja_text {
    struct strbuf bytes;
    struct segment_run *runs;
    size_t run_count;
    size_t run_capacity;
};

void jinja_text_done(struct jinja_text *text);
void jinja_text_add(struct jinja_text *text, struct str bytes, enum segment_origin origin);
void jinja_text_add_c(struct jinja_text *text, const char *bytes, enum segment_origin origin);

/* Bytes [from, to) of `string` with their origins. */
void jinja_text_add_slice(struct jinja_text *text, const struct jinja_string *string, size_t from,
                          size_t to);
void jinja_text_add_string(struct jinja_text *text, const struct jinja_string *string);

/* Copies what was built into `arena`. False when the arena's bound does not allow it. */
bool jinja_text_finish(const struct jinja_text *text, struct arena *arena,
                       struct jinja_string *out);
