#include "agent/agent.h"

#include "agent/agent_context.h"
#include "agent/agent_internal.h"
#include "agent/core_text.h"
#include "base/mem.h"
#include "chat/chat_event.h"
#include "chat/chat_template.h"
#include "engine/session.h"
#include "engine/tool_mask.h"
#include "os/clock.h"
#include "text/json.h"
#include "text/utf8.h"

#include <inttypes.h>

enum {
    KEEP_PREFIX_MIN = 32, /* tokens of the system message and tools that are worth a file, */
    KEEP_ALL_MIN = 256,   /* and new ones of a conversation */
};

/* ---------------------------------------------------------------- events and records */

bool agent_emit(struct agent *agent, const struct agent_event *event)
{
    if (agent->config.event && !agent->config.event(agent->config.context, event))
        agent->is_cancelled = true;
    return !agent->is_cancelled;
}

void agent_notice(struct agent *agent, struct str text)
{
    agent_emit(agent, &(struct agent_event){.kind = AGENT_EVENT_NOTICE, .text = text});
}

static enum status record(struct agent *agent, json_t *message, struct error *err)
{
    if (!agent->config.record)
        return OK;
    return agent->config.record(agent->config.context, message, err);
}

/* ---------------------------------------------------------------- life */

static void add_system(struct agent *agent)
{
    chat_request_clear(&agent->request);
    const struct str own = agent->config.system_text;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_add_str(&text, core_text());
    if (own.len > 0)
        strbuf_add_c(&text, "\n\n");
    strbuf_add_str(&text, own);
    chat_request_add(&agent->request, CHAT_ROLE_SYSTEM, strbuf_view(&text));
    json_t *tools = json_deep_copy(agent->config.tools);
    chat_request_set_tools(&agent->request, tools);
    json_decref(tools);
    agent->request.add_generation_prompt = true;
    agent->request.local_seconds = agent->local_seconds;
}

enum status agent_new(const struct agent_config *config, struct agent **out, struct error *err)
{
    if (config->tools && json_array_size(config->tools) > 0 && !config->run_tool)
        return error_set(err, E_INVALID, "there are tools and nothing that runs them");
    CLEANUP(agent_freep) struct agent *agent = mem_zalloc(sizeof(*agent));
    agent->config = *config;
    struct agent_config *settings = &agent->config;
    if (settings->steps_max == 0)
        settings->steps_max = AGENT_STEPS_DEFAULT;
    if (settings->steps_max > AGENT_STEPS_MAX)
        return error_set(err, E_LIMIT, "%" PRIu32 " steps (limit %d)", settings->steps_max,
                         AGENT_STEPS_MAX);
    if (settings->answer_tokens_max == 0)
        settings->answer_tokens_max = AGENT_ANSWER_TOKENS_DEFAULT;
    if (settings->result_tokens_max == 0)
        settings->result_tokens_max = AGENT_RESULT_TOKENS_DEFAULT;
    const uint32_t quarter = engine_get_info(config->engine)->context_tokens / 4;
    if (settings->result_tokens_max > quarter)
        settings->result_tokens_max = quarter;

    agent->local_seconds = clock_local_seconds();
    TRY(session_new(config->engine, &config->sampler, &agent->session, err));
    add_system(agent);
    *out = agent;
    agent = NULL; /* ownership moves to the caller */
    return OK;
}

void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    session_free(agent->session);
    chat_request_done(&agent->request);
    chat_spans_done(&agent->spans);
    json_decref(agent->failures);
    json_decref(agent->calls);
    json_decref(agent->written);
    strbuf_done(&agent->answer);
    strbuf_done(&agent->reasoning);
    strbuf_done(&agent->result);
    mem_free(agent);
}

void agent_reset(struct agent *agent)
{
    add_system(agent);
    json_decref(agent->failures);
    agent->failures = NULL;
}

struct str agent_answer(const struct agent *agent)
{
    return strbuf_view(&agent->answer);
}

/* ---------------------------------------------------------------- one generation */

/* Keeps a call under the id that the model gave it, or one of nine letters: what Mistral's
 * templates ask for. */
static void add_call(struct agent *agent, const struct chat_event *event)
{
    char made[AGENT_CALL_ID_SIZE];
    snprintf(made, sizeof(made), "call%05" PRIu32, agent->call_number++ % 100000);
    const struct str id = event->call_id.len ? event->call_id : str_from_c(made);
    json_array_append_new(agent->calls,
                          json_pack("{s:s%, s:s%, s:s%}", "id", id.ptr, id.len, "name",
                                    event->tool_name.ptr, event->tool_name.len, "arguments",
                                    event->arguments.ptr, event->arguments.len));
    json_array_append_new(agent->written, json_stringn(event->text.ptr, event->text.len));
}

/* Collects what the model makes and shows it. */
static bool on_event(void *context, const struct chat_event *event)
{
    struct agent *agent = context;
    switch (event->kind) {
    case CHAT_EVENT_REASONING:
        strbuf_add_str(&agent->reasoning, event->text);
        return agent_emit(
            agent, &(struct agent_event){.kind = AGENT_EVENT_REASONING, .text = event->text});
    case CHAT_EVENT_TEXT:
        strbuf_add_str(&agent->answer, event->text);
        return agent_emit(agent,
                          &(struct agent_event){.kind = AGENT_EVENT_TEXT, .text = event->text});
    case CHAT_EVENT_TOKEN:
    case CHAT_EVENT_CALL_BEGIN:
    case CHAT_EVENT_CALL_ARGUMENTS: return true; /* a call counts when it is complete */
    case CHAT_EVENT_TOOL_CALL: add_call(agent, event); return true;
    case CHAT_EVENT_BAD_CALL:
        json_array_append_new(agent->calls,
                              json_pack("{s:s%, s:s%}", "bad", event->text.ptr, event->text.len,
                                        "reason", event->reason.ptr, event->reason.len));
        json_array_append_new(agent->written, json_string(""));
        return true;
    case CHAT_EVENT_FINISHED: return true;
    }
    return true;
}

static bool on_progress(void *context, uint32_t done, uint32_t total)
{
    struct agent *agent = context;
    return agent_emit(
        agent, &(struct agent_event){.kind = AGENT_EVENT_PROGRESS, .done = done, .total = total});
}

/* Takes out what failed too often. */
static enum status forbid_failures(const struct agent *agent, struct token_mask *mask,
                                   struct error *err)
{
    size_t index = 0;
    json_t *failure = NULL;
    json_array_foreach(agent->failures, index, failure)
    {
        const json_t *written = json_object_get(failure, "written");
        const struct str name = json_str(json_object_get(failure, "name"));
        if (json_integer_value(json_object_get(failure, "count")) < AGENT_SAME_FAILURES_MAX)
            continue;
        TRY(tool_mask_forbid(mask, name, json_str(json_object_get(failure, "arguments")), err));
        for (size_t i = 0; i < json_array_size(written); i++)
            TRY(tool_mask_forbid_written(mask, name, json_str(json_array_get(written, i)), err));
    }
    return OK;
}

/* A mask with the calls that failed too often taken out; NULL when there are no tools. */
static enum status make_mask(struct agent *agent, bool last_step, struct token_mask **out,
                             struct error *err)
{
    *out = NULL;
    if (!agent->config.tools || json_array_size(agent->config.tools) == 0)
        return OK;
    const enum tool_choice choice = last_step ? TOOL_CHOICE_NONE : TOOL_CHOICE_AUTO;
    CLEANUP(tool_mask_freep) struct token_mask *mask = NULL;
    TRY(tool_mask_new(agent->config.engine, agent->config.tools, choice, &mask, err));
    TRY(forbid_failures(agent, mask, err));
    *out = mask;
    mask = NULL; /* ownership moves to the caller */
    return OK;
}

static enum status generate(struct agent *agent, bool last_step, struct session_result *result,
                            struct error *err)
{
    CLEANUP(tool_mask_freep) struct token_mask *mask = NULL;
    TRY(make_mask(agent, last_step, &mask, err));
    strbuf_clear(&agent->answer);
    strbuf_clear(&agent->reasoning);
    json_decref(agent->calls);
    json_decref(agent->written);
    agent->calls = json_array();
    agent->written = json_array();
    const struct session_limits limits = {
        .token_count_max = agent->config.answer_tokens_max,
        .starts_in_reasoning = engine_prompt_opens_reasoning(agent->config.engine, &agent->spans),
        .tools = agent->config.tools,
    };
    return session_generate(agent->session, &limits, mask, on_event, on_progress, agent, result,
                            err);
}

/* ---------------------------------------------------------------- messages */

/* The assistant's message as it is recorded. */
static json_t *assistant_json(const struct agent *agent)
{
    json_t *message = json_pack("{s:s, s:s%}", "role", "assistant", "content",
                                strbuf_c(&agent->answer), agent->answer.len);
    if (agent->reasoning.len)
        json_object_set_new(message, "reasoning",
                            json_stringn(agent->reasoning.ptr, agent->reasoning.len));
    if (json_array_size(agent->calls))
        json_object_set(message, "tool_calls", agent->calls);
    return message;
}

static json_t *result_json(const json_t *call, struct str result, bool is_error)
{
    const struct str id = json_str(json_object_get(call, "id"));
    const struct str name = json_str(json_object_get(call, "name"));
    return json_pack("{s:s, s:s%, s:s%, s:s%, s:b}", "role", "tool", "tool_call_id",
                     id.ptr ? id.ptr : "", id.len, "name", name.ptr ? name.ptr : "", name.len,
                     "content", result.ptr ? result.ptr : "", result.len, "is_error", is_error);
}

/* ---------------------------------------------------------------- tools */

/* Counts a failing call, so that the same one is masked out after AGENT_SAME_FAILURES_MAX. */
static void note_failure(struct agent *agent, struct str name, struct str arguments,
                         json_t *written)
{
    if (!agent->failures)
        agent->failures = json_array();
    size_t index = 0;
    json_t *failure = NULL;
    json_array_foreach(agent->failures, index, failure)
    {
        if (!str_equal(json_str(json_object_get(failure, "name")), name) ||
            !str_equal(json_str(json_object_get(failure, "arguments")), arguments))
            continue;
        const json_int_t count = json_integer_value(json_object_get(failure, "count"));
        json_object_set_new(failure, "count", json_integer(count + 1));
        json_array_append(json_object_get(failure, "written"), written);
        return;
    }
    json_array_append_new(agent->failures,
                          json_pack("{s:s%, s:s%, s:i, s:[O]}", "name", name.ptr, name.len,
                                    "arguments", arguments.ptr, arguments.len, "count", 1,
                                    "written", written));
}

/* Fills agent->result with what the model will read. */
static enum status run_call(struct agent *agent, const json_t *call, struct error *err)
{
    strbuf_clear(&agent->result);
    const struct str name = json_str(json_object_get(call, "name"));
    if (!name.ptr) { /* not even a call: tell the model why */
        strbuf_add_c(&agent->result, "error: ");
        strbuf_add_str(&agent->result, json_str(json_object_get(call, "reason")));
        return OK;
    }
    const struct str arguments = json_str(json_object_get(call, "arguments"));
    CLEANUP(strbuf_done) struct strbuf raw = {0};
    TRY(agent->config.run_tool(agent->config.context, name, arguments, &raw, err));
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    utf8_add_clean(&clean, strbuf_view(&raw));
    return agent_context_cut_result(agent, strbuf_view(&clean), &agent->result, err);
}

static enum status do_call(struct agent *agent, const json_t *call, json_t *written,
                           struct agent_outcome *out, struct error *err)
{
    const struct str name = json_str(json_object_get(call, "name"));
    const struct str arguments = json_str(json_object_get(call, "arguments"));
    if (name.ptr && !agent_emit(agent, &(struct agent_event){.kind = AGENT_EVENT_TOOL_CALL,
                                                             .tool_name = name,
                                                             .text = arguments}))
        return error_set(err, E_CANCELLED, "stopped before %.*s", STR_ARG(name));
    TRY(run_call(agent, call, err));

    const struct str result = strbuf_view(&agent->result);
    const bool is_error = str_starts_with(result, STR("error: "));
    out->tool_calls++;
    out->failed_calls += is_error;
    if (is_error && name.ptr)
        note_failure(agent, name, arguments, written);
    CLEANUP(json_decrefp) json_t *message = result_json(call, result, is_error);
    TRY(record(agent, message, err));
    TRY(agent_context_add(agent, message, err));
    if (!agent_emit(agent, &(struct agent_event){.kind = AGENT_EVENT_TOOL_RESULT,
                                                 .tool_name = name,
                                                 .text = result,
                                                 .is_error = is_error}))
        return error_set(err, E_CANCELLED, "stopped after %.*s", STR_ARG(name));
    return OK;
}

/* ---------------------------------------------------------------- the loop */

static void count_tokens(struct agent_outcome *out, const struct session_result *result)
{
    out->prompt_tokens += result->prompt_tokens - result->cached_tokens;
    out->cached_tokens += result->cached_tokens;
    out->generated_tokens += result->generated_tokens;
    out->forced_tokens += result->forced_tokens;
    out->drafted_tokens += result->drafted_tokens;
    out->accepted_tokens += result->accepted_tokens;
}

/* One step: generate, keep, carry out. *out_done: the turn has ended, out->end says how. */
static enum status step(struct agent *agent, struct agent_outcome *out, bool *out_done,
                        struct error *err)
{
    *out_done = true;
    bool has_room = false;
    TRY(agent_context_prepare(agent, &has_room, err));
    if (!has_room) {
        out->end = AGENT_END_CONTEXT;
        return OK;
    }
    struct session_result result = {0};
    const bool last_step = out->steps + 1 == agent->config.steps_max;
    const enum status status = generate(agent, last_step, &result, err);
    count_tokens(out, &result);
    if (status != OK)
        return status;
    out->steps++;

    CLEANUP(json_decrefp) json_t *message = assistant_json(agent);
    TRY(record(agent, message, err));
    TRY(agent_context_add(agent, message, err));
    if (result.end == SESSION_END_CANCELLED)
        return error_set(err, E_CANCELLED, "stopped");
    CLEANUP(json_decrefp) json_t *calls = json_incref(agent->calls);
    if (json_array_size(calls) == 0) {
        out->end = last_step && agent->answer.len == 0 ? AGENT_END_STEPS
                   : result.end == SESSION_END_CONTEXT ? AGENT_END_CONTEXT
                                                       : AGENT_END_ANSWER;
        return OK;
    }
    size_t index = 0;
    json_t *call = NULL;
    json_array_foreach(calls, index, call)
        TRY(do_call(agent, call, json_array_get(agent->written, index), out, err));
    *out_done = false;
    return OK;
}

static enum status run_turn(struct agent *agent, struct str text, struct agent_outcome *out,
                            struct error *err)
{
    if (!utf8_is_valid(text))
        return error_set(err, E_INVALID, "the text is not valid UTF-8");
    json_decref(agent->failures);
    agent->failures = NULL; /* what failed for one request may be right for the next */
    CLEANUP(json_decrefp)
    json_t *message = json_pack("{s:s, s:s%}", "role", "user", "content", text.ptr, text.len);
    TRY(record(agent, message, err));
    TRY(agent_context_add(agent, message, err));
    while (out->steps < agent->config.steps_max) {
        bool done = false;
        TRY(step(agent, out, &done, err));
        if (done)
            return OK;
    }
    out->end = AGENT_END_STEPS;
    return OK;
}

void agent_keep(struct agent *agent, const uint8_t *owner)
{
    const struct session_keep_options keep = {
        .what = SESSION_KEEP_ALL, .new_tokens_min = KEEP_ALL_MIN, .owner = owner};
    (void)!session_keep(agent->session, &keep, NULL);
}

enum status agent_run(struct agent *agent, struct str text, struct agent_outcome *out,
                      struct error *err)
{
    const double start = clock_seconds();
    agent->is_cancelled = false;
    *out = (struct agent_outcome){0};
    struct error reason = {0};
    enum status status = run_turn(agent, text, out, &reason);
    if (status == E_CANCELLED) {
        out->end = AGENT_END_CANCELLED;
        status = OK;
    }
    /* What every conversation of this agent begins with is there at the next start. */
    const struct session_keep_options keep = {.what = SESSION_KEEP_PREFIX,
                                              .new_tokens_min = KEEP_PREFIX_MIN};
    (void)!session_keep(agent->session, &keep, NULL);
    out->context_tokens = session_token_count(agent->session);
    out->seconds = clock_seconds() - start;
    if (status != OK)
        return error_set(err, status, "%s", reason.text);
    return OK;
}
