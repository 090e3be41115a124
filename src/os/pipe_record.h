/*
 * pipe_record - what a child tells through a pipe, in records of one size.
 *
 * A record of at most PIPE_RECORD_BYTES_MAX is written in one piece, whoever else writes.
 *
 * Threads: any. Used by: cli/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { PIPE_RECORD_BYTES_MAX = 4096 }; /* PIPE_BUF of Linux */

/* Waits for room. What cannot be written is lost: then nobody reads any more. */
void pipe_record_send(int fd, const void *record, size_t size);

/* Waits for a record. False: the other side is gone. */
bool pipe_record_receive(int fd, void *record, size_t size);
