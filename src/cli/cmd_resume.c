/* holt resume - goes on with a stored session, as a conversation or with one more task. */
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/chat_loop.h"
#include "cli/command_list.h"
#include "cli/task_run.h"
#include "cli/text_input.h"

struct resume_args {
    struct agent_options agent;
    bool is_json;
    bool is_quiet;
};

static const struct resume_args defaults = {
    .agent.sampling = SAMPLING_OPTIONS_GREEDY,
};

static const struct option_spec options[] = {
    AGENT_OPTIONS_WORK_ROWS(struct resume_args, agent),
    AGENT_OPTIONS_MODEL_ROWS(struct resume_args, agent),
    SAMPLING_OPTIONS_ROWS(struct resume_args, agent.sampling),
    OPTION_FLAG(struct resume_args, is_quiet, 'q', "quiet", "with TASK: print only the answer"),
    OPTION_FLAG(struct resume_args, is_json, 0, "json",
                "with TASK: print it and all steps as JSON"),
    OPTION_END,
};

static int run(const struct command_call *call)
{
    const struct resume_args *args = call->options;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(agent_setup_done) struct agent_setup setup = {0};
    struct error err = {0};
    const char *id = call->operand_count > 0 ? call->operands[0] : "";
    enum status status = OK;
    if (call->operand_count > 1)
        status = text_input_read(call->operands[1], TASK_RUN_TEXT_MAX, &text, &err);
    if (status == OK)
        status = agent_setup_init(&setup, call->common, &args->agent, id, &err);
    if (status == E_UNSUPPORTED || status == E_INVALID)
        return command_usage(call->command, "%s", err.text);
    if (status != OK)
        return command_fail(&err);
    if (call->operand_count < 2)
        return chat_loop(&setup, call->common);
    const struct task_run_options run_options = {.is_json = args->is_json,
                                                 .is_quiet = args->is_quiet};
    return task_run(&setup, call->common, &run_options, strbuf_view(&text));
}

const struct command cmd_resume = {
    .name = "resume",
    .summary = "go on with a session",
    .operands = "[ID [TASK]]",
    .description =
        "Takes up the session with its workspace and model. The beginning of an ID is enough; "
        "without one it is the session used last in this folder, or anywhere. With TASK it carries "
        "that out as holt agent does, else it is a conversation.",
    .examples = "holt resume\nholt resume k3f9qa \"and now the second file\"",
    .group = COMMAND_GROUP_AGENT,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct resume_args),
    .operand_count_max = 2,
    .run = run,
};
