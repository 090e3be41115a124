#include "engine/step_cost.h"

#include <stdbool.h>

/* Numbers of rows: one by one up to here, then in steps of an eighth. */
#define ONE_BY_ONE 16u

/* How long a figure holds, in notes of any number of rows: one that stands on few might be odd. */
enum { NOTES_KEPT = 1024, NOTES_KEPT_FEW = 48, FEW = 3 };

/* How much a new step counts; and the share of one row in a step, before more is known. */
static const double MEAN_SHARE = 0.25;
static const double ROW_SHARE = 0.02;

/* The knot of a number of rows, and the number of rows of a knot. */
static uint32_t rows_of(uint32_t knot)
{
    if (knot < ONE_BY_ONE)
        return knot + 1;
    const uint32_t octave = (knot - ONE_BY_ONE) / 4;
    const uint32_t quarter = (knot - ONE_BY_ONE) % 4 + 1;
    return (ONE_BY_ONE << octave) + quarter * ((ONE_BY_ONE << octave) / 4);
}

static uint32_t knot_of(uint32_t rows)
{
    uint32_t knot = 0;
    while (knot + 1 < STEP_COST_KNOTS && rows_of(knot) < rows)
        knot++;
    return knot;
}

static bool is_known(const struct step_cost *cost, uint32_t knot)
{
    const uint64_t kept = cost->counts[knot] < FEW ? NOTES_KEPT_FEW : NOTES_KEPT;
    return cost->noted[knot] > 0 && cost->noted[knot] + kept >= cost->clock;
}

void step_cost_note(struct step_cost *cost, uint32_t rows, double seconds)
{
    const uint32_t knot = knot_of(rows);
    double *mean = &cost->seconds[knot];
    cost->clock++;
    if (!is_known(cost, knot)) {
        *mean = seconds;
        cost->counts[knot] = 0;
    } else {
        const double most = 2 * *mean; /* somebody else had the machine */
        *mean += MEAN_SHARE * ((seconds < most ? seconds : most) - *mean);
    }
    cost->noted[knot] = cost->clock;
    if (cost->counts[knot] < FEW)
        cost->counts[knot]++;
}

double step_cost_of(const struct step_cost *cost, uint32_t rows)
{
    const uint32_t knot = knot_of(rows);
    uint32_t below = knot + 1;
    uint32_t above = knot;
    while (below > 0 && !is_known(cost, below - 1))
        below--;
    while (above < STEP_COST_KNOTS && !is_known(cost, above))
        above++;
    if (below == 0)
        return above < STEP_COST_KNOTS ? cost->seconds[above] : 0;
    const double low = cost->seconds[below - 1];
    const double past = (double)rows - (double)rows_of(below - 1);
    if (past <= 0)
        return low;
    if (above == STEP_COST_KNOTS)
        return low * (1 + ROW_SHARE * past);
    const double slope =
        (cost->seconds[above] - low) / ((double)rows_of(above) - (double)rows_of(below - 1));
    return low + slope * past;
}
