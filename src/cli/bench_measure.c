#include "cli/bench_measure.h"

#include "base/mem.h"
#include "infer/infer.h"
#include "kernel/kernel_table.h"
#include "model/model.h"
#include "os/clock.h"
#include "os/worker_pool.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    READ_ALIGN = 4096, /* of what one worker reads */
    TRIAL_PROMPT = 32,
    FIRST_PROMPT = 64,
    TRIAL_DECODE = 4,
    ROUNDS_WANTED = 5,
    MATRICES_PER_LAYER = 18,
    INT8_ROUNDS = 1 << 18, /* some tenths of a millisecond */
};

static const double MACHINE_SECONDS = 0.25; /* of each measurement of the machine */

struct range {
    const unsigned char *bytes;
    size_t size;
};

struct bench {
    const struct model *model;
    const struct bench_measure_options *options;
    struct kernel_table kernels;
    struct worker_pool *pool;
    struct infer *infer;
    struct infer_row *rows;
    struct range *ranges;
    size_t range_count;
    uint64_t decode_bytes;
    _Atomic uint64_t checksum; /* keeps the loops from being left out */
    _Atomic uint64_t products; /* int8 multiply-adds of all runs */
    double machine_runs;       /* of the newest measurement */
    double prefill[BENCH_MEASURE_ROUNDS_MAX];
    double decode[BENCH_MEASURE_ROUNDS_MAX];
    double bandwidth[BENCH_MEASURE_ROUNDS_MAX];
    double int8[BENCH_MEASURE_ROUNDS_MAX];
};

/* ---------------------------------------------------------------- the machine */

/* `slices_used`: how many of a stack of matrices one token reads. */
static void add_range(struct bench *bench, const struct weight *weight, uint32_t slices_used)
{
    if (!weight->data)
        return;
    const uint32_t slices = weight->slice_count < slices_used ? weight->slice_count : slices_used;
    const size_t size = weight->row_bytes * weight->row_count * slices;
    bench->ranges[bench->range_count++] = (struct range){weight->data, size};
    bench->decode_bytes += size;
}

static void add_ffn(struct bench *bench, const struct ffn_weights *ffn, uint32_t slices_used)
{
    add_range(bench, &ffn->gate, slices_used);
    add_range(bench, &ffn->up, slices_used);
    add_range(bench, &ffn->down, slices_used);
}

/* Every matrix that a decode step reads, of experts as many as a token uses. Of the input embedding
 * it reads one row only. */
static void find_ranges(struct bench *bench)
{
    const struct model *model = bench->model;
    const size_t count = MATRICES_PER_LAYER * (size_t)model->shape.layer_count + 1;
    bench->ranges = mem_alloc(count * sizeof(bench->ranges[0]));
    for (uint32_t i = 0; i < model->shape.layer_count; i++) {
        const struct model_layer *layer = &model->layers[i];
        const struct weight *matrices[] = {&layer->wq,
                                           &layer->wk,
                                           &layer->wv,
                                           &layer->wo,
                                           &layer->experts.router,
                                           &layer->latent.wq_a,
                                           &layer->latent.wkv_a};
        for (size_t m = 0; m < ARRAY_LEN(matrices); m++)
            add_range(bench, matrices[m], 1);
        add_range(bench, &layer->latent.wk_b, layer->latent.wk_b.slice_count);
        add_range(bench, &layer->latent.wv_b, layer->latent.wv_b.slice_count);
        add_ffn(bench, &layer->ffn, 1);
        add_ffn(bench, &layer->experts.shared, 1);
        add_ffn(bench, &layer->experts.each, model->shape.experts.used_count);
    }
    add_range(bench, &model->output, 1);
}

/* This worker's part of every matrix; the unaligned ends, some hundred bytes, are left out. */
static void read_share(unsigned index, unsigned count, void *context)
{
    struct bench *bench = context;
    uint64_t checksum = 0;
    for (size_t i = 0; i < bench->range_count; i++) {
        const struct range range = bench->ranges[i];
        const size_t lead = (0 - (uintptr_t)range.bytes) % READ_ALIGN;
        if (range.size < lead + READ_ALIGN)
            continue;
        const size_t whole = (range.size - lead) / READ_ALIGN * READ_ALIGN;
        const struct worker_share share = worker_pool_share(whole, READ_ALIGN, index, count);
        checksum ^=
            bench->kernels.read_bytes(range.bytes + lead + share.begin, share.end - share.begin);
    }
    atomic_fetch_xor(&bench->checksum, checksum);
}

static void multiply_share(unsigned index, unsigned count, void *context)
{
    (void)index;
    (void)count;
    struct bench *bench = context;
    uint64_t sink = 0;
    const uint64_t products = bench->kernels.int8_peak(INT8_ROUNDS, &sink);
    atomic_fetch_xor(&bench->checksum, sink);
    atomic_fetch_add(&bench->products, products);
}

/* How often per second all workers together run `fn`. */
static double measure_machine(struct bench *bench, worker_pool_fn *fn)
{
    uint64_t times = 0;
    double passed = 0;
    const double begin = clock_seconds();
    do {
        worker_pool_run(bench->pool, fn, bench);
        times++;
        passed = clock_seconds() - begin;
    } while (passed < MACHINE_SECONDS);
    bench->machine_runs = (double)times;
    return (double)times / passed;
}

static double measure_bandwidth(struct bench *bench)
{
    return measure_machine(bench, read_share) * (double)bench->decode_bytes;
}

static double measure_int8(struct bench *bench)
{
    atomic_store(&bench->products, 0);
    const double runs_per_second = measure_machine(bench, multiply_share);
    return runs_per_second * (double)atomic_load(&bench->products) / bench->machine_runs;
}

/* ---------------------------------------------------------------- the model */

/* Any tokens will do; these are spread over the vocabulary. */
static int32_t token_at(const struct bench *bench, uint32_t position)
{
    const uint64_t spread = (uint64_t)position * 2654435761u;
    return (int32_t)(spread % bench->model->shape.vocab_size);
}

/* Tokens per second of one prompt and of what is decoded behind it. */
static enum status measure_model(struct bench *bench, uint32_t prompt, uint32_t decode,
                                 double *out_prefill, double *out_decode, struct error *err)
{
    CLEANUP(infer_seq_freep) struct infer_seq *seq = NULL;
    TRY(infer_seq_new(bench->infer, &seq, err));
    for (uint32_t i = 0; i < prompt; i++)
        bench->rows[i] = (struct infer_row){
            .seq = seq, .token = token_at(bench, i), .wants_logits = i + 1 == prompt};
    const double begin = clock_seconds();
    TRY(infer_step(bench->infer, bench->rows, prompt, err));
    const double middle = clock_seconds();
    for (uint32_t i = 0; i < decode; i++) {
        const struct infer_row row = {
            .seq = seq, .token = token_at(bench, prompt + i), .wants_logits = true};
        TRY(infer_step(bench->infer, &row, 1, err));
    }
    const double end = clock_seconds();
    *out_prefill = prompt / (middle - begin);
    *out_decode = decode / (end - middle);
    return OK;
}

/* ---------------------------------------------------------------- the run */

static uint32_t fit(double tokens, uint32_t least, uint32_t most)
{
    if (tokens >= (double)most)
        return most;
    return tokens > (double)least ? (uint32_t)tokens : least;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts `values`; the middle one. */
static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof(values[0]), compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* Weights of the layers for every token, the output layer for the last one only. */
double bench_measure_products(const struct model *model, uint32_t prompt)
{
    const uint64_t output = (uint64_t)model->output.row_count * model->output.column_count;
    return (double)((model->multiply_adds - output) * prompt + output);
}

static void summarize(struct bench *bench, struct bench_measure_result *out)
{
    const uint32_t count = out->round_count;
    out->prefill_tps = median(bench->prefill, count);
    out->decode_tps = median(bench->decode, count);
    out->prefill_tps_min = bench->prefill[0];
    out->prefill_tps_max = bench->prefill[count - 1];
    out->decode_tps_min = bench->decode[0];
    out->decode_tps_max = bench->decode[count - 1];
    const double bandwidth = median(bench->bandwidth, count);
    const double peak = median(bench->int8, count);
    out->bandwidth_gbs = bandwidth / 1e9;
    out->int8_peak_gmacs = peak / 1e9;
    out->decode_bytes = bench->decode_bytes;
    out->prompt_products = (uint64_t)bench_measure_products(bench->model, out->prompt_tokens);
    const double per_token = (double)out->prompt_products / out->prompt_tokens;
    out->prefill_peak_share = per_token * out->prefill_tps / peak;
    out->decode_bandwidth_share = (double)bench->decode_bytes * out->decode_tps / bandwidth;
}

static enum status run_rounds(struct bench *bench, struct bench_measure_result *out,
                              struct error *err)
{
    const struct bench_measure_options *options = bench->options;
    const double begin = clock_seconds();
    double prefill = 0;
    double decode = 0;
    worker_pool_run(bench->pool, read_share, bench); /* brings the file into memory */
    TRY(measure_model(bench, FIRST_PROMPT, 1, &prefill, &decode, err)); /* packs the weights */
    TRY(measure_model(bench, TRIAL_PROMPT, TRIAL_DECODE, &prefill, &decode, err));

    const double left = options->seconds - (clock_seconds() - begin);
    const double round = left / ROUNDS_WANTED - 2 * MACHINE_SECONDS;
    out->prompt_tokens = fit(prefill * round * 0.5, TRIAL_PROMPT, options->prompt_tokens);
    out->decode_tokens = fit(decode * round * 0.4, TRIAL_DECODE, options->decode_tokens);
    while (out->round_count < ROUNDS_WANTED) {
        const double round_begin = clock_seconds();
        const uint32_t i = out->round_count++;
        bench->bandwidth[i] = measure_bandwidth(bench);
        TRY(measure_model(bench, out->prompt_tokens, out->decode_tokens, &bench->prefill[i],
                          &bench->decode[i], err));
        bench->int8[i] = measure_int8(bench);
        const double now = clock_seconds();
        if (now - begin + (now - round_begin) > options->seconds)
            break;
    }
    summarize(bench, out);
    return OK;
}

static enum status prepare(struct bench *bench, struct error *err)
{
    const struct bench_measure_options *options = bench->options;
    const struct infer_config config = {
        .thread_count = options->thread_count,
        .cpu_features = options->cpu_features,
        .kv_kind = options->kv_kind,
        .token_capacity = options->prompt_tokens + options->decode_tokens + FIRST_PROMPT + 1,
        .logits_rows_max = 1,
        .packs_weights = true,
    };
    bench->rows = mem_try_zalloc(options->prompt_tokens + FIRST_PROMPT, sizeof(bench->rows[0]));
    if (!bench->rows)
        return error_set(err, E_NO_MEMORY, "no memory for a prompt of %u tokens",
                         options->prompt_tokens);
    find_ranges(bench);
    TRY(infer_new(bench->model, &config, &bench->infer, err));
    return worker_pool_new(infer_thread_count(bench->infer), &bench->pool, err);
}

enum status bench_measure_run(const struct model *model,
                              const struct bench_measure_options *options,
                              struct bench_measure_result *out, struct error *err)
{
    struct bench bench = {
        .model = model,
        .options = options,
    };
    kernel_table_init(&bench.kernels, options->cpu_features);
    struct bench_measure_result result = {0};
    enum status status = prepare(&bench, err);
    if (status == OK) {
        result.thread_count = infer_thread_count(bench.infer);
        status = run_rounds(&bench, &result, err);
    }
    if (status == OK)
        *out = result;
    worker_pool_free(bench.pool);
    infer_free(bench.infer);
    mem_free(bench.rows);
    mem_free(bench.ranges);
    return status;
}
