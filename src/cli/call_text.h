/*
 * call_text - a tool call and its result in one line each, for people.
 *
 *   read_file notes.txt first_line=3        notes.txt: lines 3-12 of 12  (+10 lines)
 *
 * Made in the core, from what the model wrote; the front cleans it before it is shown. What a
 * person must see in full before allowing it comes from the warden instead.
 *
 * Threads: any.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

enum { CALL_TEXT_COLUMNS_MAX = 160 };

/* The name and the arguments: required ones as their value, optional ones as name=value. Arguments
 * that are no JSON object are shown as they are. */
void call_text_add_call(struct str tool_name, struct str arguments, struct strbuf *out);

/* The first line of the result and how many more there are. */
void call_text_add_result(struct str result, struct strbuf *out);
