#include "cli/pull_run.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/fetch_role.h"
#include "cli/state.h"
#include "os/file.h"
#include "os/partial_file.h"
#include "os/path.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20 };

static const double MIB = 1024.0 * 1024;
static const uint64_t ROOM_LEFT_BYTES = 256u << 20; /* on the disk, for everybody else */
static const uint64_t SIZE_MAX_BYTES = UINT64_C(2) << 40;

static enum status digest_of(int fd, char out[PULL_SOURCE_DIGEST_LEN + 1], struct error *err)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state hash;
    CLEANUP(mem_freep) unsigned char *chunk = mem_alloc(READ_BYTES);
    crypto_hash_sha256_init(&hash);
    ssize_t got = 0;
    for (off_t at = 0; (got = pread(fd, chunk, READ_BYTES, at)) > 0; at += got)
        crypto_hash_sha256_update(&hash, chunk, (unsigned long long)got);
    if (got < 0)
        return error_errno(err, "what came cannot be read back");
    crypto_hash_sha256_final(&hash, digest);
    sodium_bin2hex(out, PULL_SOURCE_DIGEST_LEN + 1, digest, sizeof(digest));
    return OK;
}

static enum status check_room(const char *folder, const struct pull_file *file, uint64_t have,
                              struct error *err)
{
    const uint64_t room = partial_file_room(folder);
    const uint64_t needed = file->size > have ? file->size - have : 0;
    if (needed + ROOM_LEFT_BYTES <= room)
        return OK;
    return error_set(err, E_LIMIT,
                     "%s needs %.1f MiB more, and %.0f MiB are left to others: %.300s has %.1f MiB "
                     "free; make room there",
                     file->name, (double)needed / MIB, (double)ROOM_LEFT_BYTES / MIB, folder,
                     (double)room / MIB);
}

/* What broke off can be gone on with. */
static enum status say_what_is_kept(const struct pull_file *file, enum status status, uint64_t size,
                                    struct error *err)
{
    const struct error why = *err;
    if (status != E_IO || size == 0 || !file->sha256[0])
        return status;
    return error_set(err, status, "%.400s; %.1f MiB are kept, pull it again to go on", why.text,
                     (double)size / MIB);
}

/* Size and digest are what was published, and it is a model. *out_is_bad: keep nothing of it. */
static enum status check(const struct pull_run_config *config, const struct pull_file *file, int fd,
                         uint64_t size, bool *out_is_bad, struct error *err)
{
    char digest[PULL_SOURCE_DIGEST_LEN + 1];
    char magic[4] = {0};
    *out_is_bad = true;
    if (file->size && size != file->size)
        return error_set(err, E_FORMAT, "%s has %" PRIu64 " bytes and should have %" PRIu64,
                         file->name, size, file->size);
    if (pread(fd, magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) ||
        memcmp(magic, "GGUF", sizeof(magic)) != 0)
        return error_set(err, E_FORMAT, "%s is not a model file (GGUF)", file->name);
    TRY(digest_of(fd, digest, err));
    if (file->sha256[0] && strcmp(digest, file->sha256) != 0)
        return error_set(
            err, E_FORMAT,
            "%s came with the digest %.16s... and %.16s... was published: it is thrown "
            "away",
            file->name, digest, file->sha256);
    *out_is_bad = false;
    if (!file->sha256[0]) {
        char text[256];
        snprintf(text, sizeof(text), "%.100s: nobody published a digest; it is sha256 %s",
                 file->name, digest);
        config->note(config->context, text);
    }
    return OK;
}

/* The file that is being fetched, for its progress. */
struct fetching {
    const struct pull_run_config *config;
    const struct pull_file *file;
};

static bool on_progress(void *context, uint64_t done, uint64_t total)
{
    const struct fetching *fetching = context;
    const struct pull_run_config *config = fetching->config;
    const uint64_t whole = fetching->file->size ? fetching->file->size : total;
    return !config->progress || config->progress(config->context, fetching->file, done, whole);
}

static enum status fetch_file(const struct pull_run_config *config, const struct pull_file *file,
                              struct error *err)
{
    const char *folder = config->state->models;
    struct fetching fetching = {.config = config, .file = file};
    struct partial_file partial = {0};
    bool is_bad = false;
    TRY(partial_file_open(folder, file->name, &partial, err));
    enum status status = OK;
    /* Without a digest nothing would show that the old bytes belong to another file. */
    if (partial.size > 0 && (!file->sha256[0] || (file->size && partial.size > file->size)))
        status = partial_file_empty(&partial, err);
    if (status == OK)
        status = check_room(folder, file, partial.size, err);
    const struct fetch_request request = {
        .url = file->url,
        .token = file->is_from_hub ? config->source.token : NULL,
        .out_fd = partial.fd,
        .resume_at = partial.size,
        .size_max = file->size ? file->size : SIZE_MAX_BYTES,
        .allows_http = config->source.allows_http,
        .progress = on_progress,
        .context = &fetching,
    };
    uint64_t size = partial.size;
    const bool has_room = status == OK;
    if (status == OK && (!file->size || partial.size < file->size)) {
        status = fetch_role_run(&request, &size, err);
        status = say_what_is_kept(file, status, size, err);
    }
    if (status == OK)
        status = check(config, file, partial.fd, size, &is_bad, err);
    if (status == OK)
        status = partial_file_finish(&partial, err);
    partial_file_close(&partial, is_bad || size == 0 || (has_room && status == E_LIMIT));
    return status;
}

static enum status fetch_unless_here(const struct pull_run_config *config,
                                     const struct pull_file *file, struct error *err)
{
    CLEANUP(mem_freep) char *path = path_join(config->state->models, file->name);
    char text[256];
    if (path_kind(path) == PATH_MISSING)
        return fetch_file(config, file, err);
    snprintf(text, sizeof(text), "%.200s is here already", file->name);
    config->note(config->context, text);
    return OK;
}

enum status pull_run(const struct pull_run_config *config, char **out_model, struct error *err)
{
    CLEANUP(pull_source_done) struct pull_plan plan = {0};
    TRY(file_make_folder(config->state->models, err));
    TRY(pull_source_resolve(&config->source, config->name, &plan, err));
    if (config->sha256) {
        if (plan.count != 1 || strlen(config->sha256) != PULL_SOURCE_DIGEST_LEN)
            return error_set(err, E_INVALID, "--sha256 is 64 digits, for a model of one file");
        memcpy(plan.files[0].sha256, config->sha256, sizeof(plan.files[0].sha256));
    }
    for (size_t i = 0; i < plan.count; i++)
        TRY(fetch_unless_here(config, &plan.files[i], err));
    *out_model = mem_copy_str(plan.model);
    return OK;
}
