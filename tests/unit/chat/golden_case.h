/*
 * golden_case - text files with named sections: what goes in, what must come out.
 *
 * The first line is "why: ..."; a section begins with a line "--- NAME" and ends where the next
 * begins. With HOLT_UPDATE_GOLDEN in the environment a runner may rewrite the last section instead
 * of comparing it; the change is then reviewed as a diff.
 */
#pragma once

#include "base/str.h"

typedef void(golden_case_fn)(const char *path, struct str text);

/* Calls `fn` for every file that matches `pattern` (relative to the root of the repository), in
 * order of their names; fails the test when there are fewer than `count_min`. */
void golden_case_each(const char *pattern, size_t count_min, golden_case_fn *fn);

/* The text of a section, without its last newline; {NULL, 0} when the case has none. The name may
 * be followed by words in parentheses. */
struct str golden_case_section(struct str text, const char *name);

/* Compares with the last section, `name`, or rewrites it when that was asked for. */
void golden_case_expect(const char *path, struct str text, const char *name, struct str got);
