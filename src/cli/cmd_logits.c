/*
 * holt logits - the logits of given tokens as a file, computed by the very kernels and the very
 * code that generation uses. For checking holt against other programs, and holt against itself.
 *
 * The file: f32 little endian, [tokens][vocab].
 */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "gguf/gguf.h"
#include "infer/infer.h"
#include "model/model.h"
#include "os/cpu.h"
#include "os/file.h"

#include <inttypes.h>

enum { TOKENS_MAX = 1 << 20, BATCH_DEFAULT = 512 };

struct logits_args {
    const char *model;
    const char *tokens;
    const char *out;
    const char *kv;
    const char *cpu_mask;
    int64_t batch;
    int64_t thread_count;
};

static const struct logits_args defaults = {.kv = "f16", .batch = BATCH_DEFAULT};

static const struct option_spec options[] = {
    OPTION_PATH(struct logits_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "a GGUF file, a name in the models folder, or builtin"),
    OPTION_STRING(struct logits_args, tokens, 0, "tokens", "IDS",
                  "token ids, separated by spaces: \"1 2 3\""),
    OPTION_PATH(struct logits_args, out, 'o', "out", "FILE", OPTION_VALUE_FILE,
                "file to write: f32, [tokens][vocabulary]"),
    OPTION_INT(struct logits_args, batch, 0, "batch", "N", 1, INFER_LOGITS_ROWS_MAX,
               "tokens computed at a time (default 512); no effect on the result"),
    OPTION_INT(struct logits_args, thread_count, 0, "threads", "N", 1, INFER_THREADS_MAX,
               "compute threads (default: all cores); no effect on the result"),
    OPTION_STRING(struct logits_args, kv, 0, "kv", "KIND",
                  "how keys and values are kept: " KV_KIND_NAMES " (default f16)"),
    OPTION_STRING(struct logits_args, cpu_mask, 0, "cpu-mask", "LEVEL",
                  "use kernels of baseline, avx2, avx512 or avx512vbmi at most"),
    OPTION_END,
};

struct work {
    const struct logits_args *args;
    const char *model_path;
    int32_t *tokens;
    size_t token_count;
    enum kv_kind kv;
    unsigned cpu_features;
    struct file_writer out; /* opened by the parent, which also commits it */
};

static size_t batch_of(const struct work *work)
{
    const size_t wanted = (size_t)work->args->batch;
    return wanted < work->token_count ? wanted : work->token_count;
}

static enum status compute(struct work *work, struct infer *infer, struct error *err)
{
    const size_t batch = batch_of(work);
    const size_t row_bytes = infer_vocab_size(infer) * sizeof(float);
    CLEANUP(infer_seq_freep) struct infer_seq *seq = NULL;
    CLEANUP(mem_freep) struct infer_row *rows = mem_alloc(batch * sizeof(rows[0]));
    TRY(infer_seq_new(infer, &seq, err));
    for (size_t begin = 0; begin < work->token_count; begin += batch) {
        const size_t left = work->token_count - begin;
        const size_t count = left < batch ? left : batch;
        for (size_t i = 0; i < count; i++)
            rows[i] = (struct infer_row){
                .seq = seq, .token = work->tokens[begin + i], .wants_logits = true};
        TRY(infer_step(infer, rows, count, err));
        for (size_t i = 0; i < count; i++)
            TRY(file_writer_add(&work->out, infer_logits(infer, i), row_bytes, err));
    }
    return OK;
}

static enum status logits(struct work *work, struct error *err)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(model_closep) struct model *model = NULL;
    CLEANUP(infer_freep) struct infer *infer = NULL;
    TRY(model_file_open(work->model_path, &file, err));
    TRY(model_open(file, &model, err));
    for (size_t i = 0; i < work->token_count; i++) {
        if (work->tokens[i] < 0 || (uint32_t)work->tokens[i] >= model->shape.vocab_size)
            return error_set(err, E_INVALID,
                             "token %" PRId32 " is not in the vocabulary (ids 0 to %" PRIu32 ")",
                             work->tokens[i], model->shape.vocab_size - 1);
    }
    const uint32_t batch = (uint32_t)batch_of(work);
    const struct infer_config config = {
        .thread_count = (uint32_t)work->args->thread_count,
        .cpu_features = work->cpu_features,
        .kv_kind = work->kv,
        .token_capacity = (uint32_t)work->token_count,
        .batch_rows_max = batch,
        .logits_rows_max = batch,
    };
    TRY(infer_new(model, &config, &infer, err));
    return compute(work, infer, err);
}

static int run_work(void *context)
{
    struct error err = {0};
    struct work *work = context;
    if (logits(work, &err) == OK)
        return EXIT_OK;
    model_file_blame(work->model_path, &err);
    return command_fail(&err);
}

/* "1 2 3", also with commas. */
static enum status parse_tokens(const char *text, struct work *work, struct error *err)
{
    struct str rest = str_from_c(text);
    CLEANUP(strbuf_done) struct strbuf ids = {0};
    while (rest.ptr) {
        size_t end = 0;
        while (end < rest.len && rest.ptr[end] != ' ' && rest.ptr[end] != ',' &&
               rest.ptr[end] != '\n')
            end++;
        const struct str word = str_slice(rest, 0, end);
        rest = end < rest.len ? str_slice(rest, end + 1, rest.len) : (struct str){0};
        if (word.len == 0)
            continue;
        int64_t id = 0;
        if (!str_to_int(word, &id) || id < 0 || id > INT32_MAX)
            return error_set(err, E_INVALID, "\"%.*s\" is no token id",
                             STR_ARG(str_slice(word, 0, 32)));
        const int32_t token = (int32_t)id;
        strbuf_add(&ids, &token, sizeof(token));
        if (++work->token_count > TOKENS_MAX)
            return error_set(err, E_LIMIT, "more than %d tokens", TOKENS_MAX);
    }
    if (work->token_count == 0)
        return error_set(err, E_INVALID, "--tokens holds no token id");
    work->tokens = (int32_t *)(void *)strbuf_take(&ids);
    return OK;
}

static enum status prepare(struct work *work, struct error *err)
{
    const struct logits_args *args = work->args;
    unsigned features_off = 0;
    TRY(parse_tokens(args->tokens, work, err));
    TRY(agent_setup_cpu(args->cpu_mask, &features_off, err));
    work->cpu_features = cpu_features() & ~features_off;
    return kv_kind_find(args->kv, &work->kv, err);
}

static int run(const struct command_call *call)
{
    struct work work = {.args = call->options};
    struct error err = {0};
    if (!work.args->tokens || !work.args->out)
        return command_usage(call->command, "logits needs --tokens IDS and --out FILE");
    enum status status = prepare(&work, &err);
    if (status != OK) {
        mem_free(work.tokens);
        return command_usage(call->command, "%s", err.text);
    }
    int code = EXIT_FAILED;
    status = file_writer_open(work.args->out, &work.out, &err);
    if (status == OK)
        code = model_command_run(call, work.args->model, &work.model_path, "computing", run_work,
                                 &work);
    if (status == OK && code == EXIT_OK)
        status = file_writer_commit(&work.out, &err);
    file_writer_done(&work.out);
    mem_free(work.tokens);
    return status == OK ? code : command_fail(&err);
}

const struct command cmd_logits = {
    .name = "logits",
    .summary = "compute the logits of given tokens, for checking",
    .operands = "",
    .description = "Writes one row of f32 numbers (little endian) for each token, as long as the "
                   "vocabulary. The bits depend on the model, the tokens and --kv, and on nothing "
                   "else. Files without a vocabulary work too.",
    .examples = "holt logits -m model.gguf --tokens \"1 2 3\" --out logits.f32",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct logits_args),
    .run = run,
};
