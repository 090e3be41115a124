/* kernel_x86 - which file fills which part of the table at which level. Threads: any; no state. */
#include "kernel/x86/kernel_x86.h"

void kernel_x86_fill_avx2(struct kernel_table *table)
{
    attend_avx2_fill(table);
    attend_code_avx2_fill(table);
    code_avx2_fill(table);
    matmul_packed_avx2_fill(table);
    matmul_plain_avx2_fill(table);
    matmul_unpacked_fill_avx2(table);
    matmul_rows32_avx2_fill(table);
    matmul_rows256_avx2_fill(table);
    packed_avx2_fill(table);
    recurrent_avx2_fill(table);
    speed_avx2_fill(table);
    vector_ops_avx2_fill(table);
}

void kernel_x86_fill_avx512vbmi(struct kernel_table *table)
{
    attend_code_avx512vbmi_fill(table);
}

void kernel_x86_fill_avx512(struct kernel_table *table)
{
    attend_avx512_fill(table);
    attend_code_avx512_fill(table);
    code_avx512_fill(table);
    matmul_packed_avx512_fill(table);
    matmul_plain_avx512_fill(table);
    matmul_unpacked_fill_avx512(table);
    matmul_rows32_avx512_fill(table);
    matmul_rows256_avx512_fill(table);
    recurrent_avx512_fill(table);
    speed_avx512_fill(table);
    vector_ops_avx512_fill(table);
}
