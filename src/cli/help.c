#include "cli/help.h"

#include "base/strbuf.h"
#include "cli/command_list.h"

enum { OPTION_COLUMN = 26 };

static const char *const group_titles[COMMAND_GROUP_COUNT] = {
    [COMMAND_GROUP_AGENT] = "The agent",
    [COMMAND_GROUP_MODEL] = "Models",
    [COMMAND_GROUP_PROGRAM] = "The program",
};

/* Adds words of `text` in lines of at most HELP_WIDTH columns; all but the first line begin with
 * `indent` spaces, and the first one is already at `column`. */
static void add_wrapped(struct strbuf *out, const char *text, size_t indent, size_t column)
{
    struct str rest = str_from_c(text);
    bool is_first = true;
    while (rest.ptr) {
        const struct str word = str_split(&rest, ' ');
        if (!is_first && column + 1 + word.len > HELP_WIDTH) {
            strbuf_addf(out, "\n%*s", (int)indent, "");
            column = indent;
            is_first = true;
        }
        if (!is_first) {
            strbuf_add_char(out, ' ');
            column++;
        }
        strbuf_add_str(out, word);
        column += word.len;
        is_first = false;
    }
    strbuf_add_char(out, '\n');
}

void help_add_usage(const struct command *command, struct strbuf *out)
{
    strbuf_add_c(out, "holt");
    if (command->name[0])
        strbuf_addf(out, " %s", command->name);
    strbuf_add_c(out, " [OPTION...]");
    if (command->operands[0])
        strbuf_addf(out, " %s", command->operands);
}

void help_add_option_names(const struct option_spec *option, struct strbuf *out)
{
    if (option->short_name)
        strbuf_addf(out, "-%c, ", option->short_name);
    strbuf_addf(out, "--%s", option->name);
    if (option->value_name)
        strbuf_addf(out, " %s", option->value_name);
}

static void add_options(const struct option_spec *options, struct strbuf *out)
{
    for (const struct option_spec *option = options; option->kind != OPTION_KIND_END; option++) {
        const size_t begin = out->len;
        strbuf_add_c(out, option->short_name ? "  " : "      ");
        help_add_option_names(option, out);
        const size_t used = out->len - begin;
        if (used + 2 > OPTION_COLUMN)
            strbuf_addf(out, "\n%*s", OPTION_COLUMN, "");
        else
            strbuf_addf(out, "%*s", (int)(OPTION_COLUMN - used), "");
        add_wrapped(out, option->help, OPTION_COLUMN, OPTION_COLUMN);
    }
}

static void add_paragraphs(const char *text, struct strbuf *out)
{
    struct str rest = str_from_c(text);
    while (rest.ptr) {
        const struct str line = str_split(&rest, '\n');
        CLEANUP(strbuf_done) struct strbuf paragraph = {0};
        strbuf_add_str(&paragraph, line);
        add_wrapped(out, strbuf_c(&paragraph), 0, 0);
    }
}

void help_print_command(const struct command *command, FILE *out)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_add_c(&text, "Usage: ");
    help_add_usage(command, &text);
    strbuf_add_c(&text, "\n\n");
    const char first = command->summary[0];
    strbuf_add_char(&text, first >= 'a' && first <= 'z' ? (char)(first - 'a' + 'A') : first);
    strbuf_addf(&text, "%s.\n", command->summary + 1);
    if (command->description) {
        strbuf_add_char(&text, '\n');
        add_paragraphs(command->description, &text);
    }
    strbuf_add_c(&text, "\nOptions:\n");
    if (command->options)
        add_options(command->options, &text);
    add_options(command_common_options, &text);
    if (command->examples) {
        strbuf_add_c(&text, "\nExamples:\n");
        struct str rest = str_from_c(command->examples);
        while (rest.ptr) {
            const struct str line = str_split(&rest, '\n');
            strbuf_addf(&text, "  %.*s\n", STR_ARG(line));
        }
    }
    fwrite(text.ptr, 1, text.len, out);
}

void help_print_all(FILE *out)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_add_c(&text, "holt: AI agents that live on this machine\n\n"
                        "Usage: holt                  talk with the agent in this folder\n"
                        "       holt COMMAND ...      see below\n");
    for (unsigned group = 0; group < COMMAND_GROUP_COUNT; group++) {
        strbuf_addf(&text, "\n%s:\n", group_titles[group]);
        for (size_t i = 0; command_list[i]; i++) {
            const struct command *command = command_list[i];
            if ((unsigned)command->group == group && command->name[0] && !command->is_hidden)
                strbuf_addf(&text, "  %-12s %s\n", command->name, command->summary);
        }
    }
    strbuf_add_c(&text,
                 "\nholt help COMMAND explains one. Without -m the built-in model is used.\n"
                 "Exit codes: 0 done, 1 failed, 2 used wrongly, 3 the agent gave no answer.\n");
    fwrite(text.ptr, 1, text.len, out);
}
