/*
 * check - broken invariants stop the process with a report; input problems are errors (error.h).
 *
 * CHECK is always on; DCHECK vanishes in release builds and is for inner loops.
 */
#pragma once

#include "base/attr.h"

/* Prints "file:line: check failed: condition" to standard error and aborts. */
NO_RETURN void check_failed(const char *file, int line, const char *condition);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

#ifdef HOLT_DEBUG
#    define DCHECK(condition) CHECK(condition)
#else
#    define DCHECK(condition) ((void)0)
#endif
