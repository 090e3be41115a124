#include "cli/fit_measure.h"

#include "engine/memory_plan.h"
#include "kernel/kernel_table.h"
#include "kernel/machine_speed.h"
#include "os/cpu.h"
#include "os/memory.h"
#include "os/worker_pool.h"

#include <string.h>

enum { SAMPLES = 12, INT8_NS = 20000000, PAGE_BYTES = 4096 };

static const size_t PASS_BYTES = (size_t)512 << 20; /* well above caches */
static const size_t PASS_BYTES_MIN = (size_t)64 << 20;

struct buffer {
    unsigned char *bytes;
    size_t size;
};

void fit_measure_memory(struct fit_machine *machine)
{
    machine->total_bytes = memory_total_bytes();
    machine->free_bytes = memory_available_bytes();
    machine->reserve_bytes = memory_plan_reserve(machine->total_bytes);
}

/* Each worker touches what it will read. */
static void fill(unsigned index, unsigned count, void *context)
{
    const struct buffer *buffer = context;
    const struct worker_share share = worker_pool_share(buffer->size, PAGE_BYTES, index, count);
    memset(buffer->bytes + share.begin, 0x5a, share.end - share.begin);
}

static size_t pass_bytes(void)
{
    const uint64_t share = memory_available_bytes() / 8;
    if (share >= PASS_BYTES)
        return PASS_BYTES;
    return share > PASS_BYTES_MIN ? (size_t)share : PASS_BYTES_MIN;
}

enum status fit_measure_speed(unsigned thread_count, struct fit_machine *machine, struct error *err)
{
    CLEANUP(worker_pool_freep) struct worker_pool *pool = NULL;
    struct kernel_table table;
    struct buffer buffer = {.size = pass_bytes()};
    kernel_table_init(&table, cpu_features());
    TRY(worker_pool_new(thread_count, &pool, err));
    buffer.bytes = memory_reserve(buffer.size);
    if (!buffer.bytes)
        return error_set(err, E_NO_MEMORY, "there is no memory to measure with (%zu MiB)",
                         buffer.size >> 20);
    worker_pool_run(pool, fill, &buffer);
    for (unsigned i = 0; i < SAMPLES; i++) {
        const double read = machine_speed_read(pool, &table, buffer.bytes, buffer.size);
        const double int8 = machine_speed_int8(pool, &table, INT8_NS);
        machine->read_speed = read > machine->read_speed ? read : machine->read_speed;
        machine->multiply_speed = int8 > machine->multiply_speed ? int8 : machine->multiply_speed;
    }
    memory_release(buffer.bytes, buffer.size);
    return OK;
}
