/*
 * serve_jobs - what the front of `holt serve` does for clients, as the process that serves cannot:
 * pull, make, copy and delete models, take files in.
 *
 * The asking process is not believed: only these works exist, names are checked as everywhere, and
 * the front itself finds out that the client is a process of its own user, unless the server has a
 * key, which every request must carry then. Pulling is done by a child, so that the front goes on
 * listening.
 *
 * Threads: the front's, alone. Used by: cmd_serve.c.
 */
#pragma once

#include "cli/front_protocol.h"
#include "cli/pull_source.h"

struct front;
struct serve_jobs;
struct state;

struct serve_jobs_config {
    const struct state *state;
    const char *model_folders; /* of the configuration, or NULL */
    struct pull_source_config source;
    uint16_t own_port;
    struct str key;   /* who has it may change models, whoever it is; empty: nobody */
    bool allows_pull; /* the user said that clients may pull */
};

/* Borrows what the configuration points to. */
struct serve_jobs *serve_jobs_new(const struct serve_jobs_config *config);
void serve_jobs_free(struct serve_jobs *jobs); /* stops what is being done; NULL is allowed */

/* A FRONT_JOB came. Returns a line for the person, or NULL; owned by the caller. */
char *serve_jobs_take(struct serve_jobs *jobs, struct front *front,
                      const struct front_message *message);

/* A FRONT_DATA came. */
void serve_jobs_data(struct serve_jobs *jobs, struct front *front,
                     const struct front_message *message);

/* Passes on what children say; call it often. */
void serve_jobs_tick(struct serve_jobs *jobs, struct front *front);
