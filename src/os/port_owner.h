/*
 * port_owner - which program listens on a port of this machine, as far as this user may see.
 *
 * Threads: any. Used by: listener.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes "NAME (process N)" to `out`; false, and `out` as it was, when it cannot be found out. */
bool port_owner_name(uint16_t port, char *out, size_t size);
