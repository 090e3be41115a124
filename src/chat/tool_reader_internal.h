/*
 * tool_reader_internal - the inside of a tool reader, shared by the tool_reader*.c files only.
 *
 * Threads: see tool_reader.h.
 */
#pragma once

#include "chat/tool_reader.h"

enum tool_reader_stage {
    TOOL_READER_START,     /* in front of the opening */
    TOOL_READER_BODY,      /* behind it: an object or a name must come */
    TOOL_READER_HEADER,    /* in the name */
    TOOL_READER_OBJECT_IN, /* inside the object that is the call */
    TOOL_READER_ARGUMENTS, /* in front of the arguments, or between two of them */
    TOOL_READER_VALUE,     /* TAGS, ELEMENTS: in a value */
    TOOL_READER_LITERAL,   /* PYTHON, BRACES: inside */
    TOOL_READER_CLOSE,     /* behind the arguments */
    TOOL_READER_BETWEEN,   /* behind a call of a section */
    TOOL_READER_LOST,      /* a bad call whose end is looked for */
};

/* What stands at some place, when it may not be complete yet. */
enum tool_reader_match { TOOL_READER_NO, TOOL_READER_YES, TOOL_READER_MAYBE };

/* What is left of `raw` from byte `at` on, without white space in front. */
struct str tool_reader_rest(struct str raw, size_t at);

enum tool_reader_match tool_reader_match(struct str rest, struct str wanted, bool is_final);

/* Matches the words of `text` at *at, white space being free; moves *at behind them on YES. */
enum tool_reader_match tool_reader_match_words(struct str raw, size_t *at, struct str text,
                                               bool is_final);

/* From here on the call is bad. */
void tool_reader_lose(struct tool_reader *reader, const char *reason);

/* Each looks at what `raw` has and returns true when the stage changed. */
bool tool_reader_object(struct tool_reader *reader, struct str raw, bool is_final);
bool tool_reader_json_arguments(struct tool_reader *reader, struct str raw, bool is_final);
bool tool_reader_tags(struct tool_reader *reader, struct str raw, bool is_final);
bool tool_reader_tag_value(struct tool_reader *reader, struct str raw, bool is_final);
bool tool_reader_elements(struct tool_reader *reader, struct str raw, bool is_final);

/* Does the innermost element hold further ones? Then the stage changes. */
enum tool_reader_match tool_reader_element_value(struct tool_reader *reader, struct str raw,
                                                 bool is_final);
/* What it is when it holds nothing. */
const char *tool_reader_element_empty(const struct tool_reader *reader);
/* Appends its closing tag. */
void tool_reader_element_close(const struct tool_reader *reader, struct strbuf *out);
void tool_reader_element_pop(struct tool_reader *reader);

/* Moves over a JSON value that begins at json->depth == 0; true when `*at` is behind it. */
bool tool_reader_skip_json(struct tool_reader_json *json, struct str raw, size_t *at);
