/* holt pull - fetch a model from Hugging Face, Ollama's library or an address. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/command_list.h"
#include "cli/fetch_role.h"
#include "cli/progress.h"
#include "cli/pull_source.h"
#include "cli/state.h"
#include "cli/style.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/partial_file.h"
#include "os/path.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20, STEP_PERCENT = 10 };

static const uint64_t ROOM_LEFT_BYTES = 256u << 20; /* on the disk, for everybody else */
static const uint64_t SIZE_MAX_BYTES = UINT64_C(2) << 40;

struct pull_args {
    const char *sha256;
    const char *hub;
    const char *registry;
    bool allows_http;
};

static const struct pull_args defaults = {.hub = "https://huggingface.co",
                                          .registry = "https://registry.ollama.ai"};

static const struct option_spec options[] = {
    OPTION_STRING(struct pull_args, sha256, 0, "sha256", "DIGEST",
                  "what the file of an address must be"),
    OPTION_STRING(struct pull_args, hub, 0, "hub", "ADDRESS",
                  "a mirror of Hugging Face (default https://huggingface.co)"),
    OPTION_STRING(struct pull_args, registry, 0, "registry", "ADDRESS",
                  "a mirror of Ollama's registry (default https://registry.ollama.ai)"),
    OPTION_FLAG(struct pull_args, allows_http, 0, "allow-http",
                "let anybody on the way read and change what comes"),
    OPTION_END,
};

struct view {
    struct progress progress;
    const struct pull_file *file;
    double began;
    uint64_t began_at;
    unsigned told_percent;
};

static const double MIB = 1024.0 * 1024;

static bool on_progress(void *context, uint64_t done, uint64_t total)
{
    struct view *view = context;
    const double seconds = clock_seconds() - view->began;
    const uint64_t whole = view->file->size ? view->file->size : total;
    const unsigned percent = whole ? (unsigned)(100 * done / whole) : 0;
    const double speed =
        seconds > 0 && done > view->began_at ? (double)(done - view->began_at) / MIB / seconds : 0;
    if (view->progress.is_enabled) {
        progress_set(&view->progress, "%.60s  %.0f of %.0f MiB, %u %%, %.1f MiB/s",
                     view->file->name, (double)done / MIB, (double)whole / MIB, percent, speed);
        progress_tick(&view->progress);
    } else if (percent >= view->told_percent + STEP_PERCENT) {
        view->told_percent = percent / STEP_PERCENT * STEP_PERCENT;
        fprintf(stderr, "%s: %u %% of %.1f MiB\n", view->file->name, view->told_percent,
                (double)whole / MIB);
    }
    return true;
}

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
    return error_set(err, E_LIMIT, "%s needs %.1f MiB more and %.300s has %.1f MiB free",
                     file->name, (double)needed / MIB, folder, (double)room / MIB);
}

/* Size and digest are what was published, and it is a model. *out_is_bad: keep nothing of it. */
static enum status check(const struct pull_file *file, int fd, uint64_t size, bool *out_is_bad,
                         struct error *err)
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
    if (!file->sha256[0])
        printf("%s: nobody published a digest; it is sha256 %s\n", file->name, digest);
    return OK;
}

static enum status fetch_file(const struct pull_args *args, const char *folder, const char *token,
                              struct view *view, struct error *err)
{
    const struct pull_file *file = view->file;
    struct partial_file partial = {0};
    uint64_t size = 0;
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
        .token = file->is_from_hub ? token : NULL,
        .out_fd = partial.fd,
        .resume_at = partial.size,
        .size_max = file->size ? file->size : SIZE_MAX_BYTES,
        .allows_http = args->allows_http,
        .progress = on_progress,
        .context = view,
    };
    view->began = clock_seconds();
    view->began_at = partial.size;
    view->told_percent = 0;
    size = partial.size;
    if (status == OK && (!file->size || partial.size < file->size))
        status = fetch_role_run(&request, &size, err);
    progress_hide(&view->progress);
    if (status == OK)
        status = check(file, partial.fd, size, &is_bad, err);
    if (status == OK)
        status = partial_file_finish(&partial, err);
    partial_file_close(&partial, is_bad || size == 0 || status == E_LIMIT);
    return status;
}

static bool is_here(const char *folder, const struct pull_file *file)
{
    CLEANUP(mem_freep) char *path = path_join(folder, file->name);
    return path_kind(path) != PATH_MISSING;
}

static enum status pull(const struct command_call *call, struct view *view, struct error *err)
{
    const struct pull_args *args = call->options;
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(pull_source_done) struct pull_plan plan = {0};
    const char *token = getenv("HF_TOKEN");
    const struct pull_source_config source = {
        .hub = args->hub,
        .registry = args->registry,
        .token = token && token[0] ? token : NULL,
        .allows_http = args->allows_http,
    };
    TRY(state_init(call->common, &state, err));
    TRY(file_make_folder(state.models, err));
    TRY(pull_source_resolve(&source, call->operands[0], &plan, err));
    if (args->sha256) {
        if (plan.count != 1 || strlen(args->sha256) != PULL_SOURCE_DIGEST_LEN)
            return error_set(err, E_INVALID, "--sha256 is 64 digits, for a model of one file");
        memcpy(plan.files[0].sha256, args->sha256, sizeof(plan.files[0].sha256));
    }
    for (size_t i = 0; i < plan.count; i++) {
        view->file = &plan.files[i];
        if (is_here(state.models, view->file))
            printf("%s is here already\n", view->file->name);
        else
            TRY(fetch_file(args, state.models, source.token, view, err));
    }
    printf("%s is at hand: holt run -m %s\n", plan.model, plan.model);
    return OK;
}

static int run(const struct command_call *call)
{
    struct view view = {0};
    struct error err = {0};
    progress_init(&view.progress, STDERR_FILENO,
                  style_for(STDERR_FILENO, NULL, call->common->no_color));
    const enum status status = pull(call, &view, &err);
    progress_clear(&view.progress);
    return status == OK ? EXIT_OK : command_fail(&err);
}

const struct command cmd_pull = {
    .name = "pull",
    .summary = "fetch a model from Hugging Face, Ollama's library or an address",
    .operands = "NAME",
    .description =
        "NAME is ORG/REPO:QUANT (Hugging Face; without QUANT the usual one), MODEL:TAG (Ollama's "
        "library; ollama:USER/MODEL:TAG for others) or an https address of a .gguf file. What was "
        "fetched in part is gone on with. A file appears only when its size and its published "
        "digest are right.\n\n"
        "A process of its own does the fetching; it can read no file of yours and writes only "
        "what it fetches. The processes that run models still cannot connect to anything. "
        "HF_TOKEN in the environment is sent to Hugging Face.",
    .examples = "holt pull Qwen/Qwen3-4B-GGUF:Q4_K_M\n"
                "holt pull qwen3:4b\n"
                "holt pull https://example.org/model.gguf --sha256 DIGEST",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct pull_args),
    .operand_count_min = 1,
    .operand_count_max = 1,
    .run = run,
};
