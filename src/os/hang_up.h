/*
 * hang_up - has the other side of a connection gone?
 *
 * Threads: any.
 */
#pragma once

#include <stdbool.h>

/* True when the other side closed the connection or its sending half, or it broke. Does not wait
 * and takes nothing from what was sent. */
bool hang_up_seen(int fd);
