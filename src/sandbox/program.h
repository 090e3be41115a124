/*
 * program - starts one program inside a confined child, and keeps what it prints.
 *
 * It gets an empty standard input, an environment of five variables (PATH, HOME = the workspace,
 * TMPDIR, LANG, TERM), and its own process group. Output and errors come through one pipe in the
 * order they are written. When the program ends, what it left running is ended too. There is no
 * time limit here: the warden keeps it.
 *
 * Threads: one. Used by: tools/tool_run_command.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

struct confined;

enum {
    PROGRAM_OUTPUT_MAX = 80 * 1024, /* bytes kept; three times that when none is valid UTF-8 */
    PROGRAM_FLOOD_MAX = 64 * 1024 * 1024, /* bytes read before it is stopped */
};

struct program_result {
    int exit_code;          /* 128 + N for signal N; 127 when it could not be started */
    uint64_t dropped_bytes; /* behind the ones kept */
    uint64_t dropped_lines; /* newlines among them */
    bool ends_in_line;      /* the last byte of all was no newline */
};

/* `arguments` ends with NULL; the first is the absolute path. Appends at most PROGRAM_OUTPUT_MAX
 * bytes of output to `out`. E_LIMIT when it wrote more than PROGRAM_FLOOD_MAX,
 * E_CANCELLED when this process was told to end. */
MUST_USE enum status program_run(const struct confined *confined, const char *const *arguments,
                                 struct strbuf *out, struct program_result *result,
                                 struct error *err);
