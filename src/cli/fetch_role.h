/*
 * fetch_role - a process of its own for each thing that is fetched: the only one that dials.
 *
 * The child locks itself (sandbox/fetch_lock.h) before it connects, and has nothing of this process
 * but the descriptor it writes to. What it brings is untrusted until its size and digest are
 * checked here.
 *
 * Threads: one, without others: it forks. Used by: cmd_pull.c, pull_source.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "fetch/fetch.h"

/* As fetch_run(), in a child; request->progress is called here. */
MUST_USE enum status fetch_role_run(const struct fetch_request *request, uint64_t *out_size,
                                    struct error *err);

/* A small document into `out`, at most `size_max` bytes; request->out_fd is not used. */
MUST_USE enum status fetch_role_text(const struct fetch_request *request, size_t size_max,
                                     struct strbuf *out, struct error *err);
