/* holt help - the list of commands, or one of them explained. */
#include "cli/command_list.h"
#include "cli/help.h"

static int run(const struct command_call *call)
{
    if (call->operand_count == 0) {
        help_print_all(stdout);
        return EXIT_OK;
    }
    const char *name = call->operands[0];
    const struct command *command = command_list_find(name);
    if (!command) {
        const char *meant = command_list_nearest(name);
        if (meant)
            return command_usage(NULL, "there is no command \"%.64s\"; did you mean %s?", name,
                                 meant);
        return command_usage(NULL, "there is no command \"%.64s\"", name);
    }
    help_print_command(command, stdout);
    return EXIT_OK;
}

const struct command cmd_help = {
    .name = "help",
    .summary = "explain a command",
    .operands = "[COMMAND]",
    .group = COMMAND_GROUP_PROGRAM,
    .operand_count_max = 1,
    .run = run,
};
