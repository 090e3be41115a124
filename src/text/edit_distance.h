/*
 * edit_distance - how far two names are apart, for "did you mean ...?".
 *
 * Levenshtein distance over bytes: one insertion, deletion or replacement costs 1. Pure.
 */
#pragma once

#include "base/str.h"

enum { EDIT_DISTANCE_LEN_MAX = 256 }; /* longer texts are never near anything */

/* The distance of a and b, or distance_max + 1 when it is larger than distance_max or when a text
 * is longer than EDIT_DISTANCE_LEN_MAX. Time len(a) * len(b); no allocation. */
size_t edit_distance(struct str a, struct str b, size_t distance_max);
