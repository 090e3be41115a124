/* list_dir - the names in one folder, with how many files and folders there are. */
#include "base/attr.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"
#include "tools/tool_path.h"
#include "tools/tool_text.h"

enum { SHOWN_MAX = 200, ENTRIES_MAX = 100 * 1000 };

static const struct tool_param params[] = {
    {.name = "path",
     .kind = TOOL_PARAM_STRING,
     .is_required = true,
     .help = "Folder; \".\" is the workspace."},
};

static void add_head(const struct beneath_list *list, const char *path, struct strbuf *out)
{
    size_t folder_count = 0;
    for (size_t i = 0; i < list->count; i++)
        folder_count += list->entries[i].kind == BENEATH_FOLDER;
    tool_text_count(out, list->count - folder_count, "file");
    strbuf_add_c(out, ", ");
    tool_text_count(out, folder_count, "folder");
    strbuf_addf(out, " in %s", path);
}

static enum status run(const struct tool_context *context, const struct tool_args *args,
                       struct strbuf *out, struct error *err)
{
    CLEANUP(tool_path_done) struct tool_path path = {0};
    CLEANUP(beneath_list_done) struct beneath_list list = {0};
    struct beneath_info info;
    TRY(tool_path_open(context->job, tool_args_string(args, "path", STR(".")), &path, err));
    TRY(tool_path_locate(&path, TOOL_PATH_FOLDER, &info, err));
    TRY(beneath_list_read(&path.beneath, path.relative, ENTRIES_MAX, &list, err));
    add_head(&list, strbuf_c(&path.shown), out);
    for (size_t i = 0; i < list.count && i < SHOWN_MAX; i++)
        strbuf_addf(out, "\n%s%s", list.entries[i].name,
                    list.entries[i].kind == BENEATH_FOLDER ? "/" : "");
    if (list.count > SHOWN_MAX) {
        strbuf_add_char(out, '\n');
        tool_text_cut(out, list.count - SHOWN_MAX, "entry");
    }
    return OK;
}

const struct tool tool_list_dir = {
    .name = "list_dir",
    .description = "List the files and folders in a folder.",
    .params = params,
    .param_count = ARRAY_LEN(params),
    .permission = TOOL_PERMISSION_READ,
    .runs_in_child = true,
    .timeout_ms = 10000,
    .run = run,
};
