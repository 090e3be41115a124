/*
 * pretokenizer_scan - the characters of the text that one step cuts.
 *
 * Threads: any. For the pretokenizer files of tokenizer/ only.
 */
#pragma once

#include "text/unicode.h"
#include "text/utf8.h"

#include <stdbool.h>

struct scan {
    const struct unicode_table *unicode;
    const char *text;
    size_t end;
};

/* One character: what it is and where the next begins. */
struct character {
    uint32_t code_point; /* UTF8_INVALID for a byte that is no UTF-8 */
    uint8_t class;       /* bits of enum unicode_class */
    size_t next;
};

struct match {
    size_t begin; /* == end: none */
    size_t end;
};

/* At the end: class 0 and code point UTF8_INVALID, next == end. */
static inline struct character scan_at(const struct scan *scan, size_t at)
{
    if (at >= scan->end)
        return (struct character){UTF8_INVALID, 0, scan->end};
    const unsigned char first = (unsigned char)scan->text[at];
    if (first < 0x80)
        return (struct character){first, scan->unicode->classes[first], at + 1};
    struct str rest = {scan->text + at, scan->end - at};
    const uint32_t code_point = utf8_next(&rest);
    return (struct character){code_point, unicode_table_class(scan->unicode, code_point),
                              scan->end - rest.len};
}

/* End of the longest run from `at` of characters in one of `classes`, or, with `is_inverted`, in
 * none of them. */
static inline size_t scan_run(const struct scan *scan, size_t at, unsigned classes,
                              bool is_inverted)
{
    while (at < scan->end) {
        const struct character c = scan_at(scan, at);
        if (((c.class & classes) != 0) == is_inverted)
            break;
        at = c.next;
    }
    return at;
}

static inline bool scan_is_line_end(uint32_t code_point)
{
    return code_point == '\n' || code_point == '\r';
}
