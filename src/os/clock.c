/* clock - see clock.h. Threads: any; no state. */
#include "os/clock.h"

#include "base/check.h"

#include <errno.h>
#include <time.h>

enum { NS_PER_SECOND = 1000000000 };

static struct timespec read_clock(clockid_t id)
{
    struct timespec now = {0};
    CHECK(clock_gettime(id, &now) == 0);
    return now;
}

static uint64_t to_ns(struct timespec time)
{
    return (uint64_t)time.tv_sec * NS_PER_SECOND + (uint64_t)time.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return to_ns(read_clock(CLOCK_MONOTONIC));
}

int64_t clock_unix_us(void)
{
    const struct timespec now = read_clock(CLOCK_REALTIME);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void clock_sleep_ns(uint64_t duration_ns)
{
    struct timespec until = read_clock(CLOCK_MONOTONIC);
    const uint64_t end = to_ns(until) + duration_ns;
    until.tv_sec = (time_t)(end / NS_PER_SECOND);
    until.tv_nsec = (long)(end % NS_PER_SECOND);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

uint64_t clock_process_cpu_ns(void)
{
    return to_ns(read_clock(CLOCK_PROCESS_CPUTIME_ID));
}

double clock_seconds(void)
{
    return (double)clock_monotonic_ns() * 1e-9;
}

int64_t clock_local_seconds(void)
{
    const time_t now = read_clock(CLOCK_REALTIME).tv_sec;
    struct tm local = {0};
    localtime_r(&now, &local);
    return (int64_t)now + local.tm_gmtoff;
}

uint64_t clock_thread_cpu_ns(void)
{
    return to_ns(read_clock(CLOCK_THREAD_CPUTIME_ID));
}
