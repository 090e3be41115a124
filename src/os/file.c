#include "os/file.h"

#include "base/mem.h"
#include "os/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* What file writers call a file until it is whole: NAME.new-XXXXXX. */
static const char new_mark[] = ".new-";

enum { NEW_NAME_LEN = 6, FOLDER_DEPTH_MAX = 128, READ_STEP_BYTES = 256 * 1024 };

static enum status refuse_irregular(const char *path, const struct stat *info, struct error *err)
{
    return error_set(err, E_INVALID, "%s is %s, not a file", path,
                     S_ISDIR(info->st_mode) ? "a folder" : "a device or pipe");
}

/* Opens a regular file for reading; *out_size is its size. Never waits (FIFOs, devices). */
static enum status open_regular(const char *path, int *out_fd, size_t *out_size, struct error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_errno(err, "cannot open %s", path);
    struct stat info;
    enum status status = OK;
    if (fstat(fd, &info) != 0)
        status = error_errno(err, "cannot read %s", path);
    else if (!S_ISREG(info.st_mode))
        status = refuse_irregular(path, &info, err);
    if (status != OK) {
        close(fd);
        return status;
    }
    *out_fd = fd;
    *out_size = (size_t)info.st_size;
    return OK;
}

static enum status read_all(int fd, const char *path, size_t size_max, struct strbuf *out,
                            struct error *err)
{
    char *piece = mem_alloc(READ_STEP_BYTES);
    enum status status = OK;
    size_t total = 0;
    for (;;) {
        const ssize_t got = read(fd, piece, READ_STEP_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = error_errno(err, "cannot read %s", path);
        if (got <= 0)
            break;
        total += (size_t)got;
        if (total > size_max) { /* it may have grown since its size was looked at */
            status = error_set(err, E_LIMIT, "%s is longer than %zu bytes", path, size_max);
            break;
        }
        strbuf_add(out, piece, (size_t)got);
    }
    mem_free(piece);
    return status;
}

enum status file_read(const char *path, size_t size_max, struct strbuf *out, struct error *err)
{
    int fd = -1;
    size_t size = 0;
    TRY(open_regular(path, &fd, &size, err));
    const size_t before = out->len;
    enum status status = OK;
    if (size > size_max)
        status = error_set(err, E_LIMIT, "%s is %zu bytes long (limit %zu)", path, size, size_max);
    else
        status = read_all(fd, path, size_max, out, err);
    if (status != OK)
        strbuf_truncate(out, before);
    close(fd);
    return status;
}

enum status file_write(const char *path, struct str bytes, struct error *err)
{
    CLEANUP(file_writer_done) struct file_writer writer = {0};
    TRY(file_writer_open(path, &writer, err));
    TRY(file_writer_add(&writer, bytes.ptr, bytes.len, err));
    return file_writer_commit(&writer, err);
}

enum status file_write_new(const char *path, struct str bytes, bool *out_is_new, struct error *err)
{
    CLEANUP(file_writer_done) struct file_writer writer = {0};
    *out_is_new = false;
    if (access(path, F_OK) == 0)
        return OK;
    TRY(file_writer_open(path, &writer, err));
    TRY(file_writer_add(&writer, bytes.ptr, bytes.len, err));
    TRY(file_writer_sync(&writer, err));
    *out_is_new = link(writer.temporary, path) == 0;
    if (!*out_is_new && errno != EEXIST)
        return error_errno(err, "cannot write %s", path);
    return OK;
}

enum status file_make_folder(const char *path, struct error *err)
{
    CLEANUP(mem_freep) char *part = mem_copy_str(path);
    int depth = 0;
    for (char *at = part; *at; at++) {
        if (at == part || *at != '/')
            continue;
        if (++depth > FOLDER_DEPTH_MAX)
            return error_set(err, E_LIMIT, "%.200s is nested more than %d folders deep", path,
                             FOLDER_DEPTH_MAX);
        *at = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return error_errno(err, "cannot make the folder %s", part);
        *at = '/';
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return error_errno(err, "cannot make the folder %s", path);
    struct stat info;
    if (stat(path, &info) != 0)
        return error_errno(err, "cannot use the folder %s", path);
    if (!S_ISDIR(info.st_mode))
        return error_set(err, E_INVALID, "%s is a file, not a folder", path);
    return OK;
}

enum status file_writer_open(const char *path, struct file_writer *out, struct error *err)
{
    struct strbuf name = {0};
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) /* a file would take its place */
        return refuse_irregular(path, &info, err);
    strbuf_addf(&name, "%s%sXXXXXX", path, new_mark);
    char *temporary = strbuf_take(&name);
    const int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        const enum status status = error_errno(err, "cannot write %s", path);
        mem_free(temporary);
        return status;
    }
    (void)!flock(fd, LOCK_EX | LOCK_NB); /* says to file_sweep() that somebody is at work */
    *out = (struct file_writer){.path = mem_copy_str(path), .temporary = temporary, .fd = fd};
    return OK;
}

enum status file_writer_reserve(struct file_writer *writer, uint64_t size, uint64_t left_bytes,
                                struct error *err)
{
    struct statvfs info;
    if (size > INT64_MAX)
        return error_set(err, E_LIMIT, "%s would be too large", writer->path);
    if (fstatvfs(writer->fd, &info) == 0) {
        const uint64_t room = (uint64_t)info.f_bavail * info.f_frsize;
        if (room < size || room - size < left_bytes)
            return error_set(err, E_LIMIT, "the disk of %s has too little room left", writer->path);
    }
    while (fallocate(writer->fd, 0, 0, (off_t)size) != 0) {
        if (errno == EOPNOTSUPP || errno == ENOSYS)
            return OK;
        if (errno != EINTR)
            return error_errno(err, "cannot write %s", writer->path);
    }
    return OK;
}

enum status file_writer_put(const struct file_writer *writer, uint64_t offset, const void *bytes,
                            size_t size, struct error *err)
{
    const char *from = bytes;
    while (size > 0) {
        const ssize_t written = pwrite(writer->fd, from, size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_errno(err, "cannot write %s", writer->path);
        from += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return OK;
}

enum status file_writer_add(struct file_writer *writer, const void *bytes, size_t size,
                            struct error *err)
{
    const char *from = bytes;
    while (size > 0) {
        const ssize_t written = write(writer->fd, from, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_errno(err, "cannot write %s", writer->path);
        from += written;
        size -= (size_t)written;
    }
    return OK;
}

/* A rename is durable once its folder is synced. Some file systems refuse that: then it is as
 * durable as they make it. */
static void sync_folder_of(const char *path)
{
    CLEANUP(mem_freep) char *folder = mem_copy_str(path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    const int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

enum status file_writer_sync(const struct file_writer *writer, struct error *err)
{
    return fdatasync(writer->fd) == 0 ? OK : error_errno(err, "cannot write %s", writer->path);
}

enum status file_writer_commit(struct file_writer *writer, struct error *err)
{
    enum status status = OK;
    if (fsync(writer->fd) != 0 || rename(writer->temporary, writer->path) != 0) {
        status = error_errno(err, "cannot write %s", writer->path);
    } else {
        sync_folder_of(writer->path);
        mem_free(writer->temporary);
        writer->temporary = NULL; /* it is the file now */
    }
    file_writer_done(writer);
    return status;
}

void file_writer_done(struct file_writer *writer)
{
    if (!writer->path)
        return;
    close(writer->fd);
    if (writer->temporary)
        (void)unlink(writer->temporary);
    mem_free(writer->temporary);
    mem_free(writer->path);
    *writer = (struct file_writer){0};
}

enum status file_measure(const char *path, uint64_t *out_size, int64_t *out_modified_us,
                         struct error *err)
{
    struct stat facts;
    if (stat(path, &facts) != 0)
        return error_errno(err, "%s", path);
    *out_size = (uint64_t)facts.st_size;
    *out_modified_us = (int64_t)facts.st_mtim.tv_sec * 1000000 + facts.st_mtim.tv_nsec / 1000;
    return OK;
}

/* ---------------------------------------------------------------- without reading */

bool file_look(const char *path, struct file_facts *out)
{
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    *out = (struct file_facts){.size = (uint64_t)info.st_size, .changed_s = info.st_mtim.tv_sec};
    return true;
}

bool file_remove(const char *path)
{
    return unlink(path) == 0;
}

void file_poke(const char *path, uint64_t offset, const void *bytes, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    (void)!pwrite(fd, bytes, size, (off_t)offset);
    close(fd);
}

static bool is_new_name(const char *name)
{
    const size_t len = strlen(name);
    const size_t mark = sizeof(new_mark) - 1;
    return len > mark + NEW_NAME_LEN &&
           strncmp(name + len - NEW_NAME_LEN - mark, new_mark, mark) == 0;
}

void file_sweep(const char *folder)
{
    DIR *names = opendir(folder);
    if (!names)
        return;
    for (const struct dirent *entry = readdir(names); entry; entry = readdir(names)) {
        if (!is_new_name(entry->d_name))
            continue;
        CLEANUP(mem_freep) char *path = path_join(folder, entry->d_name);
        const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)unlink(path);
        close(fd);
    }
    closedir(names);
}
