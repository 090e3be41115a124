/*
 * bench_snapshot - what keeping, restoring and forking a session costs beside computing it.
 *
 *   bench_snapshot MODEL TOKENS COMPUTED FILE [KIND]
 *
 * Computes COMPUTED random tokens for the speed of that, fills the pages of TOKENS tokens with
 * noise (what is computed of them costs the same to write and read, and long to make), writes them
 * to FILE, restores them five times (into pages that were used before, as a server does), and forks
 * the session. The ratio takes the speed measured for all tokens: those behind attend to more and
 * are slower, so it is too low. Prints medians, one line each.
 */
#include "base/check.h"
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "infer/infer.h"
#include "os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, FORKS = 64 };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *seconds, size_t count)
{
    qsort(seconds, count, sizeof(*seconds), compare);
    return seconds[count / 2];
}

static int fail(const struct error *err)
{
    fprintf(stderr, "bench_snapshot: %s\n", err->text);
    return 1;
}

static enum status restore_often(struct engine *engine, const char *path, double *out_seconds,
                                 struct error *err)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct session *session = NULL;
        const double start = clock_seconds();
        TRY(session_restore(engine, path, &(struct sampler_options){0}, &session, err));
        out_seconds[i] = clock_seconds() - start;
        session_free(session);
    }
    return OK;
}

/* Forks, and one token behind each: what a branch costs before and after it diverges. */
static enum status fork_often(struct session *session, double *out_seconds, uint32_t *out_pages,
                              struct error *err)
{
    struct session *forks[FORKS] = {NULL};
    struct infer_row rows[FORKS];
    struct infer *infer = session->engine->infer;
    const uint32_t before = infer_free_page_count(infer);
    enum status status = OK;
    int count = 0;
    for (; count < FORKS && status == OK; count++) {
        const double start = clock_seconds();
        status = session_fork(session, &forks[count], err);
        out_seconds[count] = clock_seconds() - start;
        if (status == OK)
            rows[count] = (struct infer_row){.seq = forks[count]->seq, .token = 1 + count};
    }
    if (status == OK)
        status = infer_step(infer, rows, FORKS, err);
    *out_pages = before - infer_free_page_count(infer);
    for (int i = 0; i < count; i++)
        session_free(forks[i]);
    return status;
}

/* A session of so many tokens whose keys and values are noise. */
static enum status fill_session(struct engine *engine, uint32_t tokens, struct session **out,
                                struct error *err)
{
    struct session *session = NULL;
    uint64_t noise = 1;
    TRY(session_new(engine, &(struct sampler_options){0}, &session, err));
    for (uint32_t i = 0; i < tokens; i++)
        session_push(session, (int32_t)((i * 7919u + 13u) % (engine->info.vocab_size - 1)),
                     SEGMENT_USER, 1);
    CLEANUP(mem_freep) int32_t *ids = session_ids(session);
    CHECK(ids);
    TRY(infer_seq_load(session->seq, ids, tokens, err));
    for (uint32_t page = 0; page < (tokens + 63) / 64; page++)
        for (uint32_t piece = 0; piece < infer_piece_count(engine->infer); piece++) {
            const struct infer_piece to = infer_seq_piece(session->seq, page, piece);
            for (size_t i = 0; i + 1 < to.size; i += 2) { /* halves without infinities */
                noise = noise * UINT64_C(6364136223846793005) + 1;
                to.bytes[i] = (unsigned char)(noise >> 33);
                to.bytes[i + 1] = (unsigned char)(0x20 + ((noise >> 41) & 0x1f));
            }
        }
    *out = session;
    return OK;
}

static enum status compute(struct engine *engine, uint32_t tokens, double *out_seconds,
                           struct error *err)
{
    struct session *session = NULL;
    TRY(session_new(engine, &(struct sampler_options){0}, &session, err));
    for (uint32_t i = 0; i < tokens; i++)
        session_push(session, (int32_t)((i * 7919u + 13u) % (engine->info.vocab_size - 1)),
                     SEGMENT_USER, 1);
    const double start = clock_seconds();
    TRY(session_compute(session, NULL, NULL, err));
    *out_seconds = clock_seconds() - start;
    session_free(session);
    return OK;
}

static enum status measure(struct engine *engine, uint32_t tokens, uint32_t computed,
                           const char *path, struct error *err)
{
    struct session *session = NULL;
    double restored[ROUNDS];
    double forked[FORKS];
    double seconds = 0;
    uint32_t pages = 0;
    const double bytes = (double)infer_page_bytes(engine->infer) * ((tokens + 63) / 64);
    TRY(compute(engine, computed, &seconds, err));
    printf("compute   %u tokens  %.2f s  %.1f tokens/s\n", computed, seconds, computed / seconds);
    fflush(stdout);
    TRY(fill_session(engine, tokens, &session, err));
    const double start = clock_seconds();
    TRY(session_snapshot(session, path, err));
    printf("write     %u tokens  %.0f MB  %.2f s\n", tokens, bytes / 1e6, clock_seconds() - start);
    TRY(fork_often(session, forked, &pages, err));
    printf("fork      %.1f us  %u forks and a token each: %u pages of %.2f MB\n",
           median(forked, FORKS) * 1e6, FORKS, pages,
           (double)infer_page_bytes(engine->infer) / 1e6);
    session_free(session);
    TRY(restore_often(engine, path, restored, err));
    const double back = median(restored, ROUNDS);
    printf("restore   %u tokens  %.3f s  %.2f GB/s  at least %.0f times faster than computing\n",
           tokens, back, bytes / 1e9 / back, seconds / computed * tokens / back);
    return OK;
}

int main(int count, char **words)
{
    struct engine *engine = NULL;
    struct error err = {0};
    if (count < 5) {
        fprintf(stderr, "usage: bench_snapshot MODEL TOKENS COMPUTED FILE [KIND]\n");
        return 2;
    }
    const uint32_t tokens = (uint32_t)strtoul(words[2], NULL, 10);
    struct engine_config config = {
        .model_path = strcmp(words[1], "builtin") == 0 ? NULL : words[1],
        .context_tokens = tokens + 64 * FORKS + 128,
    };
    if (kv_kind_find(count > 5 ? words[5] : NULL, &config.kv, &err) != OK ||
        engine_open(&config, &engine, &err) != OK)
        return fail(&err);
    if (measure(engine, tokens, (uint32_t)strtoul(words[3], NULL, 10), words[4], &err) != OK)
        return fail(&err);
    engine_close(engine);
    return 0;
}
