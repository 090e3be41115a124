#include "server/exchange.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/hang_up.h"
#include "server/response_store.h"
#include "text/json.h"

#include <stdio.h>

struct exchange *exchange_new(const struct route *route)
{
    struct exchange *exchange = mem_zalloc(sizeof(*exchange));
    lock_init(&exchange->lock);
    exchange->route = route;
    exchange->references = 1;
    exchange->fd = -1;
    exchange->arrived_seconds = exchange->written_seconds = clock_seconds();
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
    reply->wants_ids = first->wants_ids;
    reply->wants_progress = first->wants_progress;
    reply->wants_timings = first->wants_timings;
    reply->tool_names = json_incref(first->tool_names);
    reply->repeated = json_incref(first->repeated);
    reply->fields = json_incref(first->fields);
    reply->index = index;
    return reply;
}

void exchange_make_choices(struct exchange *exchange, const uint8_t random[16], int64_t now_us)
{
    const struct api_request *request = &exchange->request;
    const unsigned each = request->choice_count > 1 ? request->choice_count : 1;
    const unsigned count = api_request_answer_count(request);
    exchange->choices = mem_zalloc(count * sizeof(*exchange->choices));
    exchange->choice_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct reply *reply =
            i == 0 ? &exchange->reply : copy_reply(&exchange->reply, i, random, now_us);
        exchange->choices[i] = (struct exchange_choice){
            .exchange = exchange,
            .reply = reply,
            .prompt = i / each,
            .nth = i % each,
        };
        if (request->echoes)
            reply->echo = api_request_text(request, i / each);
    }
}

struct exchange_choice *exchange_next_choice(const struct exchange *exchange)
{
    struct exchange_choice *next = NULL;
    unsigned running = 0;
    if (exchange->begun_count == exchange->choice_count)
        return NULL;
    for (unsigned i = 0; i < exchange->choice_count; i++) {
        struct exchange_choice *choice = &exchange->choices[i];
        const struct exchange_choice *first = choice - choice->nth;
        running += choice->task != NULL;
        if (!next && !choice->has_begun && (choice->nth == 0 || first->has_answered))
            next = choice;
    }
    return running < EXCHANGE_TASKS_MAX ? next : NULL;
}

struct reply_counts exchange_others(const struct exchange_choice *choice)
{
    const struct exchange *exchange = choice->exchange;
    const struct session_result *own = &choice->reply->result;
    struct reply_counts out = {
        .prompt_tokens = -(int64_t)own->prompt_tokens,
        .cached_tokens = -(int64_t)own->cached_tokens,
        .generated_tokens = -(int64_t)own->generated_tokens,
        .reasoning_tokens = -(int64_t)own->reasoning_tokens,
    };
    for (unsigned i = 0; i < exchange->choice_count; i++) {
        const struct session_result *result = &exchange->choices[i].reply->result;
        out.generated_tokens += result->generated_tokens;
        out.reasoning_tokens += result->reasoning_tokens;
        if (exchange->choices[i].nth > 0)
            continue;
        out.prompt_tokens += result->prompt_tokens;
        out.cached_tokens += result->cached_tokens;
    }
    return out;
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

bool exchange_wait(struct exchange *exchange, struct str why)
{
    const double now = clock_seconds();
    lock_take(&exchange->lock);
    if (!exchange->is_gone && exchange->fd >= 0 && hang_up_seen(exchange->fd))
        exchange->is_gone = true;
    const bool is_gone = exchange->is_gone;
    if (is_gone) {
        exchange_wake(exchange);
    } else if (exchange->reply.streams && !exchange->is_finished &&
               now - exchange->arrived_seconds >= EXCHANGE_PATIENCE_SECONDS &&
               now - exchange->written_seconds >= EXCHANGE_PING_SECONDS) {
        exchange->http_status = 200;
        exchange->written_seconds = now;
        reply_wait(&exchange->reply, why);
        exchange_wake(exchange);
    }
    lock_give(&exchange->lock);
    return !is_gone;
}

void exchange_finish(struct exchange *exchange, json_t *value, const struct api_failure *failure)
{
    struct api_failure why = value ? (struct api_failure){0} : *failure;
    snprintf(why.request_id, sizeof(why.request_id), "req_%s", exchange->reply.id);
    json_t *told = value ? value : api_failure_json(&why, exchange->route->protocol);
    lock_take(&exchange->lock);
    if (!value && exchange->reply.is_open)
        reply_fail(&exchange->reply, failure);
    else
        json_write_python(told, &exchange->reply.out);
    if (!exchange->reply.is_open)
        exchange->http_status = value ? 200 : failure->http_status;
    exchange->is_finished = true;
    exchange_wake(exchange);
    lock_give(&exchange->lock);
    json_decref(told);
}
