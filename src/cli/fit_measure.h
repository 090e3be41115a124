/*
 * fit_measure - this machine's memory and speed, for fit_plan.h.
 *
 * Takes about a second: the best of some passes over memory well above the last cache, and of some
 * moments of integer products, on all threads. The best, because what else runs only takes away.
 *
 * Threads: main thread; starts compute threads and ends them. Used by: cmd_fit.c.
 */
#pragma once

#include "base/error.h"
#include "cli/fit_plan.h"

/* What there is of memory; speeds stay as they are. */
void fit_measure_memory(struct fit_machine *machine);

/* Fills the speeds. E_NO_MEMORY, E_IO. */
MUST_USE enum status fit_measure_speed(unsigned thread_count, struct fit_machine *machine,
                                       struct error *err);
