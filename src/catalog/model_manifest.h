/*
 * model_manifest - a model that was made from another: a name, the weights it uses by reference,
 * and settings of its own.
 *
 * One file in holt's folder of models, MODELS/NAME.manifest.json, in which every byte of the name
 * that is not a letter, a digit, ".", "_" or "-" is written as %XX, a dot in front too. It says
 * where the weights are, one of
 *
 *   "blob": "sha256:HEX"      a file of blob_store.h
 *   "file": "/PATH/MODEL.gguf"    a file where it is
 *   "builtin": true           the model inside the program
 *
 * beside "holt_manifest": 1, "name" and "settings" (api/model_settings.h; passed through here).
 * docs/formats/manifest.md.
 *
 * Threads: any. Depends on: base/, os/, text/. Used by: catalog.c, cli/model_create.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "catalog/blob_store.h"

#include <jansson.h>
#include <stdbool.h>

enum {
    MODEL_MANIFEST_BYTES_MAX = 4 << 20,
    MODEL_MANIFEST_FILE_NAME_MAX = 240, /* bytes, the name of the file */
};

/* Zeroed is empty. Exactly one of blob, file and is_builtin is set. */
struct model_manifest {
    char *name;
    char *file; /* absolute */
    struct blob_digest blob;
    bool has_blob;
    bool is_builtin;
    json_t *settings; /* an object */
};

void model_manifest_done(struct model_manifest *manifest);

/* What the file of that model is called; owned by the caller. E_INVALID: not a name. */
MUST_USE enum status model_manifest_file_name(struct str name, char **out, struct error *err);

/* False: it is another kind of file. */
bool model_manifest_is_file_name(const char *file_name);

/* The path of the weights; owned by the caller. NULL: the built-in model. */
char *model_manifest_weights(const struct model_manifest *manifest, const char *models);

/* The file at `path`. E_FORMAT: it is not one, or is of a later kind. */
MUST_USE enum status model_manifest_read(const char *path, struct model_manifest *out,
                                         struct error *err);

/* Replaces the file of that name, whole or not at all. */
MUST_USE enum status model_manifest_write(const struct model_manifest *manifest, const char *models,
                                          struct error *err);
