#include "cli/model_catalog.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/state.h"
#include "os/path.h"

#include <stdlib.h>

enum { FOLDERS_MAX = MODEL_CATALOG_FOLDERS_MAX - 3 };

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

/* Where to look; the texts are owned. */
struct places {
    char *list; /* of folders, cut at the colons */
    char *ollama;
    char *hub;
    const char *of[FOLDERS_MAX];
    struct catalog_places places;
};

static void places_done(struct places *places)
{
    mem_free(places->list);
    mem_free(places->ollama);
    mem_free(places->hub);
}

static void find_places(const struct state *state, const char *folders, struct places *out)
{
    *out = (struct places){
        .list = mem_copy_str(folders ? folders : ""), .ollama = find_ollama(), .hub = find_hub()};
    size_t count = 0;
    for (char *at = out->list; at && *at && count < FOLDERS_MAX;) {
        char *colon = strchr(at, ':');
        if (colon)
            *colon = '\0';
        out->of[count++] = at;
        at = colon ? colon + 1 : NULL;
    }
    out->places = (struct catalog_places){
        .own = state->models,
        .folders = out->of,
        .folder_count = count,
        .ollama = out->ollama,
        .hugging_face = out->hub,
    };
}

void model_catalog_read(const struct state *state, const char *folders, struct catalog *out)
{
    CLEANUP(places_done) struct places places;
    find_places(state, folders, &places);
    catalog_read(&places.places, out);
}

size_t model_catalog_folders(const struct state *state, const char *folders,
                             char *out[MODEL_CATALOG_FOLDERS_MAX])
{
    CLEANUP(places_done) struct places places;
    size_t count = 0;
    find_places(state, folders, &places);
    const char *const single[] = {places.places.own, places.ollama, places.hub};
    for (size_t i = 0; i < ARRAY_LEN(single); i++)
        if (single[i])
            out[count++] = mem_copy_str(single[i]);
    for (size_t i = 0; i < places.places.folder_count; i++)
        out[count++] = mem_copy_str(places.of[i]);
    return count;
}
