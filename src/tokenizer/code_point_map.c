#include "tokenizer/code_point_map.h"

#include "base/mem.h"

#include <string.h>

bool code_point_map_add(struct code_point_map *map, uint32_t code_point, uint32_t number)
{
    const uint32_t page = code_point / CODE_POINT_MAP_PAGE;
    if (page >= CODE_POINT_MAP_PAGES)
        return true;
    if (!map->pages[page]) {
        uint32_t *numbers = mem_try_alloc(CODE_POINT_MAP_PAGE * sizeof(*numbers));
        if (!numbers)
            return false;
        memset(numbers, 0xff, CODE_POINT_MAP_PAGE * sizeof(*numbers));
        map->pages[page] = numbers;
    }
    uint32_t *slot = &map->pages[page][code_point % CODE_POINT_MAP_PAGE];
    if (*slot == CODE_POINT_MAP_NONE)
        *slot = number;
    return true;
}

void code_point_map_done(struct code_point_map *map)
{
    for (uint32_t i = 0; i < CODE_POINT_MAP_PAGES; i++)
        mem_free(map->pages[i]);
    *map = (struct code_point_map){0};
}
