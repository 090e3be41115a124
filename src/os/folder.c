#include "os/folder.h"

#include "base/mem.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void folder_list_read(const char *path, size_t count_max, struct folder_list *out)
{
    *out = (struct folder_list){0};
    DIR *folder = opendir(path);
    if (!folder)
        return;
    size_t room = 0;
    for (const struct dirent *entry = readdir(folder); entry && out->count < count_max;
         entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        if (out->count == room) {
            room = room ? 2 * room : 16;
            out->names = mem_realloc(out->names, room * sizeof(*out->names));
        }
        out->names[out->count++] = mem_copy_str(entry->d_name);
    }
    closedir(folder);
    if (out->count > 0)
        qsort(out->names, out->count, sizeof(*out->names), compare_names);
}

void folder_list_done(struct folder_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->names[i]);
    mem_free(list->names);
    *list = (struct folder_list){0};
}
