#include "sandbox/warden.h"

#include "os/process.h"
#include "sandbox/warden_process.h"
#include "sandbox/warden_protocol.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    READY_MS = 60000, /* it tries several sandboxes; a machine may be busy */
    STOP_MS = 15000,
};

/* True when `inner` is `outer` or lies below it; both are absolute, without links. */
static bool is_inside(const char *inner, const char *outer)
{
    const size_t len = strlen(outer);
    return !strncmp(inner, outer, len) &&
           (inner[len] == '\0' || inner[len] == '/' || (len && outer[len - 1] == '/'));
}

static enum status check_folders(const struct warden_config *config, struct error *err)
{
    char workspace[PATH_MAX];
    char state[PATH_MAX];
    if (!realpath(config->workspace, workspace))
        return error_set(err, E_INVALID, "the workspace %s does not exist or cannot be entered",
                         config->workspace);
    if (!config->state_folder || !realpath(config->state_folder, state))
        return OK;
    if (is_inside(state, workspace) || is_inside(workspace, state))
        return error_set(err, E_INVALID,
                         "the workspace %s and the folder of holt's own data (%s) lie in each "
                         "other: choose another workspace with -w",
                         workspace, state);
    return OK;
}

static enum status await_ready(struct warden *warden, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf body = {0};
    struct warden_ready ready;
    uint32_t kind = 0;
    TRY(channel_receive(&warden->approval, sizeof(ready), READY_MS, &kind, &body, err));
    if (kind != WARDEN_MESSAGE_READY || body.len != sizeof(ready))
        return error_set(err, E_IO, "the process that runs tools did not start");
    memcpy(&ready, body.ptr, sizeof(ready));
    warden->report = ready.report;
    return ready.status == OK ? OK : error_set(err, ready.status, "%s", ready.text);
}

enum status warden_start(const struct warden_config *config, struct warden *out, struct error *err)
{
    struct warden warden = {0};
    struct channel front = {0};
    struct channel core = {0};
    if (config->tool_count > WARDEN_TOOLS_MAX)
        return error_set(err, E_LIMIT, "more than %d tools", WARDEN_TOOLS_MAX);
    TRY(check_folders(config, err));
    TRY(channel_pair(&warden.approval, &front, err));
    enum status status = channel_pair(&warden.calls, &core, err);
    const pid_t self = getpid();
    if (status == OK)
        status = process_fork(&warden.pid, err);
    if (status == OK && warden.pid == 0)
        warden_process_main(config, self, front, core);
    channel_close(&front);
    channel_close(&core);
    if (status == OK)
        status = await_ready(&warden, err);
    if (status != OK) {
        warden_stop(&warden);
        return status;
    }
    *out = warden;
    return OK;
}

void warden_stop(struct warden *warden)
{
    int status = 0;
    channel_close(&warden->approval); /* the warden ends what runs and follows */
    channel_close(&warden->calls);
    if (warden->pid > 0 && !process_wait(warden->pid, STOP_MS, &status))
        process_kill(warden->pid);
    *warden = (struct warden){0};
}

enum status warden_read_event(struct warden *warden, struct warden_event *event, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf body = {0};
    struct warden_question head;
    struct warden_event found = {0};
    uint32_t kind = 0;
    TRY(channel_receive(&warden->approval, sizeof(head) + WARDEN_QUESTION_MAX, CHANNEL_FOREVER,
                        &kind, &body, err));
    if (kind == WARDEN_MESSAGE_QUESTION && body.len >= sizeof(head)) {
        memcpy(&head, body.ptr, sizeof(head));
        found.kind = WARDEN_EVENT_QUESTION;
        found.number = head.number;
        memcpy(found.tool_name, head.tool_name, sizeof(found.tool_name));
        strbuf_add(&found.text, body.ptr + sizeof(head), body.len - sizeof(head));
    } else if (kind == WARDEN_MESSAGE_WITHDRAWN && body.len == sizeof(found.number)) {
        found.kind = WARDEN_EVENT_WITHDRAWN;
        memcpy(&found.number, body.ptr, sizeof(found.number));
    } else {
        return error_set(err, E_FORMAT, "the process that runs tools sent nonsense");
    }
    *event = found;
    return OK;
}

void warden_event_done(struct warden_event *event)
{
    strbuf_done(&event->text);
    *event = (struct warden_event){0};
}

enum status warden_answer(struct warden *warden, uint32_t number, enum warden_answer answer,
                          struct error *err)
{
    const struct warden_reply reply = {number, (uint32_t)answer};
    const struct str body = {(const char *)&reply, sizeof(reply)};
    return channel_send(&warden->approval, WARDEN_MESSAGE_ANSWER, body, err);
}
