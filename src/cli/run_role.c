#include "cli/run_role.h"

#include "base/mem.h"
#include "chat/chat_event.h"
#include "chat/chat_template.h"
#include "cli/front_protocol.h"
#include "cli/model_file.h"
#include "cli/model_lock.h"
#include "engine/memory_plan.h"
#include "engine/session.h"
#include "engine/tool_mask.h"
#include "gguf/gguf.h"
#include "infer/token_mask.h"
#include "os/channel.h"
#include "os/clock.h"
#include "os/interrupt.h"
#include "text/json.h"

struct run {
    const struct run_role_config *config;
    struct channel *front;
    struct engine *engine;
    struct session *session;
    struct token_mask *mask; /* NULL: the answer is free */
    bool starts_in_reasoning;
    struct session_result result;
};

static bool tell(struct run *run, enum front_kind kind, struct str text)
{
    const struct front_message message = {.kind = kind, .text = text};
    return front_protocol_send(run->front, &message, NULL) == OK;
}

/* Ctrl-C: the front has sent something while we work, and that can only be a stop. */
static bool goes_on(const struct run *run)
{
    return !channel_is_readable(run->front, 0);
}

static bool on_event(void *context, const struct chat_event *event)
{
    struct run *run = context;
    bool is_fine = true;
    switch (event->kind) {
    case CHAT_EVENT_REASONING:
        is_fine = tell(run, run->config->is_raw ? FRONT_TEXT : FRONT_REASONING, event->text);
        break;
    case CHAT_EVENT_TEXT:
    case CHAT_EVENT_TOOL_CALL: /* without tools it is only text */
    case CHAT_EVENT_BAD_CALL: is_fine = tell(run, FRONT_TEXT, event->text); break;
    case CHAT_EVENT_TOKEN:
    case CHAT_EVENT_CALL_BEGIN:
    case CHAT_EVENT_CALL_ARGUMENTS:
    case CHAT_EVENT_FINISHED: break;
    }
    return is_fine && goes_on(run);
}

static bool on_progress(void *context, uint32_t done, uint32_t total)
{
    struct run *run = context;
    const struct front_message message = {
        .kind = FRONT_PROGRESS, .number_count = 2, .numbers = {done, total}};
    return front_protocol_send(run->front, &message, NULL) == OK && goes_on(run);
}

/* Those of a model that was made from another. */
static void add_messages(const json_t *messages, struct chat_request *request)
{
    size_t index = 0;
    json_t *message = NULL;
    json_array_foreach(messages, index, message)
    {
        const struct str role = json_str(json_object_get(message, "role"));
        chat_request_add(request,
                         str_equal_c(role, "assistant") ? CHAT_ROLE_ASSISTANT
                         : str_equal_c(role, "system")  ? CHAT_ROLE_SYSTEM
                                                        : CHAT_ROLE_USER,
                         json_str(json_object_get(message, "content")));
    }
}

/* The prompt as a conversation, in the model's own form. */
static enum status append_chat(struct run *run, struct str prompt, struct error *err)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    CLEANUP(chat_request_done) struct chat_request request = {0};
    if (run->config->system_text)
        chat_request_add(&request, CHAT_ROLE_SYSTEM, str_from_c(run->config->system_text));
    add_messages(run->config->messages, &request);
    chat_request_add(&request, CHAT_ROLE_USER, prompt);
    request.local_seconds = clock_local_seconds();
    request.thinking = run->config->thinking;
    request.add_generation_prompt = true;
    TRY(engine_render(run->engine, &request, &spans, err));
    run->starts_in_reasoning = engine_prompt_opens_reasoning(run->engine, &spans);
    return session_sync(run->session, &spans, NULL, err);
}

static enum status append(struct run *run, struct str prompt, struct error *err)
{
    const bool has_template = engine_get_info(run->engine)->has_template;
    if (has_template && !run->config->is_raw)
        return append_chat(run, prompt, err);
    if (!run->config->is_raw)
        tell(run, FRONT_NOTICE,
             STR("The model has no chat template, so it goes on with the text itself (--raw)."));
    const struct session_segment segment = {prompt, SEGMENT_USER};
    return session_append(run->session, &segment, 1, err);
}

static enum status answer(struct run *run, struct str prompt, struct error *err)
{
    TRY(append(run, prompt, err));
    const struct session_limits limits = {
        .token_count_max = run->config->token_count_max,
        .starts_in_reasoning = run->starts_in_reasoning,
    };
    return session_generate(run->session, &limits, run->mask, on_event, on_progress, run,
                            &run->result, err);
}

/* The text is what the model goes on with, or the model thinks first where it does. */
static enum status make_described_mask(struct run *run, const json_t *schema, struct error *err)
{
    const struct run_role_config *config = run->config;
    const struct tool_mask_options options = {
        .choice = TOOL_CHOICE_NONE,
        .schema = schema,
        .grammar = config->grammar,
        .is_raw = config->is_raw || !engine_get_info(run->engine)->has_template,
        .is_unthinking = config->thinking == CHAT_THINKING_OFF,
    };
    return tool_mask_make(run->engine, &options, &run->mask, err);
}

static enum status make_mask(struct run *run, struct error *err)
{
    const struct run_role_config *config = run->config;
    CLEANUP(json_decrefp) json_t *schema = NULL;
    if (config->grammar.ptr)
        return make_described_mask(run, NULL, err);
    if (!config->json_schema.ptr)
        return OK;
    struct error reason = {0};
    enum status status = json_parse(config->json_schema, NULL, &schema, &reason);
    if (status == OK)
        status = make_described_mask(run, schema, &reason);
    return status == OK ? OK : error_set(err, status, "the JSON schema: %.400s", reason.text);
}

/* Why the context is smaller than one would expect. */
static void tell_context(struct run *run)
{
    const struct memory_plan *plan = engine_memory_plan(run->engine);
    CLEANUP(strbuf_done) struct strbuf text = {0};
    if (!memory_plan_is_tight(plan))
        return;
    strbuf_add_c(&text, "Context: ");
    memory_plan_explain(plan, &text);
    strbuf_add_c(&text, ".");
    tell(run, FRONT_NOTICE, strbuf_view(&text));
}

static enum status load(struct run *run, struct error *err)
{
    const struct run_role_config *config = run->config;
    const struct engine_config engine = {
        .model_path = config->model_path,
        .context_tokens = config->context_tokens,
        .thread_count = config->thread_count,
        .cpu_features_off = config->cpu_features_off,
        .kv = config->kv,
        .speculate = config->speculate,
        .draft_path = config->draft_path,
        .chat_template = config->chat_template,
    };
    TRY(model_lock_enter(NULL, config->model_path, config->draft_path, err));
    if (engine_open(&engine, &run->engine, err) != OK)
        return model_file_blame(config->model_path, err);
    tell_context(run);
    TRY(make_mask(run, err));
    return session_new(run->engine, &config->sampler, &run->session, err);
}

static void say_finished(struct run *run, enum status status, const struct error *err)
{
    const struct session_result *result = &run->result;
    const struct front_message message = {
        .kind = FRONT_FINISHED,
        .text = str_from_c(status == OK ? "" : err->text),
        .number_count = RUN_ROLE_COUNT,
        .numbers =
            {
                [RUN_ROLE_STATUS] = status,
                [RUN_ROLE_END] = result->end,
                [RUN_ROLE_PROMPT_TOKENS] = result->prompt_tokens,
                [RUN_ROLE_GENERATED_TOKENS] = result->generated_tokens,
                [RUN_ROLE_DRAFTED_TOKENS] = result->drafted_tokens,
                [RUN_ROLE_ACCEPTED_TOKENS] = result->accepted_tokens,
                [RUN_ROLE_PROMPT_MICROSECONDS] = (uint64_t)(result->prompt_seconds * 1e6),
                [RUN_ROLE_GENERATE_MICROSECONDS] = (uint64_t)(result->generate_seconds * 1e6),
            },
    };
    (void)!front_protocol_send(run->front, &message, NULL);
}

void run_role_run(const void *context, struct channel *front, struct channel *calls)
{
    struct run *run = mem_zalloc(sizeof(*run));
    struct error err = {0};
    struct strbuf body = {0};
    struct front_message ask;
    run->config = context;
    run->front = front;
    channel_close(calls);
    interrupt_ignore();
    if (load(run, &err) != OK) {
        tell(run, FRONT_FAILED, str_from_c(err.text));
        _exit(1);
    }
    tell(run, FRONT_READY, (struct str){0});
    tell(run, FRONT_LISTED, (struct str){0});
    if (front_protocol_receive(front, &body, &ask, NULL) == OK && ask.kind == FRONT_ASK) {
        const enum status status = answer(run, ask.text, &err);
        say_finished(run, status, &err);
    }
    _exit(0);
}
