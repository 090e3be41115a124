#include "catalog/blob_upload.h"

#include "base/mem.h"
#include "os/partial_file.h"

#include <inttypes.h>

static const uint64_t ROOM_LEFT_BYTES = 256u << 20; /* on the disk, for everybody else */
static const uint64_t LOOK_BYTES = 64u << 20;       /* how often room is looked at */
static const double MIB = 1024.0 * 1024;

static enum status check_size(uint64_t size, struct error *err)
{
    if (size > BLOB_STORE_BYTES_MAX)
        return error_set(err, E_LIMIT, "a file has at most %" PRIu64 " GiB",
                         (uint64_t)(BLOB_STORE_BYTES_MAX >> 30));
    return OK;
}

enum status blob_upload_open(const char *models, const struct blob_digest *digest, uint64_t size,
                             struct blob_upload *out, struct error *err)
{
    CLEANUP(mem_freep) char *folder = blob_store_folder(models);
    CLEANUP(mem_freep) char *path = blob_store_path(models, digest);
    TRY(check_size(size, err));
    TRY(file_make_folder(folder, err));
    *out = (struct blob_upload){.digest = *digest, .announced = size};
    TRY(file_writer_open(path, &out->writer, err));
    crypto_hash_sha256_init(&out->hash);
    const enum status status =
        size > 0 ? file_writer_reserve(&out->writer, size, ROOM_LEFT_BYTES, err) : OK;
    if (status != OK)
        blob_upload_done(out);
    return status;
}

/* Of a size that was not announced the room is looked at from time to time. */
static enum status check_room(struct blob_upload *upload, uint64_t more, struct error *err)
{
    if (upload->size_left >= more) {
        upload->size_left -= more;
        return OK;
    }
    const uint64_t room = partial_file_room(upload->writer.temporary);
    if (room < ROOM_LEFT_BYTES + LOOK_BYTES)
        return error_set(err, E_LIMIT,
                         "the disk has %.1f MiB free and too little of it would be "
                         "left",
                         (double)room / MIB);
    upload->size_left = LOOK_BYTES;
    return file_writer_sync(&upload->writer, err); /* so that the end has little to wait for */
}

enum status blob_upload_add(struct blob_upload *upload, struct str bytes, struct error *err)
{
    TRY(check_size(upload->size + bytes.len, err));
    TRY(check_room(upload, bytes.len, err));
    crypto_hash_sha256_update(&upload->hash, (const unsigned char *)bytes.ptr, bytes.len);
    upload->size += bytes.len;
    return file_writer_add(&upload->writer, bytes.ptr, bytes.len, err);
}

static void read_digest(crypto_hash_sha256_state *hash, struct blob_digest *out)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(hash, digest);
    sodium_bin2hex(out->hex, sizeof(out->hex), digest, sizeof(digest));
}

enum status blob_upload_finish(struct blob_upload *upload, struct error *err)
{
    struct blob_digest digest;
    read_digest(&upload->hash, &digest);
    enum status status = OK;
    if (upload->announced > 0 && upload->size != upload->announced)
        status = error_set(err, E_FORMAT, "%" PRIu64 " bytes were announced and %" PRIu64 " came",
                           upload->announced, upload->size);
    else if (strcmp(digest.hex, upload->digest.hex) != 0)
        status = error_set(err, E_FORMAT,
                           "the file came with the digest %.16s... and %.16s... was announced: it "
                           "is thrown away",
                           digest.hex, upload->digest.hex);
    else
        status = file_writer_commit(&upload->writer, err);
    blob_upload_done(upload);
    return status;
}

void blob_upload_done(struct blob_upload *upload)
{
    file_writer_done(&upload->writer);
    *upload = (struct blob_upload){0};
}
