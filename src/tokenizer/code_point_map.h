/*
 * code_point_map - code points to numbers, two loads per look-up; made for characters to symbols.
 *
 * Threads: read-only once filled. Depends on: base/. For the files of tokenizer/ only.
 */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

#define CODE_POINT_MAP_NONE UINT32_MAX

enum { CODE_POINT_MAP_PAGE = 256, CODE_POINT_MAP_PAGES = 0x110000 / CODE_POINT_MAP_PAGE };

/* Zeroed is empty. */
struct code_point_map {
    uint32_t *pages[CODE_POINT_MAP_PAGES];
};

/* Of two numbers the earlier one stays. False: no memory. A code point past U+10FFFF is ignored. */
MUST_USE bool code_point_map_add(struct code_point_map *map, uint32_t code_point, uint32_t number);
void code_point_map_done(struct code_point_map *map);

static inline uint32_t code_point_map_find(const struct code_point_map *map, uint32_t code_point)
{
    const uint32_t page = code_point / CODE_POINT_MAP_PAGE;
    if (page >= CODE_POINT_MAP_PAGES || !map->pages[page])
        return CODE_POINT_MAP_NONE;
    return map->pages[page][code_point % CODE_POINT_MAP_PAGE];
}
