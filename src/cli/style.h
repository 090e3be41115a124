/*
 * style - colours and type on a terminal, by meaning.
 *
 * A theme says which escape sequence stands for which meaning; the plain one has none, so callers
 * write the same for terminals, files and NO_COLOR. Sequences are the sixteen ANSI colours and
 * attributes only: they follow the user's own palette.
 *
 * Threads: any; tables are constant.
 */
#pragma once

#include <stdbool.h>

enum style {
    STYLE_NORMAL, /* ends whatever was on */
    STYLE_BOLD,
    STYLE_ITALIC,
    STYLE_STRIKE,
    STYLE_HEADING,
    STYLE_CODE,
    STYLE_LINK,
    STYLE_DIM,
    STYLE_PROMPT,
    STYLE_TOOL, /* what the agent does */
    STYLE_GOOD,
    STYLE_WARNING,
    STYLE_BAD,
    STYLE_COUNT
};

struct style_theme {
    const char *name;
    const char *begin[STYLE_COUNT]; /* escape sequence or "" */
    bool has_color;
};

extern const struct style_theme style_plain;

/* "dark", "light" or "none"; NULL for another name. */
const struct style_theme *style_find(const char *name);

/* The theme for a stream: plain unless it is a terminal that can do it, NO_COLOR is unset and
 * `no_color` is false. `name` may be NULL (dark). */
const struct style_theme *style_for(int fd, const char *name, bool no_color);
