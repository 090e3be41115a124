/*
 * server_start - `holt serve` as a child of `holt launch`: started, waited for, ended.
 *
 * Threads: one, without others: it forks. Used by: cmd_launch.c.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct command_common;

enum { SERVER_START_BASE_MAX = 80, SERVER_START_NAME_MAX = 256 };

struct server_start_config {
    const struct command_common *common;
    const char *model;       /* as -m takes it; NULL: as configured */
    const char *kv;          /* NULL: the default */
    const char *key_file;    /* NULL: none */
    const char *log_path;    /* where it writes what goes wrong */
    uint64_t context_tokens; /* 0: it chooses */
    uint16_t port;           /* 0: one that is free */
};

/* Zeroed: none runs. */
struct server_started {
    pid_t pid;
    int output_fd;
    char base[SERVER_START_BASE_MAX]; /* its address */
    char model[SERVER_START_NAME_MAX];
    uint64_t context_tokens;
};

/* Starts it and waits until it answers. E_CANCELLED after Ctrl-C; E_IO with its own words. */
MUST_USE enum status server_start(const struct server_start_config *config,
                                  struct server_started *out, struct error *err);
void server_start_stop(struct server_started *server); /* zeroed is allowed */

/* "holt serves NAME at URL\ncontext N tokens; ...": true when both lines are whole and were
 * read. */
bool server_start_read(const char *text, struct server_started *out);
