/*
 * unroll - a loop of constant length over an array of vectors must be unrolled completely, or the
 * vectors live in memory instead of registers. At -O2 gcc does it only when told.
 */
#pragma once

#ifdef __clang__
#    define UNROLL_FOR _Pragma("unroll") for
#else
#    define UNROLL_FOR _Pragma("GCC unroll 32") for
#endif

/* A helper whose arguments are constants at every call: a template. */
#define TEMPLATE static inline __attribute__((always_inline))
