/*
 * grammar_schema_formats - the values of `format` that masks enforce, as patterns.
 *
 * One row each: date, time, date-time, duration (RFC 3339), uuid (RFC 4122), ipv4 (RFC 2673), ipv6
 * (RFC 4291, without dotted quads), hostname (RFC 1123), email (RFC 5321, the plain form). A row
 * may allow less than the format (years from 1000 on, no leap seconds), never more. Every other
 * format is an annotation, as JSON Schema has it.
 *
 * Threads: constant data. Used by: grammar_schema_part.c.
 */
#pragma once

#include "base/str.h"

/* The pattern of a format; {NULL, 0}: it is not enforced. */
struct str grammar_schema_formats_pattern(struct str format);
