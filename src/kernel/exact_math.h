/*
 * exact_math - elementary functions whose bits do not depend on the machine.
 *
 * The C library picks its exp, pow and sin by CPU, so results may differ between two machines; what
 * enters a model step or a sampler uses these. Plain IEEE double operations in a fixed order, no
 * fused multiply-add. Measured errors (tests/unit/kernel/test_exact_math.c) are within 1.1 units
 * in the
 * last place (ulp) of a double, where nothing else is said.
 *
 * Threads: any; pure functions in the default rounding mode.
 */
#pragma once

#include <stdbool.h>

/* sin and cos beyond this (2^27) have no defined value: NaN. */
#define EXACT_MATH_ANGLE_MAX 134217728.0

double exact_math_exp(double x); /* overflow: infinity; underflow: 0 */
double exact_math_log(double x); /* -infinity at 0, NaN below */
double exact_math_sin(double x); /* near a zero: within 2^-60 instead */
double exact_math_cos(double x);

/* exp(y * log(base)), base > 0: the relative error is 2^-52 * (1 + |y * log(base)|). */
double exact_math_pow(double base, double y);
