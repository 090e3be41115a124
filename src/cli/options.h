/*
 * options - a command's options as a table bound to a struct.
 *
 * A row says the names, the value's place in the command's own struct, its limits and one line of
 * help. Parsing, `--help`, the man page and the shell completions all read the same rows. The forms
 * are those of other Unix programs: -m FILE, -mFILE, --model FILE, --model=FILE, flags, and `--`
 * before operands that begin with a dash. Options and operands may be mixed.
 *
 * Values point into argv; nothing is copied or owned.
 *
 * Threads: any.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_KIND_END, /* last row of a table */
    OPTION_KIND_FLAG,
    OPTION_KIND_STRING,
    OPTION_KIND_INT,
    OPTION_KIND_DOUBLE,
    OPTION_KIND_LIST, /* may be given several times: struct option_list */
};

enum { OPTION_LIST_MAX = 8 };

struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t count;
};

/* What a value names, so that a shell can complete it. */
enum option_value {
    OPTION_VALUE_OTHER,
    OPTION_VALUE_FILE,
    OPTION_VALUE_FOLDER,
    OPTION_VALUE_MODEL, /* a file or the name of a model */
};

struct option_spec {
    enum option_kind kind;
    enum option_value value;
    size_t offset;          /* of the member in the command's struct */
    char short_name;        /* 0: none */
    const char *name;       /* without the dashes */
    const char *value_name; /* "FILE"; NULL for a flag */
    const char *help;       /* one line, no period */
    int64_t int_min, int_max;
    double double_min, double_max;
};

#define OPTION_FLAG(type, member, letter, long_name, text)                                  \
    {                                                                                       \
        .kind = OPTION_KIND_FLAG, .offset = offsetof(type, member), .short_name = (letter), \
        .name = (long_name), .help = (text)                                                 \
    }
#define OPTION_STRING(type, member, letter, long_name, value_text, text)                      \
    {                                                                                         \
        .kind = OPTION_KIND_STRING, .offset = offsetof(type, member), .short_name = (letter), \
        .name = (long_name), .value_name = (value_text), .help = (text)                       \
    }
#define OPTION_LIST(type, member, letter, long_name, value_text, text)                      \
    {                                                                                       \
        .kind = OPTION_KIND_LIST, .offset = offsetof(type, member), .short_name = (letter), \
        .name = (long_name), .value_name = (value_text), .help = (text)                     \
    }
#define OPTION_PATH(type, member, letter, long_name, value_text, what, text)                    \
    {                                                                                           \
        .kind = OPTION_KIND_STRING, .value = (what), .offset = offsetof(type, member),          \
        .short_name = (letter), .name = (long_name), .value_name = (value_text), .help = (text) \
    }
#define OPTION_INT(type, member, letter, long_name, value_text, least, most, text)              \
    {                                                                                           \
        .kind = OPTION_KIND_INT, .offset = offsetof(type, member), .short_name = (letter),      \
        .name = (long_name), .value_name = (value_text), .int_min = (least), .int_max = (most), \
        .help = (text)                                                                          \
    }
#define OPTION_DOUBLE(type, member, letter, long_name, value_text, least, most, text)         \
    {                                                                                         \
        .kind = OPTION_KIND_DOUBLE, .offset = offsetof(type, member), .short_name = (letter), \
        .name = (long_name), .value_name = (value_text), .double_min = (least),               \
        .double_max = (most), .help = (text)                                                  \
    }
#define OPTION_END              \
    {                           \
        .kind = OPTION_KIND_END \
    }

/* One table and the struct its rows write into. */
struct option_set {
    const struct option_spec *specs; /* NULL: no options */
    void *values;
};

/*
 * Reads `argument_count` arguments. An option is looked up in each set in turn. What is no option
 * goes, in order, to `operands` (room for argument_count pointers) and is counted in
 * *out_operand_count. Members without an option keep what they held: the caller fills defaults.
 * E_INVALID with a sentence for an unknown option (with the nearest name), a missing value, a value
 * for a flag, or a number outside its limits.
 */
MUST_USE enum status options_parse(const struct option_set *sets, size_t set_count,
                                   int argument_count, char *const *arguments,
                                   const char **operands, int *out_operand_count,
                                   struct error *err);
