/* holt eval - held-out tasks played by the real agent, judged by what is there at the end. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/eval_run.h"
#include "cli/eval_task.h"
#include "cli/json_print.h"
#include "cli/model_command.h"
#include "cli/model_name.h"
#include "os/cpu.h"
#include "os/tty.h"

#include <inttypes.h>

enum { TIMEOUT_DEFAULT_S = 60, TIMEOUT_MAX_S = 3600, STEPS_DEFAULT = 8 };

struct eval_args {
    struct agent_options agent; /* workspace and allow are not used */
    const char *kind;
    int64_t limit;
    int64_t jobs;
    int64_t timeout_s;
    double least; /* percent */
    bool is_json;
    bool is_verbose;
};

static const struct eval_args defaults = {
    .agent = {.sampling = SAMPLING_OPTIONS_GREEDY, .steps_max = STEPS_DEFAULT},
    .jobs = 1,
    .timeout_s = TIMEOUT_DEFAULT_S,
};

static const struct option_spec options[] = {
    AGENT_OPTIONS_MODEL_ROWS(struct eval_args, agent),
    OPTION_INT(struct eval_args, limit, 'n', "limit", "N", 1, EVAL_TASK_COUNT_MAX,
               "play N tasks, evenly taken from all"),
    OPTION_STRING(struct eval_args, kind, 'k', "kind", "KIND", "play only tasks of this kind"),
    OPTION_INT(struct eval_args, jobs, 'j', "jobs", "N", 1, EVAL_RUN_JOBS_MAX, "play N at a time"),
    OPTION_INT(struct eval_args, timeout_s, 0, "timeout", "SECONDS", 1, TIMEOUT_MAX_S,
               "stop a task after this long (default 60)"),
    OPTION_INT(struct eval_args, agent.steps_max, 0, "max-steps", "N", 1, AGENT_STEPS_MAX,
               "model turns for each thing said (default 8)"),
    OPTION_DOUBLE(struct eval_args, least, 0, "min", "PERCENT", 0, 100,
                  "exit with 1 when fewer are done"),
    OPTION_FLAG(struct eval_args, is_verbose, 'v', "verbose", "say why a task failed"),
    OPTION_FLAG(struct eval_args, is_json, 0, "json", "print every task as JSON"),
    SAMPLING_OPTIONS_ROWS(struct eval_args, agent.sampling),
    OPTION_END,
};

/* ---------------------------------------------------------------- choosing */

/* Tasks of the kind asked for; of these, as many as asked for, evenly spread. */
static json_t *choose(const json_t *all, const struct eval_args *args)
{
    CLEANUP(json_decrefp) json_t *fitting = json_array();
    size_t index = 0;
    json_t *task = NULL;
    json_array_foreach(all, index, task)
    {
        const char *kind = json_string_value(json_object_get(task, "kind"));
        if (!args->kind || strcmp(args->kind, kind) == 0)
            json_array_append(fitting, task);
    }
    const size_t count = json_array_size(fitting);
    const size_t limit = args->limit && (size_t)args->limit < count ? (size_t)args->limit : count;
    json_t *chosen = json_array();
    for (size_t i = 0; i < limit; i++)
        json_array_append(chosen, json_array_get(fitting, i * count / limit));
    return chosen;
}

/* ---------------------------------------------------------------- showing */

struct tally {
    size_t played;
    size_t passed;
    double seconds;
    double seconds_max;
    json_int_t bad_calls;
    json_int_t generated; /* tokens, and of guessed ones computed and right */
    json_int_t drafted;
    json_int_t accepted;
};

static void count_result(struct tally *tally, const json_t *result)
{
    const double seconds = json_real_value(json_object_get(result, "seconds"));
    tally->played++;
    tally->passed += json_is_true(json_object_get(result, "passed"));
    tally->seconds += seconds;
    tally->seconds_max = seconds > tally->seconds_max ? seconds : tally->seconds_max;
    tally->bad_calls += json_integer_value(json_object_get(result, "bad_calls"));
    tally->generated += json_integer_value(json_object_get(result, "generated_tokens"));
    tally->drafted += json_integer_value(json_object_get(result, "drafted_tokens"));
    tally->accepted += json_integer_value(json_object_get(result, "accepted_tokens"));
}

static struct tally tally_of(const json_t *results, const char *kind)
{
    struct tally tally = {0};
    size_t index = 0;
    json_t *result = NULL;
    json_array_foreach(results, index, result)
    {
        if (!kind || strcmp(json_string_value(json_object_get(result, "kind")), kind) == 0)
            count_result(&tally, result);
    }
    return tally;
}

static double percent(const struct tally *tally)
{
    return tally->played ? 100.0 * (double)tally->passed / (double)tally->played : 0;
}

/* Every kind once, in the order of the results. The values are their tallies as JSON. */
static json_t *kinds_json(const json_t *results)
{
    json_t *kinds = json_object();
    size_t index = 0;
    json_t *result = NULL;
    json_array_foreach(results, index, result)
    {
        const char *kind = json_string_value(json_object_get(result, "kind"));
        if (json_object_get(kinds, kind))
            continue;
        const struct tally tally = tally_of(results, kind);
        json_object_set_new(kinds, kind,
                            json_pack("{s:I, s:I, s:f, s:I, s:I, s:I, s:f}", "played",
                                      (json_int_t)tally.played, "passed", (json_int_t)tally.passed,
                                      "percent", percent(&tally), "generated_tokens",
                                      tally.generated, "drafted_tokens", tally.drafted,
                                      "accepted_tokens", tally.accepted, "mean_seconds",
                                      tally.seconds / (double)tally.played));
    }
    return kinds;
}

static void print_table(const json_t *results, const json_t *kinds)
{
    const char *kind = NULL;
    json_t *row = NULL;
    printf("%-22s %6s %6s %8s %9s\n", "kind", "done", "of", "share", "seconds");
    json_object_foreach((json_t *)(uintptr_t)kinds, kind, row)
    {
        printf("%-22.40s %6" JSON_INTEGER_FORMAT " %6" JSON_INTEGER_FORMAT " %6.1f %% %9.2f\n",
               kind, json_integer_value(json_object_get(row, "passed")),
               json_integer_value(json_object_get(row, "played")),
               json_real_value(json_object_get(row, "percent")),
               json_real_value(json_object_get(row, "mean_seconds")));
    }
    const struct tally all = tally_of(results, NULL);
    printf("%-22s %6zu %6zu %6.1f %% %9.2f\n", "all", all.passed, all.played, percent(&all),
           all.seconds / (double)all.played);
    printf("\nSlowest task %.1f s; calls that were none: %" JSON_INTEGER_FORMAT ".\n",
           all.seconds_max, all.bad_calls);
    printf("Tokens written %" JSON_INTEGER_FORMAT ", of these guessed right %" JSON_INTEGER_FORMAT
           " (of %" JSON_INTEGER_FORMAT " guesses computed).\n",
           all.generated, all.accepted, all.drafted);
}

static void print_json(const json_t *results, json_t *kinds, const char *model)
{
    const struct tally all = tally_of(results, NULL);
    CLEANUP(json_decrefp)
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:f, s:f, s:f, s:I, s:O, s:O}", "model", model, "played",
        (json_int_t)all.played, "passed", (json_int_t)all.passed, "percent", percent(&all),
        "mean_seconds", all.played ? all.seconds / (double)all.played : 0, "max_seconds",
        all.seconds_max, "bad_calls", all.bad_calls, "kinds", kinds, "tasks", results);
    json_print(object);
}

struct watch {
    const struct eval_args *args;
    size_t total;
    size_t played;
    size_t passed;
    bool is_terminal;
};

static void on_result(void *context, const json_t *result)
{
    struct watch *watch = context;
    const bool passed = json_is_true(json_object_get(result, "passed"));
    watch->played++;
    watch->passed += passed;
    if (watch->is_terminal)
        fputs("\r\x1b[K", stderr);
    if (watch->args->is_verbose && !passed)
        fprintf(stderr, "%s: %s\n", json_string_value(json_object_get(result, "id")),
                json_string_value(json_object_get(result, "reason")));
    if (watch->is_terminal)
        fprintf(stderr, "%zu of %zu played, %zu done", watch->played, watch->total, watch->passed);
}

/* ---------------------------------------------------------------- the command */

static enum status prepare(const struct command_call *call, struct eval_run_config *config,
                           char **out_model_path, char **out_draft_path, json_t **out_tasks,
                           struct error *err)
{
    const struct eval_args *args = call->options;
    const char *set = call->operand_count > 0 ? call->operands[0] : "builtin";
    CLEANUP(mem_freep) char *path = NULL;
    CLEANUP(json_decrefp) json_t *all = NULL;
    const unsigned cores = cpu_core_count();
    const unsigned share = cores / (unsigned)args->jobs;
    config->core = (struct core_role_config){
        .thread_count =
            args->agent.thread_count ? (uint32_t)args->agent.thread_count : (share ? share : 1),
        .context_tokens = (uint32_t)args->agent.context_tokens,
        .steps_max = (uint32_t)args->agent.steps_max,
        .sampler = sampling_options_resolve(&args->agent.sampling),
    };
    TRY(sampler_options_check(&config->core.sampler, err));
    TRY(kv_kind_find(args->agent.kv, &config->core.kv, err));
    TRY(agent_setup_cpu(args->agent.cpu_mask, &config->core.cpu_features_off, err));
    const char *model = args->agent.model ? args->agent.model : MODEL_NAME_BUILTIN;
    TRY(model_command_find(call->common, model, out_model_path, err));
    config->core.model_path = *out_model_path;
    config->core.model_label = model;
    TRY(speculation_options_resolve(&args->agent.speculation, call->common, &config->core.speculate,
                                    out_draft_path, err));
    config->core.draft_path = *out_draft_path;
    TRY(eval_task_find(set, &path, err));
    TRY(eval_task_read(path, &all, err));
    *out_tasks = choose(all, args);
    if (json_array_size(*out_tasks) == 0)
        return error_set(err, E_NOT_FOUND, "%s has no task of the kind %.64s", path, args->kind);
    return OK;
}

static int run(const struct command_call *call)
{
    const struct eval_args *args = call->options;
    CLEANUP(mem_freep) char *model_path = NULL;
    CLEANUP(mem_freep) char *draft_path = NULL;
    CLEANUP(json_decrefp) json_t *tasks = NULL;
    CLEANUP(json_decrefp) json_t *results = NULL;
    struct error err = {0};
    struct eval_run_config config = {
        .job_count = (unsigned)args->jobs,
        .timeout_s = (unsigned)args->timeout_s,
    };
    if (prepare(call, &config, &model_path, &draft_path, &tasks, &err) != OK)
        return command_fail(&err);
    struct watch watch = {
        .args = args,
        .total = json_array_size(tasks),
        .is_terminal = tty_is_terminal(STDERR_FILENO) && !args->is_json,
    };
    config.on_result = on_result;
    config.context = &watch;
    const enum status status = eval_run(&config, tasks, &results, &err);
    if (watch.is_terminal)
        fputs("\r\x1b[K", stderr);
    if (status != OK)
        return status == E_CANCELLED ? EXIT_INTERRUPTED : command_fail(&err);

    CLEANUP(json_decrefp) json_t *kinds = kinds_json(results);
    if (args->is_json)
        print_json(results, kinds, config.core.model_label);
    else
        print_table(results, kinds);
    const struct tally all = tally_of(results, NULL);
    if (percent(&all) >= args->least)
        return EXIT_OK;
    return command_failf("%.1f %% of the tasks were done, less than the %.1f %% asked for",
                         percent(&all), args->least);
}

const struct command cmd_eval = {
    .name = "eval",
    .summary = "play held-out tasks and count which were done",
    .operands = "[TASKS]",
    .description =
        "TASKS is builtin (the default), another set in share/holt/eval, or a file of JSON lines. "
        "Each task is played by the real agent in a folder of its own, with real files in the real "
        "sandbox, and judged by what is there at the end.",
    .examples = "holt eval builtin --limit 60 --jobs 2\nholt eval -m model.gguf -v my-tasks.jsonl",
    .group = COMMAND_GROUP_MODEL,
    .operand_value = OPTION_VALUE_FILE,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct eval_args),
    .operand_count_max = 1,
    .run = run,
};
