/*
 * code_neon - coding blocks of keys and values, eight chains at a time.
 *
 * Threads: any; no state.
 */
#include "kernel/arm/kernel_arm.h"
#include "kernel/code_rotate.h"
#include "kernel/kernel_table.h"
#include "kernel/unroll.h"

#include <arm_neon.h>

static inline void code_block_load(const uint16_t *from, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += 4)
        vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + i))));
}

enum { TRELLIS_LANES = 8 };
typedef uint16x8_t trellis_lanes;

TEMPLATE uint16x8_t trellis_load(const uint16_t *from)
{
    return vld1q_u16(from);
}

TEMPLATE void trellis_store(uint16_t *to, uint16x8_t a)
{
    vst1q_u16(to, a);
}

TEMPLATE uint16x8_t trellis_all(int x)
{
    return vdupq_n_u16((uint16_t)x);
}

TEMPLATE uint16x8_t trellis_add(uint16x8_t a, uint16x8_t b)
{
    return vqaddq_u16(a, b);
}

TEMPLATE uint16x8_t trellis_min(uint16x8_t a, uint16x8_t b)
{
    return vminq_u16(a, b);
}

TEMPLATE uint16x8_t trellis_square(uint16x8_t v, uint16x8_t t)
{
    const uint16x8_t d = vsubq_u16(v, t);
    return vmulq_u16(d, d);
}

TEMPLATE uint16x8_t trellis_pick(uint16x8_t a, uint16x8_t b, uint16x8_t x, uint16x8_t y)
{
    return vbslq_u16(vcgeq_u16(a, b), y, x);
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

void code_neon_fill(struct kernel_table *table)
{
    table->code_encode = encode;
    table->code_rotate = rotate;
}
