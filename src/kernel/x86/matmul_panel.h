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

/* Types that have a packed form (packed.h): name, type, values of a block. */
#define MATMUL_PANEL_PACKED(X) \
    X(q4_0, Q4_0, 32)          \
    X(q4_1, Q4_1, 32)          \
    X(q5_0, Q5_0, 32)          \
    X(q5_1, Q5_1, 32)          \
    X(q8_0, Q8_0, 32)          \
    X(iq4_nl, IQ4_NL, 32)      \
    X(mxfp4, MXFP4, 32)        \
    X(q4_k, Q4_K, 256)         \
    X(q5_k, Q5_K, 256)         \
    X(q6_k, Q6_K, 256)         \
    X(iq4_xs, IQ4_XS, 256)

/* Weights of args are packed. */
#define MATMUL_PANEL_DECLARE(name, type, len) \
    void matmul_panel##len##_avx512_packed_##name(const struct kernel_matmul_args *args);
MATMUL_PANEL_PACKED(MATMUL_PANEL_DECLARE)

/* Those of which AVX2 unpacks panels for many tokens; of the others it is no faster. */
#define MATMUL_PANEL_PACKED_AVX2(X) \
    X(q8_0, Q8_0, 32)               \
    X(iq4_nl, IQ4_NL, 32)           \
    X(q5_k, Q5_K, 256)              \
    X(q6_k, Q6_K, 256)              \
    X(iq4_xs, IQ4_XS, 256)

#define MATMUL_PANEL_DECLARE_AVX2(name, type, len) \
    void matmul_panel##len##_avx2_packed_##name(const struct kernel_matmul_args *args);
MATMUL_PANEL_PACKED_AVX2(MATMUL_PANEL_DECLARE_AVX2)

/* A panel kernel for packed weights: decode_packed() of the file fills, `tile` multiplies. */
#define MATMUL_PANEL_PACKED_RUN(level, name, type, len, tile)                                      \
    static void decode_packed_##name(void *panel, const struct panel_rows *rows,                   \
                                     size_t block_begin, size_t block_count)                       \
    {                                                                                              \
        decode_packed(DTYPE_##type, panel, rows, block_begin, block_count);                        \
    }                                                                                              \
    void matmul_panel##len##_##level##_packed_##name(const struct kernel_matmul_args *args)        \
    {                                                                                              \
        const struct panel_format format = {                                                       \
            len, len, 0, decode_packed_##name, tile, NULL, packed_block_bytes(DTYPE_##type, len)}; \
        struct panel panel;                                                                        \
        panel_run(args, &format, &panel);                                                          \
    }
