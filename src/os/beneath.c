#include "os/beneath.h"

#include "base/mem.h"
#include "os/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RETRIES_MAX = 16, PIECE_BYTES = 65536, RANDOM_LEN = 12 };

/* errno of a path lookup as a status; see the header. */
static enum status lookup_error(const char *path, struct error *err)
{
    switch (errno) {
    case EXDEV:
    case ELOOP: return error_set(err, E_DENIED, "%s leads outside of the folder", path);
    case ENOENT:
    case ENOTDIR: return error_set(err, E_NOT_FOUND, "%s does not exist", path);
    case ENAMETOOLONG: return error_set(err, E_LIMIT, "the path is too long");
    default: return error_errno(err, "cannot open %s", path);
    }
}

/* ---- walking by ourselves: to resolve links, and where the kernel has no openat2 ---- */

struct walk {
    int fds[BENEATH_DEPTH_MAX + 1]; /* fds[0] is the root, borrowed */
    size_t depth;                   /* fds in use less one */
    struct strbuf done;             /* names so far, joined by "/" */
    struct strbuf rest;             /* what is left of the path */
    size_t rest_at;
    int link_count;
    bool exists;
};

static void walk_done(struct walk *walk)
{
    for (size_t i = 1; i <= walk->depth; i++)
        close(walk->fds[i]);
    strbuf_done(&walk->done);
    strbuf_done(&walk->rest);
}

static void walk_up(struct walk *walk)
{
    close(walk->fds[walk->depth--]);
    size_t len = walk->done.len;
    while (len && walk->done.ptr[len - 1] != '/')
        len--;
    strbuf_truncate(&walk->done, len ? len - 1 : 0);
}

static void walk_add_name(struct walk *walk, const char *name)
{
    if (walk->done.len)
        strbuf_add_char(&walk->done, '/');
    strbuf_add_c(&walk->done, name);
}

/* Copies the next component into `name`; false at the end of the path. */
static bool walk_next(struct walk *walk, char name[BENEATH_NAME_MAX + 1], bool *out_too_long)
{
    const char *text = strbuf_c(&walk->rest);
    size_t at = walk->rest_at;
    while (text[at] == '/')
        at++;
    const size_t len = strcspn(text + at, "/");
    walk->rest_at = at + len;
    *out_too_long = len > BENEATH_NAME_MAX;
    if (len == 0 || *out_too_long)
        return false;
    memcpy(name, text + at, len);
    name[len] = '\0';
    return true;
}

/* Puts the target of the link `name` in front of what is left. */
static enum status walk_follow(struct walk *walk, const char *path, const char *name,
                               struct error *err)
{
    char target[BENEATH_PATH_MAX];
    const ssize_t len = readlinkat(walk->fds[walk->depth], name, target, sizeof(target));
    if (len < 0)
        return lookup_error(path, err);
    if (++walk->link_count > BENEATH_LINKS_MAX || (size_t)len == sizeof(target))
        return error_set(err, E_LIMIT, "%s: too many symbolic links", path);
    if (len == 0 || target[0] == '/')
        return error_set(err, E_DENIED, "%s leads outside of the folder", path);
    struct strbuf rest = {.size_max = (size_t)2 * BENEATH_PATH_MAX};
    strbuf_add(&rest, target, (size_t)len);
    strbuf_add_char(&rest, '/');
    strbuf_add_c(&rest, strbuf_c(&walk->rest) + walk->rest_at);
    const bool is_long = rest.overflowed;
    strbuf_done(&walk->rest);
    walk->rest = rest;
    walk->rest_at = 0;
    return is_long ? error_set(err, E_LIMIT, "the path is too long") : OK;
}

/* Keeps the missing rest as written; it may not go up again. */
static enum status walk_missing(struct walk *walk, const char *path, const char *first,
                                struct error *err)
{
    char name[BENEATH_NAME_MAX + 1];
    bool too_long = false;
    walk->exists = false;
    walk_add_name(walk, first);
    while (walk_next(walk, name, &too_long)) {
        if (!strcmp(name, ".."))
            return error_set(err, E_NOT_FOUND, "%s does not exist", path);
        if (strcmp(name, ".") != 0)
            walk_add_name(walk, name);
    }
    return too_long ? error_set(err, E_LIMIT, "the path is too long") : OK;
}

/* One component. *out_stop when the rest is missing or the end is reached. */
static enum status walk_step(struct walk *walk, const char *path, const char *name, bool *out_stop,
                             struct error *err)
{
    if (!strcmp(name, "."))
        return OK;
    if (!strcmp(name, "..")) {
        if (walk->depth == 0)
            return error_set(err, E_DENIED, "%s leads outside of the folder", path);
        walk_up(walk);
        return OK;
    }
    struct stat info;
    const int folder = walk->fds[walk->depth];
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT)
            return lookup_error(path, err);
        *out_stop = true;
        return walk_missing(walk, path, name, err);
    }
    if (S_ISLNK(info.st_mode))
        return walk_follow(walk, path, name, err);
    walk_add_name(walk, name);
    if (!S_ISDIR(info.st_mode)) {
        *out_stop = true;
        const char *rest = strbuf_c(&walk->rest) + walk->rest_at;
        return rest[strspn(rest, "/")] ? error_set(err, E_NOT_FOUND, "%s does not exist", path)
                                       : OK;
    }
    if (walk->depth == BENEATH_DEPTH_MAX)
        return error_set(err, E_LIMIT, "%s: more than %d folders deep", path, BENEATH_DEPTH_MAX);
    const int next = openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return lookup_error(path, err);
    walk->fds[++walk->depth] = next;
    return OK;
}

enum status beneath_resolve(const struct beneath *beneath, const char *path, struct strbuf *out,
                            bool *out_exists, struct error *err)
{
    if (strlen(path) >= BENEATH_PATH_MAX)
        return error_set(err, E_LIMIT, "the path is too long");
    if (path[0] == '/')
        return error_set(err, E_DENIED, "%s leads outside of the folder", path);
    CLEANUP(walk_done) struct walk walk = {.fds = {beneath->root_fd}, .exists = true};
    char name[BENEATH_NAME_MAX + 1];
    bool too_long = false;
    bool stop = false;
    strbuf_add_c(&walk.rest, path);
    while (!stop && walk_next(&walk, name, &too_long))
        TRY(walk_step(&walk, path, name, &stop, err));
    if (too_long)
        return error_set(err, E_LIMIT, "the path is too long");
    strbuf_add_c(out, walk.done.len ? strbuf_c(&walk.done) : ".");
    *out_exists = walk.exists;
    return OK;
}

/* ---- opening ---- */

/* `path` holds plain names only; no component may be a link. */
static int open_by_component(int root_fd, const char *path, int flags)
{
    char name[BENEATH_NAME_MAX + 1];
    int folder = root_fd;
    for (;;) {
        const size_t len = strcspn(path, "/");
        if (len > BENEATH_NAME_MAX) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        const bool is_last = path[len] == '\0';
        const int next =
            openat(folder, name, (is_last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
        const int number = errno;
        if (folder != root_fd)
            close(folder);
        errno = number;
        if (next < 0 || is_last)
            return next;
        folder = next;
        path += len + 1;
    }
    if (folder != root_fd)
        close(folder);
    return -1;
}

static enum status open_walked(const struct beneath *beneath, const char *path, int flags,
                               int *out_fd, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf plain = {0};
    bool exists = false;
    TRY(beneath_resolve(beneath, path, &plain, &exists, err));
    if (!exists)
        return error_set(err, E_NOT_FOUND, "%s does not exist", path);
    *out_fd = open_by_component(beneath->root_fd, strbuf_c(&plain), flags);
    return *out_fd < 0 ? lookup_error(path, err) : OK;
}

/* Opens something that exists. `resolve` adds to what openat2 must not do. */
static enum status open_below(const struct beneath *beneath, const char *path, int flags,
                              uint64_t resolve, int *out_fd, struct error *err)
{
    if (strlen(path) >= BENEATH_PATH_MAX)
        return error_set(err, E_LIMIT, "the path is too long");
    if (!beneath->use_openat2)
        return open_walked(beneath, path, flags, out_fd, err);
    const struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
    };
    long fd = -1;
    int tries = 0;
    do /* EAGAIN: something was renamed meanwhile, and the kernel cannot be sure */
        fd = syscall(SYS_openat2, beneath->root_fd, path[0] ? path : ".", &how, sizeof(how));
    while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < RETRIES_MAX);
    if (fd < 0 && errno == ENOSYS)
        return open_walked(beneath, path, flags, out_fd, err);
    *out_fd = (int)fd;
    return fd < 0 ? lookup_error(path, err) : OK;
}

static enum beneath_kind kind_of(mode_t mode)
{
    return S_ISREG(mode) ? BENEATH_FILE : S_ISDIR(mode) ? BENEATH_FOLDER : BENEATH_OTHER;
}

enum status beneath_look(const struct beneath *beneath, const char *path, struct beneath_info *out,
                         struct error *err)
{
    int fd = -1;
    struct stat info;
    TRY(open_below(beneath, path, O_PATH, 0, &fd, err));
    const int got = fstat(fd, &info);
    close(fd);
    if (got != 0)
        return error_errno(err, "cannot look at %s", path);
    *out = (struct beneath_info){kind_of(info.st_mode), (uint64_t)info.st_size};
    return OK;
}

/* ---- reading ---- */

static enum status read_fd(int fd, const char *path, size_t size_max, struct strbuf *out,
                           struct error *err)
{
    const size_t before = out->len;
    char piece[PIECE_BYTES];
    for (;;) {
        const ssize_t got = read(fd, piece, sizeof(piece));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, "cannot read %s", path);
        if (got == 0)
            return OK;
        if (out->len - before + (size_t)got > size_max)
            return error_set(err, E_LIMIT, "%s is longer than %zu bytes", path, size_max);
        strbuf_add(out, piece, (size_t)got);
    }
}

enum status beneath_read(const struct beneath *beneath, const char *path, size_t size_max,
                         struct strbuf *out, struct error *err)
{
    struct beneath_info info;
    TRY(beneath_look(beneath, path, &info, err));
    if (info.kind != BENEATH_FILE)
        return error_set(err, E_INVALID, "%s is %s", path,
                         info.kind == BENEATH_FOLDER ? "a folder" : "a device or pipe");
    if (info.size > size_max)
        return error_set(err, E_LIMIT, "%s has %llu bytes (limit %zu)", path,
                         (unsigned long long)info.size, size_max);
    int fd = -1;
    struct stat now;
    TRY(open_below(beneath, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, err));
    const size_t before = out->len;
    enum status status = OK;
    if (fstat(fd, &now) != 0 || !S_ISREG(now.st_mode)) /* it was swapped meanwhile */
        status = error_set(err, E_INVALID, "%s is a device or pipe", path);
    else
        status = read_fd(fd, path, size_max, out, err);
    close(fd);
    if (status != OK)
        strbuf_truncate(out, before);
    return status;
}

/* ---- writing ---- */

/* Makes the folders of a resolved path that are missing. */
static enum status make_folders(const struct beneath *beneath, const char *parent,
                                struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf so_far = {0};
    struct str rest = str_from_c(parent);
    while (rest.len) {
        const struct str name = str_split(&rest, '/');
        int above = -1;
        int fd = -1;
        TRY(open_below(beneath, so_far.len ? strbuf_c(&so_far) : ".", O_PATH | O_DIRECTORY,
                       RESOLVE_NO_SYMLINKS, &above, err));
        if (so_far.len)
            strbuf_add_char(&so_far, '/');
        const size_t at = so_far.len;
        strbuf_add_str(&so_far, name);
        const int made = mkdirat(above, strbuf_c(&so_far) + at, 0777);
        const int number = errno;
        close(above);
        errno = number;
        if (made != 0 && errno != EEXIST)
            return error_errno(err, "cannot make the folder %s", strbuf_c(&so_far));
        TRY(open_below(beneath, strbuf_c(&so_far), O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS, &fd,
                       err));
        close(fd);
    }
    return OK;
}

static enum status write_fd(int fd, const char *path, struct str bytes, struct error *err)
{
    for (size_t at = 0; at < bytes.len;) {
        const ssize_t put = write(fd, bytes.ptr + at, bytes.len - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_errno(err, "cannot write %s", path);
        at += (size_t)put;
    }
    if (fsync(fd) != 0 && errno != EINVAL)
        return error_errno(err, "cannot write %s", path);
    return OK;
}

/* The new content beside the old, then renamed over it. `old` is NULL for a new file. */
static enum status replace_in(int parent, const char *path, const char *name,
                              const struct stat *old, struct str bytes, struct error *err)
{
    char random[RANDOM_LEN + 1];
    char temporary[sizeof(".holt-.tmp") + RANDOM_LEN];
    random_name(random, RANDOM_LEN);
    snprintf(temporary, sizeof(temporary), ".holt-%s.tmp", random);
    const int fd = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                          old ? 0600 : 0666);
    if (fd < 0)
        return error_errno(err, "cannot write %s", path);
    enum status status = write_fd(fd, path, bytes, err);
    if (status == OK && old && fchmod(fd, old->st_mode & 07777) != 0)
        status = error_errno(err, "cannot write %s", path);
    if (close(fd) != 0 && status == OK)
        status = error_errno(err, "cannot write %s", path);
    if (status == OK && renameat(parent, temporary, parent, name) != 0)
        status = error_errno(err, "cannot write %s", path);
    if (status != OK)
        unlinkat(parent, temporary, 0);
    else
        fsync(parent); /* best effort: the content itself is synced */
    return status;
}

enum status beneath_write(const struct beneath *beneath, const char *path, struct str bytes,
                          struct error *err)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(mem_freep) char *parent = mem_copy_str(slash ? path : "");
    if (slash)
        parent[slash - path] = '\0';
    const char *name = slash ? slash + 1 : path;
    TRY(make_folders(beneath, parent, err));
    int fd = -1;
    TRY(open_below(beneath, parent[0] ? parent : ".", O_RDONLY | O_DIRECTORY, RESOLVE_NO_SYMLINKS,
                   &fd, err));
    struct stat old;
    const bool exists = fstatat(fd, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    enum status status = OK;
    if (!exists && errno != ENOENT)
        status = lookup_error(path, err);
    else if (exists && !S_ISREG(old.st_mode))
        status = error_set(err, S_ISLNK(old.st_mode) ? E_DENIED : E_INVALID, "%s is %s", path,
                           S_ISDIR(old.st_mode) ? "a folder" : "no file");
    else
        status = replace_in(fd, path, name, exists ? &old : NULL, bytes, err);
    close(fd);
    return status;
}

/* ---- folders ---- */

static int compare_entries(const void *a, const void *b)
{
    const struct beneath_entry *left = a;
    const struct beneath_entry *right = b;
    return strcmp(left->name, right->name);
}

static void add_entry(struct beneath_list *list, const struct beneath_entry *entry)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 64;
        list->entries = mem_realloc(list->entries, list->capacity * sizeof(*list->entries));
    }
    list->entries[list->count++] = *entry;
}

/* What the link `name` in the folder `path` leads to. */
static enum beneath_kind linked_kind(const struct beneath *beneath, const char *path,
                                     const char *name)
{
    CLEANUP(strbuf_done) struct strbuf whole = {0};
    struct beneath_info info;
    strbuf_addf(&whole, "%s/%s", path, name);
    return beneath_look(beneath, strbuf_c(&whole), &info, NULL) == OK ? info.kind : BENEATH_OTHER;
}

static struct beneath_entry entry_of(const struct beneath *beneath, const char *path, int folder,
                                     const struct dirent *found)
{
    struct beneath_entry entry = {.name = mem_copy_str(found->d_name), .kind = BENEATH_OTHER};
    unsigned char type = found->d_type;
    struct stat info;
    if (type == DT_UNKNOWN && fstatat(folder, found->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        type = (unsigned char)IFTODT(info.st_mode);
    if (type == DT_REG)
        entry.kind = BENEATH_FILE;
    if (type == DT_DIR)
        entry.kind = BENEATH_FOLDER;
    if (type == DT_LNK) {
        entry.is_link = true;
        entry.kind = linked_kind(beneath, path, found->d_name);
    }
    return entry;
}

enum status beneath_list_read(const struct beneath *beneath, const char *path, size_t count_max,
                              struct beneath_list *out, struct error *err)
{
    struct beneath_info info;
    TRY(beneath_look(beneath, path, &info, err));
    if (info.kind != BENEATH_FOLDER)
        return error_set(err, E_INVALID, "%s is a file", path);
    int fd = -1;
    TRY(open_below(beneath, path, O_RDONLY | O_DIRECTORY, 0, &fd, err));
    DIR *folder = fdopendir(fd);
    if (!folder) {
        const enum status status = error_errno(err, "cannot read %s", path);
        close(fd);
        return status;
    }
    enum status status = OK;
    CLEANUP(beneath_list_done) struct beneath_list list = {0};
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (list.count == count_max) {
            status = error_set(err, E_LIMIT, "%s has more than %zu entries", path, count_max);
            break;
        }
        const struct beneath_entry added = entry_of(beneath, path, fd, entry);
        add_entry(&list, &added);
    }
    closedir(folder);
    if (status != OK)
        return status;
    if (list.count)
        qsort(list.entries, list.count, sizeof(*list.entries), compare_entries);
    *out = list;
    list = (struct beneath_list){0};
    return OK;
}

void beneath_list_done(struct beneath_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->entries[i].name);
    mem_free(list->entries);
    *list = (struct beneath_list){0};
}
