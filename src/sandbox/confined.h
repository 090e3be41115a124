/*
 * confined - runs one function in a child that can do nothing but what it is there for.
 *
 * Two kinds of child. FILES runs holt's own code on files of the workspace: no other path, no other
 * program, no process. PROGRAM may start programs: they see the system's programs, a few settings,
 * the workspace and a private temporary folder. How that is enforced is the tier (sandbox.h):
 *
 *              FILES                       PROGRAM
 *   Landlock   + filter                    + filter, + namespaces where they work
 *   without    namespaces + filter         namespaces + filter
 *
 * Threads: one; the process that starts children has no other threads. Used by: sandbox/.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "os/process.h"
#include "sandbox/sandbox.h"
#include "sandbox/syscall_filter.h"

#include <sys/types.h>

enum confined_kind { CONFINED_FILES, CONFINED_PROGRAM };

/* What the children of one workspace share; made once. Zeroed is none. */
struct confined_setup {
    char *workspace;  /* absolute, without links */
    int workspace_fd; /* valid while workspace is not NULL */
    uid_t owner_uid;  /* of the workspace: as root, children run as its owner */
    gid_t owner_gid;
    struct sandbox_options options;
    struct sandbox_report report;
    struct syscall_filter files;
    struct syscall_filter program;
    struct syscall_filter one_group; /* for programs without namespaces */
};

/* Tries what the system can do and fills setup->report. E_INVALID when the workspace is missing or
 * no folder. Tier D is no error here; confined_start() refuses then. */
MUST_USE enum status confined_setup_init(const char *workspace,
                                         const struct sandbox_options *options,
                                         struct confined_setup *setup, struct error *err);
void confined_setup_done(struct confined_setup *setup);

/* Inside the child. */
struct confined {
    const struct confined_setup *setup;
    enum confined_kind kind;
    int workspace_fd;
    const char *temp; /* PROGRAM: the private folder to write to */
    bool can_write;
    bool has_own_processes;     /* process 1 of a namespace: nothing outlives us */
    bool has_proc;              /* a /proc of our own */
    struct process_sweep sweep; /* otherwise: how to end what we started */
};

/* Appends to `out` what the parent gets. */
typedef enum status(confined_fn)(void *context, const struct confined *confined, struct strbuf *out,
                                 struct error *err);

struct confined_job {
    enum confined_kind kind;
    bool can_write;   /* the workspace may be changed */
    const char *temp; /* PROGRAM without namespaces: an empty folder of the child's user */
    size_t result_max;
    confined_fn *run;
    void *context;
};

/* A running child. Zeroed is none. */
struct confined_child {
    pid_t pid;
    int result_fd;  /* its result, then end of file; valid while pid is not 0 */
    bool is_gentle; /* it ends its own children on SIGTERM */
};

MUST_USE enum status confined_start(const struct confined_setup *setup,
                                    const struct confined_job *job, struct confined_child *out,
                                    struct error *err);

enum confined_end {
    CONFINED_DONE,    /* the result is what the function wrote */
    CONFINED_FAILED,  /* the result is the text of its error */
    CONFINED_CRASHED, /* it ended otherwise: killed, or the sandbox could not be built */
};

/* After end of file on result_fd (or to make an end): waits a moment, kills what is left,
 * closes. */
enum confined_end confined_finish(struct confined_child *child);

/* Ends the child and everything it started. No effect on none. */
void confined_kill(struct confined_child *child);

/* All of it in one call, for the probe and for tests: start, read, wait at most timeout_ms. */
MUST_USE enum status confined_run(const struct confined_setup *setup,
                                  const struct confined_job *job, int timeout_ms,
                                  struct strbuf *out, enum confined_end *out_end,
                                  struct error *err);
