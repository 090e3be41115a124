/*
 * job_loop - the thread that has a model which answers in one go (embeddings, ranking): works on
 * exchanges one after another, in the order they came.
 *
 * Threads: job_loop_submit() and job_loop_stop() from any. The model is the loop's alone from start
 * to stop. Used by: http_server.c.
 */
#pragma once

#include "api/route.h"
#include "base/error.h"

struct exchange;
struct job_loop;
struct turn;

/* Borrows `model` and `turn`, which must outlive it. */
MUST_USE enum status job_loop_start(const struct api_model *model, struct turn *turn,
                                    struct job_loop **out, struct error *err);

/* Refuses what waits and ends the thread. NULL is allowed. */
void job_loop_stop(struct job_loop *loop);

/* Exchanges that are not finished. */
unsigned job_loop_count(struct job_loop *loop);

/* Takes a reference of its own; exchange->route->work and exchange->body say what is to be done.
 * E_BUSY when too many wait already. */
MUST_USE enum status job_loop_submit(struct job_loop *loop, struct exchange *exchange,
                                     struct error *err);
