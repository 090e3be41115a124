/*
 * key_file - the key of a server, from a file: on the command line every user of the machine could
 * read it.
 *
 * Threads: any. Used by: cmd_serve.c, cmd_launch.c, cmd_ps.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>

/* Who knows it may change models through a server; in the state folder, made at the first start. */
#define KEY_FILE_NAME "server.key"

enum { KEY_FILE_BYTES_MIN = 16, KEY_FILE_BYTES_MAX = 4096 };

/* Appends the key; nothing for NULL. E_INVALID when it is too short. */
MUST_USE enum status key_file_read(const char *path, struct strbuf *out, struct error *err);

/* Where there is no such file, makes one (mode 0600) with a key that nobody can guess; *out_is_new
 * says so. */
MUST_USE enum status key_file_make(const char *path, bool *out_is_new, struct error *err);
