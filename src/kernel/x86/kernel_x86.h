/*
 * kernel_x86 - the kernels of x86-64 processors.
 *
 * One file per family and instruction set; each fills its part of the table. Files ending in
 * _avx2.c and _avx512.c are built with the flags of that set (Makefile), so nothing in them may run
 * before the processor is known to have it: kernel_table_init() looks. They include only headers
 * with static inline functions, and no such function of theirs is used by a baseline file.
 */
#pragma once

#include "kernel/kernel_table.h"
#include "kernel/unpack.h"

void kernel_x86_fill_avx2(struct kernel_table *table);
void kernel_x86_fill_avx512(struct kernel_table *table);
void kernel_x86_fill_avx512vbmi(struct kernel_table *table);

/* Every quantized type, by its unpack function; the files below override some. */
void matmul_unpacked_fill_avx2(struct kernel_table *table);
void matmul_unpacked_fill_avx512(struct kernel_table *table);

void attend_avx2_fill(struct kernel_table *table);
void attend_code_avx2_fill(struct kernel_table *table);
void code_avx2_fill(struct kernel_table *table);
void matmul_packed_avx2_fill(struct kernel_table *table);
void matmul_plain_avx2_fill(struct kernel_table *table);
void matmul_rows32_avx2_fill(struct kernel_table *table);
void matmul_rows256_avx2_fill(struct kernel_table *table);
void packed_avx2_fill(struct kernel_table *table);
void recurrent_avx2_fill(struct kernel_table *table);
void speed_avx2_fill(struct kernel_table *table);
void vector_ops_avx2_fill(struct kernel_table *table);

void attend_avx512_fill(struct kernel_table *table);
void attend_code_avx512_fill(struct kernel_table *table);
void code_avx512_fill(struct kernel_table *table);
void matmul_packed_avx512_fill(struct kernel_table *table);
void matmul_plain_avx512_fill(struct kernel_table *table);
void matmul_rows32_avx512_fill(struct kernel_table *table);
void matmul_rows256_avx512_fill(struct kernel_table *table);
void recurrent_avx512_fill(struct kernel_table *table);
void speed_avx512_fill(struct kernel_table *table);
void vector_ops_avx512_fill(struct kernel_table *table);

void attend_code_avx512vbmi_fill(struct kernel_table *table);

/* By enum dtype; NULL: not quantized. */
extern unpack_fn *const unpack_avx2[KERNEL_DTYPES];

/* Products with any type of the family. */
void matmul_rows32_avx2_unpacked(const struct kernel_matmul_args *args,
                                 const struct unpack_format *unpack);
void matmul_rows256_avx2_unpacked(const struct kernel_matmul_args *args,
                                  const struct unpack_format *unpack);
void matmul_rows32_avx512_unpacked(const struct kernel_matmul_args *args,
                                   const struct unpack_format *unpack);
void matmul_rows256_avx512_unpacked(const struct kernel_matmul_args *args,
                                    const struct unpack_format *unpack);
