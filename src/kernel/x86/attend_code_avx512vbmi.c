/*
 * attend_code_avx512vbmi - attention over coded keys and values: one instruction cuts eight windows
 * out of a chain, one looks 64 of them up.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/kv_code.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"

#include <immintrin.h>
#include <string.h>

/* The table values of the kinds, those of keys 128 larger. */
struct tables {
    __m512i keys;
    __m512i values;
};

struct looked_up {
    __m512i low;
    __m512i high;
};

/* Bits [at - (6 - bits), at + bits) of a word for eight symbols from `first` in steps. */
TEMPLATE __m512i windows(unsigned bits, unsigned first, unsigned step)
{
    uint64_t control = 0;
    UNROLL_FOR (unsigned p = 0; p < 8; p++)
        control |= (uint64_t)((bits * (first + step * p) - (6 - bits)) & 63) << (8 * p);
    return _mm512_set1_epi64((long long)control);
}

/* Eight chains as words; chains of 6 bytes end with their last byte again, for the ring. */
TEMPLATE __m512i load_chains(const unsigned char *from, unsigned bits)
{
    if (bits == 4)
        return _mm512_loadu_si512(from);
    _Alignas(64) static const uint8_t spread[64] = {
        0,  1,  2,  3,  4,  5,  5,  5,  6,  7,  8,  9,  10, 11, 11, 11, 12, 13, 14, 15, 16, 17,
        17, 17, 18, 19, 20, 21, 22, 23, 23, 23, 24, 25, 26, 27, 28, 29, 29, 29, 30, 31, 32, 33,
        34, 35, 35, 35, 36, 37, 38, 39, 40, 41, 41, 41, 42, 43, 44, 45, 46, 47, 47, 47};
    return _mm512_permutexvar_epi8(_mm512_load_si512(spread),
                                   _mm512_maskz_loadu_epi8(0xffffffffffffu, from));
}

TEMPLATE struct looked_up look_up_key_chains(const unsigned char *from, unsigned bits,
                                             const struct tables *tables)
{
    const __m512i words = load_chains(from, bits);
    const __m512i low = _mm512_multishift_epi64_epi8(windows(bits, 0, 2), words);
    const __m512i high = _mm512_multishift_epi64_epi8(windows(bits, 1, 2), words);
    return (struct looked_up){_mm512_permutexvar_epi8(low, tables->keys),
                              _mm512_permutexvar_epi8(high, tables->keys)};
}

/* low: two channels of each chain, high: the other two. */
TEMPLATE struct looked_up look_up_value_chains(const unsigned char *from, unsigned bits,
                                               const struct tables *tables)
{
    const __m512i words = load_chains(from, bits);
    const __m512i low = _mm512_multishift_epi64_epi8(windows(bits, 0, 1), words);
    const __m512i high = _mm512_multishift_epi64_epi8(windows(bits, 8, 1), words);
    return (struct looked_up){_mm512_permutexvar_epi8(low, tables->values),
                              _mm512_permutexvar_epi8(high, tables->values)};
}

TEMPLATE struct looked_up find_channels(void)
{
    return (struct looked_up){_mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11),
                              _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15)};
}

TEMPLATE struct tables load_tables(const struct kernel_attend_args *args)
{
    return (struct tables){
        _mm512_xor_si512(_mm512_loadu_si512(kv_code_formats[args->key_code].table),
                         _mm512_set1_epi8((char)0x80)),
        _mm512_loadu_si512(kv_code_formats[args->value_code].table),
    };
}

#include "kernel/x86/attend_code_avx512.h"

void attend_code_avx512vbmi_fill(struct kernel_table *table)
{
    table->attend_code = attend_code;
}
