#include "api/model_list.h"

#include "base/mem.h"

void model_list_add(struct model_list *list, const struct model_list_row *row)
{
    if (list->count == MODEL_LIST_ROWS_MAX)
        return;
    list->rows = mem_realloc(list->rows, (list->count + 1) * sizeof(*list->rows));
    struct model_list_row *own = &list->rows[list->count++];
    *own = *row;
    own->name = mem_copy_str(row->name ? row->name : "");
    own->architecture = mem_copy_str(row->architecture ? row->architecture : "");
    own->quantization = mem_copy_str(row->quantization ? row->quantization : "");
    own->loaded_as = mem_copy_str(row->loaded_as ? row->loaded_as : "");
}

struct model_list_row *model_list_find(const struct model_list *list, struct str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_equal_c(name, list->rows[i].name))
            return &list->rows[i];
    return NULL;
}

void model_list_done(struct model_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_free(list->rows[i].name);
        mem_free(list->rows[i].architecture);
        mem_free(list->rows[i].quantization);
        mem_free(list->rows[i].loaded_as);
    }
    mem_free(list->rows);
    *list = (struct model_list){0};
}
