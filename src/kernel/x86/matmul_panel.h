/*
 * matmul_panel - products for many tokens: a stretch of some rows is unpacked once into a panel
 * that
 * stays in the first-level cache, and every token of the call is multiplied with it.
 *
 * In a panel a vector holds, for 16 (AVX2: 8) rows, the next four weights of each as unsigned
 * bytes:
 * one 32-bit lane per row, so that a lane's float sum is one output, and its order of additions is
 * that of the reference by construction. Four activations of a token meet a vector as one
 * broadcast. Sums between panels are kept in the output array itself.
 *
 * Threads: any; no state. Panels live on the stack.
 */
#pragma once

#include "kernel/kernel_table.h"
#include "kernel/unpack.h"

enum {
    MATMUL_PANEL_TOKENS = 3,   /* from this number on a panel is worth its making */
    MATMUL_PANEL_COLUMNS = 512 /* of a panel at most */
};

void matmul_panel32_avx512_q8_0(const struct kernel_matmul_args *args);
void matmul_panel32_avx512_q4_0(const struct kernel_matmul_args *args);
void matmul_panel256_avx512_q4_k(const struct kernel_matmul_args *args);
void matmul_panel256_avx512_q6_k(const struct kernel_matmul_args *args);

void matmul_panel32_avx2_q8_0(const struct kernel_matmul_args *args);
void matmul_panel32_avx2_q4_0(const struct kernel_matmul_args *args);
void matmul_panel256_avx2_q4_k(const struct kernel_matmul_args *args);
void matmul_panel256_avx2_q6_k(const struct kernel_matmul_args *args);

/* Any type of the family: rows are unpacked one by one. */
void matmul_panel32_avx512_unpacked(const struct kernel_matmul_args *args,
                                    const struct unpack_format *unpack);
void matmul_panel256_avx512_unpacked(const struct kernel_matmul_args *args,
                                     const struct unpack_format *unpack);
void matmul_panel32_avx2_unpacked(const struct kernel_matmul_args *args,
                                  const struct unpack_format *unpack);
void matmul_panel256_avx2_unpacked(const struct kernel_matmul_args *args,
                                   const struct unpack_format *unpack);
