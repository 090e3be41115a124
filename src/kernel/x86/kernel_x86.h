/*
 * kernel_x86 - the kernels of x86-64 processors.
 *
 * One file per family and instruction set; each fills its part of the table. Files ending in
 * _avx2.c and _avx512.c are built with the flags of that set (Makefile), so nothing in them may run
 * before the processor is known to have it: kernel_table_init() looks.
 */
#pragma once

struct kernel_table;

void kernel_x86_fill_avx2(struct kernel_table *table);
void kernel_x86_fill_avx512(struct kernel_table *table);
