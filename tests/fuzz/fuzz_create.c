/*
 * fuzz_create - any bytes as the body of /api/create, or as the Modelfile of `holt create`: the
 * model is made or refused with one sentence. A model that is made is one file in the folder of
 * models, has the settings that were asked for, and goes when it is removed. Templates are parsed
 * and tried before (fuzz_chat_template), not here.
 *
 * The first byte is "0" for a body and "1" for a Modelfile.
 */
#include "api/model_settings.h"
#include "api/modelfile.h"
#include "api/route.h"
#include "catalog/model_manifest.h"
#include "cli/model_admin.h"
#include "cli/model_create.h"
#include "cli/state.h"
#include "os/folder.h"
#include "tests/fuzz/scratch.h"
#include "text/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { NAMES_MAX = 16 };

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct state state;

/* A folder of models with one file and one blob, and no other stores. */
static void make_state(void)
{
    if (state.models)
        return;
    scratch_make_folder("home");
    scratch_make_folder("state/models/blobs");
    scratch_write("state/models/otter.gguf", STR("GGUF"));
    scratch_write("state/models/blobs/sha256-" DIGEST, STR("GGUF"));
    CLEANUP(mem_freep) char *home = scratch_path("home");
    setenv("HOME", home, 1);
    setenv("OLLAMA_MODELS", home, 1);
    setenv("HF_HUB_CACHE", home, 1);
    state.folder = scratch_path("state");
    state.models = scratch_path("state/models");
}

/* What lies in the folder of models beside what was there: at most one manifest. NULL: nothing. */
static char *find_new(void)
{
    CLEANUP(folder_list_done) struct folder_list above = {0};
    CLEANUP(folder_list_done) struct folder_list names = {0};
    char *found = NULL;
    folder_list_read(state.folder, NAMES_MAX, &above);
    folder_list_read(state.models, NAMES_MAX, &names);
    CHECK(above.count == 1);
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.names[i], "otter.gguf") == 0 || strcmp(names.names[i], "blobs") == 0)
            continue;
        CHECK(!found && model_manifest_is_file_name(names.names[i]));
        found = path_join(state.models, names.names[i]);
    }
    return found;
}

static void check_made(const json_t *body, const char *path)
{
    CLEANUP(model_manifest_done) struct model_manifest manifest = {0};
    CLEANUP(json_decrefp) json_t *own = NULL;
    CLEANUP(json_decrefp) json_t *wanted = NULL;
    CLEANUP(mem_freep) char *removed = NULL;
    struct str name = {0};
    CHECK(path && model_manifest_read(path, &manifest, NULL) == OK);
    CHECK(route_model_name(body, &name, NULL) == OK && str_equal_c(name, manifest.name));
    CHECK(model_settings_read(body, &own, NULL) == OK);
    wanted = model_settings_merge(NULL, own);
    if (json_string_length(json_object_get(body, "from")) > 0)
        json_object_set(wanted, "from", json_object_get(body, "from"));
    CHECK(json_equal(manifest.settings, wanted));
    CHECK(model_admin_remove(&state, NULL, name, &removed, NULL) == OK);
    CHECK(strcmp(removed, manifest.name) == 0);
}

static void make(const json_t *body)
{
    struct error err = {0};
    bool ignores_template = false;
    const enum status status = model_create(&state, NULL, body, &ignores_template, &err);
    CLEANUP(mem_freep) char *path = find_new();
    CHECK((status == OK) == (path != NULL));
    if (status != OK) {
        CHECK(err.text[0] && !strchr(err.text, '\n'));
        return;
    }
    check_made(body, path);
    CLEANUP(mem_freep) char *left = find_new();
    CHECK(!left);
    if (!blob_store_has(state.models, &(struct blob_digest){DIGEST})) /* its last user is gone */
        scratch_write("state/models/blobs/sha256-" DIGEST, STR("GGUF"));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(json_decrefp) json_t *body = NULL;
    struct error err = {0};
    if (size == 0)
        return 0;
    make_state();
    const struct str rest = {(const char *)bytes + 1, size - 1};
    const enum status status =
        bytes[0] == '1' ? modelfile_read(rest, &body, &err) : json_parse(rest, NULL, &body, &err);
    if (status != OK)
        return 0;
    if (bytes[0] == '1')
        json_object_set_new(body, "model", json_string("miller"));
    make(body);
    return 0;
}
