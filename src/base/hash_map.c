#include "base/hash_map.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

enum { CAPACITY_MIN = 16 };

struct hash_map_slot {
    struct str key; /* ptr NULL: free */
    uint64_t hash;
    uint64_t value;
};

static uint64_t process_seed(void)
{
    static _Atomic uint64_t seed;
    uint64_t value = atomic_load_explicit(&seed, memory_order_relaxed);
    if (value)
        return value;
    if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
        value = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15u;
    uint64_t expected = 0;
    if (!atomic_compare_exchange_strong(&seed, &expected, value | 1))
        return expected; /* another thread was first */
    return value | 1;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    const __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_map_hash(struct str key)
{
    const uint64_t seed = process_seed();
    uint64_t hash = seed ^ key.len;
    size_t i = 0;
    for (; i + 8 <= key.len; i += 8) {
        uint64_t word = 0;
        memcpy(&word, key.ptr + i, 8);
        hash = mix(hash ^ word, 0x9e3779b97f4a7c15u ^ seed);
    }
    uint64_t tail = 0;
    if (i < key.len)
        memcpy(&tail, key.ptr + i, key.len - i);
    hash = mix(hash ^ tail, 0xd6e8feb86659fd93u);
    return mix(hash, 0xa0761d6478bd642fu ^ seed);
}

/* The slot of `key`, or the free slot where it belongs. The map is never full. */
static struct hash_map_slot *slot_for(const struct hash_map *map, struct str key, uint64_t hash)
{
    size_t index = hash & (map->capacity - 1);
    for (;;) {
        struct hash_map_slot *slot = &map->slots[index];
        if (!slot->key.ptr || (slot->hash == hash && str_equal(slot->key, key)))
            return slot;
        index = (index + 1) & (map->capacity - 1);
    }
}

static void grow(struct hash_map *map)
{
    struct hash_map old = *map;
    map->capacity = old.capacity ? old.capacity * 2 : CAPACITY_MIN;
    map->slots = mem_zalloc(map->capacity * sizeof(*map->slots));
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].key.ptr)
            *slot_for(map, old.slots[i].key, old.slots[i].hash) = old.slots[i];
    }
    mem_free(old.slots);
}

/* The slot of `key`, taken if it was free; *out_found says which. */
static struct hash_map_slot *take(struct hash_map *map, struct str key, bool *out_found)
{
    if (map->capacity / 4 * 3 <= map->count)
        grow(map);
    if (!key.ptr)
        key.ptr = ""; /* the empty key is a key */
    const uint64_t hash = hash_map_hash(key);
    struct hash_map_slot *slot = slot_for(map, key, hash);
    *out_found = slot->key.ptr != NULL;
    if (!*out_found) {
        *slot = (struct hash_map_slot){.key = key, .hash = hash};
        map->count++;
    }
    return slot;
}

bool hash_map_add(struct hash_map *map, struct str key, uint64_t value)
{
    bool found = false;
    struct hash_map_slot *slot = take(map, key, &found);
    if (!found)
        slot->value = value;
    return !found;
}

void hash_map_set(struct hash_map *map, struct str key, uint64_t value)
{
    bool found = false;
    take(map, key, &found)->value = value;
}

bool hash_map_find(const struct hash_map *map, struct str key, uint64_t *out_value)
{
    if (!map->capacity)
        return false;
    if (!key.ptr)
        key.ptr = "";
    const struct hash_map_slot *slot = slot_for(map, key, hash_map_hash(key));
    if (!slot->key.ptr)
        return false;
    *out_value = slot->value;
    return true;
}

void hash_map_done(struct hash_map *map)
{
    mem_free(map->slots);
    *map = (struct hash_map){0};
}
