/*
 * tool_reader - one tool call after the other, read out of growing text as tool_format.h says.
 *
 * The reader is handed everything from the beginning of a call on, again and again as it grows; it
 * remembers how far it has looked. What it makes of a text depends on the text alone, not on how it
 * grew. Name and arguments can be seen while the call goes on: once `is_sure` is set the text is a
 * call (though it may still turn out a bad one), its name and id are there, and `arguments` grows.
 *
 *   tool_reader.c          openings, names, ends, sections
 *   tool_reader_object.c   calls that are JSON objects, arguments that are
 *   tool_reader_tags.c     arguments between tags
 *   tool_reader_elements.c arguments between tags of their own names
 *   tool_literal.c         arguments as literals of Python, or in braces
 *
 * Ownership: owns its buffers. Threads: one at a time. Used by: output_parser.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "chat/tool_format.h"
#include "chat/tool_literal.h"

#include <jansson.h>

enum {
    TOOL_READER_NAME_MAX = 256,      /* bytes of a name or key */
    TOOL_READER_HEADER_MAX = 1024,   /* bytes between an opening and the arguments */
    TOOL_READER_MENTION_BYTES = 256, /* how far a closing tag is waited for when no call begins */
    TOOL_READER_DEPTH_MAX = 64,      /* brackets, elements; json_parse() has its own bound */
};

enum tool_reader_found {
    TOOL_READER_MORE,    /* the call goes on */
    TOOL_READER_CALL,    /* complete: name, id and arguments; `consumed` is set */
    TOOL_READER_BAD,     /* cannot become a call: reason and consumed are set */
    TOOL_READER_TEXT,    /* never was one: `consumed` bytes of ordinary text */
    TOOL_READER_OUTSIDE, /* no further call follows: `consumed` bytes closed the section */
};

/* Where a JSON value that is being passed over stands, and the members of the outermost object. */
struct tool_reader_json {
    uint32_t depth;
    bool in_string;
    bool is_escaped;
    int expect; /* enum expect of tool_reader_object.c */
    int key;    /* enum key of the same */
    size_t key_start;
    size_t value_start;
    size_t arguments_start; /* 0: not seen */
    size_t arguments_end;   /* 0: not complete */
};

/* ELEMENTS: those that are open, from the outermost on; in an object or list only the innermost may
 * be something else. */
struct tool_reader_elements {
    struct strbuf names; /* one behind the other */
    uint32_t count;      /* of arguments */
    uint32_t depth;
    struct tool_reader_element {
        size_t name_at; /* in `names` */
        uint32_t count; /* members or items so far */
        bool is_list;
    } open[TOOL_READER_DEPTH_MAX];
};

struct tool_reader {
    const struct tool_format *format;
    const struct tool_format_syntax *syntax;
    const json_t *tools; /* types of arguments, where a format needs them; may be NULL; borrowed */
    int stage;           /* enum stage of tool_reader_internal.h */
    bool in_section;     /* behind section_open */
    bool is_sure;
    bool is_bad;       /* complete, but its arguments are none */
    size_t at;         /* bytes read */
    size_t value_from; /* TAGS, ELEMENTS: where the value begins */
    size_t searched;   /* TAGS, ELEMENTS, LOST: its end is not before here */
    bool is_text;      /* TAGS, ELEMENTS: the value is a text, as it stands */
    unsigned kinds;    /* ELEMENTS: what the value may be (tool_schema.h) */
    struct tool_reader_elements elements;
    struct tool_reader_json json;
    struct tool_literal literal;
    struct strbuf name;
    struct strbuf id; /* empty: none */
    struct strbuf arguments;
    struct error reason;
    size_t consumed;
};

void tool_reader_init(struct tool_reader *reader, const struct tool_format *format,
                      const json_t *tools);
void tool_reader_done(struct tool_reader *reader);

/* Before the first byte of a call that begins with a marker (or '{', see starts_reply). */
void tool_reader_begin(struct tool_reader *reader);

/* Before the arguments of a call whose name is known, at byte `at` of the text. */
void tool_reader_begin_arguments(struct tool_reader *reader, struct str name, size_t at);

/* Behind a call, when the text before was dropped: a section may go on. */
void tool_reader_next(struct tool_reader *reader);

/* Looks at `raw`, which begins where tool_reader_begin() or _next() was called and has grown since
 * the last time. `is_final`: no more will come. */
enum tool_reader_found tool_reader_read(struct tool_reader *reader, struct str raw, bool is_final);

/* `consumed` bytes are a bad call. */
enum tool_reader_found tool_reader_bad(struct tool_reader *reader, size_t consumed,
                                       const char *reason);
