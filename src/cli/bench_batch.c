#include "cli/bench_batch.h"

#include "base/mem.h"
#include "infer/infer.h"
#include "model/model.h"
#include "os/clock.h"

#include <stdlib.h>

enum {
    ROUNDS = 3,
    PROMPT_TOKENS = 16, /* of each sequence */
    STEPS_MIN = 2,
    STEPS_MAX = 64,
    WARM_ROWS = 256, /* one step: weights are packed and in memory */
};

struct batch_bench {
    const struct model *model;
    const struct bench_batch_options *options;
    struct infer *infer;
    struct infer_seq *seqs[BENCH_BATCH_SEQUENCES_MAX];
    struct infer_row rows[BENCH_BATCH_SEQUENCES_MAX + WARM_ROWS];
    double tps[BENCH_BATCH_COUNTS_MAX][ROUNDS];
};

enum status bench_batch_parse(const char *text, struct bench_batch_options *out, struct error *err)
{
    const char *at = text;
    out->count_count = 0;
    while (out->count_count < BENCH_BATCH_COUNTS_MAX) {
        char *end = NULL;
        const unsigned long value = at[0] >= '0' && at[0] <= '9' ? strtoul(at, &end, 10) : 0;
        if (value == 0 || value > BENCH_BATCH_SEQUENCES_MAX)
            break;
        out->counts[out->count_count++] = (uint32_t)value;
        if (*end == '\0')
            return OK;
        if (*end != ',')
            break;
        at = end + 1;
    }
    return error_set(err, E_INVALID,
                     "--batch takes up to %d numbers from 1 to %d, like 1,2,4,8, not \"%.40s\"",
                     BENCH_BATCH_COUNTS_MAX, BENCH_BATCH_SEQUENCES_MAX, text);
}

/* Any tokens will do; these are spread over the vocabulary. */
static int32_t token_at(const struct batch_bench *bench, uint32_t seq, uint32_t position)
{
    const uint64_t spread = (uint64_t)(position + 1) * 2654435761u + (uint64_t)seq * 40503u;
    return (int32_t)(spread % bench->model->shape.vocab_size);
}

/* One step with one token of each sequence. */
static enum status decode(struct batch_bench *bench, uint32_t count, struct error *err)
{
    for (uint32_t i = 0; i < count; i++)
        bench->rows[i] =
            (struct infer_row){.seq = bench->seqs[i],
                               .token = token_at(bench, i, infer_seq_token_count(bench->seqs[i])),
                               .wants_logits = true};
    return infer_step(bench->infer, bench->rows, count, err);
}

/* Every sequence as it was behind its prompt. */
static enum status begin(struct batch_bench *bench, uint32_t count, struct error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        infer_seq_truncate(bench->seqs[i], 0);
        for (uint32_t k = 0; k < PROMPT_TOKENS; k++)
            bench->rows[k] =
                (struct infer_row){.seq = bench->seqs[i], .token = token_at(bench, i, k)};
        TRY(infer_step(bench->infer, bench->rows, PROMPT_TOKENS, err));
    }
    return decode(bench, count, err);
}

static enum status measure(struct batch_bench *bench, uint32_t index, uint32_t round,
                           struct bench_batch_result *out, struct error *err)
{
    const uint32_t count = bench->options->counts[index];
    const double share = bench->options->seconds / bench->options->count_count / ROUNDS;
    uint32_t steps = 0;
    double passed = 0;
    TRY(begin(bench, count, err));
    const double start = clock_seconds();
    while (steps < STEPS_MIN || (steps < STEPS_MAX && passed < share)) {
        TRY(decode(bench, count, err));
        steps++;
        passed = clock_seconds() - start;
    }
    bench->tps[index][round] = (double)steps * count / passed;
    out->step_count = out->step_count > steps ? out->step_count : steps;
    return OK;
}

static enum status warm_up(struct batch_bench *bench, struct error *err)
{
    for (uint32_t i = 0; i < WARM_ROWS; i++)
        bench->rows[i] = (struct infer_row){.seq = bench->seqs[0], .token = token_at(bench, 0, i)};
    TRY(infer_step(bench->infer, bench->rows, WARM_ROWS, err));
    infer_seq_truncate(bench->seqs[0], 0);
    return OK;
}

static uint32_t largest(const struct bench_batch_options *options)
{
    uint32_t most = 1;
    for (uint32_t i = 0; i < options->count_count; i++)
        most = options->counts[i] > most ? options->counts[i] : most;
    return most;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum status run(struct batch_bench *bench, struct bench_batch_result *out, struct error *err)
{
    const struct bench_batch_options *options = bench->options;
    const uint32_t most = largest(options);
    const struct infer_config config = {
        .thread_count = options->thread_count,
        .cpu_features = options->cpu_features,
        .kv_kind = options->kv_kind,
        .open_sequences = most,
        .token_capacity = most * (PROMPT_TOKENS + STEPS_MAX + KV_PAGE_TOKENS) + WARM_ROWS,
        .logits_rows_max = most,
        .state_count = bench->model->shape.recurrent.layer_count ? most : 0,
        .packs_weights = true,
    };
    TRY(infer_new(bench->model, &config, &bench->infer, err));
    for (uint32_t i = 0; i < most; i++)
        TRY(infer_seq_new(bench->infer, &bench->seqs[i], err));
    TRY(warm_up(bench, err));
    for (uint32_t round = 0; round < ROUNDS; round++)
        for (uint32_t i = 0; i < options->count_count; i++)
            TRY(measure(bench, i, round, out, err));
    for (uint32_t i = 0; i < options->count_count; i++) {
        qsort(bench->tps[i], ROUNDS, sizeof(bench->tps[i][0]), compare_doubles);
        out->decode_tps[i] = bench->tps[i][ROUNDS / 2];
    }
    return OK;
}

enum status bench_batch_run(const struct model *model, const struct bench_batch_options *options,
                            struct bench_batch_result *out, struct error *err)
{
    CLEANUP(mem_freep) struct batch_bench *bench = mem_zalloc(sizeof(*bench));
    bench->model = model;
    bench->options = options;
    *out = (struct bench_batch_result){0};
    const enum status status = run(bench, out, err);
    for (uint32_t i = 0; i < BENCH_BATCH_SEQUENCES_MAX; i++)
        infer_seq_free(bench->seqs[i]);
    infer_free(bench->infer);
    return status;
}
