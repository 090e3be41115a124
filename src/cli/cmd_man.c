/* holt man - the manual page (roff), made from the command table. `make docs` keeps it in a
 * file. */
#include "base/strbuf.h"
#include "cli/command_list.h"
#include "cli/help.h"

/* Text as roff: backslashes and dashes kept, no line taken for a request. */
static void add_text(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const bool begins_line = i == 0 || text.ptr[i - 1] == '\n';
        if (begins_line && (c == '.' || c == '\''))
            strbuf_add_c(out, "\\&");
        if (c == '\\')
            strbuf_add_c(out, "\\e");
        else if (c == '-')
            strbuf_add_c(out, "\\-");
        else
            strbuf_add_char(out, c);
    }
}

static void add_text_c(struct strbuf *out, const char *text)
{
    add_text(out, str_from_c(text));
}

static void add_options(struct strbuf *out, const struct option_spec *options)
{
    for (const struct option_spec *option = options; option->kind != OPTION_KIND_END; option++) {
        CLEANUP(strbuf_done) struct strbuf names = {0};
        help_add_option_names(option, &names);
        strbuf_add_c(out, ".TP\n.B ");
        add_text(out, strbuf_view(&names));
        strbuf_add_char(out, '\n');
        add_text_c(out, option->help);
        strbuf_add_c(out, ".\n");
    }
}

static void add_paragraphs(struct strbuf *out, const char *text)
{
    struct str rest = str_from_c(text);
    while (rest.ptr) {
        const struct str line = str_split(&rest, '\n');
        if (line.len == 0) {
            strbuf_add_c(out, ".PP\n");
            continue;
        }
        add_text(out, line);
        strbuf_add_char(out, '\n');
    }
}

static void add_command(struct strbuf *out, const struct command *command)
{
    CLEANUP(strbuf_done) struct strbuf usage = {0};
    help_add_usage(command, &usage);
    strbuf_add_c(out, ".SS ");
    add_text(out, strbuf_view(&usage));
    strbuf_add_char(out, '\n');
    add_text_c(out, command->summary);
    strbuf_add_c(out, ".\n");
    if (command->description) {
        strbuf_add_c(out, ".PP\n");
        add_paragraphs(out, command->description);
    }
    if (command->options)
        add_options(out, command->options);
    if (command->examples) {
        strbuf_add_c(out, ".PP\n.EX\n");
        add_text_c(out, command->examples);
        strbuf_add_c(out, "\n.EE\n");
    }
}

static void add_end(struct strbuf *out)
{
    strbuf_add_c(out, ".SH EXIT STATUS\n"
                      ".TP\n.B 0\ndone\n"
                      ".TP\n.B 1\nfailed; the reason is on standard error\n"
                      ".TP\n.B 2\nused wrongly\n"
                      ".TP\n.B 3\nthe agent stopped without an answer (steps or context used up)\n"
                      ".TP\n.B 130\ninterrupted by Ctrl\\-C\n"
                      ".SH FILES\n"
                      ".TP\n.I $XDG_DATA_HOME/holt/holt.db\n"
                      "the sessions (without XDG_DATA_HOME: ~/.local/share/holt)\n"
                      ".TP\n.I $XDG_DATA_HOME/holt/models/NAME.gguf\nmodels that \\-m NAME finds\n"
                      ".TP\n.I $XDG_CONFIG_HOME/holt/config.yaml\n"
                      "the configuration (without XDG_CONFIG_HOME: ~/.config/holt)\n"
                      ".SH ENVIRONMENT\n"
                      ".TP\n.B NO_COLOR\nset to anything: no colour\n");
}

static int run(const struct command_call *call)
{
    (void)call;
    CLEANUP(strbuf_done) struct strbuf out = {0};
    strbuf_add_c(&out, ".TH HOLT 1 \"\" \"holt " HOLT_VERSION "\" \"User Commands\"\n"
                       ".SH NAME\nholt \\- AI agents that live on this machine\n"
                       ".SH SYNOPSIS\n.B holt\n.br\n.B holt\n.I COMMAND\n[\\fIOPTION\\fR...] "
                       "[\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n"
                       "holt runs open-weight models (GGUF) and lets agents work with them in one "
                       "folder of this machine. Nothing leaves the machine.\n"
                       "Without a command it talks with you about the current folder.\n"
                       "Every command takes the common options.\n"
                       ".SH COMMON OPTIONS\n");
    add_options(&out, command_common_options);
    strbuf_add_c(&out, ".SH COMMANDS\n");
    for (size_t i = 0; command_list[i]; i++)
        add_command(&out, command_list[i]);
    add_end(&out);
    fwrite(out.ptr, 1, out.len, stdout);
    return EXIT_OK;
}

const struct command cmd_man = {
    .name = "man",
    .summary = "print the manual page",
    .operands = "",
    .examples = "holt man | man -l -",
    .group = COMMAND_GROUP_PROGRAM,
    .is_hidden = true,
    .run = run,
};
