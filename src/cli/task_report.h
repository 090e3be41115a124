/*
 * task_report - a finished task as one JSON object, for scripts.
 *
 *   {"answer": "...", "end": "answer", "session": "k3f9qa", "steps": 2,
 *    "calls": [{"tool": "read_file", "arguments": {...}, "result": "...", "is_error": false}],
 *    "notices": [...], "prompt_tokens": ..., "cached_tokens": ..., "generated_tokens": ...,
 *    "context_tokens": ..., "seconds": ..., "error": null}
 *
 * Threads: one at a time. Used by: task_run.c, cmd_eval.c.
 */
#pragma once

#include "base/strbuf.h"

#include <jansson.h>

struct front_message;

/* Zeroed is empty. */
struct task_report {
    struct strbuf answer; /* text of the step that is going on */
    json_t *calls;
    json_t *notices;
};

void task_report_done(struct task_report *report);

/* Collects; other messages are without effect. */
void task_report_add(struct task_report *report, const struct front_message *message);

/* "answer", "steps", "context", "cancelled" or "error". */
const char *task_report_end_name(const struct front_message *finished);

/* A new object. `finished` is FRONT_FINISHED, or NULL when the core is gone: then `error_text` says
 * why. */
json_t *task_report_make(const struct task_report *report, const struct front_message *finished,
                         const char *error_text);
