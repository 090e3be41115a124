#include "cli/model_catalog.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/state.h"
#include "os/path.h"

#include <stdlib.h>

enum { FOLDERS_MAX = 32 };

/* Where the system's own Ollama service keeps its models. */
static const char OLLAMA_SERVICE[] = "/usr/share/ollama/.ollama/models";

/* The variable's folder with `below` behind it; NULL when it is not set. */
static char *folder_of(const char *variable, const char *below)
{
    const char *value = getenv(variable);
    if (!value || value[0] != '/')
        return NULL;
    return below ? path_join(value, below) : mem_copy_str(value);
}

static char *find_ollama(void)
{
    char *folder = folder_of("OLLAMA_MODELS", NULL);
    if (!folder)
        folder = folder_of("HOME", ".ollama/models");
    if (folder && path_kind(folder) != PATH_MISSING)
        return folder;
    mem_free(folder);
    return mem_copy_str(OLLAMA_SERVICE);
}

static char *find_hub(void)
{
    static const char *const places[][2] = {{"HF_HUB_CACHE", NULL},
                                            {"HF_HOME", "hub"},
                                            {"XDG_CACHE_HOME", "huggingface/hub"},
                                            {"HOME", ".cache/huggingface/hub"}};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char *folder = folder_of(places[i][0], places[i][1]);
        if (folder)
            return folder;
    }
    return NULL;
}

void model_catalog_read(const struct state *state, const char *folders, struct catalog *out)
{
    CLEANUP(mem_freep) char *list = mem_copy_str(folders ? folders : "");
    CLEANUP(mem_freep) char *ollama = find_ollama();
    CLEANUP(mem_freep) char *hub = find_hub();
    const char *of[FOLDERS_MAX];
    size_t count = 0;
    for (char *at = list; at && *at && count < FOLDERS_MAX;) {
        char *colon = strchr(at, ':');
        if (colon)
            *colon = '\0';
        of[count++] = at;
        at = colon ? colon + 1 : NULL;
    }
    const struct catalog_places places = {
        .own = state->models,
        .folders = of,
        .folder_count = count,
        .ollama = ollama,
        .hugging_face = hub,
    };
    catalog_read(&places, out);
}
