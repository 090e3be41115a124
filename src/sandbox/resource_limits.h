/*
 * resource_limits - how much a confined child may take.
 *
 * Threads: acts on the calling process. Used by: sandbox/.
 */
#pragma once

#include <stdint.h>

enum {
    RESOURCE_LIMITS_MEMORY_MIB = 4096, /* address space of one process */
    RESOURCE_LIMITS_FILE_MIB = 1024,   /* one file */
    RESOURCE_LIMITS_OPEN_FILES = 512,
    RESOURCE_LIMITS_CPU_SECONDS = 120, /* of one process */
    RESOURCE_LIMITS_PROCESSES = 256,   /* and threads, of one call */
    RESOURCE_LIMITS_SYSTEM_PROCESSES =
        1024, /* for root, where only the whole system can be counted */
};

/* Files, CPU time, no core dumps, lower priority. For sanitizers, whose shadow takes terabytes of
 * address space, memory is left alone here. */
void resource_limits_apply(void);

/* Memory: also under sanitizers, so only right before another program is started. */
void resource_limits_apply_memory(void);

/* Processes and threads of this user beyond the `running` that are there already and not ours. Root
 * is not bound by it: program.c counts. */
void resource_limits_apply_processes(uint64_t running);

/* For a process of root that counts what others start: it comes first on the processor, or a
 * thousand others would keep it from looking. No effect without the privilege. A program it starts
 * begins with resource_limits_step_back(). */
void resource_limits_come_first(void);
void resource_limits_step_back(void);
