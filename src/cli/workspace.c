#include "cli/workspace.h"

#include "base/mem.h"
#include "os/path.h"

#include <stdlib.h>
#include <string.h>

static bool is_home(const char *folder)
{
    const char *home = getenv("HOME");
    CLEANUP(mem_freep) char *real = NULL;
    return home && path_real(home, &real, NULL) == OK && strcmp(real, folder) == 0;
}

enum status workspace_find(const char *given, char **out, struct error *err)
{
    CLEANUP(mem_freep) char *folder = NULL;
    if (!given) {
        TRY(path_current(&folder, err));
        if (strcmp(folder, "/") == 0 || is_home(folder))
            return error_set(
                err, E_UNSUPPORTED,
                "this is %s: name the folder to work in with -w DIR, or change into it",
                strcmp(folder, "/") == 0 ? "/, the whole system" : "your home folder");
    } else {
        switch (path_kind(given)) {
        case PATH_FOLDER: break;
        case PATH_MISSING:
            return error_set(
                err, E_NOT_FOUND,
                "the workspace %.300s does not exist: make it, or choose another with -w", given);
        case PATH_FILE:
        case PATH_OTHER:
            return error_set(err, E_INVALID,
                             "the workspace %.300s is not a folder: choose one with -w", given);
        }
        TRY(path_real(given, &folder, err));
    }
    if (!path_can_read_folder(folder))
        return error_set(err, E_DENIED, "the workspace %.300s may not be read: look at its mode",
                         folder);
    *out = folder;
    folder = NULL; /* ownership moves to the caller */
    return OK;
}
