#include "tools/tool_warden.h"

#include "base/attr.h"
#include "base/check.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"

static enum status call_with(tool_fn *fn, const struct tool *tool, const struct warden_job *job,
                             struct strbuf *out, struct error *err)
{
    CLEANUP(tool_args_done) struct tool_args args = {0};
    const struct tool_context context = {.job = job};
    TRY(tool_args_parse(tool, job->arguments, &args, err));
    return fn(&context, &args, out, err);
}

static enum status preview(const void *tool, const struct warden_job *job, struct strbuf *out,
                           struct error *err)
{
    const struct tool *row = tool;
    return call_with(row->preview, row, job, out, err);
}

static enum status run(const void *tool, const struct warden_job *job, struct strbuf *out,
                       struct error *err)
{
    const struct tool *row = tool;
    return call_with(row->run, row, job, out, err);
}

static enum warden_permission permission_of(const struct tool *tool)
{
    switch (tool->permission) {
    case TOOL_PERMISSION_NONE:
    case TOOL_PERMISSION_READ: return WARDEN_PERMISSION_READ;
    case TOOL_PERMISSION_WRITE: return WARDEN_PERMISSION_WRITE;
    case TOOL_PERMISSION_RUN: return WARDEN_PERMISSION_RUN;
    }
    return WARDEN_PERMISSION_RUN;
}

void tool_warden_fill(struct tool_warden *out)
{
    *out = (struct tool_warden){.count = tool_list_count()};
    CHECK(out->count <= WARDEN_TOOLS_MAX);
    for (size_t i = 0; i < out->count; i++) {
        const struct tool *tool = tool_list_at(i);
        const enum warden_permission permission = permission_of(tool);
        CHECK(tool->preview || permission == WARDEN_PERMISSION_READ);
        out->tools[i] = (struct warden_tool){
            .name = tool->name,
            .tool = tool,
            .permission = permission,
            .timeout_ms = tool->timeout_ms,
            .preview = tool->preview ? preview : NULL,
            .run = tool->runs_in_child ? run : NULL,
        };
    }
}
