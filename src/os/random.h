/*
 * random - bytes nobody can predict, from the kernel.
 *
 * Threads: any.
 */
#pragma once

#include <stddef.h>

/* Fills `bytes`; waits for the kernel's generator if it must. Never fails. */
void random_bytes(void *bytes, size_t size);

/* Writes `len` random lower-case letters and digits and a NUL (out holds len + 1): for names. */
void random_name(char *out, size_t len);
