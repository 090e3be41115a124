#include "sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the header of Debian 12. */
#define ACCESS_TRUNCATE  (UINT64_C(1) << 14) /* ABI 3 */
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_ALL          UINT64_C(3)         /* bind and connect TCP, ABI 4 */
#define SCOPE_ALL        UINT64_C(3)         /* abstract unix sockets and signals, ABI 6 */

#define ACCESS_ON_FILES                                                                          \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | \
     ACCESS_TRUNCATE | ACCESS_IOCTL_DEV)
#define ACCESS_CHANGE                                                                             \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                              \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |  \
     LANDLOCK_ACCESS_FS_REFER | ACCESS_TRUNCATE)

/* struct landlock_ruleset_attr as of ABI 6; older kernels take it while the rest is zero. */
struct ruleset_attr {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

uint32_t landlock_abi(uint32_t abi_max)
{
    const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi <= 0)
        return 0;
    return abi_max && (uint32_t)abi > abi_max ? abi_max : (uint32_t)abi;
}

static uint64_t known_rights(uint32_t abi)
{
    uint64_t rights = (UINT64_C(1) << 13) - 1; /* ABI 1 */
    if (abi >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= LANDLOCK_ABI_TRUNCATE)
        rights |= ACCESS_TRUNCATE;
    if (abi >= 5)
        rights |= ACCESS_IOCTL_DEV;
    return rights;
}

enum status landlock_begin(uint32_t abi, bool scoped, struct landlock *out, struct error *err)
{
    const struct ruleset_attr attr = {
        .fs = known_rights(abi),
        .net = abi >= 4 ? NET_ALL : 0,
        .scoped = scoped && abi >= LANDLOCK_ABI_SCOPE ? SCOPE_ALL : 0,
    };
    const long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (fd < 0)
        return error_errno(err, "cannot make file rules");
    *out = (struct landlock){.fd = (int)fd, .is_open = true, .handled = attr.fs};
    return OK;
}

static uint64_t access_bits(unsigned rights)
{
    uint64_t bits = 0;
    if (rights & LANDLOCK_READ)
        bits |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    if (rights & LANDLOCK_EXECUTE)
        bits |= LANDLOCK_ACCESS_FS_EXECUTE;
    if (rights & LANDLOCK_CHANGE)
        bits |= ACCESS_CHANGE;
    if (rights & LANDLOCK_WRITE)
        bits |= LANDLOCK_ACCESS_FS_WRITE_FILE;
    return bits;
}

static bool allow_fd(const struct landlock *rules, int fd, unsigned rights)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return false;
    uint64_t access = access_bits(rights) & rules->handled;
    if (!S_ISDIR(info.st_mode))
        access &= ACCESS_ON_FILES;
    const struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    return access &&
           syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

static bool allow_open(const struct landlock *rules, int fd, unsigned rights)
{
    if (fd < 0)
        return false;
    const bool done = allow_fd(rules, fd, rights);
    close(fd);
    return done;
}

bool landlock_allow(const struct landlock *rules, const char *path, unsigned rights)
{
    return allow_open(rules, open(path, O_PATH | O_CLOEXEC), rights);
}

bool landlock_allow_at(const struct landlock *rules, int folder_fd, const char *name,
                       unsigned rights)
{
    return allow_open(rules, openat(folder_fd, name, O_PATH | O_CLOEXEC | O_NOFOLLOW), rights);
}

enum status landlock_enforce(struct landlock *rules, struct error *err)
{
    const long result = syscall(SYS_landlock_restrict_self, rules->fd, 0);
    const enum status status = result == 0 ? OK : error_errno(err, "cannot enforce file rules");
    landlock_done(rules);
    return status;
}

void landlock_done(struct landlock *rules)
{
    if (rules->is_open)
        close(rules->fd);
    *rules = (struct landlock){0};
}
