#include "os/file_edit.h"

#include "os/file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE_NEW = 0600, MODE_BITS = 0777 };

enum status file_edit_look(const char *path, struct file_edit_state *out, struct error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        if (errno != ENOENT)
            return error_errno(err, "cannot look at %s", path);
        *out = (struct file_edit_state){.mode = MODE_NEW};
        return OK;
    }
    if (S_ISLNK(info.st_mode))
        return error_set(err, E_INVALID, "%s is a symbolic link, which is not written through",
                         path);
    if (!S_ISREG(info.st_mode))
        return error_set(err, E_INVALID, "%s is no regular file", path);
    if (info.st_nlink > 1)
        return error_set(err, E_INVALID, "%s has %lu names, and only this one would change", path,
                         (unsigned long)info.st_nlink);
    if (info.st_uid != geteuid())
        return error_set(err, E_DENIED, "%s belongs to another user", path);
    *out = (struct file_edit_state){.exists = true, .mode = info.st_mode & MODE_BITS};
    return OK;
}

enum status file_edit_write(const char *path, struct str bytes, unsigned mode, struct error *err)
{
    CLEANUP(file_writer_done) struct file_writer writer = {0};
    TRY(file_writer_open(path, &writer, err));
    TRY(file_writer_add(&writer, bytes.ptr, bytes.len, err));
    if (fchmod(writer.fd, mode & MODE_BITS) != 0)
        return error_errno(err, "cannot write %s", path);
    return file_writer_commit(&writer, err);
}

enum status file_edit_remove(const char *path, struct error *err)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return error_errno(err, "cannot remove %s", path);
    return OK;
}
