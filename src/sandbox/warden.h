/*
 * warden - the process that starts tools, one confined child per call, and asks before it does.
 *
 *   front --fork--> warden --fork--> tool child (confined, one call, killed when it overruns)
 *     |   approval    |
 *     |<=============>|   the front shows the question and sends the answer
 *   core <===========>|   calls and results; the core cannot write the approval channel
 *
 * The warden holds the policy it was started with. It does not parse what the model wrote: a call
 * is a tool's index and raw bytes, which only a confined child reads. Before a call that writes or
 * runs something, a preview child (it may read the workspace, nothing else) turns the bytes into
 * text: the exact path, content or command. That text, made visible character by character, is the
 * question, and the same bytes are what is run. Without a person, what the policy does not allow is
 * refused.
 *
 * No child outlives a call, the warden or the front: ends of channels, parent-death signals,
 * process namespaces and a last sweep see to it.
 *
 * Threads: the process that calls warden_start() has no other threads yet. The warden has one.
 * Depends on: os/. Used by: cli/ (front), tools/ (the table), sandbox/warden_client.h (core).
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "os/channel.h"
#include "sandbox/sandbox.h"

#include <sys/types.h>

enum {
    WARDEN_TOOLS_MAX = 64,
    WARDEN_ARGUMENTS_MAX = 1024 * 1024, /* bytes of one call */
    WARDEN_RESULT_MAX = 256 * 1024,     /* bytes of one result */
    WARDEN_PREVIEW_MAX = 128 * 1024,    /* bytes shown to a person; a call that needs more fails */
    WARDEN_QUESTION_MAX = 6 * WARDEN_PREVIEW_MAX + 1024, /* with hidden characters made visible */
};

enum warden_permission {
    WARDEN_PERMISSION_READ,  /* free */
    WARDEN_PERMISSION_WRITE, /* changes files in the workspace */
    WARDEN_PERMISSION_RUN, /* runs programs. They may change the workspace when a person allowed the
                              * call or WARDEN_ALLOW_WRITE is granted; otherwise they can only
                              * read */
};

/* Granted without a question; bits for warden_config.allowed. */
enum { WARDEN_ALLOW_WRITE = 1 << 0, WARDEN_ALLOW_RUN = 1 << 1 };

struct confined; /* see confined.h */

/* What a tool's function sees inside its child. The current folder is the workspace. */
struct warden_job {
    int workspace_fd;      /* the folder, opened for path lookups */
    const char *workspace; /* its absolute path, the same as outside */
    const char *temp;      /* a private folder to write to; only for WARDEN_PERMISSION_RUN */
    bool can_write;        /* the workspace may be changed */
    bool use_openat2;
    struct str arguments;            /* the raw bytes of the call */
    const struct confined *confined; /* for program_run() */
};

/* Appends the result (or the preview) to `out`. On an error the result is "error: " and its
 * text. */
typedef enum status(warden_job_fn)(const void *tool, const struct warden_job *job,
                                   struct strbuf *out, struct error *err);

struct warden_tool {
    const char *name;
    const void *tool; /* first argument of the functions */
    enum warden_permission permission;
    uint32_t timeout_ms;
    warden_job_fn *preview; /* what would be done; NULL for WARDEN_PERMISSION_READ */
    warden_job_fn *run;
};

struct warden_config {
    const char *workspace;    /* an existing folder */
    const char *state_folder; /* must not lie inside the workspace; NULL: none */
    unsigned allowed;         /* WARDEN_ALLOW_... */
    bool has_person;          /* somebody can be asked */
    struct sandbox_options sandbox;
    const struct warden_tool *tools; /* an index into it names the tool of a call */
    size_t tool_count;
};

/* What the front holds. Zeroed is none. */
struct warden {
    pid_t pid;
    struct channel approval; /* stays in the front; closed in the core */
    struct channel calls;    /* goes to the core (warden_client_new); closed in the front */
    struct sandbox_report report;
};

/* Forks the warden and waits until it has tried what the system can confine. E_INVALID when the
 * workspace is missing, is no folder, or holds the state folder. A warden on tier D starts too: it
 * refuses every call with a sentence. */
MUST_USE enum status warden_start(const struct warden_config *config, struct warden *out,
                                  struct error *err);

/* Ends the warden and everything it started; waits for it. Zeroed is allowed. */
void warden_stop(struct warden *warden);

enum warden_event_kind {
    WARDEN_EVENT_QUESTION,  /* answer it with warden_answer() */
    WARDEN_EVENT_WITHDRAWN, /* the question `number` needs no answer any more */
};

enum { WARDEN_NAME_MAX = 63 };

struct warden_event {
    enum warden_event_kind kind;
    uint32_t number;
    char tool_name[WARDEN_NAME_MAX + 1];
    struct strbuf text; /* QUESTION: safe to print, several lines */
};

/* Reads one event; call it when warden.approval.fd is readable. E_CANCELLED: the warden is gone. */
MUST_USE enum status warden_read_event(struct warden *warden, struct warden_event *event,
                                       struct error *err);
void warden_event_done(struct warden_event *event);

enum warden_answer {
    WARDEN_ANSWER_NO,
    WARDEN_ANSWER_YES,
    WARDEN_ANSWER_ALWAYS, /* this tool, for the life of the warden */
};

MUST_USE enum status warden_answer(struct warden *warden, uint32_t number,
                                   enum warden_answer answer, struct error *err);
