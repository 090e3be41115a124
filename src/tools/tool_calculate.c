/* calculate - the value of an arithmetic expression. */
#include "base/attr.h"
#include "tools/calculator.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"

static const struct tool_param params[] = {
    {.name = "expression",
     .kind = TOOL_PARAM_STRING,
     .is_required = true,
     .help = "Numbers, + - * / % ^ and parentheses."},
};

static enum status run(const struct tool_context *context, const struct tool_args *args,
                       struct strbuf *out, struct error *err)
{
    const struct str expression = str_trim(tool_args_string(args, "expression", STR("")));
    CLEANUP(strbuf_done) struct strbuf value = {0};
    (void)context;
    TRY(calculator_add_value(expression, &value, err));
    strbuf_add_str(out, expression);
    strbuf_add_c(out, " = ");
    strbuf_add_str(out, strbuf_view(&value));
    return OK;
}

const struct tool tool_calculate = {
    .name = "calculate",
    .description = "Compute an arithmetic expression.",
    .params = params,
    .param_count = ARRAY_LEN(params),
    .permission = TOOL_PERMISSION_NONE,
    .run = run,
};
