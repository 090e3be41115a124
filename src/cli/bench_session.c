#include "cli/bench_session.h"

#include "base/mem.h"
#include "cli/bench_rows.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "os/clock.h"
#include "os/file.h"

#include <stdlib.h>

enum {
    FORKS = 64,
    RESTORES = 3,
    MORE_TOKENS = 16, /* what the next turn adds */
    LEFT_TOKENS = 256,
};

struct session_bench {
    const struct bench_session_options *options;
    struct engine *engine;
    struct session *session;
    struct bench_rows *rows;
    struct bench_row row;
};

static void add(struct session_bench *bench, enum bench_test test, uint32_t tokens, double seconds)
{
    bench->row.test = test;
    bench->row.tokens = tokens;
    bench_rows_add(bench->rows, &bench->row, seconds);
}

/* Adds tokens that are spread over the vocabulary, and makes one behind them. */
static enum status first_token(struct session_bench *bench, uint32_t count, struct error *err)
{
    const uint32_t vocab_size = engine_get_info(bench->engine)->vocab_size;
    const struct session_limits limits = {
        .token_count_max = 1, .ignores_end = true, .is_plain = true};
    struct session_result result;
    CLEANUP(mem_freep) int32_t *ids = mem_alloc((count + 1) * sizeof(*ids));
    const uint32_t begin = session_token_count(bench->session);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = (int32_t)((uint64_t)(begin + i + 1) * 2654435761u % vocab_size);
    TRY(session_append_ids(bench->session, ids, count, err));
    return session_generate(bench->session, &limits, NULL, NULL, NULL, NULL, &result, err);
}

/* From a closed model, whose file the system has in memory. */
static enum status measure_first_tokens(struct session_bench *bench, struct error *err)
{
    const struct bench_session_options *options = bench->options;
    const struct engine_config config = {
        .model_path = options->model_path,
        .context_tokens = options->prompt_tokens + LEFT_TOKENS,
        .thread_count = options->thread_count,
        .cpu_features_off = options->cpu_features_off,
        .kv = options->kv_kind,
        .speculate = ENGINE_SPECULATE_OFF,
    };
    const double start = clock_seconds();
    TRY(engine_open(&config, &bench->engine, err));
    TRY(session_new(bench->engine, &(struct sampler_options){0}, &bench->session, err));
    TRY(first_token(bench, options->prompt_tokens, err));
    const double cold = clock_seconds();
    TRY(first_token(bench, MORE_TOKENS, err));
    add(bench, BENCH_COLD, options->prompt_tokens, cold - start);
    add(bench, BENCH_WARM, MORE_TOKENS, clock_seconds() - cold);
    return OK;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum status measure_forks(struct session_bench *bench, struct error *err)
{
    struct session *forks[FORKS] = {NULL};
    double seconds[FORKS];
    enum status status = OK;
    for (int i = 0; i < FORKS && status == OK; i++) {
        const double start = clock_seconds();
        status = session_fork(bench->session, &forks[i], err);
        seconds[i] = clock_seconds() - start;
    }
    for (int i = 0; i < FORKS; i++)
        session_free(forks[i]);
    if (status != OK)
        return status;
    qsort(seconds, FORKS, sizeof(seconds[0]), compare);
    add(bench, BENCH_FORK, session_token_count(bench->session), seconds[FORKS / 2]);
    return OK;
}

static enum status measure_snapshot(struct session_bench *bench, struct error *err)
{
    const char *file = bench->options->file;
    const uint32_t tokens = session_token_count(bench->session);
    struct file_facts facts = {0};
    double seconds[RESTORES];
    const double start = clock_seconds();
    TRY(session_snapshot(bench->session, file, err));
    const double written = clock_seconds();
    for (int i = 0; i < RESTORES; i++) {
        struct session *again = NULL;
        session_free(bench->session); /* its pages are wanted */
        bench->session = NULL;
        const double begin = clock_seconds();
        TRY(session_restore(bench->engine, file, &(struct sampler_options){0}, &again, err));
        seconds[i] = clock_seconds() - begin;
        bench->session = again;
    }
    if (file_look(file, &facts))
        bench->row.bytes = (double)facts.size;
    add(bench, BENCH_SAVE, tokens, written - start);
    qsort(seconds, RESTORES, sizeof(seconds[0]), compare);
    add(bench, BENCH_RESTORE, tokens, seconds[RESTORES / 2]);
    return OK;
}

enum status bench_session_run(const struct bench_session_options *options, struct bench_rows *rows,
                              struct error *err)
{
    struct session_bench bench = {.options = options, .rows = rows, .row = {.program = "holt"}};
    snprintf(bench.row.kv, sizeof(bench.row.kv), "%s", kv_kind_name(options->kv_kind));
    enum status status = measure_first_tokens(&bench, err);
    if (status == OK)
        status = measure_forks(&bench, err);
    if (status == OK)
        status = measure_snapshot(&bench, err);
    file_remove(options->file);
    session_free(bench.session);
    engine_close(bench.engine);
    return status;
}
