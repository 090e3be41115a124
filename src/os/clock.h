/*
 * clock - time, for measuring and for dates.
 *
 * Threads: any.
 */
#pragma once

#include <stdint.h>

/* Nanoseconds since some fixed moment; never goes back, not even when the date is set. */
uint64_t clock_monotonic_ns(void);

/* The same in seconds, for durations. */
double clock_seconds(void);

/* What a clock on the wall shows, as seconds since 1970-01-01 (UTC plus the local offset). */
int64_t clock_local_seconds(void);

/* Microseconds since 1970-01-01 UTC; follows the system's date and may jump. */
int64_t clock_unix_us(void);

/* Sleeps at least this long, whatever signals arrive. */
void clock_sleep_ns(uint64_t duration_ns);

/* CPU time this process has used so far, all threads together; and the calling thread alone. */
uint64_t clock_process_cpu_ns(void);
uint64_t clock_thread_cpu_ns(void);
