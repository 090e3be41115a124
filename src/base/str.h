/*
 * str - a borrowed view of bytes: pointer and length, no NUL assumed.
 *
 * A view owns nothing; the header that hands one out says how long it lives. {NULL, 0} is empty.
 * Functions here never allocate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

/* A view of a string literal: STR("abc"). */
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})

/* For printf: "%.*s", STR_ARG(s). Text from outside must be bounded or cleaned first. */
#define STR_ARG(s) (int)((s).len > INT32_MAX ? INT32_MAX : (s).len), (s).ptr

static inline struct str str_from_c(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_equal_c(struct str a, const char *b)
{
    return str_equal(a, str_from_c(b));
}

static inline bool str_starts_with(struct str text, struct str prefix)
{
    return text.len >= prefix.len && (prefix.len == 0 || !memcmp(text.ptr, prefix.ptr, prefix.len));
}

static inline bool str_ends_with(struct str text, struct str suffix)
{
    return text.len >= suffix.len &&
           (suffix.len == 0 || !memcmp(text.ptr + text.len - suffix.len, suffix.ptr, suffix.len));
}

/* Bytes [from, to) of text, both cut to its length. */
static inline struct str str_slice(struct str text, size_t from, size_t to)
{
    to = to < text.len ? to : text.len;
    from = from < to ? from : to;
    return (struct str){text.ptr ? text.ptr + from : NULL, to - from};
}

/* Byte order, shorter first on a tie: -1, 0 or 1. */
int str_compare(struct str a, struct str b);

/* Index of the first `needle` at or after `from`, or SIZE_MAX. An empty one is found at `from`. */
size_t str_find(struct str text, struct str needle, size_t from);
size_t str_find_char(struct str text, char c, size_t from);

/* The longest end of `text` that is a proper beginning of `marker`. */
size_t str_partial(struct str text, struct str marker);

/* Without ASCII whitespace at both ends; at the front only. */
struct str str_trim(struct str text);
struct str str_trim_front(struct str text);

/* Takes the text before `separator` off the front of *rest and returns it; the separator is
 * dropped. Without one it returns all and leaves *rest empty with ptr NULL. */
struct str str_split(struct str *rest, char separator);

/* Whole text as a decimal integer in [INT64_MIN, INT64_MAX]; false if it is anything else. */
bool str_to_int(struct str text, int64_t *out);

/* Whole text as a finite decimal number ("1", "-0.5", "1e-3"); false if it is anything else. */
bool str_to_double(struct str text, double *out);
