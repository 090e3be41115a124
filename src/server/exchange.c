#include "server/exchange.h"

#include "base/mem.h"
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
    api_request_done(&exchange->request);
    reply_done(&exchange->reply);
    json_decref(exchange->body);
    lock_done(&exchange->lock);
    mem_free(exchange);
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
