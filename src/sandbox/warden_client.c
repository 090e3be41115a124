#include "sandbox/warden_client.h"

#include "base/mem.h"
#include "sandbox/warden_protocol.h"

#include <pthread.h>

struct warden_client {
    struct channel calls;
    pthread_mutex_t lock; /* of the sending side and of running_id */
    uint32_t last_id;
    uint32_t running_id; /* 0: no call is running */
};

struct warden_client *warden_client_new(struct channel *calls)
{
    struct warden_client *client = mem_zalloc(sizeof(*client));
    client->calls = *calls;
    *calls = (struct channel){0};
    pthread_mutex_init(&client->lock, NULL);
    return client;
}

void warden_client_free(struct warden_client *client)
{
    if (!client)
        return;
    channel_close(&client->calls);
    pthread_mutex_destroy(&client->lock);
    mem_free(client);
}

static enum status send_call(struct warden_client *client, uint32_t tool_index,
                             struct str arguments, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf body = {0};
    pthread_mutex_lock(&client->lock);
    const struct warden_call call = {.id = ++client->last_id, .tool_index = tool_index};
    strbuf_add(&body, &call, sizeof(call));
    strbuf_add_str(&body, arguments);
    const enum status status =
        channel_send(&client->calls, WARDEN_MESSAGE_CALL, strbuf_view(&body), err);
    if (status == OK)
        client->running_id = call.id;
    pthread_mutex_unlock(&client->lock);
    return status;
}

/* A channel error as the header promises it. */
static enum status lost(enum status status, struct error *err)
{
    return status == OK ? OK : error_set(err, E_IO, "the process that runs tools is gone");
}

enum status warden_client_call(struct warden_client *client, uint32_t tool_index,
                               struct str arguments, struct strbuf *out, struct error *err)
{
    if (arguments.len > WARDEN_ARGUMENTS_MAX)
        return error_set(err, E_LIMIT, "arguments of %zu bytes (limit %d)", arguments.len,
                         WARDEN_ARGUMENTS_MAX);
    TRY(lost(send_call(client, tool_index, arguments, NULL), err));
    CLEANUP(strbuf_done) struct strbuf body = {0};
    struct warden_result head = {0};
    do { /* a result of a call that was cancelled in its last moment may still be on its way */
        uint32_t kind = 0;
        TRY(lost(channel_receive(&client->calls, sizeof(head) + WARDEN_RESULT_MAX, CHANNEL_FOREVER,
                                 &kind, &body, NULL),
                 err));
        if (kind != WARDEN_MESSAGE_RESULT || body.len < sizeof(head))
            return lost(E_FORMAT, err);
        memcpy(&head, body.ptr, sizeof(head));
    } while (head.id != client->last_id);
    pthread_mutex_lock(&client->lock);
    client->running_id = 0;
    pthread_mutex_unlock(&client->lock);
    if (head.was_cancelled)
        return error_set(err, E_CANCELLED, "the call was stopped");
    strbuf_add(out, body.ptr + sizeof(head), body.len - sizeof(head));
    return OK;
}

void warden_client_cancel(struct warden_client *client)
{
    pthread_mutex_lock(&client->lock);
    if (client->running_id) {
        const struct str id = {(const char *)&client->running_id, sizeof(client->running_id)};
        (void)!channel_send(&client->calls, WARDEN_MESSAGE_CANCEL, id, NULL);
    }
    pthread_mutex_unlock(&client->lock);
}
