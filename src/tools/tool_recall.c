/* recall - the notes that share words with a query, best first. */
#include "base/attr.h"
#include "store/memory_store.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"
#include "tools/tool_text.h"

enum { SHOWN_MAX = 10 };

static const struct tool_param params[] = {
    {.name = "query", .kind = TOOL_PARAM_STRING, .is_required = true, .help = "Words to look for."},
};

struct found {
    struct strbuf lines;
    uint64_t count;
};

static void add_note(void *context, struct str note)
{
    struct found *found = context;
    found->count++;
    strbuf_add_char(&found->lines, '\n');
    strbuf_add_str(&found->lines, note);
}

static enum status run(const struct tool_context *context, const struct tool_args *args,
                       struct strbuf *out, struct error *err)
{
    struct found found = {0};
    if (!context->memory)
        return error_set(err, E_UNSUPPORTED, "there are no notes here");
    const enum status status =
        memory_store_find(context->memory, tool_args_string(args, "query", STR("")), SHOWN_MAX,
                          add_note, &found, err);
    if (status == OK) {
        tool_text_count(out, found.count, "note");
        strbuf_add_str(out, strbuf_view(&found.lines));
    }
    strbuf_done(&found.lines);
    return status;
}

const struct tool tool_recall = {
    .name = "recall",
    .description = "Find notes that were kept before.",
    .params = params,
    .param_count = ARRAY_LEN(params),
    .permission = TOOL_PERMISSION_NONE,
    .run = run,
};
