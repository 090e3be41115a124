/*
 * arrival - requests that are on their way, and the moment until which they must have come whole.
 *
 * An HTTP library ends connections that are silent for long. A client that sends a byte now and
 * then is never silent and keeps its place for ever ("slow loris"); so the time from the opening of
 * a connection, or from the end of the answer before, until the request is whole has a limit of its
 * own. A connection that exceeds it is shut down.
 *
 *   arrival_open()   a connection was accepted: its first request is on its way
 *   arrival_flows()  its body may take its time; but who hangs up in it is noticed, which the
 *                    library misses when the end comes with the last bytes
 *   arrival_whole()  the request is whole; it may take as long as it takes
 *   arrival_next()   its answer has gone out: the next request may come
 *   arrival_close()  before the descriptor is closed
 *
 * Threads: any; one arrival belongs to one connection. Used by: http_server.c.
 */
#pragma once

#include "base/error.h"

struct arrival;
struct arrival_watch;

/* Starts a thread that sleeps until a deadline. */
MUST_USE enum status arrival_watch_start(double limit_seconds, struct arrival_watch **out,
                                         struct error *err);

/* Every arrival must be closed. NULL is allowed. */
void arrival_watch_stop(struct arrival_watch *watch);

/* Borrows `fd`. */
struct arrival *arrival_open(struct arrival_watch *watch, int fd);
void arrival_close(struct arrival *arrival); /* NULL is allowed */

void arrival_flows(struct arrival *arrival);
void arrival_whole(struct arrival *arrival);
void arrival_next(struct arrival *arrival);
