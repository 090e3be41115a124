/* holt agent - one task for the agent; the answer goes to standard output. */
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/task_run.h"
#include "cli/text_input.h"

struct agent_args {
    struct agent_options agent;
    bool is_json;
    bool is_quiet;
    bool forgets;
};

static const struct agent_args defaults = {
    .agent.sampling = SAMPLING_OPTIONS_GREEDY,
};

static const struct option_spec options[] = {
    AGENT_OPTIONS_WORK_ROWS(struct agent_args, agent),
    AGENT_OPTIONS_MODEL_ROWS(struct agent_args, agent),
    SAMPLING_OPTIONS_ROWS(struct agent_args, agent.sampling),
    OPTION_FLAG(struct agent_args, is_quiet, 'q', "quiet", "print only the answer"),
    OPTION_FLAG(struct agent_args, is_json, 0, "json", "print the answer and all steps as JSON"),
    OPTION_FLAG(struct agent_args, forgets, 0, "no-session", "keep no session"),
    OPTION_END,
};

static int run(const struct command_call *call)
{
    const struct agent_args *args = call->options;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(agent_setup_done) struct agent_setup setup = {0};
    struct error err = {0};
    const char *task = call->operand_count > 0 ? call->operands[0] : NULL;
    enum status status = text_input_read(task, TASK_RUN_TEXT_MAX, &text, &err);
    if (status == E_NOT_FOUND)
        return command_usage(call->command, "agent needs a TASK");
    if (status == OK)
        status = agent_setup_init(&setup, call->common, &args->agent, NULL, &err);
    if (status == E_UNSUPPORTED || status == E_INVALID)
        return command_usage(call->command, "%s", err.text);
    if (status != OK)
        return command_fail(&err);
    setup.core.forgets = args->forgets;
    const struct task_run_options run_options = {.is_json = args->is_json,
                                                 .is_quiet = args->is_quiet};
    return task_run(&setup, call->common, &run_options, strbuf_view(&text));
}

const struct command cmd_agent = {
    .name = "agent",
    .summary = "carry out one task in a folder and answer",
    .operands = "[TASK]",
    .description =
        "The agent looks around in the folder with its tools and answers. Reading is free; to "
        "write files or run commands it asks, unless --allow grants it. Without a terminal what is "
        "not granted is refused.\n\n"
        "The answer goes to standard output, what the agent does to standard error. Without TASK, "
        "or with -, the task is read from standard input. The session is kept: holt resume goes on "
        "with it.",
    .examples = "holt agent \"which file mentions the invoice number 4711?\"\n"
                "holt agent -w ~/notes --allow write \"add milk to shopping.txt\"",
    .group = COMMAND_GROUP_AGENT,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct agent_args),
    .operand_count_max = 1,
    .run = run,
};
