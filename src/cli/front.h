/*
 * front - the process that holds the terminal: starts the warden and the core, asks the core, shows
 * what comes back, and carries questions from the warden to the person.
 *
 *   person <-> front <-> core      text, calls, results, progress
 *               front <-> warden   "may it?", never through the core
 *               core  <-> warden   tool calls
 *
 * Threads: one, without others: it forks. Depends on: sandbox/warden.h.
 * Used by: task_run.c, chat_loop.c, cmd_run.c, cmd_tools.c, cmd_eval.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "cli/front_protocol.h"
#include "os/channel.h"
#include "sandbox/warden.h"
#include "tools/tool_warden.h"

#include <stdbool.h>
#include <sys/types.h>

/* What the front shows with. Any function may be NULL. */
struct front_view {
    void *context;
    /* A message from the core. Its texts are not clean. */
    void (*message)(void *context, const struct front_message *message);
    /* Ten times a second while nothing comes. */
    void (*tick)(void *context);
    /* The warden asks; the text is safe to print. NULL: no. Returns the answer. `interrupt_fd`
     * becomes readable on Ctrl-C, which is a no and stops the turn. */
    enum warden_answer (*question)(void *context, const struct warden_event *question,
                                   int interrupt_fd);
    /* Lines the core wrote to its standard error, clean. */
    void (*core_says)(void *context, struct str text);
};

/* What the core process does; see core_role.h. Takes over the channels and never returns.
 * `calls` is closed when no warden was started. */
typedef void(front_role_fn)(const void *context, struct channel *front, struct channel *calls);

struct front_config {
    front_role_fn *role;
    const void *role_context; /* stays as it is until front_stop() */
    const char *workspace;    /* NULL: no tools, no warden */
    const char *state_folder; /* the warden checks that it is not in the workspace */
    unsigned allowed;         /* WARDEN_ALLOW_... */
    bool has_person;          /* somebody can be asked */
    bool keeps_session;       /* what was said is stored: told when the core dies */
};

/* Zeroed is not started. */
struct front {
    struct tool_warden tools;
    struct warden warden;
    pid_t core_pid;
    struct channel core;
    int core_errors_fd; /* -1: closed */
    int interrupt_fd;   /* -1: Ctrl-C ends the process */
    uint64_t turn;
    bool keeps_session;
    unsigned stop_count; /* how often the person stopped the running turn */
    struct strbuf body;
    struct strbuf core_errors;
};

/* Starts the processes. Release with front_stop(), also after a failure. */
MUST_USE enum status front_start(struct front *front, const struct front_config *config,
                                 struct error *err);
void front_stop(struct front *front);

/* Waits until the core is ready or cannot be. `view` gets FRONT_READY, then FRONT_HISTORY for
 * what a session that is taken up again holds. */
MUST_USE enum status front_wait_ready(struct front *front, const struct front_view *view,
                                      struct error *err);

/* One turn: sends `text` (and `name`, where the role wants one), hands every message to `view`,
 * and returns with the last one, FRONT_FINISHED, in *out (valid until the next call). Ctrl-C
 * stops the turn, which then still finishes; pressed a third time it does not wait
 * (E_CANCELLED). Any error means that the core is of no more use; it says why as far as that is
 * known. */
MUST_USE enum status front_ask(struct front *front, struct str name, struct str text,
                               const struct front_view *view, struct front_message *out,
                               struct error *err);

/* Sends FRONT_NEW, or FRONT_LIST and shows what comes. */
MUST_USE enum status front_new_session(struct front *front, struct error *err);
MUST_USE enum status front_list_sessions(struct front *front, const struct front_view *view,
                                         struct error *err);
