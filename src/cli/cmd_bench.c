/* holt bench - how fast a model runs on this machine, beside the machine's own limits. */
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/bench_batch.h"
#include "cli/bench_measure.h"
#include "cli/bench_tokenizer.h"
#include "cli/command_list.h"
#include "cli/json_print.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "gguf/gguf.h"
#include "infer/infer.h"
#include "model/model.h"
#include "os/cpu.h"
#include "text/clean_text.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>

enum { SECONDS_DEFAULT = 25, SECONDS_MAX = 3600, PROMPT_DEFAULT = 512, DECODE_DEFAULT = 128 };

struct bench_args {
    const char *model;
    const char *kv;
    const char *cpu_mask;
    const char *batch;
    int64_t prompt_tokens;
    int64_t decode_tokens;
    int64_t thread_count;
    int64_t seconds;
    bool is_json;
};

static const struct bench_args defaults = {
    .kv = "f16",
    .prompt_tokens = PROMPT_DEFAULT,
    .decode_tokens = DECODE_DEFAULT,
    .seconds = SECONDS_DEFAULT,
};

static const struct option_spec options[] = {
    OPTION_PATH(struct bench_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "a GGUF file, a name in the models folder, or builtin"),
    OPTION_INT(struct bench_args, thread_count, 0, "threads", "N", 1, INFER_THREADS_MAX,
               "compute threads (default: all cores)"),
    OPTION_INT(struct bench_args, prompt_tokens, 0, "prompt", "N", 1, BENCH_MEASURE_TOKENS_MAX,
               "tokens of the prompt, at most (default 512)"),
    OPTION_INT(struct bench_args, decode_tokens, 0, "decode", "N", 1, BENCH_MEASURE_TOKENS_MAX,
               "tokens decoded behind it, at most (default 128)"),
    OPTION_INT(struct bench_args, seconds, 0, "seconds", "N", 1, SECONDS_MAX,
               "time for all rounds together, about (default 25)"),
    OPTION_STRING(struct bench_args, kv, 0, "kv", "KIND",
                  "how keys and values are kept: " KV_KIND_NAMES " (default f16)"),
    OPTION_STRING(struct bench_args, cpu_mask, 0, "cpu-mask", "LEVEL",
                  "use kernels of baseline, avx2, avx512 or avx512vbmi at most"),
    OPTION_STRING(struct bench_args, batch, 0, "batch", "LIST",
                  "also decode so many sequences together, like 1,2,4,8"),
    OPTION_FLAG(struct bench_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

struct work {
    const struct bench_args *args;
    const char *model_path;
    struct bench_measure_options options;
    struct bench_batch_options batch; /* count_count 0: not wanted */
    struct bench_batch_result batch_result;
};

static json_t *name_of(const struct gguf *file)
{
    struct str name = {0};
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    if (gguf_get_str(file, "general.name", &name, NULL) == OK)
        clean_text_line(str_slice(name, 0, 100), &clean);
    return json_string(strbuf_c(&clean));
}

static json_t *result_json(const struct work *work, const struct gguf *file,
                           const struct bench_measure_result *result,
                           const struct bench_tokenizer_result *text)
{
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:s, "
        "s:s, s:o, s:I, s:I}",
        "tokenizer_mbs", text->mbs, "bytes_per_token", text->bytes_per_token, "prefill_tps",
        result->prefill_tps, "prefill_peak_share", result->prefill_peak_share, "decode_tps",
        result->decode_tps, "decode_bandwidth_share", result->decode_bandwidth_share,
        "bandwidth_gbs", result->bandwidth_gbs, "int8_peak_gmacs", result->int8_peak_gmacs,
        "prefill_tps_min", result->prefill_tps_min, "prefill_tps_max", result->prefill_tps_max,
        "decode_tps_min", result->decode_tps_min, "decode_tps_max", result->decode_tps_max,
        "threads", (json_int_t)result->thread_count, "prompt_tokens",
        (json_int_t)result->prompt_tokens, "decode_tokens", (json_int_t)result->decode_tokens,
        "rounds", (json_int_t)result->round_count, "cpu_level",
        cpu_level_of(work->options.cpu_features)->name, "kv", work->args->kv, "model",
        name_of(file), "decode_bytes", (json_int_t)result->decode_bytes, "prompt_products",
        (json_int_t)result->prompt_products);
}

/* [{"sequences": 8, "decode_tps": ...}, ...] */
static json_t *batch_json(const struct work *work)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < work->batch.count_count; i++)
        json_array_append_new(rows, json_pack("{s:I, s:f}", "sequences",
                                              (json_int_t)work->batch.counts[i], "decode_tps",
                                              work->batch_result.decode_tps[i]));
    return rows;
}

static void print_batch(const struct work *work)
{
    for (uint32_t i = 0; i < work->batch.count_count; i++)
        printf("%s %10.1f tokens/s  %5.2f times the first  (%" PRIu32 " sequence%s together)\n",
               i == 0 ? "batch   " : "        ", work->batch_result.decode_tps[i],
               work->batch_result.decode_tps[i] / work->batch_result.decode_tps[0],
               work->batch.counts[i], work->batch.counts[i] == 1 ? "" : "s");
}

static void print_lines(const struct work *work, const struct model *model,
                        const struct bench_measure_result *result,
                        const struct bench_tokenizer_result *text)
{
    const double mib = 1024.0 * 1024;
    printf("model    %.1f million parameters, %.1f MiB read per token\n",
           (double)model->parameter_count / 1e6, (double)result->decode_bytes / mib);
    printf("machine  %.1f GB/s reading these weights, %.0f billion int8 multiply-adds/s "
           "(%s, %" PRIu32 " thread%s)\n",
           result->bandwidth_gbs, result->int8_peak_gmacs,
           cpu_level_of(work->options.cpu_features)->name, result->thread_count,
           result->thread_count == 1 ? "" : "s");
    printf("prefill  %10.1f tokens/s  %5.1f %% of the int8 peak  (%" PRIu32
           " tokens; %.1f to %.1f)\n",
           result->prefill_tps, 100 * result->prefill_peak_share, result->prompt_tokens,
           result->prefill_tps_min, result->prefill_tps_max);
    printf("decode   %10.1f tokens/s  %5.1f %% of the bandwidth  (%" PRIu32
           " tokens; %.1f to %.1f)\n",
           result->decode_tps, 100 * result->decode_bandwidth_share, result->decode_tokens,
           result->decode_tps_min, result->decode_tps_max);
    if (text->mbs > 0)
        printf("text     %10.1f MB/s to tokens on one thread  (%.2f bytes per token)\n", text->mbs,
               text->bytes_per_token);
}

static enum status bench(struct work *work, struct error *err)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(model_closep) struct model *model = NULL;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    struct bench_measure_result result = {0};
    struct bench_tokenizer_result text = {0};
    TRY(model_file_open(work->model_path, &file, err));
    TRY(model_open(file, &model, err));
    TRY(tokenizer_new(file, &tokenizer, err));
    TRY(bench_tokenizer_run(tokenizer, &text, err));
    TRY(bench_measure_run(model, &work->options, &result, err));
    if (work->batch.count_count > 0)
        TRY(bench_batch_run(model, &work->batch, &work->batch_result, err));
    if (work->args->is_json) {
        CLEANUP(json_decrefp) json_t *object = result_json(work, file, &result, &text);
        if (work->batch.count_count > 0)
            json_object_set_new(object, "batch", batch_json(work));
        json_print(object);
    } else {
        print_lines(work, model, &result, &text);
        print_batch(work);
    }
    return OK;
}

static int run_work(void *context)
{
    struct error err = {0};
    struct work *work = context;
    if (bench(work, &err) == OK)
        return EXIT_OK;
    model_file_blame(work->model_path, &err);
    return command_fail(&err);
}

static int run(const struct command_call *call)
{
    const struct bench_args *args = call->options;
    struct work work = {.args = args};
    struct error err = {0};
    unsigned features_off = 0;
    if (agent_setup_cpu(args->cpu_mask, &features_off, &err) != OK)
        return command_usage(call->command, "%s", err.text);
    enum kv_kind kv = KV_KIND_F16;
    if (kv_kind_find(args->kv, &kv, &err) != OK)
        return command_usage(call->command, "%s", err.text);
    work.options = (struct bench_measure_options){
        .thread_count = (uint32_t)args->thread_count,
        .cpu_features = cpu_features() & ~features_off,
        .kv_kind = kv,
        .prompt_tokens = (uint32_t)args->prompt_tokens,
        .decode_tokens = (uint32_t)args->decode_tokens,
        .seconds = (double)args->seconds,
    };
    work.batch = (struct bench_batch_options){
        .thread_count = work.options.thread_count,
        .cpu_features = work.options.cpu_features,
        .kv_kind = work.options.kv_kind,
        .seconds = work.options.seconds,
    };
    if (args->batch && bench_batch_parse(args->batch, &work.batch, &err) != OK)
        return command_usage(call->command, "%s", err.text);
    return model_command_run(call, args->model, &work.model_path, "measuring", run_work, &work);
}

const struct command cmd_bench = {
    .name = "bench",
    .summary = "measure how fast a model runs on this machine",
    .operands = "",
    .description =
        "Prefill and decode are measured in turns with what the machine can do at most: reading "
        "the same weights with the same threads, and int8 products in registers. The shares say "
        "how much of that the engine reaches. The tokenizer reads generated English-like text on "
        "one thread. With --batch several sequences are decoded together, as a server does. "
        "Figures are medians.",
    .examples = "holt bench -m model.gguf --json",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct bench_args),
    .run = run,
};
