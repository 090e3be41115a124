/*
 * code_avx512 - coding blocks of keys and values, 32 chains at a time.
 *
 * Threads: any; no state.
 */
#include "kernel/code_rotate.h"
#include "kernel/kernel_table.h"
#include "kernel/x86/kernel_x86.h"

#include <immintrin.h>

static inline void code_block_load(const uint16_t *from, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += 16)
        _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(from + i))));
}

enum { TRELLIS_LANES = 32 };
typedef __m512i trellis_lanes;

TEMPLATE __m512i trellis_load(const uint16_t *from)
{
    return _mm512_load_si512(from);
}

TEMPLATE void trellis_store(uint16_t *to, __m512i a)
{
    _mm512_store_si512(to, a);
}

TEMPLATE __m512i trellis_all(int x)
{
    return _mm512_set1_epi16((short)x);
}

TEMPLATE __m512i trellis_add(__m512i a, __m512i b)
{
    return _mm512_adds_epu16(a, b);
}

TEMPLATE __m512i trellis_min(__m512i a, __m512i b)
{
    return _mm512_min_epu16(a, b);
}

TEMPLATE __m512i trellis_square(__m512i v, __m512i t)
{
    const __m512i d = _mm512_sub_epi16(v, t);
    return _mm512_mullo_epi16(d, d);
}

TEMPLATE __m512i trellis_pick(__m512i a, __m512i b, __m512i x, __m512i y)
{
    return _mm512_mask_blend_epi16(_mm512_cmplt_epu16_mask(a, b), y, x);
}

#include "kernel/code_trellis.h"

static void encode(enum kv_code code, bool is_value, const uint16_t *rows, size_t row_stride,
                   size_t dim, unsigned char *chains, unsigned char *tail)
{
    trellis_encode(code, is_value, rows, row_stride, dim, chains, tail);
}

static void rotate(float *x, size_t n, size_t cut, bool is_back)
{
    code_rotate_row(x, n, cut, is_back);
}

void code_avx512_fill(struct kernel_table *table)
{
    table->code_encode = encode;
    table->code_rotate = rotate;
}
