/*
 * blob_store - files under the names of their own digests, in a folder below holt's models: what
 * clients upload before they make a model of it.
 *
 * FOLDER/sha256-HEX. A file appears whole, with its digest, or not at all.
 * A digest is 64 hexadecimal digits in small letters and nothing else, so that none can lead
 * elsewhere.
 *
 * Threads: any. Depends on: base/, os/, libsodium.
 * Used by: blob_upload.h, model_manifest.h, cli/serve_jobs.c, cli/model_create.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { BLOB_STORE_DIGEST_LEN = 64 };

#define BLOB_STORE_BYTES_MAX (UINT64_C(1) << 40) /* of one file */

struct blob_digest {
    char hex[BLOB_STORE_DIGEST_LEN + 1];
};

/* "sha256:HEX" or "sha256-HEX". E_INVALID. */
MUST_USE enum status blob_store_digest(struct str text, struct blob_digest *out, struct error *err);

/* The folder of blobs below holt's folder of models, and one blob in it; owned by the caller. */
char *blob_store_folder(const char *models);
char *blob_store_path(const char *models, const struct blob_digest *digest);
bool blob_store_has(const char *models, const struct blob_digest *digest);

/* The digest that a path of blob_store_path() ends with; false: it is none. */
bool blob_store_is_blob(const char *models, const char *path, struct blob_digest *out);

/* The file at `path` becomes a blob: linked where the file system can, else copied. E_FORMAT: it is
 * not a model file. */
MUST_USE enum status blob_store_take(const char *models, const char *path, struct blob_digest *out,
                                     struct error *err);

/* Removes blobs for which `is_used` says no and that are `age_s` old and more, and what is left of
 * uploads that were killed. */
void blob_store_prune(const char *models, uint64_t age_s,
                      bool (*is_used)(void *context, const struct blob_digest *digest),
                      void *context);
