#include "sandbox/fetch_lock.h"

#include "base/attr.h"
#include "sandbox/landlock.h"
#include "sandbox/privileges.h"
#include "sandbox/syscall_filter.h"

#include <sys/prctl.h>
#include <sys/resource.h>

enum { ABI_WITHOUT_NETWORK = 3 }; /* from 4 on Landlock would forbid TCP */

/* The resolver, and what certificates are checked with. */
static const char *const readable[] = {
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/lib/ssl",
    "/run/systemd/resolve",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/urandom",
};

static enum status confine_files(uint32_t abi, struct error *err)
{
    struct landlock rules = {0};
    TRY(landlock_begin(abi, true, &rules, err));
    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        (void)landlock_allow(&rules, readable[i], LANDLOCK_READ);
    return landlock_enforce(&rules, err);
}

enum status fetch_lock_enter(struct error *err)
{
    const uint32_t abi = landlock_abi(ABI_WITHOUT_NETWORK);
    const struct rlimit no_core = {0, 0};
    struct syscall_filter filter = {0};
    TRY(syscall_filter_build(SYSCALL_FILTER_FETCH, 0, &filter, err));
    (void)setrlimit(RLIMIT_CORE, &no_core);
    enum status status = privileges_drop(err);
    if (status == OK && abi)
        status = confine_files(abi, err);
    if (status == OK && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        status = error_errno(err, "cannot lock the process's memory");
    if (status == OK)
        status = syscall_filter_install(&filter, err);
    syscall_filter_done(&filter);
    return status;
}
