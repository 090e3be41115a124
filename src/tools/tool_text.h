/*
 * tool_text - small pieces of the result texts that several tools share.
 *
 * Threads: any. Used by: tools/.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

/* Appends "1 file", "2 files"; "match" and "entry" have the plurals "matches" and "entries". */
void tool_text_count(struct strbuf *out, uint64_t count, const char *noun);

/* Appends "[cut: 3 more matches]". */
void tool_text_cut(struct strbuf *out, uint64_t count, const char *noun);

/* True for what tools show and change: valid UTF-8 without NUL. */
bool tool_text_is_text(struct str bytes);
