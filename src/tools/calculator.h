/*
 * calculator - the value of an arithmetic expression.
 *
 *   sum     = product { ("+" | "-") product }
 *   product = signed { ("*" | "/" | "%") signed }
 *   signed  = "-" signed | power
 *   power   = atom [ "^" signed ]                 to the right, above the sign: -2^2 is -4
 *   atom    = digits [ "." digits ] | "(" sum ")"
 *
 * Whole numbers stay exact while they fit 64 bits; a quotient of whole numbers that comes out even
 * is whole; everything else is a double. "%" is the remainder of the division cut toward zero.
 *
 * Threads: any; pure. Used by: tools/tool_calculate.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

enum { CALCULATOR_DEPTH_MAX = 100, CALCULATOR_LEN_MAX = 4096 };

/* Appends the value: whole numbers below 2^53 in full, anything else with up to 10 significant
 * digits. E_INVALID with a sentence: division by zero, or where the text cannot be read. */
MUST_USE enum status calculator_add_value(struct str expression, struct strbuf *out,
                                          struct error *err);
