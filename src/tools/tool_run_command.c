/* run_command - one command line for sh in the workspace; its exit code and what it printed. */
#include "base/attr.h"
#include "base/mem.h"
#include "sandbox/program.h"
#include "sandbox/warden.h"
#include "text/utf8.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"
#include "tools/tool_text.h"

static const struct tool_param params[] = {
    {.name = "command",
     .kind = TOOL_PARAM_STRING,
     .is_required = true,
     .help = "Command line for sh."},
};

static enum status take_command(const struct tool_args *args, struct str *out, struct error *err)
{
    *out = tool_args_string(args, "command", STR(""));
    if (str_find_char(*out, '\0', 0) != SIZE_MAX)
        return error_set(err, E_INVALID, "the command holds a NUL character");
    return OK;
}

static enum status preview(const struct tool_context *context, const struct tool_args *args,
                           struct strbuf *out, struct error *err)
{
    struct str command;
    (void)context;
    TRY(take_command(args, &command, err));
    strbuf_add_c(out, "run in the workspace, which it may change:\n");
    strbuf_add_str(out, command);
    return OK;
}

/* Whole lines of what was kept; says how many more there were. */
static void add_cut_output(struct str output, const struct program_result *result,
                           struct strbuf *out)
{
    size_t end = output.len;
    while (end && output.ptr[end - 1] != '\n')
        end--;
    if (end == 0)
        end = output.len + 1; /* one endless line: its beginning is all there is */
    utf8_add_clean(out, str_slice(output, 0, end - 1));
    strbuf_add_char(out, '\n');
    tool_text_cut(out, result->dropped_lines + (result->ends_in_line ? 1 : 0), "line");
}

static void add_output(struct str output, const struct program_result *result, struct strbuf *out)
{
    strbuf_addf(out, "exit %d\n", result->exit_code);
    if (result->dropped_bytes) {
        add_cut_output(output, result, out);
        return;
    }
    if (output.len && output.ptr[output.len - 1] == '\n')
        output.len--;
    if (output.len)
        utf8_add_clean(out, output);
    else
        strbuf_add_c(out, "(no output)");
}

static enum status run(const struct tool_context *context, const struct tool_args *args,
                       struct strbuf *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf output = {0};
    struct program_result result;
    struct str command;
    TRY(take_command(args, &command, err));
    CLEANUP(mem_freep) char *line = mem_alloc(command.len + 1);
    memcpy(line, command.ptr ? command.ptr : "", command.len);
    line[command.len] = '\0';
    const char *const arguments[] = {"/bin/sh", "-c", line, NULL};
    TRY(program_run(context->job->confined, arguments, &output, &result, err));
    add_output(strbuf_view(&output), &result, out);
    return OK;
}

const struct tool tool_run_command = {
    .name = "run_command",
    .description = "Run a shell command in the workspace.",
    .params = params,
    .param_count = ARRAY_LEN(params),
    .permission = TOOL_PERMISSION_RUN,
    .runs_in_child = true,
    .timeout_ms = 30000,
    .preview = preview,
    .run = run,
};
