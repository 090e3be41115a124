/*
 * output_parser - the bytes a model makes, in; reasoning, text and tool calls, out.
 *
 * No input or output of its own: bytes are fed as they come, cut anywhere, and the events do not
 * depend on where they were cut (except where a text is split into pieces). Text that could still
 * become a marker is held back; nothing else is. Line ends around reasoning and directly before a
 * call are the format's, not the answer's, and belong to no event. What begins as a call and is
 * none is reported with the raw text and the reason; nothing is lost and nothing crashes.
 *
 * Memory: one buffer that grows with the longest call; feeding text allocates nothing once it is
 * there. Threads: one at a time. Used by: engine/session.c.
 */
#pragma once

#include "base/strbuf.h"
#include "chat/chat_event.h"
#include "chat/tool_format.h"
#include "chat/tool_reader.h"

#include <jansson.h>

enum { OUTPUT_PARSER_CALL_BYTES_MAX = 4 * 1024 * 1024 }; /* a longer call is a bad one */

/* Returns false to stop: the rest of what was fed is dropped. */
typedef bool(output_parser_fn)(void *context, const struct chat_event *event);

/* A pair of texts around reasoning. */
struct output_parser_reasoning {
    struct str open;
    struct str close;
};

struct output_parser_config {
    const struct tool_format *format; /* NULL: everything but reasoning is text */
    bool makes_no_calls;              /* what looks like a call is text; headers are none */
    const json_t *tools;              /* types of arguments, where a format needs them; may be NULL;
                                         borrowed */
    struct output_parser_reasoning reasoning; /* empty: none */
    bool starts_in_reasoning;                 /* the prompt ended inside it */
};

struct output_parser {
    struct output_parser_config config;
    struct strbuf held; /* bytes not yet reported */
    struct tool_reader reader;
    size_t reported_len;     /* bytes of the call's arguments that were reported */
    bool has_begun;          /* CALL_BEGIN was reported */
    size_t gap_len;          /* line ends in front of the call that is being read */
    int state;               /* enum output_parser_state */
    bool drops_line_ends;    /* at the beginning of a part that the format sets apart */
    bool is_after_call;      /* only white space since a call */
    bool call_was_reasoning; /* the call began inside reasoning */
    bool is_stopped;
};

/* `config` is copied; what it points to is borrowed. */
void output_parser_init(struct output_parser *parser, const struct output_parser_config *config);
void output_parser_done(struct output_parser *parser);

/* Where the next bytes belong. */
enum output_parser_place {
    OUTPUT_PARSER_OUTSIDE,   /* of reasoning */
    OUTPUT_PARSER_INSIDE,    /* it */
    OUTPUT_PARSER_UNDECIDED, /* what began inside it like a call: may turn out to be one, or not */
};
enum output_parser_place output_parser_place(const struct output_parser *parser);

/* False when the receiver stopped. */
bool output_parser_feed(struct output_parser *parser, struct str bytes, output_parser_fn *fn,
                        void *context);

/* Reports what was held back, then CHAT_EVENT_FINISHED. The parser is then as after _init(). */
bool output_parser_finish(struct output_parser *parser, output_parser_fn *fn, void *context);

/* Did the format's own mark end the message? Whatever else is fed is dropped until _finish(). */
bool output_parser_has_ended(const struct output_parser *parser);

/* The reasoning markers a template uses ("<think>" and "</think>" and their kin), found in its
 * source; those two when it names none. */
struct output_parser_reasoning output_parser_reasoning_of(struct str template_source);

/* Does a rendered prompt end inside reasoning: an opening marker, then only white space? */
bool output_parser_prompt_is_open(struct str prompt, struct output_parser_reasoning reasoning);
