/*
 * grammar_number - JSON numbers between two bounds, byte by byte.
 *
 * Two kinds. A bounded one is a decimal with at most `fraction_max` digits behind the point (0: an
 * integer) whose value lies between exact bounds: a digit is accepted only if some number inside
 * still begins that way. A free one is any number as Python's repr() writes a float of at most 17
 * digits, or an integer of at most 18: "12", "-0.5", "1.5e+16", "1e-05".
 *
 * No leading zeros, no "-0", no zeros at the end of a fraction ("1.0" is allowed), nothing between
 * 0 and 0.0001 without an exponent: a value of at most 15 digits has one text.
 *
 * Threads: any; pure functions.
 * Depends on: base/. Used by: grammar.c, grammar_state.c, grammar_rest.c, grammar_schema.c.
 */
#pragma once

#include "base/attr.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { GRAMMAR_NUMBER_FRACTION_MAX = 6, GRAMMAR_NUMBER_LEN_MAX = 32 };

/* Magnitudes are scaled by 10^fraction_max; low > high: none with this sign. */
struct grammar_number {
    bool is_free;
    bool allows_zero;
    uint8_t fraction_max;
    uint64_t multiple; /* of a magnitude; 0 and 1: any. At most 2^40 */
    uint64_t low[2];   /* [0] of positive, [1] of negative numbers; never 0 */
    uint64_t high[2];
};

/* Where a number stands; zeroed at its beginning. */
struct grammar_number_at {
    uint64_t digits; /* bounded: all digits so far as one number. free: 1 if one is not 0 */
    uint8_t phase;   /* enum of grammar_number.c */
    uint8_t is_negative;
    uint8_t whole;    /* digits before the point */
    uint8_t fraction; /* digits behind the point; free: the exponent's first digit + 1, later */
};

/* Every integer from low to high; low > high allows none. */
struct grammar_number grammar_number_integers(int64_t low, int64_t high);

/* Decimals from low to high (either may be infinite; `is_open`: the bound itself is out) with as
 * many digits behind the point as fit, at most GRAMMAR_NUMBER_FRACTION_MAX; free when both are
 * infinite. Bounds beyond 9e18 are drawn in to it; E_UNSUPPORTED when nothing then remains that
 * could be counted exactly. */
MUST_USE enum status grammar_number_decimals(double low, bool low_is_open, double high,
                                             bool high_is_open, struct grammar_number *out,
                                             struct error *err);

/* Multiples of multiple / 2^bits (at most 2^40 and GRAMMAR_NUMBER_FRACTION_MAX) between two such
 * bounds, as far as doubles hold them exactly: magnitudes below 2^53 units of the last digit. */
MUST_USE enum status grammar_number_multiples(double low, bool low_is_open, double high,
                                              bool high_is_open, uint64_t multiple, unsigned bits,
                                              struct grammar_number *out, struct error *err);

/* Moves on with a byte; false (and *at unchanged) if no allowed number goes on so. */
bool grammar_number_step(const struct grammar_number *number, struct grammar_number_at *at,
                         unsigned char byte);

/* Fewest bytes to the end of an allowed number; 0: it may end here. UINT32_MAX: none. */
uint32_t grammar_number_rest(const struct grammar_number *number,
                             const struct grammar_number_at *at);

/* Writes those bytes, the smallest in byte order, to `out` [GRAMMAR_NUMBER_LEN_MAX]; returns how
 * many. */
uint32_t grammar_number_shortest(const struct grammar_number *number,
                                 const struct grammar_number_at *at, char *out);
