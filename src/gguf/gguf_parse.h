/*
 * gguf_parse - header, keys and tensor table of one file: bytes in, checked tables out.
 *
 * Works on a copy of the front of the file, so nothing is ever read twice from a file that might
 * change. Counts and lengths are held against the size of the whole file before anything is
 * allocated for them.
 *
 * Threads: any. Used by: gguf/gguf.c, the fuzz target.
 */
#pragma once

#include "gguf/gguf_internal.h"

/*
 * Fills version, alignment, values, keys, tensors (without data), offsets, metadata_size and
 * data_start of *part from the first `available` bytes of a file of `file_size` bytes. Everything
 * points into `bytes`, which must outlive the part. On failure *part holds what gguf_parse_done()
 * must release.
 *
 * When the front is not long enough, *out_needs_more becomes true and the status is E_LIMIT: try
 * again with more of the file.
 */
MUST_USE enum status gguf_parse(const unsigned char *bytes, size_t available, size_t file_size,
                                struct gguf_part *part, bool *out_needs_more, struct error *err);

/* Releases what a part owns, its mapping included; zeroed afterwards. */
void gguf_parse_done(struct gguf_part *part);

/* At most this many bytes of a name from a file go into an error message. */
enum { GGUF_PARSE_SHOWN_MAX = 80 };

struct gguf_parse_shown {
    char text[GGUF_PARSE_SHOWN_MAX + 4];
};

/* `name` for an error message: printable ASCII, cut to length. */
struct gguf_parse_shown gguf_parse_show(struct str name);
