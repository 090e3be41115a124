/*
 * doctor_facts - what `holt doctor` finds out about this machine, as JSON; printing is another's.
 *
 *   {"version": ..., "cpu": {...}, "memory": {...}, "sandbox": {...}, "state": {...},
 *    "libraries": {...}, "problems": ["sentence", ...], "advice": ["sentence", ...]}
 *
 * A problem is something that does not work; advice is what could work better.
 *
 * Threads: main thread, without others: the sandbox is tried by forking. Used by: cmd_doctor.c.
 */
#pragma once

#include <jansson.h>

struct command_common;

/* A new object. */
json_t *doctor_facts_collect(const struct command_common *common);
