/*
 * code_books - values that indices in packed weights stand for: part of the file format.
 *
 * An entry of a book is 8 (IQ3: 4) values as bytes, the first in the lowest.
 *
 * Threads: any; constant. Used by: kernel/.
 */
#pragma once

#include <stdint.h>

extern const int8_t code_books_iq4[16]; /* IQ4_NL, IQ4_XS */
extern const int8_t code_books_fp4[16]; /* MXFP4, NVFP4: 4-bit floats, doubled */

extern const uint64_t code_books_iq2_xxs[256]; /* 8, 25, 43 */
extern const uint64_t code_books_iq2_xs[512];
extern const uint64_t code_books_iq2_s[1024];
extern const uint32_t code_books_iq3_xxs[256]; /* 4, 12, ... 62 */
extern const uint32_t code_books_iq3_s[512];   /* 1, 3, ... 15 */
extern const uint64_t code_books_iq1[2048];    /* -1, 0, 1 */
