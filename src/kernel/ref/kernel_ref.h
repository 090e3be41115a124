/*
 * kernel_ref - the reference kernels: portable C, obvious, the definition of every result.
 *
 * Each file of this folder fills its part of the table; kernel_table_init() calls all of them.
 */
#pragma once

#include "kernel/kv_code.h"

#include <stddef.h>

struct kernel_attend_args;
struct kernel_table;

void matmul_ref_fill(struct kernel_table *table);
void quantize_ref_fill(struct kernel_table *table);
void dequantize_ref_fill(struct kernel_table *table);
void vector_ref_fill(struct kernel_table *table);
void attend_ref_fill(struct kernel_table *table);
void attend_code_ref_fill(struct kernel_table *table);
void code_ref_fill(struct kernel_table *table);
void recurrent_ref_fill(struct kernel_table *table);
void speed_ref_fill(struct kernel_table *table);

/* Faster kernels hand shapes over that they are not made for. */
void attend_ref_f16(const struct kernel_attend_args *args, size_t span, float *partial);
void attend_ref_f32(const struct kernel_attend_args *args, size_t span, float *partial);
void attend_ref_q8(const struct kernel_attend_args *args, size_t span, float *partial);
void attend_code_ref(const struct kernel_attend_args *args, size_t span, float *partial);

/* The table values of a piece's chains, [64][dim]. */
void code_ref_read(enum kv_code code, bool is_value, const unsigned char *chains, size_t dim,
                   int8_t *out);
