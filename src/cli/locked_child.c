#include "cli/locked_child.h"

#include "base/strbuf.h"
#include "cli/command.h"
#include "cli/model_lock.h"
#include "cli/progress.h"
#include "os/pipe_read.h"
#include "os/process.h"
#include "os/readable.h"
#include "text/clean_text.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

enum { STREAM_COUNT = 2, TICK_MS = 100 };

/* One stream of the child on its way to ours. */
struct relay {
    int from; /* -1: at its end */
    FILE *to;
    struct strbuf *kept; /* NULL: to `to` */
    struct clean_text cleaner;
};

NO_RETURN static void be_child(const struct locked_child *config, const int *write_fds,
                               pid_t parent)
{
    struct error err = {0};
    process_die_with(parent, SIGKILL);
    process_silence(false);
    pipe_read_become(write_fds[0], STDOUT_FILENO);
    pipe_read_become(write_fds[1], STDERR_FILENO);
    int code = EXIT_FAILED;
    if (model_lock_enter(config->state_folder, config->model_path, NULL, &err) == OK)
        code = config->run(config->context);
    else
        command_fail(&err);
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = EXIT_FAILED;
    fflush(stderr);
    _exit(code);
}

/* False when our own stream takes no more. */
static bool pass_on(struct relay *relay, struct progress *progress)
{
    CLEANUP(strbuf_done) struct strbuf piece = {0};
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    const bool goes_on = pipe_read_some(relay->from, &piece);
    clean_text_feed(&relay->cleaner, strbuf_view(&piece), &clean);
    if (!goes_on) {
        clean_text_end(&relay->cleaner, &clean);
        close(relay->from);
        relay->from = -1;
    }
    if (clean.len == 0)
        return true;
    if (relay->kept) {
        strbuf_add_str(relay->kept, strbuf_view(&clean));
        return true;
    }
    progress_hide(progress);
    return fwrite(clean.ptr, 1, clean.len, relay->to) == clean.len && fflush(relay->to) == 0;
}

/* Until the child has closed both; false, with errno, when ours take no more. */
static bool relay_all(struct relay *relays, struct progress *progress)
{
    while (relays[0].from >= 0 || relays[1].from >= 0) {
        const int fds[STREAM_COUNT] = {relays[0].from, relays[1].from};
        const uint32_t ready = readable_wait(fds, STREAM_COUNT, TICK_MS);
        for (unsigned i = 0; i < STREAM_COUNT; i++) {
            if (ready >> i & 1 && !pass_on(&relays[i], progress))
                return false;
        }
        if (ready == 0)
            progress_tick(progress);
    }
    return true;
}

static int judge(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    if (WTERMSIG(status) == SIGBUS)
        return command_failf("the model file changed while it was being read");
    if (WTERMSIG(status) == SIGKILL)
        return command_failf("the process that did the work was killed, most likely for lack of "
                             "memory");
    if (WTERMSIG(status) == SIGINT)
        return EXIT_INTERRUPTED;
    return command_failf("the process that did the work crashed (signal %d)", WTERMSIG(status));
}

static enum status start(const struct locked_child *config, struct relay *relays, pid_t *out_pid,
                         struct error *err)
{
    int write_fds[STREAM_COUNT] = {-1, -1};
    const pid_t parent = getpid();
    fflush(stdout);
    fflush(stderr);
    enum status status = pipe_read_open(&relays[0].from, &write_fds[0], err);
    if (status == OK)
        status = pipe_read_open(&relays[1].from, &write_fds[1], err);
    if (status == OK)
        status = process_fork(out_pid, err);
    if (status == OK && *out_pid == 0)
        be_child(config, write_fds, parent);
    for (unsigned i = 0; i < STREAM_COUNT; i++) {
        if (write_fds[i] >= 0)
            close(write_fds[i]);
    }
    return status;
}

int locked_child_run(const struct locked_child *config)
{
    struct relay relays[STREAM_COUNT] = {{.from = -1, .to = stdout, .kept = config->output},
                                         {.from = -1, .to = stderr}};
    struct progress progress;
    struct error err = {0};
    pid_t pid = 0;
    if (start(config, relays, &pid, &err) != OK)
        return command_fail(&err);
    progress_init(&progress, STDERR_FILENO, style_for(STDERR_FILENO, NULL, config->no_color));
    if (config->doing)
        progress_set(&progress, "%s", config->doing);
    const bool is_passed_on = relay_all(relays, &progress);
    const int number = errno;
    progress_clear(&progress);
    if (!is_passed_on) {
        process_kill(pid);
        return command_failf("cannot write the output: %s", strerror(number));
    }
    int status = 0;
    process_wait(pid, -1, &status);
    return judge(status);
}
