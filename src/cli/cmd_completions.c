/* holt completions - completion scripts for shells, made from the command table. */
#include "base/strbuf.h"
#include "cli/command_list.h"

typedef void(script_fn)(struct strbuf *out);

/* Inside single quotes: the quote itself ends, is escaped, and begins anew. */
static void add_quoted(struct strbuf *out, const char *text)
{
    strbuf_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            strbuf_add_c(out, "'\\''");
        else
            strbuf_add_char(out, *text);
    }
    strbuf_add_char(out, '\'');
}

/* ---------------------------------------------------------------- bash */

static void bash_option_words(struct strbuf *out, const struct option_spec *options)
{
    for (const struct option_spec *o = options; o && o->kind != OPTION_KIND_END; o++) {
        strbuf_addf(out, " --%s", o->name);
        if (o->short_name)
            strbuf_addf(out, " -%c", o->short_name);
    }
}

/* Patterns "--model|-m" of every option in the program whose value is of kind `value`. */
static void bash_value_patterns(struct strbuf *out, enum option_value value)
{
    bool is_first = true;
    for (size_t i = 0; command_list[i]; i++) {
        const struct option_spec *o = command_list[i]->options;
        for (; o && o->kind != OPTION_KIND_END; o++) {
            if (o->kind == OPTION_KIND_FLAG || o->value != value)
                continue;
            strbuf_addf(out, "%s--%s", is_first ? "" : "|", o->name);
            if (o->short_name)
                strbuf_addf(out, "|-%c", o->short_name);
            is_first = false;
        }
    }
    const struct option_spec *o = command_common_options;
    for (; o->kind != OPTION_KIND_END; o++) {
        if (o->kind != OPTION_KIND_FLAG && o->value == value)
            strbuf_addf(out, "|--%s", o->name);
    }
}

static void bash(struct strbuf *out)
{
    strbuf_add_c(out, "# bash completion for holt\n"
                      "_holt() {\n"
                      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                      "  case $before in\n    ");
    bash_value_patterns(out, OPTION_VALUE_FOLDER);
    strbuf_add_c(out, ") COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n    ");
    bash_value_patterns(out, OPTION_VALUE_FILE);
    strbuf_add_c(out, ") COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n    ");
    bash_value_patterns(out, OPTION_VALUE_MODEL);
    strbuf_add_c(out, ") COMPREPLY=($(compgen -f -W builtin -- \"$word\")); return ;;\n"
                      "  esac\n"
                      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; command_list[i]; i++) {
        if (command_list[i]->name[0])
            strbuf_addf(out, "%s ", command_list[i]->name);
    }
    strbuf_add_c(out, "--version --help\" -- \"$word\"))\n    return\n  fi\n"
                      "  case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; command_list[i]; i++) {
        const struct command *command = command_list[i];
        if (!command->name[0])
            continue;
        strbuf_addf(out, "    %s) COMPREPLY=($(compgen -f -W \"", command->name);
        bash_option_words(out, command->options);
        bash_option_words(out, command_common_options);
        strbuf_add_c(out, "\" -- \"$word\")) ;;\n");
    }
    strbuf_add_c(out, "  esac\n}\ncomplete -o filenames -F _holt holt\n");
}

/* ---------------------------------------------------------------- zsh */

static const char *zsh_action(enum option_value value)
{
    switch (value) {
    case OPTION_VALUE_FILE: return "_files";
    case OPTION_VALUE_FOLDER: return "_files -/";
    case OPTION_VALUE_MODEL: return "_files -g \"*.gguf\"";
    case OPTION_VALUE_OTHER: break;
    }
    return "";
}

/* '--model[use this model]:FILE:_files' ; brackets and colons of the help are escaped. */
static void zsh_option(struct strbuf *out, const struct option_spec *option, const char *name)
{
    CLEANUP(strbuf_done) struct strbuf spec = {0};
    strbuf_addf(&spec, "%s[", name);
    for (const char *c = option->help; *c; c++) {
        if (*c == '[' || *c == ']' || *c == ':' || *c == '\\')
            strbuf_add_char(&spec, '\\');
        strbuf_add_char(&spec, *c);
    }
    strbuf_add_char(&spec, ']');
    if (option->kind != OPTION_KIND_FLAG)
        strbuf_addf(&spec, ":%s:%s", option->value_name, zsh_action(option->value));
    strbuf_add_c(out, " \\\n        ");
    add_quoted(out, strbuf_c(&spec));
}

static void zsh_options(struct strbuf *out, const struct option_spec *options)
{
    for (const struct option_spec *o = options; o && o->kind != OPTION_KIND_END; o++) {
        char name[64];
        snprintf(name, sizeof(name), "--%s", o->name);
        zsh_option(out, o, name);
        if (o->short_name) {
            snprintf(name, sizeof(name), "-%c", o->short_name);
            zsh_option(out, o, name);
        }
    }
}

static void zsh(struct strbuf *out)
{
    strbuf_add_c(out, "#compdef holt\n# zsh completion for holt\n"
                      "_holt() {\n  local -a commands\n  commands=(\n");
    for (size_t i = 0; command_list[i]; i++) {
        if (!command_list[i]->name[0])
            continue;
        char row[256];
        snprintf(row, sizeof(row), "%s:%s", command_list[i]->name, command_list[i]->summary);
        strbuf_add_c(out, "    ");
        add_quoted(out, row);
        strbuf_add_char(out, '\n');
    }
    strbuf_add_c(out, "  )\n  if (( CURRENT == 2 )); then\n"
                      "    _describe 'command' commands\n    return\n  fi\n"
                      "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n"
                      "  case $command in\n");
    for (size_t i = 0; command_list[i]; i++) {
        const struct command *command = command_list[i];
        if (!command->name[0])
            continue;
        strbuf_addf(out, "    %s) _arguments", command->name);
        zsh_options(out, command->options);
        zsh_options(out, command_common_options);
        strbuf_addf(out, " \\\n        '*:argument:%s' ;;\n", zsh_action(command->operand_value));
    }
    strbuf_add_c(out, "  esac\n}\n_holt \"$@\"\n");
}

/* ---------------------------------------------------------------- fish */

static void fish_options(struct strbuf *out, const struct option_spec *options,
                         const char *condition)
{
    for (const struct option_spec *o = options; o && o->kind != OPTION_KIND_END; o++) {
        strbuf_addf(out, "complete -c holt %s -l %s", condition, o->name);
        if (o->short_name)
            strbuf_addf(out, " -s %c", o->short_name);
        if (o->value == OPTION_VALUE_FOLDER)
            strbuf_add_c(out, " -x -a '(__fish_complete_directories)'");
        else if (o->value != OPTION_VALUE_OTHER)
            strbuf_add_c(out, " -r -F");
        else if (o->kind != OPTION_KIND_FLAG)
            strbuf_add_c(out, " -x");
        strbuf_add_c(out, " -d ");
        add_quoted(out, o->help);
        strbuf_add_char(out, '\n');
    }
}

static void fish(struct strbuf *out)
{
    strbuf_add_c(out, "# fish completion for holt\n");
    for (size_t i = 0; command_list[i]; i++) {
        const struct command *command = command_list[i];
        if (!command->name[0])
            continue;
        strbuf_addf(out, "complete -c holt -n __fish_use_subcommand -f -a %s -d ", command->name);
        add_quoted(out, command->summary);
        strbuf_add_char(out, '\n');
        char condition[128];
        snprintf(condition, sizeof(condition), "-n '__fish_seen_subcommand_from %s'",
                 command->name);
        fish_options(out, command->options, condition);
    }
    fish_options(out, command_common_options, "");
}

static const struct {
    const char *shell;
    script_fn *add;
} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

static int run(const struct command_call *call)
{
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (strcmp(call->operands[0], shells[i].shell) != 0)
            continue;
        CLEANUP(strbuf_done) struct strbuf out = {0};
        shells[i].add(&out);
        fwrite(out.ptr, 1, out.len, stdout);
        return EXIT_OK;
    }
    return command_usage(call->command, "there are completions for bash, zsh and fish, not %.32s",
                         call->operands[0]);
}

const struct command cmd_completions = {
    .name = "completions",
    .summary = "print completions for a shell",
    .operands = "bash|zsh|fish",
    .examples = "holt completions bash > ~/.local/share/bash-completion/completions/holt",
    .group = COMMAND_GROUP_PROGRAM,
    .operand_count_min = 1,
    .operand_count_max = 1,
    .run = run,
};
