/* kernel_x86 - which file fills which part of the table at which level. Threads: any; no state. */
#include "kernel/x86/kernel_x86.h"

#include "kernel/kernel_table.h"

void kernel_x86_fill_avx2(struct kernel_table *table)
{
    (void)table;
}

void kernel_x86_fill_avx512(struct kernel_table *table)
{
    (void)table;
}
