#include "os/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static enum status map_descriptor(int fd, const char *path, struct file_map *out, struct error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return error_errno(err, "cannot read %s", path);
    if (!S_ISREG(info.st_mode))
        return error_set(err, E_INVALID, "%s is %s, not a file", path,
                         S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
    struct file_map map = {
        .fd = fd,
        .is_open = true,
        .size = (size_t)info.st_size,
        .changed_s = info.st_mtim.tv_sec,
        .changed_ns = info.st_mtim.tv_nsec,
    };
    if (map.size > 0) {
        void *bytes = mmap(NULL, map.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
            return error_errno(err, "cannot map %s (%zu bytes)", path, map.size);
        map.bytes = bytes;
    }
    *out = map;
    return OK;
}

enum status file_map_open(const char *path, struct file_map *out, struct error *err)
{
    /* Non-blocking, so that a FIFO in place of a file cannot stop us. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_errno(err, "cannot open %s", path);
    const enum status status = map_descriptor(fd, path, out, err);
    if (status != OK)
        close(fd);
    return status;
}

/* What mmap returned; the map hands out its bytes as constant. */
static void *mapped(const struct file_map *map)
{
    return (void *)(uintptr_t)map->bytes;
}

void file_map_close(struct file_map *map)
{
    if (!map->is_open)
        return;
    if (map->bytes)
        munmap(mapped(map), map->size);
    close(map->fd);
    *map = (struct file_map){0};
}

enum status file_map_read(const struct file_map *map, size_t offset, size_t size, void *out,
                          struct error *err)
{
    unsigned char *to = out;
    while (size > 0) {
        const ssize_t got = pread(map->fd, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, "cannot read the file");
        if (got == 0)
            return error_set(err, E_FORMAT, "the file became shorter while it was read");
        to += got;
        offset += (size_t)got;
        size -= (size_t)got;
    }
    return OK;
}

enum status file_map_check(const struct file_map *map, struct error *err)
{
    struct stat info;
    if (fstat(map->fd, &info) != 0)
        return error_errno(err, "cannot look at an open file");
    if ((size_t)info.st_size != map->size)
        return error_set(err, E_IO,
                         "the file was changed while in use: it had %zu bytes, now it has "
                         "%lld; start again when it is whole",
                         map->size, (long long)info.st_size);
    if (info.st_mtim.tv_sec != map->changed_s || info.st_mtim.tv_nsec != map->changed_ns)
        return error_set(err, E_IO, "the file was changed while in use; start again with it");
    return OK;
}
