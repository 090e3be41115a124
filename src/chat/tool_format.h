/*
 * tool_format - how models write tool calls. One file and one row for each way.
 *
 * A row says how a call looks (for masks, which force these bytes), how it is recognised in a
 * rendered conversation (that is how a template's format is found), and how it is read back.
 *
 * Threads: the table is constant.
 * Used by: output_parser.c (reading), engine/ (which format a model has; masks).
 */
#pragma once

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <jansson.h>

struct chat_template;

enum {
    TOOL_FORMAT_MARKERS_MAX = 3,
    TOOL_FORMAT_MENTION_BYTES = 256, /* how far a closing tag is waited for when no call begins */
};

/* One call is: open, name_prefix, NAME, name_suffix, ARGUMENTS as a JSON object, close. Several
 * calls stand behind each other with `between`. The first bytes of `open` (or, when it is empty,
 * of `name_prefix`) are what begins a call. */
struct tool_format_syntax {
    struct str open;
    struct str name_prefix;
    struct str name_suffix;
    struct str close;
    struct str between;
};

/* Where a scan of a call stands; zeroed at its beginning. The meaning belongs to the row. */
struct tool_format_scan {
    size_t position; /* bytes looked at */
    size_t mark;     /* a place the row remembers */
    uint32_t depth;  /* open brackets */
    uint32_t stage;
    bool in_string;
    bool is_escaped;
};

enum tool_format_found {
    TOOL_FORMAT_MORE, /* the call goes on */
    TOOL_FORMAT_CALL, /* complete: name, arguments and consumed are set */
    TOOL_FORMAT_BAD,  /* cannot become a call: reason and consumed are set */
    TOOL_FORMAT_TEXT, /* never was one (formats without markers): ordinary text */
};

struct tool_format_call {
    struct str name;         /* views into the raw text, or into the two buffers */
    struct str arguments;    /* one JSON object */
    size_t consumed;         /* bytes of the raw text that belong to the call */
    struct error reason;     /* of BAD; text: one sentence */
    struct strbuf buffer;    /* owned scratch of the row: rebuilt arguments */
    struct strbuf name_text; /* owned scratch of the row: unescaped name */
};

struct tool_format {
    const char *name;
    struct tool_format_syntax syntax;
    bool arguments_are_json; /* masks can force the arguments as one JSON object */
    bool starts_reply;       /* a call has no marker: it is the whole reply, beginning with '{' */
    /* Texts that begin a call in the model's output; ends with NULL. */
    const char *markers[TOOL_FORMAT_MARKERS_MAX + 1];

    /* Does `rendered` hold the probe call (TOOL_FORMAT_PROBE_*) in this format? */
    bool (*matches)(struct str rendered);

    /* Looks at `raw`, which begins with a marker and has grown since the last time. `is_final`: no
     * more will come. `tools`: as in chat_request, may be NULL. */
    enum tool_format_found (*scan)(struct tool_format_scan *scan, struct str raw, bool is_final,
                                   const json_t *tools, struct tool_format_call *out);
};

/* The call that chat_template.c renders to find the format. */
#define TOOL_FORMAT_PROBE_NAME     "probe_tool"
#define TOOL_FORMAT_PROBE_ARGUMENT "probe_argument"
#define TOOL_FORMAT_PROBE_VALUE    "probe_value"

/* The rows; the first is the default for templates that know no calls. */
const struct tool_format *tool_format_list(size_t *out_count);

/* By name ("hermes", "qwen3_coder", "llama3"), or NULL. */
const struct tool_format *tool_format_find(struct str name);

/* How this template writes calls; the default row when it writes none or in an unknown way
 * (*out_known, which may be NULL, tells). Never NULL. */
const struct tool_format *tool_format_detect(const struct chat_template *chat_template,
                                             bool *out_known);

void tool_format_call_done(struct tool_format_call *call);

/* For rows: `raw` begins with an opening tag behind which no call begins. A bad call when the
 * closing tag follows soon, else the tag was only mentioned and is text. */
enum tool_format_found tool_format_mention(struct str raw, struct str open_tag,
                                           struct str close_tag, bool is_final, const char *reason,
                                           struct tool_format_call *out);

/* For rows: says that the first `consumed` bytes are a bad call; returns TOOL_FORMAT_BAD. */
enum tool_format_found tool_format_bad(struct tool_format_call *out, size_t consumed,
                                       const char *reason);
