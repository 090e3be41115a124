/* holt bench - how fast a model runs on this machine, beside the machine's own limits. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/bench_chart.h"
#include "cli/bench_csv.h"
#include "cli/bench_measure.h"
#include "cli/bench_plan.h"
#include "cli/bench_report.h"
#include "cli/bench_rows.h"
#include "cli/command_list.h"
#include "cli/json_print.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "cli/progress.h"
#include "cli/state.h"
#include "cli/style.h"
#include "infer/infer.h"
#include "os/clock.h"
#include "os/cpu.h"
#include "os/file.h"
#include "os/path.h"

#include <inttypes.h>
#include <unistd.h>

enum {
    SECONDS_DEFAULT = 25,
    SECONDS_MAX = 3600,
    DECODE_DEFAULT = 128,
    OUTPUT_MAX = 1 << 20, /* of the child that measures */
};

static const struct bench_args defaults = {
    .kv = "f16",
    .prompt = "512",
    .decode_tokens = DECODE_DEFAULT,
    .seconds = SECONDS_DEFAULT,
};

static const struct option_spec options[] = {
    OPTION_PATH(struct bench_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "a GGUF file, a name in the models folder, or builtin"),
    OPTION_INT(struct bench_args, thread_count, 0, "threads", "N", 1, INFER_THREADS_MAX,
               "compute threads (default: all cores)"),
    OPTION_STRING(struct bench_args, prompt, 0, "prompt", "LIST",
                  "tokens of the prompt, at most, or of several like 128,512,2048 (default 512)"),
    OPTION_INT(struct bench_args, decode_tokens, 0, "decode", "N", 1, BENCH_MEASURE_TOKENS_MAX,
               "tokens decoded behind it, at most (default 128)"),
    OPTION_STRING(struct bench_args, depth, 0, "depth", "LIST",
                  "also decode behind so many tokens, like 0,4096,16384,32768"),
    OPTION_INT(struct bench_args, seconds, 0, "seconds", "N", 1, SECONDS_MAX,
               "time for all rounds together, about, and for each kind and list (default 25)"),
    OPTION_STRING(struct bench_args, kv, 0, "kv", "LIST",
                  "how keys and values are kept, one or several of " KV_KIND_NAMES
                  " (default f16)"),
    OPTION_STRING(struct bench_args, cpu_mask, 0, "cpu-mask", "LEVEL",
                  "use kernels of baseline, avx2, avx512 or avx512vbmi at most"),
    OPTION_STRING(struct bench_args, batch, 0, "batch", "LIST",
                  "also decode so many sequences together, like 1,2,4,8"),
    OPTION_LIST(struct bench_args, peers, 0, "peer", "NAME=COMMAND",
                "take turns with another program's benchmark, run in a shell; may be repeated"),
    OPTION_INT(struct bench_args, turns, 0, "turns", "N", 1, BENCH_TURNS_MAX,
               "turns of all programs (default 1, with peers 3)"),
    OPTION_PATH(struct bench_args, csv, 0, "csv", "FILE", OPTION_VALUE_FILE,
                "write the figures there too; in a folder, named by date and processor"),
    OPTION_PATH(struct bench_args, svg, 0, "svg", "FILE", OPTION_VALUE_FILE,
                "draw decode speed against depth"),
    OPTION_FLAG(struct bench_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

struct work {
    const struct command_call *call;
    const struct bench_args *args;
    struct bench_plan plan;
    struct bench_rows rows; /* of all turns */
    json_t *facts;          /* of the newest one */
};

/* ---------------------------------------------------------------- turns */

static int run_child(void *context)
{
    struct error err = {0};
    const struct work *work = context;
    CLEANUP(json_decrefp) json_t *facts = NULL;
    if (bench_plan_measure(&work->plan, &facts, &err) == OK) {
        json_print(facts);
        return EXIT_OK;
    }
    model_file_blame(work->plan.model_path, &err);
    return command_fail(&err);
}

/* Ours. Returns an exit code. */
static int take_turn(struct work *work, uint32_t turn, const char *folder)
{
    struct error err = {0};
    CLEANUP(strbuf_done) struct strbuf output = {0};
    CLEANUP(strbuf_done) struct strbuf doing = {0};
    strbuf_add_c(&doing, "measuring");
    if (work->plan.turn_count > 1)
        strbuf_addf(&doing, ", turn %" PRIu32 " of %" PRIu32, turn + 1, work->plan.turn_count);
    const struct locked_child child = {
        .state_folder = folder,
        .model_path = work->plan.model_path,
        .doing = strbuf_c(&doing),
        .output = &output,
        .no_color = work->call->common->no_color,
        .run = run_child,
        .context = work,
    };
    const int code = locked_child_run(&child);
    if (code != EXIT_OK)
        return code;
    json_t *facts = output.len <= OUTPUT_MAX ? json_loadb(output.ptr, output.len, 0, NULL) : NULL;
    json_decref(work->facts);
    work->facts = facts;
    if (!facts)
        return command_failf("what was measured cannot be read");
    return bench_rows_read(&work->rows, json_object_get(facts, "rows"), &err) == OK
               ? EXIT_OK
               : command_fail(&err);
}

static int take_peer_turn(struct work *work, const struct bench_peer *peer, uint32_t turn)
{
    struct error err = {0};
    struct progress progress;
    const json_t *threads = json_object_get(work->facts, "threads");
    progress_init(&progress, STDERR_FILENO,
                  style_for(STDERR_FILENO, NULL, work->call->common->no_color));
    progress_set(&progress, "%.*s, turn %" PRIu32 " of %" PRIu32, STR_ARG(peer->name), turn + 1,
                 work->plan.turn_count);
    const enum status status = bench_peer_run(
        peer, work->plan.model_path, (uint32_t)json_integer_value(threads), &work->rows, &err);
    progress_clear(&progress);
    return status == OK ? EXIT_OK : command_fail(&err);
}

static int take_turns(struct work *work, const char *folder)
{
    for (uint32_t turn = 0; turn < work->plan.turn_count; turn++) {
        int code = take_turn(work, turn, folder);
        for (uint32_t i = 0; code == EXIT_OK && i < work->plan.peer_count; i++)
            code = take_peer_turn(work, &work->plan.peers[i], turn);
        if (code != EXIT_OK)
            return code;
    }
    return EXIT_OK;
}

/* ---------------------------------------------------------------- results */

static const char *fact(const struct work *work, const char *name)
{
    const char *value = json_string_value(json_object_get(work->facts, name));
    return value ? value : "";
}

static struct bench_place place_of(const struct work *work)
{
    const char *commit = getenv("HOLT_COMMIT"); /* of `make bench` */
    return (struct bench_place){
        .model = str_from_c(fact(work, "model")),
        .cpu = fact(work, "cpu"),
        .level = fact(work, "cpu_level"),
        .commit = commit && *commit ? commit : HOLT_VERSION,
        .thread_count = (uint32_t)json_integer_value(json_object_get(work->facts, "threads")),
        .unix_seconds = clock_unix_us() / 1000000,
    };
}

static enum status write_csv(const struct work *work, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf csv = {0};
    CLEANUP(strbuf_done) struct strbuf name = {0};
    CLEANUP(mem_freep) char *in_folder = NULL;
    const char *path = work->args->csv;
    const struct bench_place place = place_of(work);
    bench_csv_write(&work->rows, &place, &csv);
    if (str_ends_with(str_from_c(path), STR("/")) || path_can_write_folder(path)) {
        bench_csv_name(&place, &name);
        in_folder = path_join(path, strbuf_c(&name));
        path = in_folder;
    }
    return file_write(path, strbuf_view(&csv), err);
}

static enum status write_svg(const struct work *work, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf svg = {0};
    CLEANUP(strbuf_done) struct strbuf title = {0};
    CLEANUP(strbuf_done) struct strbuf below = {0};
    const struct bench_place place = place_of(work);
    strbuf_addf(&title, "%.*s: decode by depth", STR_ARG(place.model));
    strbuf_addf(&below, "%s, %" PRIu32 " thread%s, one sequence", place.cpu, place.thread_count,
                place.thread_count == 1 ? "" : "s");
    if (!bench_chart_write(&work->rows, strbuf_view(&title), strbuf_view(&below), &svg))
        return error_set(err, E_INVALID, "nothing was measured that could be drawn");
    return file_write(work->args->svg, strbuf_view(&svg), err);
}

static void print(const struct work *work)
{
    if (work->args->is_json) {
        json_object_set_new(work->facts, "rows", bench_rows_json(&work->rows));
        json_print(work->facts);
        return;
    }
    CLEANUP(strbuf_done) struct strbuf report = {0};
    const struct style_theme *theme = style_for(STDOUT_FILENO, NULL, work->call->common->no_color);
    bench_report_write(work->facts, &work->rows, kv_kind_name(work->plan.kinds[0]), theme, &report);
    const char *notes = fact(work, "notes");
    if (*notes)
        strbuf_addf(&report, "\n%s", notes);
    fwrite(report.ptr, 1, report.len, stdout);
}

static int finish(const struct work *work)
{
    struct error err = {0};
    print(work);
    if ((work->args->csv && write_csv(work, &err) != OK) ||
        (work->args->svg && write_svg(work, &err) != OK))
        return command_fail(&err);
    return EXIT_OK;
}

/* Said before anything is measured. */
static enum status check_file(const char *option, const char *path, struct error *err)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    CLEANUP(strbuf_done) struct strbuf folder = {0};
    if (!path)
        return OK;
    if (slash && slash[1] == '\0') /* a folder: it may still be missing */
        return file_make_folder(path, err);
    strbuf_add(&folder, path, slash ? (size_t)(slash - path) : 0);
    if (folder.len == 0)
        strbuf_add_c(&folder, slash ? "/" : ".");
    if (!path_can_write_folder(strbuf_c(&folder)))
        return error_set(err, E_NOT_FOUND,
                         "--%s: nothing can be written to the folder %.200s; name "
                         "another",
                         option, strbuf_c(&folder));
    return OK;
}

/* A folder for the snapshot that is measured, and its file; none where there can be no state. */
static char *make_folder(const struct command_call *call, char **out_file)
{
    struct error ignored;
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(strbuf_done) struct strbuf name = {0};
    if (state_init(call->common, &state, &ignored) != OK)
        return NULL;
    char *folder = path_join(state.folder, "bench");
    if (file_make_folder(folder, &ignored) != OK) {
        mem_free(folder);
        return NULL;
    }
    strbuf_addf(&name, "%d.kv", (int)getpid());
    *out_file = path_join(folder, strbuf_c(&name));
    return folder;
}

static int run(const struct command_call *call)
{
    struct work work = {.call = call, .args = call->options};
    struct error err = {0};
    CLEANUP(mem_freep) char *path = NULL;
    CLEANUP(mem_freep) char *file = NULL;
    if (bench_plan_read(work.args, &work.plan, &err) != OK)
        return command_usage(call->command, "%s", err.text);
    if (check_file("csv", work.args->csv, &err) != OK ||
        check_file("svg", work.args->svg, &err) != OK)
        return command_fail(&err);
    if (model_command_find(call->common, work.args->model, &path, &err) != OK)
        return command_fail(&err);
    CLEANUP(mem_freep) char *folder = make_folder(call, &file);
    work.plan.model_path = path;
    work.plan.file = file;
    int code = take_turns(&work, folder);
    if (folder) { /* of a child that was killed */
        file_remove(file);
        file_sweep(folder);
    }
    if (code == EXIT_OK)
        code = finish(&work);
    bench_rows_done(&work.rows);
    json_decref(work.facts);
    return code;
}

const struct command cmd_bench = {
    .name = "bench",
    .summary = "measure how fast a model runs on this machine",
    .operands = "",
    .description =
        "Prefill and decode are measured in turns with what the machine can do at most: reading "
        "the same weights with the same threads, and int8 products in registers. The shares say "
        "how much of that the engine reaches. Then a session: the first token, a fork, a snapshot. "
        "With --depth decode is measured behind keys and values that are noise, as many as asked "
        "for and there is memory for; with --batch several sequences are decoded together, as a "
        "server does. With --peer another program's own benchmark takes turns with ours; its "
        "command finds the model in $HOLT_MODEL and the threads in $HOLT_THREADS, and what "
        "llama-bench (-o json, jsonl, csv, md) and llama-batched-bench print is understood, of "
        "anything else the last number. Figures are medians, ratios medians of the ratios of a "
        "turn.",
    .examples = "holt bench -m model.gguf --depth 0,4096,16384 --kv f16,q8,t4 --svg speed.svg\n"
                "holt bench -m m.gguf --peer 'llama.cpp=llama-bench -m \"$HOLT_MODEL\" -o json'",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct bench_args),
    .run = run,
};
