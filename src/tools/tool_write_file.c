/* write_file - a file with exactly the content that is given, new or in place of another. */
#include "base/attr.h"
#include "text/lines.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"
#include "tools/tool_path.h"
#include "tools/tool_text.h"

static const struct tool_param params[] = {
    {.name = "path", .kind = TOOL_PARAM_STRING, .is_required = true, .help = "File to write."},
    {.name = "content",
     .kind = TOOL_PARAM_STRING,
     .is_required = true,
     .help = "The whole new content."},
};

/* "a.txt: 2 lines, 31 bytes" */
static void add_size(const struct tool_path *path, struct str content, struct strbuf *out)
{
    strbuf_addf(out, "%s: ", strbuf_c(&path->shown));
    tool_text_count(out, lines_count(content), "line");
    strbuf_add_c(out, ", ");
    tool_text_count(out, content.len, "byte");
}

static enum status preview(const struct tool_context *context, const struct tool_args *args,
                           struct strbuf *out, struct error *err)
{
    CLEANUP(tool_path_done) struct tool_path path = {0};
    CLEANUP(strbuf_done) struct strbuf target = {0};
    const struct str content = tool_args_string(args, "content", STR(""));
    bool exists = false;
    TRY(tool_path_open(context->job, tool_args_string(args, "path", STR("")), &path, err));
    TRY(tool_path_target(&path, &target, &exists, err));
    strbuf_add_c(out, exists ? "replace the content of " : "create ");
    add_size(&path, content, out);
    if (!str_equal(strbuf_view(&target), strbuf_view(&path.shown)))
        strbuf_addf(out, "\n(which is %s)", strbuf_c(&target));
    strbuf_add_char(out, '\n');
    strbuf_add_str(out, content);
    return OK;
}

static enum status run(const struct tool_context *context, const struct tool_args *args,
                       struct strbuf *out, struct error *err)
{
    CLEANUP(tool_path_done) struct tool_path path = {0};
    CLEANUP(strbuf_done) struct strbuf target = {0};
    const struct str content = tool_args_string(args, "content", STR(""));
    bool exists = false;
    TRY(tool_path_open(context->job, tool_args_string(args, "path", STR("")), &path, err));
    TRY(tool_path_target(&path, &target, &exists, err));
    TRY(beneath_write(&path.beneath, strbuf_c(&target), content, err));
    strbuf_add_c(out, exists ? "replaced " : "created ");
    add_size(&path, content, out);
    return OK;
}

const struct tool tool_write_file = {
    .name = "write_file",
    .description = "Create a file or replace all of its content.",
    .params = params,
    .param_count = ARRAY_LEN(params),
    .permission = TOOL_PERMISSION_WRITE,
    .runs_in_child = true,
    .timeout_ms = 20000,
    .preview = preview,
    .run = run,
};
