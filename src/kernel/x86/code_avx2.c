/*
 * code_avx2 - coding blocks of keys and values, 16 chains at a time.
 *
 * Threads: any; no state.
 */
#include "kernel/code_rotate.h"
#include "kernel/kernel_table.h"
#include "kernel/x86/kernel_x86.h"

#include <immintrin.h>

static inline void code_block_load(const uint16_t *from, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + i))));
}

enum { TRELLIS_LANES = 16 };
typedef __m256i trellis_lanes;

TEMPLATE __m256i trellis_load(const uint16_t *from)
{
    return _mm256_load_si256((const __m256i *)from);
}

TEMPLATE void trellis_store(uint16_t *to, __m256i a)
{
    _mm256_store_si256((__m256i *)to, a);
}

TEMPLATE __m256i trellis_all(int x)
{
    return _mm256_set1_epi16((short)x);
}

TEMPLATE __m256i trellis_add(__m256i a, __m256i b)
{
    return _mm256_adds_epu16(a, b);
}

TEMPLATE __m256i trellis_min(__m256i a, __m256i b)
{
    return _mm256_min_epu16(a, b);
}

TEMPLATE __m256i trellis_square(__m256i v, __m256i t)
{
    const __m256i d = _mm256_sub_epi16(v, t);
    return _mm256_mullo_epi16(d, d);
}

TEMPLATE __m256i trellis_pick(__m256i a, __m256i b, __m256i x, __m256i y)
{
    return _mm256_blendv_epi8(x, y, _mm256_cmpeq_epi16(_mm256_max_epu16(a, b), a)); /* a >= b */
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

void code_avx2_fill(struct kernel_table *table)
{
    table->code_encode = encode;
    table->code_rotate = rotate;
}
