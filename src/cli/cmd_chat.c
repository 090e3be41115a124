/* holt - a conversation with the agent in the current folder. */
#include "cli/agent_setup.h"
#include "cli/chat_loop.h"
#include "cli/command_list.h"

struct chat_args {
    struct agent_options agent;
};

static const struct chat_args defaults = {
    .agent.sampling = SAMPLING_OPTIONS_GREEDY,
};

static const struct option_spec options[] = {
    AGENT_OPTIONS_WORK_ROWS(struct chat_args, agent),
    AGENT_OPTIONS_MODEL_ROWS(struct chat_args, agent),
    SAMPLING_OPTIONS_ROWS(struct chat_args, agent.sampling),
    OPTION_END,
};

static int run(const struct command_call *call)
{
    const struct chat_args *args = call->options;
    CLEANUP(agent_setup_done) struct agent_setup setup = {0};
    struct error err = {0};
    const enum status status = agent_setup_init(&setup, call->common, &args->agent, NULL, &err);
    if (status == E_UNSUPPORTED || status == E_INVALID)
        return command_usage(call->command, "%s", err.text);
    if (status != OK)
        return command_fail(&err);
    return chat_loop(&setup, call->common);
}

const struct command cmd_chat = {
    .name = "",
    .summary = "talk with the agent in this folder",
    .operands = "",
    .group = COMMAND_GROUP_AGENT,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct chat_args),
    .run = run,
};
