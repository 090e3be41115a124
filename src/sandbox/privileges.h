/*
 * privileges - what a process gives up for good before it does someone else's work.
 *
 * Threads: one; acts on the calling thread. Used by: sandbox/.
 */
#pragma once

#include "base/error.h"

#include <sys/types.h>

/* No capabilities in any set, none regained by starting a program, no new privileges. */
MUST_USE enum status privileges_drop(struct error *err);

/* As root, go on as this user, with no other groups. Otherwise no effect. */
MUST_USE enum status privileges_become(uid_t uid, gid_t gid, struct error *err);
