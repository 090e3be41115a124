/*
 * kernel_arm - the kernels of 64-bit ARM processors with NEON and its dot product.
 *
 * Files ending in _neon.c are built with the flags of that set (Makefile), so nothing in them may
 * run before the processor is known to have it: kernel_table_init() looks. They include only
 * headers with static inline functions, and no such function of theirs is used by a baseline file.
 */
#pragma once

#include "kernel/kernel_table.h"
#include "kernel/unpack.h"

void kernel_arm_fill_neon(struct kernel_table *table);

void attend_code_neon_fill(struct kernel_table *table);
void attend_neon_fill(struct kernel_table *table);
void code_neon_fill(struct kernel_table *table);
void matmul_plain_neon_fill(struct kernel_table *table);
void matmul_unpacked_neon_fill(struct kernel_table *table);
void vector_ops_neon_fill(struct kernel_table *table);

/* By enum dtype; NULL: not quantized. */
extern unpack_fn *const unpack_neon[KERNEL_DTYPES];
