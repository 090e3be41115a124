#include "os/remove_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSES_MAX = 100000 };

static int open_any_mode(int parent, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const int fd = openat(parent, name, flags);
    if (fd >= 0 || errno != EACCES || fchmodat(parent, name, 0700, 0) != 0)
        return fd;
    return openat(parent, name, flags);
}

/* Empties one folder: files are removed, folders moved up beside it, so that the depth of a hostile
 * tree costs neither stack nor descriptors. */
static void flatten(int top, const char *name, uint64_t *counter)
{
    const int fd = open_any_mode(top, name);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    fchmod(fd, 0700);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char moved[48];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (unlinkat(fd, entry->d_name, 0) == 0)
            continue;
        snprintf(moved, sizeof(moved), ".holt-remove-%llu", (unsigned long long)++*counter);
        if (renameat(fd, entry->d_name, top, moved) != 0 && errno == EACCES &&
            fchmodat(fd, entry->d_name, 0700, 0) == 0) /* a folder that moves is written to */
            renameat(fd, entry->d_name, top, moved);
    }
    closedir(folder);
}

bool remove_all(int parent_fd, const char *name)
{
    if (unlinkat(parent_fd, name, 0) == 0)
        return true;
    const int top = open_any_mode(parent_fd, name);
    if (top < 0)
        return errno == ENOENT;
    uint64_t counter = 0;
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        const int again = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *folder = again < 0 ? NULL : fdopendir(again);
        if (!folder)
            break;
        bool is_empty = true;
        for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
                continue;
            is_empty = false;
            if (unlinkat(top, entry->d_name, 0) == 0)
                continue;
            flatten(top, entry->d_name, &counter);
            unlinkat(top, entry->d_name, AT_REMOVEDIR);
        }
        closedir(folder);
        if (is_empty)
            break;
    }
    close(top);
    return unlinkat(parent_fd, name, AT_REMOVEDIR) == 0;
}
