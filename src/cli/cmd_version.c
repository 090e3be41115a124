/* holt version - which holt this is. */
#include "cli/command_list.h"

static int run(const struct command_call *call)
{
    (void)call;
    printf("holt %s\n", HOLT_VERSION);
    return EXIT_OK;
}

const struct command cmd_version = {
    .name = "version",
    .summary = "print the version of holt",
    .operands = "",
    .group = COMMAND_GROUP_PROGRAM,
    .run = run,
};
