/*
 * lines - the lines of a text, one after the other, without their ends.
 *
 * A line ends with "\n" (a "\r" before it stays part of the line). A last line without one counts;
 * nothing behind the last "\n" is no line: "a\nb" and "a\nb\n" have two, "" has none.
 *
 * Threads: one at a time; the text is borrowed. Depends on: base/.
 */
#pragma once

#include "base/str.h"

struct lines {
    struct str rest;
    struct str line; /* the current one */
    uint64_t number; /* its number, from 1; 0 before the first */
};

static inline struct lines lines_over(struct str text)
{
    return (struct lines){.rest = text};
}

/* Goes to the next line; false when there is none. */
bool lines_next(struct lines *lines);

uint64_t lines_count(struct str text);

/* The number of the line that holds byte `at` of `text`, from 1. */
uint64_t lines_number_at(struct str text, size_t at);
