#include "sandbox/resource_limits.h"

#include <sched.h>
#include <sys/resource.h>

enum { PRIORITY = 5 };

#if defined(__SANITIZE_ADDRESS__)
#    define UNDER_SANITIZER 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define UNDER_SANITIZER 1
#    endif
#endif
#ifndef UNDER_SANITIZER
#    define UNDER_SANITIZER 0
#endif

/* Never above what is in force already. */
static void limit(__rlimit_resource_t what, rlim_t value)
{
    struct rlimit now;
    if (getrlimit(what, &now) != 0)
        return;
    const rlim_t bound =
        now.rlim_max != RLIM_INFINITY && now.rlim_max < value ? now.rlim_max : value;
    const struct rlimit wanted = {.rlim_cur = bound, .rlim_max = bound};
    (void)setrlimit(what, &wanted);
}

void resource_limits_apply(void)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, (rlim_t)RESOURCE_LIMITS_FILE_MIB << 20);
    limit(RLIMIT_NOFILE, RESOURCE_LIMITS_OPEN_FILES);
    limit(RLIMIT_CPU, RESOURCE_LIMITS_CPU_SECONDS);
    if (!UNDER_SANITIZER)
        resource_limits_apply_memory();
    (void)setpriority(PRIO_PROCESS, 0, PRIORITY);
}

void resource_limits_apply_memory(void)
{
    limit(RLIMIT_AS, (rlim_t)RESOURCE_LIMITS_MEMORY_MIB << 20);
}

void resource_limits_apply_processes(uint64_t running)
{
    limit(RLIMIT_NPROC, (rlim_t)running + RESOURCE_LIMITS_PROCESSES);
}

void resource_limits_come_first(void)
{
    const struct sched_param first = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    (void)sched_setscheduler(0, SCHED_RR, &first);
}

void resource_limits_step_back(void)
{
    const struct sched_param none = {.sched_priority = 0};
    (void)sched_setscheduler(0, SCHED_OTHER, &none);
    (void)setpriority(PRIO_PROCESS, 0, PRIORITY);
}
