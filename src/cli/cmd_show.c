/* holt show - what a model file holds, what it can do, and what it takes to run it here. */
#include "base/strbuf.h"
#include "cli/command_list.h"
#include "cli/json_print.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "cli/show_facts.h"
#include "cli/show_lines.h"
#include "gguf/gguf.h"

struct show_args {
    const char *model;
    bool is_json;
    bool shows_all;
};

static const struct option_spec options[] = {
    OPTION_PATH(struct show_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "a GGUF file, a name in the models folder, or builtin"),
    OPTION_FLAG(struct show_args, shows_all, 'a', "all", "every metadata key and every tensor"),
    OPTION_FLAG(struct show_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

struct work {
    const struct show_args *args;
    const char *model_path;
};

static void print_lines(const json_t *facts)
{
    CLEANUP(strbuf_done) struct strbuf out = {0};
    show_lines_add(&out, facts);
    fwrite(out.ptr, 1, out.len, stdout);
}

static int run_work(void *context)
{
    const struct work *work = context;
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    struct error err = {0};
    if (model_file_open(work->model_path, &file, &err) != OK) {
        model_file_blame(work->model_path, &err);
        return command_fail(&err);
    }
    CLEANUP(json_decrefp) json_t *facts = show_facts_collect(file, work->args->shows_all);
    if (work->args->is_json)
        json_print(facts);
    else
        print_lines(facts);
    return EXIT_OK;
}

static int run(const struct command_call *call)
{
    const struct show_args *args = call->options;
    const char *name = call->operand_count > 0 ? call->operands[0] : args->model;
    struct work work = {.args = args};
    return model_command_run(call, name, &work.model_path, NULL, run_work, &work);
}

const struct command cmd_show = {
    .name = "show",
    .summary = "show what a model file holds",
    .operands = "[MODEL]",
    .group = COMMAND_GROUP_MODEL,
    .operand_value = OPTION_VALUE_MODEL,
    .options = options,
    .args_size = sizeof(struct show_args),
    .operand_count_max = 1,
    .run = run,
};
