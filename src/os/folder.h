/*
 * folder - what is in a folder, by name.
 *
 * Threads: any; a list belongs to one thread. Depends on: base/.
 */
#pragma once

#include "base/attr.h"

#include <stddef.h>

/* Names in byte order, without "." and "..", without hidden ones. Zeroed is empty. */
struct folder_list {
    char **names;
    size_t count;
};

/* A folder that is missing or cannot be read is empty. At most `count_max` names, the rest is left
 * out. */
void folder_list_read(const char *path, size_t count_max, struct folder_list *out);
void folder_list_done(struct folder_list *list); /* zeroed is allowed */
