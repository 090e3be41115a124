/*
 * tool_format - how models write tool calls. One file and one row for each way.
 *
 * A row describes the form once, as texts around a name and its arguments. From that description
 * follow how a template's format is found (a probe call is rendered and compared), how calls are
 * read (tool_reader.h) and what a token mask forces (engine/tool_mask.c). What is forced is the
 * text exactly as the template writes it; what is read may differ in white space and may lack the
 * tags that models leave out.
 *
 * Threads: the table is constant.
 * Used by: tool_reader.c, output_parser.c, engine/ (which format a model has; masks).
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct chat_template;

enum {
    TOOL_FORMAT_MARKERS_MAX = 4,
    TOOL_FORMAT_ID_LETTERS_LEN = 9, /* what Mistral's templates demand */
};

/* How a name and its arguments stand. */
enum tool_format_shape {
    TOOL_FORMAT_OBJECT, /* members of one JSON object */
    TOOL_FORMAT_NAMED,  /* the name as text, then the arguments */
};

enum tool_format_arguments {
    TOOL_FORMAT_JSON,     /* one JSON object */
    TOOL_FORMAT_TAGS,     /* each between tags: texts as they are, everything else as JSON */
    TOOL_FORMAT_PYTHON,   /* keyword arguments of a Python call */
    TOOL_FORMAT_BRACES,   /* {key:value,...} with bare keys and texts between `quote` marks */
    TOOL_FORMAT_ELEMENTS, /* each between tags of its own name, objects and lists inside, too */
};

/* Whether the output is a row of messages, each with a header. */
enum tool_format_headers {
    TOOL_FORMAT_NO_HEADERS,
    TOOL_FORMAT_CHANNELS,   /* see output_channels.c */
    TOOL_FORMAT_RECIPIENTS, /* see output_recipients.c */
};

enum tool_format_id {
    TOOL_FORMAT_NO_ID,
    TOOL_FORMAT_ID_LETTERS, /* nine letters and digits */
    TOOL_FORMAT_ID_INDEX,   /* a count from 0 */
};

enum tool_format_place {
    TOOL_FORMAT_BEFORE_NAME,
    TOOL_FORMAT_BEHIND_NAME,
    TOOL_FORMAT_BEHIND_ARGUMENTS,
};

/*
 *   answer = section_open call { between call } section_close
 *   call   = open name_open NAME name_close ARGUMENTS close
 *
 * with an id (behind `id_open`) in one of three places. In an OBJECT `name_open` holds the opening
 * brace; the closing one stands in front of `close` and is not part of it. Between two calls that
 * are no section stands `between`, too. Every text may be empty.
 */
struct tool_format_syntax {
    struct str section_open;
    struct str open;
    struct str name_open;
    struct str name_close;
    struct str close;
    struct str between;
    struct str section_close;
    struct str id_open;
    struct str key_open;        /* TAGS: key_open KEY key_close VALUE value_close
                                   ELEMENTS: key_open KEY key_close VALUE value_close KEY key_close,
                                   and the same for each member of an object inside, and for each
                                   item of a list, whose key is TOOL_FORMAT_ITEM */
    struct str key_close;       /* TAGS: in front of a text, or of any value */
    struct str key_close_other; /* TAGS: in front of a value that is no text, where that differs */
    struct str value_close;     /* TAGS, ELEMENTS */
    struct str quote;           /* BRACES: around a text */
    enum tool_format_shape shape;
    enum tool_format_arguments arguments;
    enum tool_format_id id;
    enum tool_format_place id_place;
};

struct tool_format {
    const char *name;
    struct tool_format_syntax syntax;
    /* Texts that begin a call in the model's output; ends with NULL. The first is what a mask waits
     * for where the form begins with more than one word. */
    const char *markers[TOOL_FORMAT_MARKERS_MAX + 1];
    const char *hint;  /* NULL, or what a template of this format has in its source */
    bool starts_reply; /* a call needs no marker: it is the whole reply, beginning with '{' */
    enum tool_format_headers headers;
    bool is_single;  /* one call in an answer */
    const char *end; /* NULL, or what ends a message: nothing of what follows is the answer's, but
                        for a call */
    /* Read where `markers[0]` is not followed by an object: another way to write a call. */
    const struct tool_format_syntax *otherwise;
};

#define TOOL_FORMAT_ITEM "item"

/* The call that is rendered to find the format. */
#define TOOL_FORMAT_PROBE_NAME     "probe_tool"
#define TOOL_FORMAT_PROBE_ARGUMENT "probe_argument"
#define TOOL_FORMAT_PROBE_VALUE    "probe_value"

/* The rows; the first is the default for templates that know no calls. */
const struct tool_format *const *tool_format_list(size_t *out_count);

/* By name ("hermes", "qwen3_coder", ...), or NULL. */
const struct tool_format *tool_format_find(struct str name);

/* How this template writes calls; the default row when it writes none or in an unknown way
 * (*out_known, which may be NULL, tells). Never NULL. */
const struct tool_format *tool_format_detect(const struct chat_template *chat_template,
                                             bool *out_known);

/* The next word of a text of the syntax: white space and the beginnings of tags part words, since
 * models are free with the space between them. A mark of MiniMax M3 and the tag behind it are one.
 * Empty at the end. */
struct str tool_format_next_word(struct str *rest);

/* The last word, empty if there is none. */
struct str tool_format_last_word(struct str text);
