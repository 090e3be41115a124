#include "cli/front.h"

#include "os/interrupt.h"
#include "os/pipe_read.h"
#include "os/process.h"
#include "os/readable.h"
#include "text/clean_text.h"

#include <signal.h>
#include <sys/wait.h>

enum { TICK_MS = 100, CORE_ERRORS_MAX = 4096, CORE_END_MS = 2000, STOPS_MAX = 2 };

/* ---------------------------------------------------------------- starting and stopping */

/* In the core: what belongs to the front is closed, standard streams lead nowhere but its standard
 * error, which the front reads and cleans. */
NO_RETURN static void become_core(struct front *front, const struct front_config *config,
                                  struct channel *ours, int errors_fd, pid_t parent)
{
    struct channel calls = front->warden.calls;
    channel_close(&front->core);
    channel_close(&front->warden.approval);
    process_die_with(parent, SIGKILL);
    process_silence(false);
    pipe_read_become(errors_fd, STDERR_FILENO);
    config->role(config->role_context, ours, &calls);
    _exit(1);
}

static enum status start_core(struct front *front, const struct front_config *config,
                              struct error *err)
{
    struct channel theirs = {0};
    int errors_fd = -1;
    TRY(channel_pair(&front->core, &theirs, err));
    const pid_t parent = getpid();
    enum status status = pipe_read_open(&front->core_errors_fd, &errors_fd, err);
    if (status == OK)
        status = process_fork(&front->core_pid, err);
    if (status == OK && front->core_pid == 0)
        become_core(front, config, &theirs, errors_fd, parent);
    if (errors_fd >= 0)
        close(errors_fd);
    channel_close(&theirs);
    channel_close(&front->warden.calls);
    return status;
}

static enum status start_warden(struct front *front, const struct front_config *config,
                                struct error *err)
{
    tool_warden_fill(&front->tools);
    const struct warden_config warden = {
        .workspace = config->workspace,
        .state_folder = config->state_folder,
        .allowed = config->allowed,
        .has_person = config->has_person,
        .sandbox = sandbox_options_from_environment(),
        .tools = front->tools.tools,
        .tool_count = front->tools.count,
    };
    return warden_start(&warden, &front->warden, err);
}

enum status front_start(struct front *front, const struct front_config *config, struct error *err)
{
    *front = (struct front){
        .core_errors_fd = -1,
        .interrupt_fd = -1,
        .keeps_session = config->keeps_session,
    };
    /* What is still in the buffers must not be written by three processes. */
    fflush(stdout);
    fflush(stderr);
    if (config->workspace)
        TRY(start_warden(front, config, err));
    TRY(start_core(front, config, err));
    return interrupt_open(&front->interrupt_fd, err);
}

void front_stop(struct front *front)
{
    if (front->interrupt_fd >= 0)
        interrupt_close(front->interrupt_fd);
    channel_close(&front->core); /* the core ends when the front is gone */
    int status = 0;
    if (front->core_pid > 0 && !process_wait(front->core_pid, CORE_END_MS, &status))
        process_kill(front->core_pid);
    warden_stop(&front->warden);
    if (front->core_errors_fd >= 0)
        close(front->core_errors_fd);
    strbuf_done(&front->body);
    strbuf_done(&front->core_errors);
    *front = (struct front){.core_errors_fd = -1, .interrupt_fd = -1};
}

/* ---------------------------------------------------------------- the loop */

static void read_core_errors(struct front *front, const struct front_view *view)
{
    CLEANUP(strbuf_done) struct strbuf piece = {0};
    if (!pipe_read_some(front->core_errors_fd, &piece)) {
        close(front->core_errors_fd);
        front->core_errors_fd = -1;
    }
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_whole(strbuf_view(&piece), &clean);
    if (front->core_errors.len < CORE_ERRORS_MAX)
        strbuf_add_str(&front->core_errors, strbuf_view(&clean));
    if (clean.len > 0 && view->core_says)
        view->core_says(view->context, strbuf_view(&clean));
}

/* Why the core is gone, as far as its end tells. */
static enum status core_is_gone(struct front *front, const struct front_view *view,
                                struct error *err)
{
    int status = 0;
    if (front->core_errors_fd >= 0)
        read_core_errors(front, view);
    if (!process_wait(front->core_pid, CORE_END_MS, &status))
        return error_set(err, E_IO, "the process with the model no longer answers");
    front->core_pid = 0;
    const char *kept = front->keeps_session ? "; the session is kept" : "";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
        return error_set(
            err, E_IO, "the model file changed while it was in use: start again when it is whole%s",
            kept);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return error_set(err, E_NO_MEMORY,
                         "the process with the model was killed, most likely for lack of memory%s",
                         kept);
    if (WIFSIGNALED(status))
        return error_set(err, E_IO, "the process with the model crashed (signal %d)%s",
                         WTERMSIG(status), kept);
    return error_set(err, E_IO, "the process with the model ended (code %d)%s", WEXITSTATUS(status),
                     kept);
}

static enum status answer_warden(struct front *front, const struct front_view *view,
                                 struct error *err)
{
    struct warden_event event = {0};
    enum status status = warden_read_event(&front->warden, &event, err);
    if (status == E_CANCELLED)
        status = error_set(err, E_IO, "the process that runs tools is gone%s",
                           front->keeps_session ? "; the session is kept" : "");
    if (status == OK && event.kind == WARDEN_EVENT_QUESTION) {
        enum warden_answer answer = WARDEN_ANSWER_NO;
        if (view->question)
            answer = view->question(view->context, &event, front->interrupt_fd);
        status = warden_answer(&front->warden, event.number, answer, err);
    }
    warden_event_done(&event);
    return status;
}

/* The first Ctrl-C asks the core to stop; one that comes before a turn, or again and again, does
 * not wait for it. */
static enum status stop_turn(struct front *front, struct error *err)
{
    if (front->turn == 0 || ++front->stop_count > STOPS_MAX)
        return error_set(err, E_CANCELLED, "interrupted");
    return front_protocol_send(
        &front->core,
        &(struct front_message){.kind = FRONT_STOP, .number_count = 1, .numbers = {front->turn}},
        err);
}

/* Waits for one message of the core; questions, interrupts and the core's own words are dealt with
 * meanwhile. */
static enum status next_message(struct front *front, const struct front_view *view,
                                struct front_message *out, struct error *err)
{
    for (;;) {
        const int approval = front->warden.approval.is_open ? front->warden.approval.fd : -1;
        const int fds[] = {front->core.fd, approval, front->interrupt_fd, front->core_errors_fd};
        const uint32_t ready = readable_wait(fds, ARRAY_LEN(fds), view->tick ? TICK_MS : -1);
        if (ready & 4 && interrupt_take(front->interrupt_fd))
            TRY(stop_turn(front, err));
        if (ready & 8)
            read_core_errors(front, view);
        if (ready & 1) {
            const enum status status = front_protocol_receive(&front->core, &front->body, out, err);
            if (status == E_CANCELLED || status == E_IO)
                return core_is_gone(front, view, err);
            if (status != OK)
                return status;
            if (out->kind == FRONT_FAILED)
                return error_set(err, E_IO, "%.*s", STR_ARG(out->text));
            return OK;
        }
        if (ready & 2) /* after the core: when it fails the warden ends too, and it says why */
            TRY(answer_warden(front, view, err));
        if (ready == 0 && view->tick)
            view->tick(view->context);
    }
}

/* Hands messages to the view until one of kind `last`. */
static enum status show_until(struct front *front, enum front_kind last,
                              const struct front_view *view, struct front_message *out,
                              struct error *err)
{
    for (;;) {
        TRY(next_message(front, view, out, err));
        if (view->message)
            view->message(view->context, out);
        if (out->kind == last)
            return OK;
    }
}

enum status front_wait_ready(struct front *front, const struct front_view *view, struct error *err)
{
    struct front_message message;
    return show_until(front, FRONT_LISTED, view, &message, err);
}

enum status front_ask(struct front *front, struct str name, struct str text,
                      const struct front_view *view, struct front_message *out, struct error *err)
{
    front->stop_count = 0;
    const struct front_message ask = {
        .kind = FRONT_ASK,
        .name = name,
        .text = text,
        .number_count = 1,
        .numbers = {++front->turn},
    };
    TRY(front_protocol_send(&front->core, &ask, err));
    return show_until(front, FRONT_FINISHED, view, out, err);
}

enum status front_new_session(struct front *front, struct error *err)
{
    return front_protocol_send(&front->core, &(struct front_message){.kind = FRONT_NEW}, err);
}

enum status front_list_sessions(struct front *front, const struct front_view *view,
                                struct error *err)
{
    struct front_message message;
    TRY(front_protocol_send(&front->core, &(struct front_message){.kind = FRONT_LIST}, err));
    return show_until(front, FRONT_LISTED, view, &message, err);
}
