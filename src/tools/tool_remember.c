/* remember - keeps one note for later sessions. */
#include "base/attr.h"
#include "store/memory_store.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"

static const struct tool_param params[] = {
    {.name = "note", .kind = TOOL_PARAM_STRING, .is_required = true, .help = "One short fact."},
};

static enum status run(const struct tool_context *context, const struct tool_args *args,
                       struct strbuf *out, struct error *err)
{
    const struct str note = tool_args_string(args, "note", STR(""));
    if (!context->memory)
        return error_set(err, E_UNSUPPORTED, "notes cannot be kept here");
    TRY(memory_store_add(context->memory, note, err));
    strbuf_add_c(out, "kept: ");
    strbuf_add_str(out, note);
    return OK;
}

const struct tool tool_remember = {
    .name = "remember",
    .description = "Keep a note for later sessions.",
    .params = params,
    .param_count = ARRAY_LEN(params),
    .permission = TOOL_PERMISSION_NONE,
    .run = run,
};
