#include "catalog/blob_store.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/file_map.h"
#include "os/file_take.h"
#include "os/folder.h"
#include "os/path.h"

#include <sodium.h>

enum { NAMES_MAX = 65536, READ_BYTES = 1 << 20 };

static const char FOLDER[] = "blobs";
static const char PREFIX[] = "sha256-";

/* ---------------------------------------------------------------- names */

static bool is_hex(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') ||
              (text.ptr[i] >= 'a' && text.ptr[i] <= 'f')))
            return false;
    return text.len == BLOB_STORE_DIGEST_LEN;
}

enum status blob_store_digest(struct str text, struct blob_digest *out, struct error *err)
{
    const size_t prefix = sizeof(PREFIX) - 1;
    const bool has_prefix =
        str_starts_with(text, STR("sha256:")) || str_starts_with(text, STR("sha256-"));
    const struct str hex = str_slice(text, prefix, text.len);
    if (!has_prefix || !is_hex(hex))
        return error_set(err, E_INVALID,
                         "a digest is \"sha256:\" and %d hexadecimal digits in small letters",
                         BLOB_STORE_DIGEST_LEN);
    memcpy(out->hex, hex.ptr, BLOB_STORE_DIGEST_LEN);
    out->hex[BLOB_STORE_DIGEST_LEN] = '\0';
    return OK;
}

char *blob_store_folder(const char *models)
{
    return path_join(models, FOLDER);
}

char *blob_store_path(const char *models, const struct blob_digest *digest)
{
    char name[sizeof(PREFIX) + BLOB_STORE_DIGEST_LEN];
    CLEANUP(mem_freep) char *folder = blob_store_folder(models);
    memcpy(name, PREFIX, sizeof(PREFIX));
    memcpy(name + sizeof(PREFIX) - 1, digest->hex, BLOB_STORE_DIGEST_LEN + 1);
    return path_join(folder, name);
}

bool blob_store_has(const char *models, const struct blob_digest *digest)
{
    CLEANUP(mem_freep) char *path = blob_store_path(models, digest);
    return path_kind(path) == PATH_FILE;
}

bool blob_store_is_blob(const char *models, const char *path, struct blob_digest *out)
{
    CLEANUP(mem_freep) char *folder = blob_store_folder(models);
    const struct str text = str_from_c(path);
    const size_t len = strlen(folder);
    return str_starts_with(text, str_from_c(folder)) && text.len > len && path[len] == '/' &&
           blob_store_digest(str_slice(text, len + 1, text.len), out, NULL) == OK;
}

/* ---------------------------------------------------------------- files that are here */

static void read_digest(crypto_hash_sha256_state *hash, struct blob_digest *out)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(hash, digest);
    sodium_bin2hex(out->hex, sizeof(out->hex), digest, sizeof(digest));
}

static enum status digest_of(const char *path, struct blob_digest *out, struct error *err)
{
    struct file_map file = {0};
    crypto_hash_sha256_state hash;
    CLEANUP(mem_freep) unsigned char *chunk = mem_alloc(READ_BYTES);
    TRY(file_map_open(path, &file, err));
    crypto_hash_sha256_init(&hash);
    enum status status = OK;
    for (size_t at = 0; status == OK && at < file.size;) {
        const size_t size = file.size - at < READ_BYTES ? file.size - at : READ_BYTES;
        status = file_map_read(&file, at, size, chunk, err);
        crypto_hash_sha256_update(&hash, chunk, size);
        at += size;
    }
    if (status == OK)
        status = file_map_check(&file, err);
    file_map_close(&file);
    read_digest(&hash, out);
    return status;
}

enum status blob_store_take(const char *models, const char *path, struct blob_digest *out,
                            struct error *err)
{
    CLEANUP(mem_freep) char *folder = blob_store_folder(models);
    bool is_link = false;
    TRY(file_make_folder(folder, err));
    TRY(digest_of(path, out, err));
    CLEANUP(mem_freep) char *to = blob_store_path(models, out);
    return path_kind(to) == PATH_FILE ? OK : file_take(path, "GGUF", to, &is_link, err);
}

void blob_store_prune(const char *models, uint64_t age_s,
                      bool (*is_used)(void *context, const struct blob_digest *digest),
                      void *context)
{
    CLEANUP(mem_freep) char *folder = blob_store_folder(models);
    CLEANUP(folder_list_done) struct folder_list names = {0};
    const int64_t now_s = clock_unix_us() / 1000000;
    file_sweep(folder);
    folder_list_read(folder, NAMES_MAX, &names);
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(mem_freep) char *path = path_join(folder, names.names[i]);
        struct blob_digest digest;
        struct file_facts facts;
        if (blob_store_is_blob(models, path, &digest) && file_look(path, &facts) &&
            facts.changed_s + (int64_t)age_s <= now_s && !is_used(context, &digest))
            (void)file_remove(path);
    }
}
