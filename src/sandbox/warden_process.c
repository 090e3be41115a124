#include "sandbox/warden_process.h"

#include "base/check.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/remove_all.h"
#include "sandbox/confined.h"
#include "sandbox/warden_protocol.h"
#include "text/clean_text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    FRONT_FD = 3,
    CORE_FD = 4,
    FIRST_OTHER_FD = 5,
    PREVIEW_MS = 10000,
    MESSAGE_MS = 10000, /* for the rest of a message that began */
    SWEEP_MS = 10000,
    PIECE_BYTES = 65536,
    TIMEOUT_MS_MAX = 3600 * 1000,
};

static const char refused[] = "error: the user did not allow this";
static const char too_long_to_show[] =
    "error: this is too long to show to the user: use smaller steps";

enum phase { PHASE_IDLE, PHASE_PREVIEW, PHASE_ASKING, PHASE_RUNNING };

/* The call that is being carried out; there is one at a time. */
struct call {
    enum phase phase;
    uint32_t id;
    const struct warden_tool *tool;
    struct strbuf arguments;
    struct confined_child child;
    struct strbuf result;
    uint64_t deadline_ns;
    uint32_t timeout_ms;
    uint32_t question; /* its number */
    bool was_asked;    /* a person allowed it */
    char temp[32];     /* a folder of ours to remove; "" for none */
};

struct process {
    const struct warden_config *config;
    struct confined_setup setup;
    struct process_sweep sweep;
    struct channel front;
    struct channel core;
    int end_fd; /* readable when we are told to end */
    struct call call;
    uint32_t last_question;
    bool always[WARDEN_TOOLS_MAX]; /* a person said so */
};

/* ---- in the child ---- */

struct work {
    const struct process *process;
    bool is_preview;
};

static enum status do_work(void *context, const struct confined *confined, struct strbuf *out,
                           struct error *err)
{
    const struct work *work = context;
    const struct call *call = &work->process->call;
    const struct warden_job job = {
        .workspace_fd = confined->workspace_fd,
        .workspace = confined->setup->workspace,
        .temp = confined->temp,
        .can_write = confined->can_write,
        .use_openat2 = confined->setup->report.has_openat2,
        .arguments = strbuf_view(&call->arguments),
        .confined = confined,
    };
    if (!work->is_preview)
        return call->tool->run(call->tool->tool, &job, out, err);
    TRY(call->tool->preview(call->tool->tool, &job, out, err));
    if (out->overflowed)
        return error_set(err, E_LIMIT, "%s", too_long_to_show + strlen("error: "));
    return OK;
}

/* ---- ending a call ---- */

/* Ends whatever the call started and forgets it. */
static void clear_call(struct process *process)
{
    struct call *call = &process->call;
    confined_kill(&call->child);
    (void)process_sweep(&process->sweep, SWEEP_MS);
    if (call->temp[0])
        (void)remove_all(AT_FDCWD, call->temp);
    strbuf_done(&call->arguments);
    strbuf_done(&call->result);
    *call = (struct call){0};
}

NO_RETURN static void end_process(struct process *process, int exit_code)
{
    clear_call(process);
    _exit(exit_code);
}

static void send_result(struct process *process, bool was_cancelled, struct str text)
{
    CLEANUP(strbuf_done) struct strbuf body = {0};
    const struct warden_result head = {process->call.id, was_cancelled};
    strbuf_add(&body, &head, sizeof(head));
    strbuf_add_str(&body, str_slice(text, 0, WARDEN_RESULT_MAX));
    clear_call(process);
    if (channel_send(&process->core, WARDEN_MESSAGE_RESULT, strbuf_view(&body), NULL) != OK)
        end_process(process, 0);
}

static void finish(struct process *process, const char *text)
{
    send_result(process, false, str_from_c(text));
}

static void withdraw_question(struct process *process)
{
    const struct str number = {(const char *)&process->call.question,
                               sizeof(process->call.question)};
    if (process->call.phase == PHASE_ASKING &&
        channel_send(&process->front, WARDEN_MESSAGE_WITHDRAWN, number, NULL) != OK)
        end_process(process, 0);
}

/* ---- carrying out a call ---- */

static void start_child(struct process *process, enum phase phase, struct confined_job *job,
                        uint32_t timeout_ms)
{
    struct call *call = &process->call;
    struct work work = {.process = process, .is_preview = phase == PHASE_PREVIEW};
    struct error err = {0};
    job->run = do_work;
    job->context = &work;
    strbuf_clear(&call->result);
    if (confined_start(&process->setup, job, &call->child, &err) != OK) {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        strbuf_addf(&text, "error: %s", err.text);
        finish(process, strbuf_c(&text));
        return;
    }
    call->phase = phase;
    call->timeout_ms = timeout_ms < TIMEOUT_MS_MAX ? timeout_ms : TIMEOUT_MS_MAX;
    call->deadline_ns = clock_monotonic_ns() + (uint64_t)call->timeout_ms * 1000000;
}

/* A folder of its own for a program that has no private /tmp. */
static bool make_temp(struct process *process)
{
    static const char pattern[] = "/tmp/holt-tool-XXXXXX";
    const struct confined_setup *setup = &process->setup;
    char *temp = process->call.temp;
    memcpy(temp, pattern, sizeof(pattern));
    if (mkdtemp(temp) && (geteuid() != 0 || chown(temp, setup->owner_uid, setup->owner_gid) == 0))
        return true;
    temp[0] = '\0';
    return false;
}

static void start_run(struct process *process)
{
    struct call *call = &process->call;
    const bool may_write = process->config->allowed & WARDEN_ALLOW_WRITE;
    const bool is_program = call->tool->permission == WARDEN_PERMISSION_RUN;
    struct confined_job job = {
        .kind = is_program ? CONFINED_PROGRAM : CONFINED_FILES,
        .can_write = call->tool->permission == WARDEN_PERMISSION_WRITE ||
                     (is_program && (may_write || call->was_asked)),
        .result_max = WARDEN_RESULT_MAX,
    };
    if (is_program && !process->setup.report.has_namespaces) {
        if (!make_temp(process)) {
            finish(process, "error: there is no room for temporary files in /tmp");
            return;
        }
        job.temp = call->temp;
    }
    start_child(process, PHASE_RUNNING, &job, call->tool->timeout_ms);
}

static void ask(struct process *process, struct str preview)
{
    struct call *call = &process->call;
    CLEANUP(strbuf_done) struct strbuf body = {0};
    struct warden_question head = {.number = ++process->last_question};
    snprintf(head.tool_name, sizeof(head.tool_name), "%s", call->tool->name);
    strbuf_add(&body, &head, sizeof(head));
    clean_text_visible(preview, &body);
    call->phase = PHASE_ASKING;
    call->question = head.number;
    if (body.len > sizeof(head) + WARDEN_QUESTION_MAX)
        finish(process, too_long_to_show);
    else if (channel_send(&process->front, WARDEN_MESSAGE_QUESTION, strbuf_view(&body), NULL) != OK)
        end_process(process, 0);
}

/* The preview says that the call makes sense: may it be carried out? */
static void decide(struct process *process, struct str preview)
{
    const struct call *call = &process->call;
    const unsigned bit =
        call->tool->permission == WARDEN_PERMISSION_RUN ? WARDEN_ALLOW_RUN : WARDEN_ALLOW_WRITE;
    if (process->always[call->tool - process->config->tools]) {
        process->call.was_asked = true;
        start_run(process);
    } else if (process->config->allowed & bit) {
        start_run(process);
    } else if (process->config->has_person) {
        ask(process, preview);
    } else {
        finish(process, refused);
    }
}

static void begin_call(struct process *process, struct str body)
{
    const struct warden_config *config = process->config;
    struct call *call = &process->call;
    struct warden_call head;
    CHECK(body.len >= sizeof(head) && call->phase == PHASE_IDLE);
    memcpy(&head, body.ptr, sizeof(head));
    call->id = head.id;
    if (head.tool_index >= config->tool_count || !config->tools[head.tool_index].run) {
        finish(process, "error: there is no such tool");
        return;
    }
    call->tool = &config->tools[head.tool_index];
    strbuf_add_str(&call->arguments, str_slice(body, sizeof(head), body.len));
    if (process->setup.report.tier == SANDBOX_TIER_D) {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        strbuf_addf(&text, "error: %s is not available: this system cannot confine tools",
                    call->tool->name);
        finish(process, strbuf_c(&text));
        return;
    }
    if (call->tool->permission == WARDEN_PERMISSION_READ) {
        start_run(process);
        return;
    }
    struct confined_job job = {.kind = CONFINED_FILES, .result_max = WARDEN_PREVIEW_MAX};
    start_child(process, PHASE_PREVIEW, &job, PREVIEW_MS);
}

/* The child closed its end: it is done, or died. */
static void end_child(struct process *process)
{
    struct call *call = &process->call;
    const enum phase phase = call->phase;
    const enum confined_end end = confined_finish(&call->child);
    (void)process_sweep(&process->sweep, SWEEP_MS);
    CLEANUP(strbuf_done) struct strbuf text = {0};
    if (end == CONFINED_CRASHED)
        strbuf_addf(&text, "error: %s stopped unexpectedly", call->tool->name);
    if (end == CONFINED_CRASHED && call->result.len)
        strbuf_add_c(&text, ": ");
    if (end == CONFINED_FAILED)
        strbuf_add_c(&text, "error: ");
    strbuf_add_str(&text, strbuf_view(&call->result));
    if (end == CONFINED_DONE && phase == PHASE_PREVIEW)
        decide(process, strbuf_view(&text));
    else
        send_result(process, false, strbuf_view(&text));
}

static void end_overdue(struct process *process)
{
    const struct call *call = &process->call;
    char text[128];
    snprintf(text, sizeof(text), "error: the %s was stopped after %u s",
             call->tool->permission == WARDEN_PERMISSION_RUN ? "command" : "tool",
             call->timeout_ms / 1000);
    finish(process, text);
}

/* ---- messages ---- */

static void read_child(struct process *process)
{
    struct call *call = &process->call;
    char piece[PIECE_BYTES];
    const ssize_t got = read(call->child.result_fd, piece, sizeof(piece));
    if (got < 0 && errno == EINTR)
        return;
    if (got <= 0) {
        end_child(process);
        return;
    }
    strbuf_add(&call->result, piece, (size_t)got);
    /* The child keeps to its limit; one that does not is not what was started. */
    if (call->result.len > WARDEN_RESULT_MAX)
        finish(process, "error: the tool was stopped: its result is too long");
}

static void read_core(struct process *process)
{
    CLEANUP(strbuf_done) struct strbuf body = {0};
    uint32_t kind = 0;
    uint32_t id = 0;
    if (channel_receive(&process->core, sizeof(struct warden_call) + WARDEN_ARGUMENTS_MAX,
                        MESSAGE_MS, &kind, &body, NULL) != OK)
        end_process(process, 0);
    if (kind == WARDEN_MESSAGE_CALL && process->call.phase == PHASE_IDLE &&
        body.len >= sizeof(struct warden_call)) {
        begin_call(process, strbuf_view(&body));
    } else if (kind == WARDEN_MESSAGE_CANCEL && body.len == sizeof(id)) {
        memcpy(&id, body.ptr, sizeof(id));
        if (process->call.phase == PHASE_IDLE || process->call.id != id)
            return; /* it ended meanwhile */
        withdraw_question(process);
        send_result(process, true, (struct str){0});
    } else {
        end_process(process, 1); /* not what the core sends: it is not itself any more */
    }
}

static void read_front(struct process *process)
{
    CLEANUP(strbuf_done) struct strbuf body = {0};
    uint32_t kind = 0;
    struct warden_reply reply;
    if (channel_receive(&process->front, sizeof(reply), MESSAGE_MS, &kind, &body, NULL) != OK ||
        kind != WARDEN_MESSAGE_ANSWER || body.len != sizeof(reply))
        end_process(process, 0);
    memcpy(&reply, body.ptr, sizeof(reply));
    struct call *call = &process->call;
    if (call->phase != PHASE_ASKING || reply.number != call->question)
        return; /* an answer to a question that was withdrawn */
    if (reply.answer == WARDEN_ANSWER_ALWAYS)
        process->always[call->tool - process->config->tools] = true;
    if (reply.answer == WARDEN_ANSWER_YES || reply.answer == WARDEN_ANSWER_ALWAYS) {
        call->was_asked = true;
        start_run(process);
    } else {
        finish(process, refused);
    }
}

static bool has_child(const struct call *call)
{
    return call->phase == PHASE_PREVIEW || call->phase == PHASE_RUNNING;
}

static int wait_ms(const struct call *call)
{
    if (!has_child(call))
        return -1;
    const uint64_t now = clock_monotonic_ns();
    return now >= call->deadline_ns ? 0 : (int)((call->deadline_ns - now) / 1000000) + 1;
}

/* One thing at a time, the ends first. */
static void serve(struct process *process)
{
    for (;;) {
        struct pollfd wait[] = {
            {.fd = process->end_fd, .events = POLLIN},
            {.fd = process->front.fd, .events = POLLIN},
            {.fd = process->core.fd, .events = POLLIN},
            {.fd = has_child(&process->call) ? process->call.child.result_fd : -1,
             .events = POLLIN},
        };
        const int ready = poll(wait, ARRAY_LEN(wait), wait_ms(&process->call));
        if (ready < 0 && errno != EINTR)
            end_process(process, 1);
        if (ready < 0)
            continue;
        if (wait[0].revents)
            end_process(process, 0);
        else if (wait[1].revents)
            read_front(process);
        else if (wait[2].revents)
            read_core(process);
        else if (wait[3].revents)
            read_child(process);
        else if (has_child(&process->call) && clock_monotonic_ns() >= process->call.deadline_ns)
            end_overdue(process);
    }
}

/* ---- the beginning ---- */

/* Passwords and keys in the environment are not for tools, not even through /proc. */
static void forget_environment(void)
{
    extern char **environ;
    static char *none[] = {NULL};
    for (char **entry = environ; entry && *entry; entry++)
        explicit_bzero(*entry, strlen(*entry));
    environ = none;
}

static void keep_channels(struct process *process, struct channel front, struct channel core)
{
    const int front_fd = fcntl(front.fd, F_DUPFD_CLOEXEC, 16);
    const int core_fd = fcntl(core.fd, F_DUPFD_CLOEXEC, 16);
    process_silence(false);
    dup3(front_fd, FRONT_FD, O_CLOEXEC);
    dup3(core_fd, CORE_FD, O_CLOEXEC);
    process_close_from(FIRST_OTHER_FD);
    process->front = channel_over(FRONT_FD);
    process->core = channel_over(CORE_FD);
}

/* Ctrl-C is for the front; a request to end is read like a message. */
static int prepare_signals(void)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGTSTP, SIGTTOU, SIGTTIN};
    sigset_t end;
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_SETMASK, &end, NULL);
    return signalfd(-1, &end, SFD_CLOEXEC);
}

static enum status prepare(struct process *process, struct error *err)
{
    struct syscall_filter filter = {0};
    TRY(confined_setup_init(process->config->workspace, &process->config->sandbox, &process->setup,
                            err));
    if (!process->setup.report.has_filter)
        return OK;
    TRY(syscall_filter_build(SYSCALL_FILTER_WARDEN, 0, &filter, err));
    const enum status status = syscall_filter_install(&filter, err);
    syscall_filter_done(&filter);
    return status;
}

NO_RETURN void warden_process_main(const struct warden_config *config, pid_t front_pid,
                                   struct channel front, struct channel core)
{
    struct process process = {.config = config};
    struct warden_ready ready = {0};
    struct error err = {0};
    process_die_with(front_pid, SIGTERM);
    prctl(PR_SET_NAME, "holt-warden");
    forget_environment();
    keep_channels(&process, front, core);
    process.end_fd = prepare_signals();
    process_sweep_open(&process.sweep);
    ready.status = prepare(&process, &err);
    ready.report = process.setup.report;
    memcpy(ready.text, err.text, sizeof(ready.text));
    prctl(PR_SET_DUMPABLE, 0);
    const struct str body = {(const char *)&ready, sizeof(ready)};
    if (channel_send(&process.front, WARDEN_MESSAGE_READY, body, NULL) != OK || ready.status != OK)
        _exit(1);
    serve(&process);
    _exit(0);
}
