/*
 * listener - a socket that others connect to.
 *
 * Threads: any. Used by: cli/, before the process that serves gives up opening sockets.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { LISTENER_ADDRESS_BYTES = 64, LISTENER_OWNER_BYTES = 64 };

/*
 * Listens on `address` (a number like 127.0.0.1 or ::1, or "localhost") and `port` (0: one that is
 * free). E_INVALID: not an address; E_BUSY: another program listens there, named in the text when
 * it can be found out; E_IO, E_DENIED. *out_port is the port in force.
 */
MUST_USE enum status listener_open(const char *address, uint16_t port, int *out_fd,
                                   uint16_t *out_port, struct error *err);

/* Whether listener_open() takes `address`: names other than "localhost" are not looked up. */
bool listener_is_address(const char *address);

/* Whether only this machine can reach `address`. */
bool listener_is_loopback(const char *address);
