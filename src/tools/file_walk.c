#include "tools/file_walk.h"

#include "base/attr.h"

#include <stdlib.h>

struct walk {
    const struct beneath *beneath;
    file_walk_fn *visit;
    void *context;
    struct strbuf path;
    uint64_t file_count;
    bool is_stopped;
    bool is_whole;
};

/* Folders sort as if "/" stood behind their names: then the order of the names is that of all paths
 * below them. */
static int compare_paths(const void *a, const void *b)
{
    const struct beneath_entry *left = a;
    const struct beneath_entry *right = b;
    const unsigned char *x = (const unsigned char *)left->name;
    const unsigned char *y = (const unsigned char *)right->name;
    while (*x && *x == *y) {
        x++;
        y++;
    }
    const int last_x = *x ? *x : left->kind == BENEATH_FOLDER ? '/' : 0;
    const int last_y = *y ? *y : right->kind == BENEATH_FOLDER ? '/' : 0;
    return last_x - last_y;
}

static void walk_folder(struct walk *walk, const char *folder, int depth);

static void walk_entry(struct walk *walk, const struct beneath_entry *entry, int depth)
{
    const size_t before = walk->path.len;
    if (before)
        strbuf_add_char(&walk->path, '/');
    strbuf_add_c(&walk->path, entry->name);
    if (entry->kind == BENEATH_FOLDER && depth == FILE_WALK_DEPTH_MAX) {
        walk->is_whole = false;
    } else if (entry->kind == BENEATH_FOLDER) {
        walk_folder(walk, strbuf_c(&walk->path), depth + 1);
    } else if (walk->file_count++ == FILE_WALK_FILES_MAX) {
        walk->is_whole = false;
        walk->is_stopped = true;
    } else if (!walk->visit(walk->context, strbuf_c(&walk->path))) {
        walk->is_stopped = true;
    }
    strbuf_truncate(&walk->path, before);
}

static void walk_folder(struct walk *walk, const char *folder, int depth)
{
    CLEANUP(beneath_list_done) struct beneath_list list = {0};
    if (beneath_list_read(walk->beneath, folder, FILE_WALK_ENTRIES_MAX, &list, NULL) != OK) {
        walk->is_whole = false; /* it may not be read, or is too large: the rest still counts */
        return;
    }
    if (list.count)
        qsort(list.entries, list.count, sizeof(*list.entries), compare_paths);
    for (size_t i = 0; i < list.count && !walk->is_stopped; i++) {
        const struct beneath_entry *entry = &list.entries[i];
        const bool is_hidden_folder = entry->kind == BENEATH_FOLDER && entry->name[0] == '.';
        if (!entry->is_link && entry->kind != BENEATH_OTHER && !is_hidden_folder)
            walk_entry(walk, entry, depth);
    }
}

bool file_walk(const struct beneath *beneath, const char *folder, file_walk_fn *visit,
               void *context)
{
    struct walk walk = {
        .beneath = beneath,
        .visit = visit,
        .context = context,
        .is_whole = true,
    };
    if (strcmp(folder, ".") != 0)
        strbuf_add_c(&walk.path, folder);
    walk_folder(&walk, folder, 0);
    strbuf_done(&walk.path);
    return walk.is_whole;
}
