/*
 * matmul_unpacked - products of every quantized type at every level: a row of UNPACK_TYPES with the
 * unpack function of AVX2 (AVX-512 uses it too) meets the shared products of its family.
 *
 * Built without an instruction set: it only puts functions together. Threads: any; no state.
 */
#include "kernel/x86/kernel_x86.h"
#include "tensor/block_formats.h"

static void run_avx2(const struct kernel_matmul_args *args, const struct unpack_format *format)
{
    if (unpack_unit_len(format->shape) == 32)
        matmul_rows32_avx2_unpacked(args, format);
    else
        matmul_rows256_avx2_unpacked(args, format);
}

static void run_avx512(const struct kernel_matmul_args *args, const struct unpack_format *format)
{
    if (unpack_unit_len(format->shape) == 32)
        matmul_rows32_avx512_unpacked(args, format);
    else
        matmul_rows256_avx512_unpacked(args, format);
}

#define RUN(type, name, len, shape)                                                   \
    static void avx2_##name(const struct kernel_matmul_args *args)                    \
    {                                                                                 \
        const struct unpack_format format = {len, sizeof(struct block_##name), shape, \
                                             unpack_avx2[DTYPE_##type]};              \
        run_avx2(args, &format);                                                      \
    }                                                                                 \
    static void avx512_##name(const struct kernel_matmul_args *args)                  \
    {                                                                                 \
        const struct unpack_format format = {len, sizeof(struct block_##name), shape, \
                                             unpack_avx2[DTYPE_##type]};              \
        run_avx512(args, &format);                                                    \
    }
UNPACK_TYPES(RUN)

void matmul_unpacked_fill_avx2(struct kernel_table *table)
{
#define FILL_AVX2(type, name, len, shape) table->matmul[DTYPE_##type].run = avx2_##name;
    UNPACK_TYPES(FILL_AVX2)
}

void matmul_unpacked_fill_avx512(struct kernel_table *table)
{
#define FILL_AVX512(type, name, len, shape) table->matmul[DTYPE_##type].run = avx512_##name;
    UNPACK_TYPES(FILL_AVX512)
}
