#include "cli/bench_sweep.h"

#include "base/mem.h"
#include "cli/bench_measure.h"
#include "cli/bench_rows.h"
#include "engine/memory_plan.h"
#include "infer/infer.h"
#include "model/model.h"
#include "os/clock.h"
#include "os/memory.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    ROUNDS = 3,
    WARM_ROWS = 256, /* one step: weights are packed and in memory */
    STEPS_MIN = 3,
};

struct sweep {
    const struct model *model;
    const struct bench_sweep_options *options;
    struct bench_sweep_list lengths; /* those that fit */
    struct bench_sweep_list depths;
    struct infer *infer;
    struct infer_seq *filled; /* as deep as the deepest; NULL: states are, so none can be forked */
    struct infer_seq *seqs[BENCH_SWEEP_POINTS_MAX]; /* one at each depth */
    struct infer_row *rows;                         /* [row_count] */
    uint32_t row_count;
    unsigned char *noise; /* one piece of a page */
    double prefill[BENCH_SWEEP_POINTS_MAX][ROUNDS];
    double decode[BENCH_SWEEP_POINTS_MAX][ROUNDS];
    uint32_t round_count;
};

enum status bench_sweep_parse(const char *option, const char *text, uint32_t least,
                              struct bench_sweep_list *out, struct error *err)
{
    const char *at = text;
    out->count = 0;
    while (out->count < BENCH_SWEEP_POINTS_MAX) {
        char *end = NULL;
        const unsigned long value =
            at[0] >= '0' && at[0] <= '9' ? strtoul(at, &end, 10) : BENCH_SWEEP_TOKENS_MAX + 1ul;
        if (value < least || value > BENCH_SWEEP_TOKENS_MAX)
            break;
        out->of[out->count++] = (uint32_t)value;
        if (*end == '\0')
            return OK;
        if (*end != ',')
            break;
        at = end + 1;
    }
    return error_set(err, E_INVALID,
                     "--%s takes up to %d numbers from %" PRIu32 " to %d, like 512,4096, not "
                     "\"%.40s\"",
                     option, BENCH_SWEEP_POINTS_MAX, least, BENCH_SWEEP_TOKENS_MAX, text);
}

static bool is_recurrent(const struct sweep *sweep)
{
    return sweep->model->shape.recurrent.layer_count > 0;
}

/* ---------------------------------------------------------------- what fits */

static uint32_t most_of(const struct bench_sweep_list *list)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < list->count; i++)
        most = list->of[i] > most ? list->of[i] : most;
    return most;
}

/* Room for `tokens`, and for what is measured behind each of the depths. */
static struct infer_config config_for(const struct sweep *sweep, uint32_t tokens)
{
    const struct bench_sweep_options *options = sweep->options;
    const uint32_t behind = options->decode_tokens + 2 * KV_PAGE_TOKENS;
    return (struct infer_config){
        .thread_count = options->thread_count,
        .cpu_features = options->cpu_features,
        .kv_kind = options->kv_kind,
        .open_sequences = sweep->depths.count + 2,
        .token_capacity = tokens + (sweep->depths.count + 1) * behind + WARM_ROWS,
        .logits_rows_max = 1,
        .state_count = is_recurrent(sweep) ? sweep->depths.count + 2 : 0,
        .packs_weights = true,
    };
}

/* Bytes that `tokens` take beside the weights, and those that are free for them. */
static enum status check_memory(const struct sweep *sweep, uint32_t tokens, uint64_t *out_needed,
                                uint64_t *out_free, struct error *err)
{
    struct infer_memory memory;
    const struct infer_config config = config_for(sweep, tokens);
    TRY(infer_memory(sweep->model, &config, &memory, err));
    const uint64_t reserve = memory_plan_reserve(memory_total_bytes());
    const uint64_t taken = reserve + sweep->options->decode_bytes; /* packed weights */
    const uint64_t available = memory_available_bytes();
    *out_free = available > taken ? available - taken : 0;
    *out_needed = memory.kv_bytes + memory.state_bytes + memory.scratch_bytes;
    return OK;
}

/* Keeps of a list what there is memory for, beside so many tokens. */
static enum status keep_fitting(const struct sweep *sweep, const char *what, uint32_t beside,
                                const struct bench_sweep_list *wanted, struct bench_sweep_list *out,
                                struct strbuf *notes, struct error *err)
{
    const double gib = 1024.0 * 1024 * 1024;
    out->count = 0;
    for (uint32_t i = 0; i < wanted->count; i++) {
        uint64_t needed = 0;
        uint64_t available = 0;
        TRY(check_memory(sweep, beside + wanted->of[i], &needed, &available, err));
        if (needed <= available)
            out->of[out->count++] = wanted->of[i];
        else
            strbuf_addf(notes,
                        "%s %" PRIu32 " tokens with %s is left out: it needs %.1f GiB beside the "
                        "weights and %.1f GiB are free\n",
                        what, wanted->of[i], kv_kind_name(sweep->options->kv_kind),
                        (double)needed / gib, (double)available / gib);
    }
    return OK;
}

/* A recurrent state stands for tokens whose f16 block is not in the noise. */
static void leave_out_coded(struct sweep *sweep, struct strbuf *notes)
{
    if (!is_recurrent(sweep) || !kv_kind_is_coded(sweep->options->kv_kind))
        return;
    for (uint32_t i = sweep->depths.count; i-- > 0;) {
        if (sweep->depths.of[i] == 0)
            continue;
        strbuf_addf(notes,
                    "decode behind %" PRIu32 " tokens with %s is left out: this model would have "
                    "to compute them all\n",
                    sweep->depths.of[i], kv_kind_name(sweep->options->kv_kind));
        sweep->depths.count--;
        memmove(&sweep->depths.of[i], &sweep->depths.of[i + 1],
                (sweep->depths.count - i) * sizeof(sweep->depths.of[0]));
    }
}

/* ---------------------------------------------------------------- noise */

/* Any tokens will do; these are spread over the vocabulary. */
static int32_t token_at(const struct sweep *sweep, uint32_t position)
{
    const uint64_t spread = (uint64_t)(position + 1) * 2654435761u;
    return (int32_t)(spread % sweep->model->shape.vocab_size);
}

/* Bytes that are numbers as f16, f32, 8-bit blocks and codes alike: halves without infinities. */
static void make_noise(unsigned char *bytes, size_t size)
{
    uint64_t noise = 1;
    for (size_t i = 0; i < size; i++) {
        noise = noise * UINT64_C(6364136223846793005) + 1;
        bytes[i] =
            i % 2 ? (unsigned char)(0x20 + ((noise >> 41) & 0x1f)) : (unsigned char)(noise >> 33);
    }
}

static enum status fill(struct sweep *sweep, struct infer_seq *seq, uint32_t depth,
                        struct error *err)
{
    CLEANUP(mem_freep) int32_t *tokens = mem_try_zalloc(depth + 1u, sizeof(*tokens));
    if (!tokens)
        return error_set(err, E_NO_MEMORY, "no memory for %" PRIu32 " tokens", depth);
    for (uint32_t i = 0; i < depth; i++)
        tokens[i] = token_at(sweep, i);
    TRY(infer_seq_load(seq, tokens, depth, err));
    for (uint32_t page = 0; page * KV_PAGE_TOKENS < depth; page++) {
        for (uint32_t piece = 0; piece < infer_piece_count(sweep->infer); piece++) {
            const struct infer_piece to = infer_seq_piece(seq, page, piece);
            memcpy(to.bytes, sweep->noise, to.size);
        }
    }
    if (!is_recurrent(sweep) || depth == 0)
        return OK;
    CLEANUP(mem_freep) void *state = mem_try_zalloc(1, infer_state_bytes(sweep->infer));
    if (!state)
        return error_set(err, E_NO_MEMORY, "no memory for a recurrent state");
    return infer_seq_load_state(seq, depth, state, err);
}

/* Sequences at all depths: forks of one, or of a recurrent model each its own. */
static enum status begin_depths(struct sweep *sweep, struct error *err)
{
    const uint32_t deepest = most_of(&sweep->depths);
    const size_t size = infer_page_bytes(sweep->infer) + 1;
    if (sweep->depths.count == 0)
        return OK;
    sweep->noise = mem_try_alloc(size);
    if (!sweep->noise)
        return error_set(err, E_NO_MEMORY, "no memory for a page of %zu bytes", size);
    make_noise(sweep->noise, size);
    if (!is_recurrent(sweep)) {
        TRY(infer_seq_new(sweep->infer, &sweep->filled, err));
        TRY(fill(sweep, sweep->filled, deepest, err));
    }
    for (uint32_t i = 0; i < sweep->depths.count; i++) {
        struct infer_seq **seq = &sweep->seqs[i];
        if (sweep->filled)
            TRY(infer_seq_fork(sweep->filled, sweep->depths.of[i], seq, err));
        else
            TRY(infer_seq_new(sweep->infer, seq, err));
    }
    return OK;
}

/* ---------------------------------------------------------------- measuring */

static enum status step(struct sweep *sweep, struct infer_seq *seq, struct error *err)
{
    const struct infer_row row = {
        .seq = seq, .token = token_at(sweep, infer_seq_token_count(seq)), .wants_logits = true};
    return infer_step(sweep->infer, &row, 1, err);
}

static enum status measure_decode(struct sweep *sweep, uint32_t index, double seconds,
                                  struct error *err)
{
    struct infer_seq *seq = sweep->seqs[index];
    const uint32_t depth = sweep->depths.of[index];
    uint32_t steps = 0;
    double passed = 0;
    if (!sweep->filled) {
        infer_seq_truncate(seq, 0);
        TRY(fill(sweep, seq, depth, err));
    }
    TRY(step(sweep, seq, err)); /* pages of its own; what is seen as f16 is computed */
    const double start = clock_seconds();
    while (steps < STEPS_MIN || (steps < sweep->options->decode_tokens && passed < seconds)) {
        TRY(step(sweep, seq, err));
        steps++;
        passed = clock_seconds() - start;
    }
    infer_seq_truncate(seq, sweep->filled ? depth : 0);
    sweep->decode[index][sweep->round_count] = steps / passed;
    return OK;
}

static enum status measure_prefill(struct sweep *sweep, uint32_t length, double *out_tps,
                                   struct error *err)
{
    CLEANUP(infer_seq_freep) struct infer_seq *seq = NULL;
    TRY(infer_seq_new(sweep->infer, &seq, err));
    for (uint32_t i = 0; i < length; i++)
        sweep->rows[i] = (struct infer_row){
            .seq = seq, .token = token_at(sweep, i), .wants_logits = i + 1 == length};
    const double start = clock_seconds();
    TRY(infer_step(sweep->infer, sweep->rows, length, err));
    *out_tps = length / (clock_seconds() - start);
    return OK;
}

static enum status run_rounds(struct sweep *sweep, struct error *err)
{
    const struct bench_sweep_options *options = sweep->options;
    const uint32_t points = sweep->depths.count + sweep->lengths.count;
    const double share = points ? options->seconds / points / ROUNDS : 0;
    const double begin = clock_seconds();
    double ignored = 0;
    TRY(measure_prefill(sweep, WARM_ROWS, &ignored, err));
    while (sweep->round_count < ROUNDS) {
        const double round = clock_seconds();
        for (uint32_t i = 0; i < sweep->lengths.count; i++)
            TRY(measure_prefill(sweep, sweep->lengths.of[i], &sweep->prefill[i][sweep->round_count],
                                err));
        for (uint32_t i = 0; i < sweep->depths.count; i++)
            TRY(measure_decode(sweep, i, share, err));
        sweep->round_count++;
        const double now = clock_seconds();
        if (now - begin + (now - round) > options->seconds)
            break;
    }
    return OK;
}

/* ---------------------------------------------------------------- results */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(double *values, uint32_t count)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void add_rows(struct sweep *sweep, struct bench_rows *rows)
{
    const struct bench_sweep_options *options = sweep->options;
    const double token_bytes = (double)infer_page_bytes(sweep->infer) / KV_PAGE_TOKENS;
    struct bench_row row = {.program = "holt"};
    snprintf(row.kv, sizeof(row.kv), "%s", kv_kind_name(options->kv_kind));
    row.test = BENCH_PREFILL;
    for (uint32_t i = 0; i < sweep->lengths.count; i++) {
        const double tps = middle(sweep->prefill[i], sweep->round_count);
        row.tokens = sweep->lengths.of[i];
        row.share = options->int8_peak > 0 ? bench_measure_products(sweep->model, row.tokens) /
                                                 row.tokens * tps / options->int8_peak
                                           : 0;
        bench_rows_add(rows, &row, tps);
    }
    row.test = BENCH_DECODE;
    row.tokens = options->decode_tokens;
    for (uint32_t i = 0; i < sweep->depths.count; i++) {
        const double tps = middle(sweep->decode[i], sweep->round_count);
        row.depth = sweep->depths.of[i];
        row.bytes = (double)options->decode_bytes + token_bytes * row.depth;
        row.share = options->bandwidth > 0 ? row.bytes * tps / options->bandwidth : 0;
        bench_rows_add(rows, &row, tps);
    }
}

static enum status run(struct sweep *sweep, struct bench_rows *rows, struct strbuf *notes,
                       struct error *err)
{
    const struct bench_sweep_options *options = sweep->options;
    sweep->depths = options->depths; /* for the room behind each */
    TRY(keep_fitting(sweep, "a prompt of", 0, &options->lengths, &sweep->lengths, notes, err));
    const uint32_t longest = most_of(&sweep->lengths);
    TRY(keep_fitting(sweep, "decode behind", longest, &options->depths, &sweep->depths, notes,
                     err));
    leave_out_coded(sweep, notes);
    if (sweep->lengths.count + sweep->depths.count == 0)
        return OK;
    const uint32_t deepest = most_of(&sweep->depths);
    const struct infer_config config = config_for(sweep, longest + deepest);
    TRY(infer_new(sweep->model, &config, &sweep->infer, err));
    sweep->row_count = longest > WARM_ROWS ? longest : WARM_ROWS;
    sweep->rows = mem_try_zalloc(sweep->row_count, sizeof(*sweep->rows));
    if (!sweep->rows)
        return error_set(err, E_NO_MEMORY, "no memory for a prompt of %" PRIu32 " tokens", longest);
    TRY(begin_depths(sweep, err));
    TRY(run_rounds(sweep, err));
    add_rows(sweep, rows);
    return OK;
}

enum status bench_sweep_run(const struct model *model, const struct bench_sweep_options *options,
                            struct bench_rows *rows, struct strbuf *notes, struct error *err)
{
    struct sweep sweep = {.model = model, .options = options};
    const enum status status = run(&sweep, rows, notes, err);
    for (uint32_t i = 0; i < BENCH_SWEEP_POINTS_MAX; i++)
        infer_seq_free(sweep.seqs[i]);
    infer_seq_free(sweep.filled);
    infer_free(sweep.infer);
    mem_free(sweep.rows);
    mem_free(sweep.noise);
    return status;
}
