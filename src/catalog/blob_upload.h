/*
 * blob_upload - a file that comes in pieces and becomes a blob (blob_store.h), if it is whole and
 * has the digest it was announced with.
 *
 * Threads: an upload belongs to one. Depends on: base/, os/, libsodium.
 * Used by: cli/serve_uploads.c.
 */
#pragma once

#include "catalog/blob_store.h"
#include "os/file.h"

#include <sodium.h>

/* A file on its way. Zeroed is none. */
struct blob_upload {
    struct file_writer writer;
    crypto_hash_sha256_state hash;
    struct blob_digest digest;
    uint64_t size;
    uint64_t announced; /* 0: not said */
    uint64_t size_left; /* until the room on the disk is looked at again */
};

/* `size`: announced, 0: not said; room for it is taken at once. E_LIMIT: too large, or the disk
 * has too little room. */
MUST_USE enum status blob_upload_open(const char *models, const struct blob_digest *digest,
                                      uint64_t size, struct blob_upload *out, struct error *err);
MUST_USE enum status blob_upload_add(struct blob_upload *upload, struct str bytes,
                                     struct error *err);

/* E_FORMAT: the digest or the size is another. It is closed afterwards, also on failure. */
MUST_USE enum status blob_upload_finish(struct blob_upload *upload, struct error *err);
void blob_upload_done(struct blob_upload *upload); /* removes what is unfinished */
