/*
 * bench_snapshot - what keeping, restoring and forking a session costs beside computing it.
 *
 *   bench_snapshot MODEL TOKENS FILE [KIND]
 *
 * Computes TOKENS random tokens, writes them to FILE, restores them five times (into pages that
 * were used before, as a server does), and forks the session. Prints medians, one line each.
 */
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

static enum status measure(struct engine *engine, uint32_t tokens, const char *path,
                           struct error *err)
{
    struct session *session = NULL;
    double restored[ROUNDS];
    double forked[FORKS];
    uint32_t pages = 0;
    TRY(session_new(engine, &(struct sampler_options){0}, &session, err));
    for (uint32_t i = 0; i < tokens; i++)
        session_push(session, (int32_t)((i * 7919u + 13u) % (engine->info.vocab_size - 1)),
                     SEGMENT_USER, 1);
    double start = clock_seconds();
    TRY(session_compute(session, NULL, NULL, err));
    const double computed = clock_seconds() - start;
    printf("compute   %u tokens  %.2f s  %.1f tokens/s\n", tokens, computed, tokens / computed);
    fflush(stdout);
    start = clock_seconds();
    TRY(session_snapshot(session, path, err));
    const double bytes = (double)infer_page_bytes(engine->infer) * (tokens + 63.0) / 64.0;
    const double written = clock_seconds() - start;
    printf("write     %.0f MB  %.2f s\n", bytes / 1e6, written);
    TRY(fork_often(session, forked, &pages, err));
    printf("fork      %.1f us  %u forks and a token each: %u pages of %.2f MB\n",
           median(forked, FORKS) * 1e6, FORKS, pages,
           (double)infer_page_bytes(engine->infer) / 1e6);
    session_free(session);
    TRY(restore_often(engine, path, restored, err));
    const double back = median(restored, ROUNDS);
    printf("restore   %.3f s  %.2f GB/s  %.0f times faster than computing\n", back,
           bytes / 1e9 / back, computed / back);
    return OK;
}

int main(int count, char **words)
{
    struct engine *engine = NULL;
    struct error err = {0};
    if (count < 4) {
        fprintf(stderr, "usage: bench_snapshot MODEL TOKENS FILE [KIND]\n");
        return 2;
    }
    struct engine_config config = {
        .model_path = strcmp(words[1], "builtin") == 0 ? NULL : words[1],
        .context_tokens = (uint32_t)strtoul(words[2], NULL, 10) + 64 * FORKS + 128,
    };
    if (kv_kind_find(count > 4 ? words[4] : NULL, &config.kv, &err) != OK ||
        engine_open(&config, &engine, &err) != OK)
        return fail(&err);
    if (measure(engine, (uint32_t)strtoul(words[2], NULL, 10), words[3], &err) != OK)
        return fail(&err);
    engine_close(engine);
    return 0;
}
