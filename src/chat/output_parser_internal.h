/*
 * output_parser_internal - the inside of an output parser, shared by output_parser.c,
 * output_channels.c and output_recipients.c only.
 *
 * Threads: see output_parser.h.
 */
#pragma once

#include "chat/output_parser.h"

enum output_parser_state {
    OUTPUT_PARSER_START,     /* nothing but white space so far: reasoning, an answer or a call */
    OUTPUT_PARSER_HEADER,    /* in front of a message, where the format has such */
    OUTPUT_PARSER_REASONING, /* until its closing marker */
    OUTPUT_PARSER_ANSWER,
    OUTPUT_PARSER_CALL, /* `held` is the reader's */
    OUTPUT_PARSER_END,  /* behind the message: what comes is dropped */
};

/* One call of feed or finish. */
struct output_parser_step {
    struct output_parser *parser;
    output_parser_fn *fn;
    void *context;
    bool is_final;
};

/* A search for several markers at once. */
struct output_parser_hits {
    struct str text;
    size_t first;       /* where the earliest begins, or SIZE_MAX */
    size_t partial_max; /* bytes at the end that may become one */
};
void output_parser_search(struct output_parser_hits *search, struct str marker);

/* How many held bytes can be reported when no marker was found: not what may become a marker, not
 * line ends that may stand in front of one, no half character. */
size_t output_parser_safe_len(const struct output_parser_step *step,
                              const struct output_parser_hits *search);

void output_parser_drop(struct output_parser *parser, size_t len);

/* Reports the first `len` held bytes as reasoning or answer and drops them. */
void output_parser_report_text(const struct output_parser_step *step, size_t len);

/* Each looks at what is held and returns true when another look may find more. */
bool output_channels_header(const struct output_parser_step *step);
bool output_channels_content(const struct output_parser_step *step);
bool output_recipients_header(const struct output_parser_step *step);
bool output_recipients_content(const struct output_parser_step *step);
