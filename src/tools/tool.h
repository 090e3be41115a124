/*
 * tool - one thing an agent can do, as a constant row.
 *
 * Schema, checks, approval text, help and documentation derive from the row. A tool is one file
 * with one `const struct tool`, and one line in tool_list.c. Tools that touch files or run programs
 * have runs_in_child set and run in a child that the warden confines; the others run in the core.
 *
 * Threads: rows are constant; run() and preview() are called by one thread at a time.
 * Used by: tools/, cli/ (help), agent/ through tool_list.h and tool_runner.h.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_store;
struct tool_args; /* see tool_args.h */
struct warden_job;

enum tool_permission {
    TOOL_PERMISSION_NONE,  /* touches nothing of the user's */
    TOOL_PERMISSION_READ,  /* reads the workspace */
    TOOL_PERMISSION_WRITE, /* changes files in the workspace */
    TOOL_PERMISSION_RUN,   /* runs programs */
};

enum tool_param_kind { TOOL_PARAM_STRING, TOOL_PARAM_INT };

struct tool_param {
    const char *name;
    enum tool_param_kind kind;
    bool is_required;
    int64_t int_min; /* TOOL_PARAM_INT */
    int64_t int_max; /* TOOL_PARAM_INT; INT64_MAX: no bound is told */
    const char *help;
};

enum { TOOL_PARAMS_MAX = 8 };

/* Where a tool works. In the core `job` is NULL; in a child `memory` is. */
struct tool_context {
    const struct warden_job *job;
    struct memory_store *memory;
};

/* Appends the result to `out`. On an error the model reads "error: " and err->text instead. */
typedef enum status(tool_fn)(const struct tool_context *context, const struct tool_args *args,
                             struct strbuf *out, struct error *err);

struct tool {
    const char *name;
    const char *description;
    const struct tool_param *params;
    size_t param_count;
    enum tool_permission permission;
    bool runs_in_child;
    uint32_t timeout_ms;
    tool_fn *preview; /* WRITE and RUN: what would be done, in full; fails as run() would */
    tool_fn *run;
};
