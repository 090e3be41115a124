/*
 * state - where holt keeps what is the user's: sessions, notes, models, line history.
 *
 * The folder is --state DIR, else $XDG_DATA_HOME/holt, else ~/.local/share/holt (XDG Base Directory
 * Specification). It is made when it is missing, mode 0700. Paths are absolute and free of links.
 *
 * Threads: any. Used by: the commands.
 */
#pragma once

#include "base/error.h"

struct command_common;

struct state {
    char *folder;
    char *database; /* holt.db */
    char *models;   /* models/; may be missing */
    char *memory;   /* memory/; may be missing */
    char *prompts;  /* prompts/: stored prompts; may be missing */
    char *history;  /* history; may be missing */
};

/* Makes the folder if need be. Release *out with state_done(). */
MUST_USE enum status state_init(const struct command_common *common, struct state *out,
                                struct error *err);

/* As state_init(), but makes nothing: a folder that is missing gives the paths it would have. */
MUST_USE enum status state_find_paths(const struct command_common *common, struct state *out,
                                      struct error *err);
void state_done(struct state *state); /* zeroed is allowed */

/* Where the state folder would be, without making it. The caller owns *out. */
MUST_USE enum status state_find(const struct command_common *common, char **out, struct error *err);

/* --config FILE, else $XDG_CONFIG_HOME/holt/config.yaml, else ~/.config/holt/config.yaml. The
 * caller owns *out. */
MUST_USE enum status state_config_path(const struct command_common *common, char **out,
                                       struct error *err);
