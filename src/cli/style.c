#include "cli/style.h"

#include "base/attr.h"
#include "os/tty.h"

#include <stdlib.h>
#include <string.h>

const struct style_theme style_plain = {
    .name = "none",
    .begin = {"", "", "", "", "", "", "", "", "", "", "", "", ""},
};

static const struct style_theme style_dark = {
    .name = "dark",
    .has_color = true,
    .begin =
        {
            [STYLE_NORMAL] = "\x1b[0m",
            [STYLE_BOLD] = "\x1b[1m",
            [STYLE_ITALIC] = "\x1b[3m",
            [STYLE_STRIKE] = "\x1b[9m",
            [STYLE_HEADING] = "\x1b[1;36m",
            [STYLE_CODE] = "\x1b[36m",
            [STYLE_LINK] = "\x1b[4m",
            [STYLE_DIM] = "\x1b[2m",
            [STYLE_PROMPT] = "\x1b[1;32m",
            [STYLE_TOOL] = "\x1b[35m",
            [STYLE_GOOD] = "\x1b[32m",
            [STYLE_WARNING] = "\x1b[33m",
            [STYLE_BAD] = "\x1b[31m",
        },
};

static const struct style_theme style_light = {
    .name = "light",
    .has_color = true,
    .begin =
        {
            [STYLE_NORMAL] = "\x1b[0m",
            [STYLE_BOLD] = "\x1b[1m",
            [STYLE_ITALIC] = "\x1b[3m",
            [STYLE_STRIKE] = "\x1b[9m",
            [STYLE_HEADING] = "\x1b[1;34m",
            [STYLE_CODE] = "\x1b[34m",
            [STYLE_LINK] = "\x1b[4m",
            [STYLE_DIM] = "\x1b[90m",
            [STYLE_PROMPT] = "\x1b[1;34m",
            [STYLE_TOOL] = "\x1b[35m",
            [STYLE_GOOD] = "\x1b[32m",
            [STYLE_WARNING] = "\x1b[31m",
            [STYLE_BAD] = "\x1b[1;31m",
        },
};

static const struct style_theme *const themes[] = {&style_dark, &style_light, &style_plain};

const struct style_theme *style_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(themes); i++) {
        if (strcmp(themes[i]->name, name) == 0)
            return themes[i];
    }
    return NULL;
}

const struct style_theme *style_for(int fd, const char *name, bool no_color)
{
    const char *forbidden = getenv("NO_COLOR"); /* https://no-color.org: any value but empty */
    const char *terminal = getenv("TERM");
    const bool is_dumb = !terminal || strcmp(terminal, "dumb") == 0;
    if (no_color || (forbidden && forbidden[0]) || is_dumb || !tty_is_terminal(fd))
        return &style_plain;
    const struct style_theme *theme = name ? style_find(name) : NULL;
    return theme ? theme : &style_dark;
}
