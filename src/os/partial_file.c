#include "os/partial_file.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum status partial_file_open(const char *folder, const char *name, struct partial_file *out,
                              struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf hidden = {0};
    struct stat info;
    strbuf_addf(&hidden, ".%s.part", name);
    *out = (struct partial_file){.path = path_join(folder, strbuf_c(&hidden)),
                                 .final_path = path_join(folder, name)};
    enum status status = OK;
    out->fd = open(out->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out->fd < 0)
        status = error_errno(err, "%.300s", out->path);
    else if (flock(out->fd, LOCK_EX | LOCK_NB) != 0)
        status = error_set(err, E_BUSY, "another holt is fetching %.200s", name);
    else if (path_kind(out->final_path) != PATH_MISSING)
        status = error_set(err, E_INVALID, "%.200s is there already", name);
    else if (fstat(out->fd, &info) != 0 || !S_ISREG(info.st_mode))
        status = error_set(err, E_INVALID, "%.300s is not a regular file", out->path);
    else
        out->size = (uint64_t)info.st_size;
    if (status != OK)
        partial_file_close(out, status == E_INVALID);
    return status;
}

enum status partial_file_empty(struct partial_file *file, struct error *err)
{
    file->size = 0;
    return ftruncate(file->fd, 0) == 0 ? OK : error_errno(err, "%.300s", file->path);
}

/* The entry of a folder is safe only once the folder is synced. */
static void sync_folder_of(const char *path)
{
    CLEANUP(mem_freep) char *folder = mem_copy_str(path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return;
    *slash = '\0';
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

enum status partial_file_finish(struct partial_file *file, struct error *err)
{
    if (fsync(file->fd) != 0)
        return error_errno(err, "%.300s cannot be written to the disk", file->path);
    /* A link, not a rename: it never replaces a file. */
    if (link(file->path, file->final_path) != 0 &&
        (errno == EEXIST || rename(file->path, file->final_path) != 0))
        return error_errno(err, "%.300s", file->final_path);
    (void)unlink(file->path);
    sync_folder_of(file->final_path);
    return OK;
}

void partial_file_close(struct partial_file *file, bool removes)
{
    if (!file->path)
        return;
    if (removes)
        (void)unlink(file->path);
    if (file->fd >= 0)
        close(file->fd);
    mem_free(file->path);
    mem_free(file->final_path);
    *file = (struct partial_file){0};
}

uint64_t partial_file_room(const char *folder)
{
    struct statvfs info;
    if (statvfs(folder, &info) != 0)
        return UINT64_MAX;
    return (uint64_t)info.f_bavail * info.f_frsize;
}
