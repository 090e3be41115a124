#include "sandbox/core_lock.h"

#include "base/attr.h"
#include "sandbox/landlock.h"
#include "sandbox/privileges.h"
#include "sandbox/syscall_filter.h"

#include <sys/prctl.h>
#include <sys/resource.h>

/* What the C library, SQLite and the engine read of the system: random bytes, the time zone, the
 * number and kind of processors, the size of memory. */
static const char *const system_read[] = {
    "/dev/urandom",
    "/dev/random",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/usr/lib/locale",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
};

static enum status confine_files(const struct core_lock_config *config, uint32_t abi,
                                 struct error *err)
{
    struct landlock rules = {0};
    TRY(landlock_begin(abi, true, &rules, err));
    for (size_t i = 0; i < ARRAY_LEN(system_read); i++)
        (void)landlock_allow(&rules, system_read[i], LANDLOCK_READ);
    (void)landlock_allow(&rules, "/proc/self",
                         LANDLOCK_READ); /* this process only: its own number */
    (void)landlock_allow(&rules, "/dev/null", LANDLOCK_READ | LANDLOCK_WRITE);
    for (size_t i = 0; i < config->read_path_count; i++)
        (void)landlock_allow(&rules, config->read_paths[i], LANDLOCK_READ);
    for (size_t i = 0; i < config->write_path_count; i++) {
        if (!landlock_allow(&rules, config->write_paths[i], LANDLOCK_READ | LANDLOCK_CHANGE)) {
            landlock_done(&rules);
            return error_errno(err, "cannot open %s", config->write_paths[i]);
        }
    }
    return landlock_enforce(&rules, err);
}

enum status core_lock_enter(const struct core_lock_config *config, struct core_lock_report *out,
                            struct error *err)
{
    if (config->read_path_count > CORE_LOCK_PATHS_MAX ||
        config->write_path_count > CORE_LOCK_PATHS_MAX)
        return error_set(err, E_LIMIT, "more than %d paths for the core", CORE_LOCK_PATHS_MAX);
    const uint32_t abi = config->without_landlock ? 0 : landlock_abi(config->landlock_abi_max);
    const struct rlimit no_core = {0, 0};
    struct syscall_filter filter = {0};
    const unsigned flags = config->accepts_connections ? SYSCALL_FILTER_ACCEPTS : 0;
    TRY(syscall_filter_build(SYSCALL_FILTER_CORE, flags, &filter, err));

    (void)setrlimit(RLIMIT_CORE, &no_core);
    enum status status = privileges_drop(err);
    if (status == OK && abi)
        status = confine_files(config, abi, err);
    if (status == OK && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        status = error_errno(err, "cannot lock the process's memory");
    if (status == OK)
        status = syscall_filter_install(&filter, err);
    syscall_filter_done(&filter);
    if (status == OK && out)
        *out = (struct core_lock_report){.landlock_abi = abi};
    return status;
}
