#include "cli/server_start.h"

#include "base/strbuf.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "os/file.h"
#include "os/file_create.h"
#include "os/interrupt.h"
#include "os/pipe_read.h"
#include "os/process.h"
#include "os/program_start.h"
#include "os/readable.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    ARGUMENTS_MAX = 24,
    NUMBER_BYTES = 32,
    TICK_MS = 100,
    STOP_MS = 20000,
    LOG_BYTES_MAX = 65536
};

/* ---------------------------------------------------------------- what it says */

static bool copy(struct str text, char *out, size_t size)
{
    if (text.len == 0 || text.len >= size)
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

bool server_start_read(const char *text, struct server_started *out)
{
    static const char says[] = "holt serves ";
    static const char at[] = " at http://";
    struct str rest = str_from_c(text);
    const struct str first = str_split(&rest, '\n');
    if (!rest.ptr || !str_starts_with(first, str_from_c(says)))
        return false;
    const struct str second = str_split(&rest, '\n');
    if (!rest.ptr)
        return false;
    size_t place = SIZE_MAX; /* the last one: a name may hold anything */
    for (size_t i = str_find(first, str_from_c(at), 0); i != SIZE_MAX;
         i = str_find(first, str_from_c(at), i + 1))
        place = i;
    int64_t context = 0;
    struct str words = second;
    const struct str word = str_split(&words, ' ');
    if (place == SIZE_MAX || !str_equal_c(word, "context") ||
        !str_to_int(str_split(&words, ' '), &context) || context <= 0)
        return false;
    const size_t skip = sizeof(says) - 1;
    out->context_tokens = (uint64_t)context;
    return copy(str_slice(first, skip, place), out->model, sizeof(out->model)) &&
           copy(str_slice(first, place + 4, first.len), out->base, sizeof(out->base));
}

/* ---------------------------------------------------------------- starting */

struct arguments {
    const char *of[ARGUMENTS_MAX];
    size_t count;
    char context[NUMBER_BYTES];
    char port[NUMBER_BYTES];
};

static void add(struct arguments *list, const char *option, const char *value)
{
    if (!value)
        return;
    list->of[list->count++] = option;
    list->of[list->count++] = value;
}

static void fill(const struct server_start_config *config, struct arguments *list)
{
    snprintf(list->context, sizeof(list->context), "%" PRIu64, config->context_tokens);
    snprintf(list->port, sizeof(list->port), "%u", config->port);
    list->of[list->count++] = "holt";
    list->of[list->count++] = "serve";
    add(list, "--port", list->port);
    add(list, "--model", config->model);
    add(list, "--context", config->context_tokens ? list->context : NULL);
    add(list, "--kv", config->kv);
    add(list, "--key-file", config->key_file);
    add(list, "--state", config->common->state_folder);
    add(list, "--config", config->common->config_path);
}

/* An empty log that is the user's alone. */
static enum status open_log(const char *path, int *out_fd, struct error *err)
{
    TRY(file_write(path, (struct str){0}, err));
    return file_create_open(path, out_fd, err);
}

static enum status blame(const char *log_path, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    struct error ignored = {0};
    (void)!file_read(log_path, LOG_BYTES_MAX, &text, &ignored);
    struct str said = str_trim(strbuf_view(&text));
    if (str_starts_with(said, STR("holt: ")))
        said = str_slice(said, 6, said.len);
    if (said.len == 0)
        return error_set(err, E_IO, "holt serve ended before it answered");
    return error_set(err, E_IO, "%.*s", STR_ARG(said));
}

static enum status wait_ready(struct server_started *server, int interrupt_fd,
                              struct progress *progress, const char *log_path, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf said = {.size_max = LOG_BYTES_MAX};
    for (;;) {
        const int fds[] = {server->output_fd, interrupt_fd};
        const uint32_t ready = readable_wait(fds, ARRAY_LEN(fds), TICK_MS);
        if (ready == 0)
            progress_tick(progress);
        if (ready & 2 && interrupt_take(interrupt_fd))
            return error_set(err, E_CANCELLED, "stopped");
        if (ready & 1 && !pipe_read_some(server->output_fd, &said))
            return blame(log_path, err);
        if (server_start_read(strbuf_c(&said), server))
            return OK;
    }
}

static enum status start(const struct server_start_config *config, int log_fd,
                         struct server_started *out, struct error *err)
{
    struct arguments arguments = {0};
    int write_fd = -1;
    TRY(pipe_read_open(&out->output_fd, &write_fd, err));
    fill(config, &arguments);
    const struct program_start serve = {
        .path = PROGRAM_START_OWN,
        .arguments = arguments.of,
        .output_fd = write_fd,
        .errors_fd = log_fd,
        .is_apart = true,
    };
    const enum status status = program_start_run(&serve, &out->pid, err);
    close(write_fd);
    if (status != OK)
        close(out->output_fd);
    return status;
}

enum status server_start(const struct server_start_config *config, struct server_started *out,
                         struct error *err)
{
    struct server_started server = {0};
    struct progress progress;
    int log_fd = -1;
    int interrupt_fd = -1;
    TRY(open_log(config->log_path, &log_fd, err));
    enum status status = start(config, log_fd, &server, err);
    close(log_fd);
    TRY(status);
    status = interrupt_open(&interrupt_fd, err);
    progress_init(&progress, STDERR_FILENO,
                  style_for(STDERR_FILENO, NULL, config->common->no_color));
    progress_set(&progress, "starting holt serve");
    if (status == OK) {
        status = wait_ready(&server, interrupt_fd, &progress, config->log_path, err);
        interrupt_close(interrupt_fd);
    }
    progress_clear(&progress);
    if (status != OK) {
        server_start_stop(&server);
        return status;
    }
    *out = server;
    return OK;
}

void server_start_stop(struct server_started *server)
{
    if (server->pid <= 0)
        return;
    program_start_stop(server->pid, STOP_MS);
    close(server->output_fd);
    *server = (struct server_started){0};
}
