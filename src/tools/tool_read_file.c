/* read_file - some or all lines of one text file. */
#include "base/attr.h"
#include "text/lines.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"
#include "tools/tool_path.h"
#include "tools/tool_text.h"

#include <inttypes.h>

enum { LINE_COUNT_DEFAULT = 200, LINE_COUNT_MAX = 2000 };

static const struct tool_param params[] = {
    {.name = "path", .kind = TOOL_PARAM_STRING, .is_required = true, .help = "File to read."},
    {.name = "first_line",
     .kind = TOOL_PARAM_INT,
     .int_min = 1,
     .int_max = INT64_MAX,
     .help = "First line to read, from 1. Default 1."},
    {.name = "line_count",
     .kind = TOOL_PARAM_INT,
     .int_min = 1,
     .int_max = LINE_COUNT_MAX,
     .help = "How many lines. Default 200."},
};

static enum status too_far(const char *path, uint64_t line_count, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf count = {0};
    tool_text_count(&count, line_count, "line");
    return error_set(err, E_INVALID, "%s has %s", path, strbuf_c(&count));
}

/* Lines first..last; stops at a line end when the result would grow too long. */
static void add_lines(struct str text, uint64_t first, uint64_t last, struct strbuf *out)
{
    struct lines lines = lines_over(text);
    while (lines.number < last && lines_next(&lines)) {
        if (lines.number < first)
            continue;
        if (out->len + lines.line.len + 64 > WARDEN_RESULT_MAX) {
            strbuf_add_char(out, '\n');
            tool_text_cut(out, last - lines.number + 1, "line");
            return;
        }
        strbuf_add_char(out, '\n');
        strbuf_add_str(out, lines.line);
    }
}

static enum status run(const struct tool_context *context, const struct tool_args *args,
                       struct strbuf *out, struct error *err)
{
    CLEANUP(tool_path_done) struct tool_path path = {0};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    const uint64_t first = (uint64_t)tool_args_int(args, "first_line", 1);
    const uint64_t wanted = (uint64_t)tool_args_int(args, "line_count", LINE_COUNT_DEFAULT);
    TRY(tool_path_open(context->job, tool_args_string(args, "path", STR(".")), &path, err));
    TRY(tool_path_read_text(&path, &text, err));

    const char *shown = strbuf_c(&path.shown);
    const uint64_t count = lines_count(strbuf_view(&text));
    if (count == 0 && first == 1) {
        strbuf_addf(out, "%s: 0 lines", shown);
        return OK;
    }
    if (first > count)
        return too_far(shown, count, err);
    const uint64_t last = wanted < count - first + 1 ? first + wanted - 1 : count;
    strbuf_addf(out, "%s: lines %" PRIu64 "-%" PRIu64 " of %" PRIu64, shown, first, last, count);
    add_lines(strbuf_view(&text), first, last, out);
    return OK;
}

const struct tool tool_read_file = {
    .name = "read_file",
    .description = "Read a text file, or some of its lines.",
    .params = params,
    .param_count = ARRAY_LEN(params),
    .permission = TOOL_PERMISSION_READ,
    .runs_in_child = true,
    .timeout_ms = 10000,
    .run = run,
};
