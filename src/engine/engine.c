#include "engine/engine.h"

#include "base/mem.h"
#include "chat/chat_template.h"
#include "chat/tool_format.h"
#include "engine/builtin_model.h"
#include "engine/draft_block.h"
#include "engine/draft_model.h"
#include "engine/engine_internal.h"
#include "engine/prefix_store.h"
#include "gguf/gguf.h"
#include "infer/infer.h"
#include "infer/sampler.h"
#include "infer/token_mask.h"
#include "model/arithmetic_version.h"
#include "model/model.h"
#include "model/model_arch.h"
#include "os/clock.h"
#include "os/cpu.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>
#include <string.h>

static enum status open_file(struct engine *engine, const struct engine_config *config,
                             struct error *err)
{
    engine->info.is_builtin = config->model_path == NULL;
    if (config->model_path)
        return gguf_open(config->model_path, &engine->gguf, err);
    size_t size = 0;
    const void *bytes = builtin_model_bytes(&size);
    return gguf_open_memory(bytes, size, &engine->gguf, err);
}

/* The source of the chat template; `tool_use` variants win, as the files that have them expect.
 * Empty when there is none. */
static enum status template_source(const struct gguf *file, struct str other, struct str *out,
                                   struct error *err)
{
    *out = other;
    if (other.len > 0)
        return OK;
    if (gguf_has(file, "tokenizer.chat_template.tool_use"))
        return gguf_get_str(file, "tokenizer.chat_template.tool_use", out, err);
    return gguf_get_str_or(file, "tokenizer.chat_template", (struct str){0}, out, err);
}

enum status engine_open_template(const struct gguf *file, const struct tokenizer *tokenizer,
                                 struct str other, struct chat_template **out, struct error *err)
{
    struct str source = {0};
    TRY(template_source(file, other, &source, err));
    *out = NULL;
    if (!source.len)
        return OK;
    TRY(chat_template_new(source, tokenizer_piece(tokenizer, tokenizer_bos(tokenizer)),
                          tokenizer_piece(tokenizer, tokenizer_eos(tokenizer)), out, err));
    chat_template_set_clock(*out, clock_monotonic_ns);
    return OK;
}

static enum status read_template(struct engine *engine, struct str other, struct error *err)
{
    struct str source = {0};
    TRY(template_source(engine->gguf, other, &source, err));
    engine->tool_format = tool_format_list(&(size_t){0})[0];
    engine->reasoning = output_parser_reasoning_of(source);
    TRY(engine_open_template(engine->gguf, engine->tokenizer, other, &engine->chat_template, err));
    if (!engine->chat_template)
        return OK;
    engine->tool_format = tool_format_detect(engine->chat_template, NULL);
    engine->info.has_template = true;
    return OK;
}

static bool has_block(const struct model *model)
{
    return model->arch->run_draft && model->draft.project.data;
}

/* Is the model's block for speculation asked for guesses, if there is one? */
static bool wants_block(const struct model *model, const struct engine_config *config)
{
    return has_block(model) && !config->draft_path &&
           (config->speculate == ENGINE_SPECULATE_AUTO ||
            config->speculate == ENGINE_SPECULATE_MTP);
}

static struct infer_config infer_config_of(const struct model *model,
                                           const struct engine_config *config)
{
    return (struct infer_config){
        .thread_count = config->thread_count,
        .cpu_features = cpu_features() & ~config->cpu_features_off,
        .guesses = wants_block(model, config),
        .kv_kind = config->kv,
        .open_sequences = config->session_count < INFER_OPEN_SEQUENCES_MAX
                              ? config->session_count
                              : INFER_OPEN_SEQUENCES_MAX,
    };
}

enum status engine_plan(const struct gguf *file, const struct engine_config *config,
                        struct memory_plan *out, struct error *err)
{
    CLEANUP(model_closep) struct model *model = NULL;
    TRY(model_open(file, &model, err));
    struct infer_config infer = infer_config_of(model, config);
    return memory_plan_make(model, &infer, config->context_tokens, config->memory_bytes_max, out,
                            err);
}

static enum status start_infer(struct engine *engine, const struct engine_config *config,
                               struct error *err)
{
    struct infer_config infer = infer_config_of(engine->model, config);
    TRY(memory_plan_make(engine->model, &infer, config->context_tokens, config->memory_bytes_max,
                         &engine->memory_plan, err));
    TRY(memory_plan_share(&engine->memory_plan, config->session_count ? config->session_count : 1,
                          &infer, err));
    engine->info.context_tokens = engine->memory_plan.context_tokens;
    engine->info.capacity_tokens = infer.token_capacity;
    struct infer_memory memory;
    TRY(infer_memory(engine->model, &infer, &memory, err));
    TRY(infer_new(engine->model, &infer, &engine->infer, err));
    engine->info.kv_bytes = memory.kv_bytes;
    engine->info.state_bytes = memory.state_bytes;
    engine->info.scratch_bytes = memory.scratch_bytes;
    engine->info.thread_count = infer_thread_count(engine->infer);
    engine->info.cpu_level = cpu_level_of(infer.cpu_features)->name;
    return OK;
}

static enum status describe(struct engine *engine, const struct engine_config *config,
                            struct error *err)
{
    struct engine_info *info = &engine->info;
    const struct str fallback = str_from_c(config->model_path ? config->model_path : "builtin");
    engine->path = mem_copy_str(fallback.ptr);
    TRY(gguf_get_str_or(engine->gguf, "general.name", str_from_c(engine->path), &info->model_name,
                        err));
    TRY(gguf_get_str(engine->gguf, "general.architecture", &info->architecture, err));
    info->context_trained = engine->model->shape.context_length;
    info->vocab_size = engine->model->shape.vocab_size;
    info->parameter_count = engine->model->parameter_count;
    info->weight_bytes = engine->model->weight_bytes;
    info->has_vocabulary = tokenizer_has_vocab(engine->tokenizer);
    gguf_fingerprint(engine->gguf, ARITHMETIC_VERSION, engine->fingerprint);
    return OK;
}

/* A token the tokenizer can make must have a row in the model. */
static enum status check_vocabulary(const struct engine *engine, struct error *err)
{
    const uint32_t words = tokenizer_vocab_size(engine->tokenizer);
    const uint32_t rows = engine->model->shape.vocab_size;
    if (tokenizer_has_vocab(engine->tokenizer) && words > rows)
        return error_set(err, E_FORMAT,
                         "the vocabulary has %" PRIu32 " tokens and the model only %" PRIu32
                         " rows: the file was put together wrongly",
                         words, rows);
    return OK;
}

static enum status check_writes_text(const struct model *model, struct error *err)
{
    if (!model->shape.sees_all)
        return OK;
    return error_set(err, E_UNSUPPORTED,
                     "this is an encoder (%s): it cannot write text; use it with holt embed or "
                     "holt rerank",
                     model->arch->name);
}

static enum status start_speculation(struct engine *engine, const struct engine_config *config,
                                     struct error *err)
{
    engine->speculation.mode = config->speculate;
    if (config->draft_path)
        return draft_model_new(engine, config, &engine->speculation.drafter, err);
    if (wants_block(engine->model, config))
        engine->speculation.drafter = draft_block_new(engine);
    else if (config->speculate == ENGINE_SPECULATE_MTP)
        return error_set(err, E_UNSUPPORTED,
                         "this model has no block for guessing tokens (MTP): use --speculate auto");
    return OK;
}

/* A store that cannot be used is no reason not to answer. */
static void open_prefixes(struct engine *engine, const struct engine_config *config)
{
    struct error err = {0};
    const struct prefix_store_config store = {.folder = config->prefix_folder,
                                              .bytes_max = config->prefix_bytes_max};
    if (config->prefix_folder && prefix_store_open(engine, &store, &engine->prefixes, &err) != OK)
        memcpy(engine->prefix_problem, err.text, sizeof(engine->prefix_problem));
}

void engine_prefix_facts(const struct engine *engine, struct prefix_store_facts *out)
{
    *out = (struct prefix_store_facts){0};
    memcpy(out->problem, engine->prefix_problem, sizeof(out->problem));
    if (engine->prefixes)
        prefix_store_get_facts(engine->prefixes, out);
}

void engine_make_room(struct engine *engine, uint32_t page_count)
{
    if (engine->make_room)
        engine->make_room(engine->make_room_context, page_count);
}

enum status engine_open(const struct engine_config *config, struct engine **out, struct error *err)
{
    CLEANUP(engine_closep) struct engine *engine = mem_zalloc(sizeof(*engine));
    TRY(open_file(engine, config, err));
    TRY(model_open(engine->gguf, &engine->model, err));
    TRY(check_writes_text(engine->model, err));
    TRY(tokenizer_new(engine->gguf, &engine->tokenizer, err));
    TRY(check_vocabulary(engine, err));
    memory_plan_advise(engine->model);
    TRY(describe(engine, config, err));
    TRY(read_template(engine, config->chat_template, err));
    TRY(start_infer(engine, config, err));
    engine->pick_count = engine->info.has_vocabulary ? tokenizer_vocab_size(engine->tokenizer)
                                                     : engine->info.vocab_size;
    TRY(sampler_new(engine->pick_count, infer_kernels(engine->infer), &engine->sampler, err));
    TRY(start_speculation(engine, config, err));
    open_prefixes(engine, config);
    *out = engine;
    engine = NULL; /* ownership moves to the caller */
    return OK;
}

void engine_close(struct engine *engine)
{
    if (!engine)
        return;
    speculation_done(&engine->speculation);
    prefix_store_close(engine->prefixes);
    session_log_store_done(&engine->logs);
    sampler_free(engine->sampler);
    tool_mask_cache_done(&engine->tool_masks);
    token_mask_vocab_free(engine->mask_vocab);
    chat_template_free(engine->chat_template);
    infer_free(engine->infer);
    tokenizer_free(engine->tokenizer);
    model_close(engine->model);
    gguf_close(engine->gguf);
    mem_free(engine->path);
    mem_free(engine);
}

const struct engine_info *engine_get_info(const struct engine *engine)
{
    return &engine->info;
}

const struct memory_plan *engine_memory_plan(const struct engine *engine)
{
    return &engine->memory_plan;
}

const uint8_t *engine_fingerprint(const struct engine *engine)
{
    return engine->fingerprint;
}

const struct tokenizer *engine_tokenizer(const struct engine *engine)
{
    return engine->tokenizer;
}

const struct gguf *engine_gguf(const struct engine *engine)
{
    return engine->gguf;
}

const struct model *engine_model(const struct engine *engine)
{
    return engine->model;
}

struct infer *engine_infer(struct engine *engine)
{
    return engine->infer;
}

const struct tool_format *engine_tool_format(const struct engine *engine)
{
    return engine->tool_format;
}

enum status engine_mask_vocab(struct engine *engine, const struct token_mask_vocab **out,
                              struct error *err)
{
    if (!engine->mask_vocab)
        TRY(token_mask_vocab_new(engine->tokenizer, &engine->mask_vocab, err));
    *out = engine->mask_vocab;
    return OK;
}

enum status engine_render(struct engine *engine, const struct chat_request *request,
                          struct chat_spans *out, struct error *err)
{
    if (!engine->chat_template)
        return error_set(err, E_UNSUPPORTED,
                         "this model has no chat template; use it with `holt run --raw`");
    return chat_template_render(engine->chat_template, request, out, err);
}

enum status engine_encode(const struct engine *engine, const struct chat_spans *spans,
                          struct token_list *list, struct error *err)
{
    CLEANUP(mem_freep)
    struct text_span *parts = mem_try_zalloc(spans->run_count + 1, sizeof(*parts));
    if (!parts)
        return error_set(err, E_NO_MEMORY, "a conversation of %zu pieces", spans->run_count);
    for (size_t i = 0; i < spans->run_count; i++) {
        const struct segment_run *run = &spans->runs[i];
        parts[i] = (struct text_span){
            .text = str_slice(strbuf_view(&spans->text), run->offset, run->offset + run->length),
            .may_be_special = run->origin == SEGMENT_TEMPLATE,
        };
    }
    return tokenizer_encode_spans(engine->tokenizer, parts, spans->run_count, list, err);
}

const struct chat_template_caps *engine_template_caps(const struct engine *engine)
{
    return engine->chat_template ? chat_template_get_caps(engine->chat_template) : NULL;
}

bool engine_prompt_opens_reasoning(const struct engine *engine, const struct chat_spans *prompt)
{
    return output_parser_prompt_is_open(strbuf_view(&prompt->text), engine->reasoning);
}
