/*
 * turn - one after another, in the order they came: the models of a server compute in turns, so
 * that their threads do not fight for the same cores.
 *
 * Threads: any. Used by: engine_loop.c, job_loop.c.
 */
#pragma once

#include "os/lock.h"

#include <stdint.h>

struct turn {
    struct lock lock;
    struct lock_signal signal;
    uint64_t next;    /* number for who comes next */
    uint64_t serving; /* whose turn it is */
};

void turn_init(struct turn *turn);
void turn_done(struct turn *turn);
void turn_take(struct turn *turn); /* waits */
void turn_give(struct turn *turn);
