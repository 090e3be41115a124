/*
 * code_books - see code_books.h.
 *
 * Format data from ggml (ggml/src/ggml-common.h of llama.cpp, commit
 * d32676d77426540327835040d5d3279728f0b4c8), MIT licence, Copyright (c) 2023-2026 The ggml authors.
 */
#include "kernel/code_books.h"

/* clang-format off */
const int8_t code_books_iq4[16] = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
};

const int8_t code_books_fp4[16] = {
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12,
};
/* clang-format on */
