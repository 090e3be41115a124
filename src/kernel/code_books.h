/*
 * code_books - values that indices in packed weights stand for: part of the file format.
 *
 * Threads: any; constant. Used by: kernel/.
 */
#pragma once

#include <stdalign.h>
#include <stdint.h>

extern const int8_t code_books_iq4[16]; /* IQ4_NL, IQ4_XS */
extern const int8_t code_books_fp4[16]; /* MXFP4, NVFP4: 4-bit floats, doubled */
