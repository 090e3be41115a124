/*
 * speculation_options - where guesses of the next tokens come from, as rows for a table of options.
 *
 * Threads: any. Used by: agent_options.h, cmd_serve.c.
 */
#pragma once

#include "base/error.h"
#include "cli/options.h"
#include "engine/engine.h"

struct command_common;

struct speculation_options {
    const char *source; /* NULL: auto */
    const char *draft;
};

#define SPECULATION_OPTIONS_ROWS(type, member)                                                   \
    OPTION_STRING(type, member.source, 0, "speculate", "HOW",                                    \
                  "guess tokens, faster and the same answer: auto (default), off, lookup, mtp, " \
                  "draft"),                                                                      \
        OPTION_PATH(type, member.draft, 0, "draft", "MODEL", OPTION_VALUE_MODEL,                 \
                    "a smaller model with the same vocabulary to guess with")

/* E_INVALID: no such source, or draft without a model; E_NOT_FOUND: no such model. The caller owns
 * *out_draft_path, NULL without a draft model. */
MUST_USE enum status speculation_options_resolve(const struct speculation_options *options,
                                                 const struct command_common *common,
                                                 enum engine_speculate *out, char **out_draft_path,
                                                 struct error *err);
