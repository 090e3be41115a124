/* holt fit - what runs on this machine, with which context, and about how fast. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/config.h"
#include "cli/fit_facts.h"
#include "cli/fit_measure.h"
#include "cli/fit_models.h"
#include "cli/fit_rows.h"
#include "cli/json_print.h"
#include "cli/model_catalog.h"
#include "cli/model_file.h"
#include "cli/model_name.h"
#include "cli/progress.h"
#include "cli/state.h"
#include "engine/memory_plan.h"
#include "os/cpu.h"
#include "os/worker_pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS_MAX = WORKER_POOL_MAX };

static const double GIB = 1024.0 * 1024 * 1024;

struct fit_args {
    bool is_json;
    double memory_gib;
    double bandwidth_gb;
    int64_t thread_count;
};

static const struct fit_args defaults = {0};

static const struct option_spec options[] = {
    OPTION_DOUBLE(struct fit_args, memory_gib, 0, "memory", "GIB", 0.5, 65536,
                  "ask for a machine with that much memory, all of it free"),
    OPTION_DOUBLE(struct fit_args, bandwidth_gb, 0, "bandwidth", "GB", 0.5, 100000,
                  "and that many gigabytes a second; nothing is measured"),
    OPTION_INT(struct fit_args, thread_count, 0, "threads", "N", 1, THREADS_MAX,
               "compute threads to measure with (default: all cores)"),
    OPTION_FLAG(struct fit_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

/* One call. */
struct fit {
    const struct command_call *call;
    const struct fit_args *args;
    unsigned thread_count;
    struct fit_machine machine;
    struct fit_rows rows;
};

/* ---------------------------------------------------------------- models */

static void add_plans(struct fit *fit, const char *name, bool is_here,
                      const struct fit_facts *facts)
{
    for (size_t i = 0; i < FIT_PLAN_KINDS; i++) {
        struct fit_plan plan;
        if (facts->shape.token_bytes[fit_plan_kinds[i]] == 0 &&
            facts->shape.token_bytes[KV_KIND_F16])
            continue;
        fit_plan_with(&fit->machine, &facts->shape, fit_plan_kinds[i], &plan);
        fit_rows_add(&fit->rows, name, is_here, facts, &plan);
    }
}

static void add_file(struct fit *fit, const char *name, char *path)
{
    struct fit_facts facts;
    struct fit_plan plan;
    struct error err = {0};
    if (fit_facts_of_file(path, fit->call->common->no_color, &facts, &err) != OK) {
        fit_rows_add_problem(&fit->rows, name, err.text);
        return;
    }
    fit_plan_make(&fit->machine, &facts.shape, &plan);
    fit_rows_add(&fit->rows, name, true, &facts, &plan);
}

/* The usual file of each model of the table. */
static void add_table(const struct fit_machine *machine, struct fit_rows *rows)
{
    for (size_t i = 0; i < fit_models_count; i++) {
        struct fit_models_size sizes[FIT_MODELS_TYPES];
        struct fit_facts facts;
        struct fit_plan plan;
        (void)fit_models_sizes(&fit_models[i], sizes);
        fit_facts_of(&fit_models[i], &sizes[0], &facts);
        fit_plan_make(machine, &facts.shape, &plan);
        fit_rows_add(rows, fit_models[i].name, false, &facts, &plan);
    }
}

static void add_model(struct fit *fit, const struct fit_model *model)
{
    struct fit_models_size sizes[FIT_MODELS_TYPES];
    const size_t count = fit_models_sizes(model, sizes);
    for (size_t i = 0; i < count; i++) {
        struct fit_facts facts;
        fit_facts_of(model, &sizes[i], &facts);
        add_plans(fit, model->name, false, &facts);
    }
}

static enum status add_all(struct fit *fit, struct error *err)
{
    CLEANUP(config_done) struct config config = {0};
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(catalog_done) struct catalog catalog = {0};
    TRY(agent_setup_config(fit->call->common, &config, err));
    TRY(state_find_paths(fit->call->common, &state, err));
    model_catalog_read(&state, config.model_folders, &catalog);
    add_file(fit, MODEL_NAME_BUILTIN, NULL);
    for (size_t i = 0; i < catalog.count; i++)
        add_file(fit, catalog.entries[i].name, catalog.entries[i].path);
    add_table(&fit->machine, &fit->rows);
    return OK;
}

/* A model that is here, else one of the table. */
static enum status add_named(struct fit *fit, const char *name, struct error *err)
{
    CLEANUP(config_done) struct config config = {0};
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(mem_freep) char *path = NULL;
    const struct fit_model *model = NULL;
    TRY(agent_setup_config(fit->call->common, &config, err));
    TRY(state_find_paths(fit->call->common, &state, err));
    const enum status status = model_name_resolve(name, &state, config.model_folders, &path, err);
    if (status == OK) {
        struct fit_facts facts;
        if (fit_facts_of_file(path, fit->call->common->no_color, &facts, err) != OK)
            return model_file_blame(path, err);
        add_plans(fit, name, true, &facts);
        return OK;
    }
    if (status != E_NOT_FOUND || str_ends_with(str_from_c(name), STR(".gguf")))
        return status;
    TRY(fit_models_find(str_from_c(name), &model, err));
    add_model(fit, model);
    return OK;
}

/* ---------------------------------------------------------------- words */

static void write_machine(const struct fit *fit, struct strbuf *out)
{
    const struct fit_machine *machine = &fit->machine;
    strbuf_addf(out, "memory %.1f GiB, %.1f GiB free, of which %.1f GiB are left to others; ",
                (double)machine->total_bytes / GIB, (double)machine->free_bytes / GIB,
                (double)machine->reserve_bytes / GIB);
    strbuf_addf(out, "%.0f GB/s", machine->read_speed / 1e9);
    if (machine->multiply_speed > 0)
        strbuf_addf(out, ", %.0f billion int8 products/s, %u thread%s",
                    machine->multiply_speed / 1e9, fit->thread_count,
                    fit->thread_count == 1 ? "" : "s");
    strbuf_add_c(out, "\n\n");
}

/* What to do about a model of which nothing fits. */
static void write_instead(const struct fit *fit, struct strbuf *out)
{
    const struct fit_row *least = NULL;
    CLEANUP(fit_rows_done) struct fit_rows others = {0};
    for (size_t i = 0; i < fit->rows.count; i++) {
        const struct fit_row *row = &fit->rows.of[i];
        if (!row->problem && (!least || row->plan.needed_bytes < least->plan.needed_bytes))
            least = row;
    }
    if (!least)
        return;
    const uint64_t more = least->plan.needed_bytes - least->plan.room_bytes;
    const uint64_t never = fit->machine.total_bytes - fit->machine.reserve_bytes;
    strbuf_addf(out, "\n%s does not fit: %.1f GiB more are needed", least->name,
                (double)more / GIB);
    strbuf_add_c(out, least->plan.needed_bytes <= never
                          ? " to be free; other programs hold them now.\n"
                          : " than this machine can give.\n");
    add_table(&fit->machine, &others);
    const struct fit_row *largest = fit_rows_largest(&others);
    if (largest)
        strbuf_addf(out, "What fits: %s as %s, and smaller ones; holt fit lists them.\n",
                    largest->name, largest->type);
    else
        strbuf_add_c(out, "Of the models holt fit lists none fits; the built-in one does.\n");
}

/* The words to type for the best plan. */
static void write_use(const struct fit *fit, struct strbuf *out)
{
    const struct fit_row *best = NULL;
    for (size_t i = 0; i < fit->rows.count; i++) {
        const struct fit_row *row = &fit->rows.of[i];
        if (!row->problem && row->plan.fits && row->size_bytes == fit->rows.of[0].size_bytes &&
            (!best || (best->plan.context_tokens < FIT_PLAN_CONTEXT_GOOD &&
                       row->plan.context_tokens > best->plan.context_tokens)))
            best = row;
    }
    if (!best) {
        write_instead(fit, out);
        return;
    }
    if (best->is_here)
        strbuf_addf(out, "\nholt serve -m %s --context %" PRIu32 "%s%s\n", best->name,
                    best->plan.context_tokens, best->plan.kv == KV_KIND_F16 ? "" : " --kv ",
                    best->plan.kv == KV_KIND_F16 ? "" : kv_kind_name(best->plan.kv));
    else
        strbuf_add_c(out, "\nIt is not here yet: holt pull ORG/REPO:QUANT, or MODEL:TAG.\n");
}

static void write_text(const struct fit *fit, struct strbuf *out)
{
    write_machine(fit, out);
    fit_rows_write(&fit->rows, true, out);
    if (fit->call->operand_count == 0)
        strbuf_add_char(out, '\n');
    fit_rows_write(&fit->rows, false, out);
    if (fit->call->operand_count > 0) {
        write_use(fit, out);
        return;
    }
    strbuf_add_c(
        out,
        "\nCONTEXT is the longest. WRITES and READS are about how many tokens a second come out "
        "and go in,\nFULL those that come out when the context is full. One model: holt fit "
        "NAME\n");
}

static void print(const struct fit *fit)
{
    if (fit->args->is_json) {
        CLEANUP(json_decrefp)
        json_t *all = json_pack("{s:{s:I, s:I, s:I, s:f, s:f}, s:o}", "machine", "total_bytes",
                                (json_int_t)fit->machine.total_bytes, "free_bytes",
                                (json_int_t)fit->machine.free_bytes, "reserve_bytes",
                                (json_int_t)fit->machine.reserve_bytes, "bytes_per_second",
                                fit->machine.read_speed, "int8_per_second",
                                fit->machine.multiply_speed, "models", fit_rows_json(&fit->rows));
        json_print(all);
        return;
    }
    CLEANUP(strbuf_done) struct strbuf out = {0};
    write_text(fit, &out);
    fwrite(out.ptr, 1, out.len, stdout);
}

/* ---------------------------------------------------------------- the command */

static enum status know_machine(struct fit *fit, struct error *err)
{
    const struct fit_args *args = fit->args;
    fit_measure_memory(&fit->machine);
    if (args->memory_gib > 0) {
        fit->machine.total_bytes = (uint64_t)(args->memory_gib * GIB);
        fit->machine.free_bytes = fit->machine.total_bytes;
        fit->machine.reserve_bytes = memory_plan_reserve(fit->machine.total_bytes);
    }
    if (args->bandwidth_gb > 0) {
        fit->machine.read_speed = args->bandwidth_gb * 1e9;
        return OK;
    }
    struct progress progress;
    progress_init(&progress, STDERR_FILENO,
                  style_for(STDERR_FILENO, NULL, fit->call->common->no_color));
    progress_set(&progress, "measuring the memory");
    const enum status status = fit_measure_speed(fit->thread_count, &fit->machine, err);
    progress_clear(&progress);
    return status;
}

static int run(const struct command_call *call)
{
    struct fit fit = {.call = call, .args = call->options};
    struct error err = {0};
    const unsigned cores = cpu_core_count();
    fit.thread_count = fit.args->thread_count ? (unsigned)fit.args->thread_count
                       : cores < THREADS_MAX  ? cores
                                              : THREADS_MAX;
    enum status status = know_machine(&fit, &err);
    if (status == OK)
        status = call->operand_count > 0 ? add_named(&fit, call->operands[0], &err)
                                         : add_all(&fit, &err);
    if (status == OK)
        print(&fit);
    fit_rows_done(&fit.rows);
    return status == OK ? EXIT_OK : command_fail(&err);
}

const struct command cmd_fit = {
    .name = "fit",
    .summary = "show what runs here, with which context and how fast",
    .operands = "[NAME]",
    .description =
        "For the models at hand and for well-known ones that are not pulled yet: whether they fit "
        "into memory, the longest context, the kind of keys and values (--kv) that it takes, and "
        "about how many tokens a second are written and read. With a NAME or a file it shows one "
        "model in every type and kind, and what to type.\n\n"
        "Speeds come from the memory's bandwidth and the products this machine does, measured in "
        "about a second. They are estimates: a busy machine is slower.",
    .examples = "holt fit\n"
                "holt fit Qwen3.5-9B\n"
                "holt fit --memory 64 --bandwidth 80\n"
                "  a machine that is not here",
    .group = COMMAND_GROUP_MODEL,
    .operand_value = OPTION_VALUE_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct fit_args),
    .operand_count_max = 1,
    .run = run,
};
