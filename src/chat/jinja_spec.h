/*
 * jinja_spec - one value, formatted as Python's format specifications say: width, precision, sign,
 * fill, kind of number.
 *
 * Shared by "%5.2f" and "{:>5.2f}" (jinja_printf.h), which read their own spelling into a
 * struct jinja_spec.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_value.h"

struct jinja_context;
struct jinja_text;

enum {
    JINJA_SPEC_WIDTH_MAX = 4096,
    JINJA_SPEC_PRECISION_MAX = 300, /* of numbers: digits of the longest double */
};

struct jinja_spec {
    struct str fill;   /* one character; empty: a space */
    char align;        /* '<', '>', '^', '=' (between sign and digits) or 0: as the kind wants it */
    char sign;         /* '+', ' ' or 0 */
    char grouping;     /* ',' or '_' between groups of digits, or 0 */
    char type;         /* 'd', 'f', 's', ... or 0 */
    bool alternate;    /* "0x" before hexadecimal, and its kin */
    bool zero;         /* filled with zeros behind the sign */
    int64_t width;     /* characters, at least; 0: none */
    int64_t precision; /* -1: none */
    enum segment_origin origin; /* of what is added: fill, sign */
};

/* Is `c` one of the characters of `set`? NUL is none. */
bool jinja_spec_has(const char *set, char c);

/* Fails with E_FORMAT where Python raises (a text as a number), E_LIMIT past the limits above. */
MUST_USE enum status jinja_spec_write(struct jinja_context *context, const struct jinja_spec *spec,
                                      struct jinja_value value, struct jinja_text *out);

/* Digits at *at: a number of at most `max`, 0 when there are none. */
MUST_USE enum status jinja_spec_read_number(struct jinja_context *context, struct str text,
                                            size_t *at, int64_t max, int64_t *out);
