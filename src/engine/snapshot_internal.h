/*
 * snapshot_internal - shared by snapshot.c (the header) and snapshot_file.c (the file).
 *
 * Threads: see snapshot.h.
 */
#pragma once

#include "base/strbuf.h"
#include "engine/snapshot.h"

/* Sets header_bytes and file_bytes from the counts; the latter is the result. */
uint64_t snapshot_measure(struct snapshot *snapshot);

/* Appends the header as it stands in the file, its digest included, to an empty `out`. */
void snapshot_format(const struct snapshot *snapshot, struct strbuf *out);
