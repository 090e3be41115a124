/*
 * hash_map - byte strings to 64-bit values; open addressing, insertion only.
 *
 * Keys are borrowed and must outlive the map. The hash is seeded once per process, so that keys
 * from a hostile file cannot be chosen to collide. Zeroed is a valid empty map.
 *
 * Threads: readers may share a map nobody changes.
 */
#pragma once

#include "base/str.h"

struct hash_map_slot; /* opaque: see hash_map.c */

struct hash_map {
    struct hash_map_slot *slots;
    size_t capacity; /* power of two, or 0 */
    size_t count;
};

/* False (and *map unchanged) if the key is already there. */
bool hash_map_add(struct hash_map *map, struct str key, uint64_t value);

/* As hash_map_add(), but an existing key gets the new value. */
void hash_map_set(struct hash_map *map, struct str key, uint64_t value);

bool hash_map_find(const struct hash_map *map, struct str key, uint64_t *out_value);
void hash_map_done(struct hash_map *map);

/* The map's own hash (64 bits, seeded per process): never store or compare it across runs. */
uint64_t hash_map_hash(struct str key);
