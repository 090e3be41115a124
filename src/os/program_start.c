#include "os/program_start.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "os/path.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT_START = 127 };

char *program_start_find(const char *name)
{
    struct str rest = str_from_c(getenv("PATH"));
    if (!name[0] || strchr(name, '/'))
        return NULL;
    while (rest.ptr && rest.len > 0) {
        const struct str folder = str_split(&rest, ':');
        CLEANUP(strbuf_done) struct strbuf path = {0};
        if (folder.len == 0 || folder.ptr[0] != '/')
            continue;
        strbuf_add_str(&path, folder);
        strbuf_addf(&path, "/%s", name);
        if (path_kind(strbuf_c(&path)) == PATH_FILE && access(strbuf_c(&path), X_OK) == 0)
            return strbuf_take(&path);
    }
    return NULL;
}

static void change_environment(const char *const *variables)
{
    for (size_t i = 0; variables && variables[i]; i++) {
        CLEANUP(mem_freep) char *name = mem_copy_str(variables[i]);
        char *equals = strchr(name, '=');
        if (!equals) {
            unsetenv(name);
            continue;
        }
        *equals = '\0';
        setenv(name, equals + 1, 1);
    }
}

static void use(int fd, int stream_fd)
{
    if (fd >= 0)
        (void)dup2(fd, stream_fd);
}

/* In the new process, up to the program. Signals that we ignore are the program's again. */
NO_RETURN static void become(const struct program_start *start, pid_t parent, int told_fd)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGPIPE, SIGXFSZ};
    sigset_t none;
    if (start->is_apart) {
        const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        process_die_with(parent, SIGINT);
        setpgid(0, 0);
        use(null, STDIN_FILENO);
    }
    use(start->output_fd, STDOUT_FILENO);
    use(start->errors_fd, STDERR_FILENO);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        signal(signals[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    change_environment(start->variables);
    union {
        const char *const *ours;
        char *const *theirs; /* execv() promises not to write */
    } arguments = {.ours = start->arguments};
    execv(start->path, arguments.theirs);
    const int number = errno;
    while (write(told_fd, &number, sizeof(number)) < 0 && errno == EINTR)
        continue;
    _exit(CANNOT_START);
}

enum status program_start_run(const struct program_start *start, pid_t *out_pid, struct error *err)
{
    const pid_t parent = getpid();
    int ends[2];
    int number = 0;
    ssize_t got = 0;
    pid_t pid = 0;
    TRY(process_pipe(ends, err));
    const enum status status = process_fork(&pid, err);
    if (status == OK && pid == 0)
        become(start, parent, ends[1]);
    close(ends[1]);
    if (status == OK) {
        do
            got = read(ends[0], &number, sizeof(number));
        while (got < 0 && errno == EINTR);
    }
    close(ends[0]);
    TRY(status);
    if (got == (ssize_t)sizeof(number)) {
        int ended = 0;
        process_wait(pid, -1, &ended);
        errno = number;
        return error_errno(err, "cannot start %s", start->path);
    }
    *out_pid = pid;
    return OK;
}

void program_start_stop(pid_t pid, int timeout_ms)
{
    int status = 0;
    if (pid <= 0)
        return;
    kill(pid, SIGINT);
    if (!process_wait(pid, timeout_ms, &status))
        process_kill(pid);
}
