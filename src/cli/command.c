#include "cli/command.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/command_list.h"
#include "cli/help.h"
#include "text/clean_text.h"

#include <errno.h>
#include <stdarg.h>

const struct option_spec command_common_options[] = {
    OPTION_PATH(struct command_common, state_folder, 0, "state", "DIR", OPTION_VALUE_FOLDER,
                "keep sessions, models and notes in DIR"),
    OPTION_PATH(struct command_common, config_path, 0, "config", "FILE", OPTION_VALUE_FILE,
                "read the configuration from FILE"),
    OPTION_FLAG(struct command_common, no_color, 0, "no-color", "never use colour"),
    OPTION_FLAG(struct command_common, help, 'h', "help", "show this help"),
    OPTION_END,
};

static void print_message(const char *label, struct str text)
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    strbuf_add_c(&line, "holt: ");
    strbuf_add_c(&line, label);
    clean_text_line(text, &line);
    strbuf_add_char(&line, '\n');
    fwrite(line.ptr, 1, line.len, stderr);
}

int command_fail(const struct error *err)
{
    print_message("", str_from_c(err->text));
    return EXIT_FAILED;
}

int command_failf(const char *fmt, ...)
{
    struct error err = {0};
    va_list args;
    va_start(args, fmt);
    vsnprintf(err.text, sizeof(err.text), fmt, args);
    va_end(args);
    return command_fail(&err);
}

int command_usage(const struct command *command, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    print_message("", str_from_c(text));
    if (command && command->name[0])
        fprintf(stderr, "Try: holt help %s\n", command->name);
    else
        fputs("Try: holt help\n", stderr);
    return EXIT_USAGE;
}

void command_warn(const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    print_message("warning: ", str_from_c(text));
}

static int check_operands(const struct command *command, int count)
{
    if (count < command->operand_count_min) {
        command_usage(command, "%s needs %s", command->name, command->operands);
        return EXIT_USAGE;
    }
    if (command->operand_count_max >= 0 && count > command->operand_count_max) {
        if (command->operand_count_max == 0)
            return command_usage(command, "%s takes no arguments",
                                 command->name[0] ? command->name : "holt");
        return command_usage(command, "%s takes only %s; put quotes around a text with spaces",
                             command->name, command->operands);
    }
    return EXIT_OK;
}

/* Runs `command` with the arguments that follow its name. */
static int run_command(const struct command *command, int count, char *const *arguments)
{
    CLEANUP(mem_freep) const char **operands = mem_alloc(((size_t)count + 1) * sizeof(operands[0]));
    CLEANUP(mem_freep) void *options = mem_zalloc(command->args_size ? command->args_size : 1);
    if (command->defaults)
        memcpy(options, command->defaults, command->args_size);

    struct command_common common = {0};
    const struct option_set sets[] = {{command->options, options},
                                      {command_common_options, &common}};
    struct error err = {0};
    int operand_count = 0;
    if (options_parse(sets, ARRAY_LEN(sets), count, arguments, operands, &operand_count, &err) !=
        OK)
        return command_usage(command, "%s", err.text);
    if (common.help) {
        help_print_command(command, stdout);
        return EXIT_OK;
    }
    const int wrong = check_operands(command, operand_count);
    if (wrong != EXIT_OK)
        return wrong;

    const struct command_call call = {
        .command = command,
        .common = &common,
        .options = options,
        .operand_count = operand_count,
        .operands = operands,
    };
    return command->run(&call);
}

static int fail_unknown(const char *name)
{
    const char *meant = command_list_nearest(name);
    if (meant)
        return command_usage(NULL, "there is no command \"%.64s\"; did you mean %s?", name, meant);
    if (strchr(name, ' '))
        return command_usage(NULL,
                             "there is no command \"%.64s\"; a task is given with: "
                             "holt agent \"TASK\"",
                             name);
    return command_usage(NULL, "there is no command \"%.64s\"", name);
}

static int dispatch(int argument_count, char **arguments)
{
    const char *first = argument_count > 1 ? arguments[1] : NULL;
    if (!first)
        return run_command(&cmd_chat, 0, NULL);
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0)
        return run_command(&cmd_version, argument_count - 2, arguments + 2);
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
        return run_command(&cmd_help, argument_count - 2, arguments + 2);
    if (first[0] == '-')
        return run_command(&cmd_chat, argument_count - 1, arguments + 1);

    const struct command *command = command_list_find(first);
    if (!command)
        return fail_unknown(first);
    return run_command(command, argument_count - 2, arguments + 2);
}

int command_main(int argument_count, char **arguments)
{
    const int code = dispatch(argument_count, arguments);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        /* A reader that went away (| head) is no failure of ours; a full disk is. */
        if (errno != EPIPE && code == EXIT_OK)
            return command_failf("cannot write the output: %s",
                                 errno ? strerror(errno) : "the stream is broken");
    }
    return code;
}
