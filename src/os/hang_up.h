/*
 * hang_up - has the other side of a connection gone? And going oneself.
 *
 * Threads: any.
 */
#pragma once

#include <stdbool.h>

/* True when the other side closed the connection or its sending half, or it broke. Does not wait
 * and takes nothing from what was sent. */
bool hang_up_seen(int fd);

/* Ends a connection in both directions; whoever waits for it wakes. The descriptor stays open. */
void hang_up_now(int fd);
