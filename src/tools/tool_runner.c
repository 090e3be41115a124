#include "tools/tool_runner.h"

#include "base/attr.h"
#include "sandbox/warden.h"
#include "sandbox/warden_client.h"
#include "text/utf8.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"

enum { NAME_SHOWN_MAX = 60 };

static enum status run_in_core(struct tool_runner *runner, const struct tool_args *args,
                               struct strbuf *out, struct error *err)
{
    const struct tool_context context = {.memory = runner->memory};
    return args->tool->run(&context, args, out, err);
}

static enum status run_in_child(struct tool_runner *runner, const struct tool *tool, size_t index,
                                struct str arguments, struct strbuf *out, struct error *err)
{
    if (!runner->warden)
        return error_set(err, E_UNSUPPORTED, "%s is not available here", tool->name);
    return warden_client_call(runner->warden, (uint32_t)index, arguments, out, err);
}

/* The call itself; what it fails with is for the model, except E_CANCELLED and a lost warden. */
static enum status call(struct tool_runner *runner, struct str tool_name, struct str arguments,
                        struct strbuf *out, bool *out_is_lost, struct error *err)
{
    size_t index = 0;
    const struct tool *tool = tool_list_find(tool_name, &index);
    CLEANUP(tool_args_done) struct tool_args args = {0};
    if (!tool)
        return error_set(err, E_NOT_FOUND, "there is no tool called %.*s",
                         STR_ARG(str_slice(tool_name, 0, NAME_SHOWN_MAX)));
    TRY(tool_args_parse(tool, arguments, &args, err));
    if (!tool->runs_in_child)
        return run_in_core(runner, &args, out, err);
    const enum status status = run_in_child(runner, tool, index, arguments, out, err);
    *out_is_lost = status == E_CANCELLED || status == E_IO;
    return status;
}

enum status tool_runner_call(struct tool_runner *runner, struct str tool_name, struct str arguments,
                             struct strbuf *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {.size_max = WARDEN_RESULT_MAX};
    struct error local = {0};
    bool is_lost = false;
    const enum status status = call(runner, tool_name, arguments, &text, &is_lost, &local);
    if (is_lost)
        return error_set(err, status, "%s", local.text);
    if (status != OK) {
        strbuf_clear(&text);
        strbuf_addf(&text, "error: %s", local.text);
    }
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    utf8_add_clean(&clean, strbuf_view(&text));
    const struct str result = strbuf_view(&clean);
    strbuf_add_str(out, str_slice(result, 0, utf8_cut(result, WARDEN_RESULT_MAX)));
    return OK;
}

bool tool_runner_is_error(struct str result)
{
    return str_starts_with(result, STR("error: "));
}
