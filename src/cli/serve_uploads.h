/*
 * serve_uploads - files that clients of `holt serve` upload, taken in by the front, which may
 * write: announced, in pieces, finished (catalog/blob_upload.h). What is not finished is removed.
 *
 * Threads: the front's, alone. Used by: serve_jobs.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct serve_uploads;
struct state;

/* Borrows `state`. */
struct serve_uploads *serve_uploads_new(const struct state *state);
void serve_uploads_free(struct serve_uploads *uploads); /* NULL is allowed */

/* `body`: "digest", and "size" if it is known. E_BUSY: too many are on their way. */
MUST_USE enum status serve_uploads_begin(struct serve_uploads *uploads, uint64_t id,
                                         const json_t *body, struct error *err);

/* E_NOT_FOUND: there is no such upload (any more). After any other error it is gone. */
MUST_USE enum status serve_uploads_add(struct serve_uploads *uploads, uint64_t id, struct str bytes,
                                       struct error *err);
MUST_USE enum status serve_uploads_finish(struct serve_uploads *uploads, uint64_t id,
                                          struct error *err);
void serve_uploads_stop(struct serve_uploads *uploads, uint64_t id);
