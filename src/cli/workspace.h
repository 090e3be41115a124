/*
 * workspace - the folder an agent works in.
 *
 * Threads: any. Used by: agent_setup.c, cmd_tools.c.
 */
#pragma once

#include "base/error.h"

/* The absolute path of `given`, or of the current folder when that is NULL; the caller owns *out.
 * E_NOT_FOUND, E_INVALID or E_DENIED say what is wrong with it. E_UNSUPPORTED: `given` is NULL and
 * the current folder is the home folder or /, which nobody hands to an agent by accident. */
MUST_USE enum status workspace_find(const char *given, char **out, struct error *err);
