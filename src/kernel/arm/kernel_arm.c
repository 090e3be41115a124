/* kernel_arm - which file fills which part of the table. Threads: any; no state. */
#include "kernel/arm/kernel_arm.h"

void kernel_arm_fill_neon(struct kernel_table *table)
{
    attend_code_neon_fill(table);
    attend_neon_fill(table);
    code_neon_fill(table);
    matmul_plain_neon_fill(table);
    matmul_unpacked_neon_fill(table);
    vector_ops_neon_fill(table);
}
