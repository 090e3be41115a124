/*
 * catalog - the models at hand: found where they are, never copied.
 *
 *   own          <folder>/NAME.gguf                          NAME
 *                <folder>/NAME.manifest.json                 a model made from another
 *                                                            (model_manifest.h)
 *   Ollama       <folder>/manifests/HOST/SPACE/MODEL/TAG     MODEL:TAG, SPACE/MODEL:TAG or
 *                and blobs/sha256-...                        HOST/SPACE/MODEL:TAG
 *   Hugging Face <folder>/models--ORG--REPO/snapshots/REV/   ORG/REPO:QUANT, from the file's name
 *                *.gguf                                      (no such part: the whole name)
 *   folders      <folder>/NAME.gguf                          NAME
 *
 * Names are compared, never put into a path: a name cannot lead anywhere but to a model that was
 * found. Of a split model only the first file is listed. Files are not opened, manifests are read
 * as untrusted JSON.
 *
 * Threads: any; a catalog belongs to one thread. Depends on: base/, os/, text/. Used by: cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CATALOG_ENTRIES_MAX = 4096,
    CATALOG_NAMES_MAX = 4096, /* looked at in one folder */
    CATALOG_MANIFEST_BYTES_MAX = 1 << 20,
};

enum catalog_store { CATALOG_OWN, CATALOG_FOLDER, CATALOG_OLLAMA, CATALOG_HUGGING_FACE };

struct catalog_entry {
    char *name;
    char *path;       /* of the file, or the first of a split model; NULL: the built-in model's */
    char *manifest;   /* of a model that was made from another: its path; NULL: it was not */
    json_t *settings; /* of such a model (api/model_settings.h); owned */
    enum catalog_store store;
    uint64_t size_bytes; /* of that file; 0: unknown */
    int64_t modified_us; /* since 1970 */
};

/* In the order of stores, by name in each. Zeroed is empty. */
struct catalog {
    struct catalog_entry *entries;
    size_t count;
    size_t unreadable_count; /* manifests of models that cannot be read */
};

/* Where to look; NULL: nowhere. Missing folders are empty. */
struct catalog_places {
    const char *own;
    const char *const *folders;
    size_t folder_count;
    const char *ollama;
    const char *hugging_face; /* the folder "hub" */
};

void catalog_read(const struct catalog_places *places, struct catalog *out);
void catalog_done(struct catalog *catalog); /* zeroed is allowed */

/*
 * The entry that `name` means: its whole name; without a tag ":latest" or, of a repository, its
 * only file; "hf.co/" and "huggingface.co/" in front change nothing, and tags may be written in
 * small letters. Stores are asked in order. E_NOT_FOUND; E_INVALID with the choices when several
 * are meant.
 */
MUST_USE enum status catalog_find(const struct catalog *catalog, struct str name,
                                  const struct catalog_entry **out, struct error *err);

/* The entry for what `entry` is loaded as: models without a template of their own share what has
 * the same weights. Itself, if nothing else has. */
const struct catalog_entry *catalog_loaded_as(const struct catalog *catalog,
                                              const struct catalog_entry *entry);

/* Whether a made model uses the file at `path`: the first one, or NULL. */
const struct catalog_entry *catalog_find_user(const struct catalog *catalog, const char *path);

/* What a model file is called: its name without .gguf and, of a split model, without the numbers.
 * False: it is no model file (or one of a projector of images). */
bool catalog_model_stem(struct str file_name, struct str *out);

/* The quantization at the end of a model's name ("Q4_K_M", "UD-IQ3_XXS"); all of it without one. */
struct str catalog_quantization(struct str stem);

const char *catalog_store_name(enum catalog_store store); /* "holt", "folder", "ollama", ... */
