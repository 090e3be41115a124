/*
 * attr - the compiler attributes and tiny macros every file may use.
 *
 * The only macros of holt that are not constants live here, in error.h and in check.h.
 */
#pragma once

#include <stddef.h>

/* Runs fn(&variable) when the variable leaves its scope. `fn` accepts a zeroed variable. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* The caller must look at the result. */
#define MUST_USE __attribute__((warn_unused_result))

/* Checked as for printf: the format is argument `fmt`, values start at `args` (from 1). */
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#define NO_RETURN              __attribute__((noreturn))

/* Elements of an array whose size the compiler knows; never of a pointer. */
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
