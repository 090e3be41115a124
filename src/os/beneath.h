/*
 * beneath - files below one folder, by paths that may come from anyone, never outside of it.
 *
 * A path is relative to the folder and NUL-free; "." is the folder itself. ".." and symbolic links
 * may be used as long as they stay below it; absolute links never do. The kernel keeps the promise
 * where it has openat2 (RESOLVE_BENEATH); elsewhere every component is opened by itself and links
 * are followed here. Only regular files are read or written: a FIFO or device is never opened.
 *
 * Errors: E_DENIED the path leads outside; E_NOT_FOUND a part of it is missing (or is a file where
 * a folder is needed); E_INVALID something of another kind is there; E_LIMIT too large, long or
 * deep.
 *
 * Threads: any. Depends on: base/. Used by: tools/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <sys/types.h>

enum {
    BENEATH_PATH_MAX = 4096,
    BENEATH_NAME_MAX = 255,
    BENEATH_DEPTH_MAX = 64, /* folders below the folder */
    BENEATH_LINKS_MAX = 16, /* symbolic links on one path */
};

struct beneath {
    int root_fd; /* borrowed */
    bool use_openat2;
};

enum beneath_kind { BENEATH_FILE, BENEATH_FOLDER, BENEATH_OTHER };

struct beneath_info {
    enum beneath_kind kind;
    uint64_t size;
};

MUST_USE enum status beneath_look(const struct beneath *beneath, const char *path,
                                  struct beneath_info *out, struct error *err);

/* Appends the content of a regular file; at most size_max bytes, otherwise E_LIMIT and nothing. */
MUST_USE enum status beneath_read(const struct beneath *beneath, const char *path, size_t size_max,
                                  struct strbuf *out, struct error *err);

/* The same path without links, "." and "..": "a/b/c", or "." for the folder. What does not exist
 * yet is kept as written (then *out_exists is false). */
MUST_USE enum status beneath_resolve(const struct beneath *beneath, const char *path,
                                     struct strbuf *out, bool *out_exists, struct error *err);

/* Puts `bytes` into a file, made if missing (mode 0666 less the umask), together with the folders
 * on the way (0777 less the umask). A new file is written and synced beside the old one and renamed
 * over it, with the mode of the old one; after an error the old one is untouched. `path` is one
 * that beneath_resolve() gave: a link that appeared in it since is refused. */
MUST_USE enum status beneath_write(const struct beneath *beneath, const char *path,
                                   struct str bytes, struct error *err);

struct beneath_entry {
    char *name;
    enum beneath_kind kind; /* of what a link leads to, if that is below the folder; else OTHER */
    bool is_link;
};

/* Names in a folder without "." and "..", in byte order. */
struct beneath_list {
    struct beneath_entry *entries;
    size_t count;
    size_t capacity;
};

/* E_LIMIT for more than count_max entries. */
MUST_USE enum status beneath_list_read(const struct beneath *beneath, const char *path,
                                       size_t count_max, struct beneath_list *out,
                                       struct error *err);
void beneath_list_done(struct beneath_list *list);
