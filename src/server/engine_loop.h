/*
 * engine_loop - the thread that has the model: takes exchanges from a queue, works on all of them
 * in one batch a step, and writes their replies.
 *
 * Between steps it looks for clients that hung up: their task ends within one step, and what was
 * computed stays for the next request of that conversation.
 *
 * Threads: engine_loop_submit(), engine_loop_facts() and engine_loop_stop() from any. The engine is
 * the loop's alone from start to stop; engine.h says what other threads may read.
 * Used by: http_server.c.
 */
#pragma once

#include "base/error.h"
#include "engine/scheduler.h"

struct engine;
struct exchange;
struct engine_loop;
struct turn;

/* Borrows `engine` and `turn`: of all loops that share it one computes at a time. */
MUST_USE enum status engine_loop_start(struct engine *engine, const struct scheduler_config *config,
                                       struct turn *turn, struct engine_loop **out,
                                       struct error *err);

/* Ends every exchange and the thread. NULL is allowed. */
void engine_loop_stop(struct engine_loop *loop);

/* Takes a reference of its own. E_BUSY when too many wait already. */
MUST_USE enum status engine_loop_submit(struct engine_loop *loop, struct exchange *exchange,
                                        struct error *err);

/* Exchanges that are not finished: with 0 and no submit the model is at rest. */
unsigned engine_loop_count(struct engine_loop *loop);

/* As of the last step. */
void engine_loop_facts(struct engine_loop *loop, struct scheduler_facts *out);
