/* machine_speed - see machine_speed.h. Threads: no state. */
#include "kernel/machine_speed.h"

#include "os/clock.h"
#include "os/worker_pool.h"

#include <stdalign.h>

struct sample {
    alignas(64) uint64_t begin_ns;
    uint64_t end_ns;
    uint64_t work; /* bytes or multiply-adds */
    uint64_t sink; /* results, so that nothing is left out as unused */
};

struct measurement {
    struct worker_pool *pool;
    const struct kernel_table *table;
    const unsigned char *bytes; /* NULL: measure multiply-adds */
    size_t size;
    uint64_t rounds;
    struct sample samples[WORKER_POOL_MAX];
};

static void measure(unsigned index, unsigned count, void *context)
{
    struct measurement *m = context;
    struct sample *sample = &m->samples[index];
    const struct worker_share share = worker_pool_share(m->size, 4096, index, count);
    worker_pool_barrier(m->pool);
    sample->begin_ns = clock_monotonic_ns();
    if (m->bytes) {
        sample->sink = m->table->read_bytes(m->bytes + share.begin, share.end - share.begin);
        sample->work = share.end - share.begin;
    } else {
        sample->work = m->table->int8_peak(m->rounds, &sample->sink);
    }
    sample->end_ns = clock_monotonic_ns();
}

/* All work per time from the first begin to the last end. */
static double run(struct measurement *m)
{
    worker_pool_run(m->pool, measure, m);
    uint64_t begin_ns = UINT64_MAX;
    uint64_t end_ns = 0;
    uint64_t work = 0;
    for (unsigned i = 0; i < worker_pool_size(m->pool); i++) {
        const struct sample *sample = &m->samples[i];
        begin_ns = sample->begin_ns < begin_ns ? sample->begin_ns : begin_ns;
        end_ns = sample->end_ns > end_ns ? sample->end_ns : end_ns;
        work += sample->work;
    }
    return (double)work / ((double)(end_ns - begin_ns) * 1e-9 + 1e-9);
}

double machine_speed_read(struct worker_pool *pool, const struct kernel_table *table,
                          const void *bytes, size_t size)
{
    struct measurement m = {.pool = pool, .table = table, .bytes = bytes, .size = size};
    return run(&m);
}

double machine_speed_int8(struct worker_pool *pool, const struct kernel_table *table,
                          uint64_t duration_ns)
{
    enum { FIRST_ROUNDS = 2000 };
    struct measurement m = {.pool = pool, .table = table, .rounds = FIRST_ROUNDS};
    const double rate = run(&m);
    uint64_t sink = 0;
    const double per_round = (double)table->int8_peak(1, &sink) * worker_pool_size(pool);
    m.rounds = (uint64_t)(rate * (double)duration_ns * 1e-9 / per_round) + 1;
    return run(&m);
}
