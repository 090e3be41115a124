/* holt create - make a model from another: a name with a system text and settings of its own. */
#include "api/model_settings.h"
#include "api/modelfile.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/config.h"
#include "cli/model_create.h"
#include "cli/state.h"
#include "os/file.h"
#include "os/path.h"
#include "text/json.h"

#include <stdio.h>
#include <string.h>

struct create_args {
    const char *file;
};

static const struct create_args defaults = {.file = "Modelfile"};

static const struct option_spec options[] = {
    OPTION_PATH(struct create_args, file, 'f', "file", "FILE", OPTION_VALUE_FILE,
                "the Modelfile (default: Modelfile in this folder)"),
    OPTION_END,
};

/* FROM is a file, as Ollama has it: beside the Modelfile unless its path is absolute. *out NULL: it
 * is a name. */
static enum status find_file(const char *modelfile, const json_t *body, char **out,
                             struct error *err)
{
    const struct str from = json_str(json_object_get(body, "from"));
    const char *text = json_string_value(json_object_get(body, "from"));
    const char *slash = strrchr(modelfile, '/');
    CLEANUP(strbuf_done) struct strbuf path = {0};
    *out = NULL;
    if (!str_ends_with(from, STR(".gguf")) && !str_starts_with(from, STR("/")) &&
        !str_starts_with(from, STR("./")) && !str_starts_with(from, STR("../")))
        return OK;
    if (text[0] != '/' && slash)
        strbuf_add(&path, modelfile, (size_t)(slash - modelfile) + 1);
    strbuf_add_c(&path, text);
    if (path_kind(strbuf_c(&path)) != PATH_FILE)
        return error_set(err, E_NOT_FOUND, "FROM names %.300s, and there is no such file",
                         strbuf_c(&path));
    return path_real(strbuf_c(&path), out, err);
}

static enum status create(const struct command_call *call, struct error *err)
{
    const struct create_args *args = call->options;
    const char *name = call->operands[0];
    CLEANUP(config_done) struct config config = {0};
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(json_decrefp) json_t *body = NULL;
    CLEANUP(mem_freep) char *path = NULL;
    struct error why = {0};
    bool ignores_template = false;
    TRY(file_read(args->file, MODELFILE_BYTES_MAX, &text, err));
    const enum status status = modelfile_read(strbuf_view(&text), &body, &why);
    if (status != OK)
        return error_set(err, status, "%.200s: %s", args->file, why.text);
    if (json_object_set_new(body, "model", json_string(name)) != 0)
        return error_set(err, E_INVALID, "the name is not text in UTF-8");
    TRY(model_settings_check(body, err));
    TRY(find_file(args->file, body, &path, err));
    TRY(agent_setup_config(call->common, &config, err));
    TRY(state_init(call->common, &state, err));
    TRY(model_create_from_file(&state, config.model_folders, body, path, &ignores_template, err));
    if (ignores_template)
        command_warn("the TEMPLATE is written in Go's language: the model file's own is used");
    printf("%s is at hand: holt run -m %s\n", name, name);
    return OK;
}

static int run(const struct command_call *call)
{
    struct error err = {0};
    return create(call, &err) == OK ? EXIT_OK : command_fail(&err);
}

const struct command cmd_create = {
    .name = "create",
    .summary = "make a model from another, with settings of its own",
    .operands = "NAME",
    .description =
        "Reads a Modelfile as Ollama's users write it: FROM a model at hand or a .gguf file, "
        "SYSTEM, PARAMETER (temperature, top_p, top_k, min_p, seed, num_ctx, num_predict, stop, "
        "repeat_penalty and more), MESSAGE, TEMPLATE, LICENSE. The weights are used where they "
        "are. holt serve gives every request for NAME these settings unless it says otherwise, and "
        "so does holt run, but for stop.\n\n"
        "A TEMPLATE is written in Jinja; one in Go's language is ignored, and the model file's own "
        "is used.",
    .examples = "holt create miller -f Modelfile",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct create_args),
    .operand_count_min = 1,
    .operand_count_max = 1,
    .run = run,
};
