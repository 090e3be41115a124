/* test_kernels - the kernels of this machine, or of one level, for what borrows a table. */
#pragma once

#include "kernel/kernel_table.h"
#include "os/cpu.h"

static inline const struct kernel_table *test_kernels_of(unsigned features)
{
    static struct kernel_table table;
    kernel_table_init(&table, features);
    return &table;
}

static inline const struct kernel_table *test_kernels(void)
{
    return test_kernels_of(cpu_features());
}
