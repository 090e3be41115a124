#include "engine/tool_mask.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "chat/tool_format.h"
#include "engine/engine.h"
#include "infer/token_mask.h"
#include "text/json.h"

enum { CALLS_PER_ANSWER = 8 };

static enum token_mask_mode mode_of(enum tool_choice choice)
{
    switch (choice) {
    case TOOL_CHOICE_AUTO: return TOKEN_MASK_AUTO;
    case TOOL_CHOICE_REQUIRED: return TOKEN_MASK_REQUIRED;
    case TOOL_CHOICE_NONE: return TOKEN_MASK_NONE;
    }
    return TOKEN_MASK_NONE;
}

/* Name and schema of every tool; views into `tools`. */
static enum status read_tools(const json_t *tools, struct token_mask_tool *out, size_t *out_count,
                              struct error *err)
{
    const size_t count = json_array_size(tools);
    for (size_t i = 0; i < count; i++) {
        const json_t *function = json_object_get(json_array_get(tools, i), "function");
        if (!json_member_str(function, "name", &out[i].name))
            return error_set(err, E_INVALID, "tool %zu has no name", i + 1);
        out[i].parameters = json_object_get(function, "parameters");
    }
    *out_count = count;
    return OK;
}

enum status tool_mask_new(struct engine *engine, const json_t *tools, enum tool_choice choice,
                          struct token_mask **out, struct error *err)
{
    const struct tool_format *format = engine_tool_format(engine);
    const struct tool_format_syntax *form = &format->syntax;
    const bool is_object = form->shape == TOOL_FORMAT_OBJECT;
    if (form->arguments != TOOL_FORMAT_JSON || form->section_open.len || form->id ||
        form->name_close.len == 0 || format->has_channels)
        return error_set(err, E_UNSUPPORTED,
                         "calls in the form \"%s\" cannot be held to a schema yet", format->name);
    if (json_array_size(tools) > TOKEN_MASK_TOOLS_MAX)
        return error_set(err, E_LIMIT, "%zu tools (limit %d)", json_array_size(tools),
                         TOKEN_MASK_TOOLS_MAX);
    const struct token_mask_vocab *vocab = NULL;
    TRY(engine_mask_vocab(engine, &vocab, err));
    CLEANUP(mem_freep)
    struct token_mask_tool *rows = mem_zalloc((json_array_size(tools) + 1) * sizeof(*rows));
    size_t count = 0;
    TRY(read_tools(tools, rows, &count, err));

    CLEANUP(strbuf_done) struct strbuf close = {0};
    strbuf_add_c(&close, is_object ? "}" : "");
    strbuf_add_str(&close, form->close);
    const struct token_mask_syntax syntax = {
        .open = form->open,
        .name_prefix = form->name_open,
        .name_suffix = form->name_close,
        .close = strbuf_view(&close),
        .between = form->between,
        .only_at_start = format->starts_reply,
    };
    const struct token_mask_options options = {
        .mode = mode_of(choice),
        .call_count_max = CALLS_PER_ANSWER,
    };
    return token_mask_new_tools(vocab, &syntax, rows, count, &options, out, err);
}

void tool_mask_free(struct token_mask *mask)
{
    token_mask_free(mask);
}

enum status tool_mask_forbid(struct token_mask *mask, struct str tool_name, struct str arguments,
                             struct error *err)
{
    return token_mask_forbid(mask, tool_name, arguments, err);
}
