/* holt embed - texts as vectors: what search and comparison by meaning are built on. */
#include "base/mem.h"
#include "cli/command_list.h"
#include "cli/embed_setup.h"
#include "cli/json_print.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "text/json.h"

struct embed_args {
    struct embed_setup_args common;
    const char *pooling;
    bool keeps_length;
};

static const struct option_spec options[] = {
    EMBED_SETUP_OPTIONS(struct embed_args),
    OPTION_STRING(struct embed_args, pooling, 0, "pooling", "KIND",
                  "mean, cls or last, instead of what the model file says"),
    OPTION_FLAG(struct embed_args, keeps_length, 0, "keep-length",
                "do not divide the vectors by their length"),
    OPTION_END,
};

struct work {
    const struct embed_args *args;
    const char *model_path;
    struct embed_config config;
    struct embed_options options;
    struct embed_setup_texts texts;
};

static void print_json(const struct embed_info *info, const struct work *work, const float *vectors,
                       const uint32_t *token_counts)
{
    CLEANUP(json_decrefp) json_t *list = json_array();
    for (size_t i = 0; i < work->texts.count; i++) {
        json_t *numbers = json_array();
        for (uint32_t d = 0; d < info->dim; d++)
            json_array_append_new(numbers, embed_setup_number(vectors[i * info->dim + d]));
        json_array_append_new(list, json_pack("{s:I, s:o}", "tokens", (json_int_t)token_counts[i],
                                              "embedding", numbers));
    }
    CLEANUP(json_decrefp)
    json_t *object =
        json_pack("{s:I, s:s, s:O}", "dimensions", (json_int_t)info->dim, "pooling",
                  work->args->pooling ? work->args->pooling : info->pooling, "embeddings", list);
    json_print(object);
}

static void print_lines(const struct embed_info *info, const struct work *work,
                        const float *vectors)
{
    for (size_t i = 0; i < work->texts.count; i++)
        for (uint32_t d = 0; d < info->dim; d++)
            printf("%.9g%c", (double)vectors[i * info->dim + d], d + 1 < info->dim ? ' ' : '\n');
}

static enum status compute(struct work *work, struct error *err)
{
    CLEANUP(embed_closep) struct embed *embed = NULL;
    const size_t count = work->texts.count;
    work->config.model_path = work->model_path;
    TRY(embed_open(&work->config, &embed, err));
    const struct embed_info *info = embed_get_info(embed);
    CLEANUP(mem_freep) float *vectors = mem_try_zalloc(count, info->dim * sizeof(*vectors));
    CLEANUP(mem_freep) uint32_t *token_counts = mem_zalloc(count * sizeof(*token_counts));
    if (!vectors)
        return error_set(err, E_NO_MEMORY, "no memory for %zu embeddings", count);
    TRY(embed_texts(embed, work->texts.texts, count, &work->options, vectors, token_counts, err));
    if (work->args->common.is_json)
        print_json(info, work, vectors, token_counts);
    else
        print_lines(info, work, vectors);
    return OK;
}

static int run_work(void *context)
{
    struct error err = {0};
    struct work *work = context;
    if (compute(work, &err) == OK)
        return EXIT_OK;
    model_file_blame(work->model_path, &err);
    return command_fail(&err);
}

static int run(const struct command_call *call)
{
    struct work work = {.args = call->options};
    struct error err = {0};
    work.options.keeps_length = work.args->keeps_length;
    if (embed_setup_config(&work.args->common, &work.config, &err) != OK ||
        embed_setup_pooling(work.args->pooling, &work.options.pooling, &err) != OK)
        return command_usage(call->command, "%s", err.text);
    int code = EXIT_FAILED;
    const enum status status =
        embed_setup_read(call->operand_count, call->operands, &work.texts, &err);
    if (status == OK)
        code = model_command_run(call, work.args->common.model, &work.model_path, NULL, run_work,
                                 &work);
    else if (status == E_NOT_FOUND)
        code = command_usage(call->command, "embed needs a TEXT");
    else
        code = command_fail(&err);
    embed_setup_texts_done(&work.texts);
    return code;
}

const struct command cmd_embed = {
    .name = "embed",
    .summary = "turn texts into vectors",
    .operands = "[TEXT...]",
    .description =
        "One line of numbers for each TEXT, or, without one, for each line of standard input. "
        "Needs an embedding model (BERT, Nomic, Qwen3, Gemma). Vectors have length 1; their "
        "products say how near two texts are. A vector depends on its text and the model alone.",
    .examples = "holt embed -m all-MiniLM-L6-v2.gguf --json \"a text\" \"another\"",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .args_size = sizeof(struct embed_args),
    .operand_count_max = -1,
    .run = run,
};
