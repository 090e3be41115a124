/*
 * launch_client - the programs `holt launch` knows: what each needs to use a model of holt, in its
 * own words.
 *
 * Most take everything from their environment or command line: then no file is touched. For the
 * others one setting of one file is changed.
 *
 * A new program is one row and its functions, and a page in docs/guides.
 *
 * Threads: any; rows are constant. Used by: cmd_launch.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

enum { LAUNCH_CLIENT_ITEMS_MAX = 32 };

/* A served model. */
struct launch_target {
    const char *base; /* "http://127.0.0.1:11434" */
    const char *model;
    const char *key; /* "holt" where none is asked for */
    uint64_t context_tokens;
    uint64_t output_tokens; /* of one answer, at most */
};

/* A list of texts, each owned, and a NULL behind them. Zeroed is empty. */
struct launch_client_texts {
    char *of[LAUNCH_CLIENT_ITEMS_MAX + 1];
    size_t count;
};

void launch_client_texts_done(struct launch_client_texts *texts);

struct launch_client {
    const char *name;       /* as `holt launch` takes it */
    const char *title;      /* as people call it */
    const char *program;    /* that is started */
    const char *install;    /* how people get it */
    const char *usual;      /* its argument when the user gives none; NULL: none */
    uint32_t context_least; /* tokens: with less it hardly works */

    /* "NAME=VALUE" to set, "NAME" to take away; NULL: nothing. */
    void (*add_variables)(const struct launch_target *target, struct launch_client_texts *out);
    /* In front of the user's own arguments; NULL: none. */
    void (*add_arguments)(const struct launch_target *target, struct launch_client_texts *out);

    /* The file of its settings: $file_variable/file_name, else ~/file_folder/file_name; NULL: none
     * is changed. */
    const char *file_variable;
    const char *file_folder;
    const char *file_name;
    enum status (*edit)(const struct launch_target *target, struct str before, struct strbuf *out,
                        struct error *err);

    /* What a user would write to have it for good; NULL: its variables, exported. */
    void (*add_settings)(const struct launch_target *target, struct strbuf *out);
};

extern const struct launch_client *const launch_clients[]; /* ends with NULL */

const struct launch_client *launch_client_find(const char *name); /* NULL: none */

/* What a user would write to have it for good. */
void launch_client_settings(const struct launch_client *client, const struct launch_target *target,
                            struct strbuf *out);

/* Where its settings are, which the caller frees; NULL when it has no such file or there is no
 * home. */
char *launch_client_path(const struct launch_client *client);

/* A text as a shell takes it as one word. */
void launch_client_add_word(struct strbuf *out, const char *text);
