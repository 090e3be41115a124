#include "text/edit_distance.h"

static size_t smallest(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

size_t edit_distance(struct str a, struct str b, size_t distance_max)
{
    if (a.len > EDIT_DISTANCE_LEN_MAX || b.len > EDIT_DISTANCE_LEN_MAX)
        return distance_max + 1;

    /* row[j]: distance of the first i bytes of a and the first j bytes of b. */
    size_t row[EDIT_DISTANCE_LEN_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            const size_t above = row[j];
            const size_t replaced = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            row[j] = smallest(above + 1, row[j - 1] + 1, replaced);
            diagonal = above;
        }
    }
    return row[b.len] <= distance_max ? row[b.len] : distance_max + 1;
}
