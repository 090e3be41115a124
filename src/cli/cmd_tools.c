/* holt tools - what an agent can do, and single calls of it as an agent would make them. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/allow.h"
#include "cli/command_list.h"
#include "cli/display.h"
#include "cli/front.h"
#include "cli/json_print.h"
#include "cli/state.h"
#include "cli/text_input.h"
#include "cli/tools_role.h"
#include "cli/workspace.h"
#include "os/tty.h"
#include "text/clean_text.h"
#include "text/json.h"
#include "tools/tool_list.h"

struct tools_args {
    const char *workspace;
    const char *allow;
    bool is_json;
};

static const struct option_spec options[] = {
    OPTION_FLAG(struct tools_args, is_json, 0, "json",
                "print the schemas as JSON, or a call's result"),
    OPTION_PATH(struct tools_args, workspace, 'w', "workspace", "DIR", OPTION_VALUE_FOLDER,
                "call: folder to work in (default: the current one)"),
    OPTION_STRING(struct tools_args, allow, 0, "allow", "LIST",
                  "call: do without asking: write, run or both (write,run)"),
    OPTION_END,
};

/* ---------------------------------------------------------------- the list */

static const char *permission_word(enum tool_permission permission)
{
    switch (permission) {
    case TOOL_PERMISSION_NONE:
    case TOOL_PERMISSION_READ: return "free";
    case TOOL_PERMISSION_WRITE: return "asks (write)";
    case TOOL_PERMISSION_RUN: return "asks (run)";
    }
    return "";
}

static int print_list(bool is_json)
{
    if (is_json) {
        CLEANUP(json_decrefp) json_t *schemas = json_array();
        for (size_t i = 0; i < tool_list_count(); i++)
            json_array_append_new(schemas, tool_list_schema(tool_list_at(i)));
        json_print(schemas);
        return EXIT_OK;
    }
    for (size_t i = 0; i < tool_list_count(); i++) {
        const struct tool *tool = tool_list_at(i);
        printf("%-12s  %-13s %s\n", tool->name, permission_word(tool->permission),
               tool->description);
        for (size_t p = 0; p < tool->param_count; p++) {
            const struct tool_param *param = &tool->params[p];
            printf("    %s%s%s  %s\n", param->is_required ? "" : "[", param->name,
                   param->is_required ? "" : "]", param->help);
        }
    }
    return EXIT_OK;
}

/* ---------------------------------------------------------------- one call */

struct tool_call {
    struct display display;
    struct front_view shown;
    struct strbuf result;
    bool is_error;
};

static void on_message(void *context, const struct front_message *message)
{
    struct tool_call *tool_call = context;
    if (message->kind != FRONT_RESULT)
        return;
    tool_call->is_error = message->flag;
    clean_text_whole(message->text, &tool_call->result);
}

static enum warden_answer on_question(void *context, const struct warden_event *question,
                                      int interrupt_fd)
{
    struct tool_call *tool_call = context;
    return tool_call->shown.question(tool_call->shown.context, question, interrupt_fd);
}

static int print_result(const struct tool_call *tool_call, bool is_json)
{
    const struct strbuf *result = &tool_call->result;
    if (is_json) {
        CLEANUP(json_decrefp)
        json_t *object = json_pack("{s:s%, s:b}", "result", strbuf_c(result), result->len,
                                   "is_error", tool_call->is_error);
        json_print(object);
    } else {
        printf("%s\n", strbuf_c(result));
    }
    return tool_call->is_error ? EXIT_FAILED : EXIT_OK;
}

static int ask(const struct front_config *config, const char *name, struct str arguments,
               bool is_json, bool no_color)
{
    struct tool_call tool_call = {0};
    const struct display_options display = {.no_color = no_color};
    display_init(&tool_call.display, &display);
    display_fill_view(&tool_call.display, &tool_call.shown);
    const struct front_view view = {
        .context = &tool_call, .message = on_message, .question = on_question};
    struct front front = {0};
    struct front_message finished = {0};
    struct error err = {0};
    enum status status = front_start(&front, config, &err);
    if (status == OK)
        status = front_wait_ready(&front, &view, &err);
    if (status == OK)
        status = front_ask(&front, str_from_c(name), arguments, &view, &finished, &err);
    int code = EXIT_OK;
    if (status == OK && finished.numbers[FRONT_FINISHED_STATUS] == E_CANCELLED)
        code = EXIT_INTERRUPTED;
    else if (status == OK && finished.numbers[FRONT_FINISHED_STATUS] != OK)
        code = command_failf("%.*s", STR_ARG(finished.text));
    else if (status == OK)
        code = print_result(&tool_call, is_json);
    else
        code = status == E_CANCELLED ? EXIT_INTERRUPTED : command_fail(&err);
    front_stop(&front);
    display_done(&tool_call.display);
    strbuf_done(&tool_call.result);
    return code;
}

static int call_tool(const struct command_call *call)
{
    const struct tools_args *args = call->options;
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(mem_freep) char *workspace = NULL;
    CLEANUP(strbuf_done) struct strbuf arguments = {0};
    struct error err = {0};
    unsigned allowed = 0;
    const char *name = call->operands[1];
    enum status status = allow_parse(args->allow, &allowed, &err);
    if (status == OK)
        status = text_input_read_bytes(call->operands[2], WARDEN_ARGUMENTS_MAX, &arguments, &err);
    if (status == OK)
        status = workspace_find(args->workspace, &workspace, &err);
    if (status == E_UNSUPPORTED || status == E_INVALID)
        return command_usage(call->command, "%s", err.text);
    if (status == OK)
        status = state_init(call->common, &state, &err);
    if (status != OK)
        return command_fail(&err);

    const struct tools_role_config role = {.state = &state};
    const struct front_config config = {
        .role = tools_role_run,
        .role_context = &role,
        .workspace = workspace,
        .state_folder = state.folder,
        .allowed = allowed,
        .has_person = tty_is_terminal(STDIN_FILENO) && tty_is_terminal(STDERR_FILENO),
    };
    return ask(&config, name, strbuf_view(&arguments), args->is_json, call->common->no_color);
}

static int run(const struct command_call *call)
{
    const struct tools_args *args = call->options;
    if (call->operand_count == 0)
        return print_list(args->is_json);
    if (strcmp(call->operands[0], "call") != 0 || call->operand_count != 3)
        return command_usage(call->command, "a call is: holt tools call NAME JSON");
    return call_tool(call);
}

const struct command cmd_tools = {
    .name = "tools",
    .summary = "list what an agent can do, or make one call",
    .operands = "[call NAME JSON]",
    .description =
        "A call goes the way an agent's calls go: through the warden, confined to the folder, "
        "asked for when it writes or runs something. It prints what the model would read, and "
        "exits with 1 when that is an error.",
    .examples = "holt tools\nholt tools call read_file '{\"path\": \"notes.txt\"}'",
    .group = COMMAND_GROUP_AGENT,
    .options = options,
    .args_size = sizeof(struct tools_args),
    .operand_count_max = 3,
    .run = run,
};
