/*
 * attend_code_avx512 - attention over coded keys and values where bytes cannot be permuted across a
 * vector (no VBMI): windows are cut by shifts, looked up by four shuffles of 16 table values.
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

/* The 64 values of a code, 16 in each quarter of each. */
struct table {
    __m512i part[4];
};

/* Those of keys are 128 larger. */
struct tables {
    struct table keys;
    struct table values;
};

/* Eight bytes for each of eight chains. */
struct looked_up {
    __m512i low;
    __m512i high;
};

/* Windows of 6 bits: those of even symbols (low) begin 2 bits before a byte, those of odd ones
 * behind. */
TEMPLATE struct looked_up find_windows_4(const unsigned char *chains)
{
    const __m512i six = _mm512_set1_epi8(63);
    const __m512i x = _mm512_loadu_si512(chains);
    return (struct looked_up){_mm512_and_si512(_mm512_rol_epi64(x, 2), six),
                              _mm512_and_si512(_mm512_srli_epi16(x, 2), six)};
}

/* Three bytes have four windows of even symbols, from bits -3, 3, 9 and 15 on, and four of odd
 * ones, from bits 0, 6, 12 and 18 on. Each is cut out of one of the words of bytes (-1, 0), (0, 1)
 * and (1, 2): the first and third into even bytes, the others into odd bytes. */
TEMPLATE struct looked_up find_windows_3(const unsigned char *chains)
{
    const __m512i low = _mm512_set1_epi16(0x003f);
    const __m512i high = _mm512_set1_epi16(0x3f00);
    const __m512i x = _mm512_permutexvar_epi32(/* two chains in each quarter */
                                               _mm512_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8,
                                                                 9, 10, 11, 11),
                                               _mm512_maskz_loadu_epi32(0xfff, chains));
    const __m512i a = _mm512_shuffle_epi8(
        x,
        _mm512_broadcast_i32x4(_mm_setr_epi8(5, 0, 1, 2, 2, 3, 4, 5, 11, 6, 7, 8, 8, 9, 10, 11)));
    const __m512i b = _mm512_shuffle_epi8(
        x,
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10, 10, 11)));
    const __m512i even_low = _mm512_srlv_epi16(a, _mm512_set1_epi32(0x00010005));
    const __m512i odd_low = _mm512_srlv_epi16(a, _mm512_set1_epi32(0x00040008));
    const __m512i even_high = _mm512_sllv_epi16(b, _mm512_set1_epi32(0x00010005));
    const __m512i odd_high = /* << 2, >> 2 */
        _mm512_srli_epi16(_mm512_sllv_epi16(b, _mm512_set1_epi32(0x00000004)), 2);
    enum { A_OR_B_AND_C = 0xf8 };
    return (struct looked_up){
        _mm512_ternarylogic_epi32(_mm512_and_si512(even_low, low), even_high, high, A_OR_B_AND_C),
        _mm512_ternarylogic_epi32(_mm512_and_si512(odd_low, low), odd_high, high, A_OR_B_AND_C)};
}

TEMPLATE struct looked_up find_windows(const unsigned char *chains, unsigned bits)
{
    return bits == 4 ? find_windows_4(chains) : find_windows_3(chains);
}

/* table[w], w < 64. */
TEMPLATE __m512i look_up_windows(__m512i w, const struct table *table)
{
    const __mmask64 bit4 = _mm512_test_epi8_mask(w, _mm512_set1_epi8(16));
    const __mmask64 bit5 = _mm512_test_epi8_mask(w, _mm512_set1_epi8(32));
    const __m512i low =
        _mm512_mask_shuffle_epi8(_mm512_shuffle_epi8(table->part[0], w), bit4, table->part[1], w);
    const __m512i high =
        _mm512_mask_shuffle_epi8(_mm512_shuffle_epi8(table->part[2], w), bit4, table->part[3], w);
    return _mm512_mask_blend_epi8(bit5, low, high);
}

TEMPLATE struct looked_up look_up_key_chains(const unsigned char *from, unsigned bits,
                                             const struct tables *tables)
{
    const struct looked_up w = find_windows(from, bits);
    return (struct looked_up){look_up_windows(w.low, &tables->keys),
                              look_up_windows(w.high, &tables->keys)};
}

/* low: every second chain from the first on, high: the others. */
TEMPLATE struct looked_up look_up_value_chains(const unsigned char *from, unsigned bits,
                                               const struct tables *tables)
{
    const struct looked_up w = find_windows(from, bits);
    return (struct looked_up){
        look_up_windows(_mm512_unpacklo_epi8(w.low, w.high), &tables->values),
        look_up_windows(_mm512_unpackhi_epi8(w.low, w.high), &tables->values)};
}

TEMPLATE struct looked_up find_channels(void)
{
    return (struct looked_up){_mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                              _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15)};
}

TEMPLATE struct table load_table(enum kv_code code, int more)
{
    struct table table;
    UNROLL_FOR (size_t i = 0; i < 4; i++)
        table.part[i] =
            _mm512_xor_si512(_mm512_broadcast_i32x4(_mm_loadu_si128(
                                 (const __m128i *)(kv_code_formats[code].table + 16 * i))),
                             _mm512_set1_epi8((char)more));
    return table;
}

TEMPLATE struct tables load_tables(const struct kernel_attend_args *args)
{
    return (struct tables){load_table(args->key_code, 0x80), load_table(args->value_code, 0)};
}

#include "kernel/x86/attend_code_avx512.h"

void attend_code_avx512_fill(struct kernel_table *table)
{
    table->attend_code = attend_code;
}
