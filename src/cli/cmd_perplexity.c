/*
 * holt perplexity - how well a model foretells a text, and how far it is from another model: what a
 * quantization costs, or whether holt computes what llama.cpp does.
 *
 * As llama-perplexity counts: the text is cut into chunks of --context tokens, each read afresh;
 * only the second half of a chunk counts.
 */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/command_list.h"
#include "cli/json_print.h"
#include "cli/logits_file.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "cli/perplexity_stats.h"
#include "engine/memory_plan.h"
#include "gguf/gguf.h"
#include "infer/infer.h"
#include "model/model.h"
#include "os/cpu.h"
#include "os/file.h"
#include "os/file_map.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>

enum {
    TEXT_MAX = 256 * 1024 * 1024,
    CONTEXT_DEFAULT = 512,
    LOGITS_ROWS = 64,
    CHUNKS_MAX = 1 << 24,
};

struct perplexity_args {
    const char *model;
    const char *text;
    const char *base;
    const char *save;
    const char *kv;
    int64_t context;
    int64_t chunk_count;
    int64_t thread_count;
    bool is_json;
};

static const struct perplexity_args defaults = {.kv = "f16"};

static const struct option_spec options[] = {
    OPTION_PATH(struct perplexity_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "a GGUF file, a name in the models folder, or builtin"),
    OPTION_PATH(struct perplexity_args, text, 'f', "file", "TEXT", OPTION_VALUE_FILE,
                "the text to read"),
    OPTION_INT(struct perplexity_args, context, 0, "context", "N", LOGITS_FILE_CONTEXT_MIN,
               LOGITS_FILE_CONTEXT_MAX, "tokens read at a time (default 512)"),
    OPTION_INT(struct perplexity_args, chunk_count, 0, "chunks", "N", 1, CHUNKS_MAX,
               "read at most N pieces of the text"),
    OPTION_PATH(struct perplexity_args, save, 0, "save-logits", "FILE", OPTION_VALUE_FILE,
                "write what the model says, to compare others with"),
    OPTION_PATH(struct perplexity_args, base, 0, "kl-base", "FILE", OPTION_VALUE_FILE,
                "compare with what another model said (instead of --file)"),
    OPTION_STRING(struct perplexity_args, kv, 0, "kv", "KIND",
                  "how keys and values are kept: " KV_KIND_NAMES " (default f16)"),
    OPTION_INT(struct perplexity_args, thread_count, 0, "threads", "N", 1, INFER_THREADS_MAX,
               "compute threads (default: all cores); no effect on the result"),
    OPTION_FLAG(struct perplexity_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

struct work {
    const struct perplexity_args *args;
    const char *model_path;
    struct strbuf text;
    struct file_map base;                /* open when args->base */
    struct file_writer out;              /* open when args->save; the parent commits it */
    struct logits_file_shape shape;      /* of what is read now */
    struct logits_file_shape base_shape; /* of the whole file */
    enum kv_kind kv;
    int32_t *tokens; /* [chunk_count * context_tokens] */
    int32_t bos;     /* put in place of the first token of each chunk; -1: none */
    struct infer *infer;
    struct infer_row *rows;
    unsigned char *row_bytes; /* of the file's rows */
    float *base_row;          /* [vocabulary] */
    struct perplexity_stats stats;
};

/* ---------------------------------------------------------------- tokens */

static enum status tokens_of_text(struct work *work, const struct tokenizer *tokenizer,
                                  struct error *err)
{
    CLEANUP(token_list_done) struct token_list list = {0};
    const uint32_t context = work->args->context ? (uint32_t)work->args->context : CONTEXT_DEFAULT;
    struct str text = strbuf_view(&work->text);
    if (str_ends_with(text, STR("\n"))) /* an editor's last line break is no part of the text */
        text.len--;
    TRY(tokenizer_encode(tokenizer, text, TOKENIZER_ADD_BOS_EOS, &list, err));
    if (list.count < (size_t)context * 2)
        return error_set(err, E_INVALID,
                         "the text has %zu tokens; at least %" PRIu32
                         " are needed, two chunks of %" PRIu32 " (--context)",
                         list.count, context * 2, context);
    size_t chunks = list.count / context;
    if (work->args->chunk_count && (uint64_t)work->args->chunk_count < chunks)
        chunks = (size_t)work->args->chunk_count;
    if (chunks > LOGITS_FILE_TOKENS_MAX / context)
        return error_set(err, E_LIMIT, "more than %d tokens", LOGITS_FILE_TOKENS_MAX);
    work->shape = (struct logits_file_shape){.context_tokens = context,
                                             .vocabulary = tokenizer_vocab_size(tokenizer),
                                             .chunk_count = (uint32_t)chunks};
    work->tokens = mem_copy(list.ids, chunks * context * sizeof(*list.ids));
    return OK;
}

static enum status tokens_of_base(struct work *work, const struct tokenizer *tokenizer,
                                  struct error *err)
{
    TRY(logits_file_open(&work->base, &work->shape, err));
    if (work->shape.vocabulary != tokenizer_vocab_size(tokenizer))
        return error_set(err, E_INVALID,
                         "%s was made with a vocabulary of %" PRIu32 " tokens, and this model has "
                         "%" PRIu32,
                         work->args->base, work->shape.vocabulary, tokenizer_vocab_size(tokenizer));
    if (work->args->context && work->args->context != work->shape.context_tokens)
        return error_set(err, E_INVALID, "%s was made with --context %" PRIu32 ", not %" PRId64,
                         work->args->base, work->shape.context_tokens, work->args->context);
    const size_t count = (size_t)work->shape.chunk_count * work->shape.context_tokens;
    work->tokens = mem_try_alloc(count * sizeof(*work->tokens));
    if (!work->tokens)
        return error_set(err, E_NO_MEMORY, "%zu tokens", count);
    TRY(logits_file_tokens(&work->base, &work->shape, work->tokens, err));
    work->base_shape = work->shape;
    if (work->args->chunk_count && work->args->chunk_count < work->shape.chunk_count)
        work->shape.chunk_count = (uint32_t)work->args->chunk_count;
    return OK;
}

/* ---------------------------------------------------------------- reading */

static enum status write_header(struct work *work, struct error *err)
{
    unsigned char header[LOGITS_FILE_HEADER_BYTES];
    logits_file_write_header(&work->shape, header);
    TRY(file_writer_add(&work->out, header, sizeof(header), err));
    return file_writer_add(
        &work->out, work->tokens,
        (size_t)work->shape.chunk_count * work->shape.context_tokens * sizeof(*work->tokens), err);
}

/* What the model says at `position` of a chunk, counted and written. */
static enum status take_row(struct work *work, uint32_t chunk, uint32_t position,
                            const float *logits, struct error *err)
{
    const uint32_t context = work->shape.context_tokens;
    const int32_t came = work->tokens[(size_t)chunk * context + position + 1];
    const float *base = NULL;
    if (work->args->base) {
        TRY(logits_file_read_row(&work->base, &work->base_shape, chunk, position - context / 2,
                                 work->row_bytes, work->base_row, err));
        base = work->base_row;
    }
    perplexity_stats_add(&work->stats, logits, base, work->shape.vocabulary, came);
    if (!work->args->save)
        return OK;
    logits_file_write_row(&work->shape, logits, work->row_bytes);
    return file_writer_add(&work->out, work->row_bytes, logits_file_row_bytes(&work->shape), err);
}

static enum status read_chunk(struct work *work, uint32_t chunk, struct error *err)
{
    const uint32_t context = work->shape.context_tokens;
    const uint32_t half = context / 2;
    const int32_t *tokens = work->tokens + (size_t)chunk * context;
    CLEANUP(infer_seq_freep) struct infer_seq *seq = NULL;
    TRY(infer_seq_new(work->infer, &seq, err));
    for (uint32_t begin = 0; begin < context - 1;) {
        const bool counts = begin >= half;
        const uint32_t end = counts ? context - 1 : half;
        const uint32_t count = end - begin < LOGITS_ROWS ? end - begin : LOGITS_ROWS;
        for (uint32_t i = 0; i < count; i++) {
            const bool is_first = begin + i == 0 && work->bos >= 0;
            work->rows[i] = (struct infer_row){.seq = seq,
                                               .token = is_first ? work->bos : tokens[begin + i],
                                               .wants_logits = counts};
        }
        TRY(infer_step(work->infer, work->rows, count, err));
        for (uint32_t i = 0; counts && i < count; i++)
            TRY(take_row(work, chunk, begin + i, infer_logits(work->infer, i), err));
        begin += count;
    }
    return OK;
}

static enum status read_all(struct work *work, struct error *err)
{
    work->rows = mem_alloc(LOGITS_ROWS * sizeof(*work->rows));
    work->row_bytes = mem_alloc(logits_file_row_bytes(&work->shape));
    work->base_row = mem_alloc(work->shape.vocabulary * sizeof(*work->base_row));
    if (work->args->save)
        TRY(write_header(work, err));
    for (uint32_t chunk = 0; chunk < work->shape.chunk_count; chunk++)
        TRY(read_chunk(work, chunk, err));
    return OK;
}

static enum status measure(struct work *work, struct error *err)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(model_closep) struct model *model = NULL;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    CLEANUP(infer_freep) struct infer *infer = NULL;
    TRY(model_file_open(work->model_path, &file, err));
    TRY(model_open(file, &model, err));
    TRY(tokenizer_new(file, &tokenizer, err));
    if (!tokenizer_has_vocab(tokenizer))
        return error_set(err, E_UNSUPPORTED, "the model has no vocabulary");
    if (tokenizer_vocab_size(tokenizer) > model->shape.vocab_size)
        return error_set(err, E_FORMAT, "the vocabulary has more tokens than the model has rows");
    TRY(work->args->base ? tokens_of_base(work, tokenizer, err)
                         : tokens_of_text(work, tokenizer, err));
    work->bos = tokenizer_adds_bos(tokenizer) ? tokenizer_bos(tokenizer) : -1;
    struct infer_config config = {
        .thread_count = (uint32_t)work->args->thread_count,
        .cpu_features = cpu_features(),
        .kv_kind = work->kv,
        .logits_rows_max = LOGITS_ROWS,
    };
    struct memory_plan plan;
    TRY(memory_plan_make(model, &config, work->shape.context_tokens, 0, &plan, err));
    TRY(infer_new(model, &config, &infer, err));
    work->infer = infer;
    return read_all(work, err);
}

/* ---------------------------------------------------------------- results */

static double member(const json_t *object, const char *name, const char *part)
{
    return json_real_value(json_object_get(json_object_get(object, name), part));
}

static void print_lines(const struct work *work, const json_t *result)
{
    printf("perplexity     %.4f +- %.4f\n", member(result, "perplexity", "value"),
           member(result, "perplexity", "error"));
    printf("tokens         %zu, in %" PRIu32 " chunks of %" PRIu32 "\n", work->stats.count,
           work->shape.chunk_count, work->shape.context_tokens);
    if (!work->stats.has_base)
        return;
    printf("of the base    %.4f +- %.4f\n", member(result, "base_perplexity", "value"),
           member(result, "base_perplexity", "error"));
    printf("log of ratio   %.5f +- %.5f\n", member(result, "log_ratio", "value"),
           member(result, "log_ratio", "error"));
    printf("divergence     mean %.6f +- %.6f, median %.6f, 90 %% %.6f, 99 %% %.6f, max %.6f\n",
           member(result, "divergence", "mean"), member(result, "divergence", "error"),
           member(result, "divergence", "median"), member(result, "divergence", "p90"),
           member(result, "divergence", "p99"), member(result, "divergence", "max"));
    printf("same top token %.2f %% +- %.2f %%\n", 100 * member(result, "same_top", "share"),
           100 * member(result, "same_top", "error"));
}

static int run_work(void *context)
{
    struct error err = {0};
    struct work *work = context;
    if (measure(work, &err) != OK) {
        model_file_blame(work->args->base ? work->args->base : work->model_path, &err);
        return command_fail(&err);
    }
    CLEANUP(json_decrefp) json_t *result = perplexity_stats_json(&work->stats);
    json_object_set_new(result, "context", json_integer(work->shape.context_tokens));
    json_object_set_new(result, "chunks", json_integer(work->shape.chunk_count));
    if (work->args->is_json)
        json_print(result);
    else
        print_lines(work, result);
    return EXIT_OK;
}

static enum status open_files(struct work *work, struct error *err)
{
    const struct perplexity_args *args = work->args;
    if (args->base)
        TRY(file_map_open(args->base, &work->base, err));
    else
        TRY(file_read(args->text, TEXT_MAX, &work->text, err));
    return args->save ? file_writer_open(args->save, &work->out, err) : OK;
}

static int run(const struct command_call *call)
{
    struct work work = {.args = call->options};
    struct error err = {0};
    const struct perplexity_args *args = work.args;
    if (!args->text == !args->base)
        return command_usage(call->command, "perplexity needs --file TEXT or --kl-base FILE");
    if (args->save && args->base)
        return command_usage(call->command, "--save-logits and --kl-base exclude each other");
    if (kv_kind_find(args->kv, &work.kv, &err) != OK)
        return command_usage(call->command, "%s", err.text);
    int code = EXIT_FAILED;
    enum status status = open_files(&work, &err);
    if (status == OK)
        code = model_command_run(call, args->model, &work.model_path, "reading", run_work, &work);
    if (status == OK && code == EXIT_OK && args->save)
        status = file_writer_commit(&work.out, &err);
    file_writer_done(&work.out);
    file_map_close(&work.base);
    strbuf_done(&work.text);
    return status == OK ? code : command_fail(&err);
}

const struct command cmd_perplexity = {
    .name = "perplexity",
    .summary = "measure how well a model foretells a text",
    .operands = "",
    .description = "The lower, the better; a model that guesses evenly among N words has N. With "
                   "--save-logits what the model says is kept, and with --kl-base another model "
                   "is compared with it on the same text: the divergence is 0 where both say the "
                   "same. The files are those of llama.cpp's llama-perplexity "
                   "(--kl-divergence-base), in both directions.",
    .examples = "holt perplexity -m model-f16.gguf -f text.txt --save-logits base.logits\n"
                "holt perplexity -m model-q4.gguf --kl-base base.logits",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct perplexity_args),
    .run = run,
};
