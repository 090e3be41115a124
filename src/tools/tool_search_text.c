/* search_text - the lines that hold a text, in one file or in all text files below a folder. */
#include "base/attr.h"
#include "text/lines.h"
#include "text/utf8.h"
#include "tools/file_walk.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"
#include "tools/tool_path.h"
#include "tools/tool_text.h"

#include <inttypes.h>

enum { SHOWN_MAX = 50, LINE_SHOWN_MAX = 200 };

static const struct tool_param params[] = {
    {.name = "text",
     .kind = TOOL_PARAM_STRING,
     .is_required = true,
     .help = "Text to find, upper and lower case alike."},
    {.name = "path", .kind = TOOL_PARAM_STRING, .help = "Folder or file. Default: the workspace."},
};

struct search {
    const struct beneath *beneath;
    struct strbuf needle; /* lower case */
    struct strbuf shown;
    struct strbuf content; /* of the file at hand */
    struct strbuf low;     /* the same in lower case */
    uint64_t file_count;
    uint64_t hit_file_count;
    uint64_t hit_count;
};

static void search_done(struct search *search)
{
    strbuf_done(&search->needle);
    strbuf_done(&search->shown);
    strbuf_done(&search->content);
    strbuf_done(&search->low);
}

static void add_lower(struct strbuf *out, struct str text)
{
    strbuf_add_str(out, text);
    for (size_t i = out->len - text.len; i < out->len; i++) {
        if (out->ptr[i] >= 'A' && out->ptr[i] <= 'Z')
            out->ptr[i] = (char)(out->ptr[i] - 'A' + 'a');
    }
}

static void add_hit(struct search *search, const char *path, const struct lines *lines)
{
    if (++search->hit_count > SHOWN_MAX)
        return;
    const struct str shown = str_slice(lines->line, 0, utf8_cut(lines->line, LINE_SHOWN_MAX));
    strbuf_addf(&search->shown, "\n%s:%" PRIu64 ": ", path, lines->number);
    strbuf_add_str(&search->shown, shown);
    if (shown.len < lines->line.len)
        strbuf_add_c(&search->shown, "...");
}

static void search_text(struct search *search, const char *path)
{
    const uint64_t before = search->hit_count;
    struct lines lines = lines_over(strbuf_view(&search->content));
    struct lines low = lines_over(strbuf_view(&search->low));
    search->file_count++;
    /* Most files hold nothing: one pass over the whole text says so. */
    if (str_find(strbuf_view(&search->low), strbuf_view(&search->needle), 0) == SIZE_MAX)
        return;
    while (lines_next(&lines) && lines_next(&low)) {
        if (str_find(low.line, strbuf_view(&search->needle), 0) != SIZE_MAX)
            add_hit(search, path, &lines);
    }
    search->hit_file_count += search->hit_count > before;
}

/* Files that are no text or cannot be read do not count. */
static bool search_file(void *context, const char *path)
{
    struct search *search = context;
    strbuf_clear(&search->content);
    strbuf_clear(&search->low);
    if (beneath_read(search->beneath, path, TOOL_PATH_TEXT_MAX, &search->content, NULL) != OK ||
        !tool_text_is_text(strbuf_view(&search->content)))
        return true;
    add_lower(&search->low, strbuf_view(&search->content));
    search_text(search, path);
    return true;
}

static void add_result(const struct search *search, bool is_whole, struct strbuf *out)
{
    tool_text_count(out, search->hit_count, "match");
    strbuf_addf(out, " in %" PRIu64 " of ", search->hit_file_count);
    tool_text_count(out, search->file_count, "file");
    strbuf_add_str(out, strbuf_view(&search->shown));
    if (search->hit_count > SHOWN_MAX) {
        strbuf_add_char(out, '\n');
        tool_text_cut(out, search->hit_count - SHOWN_MAX, "match");
    }
    if (!is_whole)
        strbuf_add_c(out, "\n[cut: some files could not be searched]");
}

static enum status run(const struct tool_context *context, const struct tool_args *args,
                       struct strbuf *out, struct error *err)
{
    CLEANUP(tool_path_done) struct tool_path path = {0};
    CLEANUP(search_done) struct search search = {.beneath = &path.beneath};
    struct beneath_info info;
    bool is_whole = true;
    TRY(tool_path_open(context->job, tool_args_string(args, "path", STR(".")), &path, err));
    TRY(tool_path_locate(&path, TOOL_PATH_ANY, &info, err));
    add_lower(&search.needle, tool_args_string(args, "text", STR("")));
    if (info.kind == BENEATH_FOLDER) {
        is_whole = file_walk(&path.beneath, path.relative, search_file, &search);
    } else {
        TRY(tool_path_read_text(&path, &search.content, err));
        add_lower(&search.low, strbuf_view(&search.content));
        search_text(&search, path.relative);
    }
    add_result(&search, is_whole, out);
    return OK;
}

const struct tool tool_search_text = {
    .name = "search_text",
    .description = "Find the lines that contain a text, in all files of a folder or in one file.",
    .params = params,
    .param_count = ARRAY_LEN(params),
    .permission = TOOL_PERMISSION_READ,
    .runs_in_child = true,
    .timeout_ms = 30000,
    .run = run,
};
