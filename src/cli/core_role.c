#include "cli/core_role.h"

#include "agent/agent.h"
#include "base/mem.h"
#include "cli/call_text.h"
#include "cli/front_protocol.h"
#include "cli/model_file.h"
#include "cli/model_lock.h"
#include "cli/prompt_store.h"
#include "cli/state.h"
#include "engine/engine.h"
#include "engine/memory_plan.h"
#include "engine/prefix_store.h"
#include "os/channel.h"
#include "os/clock.h"
#include "os/interrupt.h"
#include "os/thread.h"
#include "sandbox/warden_client.h"
#include "store/db.h"
#include "store/memory_store.h"
#include "store/session_store.h"
#include "text/json.h"
#include "tools/tool_list.h"
#include "tools/tool_runner.h"

#include <stdatomic.h>

enum { SESSIONS_SHOWN_MAX = 20, HISTORY_SHOWN_MAX = 6 };

struct core {
    const struct core_role_config *config;
    struct channel front; /* main thread sends, listener receives */
    struct channel asks;  /* main thread receives what the listener passes on */
    struct channel asks_in;
    struct thread listener;
    struct db *db;
    struct memory_store *memory;
    struct engine *engine;
    struct agent *agent;
    struct warden_client *warden;
    struct tool_runner runner;
    json_t *tools;
    uint64_t turn;
    _Atomic uint64_t stopped_turn;
    bool has_session;
    char session_id[SESSION_STORE_ID_SIZE];
};

static bool tell(struct core *core, const struct front_message *message)
{
    return front_protocol_send(&core->front, message, NULL) == OK;
}

NO_RETURN static void fail(struct core *core, const struct error *err)
{
    tell(core, &(struct front_message){.kind = FRONT_FAILED, .text = str_from_c(err->text)});
    _exit(1);
}

/* ---------------------------------------------------------------- listening to the front */

/* Passes messages on; a stop takes effect at once. Without a front there is nothing left to do, and
 * what was done is in the database. */
static void listen_to_front(void *context)
{
    struct core *core = context;
    struct strbuf body = {0};
    struct front_message message;
    while (front_protocol_receive(&core->front, &body, &message, NULL) == OK) {
        if (message.kind == FRONT_STOP) {
            atomic_store(&core->stopped_turn, message.numbers[0]);
            warden_client_cancel(core->warden);
        } else if (front_protocol_send(&core->asks_in, &message, NULL) != OK) {
            break;
        }
    }
    _exit(0);
}

/* ---------------------------------------------------------------- what the agent calls */

static enum status record(void *context, const json_t *message, struct error *err)
{
    struct core *core = context;
    const struct core_role_config *config = core->config;
    if (config->forgets)
        return OK;
    if (!core->has_session) {
        const struct session_store_start start = {
            .workspace = config->workspace,
            .model = config->model_label,
            .profile = config->model_path ? "default" : "builtin-1",
        };
        TRY(session_store_create(core->db, &start, core->session_id, err));
        core->has_session = true;
    }
    return session_store_append(core->db, core->session_id, message, err);
}

static enum status run_tool(void *context, struct str tool_name, struct str arguments,
                            struct strbuf *out, struct error *err)
{
    struct core *core = context;
    return tool_runner_call(&core->runner, tool_name, arguments, out, err);
}

static bool on_event(void *context, const struct agent_event *event)
{
    struct core *core = context;
    CLEANUP(strbuf_done) struct strbuf detail = {0};
    struct front_message message = {.text = event->text, .name = event->tool_name};
    switch (event->kind) {
    case AGENT_EVENT_PROGRESS:
        message.kind = FRONT_PROGRESS;
        message.number_count = 2;
        message.numbers[0] = event->done;
        message.numbers[1] = event->total;
        break;
    case AGENT_EVENT_REASONING: message.kind = FRONT_REASONING; break;
    case AGENT_EVENT_TEXT: message.kind = FRONT_TEXT; break;
    case AGENT_EVENT_TOOL_CALL:
        message.kind = FRONT_CALL;
        call_text_add_call(event->tool_name, event->text, &detail);
        break;
    case AGENT_EVENT_TOOL_RESULT:
        message.kind = FRONT_RESULT;
        message.flag = event->is_error;
        call_text_add_result(event->text, &detail);
        break;
    case AGENT_EVENT_NOTICE: message.kind = FRONT_NOTICE; break;
    }
    message.detail = strbuf_view(&detail);
    return tell(core, &message) && atomic_load(&core->stopped_turn) != core->turn;
}

/* ---------------------------------------------------------------- what the front asks */

/* So that holt resume has not to compute it again; it goes with the session. */
static void keep_conversation(struct core *core)
{
    uint8_t owner[SNAPSHOT_OWNER_BYTES];
    if (!core->has_session)
        return;
    prefix_store_owner(str_from_c(core->session_id), owner);
    agent_keep(core->agent, owner);
}

static void answer_ask(struct core *core, struct str text)
{
    struct agent_outcome outcome = {0};
    struct error err = {0};
    const enum status status = agent_run(core->agent, text, &outcome, &err);
    keep_conversation(core);
    struct front_message message = {
        .kind = FRONT_FINISHED,
        .text = str_from_c(err.text),
        .name = str_from_c(core->has_session ? core->session_id : ""),
        .number_count = FRONT_FINISHED_COUNT,
    };
    uint64_t *numbers = message.numbers;
    numbers[FRONT_FINISHED_TURN] = core->turn;
    numbers[FRONT_FINISHED_STATUS] = status;
    numbers[FRONT_FINISHED_END] = outcome.end;
    numbers[FRONT_FINISHED_STEPS] = outcome.steps;
    numbers[FRONT_FINISHED_CALLS] = outcome.tool_calls;
    numbers[FRONT_FINISHED_FAILED_CALLS] = outcome.failed_calls;
    numbers[FRONT_FINISHED_PROMPT_TOKENS] = outcome.prompt_tokens;
    numbers[FRONT_FINISHED_CACHED_TOKENS] = outcome.cached_tokens;
    numbers[FRONT_FINISHED_GENERATED_TOKENS] = outcome.generated_tokens;
    numbers[FRONT_FINISHED_DRAFTED_TOKENS] = outcome.drafted_tokens;
    numbers[FRONT_FINISHED_ACCEPTED_TOKENS] = outcome.accepted_tokens;
    numbers[FRONT_FINISHED_CONTEXT_TOKENS] = outcome.context_tokens;
    numbers[FRONT_FINISHED_MICROSECONDS] = (uint64_t)(outcome.seconds * 1e6);
    tell(core, &message);
}

static void answer_list(struct core *core)
{
    CLEANUP(session_store_list_done) struct session_store_list list = {0};
    struct error err = {0};
    if (session_store_list_newest(core->db, SESSIONS_SHOWN_MAX, &list, &err) != OK)
        tell(core, &(struct front_message){.kind = FRONT_NOTICE, .text = str_from_c(err.text)});
    for (size_t i = 0; i < list.count; i++) {
        const struct session_store_info *info = &list.items[i];
        tell(core, &(struct front_message){
                       .kind = FRONT_SESSION,
                       .name = str_from_c(info->id),
                       .text = str_from_c(info->title),
                       .detail = str_from_c(info->workspace),
                       .number_count = 2,
                       .numbers = {(uint64_t)info->updated_ms, info->entry_count},
                   });
    }
    tell(core, &(struct front_message){.kind = FRONT_LISTED});
}

/* ---------------------------------------------------------------- beginning */

/* Why the context is smaller than one would expect. */
static void tell_context(struct core *core)
{
    const struct memory_plan *plan = engine_memory_plan(core->engine);
    CLEANUP(strbuf_done) struct strbuf text = {0};
    if (!memory_plan_is_tight(plan))
        return;
    strbuf_add_c(&text, "Context: ");
    memory_plan_explain(plan, &text);
    strbuf_add_c(&text, ".");
    tell(core, &(struct front_message){.kind = FRONT_NOTICE, .text = strbuf_view(&text)});
}

/* Why prompts are not stored. */
static void tell_store(struct core *core)
{
    struct prefix_store_facts facts;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    engine_prefix_facts(core->engine, &facts);
    if (!facts.problem[0])
        return;
    strbuf_addf(&text, "Stored prompts: %s.", facts.problem);
    tell(core, &(struct front_message){.kind = FRONT_NOTICE, .text = strbuf_view(&text)});
}

static enum status load(struct core *core, struct error *err)
{
    const struct core_role_config *config = core->config;
    const bool stores = config->prompts && !config->forgets;
    const struct engine_config engine = {
        .model_path = config->model_path,
        .context_tokens = config->context_tokens,
        .thread_count = config->thread_count,
        .cpu_features_off = config->cpu_features_off,
        .kv = config->kv,
        .speculate = config->speculate,
        .draft_path = config->draft_path,
        .chat_template = config->chat_template,
        .prefix_folder = stores ? config->prompts->folder : NULL,
        .prefix_bytes_max = stores ? config->prompts->bytes_max : 0,
    };
    TRY(db_open(config->state->database, &core->db, err));
    TRY(memory_store_open(config->state->memory, &core->memory, err));
    if (engine_open(&engine, &core->engine, err) != OK)
        return model_file_blame(config->model_path, err);
    tell_context(core);
    tell_store(core);
    core->runner = (struct tool_runner){.warden = core->warden, .memory = core->memory};
    core->tools = tool_list_openai(NULL, 0);
    const struct agent_config agent = {
        .engine = core->engine,
        .tools = core->tools,
        .run_tool = run_tool,
        .record = record,
        .event = on_event,
        .context = core,
        .sampler = config->sampler,
        .steps_max = config->steps_max,
        .answer_tokens_max = config->answer_tokens_max,
        .system_text = config->system_text,
    };
    return agent_new(&agent, &core->agent, err);
}

static void show_history(struct core *core, const json_t *messages)
{
    const size_t count = json_array_size(messages);
    for (size_t i = count > HISTORY_SHOWN_MAX ? count - HISTORY_SHOWN_MAX : 0; i < count; i++) {
        const json_t *message = json_array_get(messages, i);
        const struct str role = json_str(json_object_get(message, "role"));
        const struct str content = json_str(json_object_get(message, "content"));
        if (content.len > 0 && !str_equal_c(role, "tool"))
            tell(core,
                 &(struct front_message){.kind = FRONT_HISTORY, .name = role, .text = content});
    }
}

/* Takes up the session; its messages go to *out_messages, which stays NULL without one. */
static enum status resume(struct core *core, json_t **out_messages, struct error *err)
{
    if (!core->config->resume_id)
        return OK;
    CLEANUP(session_store_info_done) struct session_store_info info = {0};
    TRY(session_store_find(core->db, core->config->resume_id, &info, err));
    TRY(session_store_load(core->db, info.id, out_messages, err));
    TRY(agent_restore(core->agent, *out_messages, err));
    memcpy(core->session_id, info.id, sizeof(info.id));
    core->has_session = true;
    return OK;
}

static void say_ready(struct core *core, const json_t *messages)
{
    const struct engine_info *info = engine_get_info(core->engine);
    tell(core, &(struct front_message){
                   .kind = FRONT_READY,
                   .name = info->model_name,
                   .text = str_from_c(core->has_session ? core->session_id : ""),
                   .number_count = FRONT_READY_COUNT,
                   .numbers = {info->context_tokens, json_array_size(messages)},
               });
    show_history(core, messages);
    tell(core, &(struct front_message){.kind = FRONT_LISTED});
}

static void serve(struct core *core)
{
    struct strbuf body = {0};
    struct front_message message;
    while (front_protocol_receive(&core->asks, &body, &message, NULL) == OK) {
        if (message.kind == FRONT_ASK) {
            core->turn = message.numbers[0];
            answer_ask(core, message.text);
        } else if (message.kind == FRONT_NEW) {
            agent_reset(core->agent);
            core->has_session = false;
        } else if (message.kind == FRONT_LIST) {
            answer_list(core);
        }
    }
    strbuf_done(&body);
}

void core_role_run(const void *context, struct channel *front, struct channel *calls)
{
    const struct core_role_config *config = context;
    struct error err = {0};
    json_t *messages = NULL;
    struct core *core = mem_zalloc(sizeof(*core));
    core->config = config;
    core->front = *front;
    interrupt_ignore();
    if (channel_pair(&core->asks, &core->asks_in, &err) != OK ||
        model_lock_enter(config->state->folder, config->model_path, config->draft_path, &err) != OK)
        fail(core, &err);
    core->warden = warden_client_new(calls);
    if (load(core, &err) != OK || resume(core, &messages, &err) != OK)
        fail(core, &err);
    say_ready(core, messages);
    json_decref(messages);
    if (thread_start(&core->listener, "front", listen_to_front, core, &err) != OK)
        fail(core, &err);
    serve(core);
    _exit(0);
}
