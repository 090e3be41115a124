#include "tokenizer/token_list.h"

#include "base/mem.h"

enum { CAPACITY_MIN = 64 };

void token_list_add(struct token_list *list, int32_t id, uint32_t span)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : CAPACITY_MIN;
        list->ids = mem_realloc(list->ids, list->capacity * sizeof(*list->ids));
        list->spans = mem_realloc(list->spans, list->capacity * sizeof(*list->spans));
    }
    list->ids[list->count] = id;
    list->spans[list->count] = span;
    list->count++;
}

void token_list_truncate(struct token_list *list, size_t count)
{
    if (count < list->count)
        list->count = count;
}

void token_list_clear(struct token_list *list)
{
    list->count = 0;
}

void token_list_done(struct token_list *list)
{
    mem_free(list->ids);
    mem_free(list->spans);
    *list = (struct token_list){0};
}
