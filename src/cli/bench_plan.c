#include "cli/bench_plan.h"

#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/bench_measure.h"
#include "cli/bench_rows.h"
#include "cli/bench_session.h"
#include "cli/bench_tokenizer.h"
#include "cli/model_file.h"
#include "gguf/gguf.h"
#include "model/model.h"
#include "os/cpu.h"
#include "text/clean_text.h"
#include "tokenizer/tokenizer.h"

enum { SESSION_TOKENS_MAX = 2048, TURNS_WITH_PEERS = 3, KIND_NAME_MAX = 20 };

/* ---------------------------------------------------------------- options */

/* "f16,q8,t4" */
static enum status read_kinds(const char *text, struct bench_plan *out, struct error *err)
{
    struct str rest = str_from_c(text);
    while (rest.ptr) {
        char name[KIND_NAME_MAX];
        const struct str kind = str_split(&rest, ',');
        if (out->kind_count == BENCH_KINDS_MAX)
            return error_set(err, E_INVALID, "--kv takes %d kinds at most", BENCH_KINDS_MAX);
        snprintf(name, sizeof(name), "%.*s", STR_ARG(str_slice(kind, 0, KIND_NAME_MAX - 1)));
        TRY(kv_kind_find(name, &out->kinds[out->kind_count], err));
        for (uint32_t i = 0; i < out->kind_count; i++)
            if (out->kinds[i] == out->kinds[out->kind_count])
                return error_set(err, E_INVALID, "--kv names %s twice", name);
        out->kind_count++;
    }
    return OK;
}

static enum status read_peers(const struct option_list *list, struct bench_plan *out,
                              struct error *err)
{
    for (size_t i = 0; i < list->count && i < BENCH_PEERS_MAX; i++) {
        struct bench_peer *peer = &out->peers[out->peer_count];
        TRY(bench_peer_parse(list->items[i], peer, err));
        for (uint32_t k = 0; k < out->peer_count; k++)
            if (str_equal(out->peers[k].name, peer->name))
                return error_set(err, E_INVALID, "two peers are called %.*s", STR_ARG(peer->name));
        out->peer_count++;
    }
    return OK;
}

enum status bench_plan_read(const struct bench_args *args, struct bench_plan *out,
                            struct error *err)
{
    *out = (struct bench_plan){.thread_count = (uint32_t)args->thread_count,
                               .decode_tokens = (uint32_t)args->decode_tokens};
    TRY(agent_setup_cpu(args->cpu_mask, &out->features_off, err));
    TRY(read_kinds(args->kv, out, err));
    TRY(bench_sweep_parse("prompt", args->prompt, 1, &out->lengths, err));
    TRY(bench_sweep_parse("depth", args->depth ? args->depth : "0", 0, &out->depths, err));
    TRY(read_peers(&args->peers, out, err));
    out->turn_count = args->turns ? (uint32_t)args->turns : out->peer_count ? TURNS_WITH_PEERS : 1;
    out->seconds = (double)args->seconds / out->turn_count;
    out->sweeps = args->depth || out->lengths.count > 1 || out->kind_count > 1 ||
                  out->peer_count > 0 || args->csv || args->svg;
    out->batch = (struct bench_batch_options){
        .thread_count = out->thread_count,
        .cpu_features = cpu_features() & ~out->features_off,
        .kv_kind = out->kinds[0],
        .seconds = out->seconds,
    };
    return args->batch ? bench_batch_parse(args->batch, &out->batch, err) : OK;
}

/* ---------------------------------------------------------------- facts */

static json_t *name_of(const struct gguf *file)
{
    struct str name = {0};
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    if (gguf_get_str(file, "general.name", &name, NULL) == OK)
        clean_text_line(str_slice(name, 0, 100), &clean);
    return json_string(strbuf_c(&clean));
}

static json_t *facts_of(const struct bench_plan *plan, const struct gguf *file,
                        const struct model *model, const struct bench_measure_result *result,
                        const struct bench_tokenizer_result *text)
{
    char cpu[CPU_BRAND_MAX];
    cpu_brand(cpu);
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:s, "
        "s:s, s:o, s:I, s:I, s:s, s:I}",
        "tokenizer_mbs", text->mbs, "bytes_per_token", text->bytes_per_token, "prefill_tps",
        result->prefill_tps, "prefill_peak_share", result->prefill_peak_share, "decode_tps",
        result->decode_tps, "decode_bandwidth_share", result->decode_bandwidth_share,
        "bandwidth_gbs", result->bandwidth_gbs, "int8_peak_gmacs", result->int8_peak_gmacs,
        "prefill_tps_min", result->prefill_tps_min, "prefill_tps_max", result->prefill_tps_max,
        "decode_tps_min", result->decode_tps_min, "decode_tps_max", result->decode_tps_max,
        "threads", (json_int_t)result->thread_count, "prompt_tokens",
        (json_int_t)result->prompt_tokens, "decode_tokens", (json_int_t)result->decode_tokens,
        "rounds", (json_int_t)result->round_count, "cpu_level",
        cpu_level_of(plan->batch.cpu_features)->name, "kv", kv_kind_name(plan->kinds[0]), "model",
        name_of(file), "decode_bytes", (json_int_t)result->decode_bytes, "prompt_products",
        (json_int_t)result->prompt_products, "cpu", cpu, "parameters",
        (json_int_t)model->parameter_count);
}

/* [{"sequences": 8, "decode_tps": ...}, ...] */
static json_t *batch_json(const struct bench_plan *plan, const struct bench_batch_result *result)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < plan->batch.count_count; i++)
        json_array_append_new(rows, json_pack("{s:I, s:f}", "sequences",
                                              (json_int_t)plan->batch.counts[i], "decode_tps",
                                              result->decode_tps[i]));
    return rows;
}

/* ---------------------------------------------------------------- measuring */

struct measuring {
    const struct bench_plan *plan;
    const struct model *model;
    struct bench_measure_result result;
    struct bench_rows rows;
    struct strbuf notes;
};

static enum status measure_main(struct measuring *m, struct error *err)
{
    const struct bench_plan *plan = m->plan;
    const struct bench_measure_options options = {
        .thread_count = plan->thread_count,
        .cpu_features = plan->batch.cpu_features,
        .kv_kind = plan->kinds[0],
        .prompt_tokens = plan->lengths.of[0],
        .decode_tokens = plan->decode_tokens,
        .seconds = plan->seconds,
    };
    return bench_measure_run(m->model, &options, &m->result, err);
}

static enum status measure_sweeps(struct measuring *m, struct error *err)
{
    const struct bench_plan *plan = m->plan;
    for (uint32_t i = 0; plan->sweeps && i < plan->kind_count; i++) {
        const struct bench_sweep_options options = {
            .thread_count = plan->thread_count,
            .cpu_features = plan->batch.cpu_features,
            .kv_kind = plan->kinds[i],
            .lengths = plan->lengths,
            .depths = plan->depths,
            .decode_tokens = plan->decode_tokens,
            .seconds = plan->seconds,
            .bandwidth = m->result.bandwidth_gbs * 1e9,
            .int8_peak = m->result.int8_peak_gmacs * 1e9,
            .decode_bytes = m->result.decode_bytes,
        };
        TRY(bench_sweep_run(m->model, &options, &m->rows, &m->notes, err));
    }
    return OK;
}

static enum status measure_batch(struct measuring *m, struct bench_batch_result *result,
                                 struct error *err)
{
    const struct bench_plan *plan = m->plan;
    struct bench_row row = {.program = "holt", .test = BENCH_BATCH};
    if (plan->batch.count_count == 0)
        return OK;
    snprintf(row.kv, sizeof(row.kv), "%s", kv_kind_name(plan->kinds[0]));
    TRY(bench_batch_run(m->model, &plan->batch, result, err));
    for (uint32_t i = 0; i < plan->batch.count_count; i++) {
        row.sequences = plan->batch.counts[i];
        bench_rows_add(&m->rows, &row, result->decode_tps[i]);
    }
    return OK;
}

/* Of the prompt that the speeds were measured with, whose length depends on the time there is, a
 * power of two: turns measure the same thing. */
static uint32_t session_prompt(uint32_t prompt_tokens)
{
    uint32_t tokens = SESSION_TOKENS_MAX;
    while (tokens > prompt_tokens && tokens > 1)
        tokens /= 2;
    return tokens;
}

/* What cannot be had here is told, not failed over: the speeds are there. */
static void measure_session(struct measuring *m)
{
    struct error err = {0};
    const struct bench_plan *plan = m->plan;
    const struct bench_session_options options = {
        .model_path = plan->model_path,
        .file = plan->file,
        .thread_count = plan->thread_count,
        .cpu_features_off = plan->features_off,
        .kv_kind = plan->kinds[0],
        .prompt_tokens = session_prompt(m->result.prompt_tokens),
    };
    if (plan->file && bench_session_run(&options, &m->rows, &err) != OK)
        strbuf_addf(&m->notes, "first token, fork or snapshot is left out: %s\n", err.text);
}

static enum status measure(struct measuring *m, const struct gguf *file, json_t **out,
                           struct error *err)
{
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    struct bench_tokenizer_result text = {0};
    struct bench_batch_result batch = {0};
    TRY(tokenizer_new(file, &tokenizer, err));
    TRY(bench_tokenizer_run(tokenizer, &text, err));
    TRY(measure_main(m, err));
    TRY(measure_sweeps(m, err));
    TRY(measure_batch(m, &batch, err));
    measure_session(m);
    json_t *facts = facts_of(m->plan, file, m->model, &m->result, &text);
    if (m->plan->batch.count_count > 0)
        json_object_set_new(facts, "batch", batch_json(m->plan, &batch));
    json_object_set_new(facts, "rows", bench_rows_json(&m->rows));
    json_object_set_new(facts, "notes", json_string(strbuf_c(&m->notes)));
    *out = facts;
    return OK;
}

enum status bench_plan_measure(const struct bench_plan *plan, json_t **out, struct error *err)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(model_closep) struct model *model = NULL;
    struct measuring m = {.plan = plan};
    TRY(model_file_open(plan->model_path, &file, err));
    TRY(model_open(file, &model, err));
    m.model = model;
    const enum status status = measure(&m, file, out, err);
    bench_rows_done(&m.rows);
    strbuf_done(&m.notes);
    return status;
}
