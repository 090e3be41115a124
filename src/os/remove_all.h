/*
 * remove_all - a folder with everything below it goes, however hostile the tree is.
 *
 * Links are never followed, any depth is handled without recursion, folders without permissions are
 * opened first. For private temporary folders whose users are dead: it does not race with anyone.
 *
 * Threads: any. Used by: sandbox/.
 */
#pragma once

#include <stdbool.h>

/* Removes whatever `name` is in the folder `parent_fd`. False if something is left. */
bool remove_all(int parent_fd, const char *name);
