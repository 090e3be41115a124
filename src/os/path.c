#include "os/path.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_join(const char *folder, const char *name)
{
    const size_t len = strlen(folder);
    const bool ends_in_slash = len > 0 && folder[len - 1] == '/';
    struct strbuf path = {0};
    strbuf_addf(&path, "%s%s%s", folder, ends_in_slash ? "" : "/", name);
    return strbuf_take(&path);
}

enum status path_real(const char *path, char **out, struct error *err)
{
    char resolved[PATH_MAX];
    if (!realpath(path, resolved))
        return error_errno(err, "%s", path);
    *out = mem_copy_str(resolved);
    return OK;
}

enum status path_current(char **out, struct error *err)
{
    char folder[PATH_MAX];
    if (!getcwd(folder, sizeof(folder)))
        return error_errno(err, "cannot find the current folder");
    *out = mem_copy_str(folder);
    return OK;
}

enum path_kind path_kind(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return PATH_MISSING;
    if (S_ISREG(status.st_mode))
        return PATH_FILE;
    return S_ISDIR(status.st_mode) ? PATH_FOLDER : PATH_OTHER;
}

bool path_can_read_folder(const char *path)
{
    return access(path, R_OK | X_OK) == 0;
}

bool path_can_write_folder(const char *path)
{
    return access(path, W_OK | X_OK) == 0;
}

enum status path_open_folder(const char *path, int *out_fd, struct error *err)
{
    const int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "cannot open the folder %s", path);
    *out_fd = fd;
    return OK;
}
