/* edit_file - one exact piece of a text file, replaced; refuses when it is absent or not unique. */
#include "base/attr.h"
#include "text/lines.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"
#include "tools/tool_path.h"

#include <inttypes.h>

static const struct tool_param params[] = {
    {.name = "path", .kind = TOOL_PARAM_STRING, .is_required = true, .help = "File to change."},
    {.name = "old",
     .kind = TOOL_PARAM_STRING,
     .is_required = true,
     .help = "Text that is there now, exactly once."},
    {.name = "new",
     .kind = TOOL_PARAM_STRING,
     .is_required = true,
     .help = "Text to put in its place."},
};

/* What is to be done, once it is known to be possible. */
struct edit {
    struct tool_path path;
    struct strbuf target;
    struct strbuf text; /* of the file now */
    struct str old_text;
    struct str new_text;
    size_t at;
    uint64_t line;
};

static void edit_done(struct edit *edit)
{
    tool_path_done(&edit->path);
    strbuf_done(&edit->target);
    strbuf_done(&edit->text);
}

/* Occurrences that do not overlap. */
static uint64_t count_of(struct str text, struct str piece)
{
    uint64_t count = 0;
    for (size_t at = str_find(text, piece, 0); at != SIZE_MAX;
         at = str_find(text, piece, at + piece.len))
        count++;
    return count;
}

static enum status prepare(const struct tool_context *context, const struct tool_args *args,
                           struct edit *edit, struct error *err)
{
    bool exists = false;
    TRY(tool_path_open(context->job, tool_args_string(args, "path", STR("")), &edit->path, err));
    TRY(tool_path_read_text(&edit->path, &edit->text, err));
    TRY(tool_path_target(&edit->path, &edit->target, &exists, err));
    edit->old_text = tool_args_string(args, "old", STR(""));
    edit->new_text = tool_args_string(args, "new", STR(""));
    const char *shown = strbuf_c(&edit->path.shown);
    const struct str text = strbuf_view(&edit->text);
    if (edit->old_text.len == 0)
        return error_set(err, E_INVALID, "the old text is empty");
    const uint64_t count = count_of(text, edit->old_text);
    if (count == 0)
        return error_set(err, E_NOT_FOUND, "the old text is not in %s", shown);
    if (count > 1)
        return error_set(err, E_INVALID, "the old text is in %s %" PRIu64 " times; give more of it",
                         shown, count);
    edit->at = str_find(text, edit->old_text, 0);
    edit->line = lines_number_at(text, edit->at);
    return OK;
}

static void add_marked(struct str text, char mark, struct strbuf *out)
{
    struct lines lines = lines_over(text);
    while (lines_next(&lines)) {
        strbuf_addf(out, "\n%c ", mark);
        strbuf_add_str(out, lines.line);
    }
}

static enum status preview(const struct tool_context *context, const struct tool_args *args,
                           struct strbuf *out, struct error *err)
{
    CLEANUP(edit_done) struct edit edit = {0};
    TRY(prepare(context, args, &edit, err));
    strbuf_addf(out, "change %s in line %" PRIu64, strbuf_c(&edit.path.shown), edit.line);
    if (!str_equal(strbuf_view(&edit.target), strbuf_view(&edit.path.shown)))
        strbuf_addf(out, " (which is %s)", strbuf_c(&edit.target));
    add_marked(edit.old_text, '-', out);
    add_marked(edit.new_text, '+', out);
    return OK;
}

static enum status run(const struct tool_context *context, const struct tool_args *args,
                       struct strbuf *out, struct error *err)
{
    CLEANUP(edit_done) struct edit edit = {0};
    CLEANUP(strbuf_done) struct strbuf changed = {0};
    TRY(prepare(context, args, &edit, err));
    const struct str text = strbuf_view(&edit.text);
    strbuf_add_str(&changed, str_slice(text, 0, edit.at));
    strbuf_add_str(&changed, edit.new_text);
    strbuf_add_str(&changed, str_slice(text, edit.at + edit.old_text.len, text.len));
    TRY(beneath_write(&edit.path.beneath, strbuf_c(&edit.target), strbuf_view(&changed), err));
    strbuf_addf(out, "edited %s: 1 replacement in line %" PRIu64, strbuf_c(&edit.path.shown),
                edit.line);
    return OK;
}

const struct tool tool_edit_file = {
    .name = "edit_file",
    .description = "Replace one exact piece of text in a file.",
    .params = params,
    .param_count = ARRAY_LEN(params),
    .permission = TOOL_PERMISSION_WRITE,
    .runs_in_child = true,
    .timeout_ms = 20000,
    .preview = preview,
    .run = run,
};
