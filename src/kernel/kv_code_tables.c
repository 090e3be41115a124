/*
 * kv_code_tables - the values of the codes.
 *
 * T4 and T3 come from alternating the best paths of normal data and the means of what each window
 * was chosen for. TQ4 and TQ3 are Lloyd and Max's levels for normal data, rounded to 1/127 of the
 * largest; the low bits of a window, which belong to the symbol before, do not matter there.
 */
#include "kernel/kv_code.h"

#define FOUR(x)  x, x, x, x
#define EIGHT(x) FOUR(x), FOUR(x)

/* clang-format off */
const struct kv_code_format kv_code_formats[KV_CODE_COUNT] = {
    [KV_CODE_T4] = {4, true, 3.0743f, {
        -67, -125, -102, -80, -16, -43, -31, -23, 15, -7, 0, 8, 55, 25, 34, 44,
        -48, -89, -73, -59, -8, -33, -24, -15, 23, 0, 7, 15, 68, 35, 43, 54,
        -35, -65, -52, -43, -1, -24, -16, -7, 32, 8, 16, 23, 92, 48, 59, 75,
        -25, -55, -41, -32, 7, -15, -8, 0, 41, 16, 25, 32, 127, 66, 82, 105}},
    [KV_CODE_T3] = {3, true, 2.6630f, {
        -111, -62, -92, -127, -62, -89, -114, -76, -76, -32, -52, -77, -30, -48, -72, -42,
        -45, -9, -27, -48, -8, -26, -51, -19, -22, 11, -9, -33, 13, -8, -31, 1,
        -3, 31, 10, -12, 34, 9, -11, 21, 17, 50, 27, 8, 48, 26, 8, 43,
        40, 78, 51, 31, 76, 52, 31, 74, 71, 120, 93, 64, 126, 92, 61, 109}},
    [KV_CODE_TQ4] = {4, false, 2.732590f, {
        FOUR(-127), FOUR(-96), FOUR(-75), FOUR(-58), FOUR(-44), FOUR(-31), FOUR(-18), FOUR(-6),
        FOUR(6), FOUR(18), FOUR(31), FOUR(44), FOUR(58), FOUR(75), FOUR(96), FOUR(127)}},
    [KV_CODE_TQ3] = {3, false, 2.151946f, {
        EIGHT(-127), EIGHT(-79), EIGHT(-45), EIGHT(-14),
        EIGHT(14), EIGHT(45), EIGHT(79), EIGHT(127)}},
};
/* clang-format on */
