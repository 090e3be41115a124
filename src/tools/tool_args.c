#include "tools/tool_args.h"

#include "base/check.h"
#include "sandbox/warden.h"
#include "text/json.h"

#include <inttypes.h>

enum { ARGUMENTS_DEPTH_MAX = 4, ARGUMENTS_VALUES_MAX = 64 };

static size_t find_param(const struct tool *tool, const char *name)
{
    for (size_t i = 0; i < tool->param_count; i++) {
        if (!strcmp(tool->params[i].name, name))
            return i;
    }
    return SIZE_MAX;
}

static enum status take_int(const struct tool_param *param, const json_t *value, int64_t *out,
                            struct error *err)
{
    const int64_t number = json_is_integer(value) ? json_integer_value(value) : 0;
    if (json_is_integer(value) && number >= param->int_min && number <= param->int_max) {
        *out = number;
        return OK;
    }
    if (param->int_max == INT64_MAX)
        return error_set(err, E_INVALID, "%s must be a whole number, %" PRId64 " or more",
                         param->name, param->int_min);
    return error_set(err, E_INVALID, "%s must be a whole number from %" PRId64 " to %" PRId64,
                     param->name, param->int_min, param->int_max);
}

static enum status take_value(struct tool_args *args, const char *name, const json_t *value,
                              struct error *err)
{
    const size_t index = find_param(args->tool, name);
    if (index == SIZE_MAX)
        return error_set(err, E_INVALID, "%s has no argument called %.40s", args->tool->name, name);
    const struct tool_param *param = &args->tool->params[index];
    args->values[index].is_given = true;
    if (param->kind == TOOL_PARAM_INT)
        return take_int(param, value, &args->values[index].number, err);
    if (!json_is_string(value))
        return error_set(err, E_INVALID, "%s must be a text", param->name);
    args->values[index].text = json_str(value);
    return OK;
}

static enum status take_all(struct tool_args *args, struct error *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    if (!json_is_object(args->object))
        return error_set(err, E_INVALID, "the arguments are not an object");
    json_object_foreach(args->object, name, value) TRY(take_value(args, name, value, err));
    for (size_t i = 0; i < args->tool->param_count; i++) {
        if (args->tool->params[i].is_required && !args->values[i].is_given)
            return error_set(err, E_INVALID, "%s is missing", args->tool->params[i].name);
    }
    return OK;
}

enum status tool_args_parse(const struct tool *tool, struct str json, struct tool_args *out,
                            struct error *err)
{
    const struct json_limits limits = {
        .size_max = WARDEN_ARGUMENTS_MAX,
        .depth_max = ARGUMENTS_DEPTH_MAX,
        .values_max = ARGUMENTS_VALUES_MAX,
        .allow_nul = true,
    };
    struct tool_args args = {.tool = tool};
    CHECK(tool->param_count <= TOOL_PARAMS_MAX);
    TRY(json_parse(json, &limits, &args.object, err));
    const enum status status = take_all(&args, err);
    if (status != OK) {
        tool_args_done(&args);
        return status;
    }
    *out = args;
    return OK;
}

void tool_args_done(struct tool_args *args)
{
    json_decref(args->object);
    *args = (struct tool_args){0};
}

struct str tool_args_string(const struct tool_args *args, const char *name, struct str otherwise)
{
    const size_t index = find_param(args->tool, name);
    CHECK(index != SIZE_MAX && args->tool->params[index].kind == TOOL_PARAM_STRING);
    return args->values[index].is_given ? args->values[index].text : otherwise;
}

int64_t tool_args_int(const struct tool_args *args, const char *name, int64_t otherwise)
{
    const size_t index = find_param(args->tool, name);
    CHECK(index != SIZE_MAX && args->tool->params[index].kind == TOOL_PARAM_INT);
    return args->values[index].is_given ? args->values[index].number : otherwise;
}
