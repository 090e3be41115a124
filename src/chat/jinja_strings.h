/*
 * jinja_strings - what Python's strings can do, byte origins kept.
 *
 * Shared by filters and methods. Characters are code points; an invalid byte is a character of its
 * own.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_value.h"

struct jinja_context;
struct jinja_text;

enum jinja_strings_sides {
    JINJA_STRINGS_FRONT = 1,
    JINJA_STRINGS_END = 2,
    JINJA_STRINGS_BOTH = 3,
};

/* strip(), lstrip(), rstrip(): `chars` is a set of characters; NULL: white space. */
MUST_USE enum status jinja_strings_strip(struct jinja_context *context,
                                         const struct jinja_string *string,
                                         const struct jinja_string *chars,
                                         enum jinja_strings_sides sides, struct jinja_value *out);

enum jinja_strings_case {
    JINJA_STRINGS_LOWER,
    JINJA_STRINGS_UPPER,
    JINJA_STRINGS_CAPITALIZE, /* the first character upper, the rest lower */
    JINJA_STRINGS_TITLE,      /* str.title(): a letter behind a non-letter is upper */
    JINJA_STRINGS_WORDS,      /* the filter title: what is behind white space or - ( { [ < */
    JINJA_STRINGS_SWAP,       /* upper becomes lower, and lower upper */
};

MUST_USE enum status jinja_strings_change_case(struct jinja_context *context,
                                               const struct jinja_string *string,
                                               enum jinja_strings_case mode,
                                               struct jinja_value *out);

/* At most `count_max` times; negative: everywhere. An empty `old` is found between characters. */
MUST_USE enum status jinja_strings_replace(struct jinja_context *context,
                                           const struct jinja_string *string,
                                           const struct jinja_string *old,
                                           const struct jinja_string *new_text, int64_t count_max,
                                           struct jinja_value *out);

/* At most `count_max` cuts (negative: all), from the end when `from_end`. `separator` NULL: runs of
 * white space. */
MUST_USE enum status jinja_strings_split(struct jinja_context *context,
                                         const struct jinja_string *string,
                                         const struct jinja_string *separator, int64_t count_max,
                                         bool from_end, struct jinja_value *out);

/* splitlines() */
MUST_USE enum status jinja_strings_lines(struct jinja_context *context,
                                         const struct jinja_string *string, bool keep_ends,
                                         struct jinja_value *out);

/* Appends `string` with & < > " ' as HTML entities, unless it is markup already. */
void jinja_strings_add_escaped(struct jinja_text *text, const struct jinja_string *string);

/* Makes *value, a string, markup. */
MUST_USE enum status jinja_strings_make_markup(struct jinja_context *context,
                                               struct jinja_value *value);

/* Filled up to `width` characters on the given sides with `fill`, one character; NULL: a space. */
MUST_USE enum status jinja_strings_pad(struct jinja_context *context,
                                       const struct jinja_string *string,
                                       enum jinja_strings_sides sides, int64_t width,
                                       const struct jinja_string *fill, struct jinja_value *out);

/* Bytes [from, to) as a string value. */
MUST_USE enum status jinja_strings_slice(struct jinja_context *context,
                                         const struct jinja_string *string, size_t from, size_t to,
                                         struct jinja_value *out);

/* separator.join(items); with `converts` items are made strings by str(), else they must be. */
MUST_USE enum status jinja_strings_join(struct jinja_context *context,
                                        const struct jinja_string *separator,
                                        const struct jinja_list *items, bool converts,
                                        struct jinja_value *out);
