#include "cli/tools_role.h"

#include "base/mem.h"
#include "cli/front_protocol.h"
#include "cli/model_lock.h"
#include "cli/state.h"
#include "os/channel.h"
#include "os/interrupt.h"
#include "os/thread.h"
#include "sandbox/warden_client.h"
#include "store/memory_store.h"
#include "tools/tool_runner.h"

struct role {
    struct channel *front;
    struct channel asks;
    struct channel asks_in;
    struct thread listener;
    struct warden_client *warden;
    struct memory_store *memory;
};

static void tell(struct role *role, const struct front_message *message)
{
    if (front_protocol_send(role->front, message, NULL) != OK)
        _exit(1);
}

static void listen_to_front(void *context)
{
    struct role *role = context;
    struct strbuf body = {0};
    struct front_message message;
    while (front_protocol_receive(role->front, &body, &message, NULL) == OK) {
        if (message.kind == FRONT_STOP)
            warden_client_cancel(role->warden);
        else if (front_protocol_send(&role->asks_in, &message, NULL) != OK)
            break;
    }
    _exit(0);
}

static enum status start(struct role *role, const struct tools_role_config *config,
                         struct error *err)
{
    TRY(channel_pair(&role->asks, &role->asks_in, err));
    TRY(model_lock_enter(config->state->folder, NULL, NULL, err));
    TRY(memory_store_open(config->state->memory, &role->memory, err));
    return thread_start(&role->listener, "front", listen_to_front, role, err);
}

static void answer(struct role *role, const struct front_message *ask)
{
    struct tool_runner runner = {.warden = role->warden, .memory = role->memory};
    struct error err = {0};
    CLEANUP(strbuf_done) struct strbuf result = {0};
    const enum status status = tool_runner_call(&runner, ask->name, ask->text, &result, &err);
    if (status == OK)
        tell(role, &(struct front_message){.kind = FRONT_RESULT,
                                           .text = strbuf_view(&result),
                                           .flag = tool_runner_is_error(strbuf_view(&result))});
    tell(role, &(struct front_message){.kind = FRONT_FINISHED,
                                       .text = str_from_c(err.text),
                                       .number_count = FRONT_FINISHED_STATUS + 1,
                                       .numbers = {[FRONT_FINISHED_STATUS] = status}});
}

void tools_role_run(const void *context, struct channel *front, struct channel *calls)
{
    struct role *role = mem_zalloc(sizeof(*role));
    struct error err = {0};
    struct strbuf body = {0};
    struct front_message ask;
    role->front = front;
    interrupt_ignore();
    role->warden = warden_client_new(calls);
    if (start(role, context, &err) != OK) {
        tell(role, &(struct front_message){.kind = FRONT_FAILED, .text = str_from_c(err.text)});
        _exit(1);
    }
    tell(role, &(struct front_message){.kind = FRONT_LISTED});
    while (front_protocol_receive(&role->asks, &body, &ask, NULL) == OK) {
        if (ask.kind == FRONT_ASK)
            answer(role, &ask);
    }
    _exit(0);
}
