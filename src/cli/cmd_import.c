/* holt import - take a model file into holt's own folder. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "catalog/catalog.h"
#include "cli/command_list.h"
#include "cli/model_name.h"
#include "cli/state.h"
#include "os/file.h"
#include "os/path.h"
#include "text/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 4 << 20 };

struct import_args {
    const char *name;
};

static const struct import_args defaults = {0};

static const struct option_spec options[] = {
    OPTION_STRING(struct import_args, name, 0, "name", "NAME",
                  "what to call the model (default: the file's name)"),
    OPTION_END,
};

/* A name is one file in one folder. */
static enum status check_name(struct str name, struct error *err)
{
    if (name.len == 0 || name.len > MODEL_NAME_LEN_MAX || name.ptr[0] == '.' ||
        !utf8_is_valid(name))
        return error_set(err, E_INVALID, "a model's name has 1 to %d bytes and begins with no dot",
                         MODEL_NAME_LEN_MAX);
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '/' || name.ptr[i] == ':' || (unsigned char)name.ptr[i] < 0x20)
            return error_set(err, E_INVALID, "a model's name has no \"/\" and no \":\"");
    if (str_equal_c(name, MODEL_NAME_BUILTIN))
        return error_set(err, E_INVALID, "\"builtin\" is the model inside the program");
    return OK;
}

static enum status check_file(const char *path, int *out_fd, struct error *err)
{
    char magic[4] = {0};
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%.300s: %s", path,
                         strerror(errno));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        pread(fd, magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) ||
        memcmp(magic, "GGUF", sizeof(magic)) != 0) {
        close(fd);
        return error_set(err, E_FORMAT, "%.300s is not a model file (GGUF)", path);
    }
    *out_fd = fd;
    return OK;
}

static enum status copy(int from, const char *to, struct error *err)
{
    CLEANUP(file_writer_done) struct file_writer writer = {0};
    CLEANUP(mem_freep) char *buffer = mem_alloc(COPY_BYTES);
    TRY(file_writer_open(to, &writer, err));
    for (;;) {
        const ssize_t got = read(from, buffer, COPY_BYTES);
        if (got == 0)
            return file_writer_commit(&writer, err);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, E_IO, "the file cannot be read: %s", strerror(errno));
        TRY(file_writer_add(&writer, buffer, (size_t)got, err));
    }
}

/* A hard link costs nothing; on another file system it is a copy. */
static enum status take(const char *path, int fd, const char *to, bool *out_is_link,
                        struct error *err)
{
    *out_is_link = linkat(AT_FDCWD, path, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0;
    return *out_is_link ? OK : copy(fd, to, err);
}

static enum status import(const struct command_call *call, struct error *err)
{
    const struct import_args *args = call->options;
    const char *path = call->operands[0];
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(strbuf_done) struct strbuf file = {0};
    const char *slash = strrchr(path, '/');
    struct str name = str_from_c(args->name ? args->name : slash ? slash + 1 : path);
    bool is_link = false;
    int fd = -1;
    if (str_ends_with(name, STR(".gguf")))
        name = str_slice(name, 0, name.len - strlen(".gguf"));
    TRY(check_name(name, err));
    TRY(state_init(call->common, &state, err));
    TRY(file_make_folder(state.models, err));
    strbuf_addf(&file, "%.*s.gguf", STR_ARG(name));
    CLEANUP(mem_freep) char *to = path_join(state.models, strbuf_c(&file));
    if (path_kind(to) != PATH_MISSING)
        return error_set(err, E_INVALID,
                         "there is a model %.*s already: holt rm it, or give --name",
                         STR_ARG(name));
    TRY(check_file(path, &fd, err));
    const enum status status = take(path, fd, to, &is_link, err);
    close(fd);
    if (status == OK)
        printf("%.*s is at hand (%s): holt run -m %.*s\n", STR_ARG(name),
               is_link ? "linked, no copy" : "copied", STR_ARG(name));
    return status;
}

static int run(const struct command_call *call)
{
    struct error err = {0};
    return import(call, &err) == OK ? EXIT_OK : command_fail(&err);
}

const struct command cmd_import = {
    .name = "import",
    .summary = "take a model file into holt's own folder",
    .operands = "FILE",
    .description = "The file is linked where the file system can, else copied; afterwards it has a "
                   "name that every command takes with -m.",
    .examples = "holt import ~/Downloads/qwen3-4b-q4_k_m.gguf --name qwen",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct import_args),
    .operand_count_min = 1,
    .operand_count_max = 1,
    .run = run,
};
