#include "engine/memory_budget.h"

#include "os/memory.h"

/* Memory that is left to the rest of the machine: an eighth, and at least this. */
static const uint64_t RESERVE_BYTES_MIN = 256u << 20;

uint64_t memory_budget_bytes(uint64_t asked_bytes)
{
    if (asked_bytes)
        return asked_bytes;
    const uint64_t available = memory_available_bytes();
    if (available == 0)
        return UINT64_MAX; /* unknown: the allocator decides */
    uint64_t reserve = memory_total_bytes() / 8;
    if (reserve < RESERVE_BYTES_MIN)
        reserve = RESERVE_BYTES_MIN;
    return available > reserve ? available - reserve : 0;
}
