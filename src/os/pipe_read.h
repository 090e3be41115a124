/*
 * pipe_read - what another process writes to its standard streams, read without waiting.
 *
 * Threads: any. Used by: cli/.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>

/* A pipe; reading never waits. Both ends are closed by a program that is started. */
MUST_USE enum status pipe_read_open(int *out_read_fd, int *out_write_fd, struct error *err);

/* `stream_fd` (STDOUT_FILENO, STDERR_FILENO) of the calling process now leads there; `write_fd` is
 * closed. */
void pipe_read_become(int write_fd, int stream_fd);

/* Appends what is there now, at most 64 KiB. False when the other side is gone. */
bool pipe_read_some(int read_fd, struct strbuf *out);
