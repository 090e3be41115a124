/*
 * step_cost - how long a step of so many rows takes here and now, learnt from the steps that ran.
 *
 * A step reads every weight once whatever the rows, so that more rows cost little until arithmetic
 * becomes the limit; where that is depends on machine, model and depth. Figures are running means
 * by number of rows; those of numbers that did not occur lately are taken from their neighbours.
 *
 * Threads: the engine's. Used by: speculation.c.
 */
#pragma once

#include <stdint.h>

enum { STEP_COST_KNOTS = 40 };

/* Zeroed: nothing is known. */
struct step_cost {
    double seconds[STEP_COST_KNOTS];
    uint64_t noted[STEP_COST_KNOTS]; /* number of the newest note; 0: none */
    uint8_t counts[STEP_COST_KNOTS]; /* of notes, up to a few */
    uint64_t clock;
};

void step_cost_note(struct step_cost *cost, uint32_t rows, double seconds);

/* 0: nothing is known. A number of rows larger than any that occurred is taken to cost little, so
 * that it is tried. */
double step_cost_of(const struct step_cost *cost, uint32_t rows);
