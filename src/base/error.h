/*
 * error - how every fallible function in holt reports failure.
 *
 * A fallible function returns `enum status` and takes `struct error *err` as its last parameter.
 * The status says what a caller can do about it; the text says what a person should read.
 * Only code in cli/ and api/ prints errors; everything below returns them.
 *
 * Threads: an error belongs to the thread whose call filled it.
 */
#pragma once

#include "base/attr.h"

enum status {
    OK = 0,
    E_INVALID,     /* the request contradicts its own contract */
    E_FORMAT,      /* bytes are not what they claim to be */
    E_IO,          /* the operating system said no */
    E_NO_MEMORY,   /* an input-sized allocation failed */
    E_LIMIT,       /* a configured bound would be exceeded */
    E_NOT_FOUND,   /* the named thing does not exist */
    E_UNSUPPORTED, /* valid, but holt does not do it */
    E_DENIED,      /* policy or sandbox refused */
    E_CANCELLED,   /* the caller went away */
    E_BUSY,        /* no place just now: the same request may do later */
};

enum { ERROR_TEXT_MAX = 512 };

struct error {
    enum status status;
    char text[ERROR_TEXT_MAX]; /* "what failed: why"; no newline, no final period */
};

/* Fills *err (which may be NULL) and returns `status`, so it can end a function. */
MUST_USE enum status error_set(struct error *err, enum status status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* As error_set(E_IO) with ": ", the text of errno and what to do appended. ENOENT becomes
 * E_NOT_FOUND. */
MUST_USE enum status error_errno(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "not found", "out of memory", ...: the status alone in words, for logs and JSON. */
const char *error_status_name(enum status status);

/* Returns early with the callee's status; *err is already filled. */
#define TRY(call)                         \
    do {                                  \
        enum status try_status_ = (call); \
        if (try_status_ != OK)            \
            return try_status_;           \
    } while (0)
