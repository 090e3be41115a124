/*
 * tool_args - the arguments of a call, checked against the tool's table.
 *
 * What does not fit gives a sentence the model can act on: no object, an unknown or missing name, a
 * wrong type, a number out of range, invalid UTF-8. Strings may hold any character, also U+0000.
 *
 * Threads: one at a time.
 */
#pragma once

#include "tools/tool.h"

#include <jansson.h>

struct tool_args {
    const struct tool *tool;
    json_t *object; /* owns the strings */
    struct {
        bool is_given;
        struct str text; /* TOOL_PARAM_STRING */
        int64_t number;  /* TOOL_PARAM_INT */
    } values[TOOL_PARAMS_MAX];
};

/* `json` is the text of one object. E_INVALID or E_FORMAT with a sentence for the model. */
MUST_USE enum status tool_args_parse(const struct tool *tool, struct str json,
                                     struct tool_args *out, struct error *err);
void tool_args_done(struct tool_args *args);

/* `name` is one of the tool's parameters; `otherwise` is returned when it was left out. The view
 * lives as long as the arguments. */
struct str tool_args_string(const struct tool_args *args, const char *name, struct str otherwise);
int64_t tool_args_int(const struct tool_args *args, const char *name, int64_t otherwise);
