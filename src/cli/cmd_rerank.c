/* holt rerank - documents in the order in which they answer a query. */
#include "base/mem.h"
#include "cli/command_list.h"
#include "cli/embed_setup.h"
#include "cli/json_print.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "text/clean_text.h"
#include "text/json.h"

#include <stdlib.h>

struct rerank_args {
    struct embed_setup_args common;
};

static const struct option_spec options[] = {
    EMBED_SETUP_OPTIONS(struct rerank_args),
    OPTION_END,
};

struct work {
    const struct rerank_args *args;
    const char *model_path;
    struct embed_config config;
    struct str query;
    struct embed_setup_texts documents;
};

struct scored {
    float score;
    uint32_t token_count;
    size_t index;
};

/* The best first; of equal ones the earlier. */
static int compare(const void *a, const void *b)
{
    const struct scored *x = a;
    const struct scored *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static void print_json(const struct scored *order, size_t count)
{
    CLEANUP(json_decrefp) json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:I, s:o, s:I}", "index", (json_int_t)order[i].index,
                                        "score", embed_setup_number(order[i].score), "tokens",
                                        (json_int_t)order[i].token_count));
    json_print(list);
}

static void print_lines(const struct work *work, const struct scored *order)
{
    for (size_t i = 0; i < work->documents.count; i++) {
        CLEANUP(strbuf_done) struct strbuf line = {0};
        clean_text_line(work->documents.texts[order[i].index], &line);
        printf("%.6f  %s\n", (double)order[i].score, strbuf_c(&line));
    }
}

static enum status compute(struct work *work, struct error *err)
{
    CLEANUP(embed_closep) struct embed *embed = NULL;
    const size_t count = work->documents.count;
    CLEANUP(mem_freep) float *scores = mem_zalloc(count * sizeof(*scores));
    CLEANUP(mem_freep) uint32_t *token_counts = mem_zalloc(count * sizeof(*token_counts));
    CLEANUP(mem_freep) struct scored *order = mem_zalloc(count * sizeof(*order));
    work->config.model_path = work->model_path;
    TRY(embed_open(&work->config, &embed, err));
    TRY(embed_rank(embed, work->query, work->documents.texts, count, scores, token_counts, err));
    for (size_t i = 0; i < count; i++)
        order[i] = (struct scored){scores[i], token_counts[i], i};
    qsort(order, count, sizeof(*order), compare);
    if (work->args->common.is_json)
        print_json(order, count);
    else
        print_lines(work, order);
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
    struct work work = {.args = call->options, .query = str_from_c(call->operands[0])};
    struct error err = {0};
    if (embed_setup_config(&work.args->common, &work.config, &err) != OK)
        return command_usage(call->command, "%s", err.text);
    int code = EXIT_FAILED;
    const enum status status =
        embed_setup_read(call->operand_count - 1, call->operands + 1, &work.documents, &err);
    if (status == OK)
        code = model_command_run(call, work.args->common.model, &work.model_path, NULL, run_work,
                                 &work);
    else if (status == E_NOT_FOUND)
        code = command_usage(call->command, "rerank needs a DOCUMENT");
    else
        code = command_fail(&err);
    embed_setup_texts_done(&work.documents);
    return code;
}

const struct command cmd_rerank = {
    .name = "rerank",
    .summary = "sort texts by how well they answer a query",
    .operands = "QUERY [DOCUMENT...]",
    .description = "Prints a score and the text, the best first. Without a DOCUMENT, each line of "
                   "standard input is one. Needs a reranking model: one with a classifier.",
    .examples = "holt rerank -m reranker.gguf \"who was Ada?\" < paragraphs.txt",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .args_size = sizeof(struct rerank_args),
    .operand_count_min = 1,
    .operand_count_max = -1,
    .run = run,
};
