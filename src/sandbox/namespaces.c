#include "sandbox/namespaces.h"

#include "base/attr.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "sandbox/system_paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SOURCES_MAX = 64, /* all tables and the workspace */ LINK_MAX = 256 };

static const char *const protected_names[] = {".git", ".holt"};

/* ---- leaving ---- */

static enum status write_file(const char *path, const char *text, struct error *err)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const size_t len = strlen(text);
    const bool done = fd >= 0 && write(fd, text, len) == (ssize_t)len;
    const int number = errno;
    if (fd >= 0)
        close(fd);
    errno = number;
    return done ? OK : error_errno(err, "cannot write %s", path);
}

enum status namespaces_separate(struct error *err)
{
    const unsigned uid = geteuid();
    const unsigned gid = getegid();
    char map[64];
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                CLONE_NEWUTS) != 0)
        return error_errno(err, "cannot make namespaces");
    snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
    TRY(write_file("/proc/self/uid_map", map, err));
    TRY(write_file("/proc/self/setgroups", "deny", err));
    snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
    TRY(write_file("/proc/self/gid_map", map, err));
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return error_errno(err, "cannot make mounts private");
    return OK;
}

/* ---- a new root ---- */

/* One thing to put into the new root, taken from the old one before that is covered. */
struct source {
    const char *path; /* the same in both */
    int fd;           /* a detached copy of the mount; -1: a link */
    bool is_folder;
    char link[LINK_MAX]; /* its target when it is a symbolic link */
};

struct sources {
    struct source items[SOURCES_MAX];
    size_t count;
};

static void sources_done(struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->items[i].fd >= 0)
            close(sources->items[i].fd);
    }
}

/* A copy of the mounts at `path` that nothing outside sees; -1 when it cannot be made. */
static int copy_tree(int folder, const char *path, uint64_t attributes)
{
    const int fd = open_tree(
        folder, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW);
    if (fd < 0)
        return -1;
    struct mount_attr attr = {.attr_set = attributes | MOUNT_ATTR_NOSUID};
    if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Missing things are left out. */
static enum status take(struct sources *sources, const char *path, uint64_t attributes,
                        struct error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return OK;
    if (sources->count + 1 >= SOURCES_MAX) /* one is left for the workspace */
        return error_set(err, E_LIMIT, "too many system paths");
    struct source *item = &sources->items[sources->count];
    *item = (struct source){.path = path, .fd = -1, .is_folder = S_ISDIR(info.st_mode)};
    if (S_ISLNK(info.st_mode)) {
        const ssize_t len = readlink(path, item->link, sizeof(item->link) - 1);
        if (len <= 0)
            return OK;
    } else {
        item->fd = copy_tree(AT_FDCWD, path, attributes);
        if (item->fd < 0)
            return error_errno(err, "cannot copy the mount of %s", path);
    }
    sources->count++;
    return OK;
}

static enum status take_all(struct sources *sources, const char *const *paths, uint64_t attributes,
                            struct error *err)
{
    for (; *paths; paths++)
        TRY(take(sources, *paths, attributes, err));
    return OK;
}

/* Makes the folders above `path` (relative to the current folder), and `path` itself if asked. */
static void make_folders(const char *path, bool last_too)
{
    char so_far[PATH_MAX];
    const size_t len = strlen(path);
    for (size_t i = 1; i <= len && len < sizeof(so_far); i++) {
        if ((i < len && path[i] != '/') || (i == len && !last_too))
            continue;
        memcpy(so_far, path, i);
        so_far[i] = '\0';
        (void)mkdir(so_far, 0755); /* what matters is whether the mount succeeds */
    }
}

/* Puts a copied tree at `path` of the new root, which is the current folder. */
static enum status place(int tree, const char *path, bool is_folder, struct error *err)
{
    const char *inside = path + 1;
    make_folders(inside, is_folder);
    if (!is_folder) {
        const int fd = open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0)
            close(fd);
    }
    if (move_mount(tree, "", AT_FDCWD, inside, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return error_errno(err, "cannot mount %s", path);
    return OK;
}

/* Covers .git and .holt in one folder of the workspace with read-only copies of themselves. */
static enum status protect_in(int folder, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(protected_names); i++) {
        const char *name = protected_names[i];
        struct stat info;
        if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || S_ISLNK(info.st_mode))
            continue;
        const int tree = copy_tree(folder, name, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
        if (tree < 0)
            return error_errno(err, "cannot protect %s", name);
        const int moved = move_mount(tree, "", folder, name, MOVE_MOUNT_F_EMPTY_PATH);
        const int number = errno;
        close(tree);
        errno = number;
        if (moved != 0)
            return error_errno(err, "cannot protect %s", name);
    }
    return OK;
}

static enum status protect_below(DIR *folder, struct error *err)
{
    int looked_at = 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        const char *name = entry->d_name;
        if (name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
            continue;
        if (++looked_at > NAMESPACES_PROTECT_MAX)
            break;
        const int child =
            openat(dirfd(folder), name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child < 0)
            continue;
        const enum status status = protect_in(child, err);
        close(child);
        TRY(status);
    }
    return OK;
}

/* `workspace` is relative to the new root. */
static enum status protect(const char *workspace, struct error *err)
{
    DIR *folder = opendir(workspace);
    if (!folder)
        return error_errno(err, "cannot read the workspace");
    enum status status = protect_in(dirfd(folder), err);
    if (status == OK)
        status = protect_below(folder, err);
    closedir(folder);
    return status;
}

/* Covers a folder of the old root with the empty new one and goes there. */
static enum status open_new_root(struct error *err)
{
    static const char *const places[] = {"/tmp", "/var/tmp", "/mnt", "/run", "/opt"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (mount("tmpfs", places[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") == 0)
            return chdir(places[i]) == 0 ? OK : error_errno(err, "cannot enter the new root");
    }
    return error_errno(err, "cannot mount a new root");
}

static enum status fill_root(const struct sources *sources, bool *out_has_proc, struct error *err)
{
    char options[64];
    snprintf(options, sizeof(options), "mode=1777,size=%dm", NAMESPACES_TEMP_MIB);
    if (mkdir("tmp", 0755) != 0 ||
        mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
        return error_errno(err, "cannot mount /tmp");
    /* Read-only: root may change the kernel's settings in /proc/sys without any capability. The
     * kernel refuses the mount where /proc is partly covered, as in some containers. */
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
    *out_has_proc = mkdir("proc", 0755) == 0 && mount("proc", "proc", "proc", flags, NULL) == 0;
    for (size_t i = 0; i < sources->count; i++) {
        const struct source *item = &sources->items[i];
        if (item->fd >= 0)
            TRY(place(item->fd, item->path, item->is_folder, err));
    }
    return OK;
}

/* One that cannot be made is missed by few programs. */
static void make_link(const char *target, const char *path)
{
    make_folders(path, false);
    (void)!symlink(target, path);
}

/* After the mounts, so that no path above went through a link. */
static void make_links(const struct sources *sources)
{
    static const struct {
        const char *name;
        const char *target;
    } fixed[] = {
        {"dev/fd", "/proc/self/fd"},
        {"dev/stdin", "/proc/self/fd/0"},
        {"dev/stdout", "/proc/self/fd/1"},
        {"dev/stderr", "/proc/self/fd/2"},
        {"dev/shm", "/tmp"},
        {"var/tmp", "/tmp"},
    };
    for (size_t i = 0; i < sources->count; i++) {
        const struct source *item = &sources->items[i];
        if (item->fd < 0)
            make_link(item->link, item->path + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        make_link(fixed[i].target, fixed[i].name);
}

/* The current folder becomes "/", read-only itself; the old root is gone. */
static enum status enter_new_root(struct error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, ".", 0, &attr, sizeof(attr)) != 0)
        return error_errno(err, "cannot make the new root read-only");
    if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return error_errno(err, "cannot enter the new root");
    return OK;
}

enum status namespaces_build(const char *workspace, bool can_write, bool *out_has_proc,
                             struct error *err)
{
    CLEANUP(sources_done) struct sources sources = {.count = 0};
    TRY(take_all(&sources, system_paths_programs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, err));
    TRY(take_all(&sources, system_paths_settings, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, err));
    TRY(take_all(&sources, system_paths_devices, 0, err));
    /* The workspace last, by the folder we stand in: its path may pass through folders this user
     * may not search, or lie below one of the others. */
    struct source *own = &sources.items[sources.count];
    *own = (struct source){.path = workspace, .is_folder = true};
    own->fd = copy_tree(AT_FDCWD, ".", MOUNT_ATTR_NODEV | (can_write ? 0 : MOUNT_ATTR_RDONLY));
    if (own->fd < 0)
        return error_errno(err, "cannot copy the mount of the workspace");
    sources.count++;

    TRY(open_new_root(err));
    TRY(fill_root(&sources, out_has_proc, err));
    if (can_write)
        TRY(protect(workspace + 1, err));
    make_links(&sources);
    TRY(enter_new_root(err));
    if (chdir(workspace) != 0)
        return error_errno(err, "cannot enter the workspace");
    return OK;
}
