/*
 * warden_process - the life of the warden after the fork: wait, ask, run, kill, answer.
 *
 * Threads: one. Used by: sandbox/warden.c only.
 */
#pragma once

#include "base/attr.h"
#include "os/channel.h"
#include "sandbox/warden.h"

/* Takes over this process, which is a child of `front_pid`; serves until either channel closes. */
NO_RETURN void warden_process_main(const struct warden_config *config, pid_t front_pid,
                                   struct channel front, struct channel core);
