/*
 * tool_runner - carries out one call: in the core, or by the warden in a confined child.
 *
 * Threads: one call at a time. Used by: agent/ (through cli/).
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

struct memory_store;
struct warden_client;

/* Borrows both. Without a warden, tools that need a child give an error result. */
struct tool_runner {
    struct warden_client *warden;
    struct memory_store *memory;
};

/* Appends the result of the call to `out`, at most WARDEN_RESULT_MAX bytes of valid UTF-8. What
 * goes wrong inside a call (unknown tool, arguments that do not fit, a refusal, a time-out) is a
 * result that begins "error: ". E_CANCELLED after warden_client_cancel(); E_IO: no tool can run any
 * more. */
MUST_USE enum status tool_runner_call(struct tool_runner *runner, struct str tool_name,
                                      struct str arguments, struct strbuf *out, struct error *err);

/* True for a result that begins "error: ". */
bool tool_runner_is_error(struct str result);
