/*
 * key_file - the key of a server, from a file: on the command line every user of the machine could
 * read it.
 *
 * Threads: any. Used by: cmd_serve.c, cmd_launch.c, cmd_ps.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

enum { KEY_FILE_BYTES_MIN = 16, KEY_FILE_BYTES_MAX = 4096 };

/* Appends the key; nothing for NULL. E_INVALID when it is too short. */
MUST_USE enum status key_file_read(const char *path, struct strbuf *out, struct error *err);
