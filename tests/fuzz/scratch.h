/*
 * scratch - a folder for fuzz targets whose readers read files: in memory where the system has
 * that, gone when the process ends.
 *
 * Functions are static inline. Threads: one.
 */
#pragma once

#include "base/check.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/file.h"
#include "os/path.h"
#include "os/remove_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static char scratch_root[64];

static inline void scratch_leave(void)
{
    (void)!remove_all(AT_FDCWD, scratch_root);
}

/* The path of `name` in the folder, which is made first; owned by the caller. */
static inline char *scratch_path(const char *name)
{
    static const char *const places[] = {"/dev/shm", "/tmp"};
    for (size_t i = 0; !scratch_root[0] && i < ARRAY_LEN(places); i++) {
        snprintf(scratch_root, sizeof(scratch_root), "%s/holt-fuzz-XXXXXX", places[i]);
        if (mkdtemp(scratch_root))
            CHECK(atexit(scratch_leave) == 0);
        else
            scratch_root[0] = '\0';
    }
    CHECK(scratch_root[0]);
    return path_join(scratch_root, name);
}

static inline void scratch_make_folder(const char *name)
{
    CLEANUP(mem_freep) char *path = scratch_path(name);
    CHECK(file_make_folder(path, NULL) == OK);
}

static inline void scratch_write(const char *name, struct str bytes)
{
    CLEANUP(mem_freep) char *path = scratch_path(name);
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len && fclose(file) == 0);
}
