#include "server/exchange.h"

#include "base/mem.h"
#include "server/response_store.h"
#include "text/json.h"

struct exchange *exchange_new(const struct route *route)
{
    struct exchange *exchange = mem_zalloc(sizeof(*exchange));
    lock_init(&exchange->lock);
    exchange->route = route;
    exchange->references = 1;
    exchange->fd = -1;
    return exchange;
}

struct exchange *exchange_ref(struct exchange *exchange)
{
    lock_take(&exchange->lock);
    exchange->references++;
    lock_give(&exchange->lock);
    return exchange;
}

void exchange_unref(struct exchange *exchange)
{
    if (!exchange)
        return;
    lock_take(&exchange->lock);
    const bool is_last = --exchange->references == 0;
    lock_give(&exchange->lock);
    if (!is_last)
        return;
    for (unsigned i = 0; i < exchange->choice_count; i++) {
        if (exchange->choices[i].reply == &exchange->reply)
            continue;
        reply_done(exchange->choices[i].reply);
        mem_free(exchange->choices[i].reply);
    }
    mem_free(exchange->choices);
    json_decref(exchange->whole);
    response_store_drop(exchange->responses, exchange->draft);
    api_request_done(&exchange->request);
    reply_done(&exchange->reply);
    json_decref(exchange->body);
    json_decref(exchange->settings);
    lock_done(&exchange->lock);
    mem_free(exchange);
}

static struct reply *copy_reply(const struct reply *first, unsigned index, const uint8_t random[16],
                                int64_t now_us)
{
    struct reply *reply = mem_zalloc(sizeof(*reply));
    struct stop_texts stops = {0};
    for (size_t i = 0; i < first->stops.count; i++)
        (void)!stop_texts_add(&stops, strbuf_view(&first->stops.texts[i]));
    reply_init(reply, first->format, strbuf_view(&first->model), &stops, random, now_us);
    reply->streams = first->streams;
    reply->wants_usage = first->wants_usage;
    reply->wants_tokens = first->wants_tokens;
    reply->tool_names = json_incref(first->tool_names);
    reply->repeated = json_incref(first->repeated);
    strbuf_add_str(&reply->echo, strbuf_view(&first->echo));
    reply->index = index;
    return reply;
}

void exchange_make_choices(struct exchange *exchange, unsigned count, const uint8_t random[16],
                           int64_t now_us)
{
    exchange->choices = mem_zalloc(count * sizeof(*exchange->choices));
    exchange->choice_count = count;
    for (unsigned i = 0; i < count; i++)
        exchange->choices[i] = (struct exchange_choice){
            .exchange = exchange,
            .reply = i == 0 ? &exchange->reply : copy_reply(&exchange->reply, i, random, now_us),
        };
}

void exchange_name_model(struct exchange *exchange, struct str name)
{
    for (unsigned i = 0; i < exchange->choice_count; i++)
        if (exchange->choices[i].reply->model.len == 0)
            strbuf_add_str(&exchange->choices[i].reply->model, name);
}

void exchange_wake(struct exchange *exchange)
{
    if (!exchange->is_waiting)
        return;
    exchange->is_waiting = false;
    exchange->wake(exchange->connection);
}

void exchange_finish(struct exchange *exchange, json_t *value, const struct api_failure *failure)
{
    json_t *told = value ? value : api_failure_json(failure, exchange->route->protocol);
    lock_take(&exchange->lock);
    json_write_python(told, &exchange->reply.out);
    exchange->http_status = value ? 200 : failure->http_status;
    exchange->is_finished = true;
    exchange_wake(exchange);
    lock_give(&exchange->lock);
    json_decref(told);
}
