#include "server/engine_loop.h"

#include "api/prompt.h"
#include "base/mem.h"
#include "chat/chat_spans.h"
#include "engine/engine.h"
#include "engine/tool_mask.h"
#include "infer/token_mask.h"
#include "os/clock.h"
#include "os/hang_up.h"
#include "os/lock.h"
#include "os/random.h"
#include "os/thread.h"
#include "server/exchange.h"
#include "server/response_store.h"
#include "server/turn.h"
#include "tokenizer/token_list.h"

#include <stdio.h>
#include <string.h>

/* How often clients that hung up, fell behind or caught up are looked for. */
static const double WATCH_SECONDS = 0.05;

struct engine_loop {
    struct engine *engine;
    struct scheduler *scheduler;
    struct turn *turn;
    struct thread thread;
    struct lock lock;
    struct lock_signal signal;
    struct exchange *queue; /* under the lock, as the three below */
    unsigned queue_counts[SCHEDULER_URGENCY_COUNT];
    unsigned count; /* of exchanges that are not finished */
    bool is_stopping;
    struct scheduler_facts facts;
    struct exchange *working; /* list of those handed to the scheduler */
    double watched_seconds;
    void (*warn)(struct str lines); /* see scheduler_config */
    struct strbuf warned;           /* what was said last */
};

/* ---------------------------------------------------------------- what the scheduler tells */

/* Connections are woken after the step, all at once: each wakes the thread that has them, which
 * otherwise would run beside the step for every token. */
static void note_written(struct exchange *exchange)
{
    exchange->written_seconds = clock_seconds();
    exchange->has_news = true;
}

/* What an answer beside the first one wrote goes the same way. Under the lock. */
static void pass_on(struct exchange_choice *choice)
{
    struct exchange *exchange = choice->exchange;
    if (choice->reply == &exchange->reply)
        return;
    strbuf_add_str(&exchange->reply.out, strbuf_view(&choice->reply->out));
    strbuf_clear(&choice->reply->out);
}

static void on_began(void *context, const struct session_result *result)
{
    struct exchange_choice *choice = context;
    struct exchange *exchange = choice->exchange;
    lock_take(&exchange->lock);
    if (exchange->is_finished) { /* another answer failed */
        lock_give(&exchange->lock);
        return;
    }
    choice->began_seconds = clock_seconds();
    choice->reply->load_seconds = choice->began_seconds - exchange->begun_seconds;
    if (choice->reply->streams)
        exchange->http_status = 200;
    reply_begin(choice->reply, result);
    reply_progress(choice->reply, result->cached_tokens, 0);
    pass_on(choice);
    if (choice->reply->streams)
        note_written(exchange);
    lock_give(&exchange->lock);
}

/* The prompt is read, and the first token taken. */
static void note_answer(struct exchange_choice *choice)
{
    const double now = clock_seconds();
    choice->has_answered = true;
    choice->answered_seconds = now;
    reply_progress(choice->reply, choice->reply->result.prompt_tokens, now - choice->began_seconds);
}

/* What an answer that goes on tells of its times. */
static void note_times(struct exchange_choice *choice)
{
    struct session_result *result = &choice->reply->result;
    result->generated_tokens = choice->reply->token_count;
    result->prompt_seconds = choice->answered_seconds - choice->began_seconds;
    result->generate_seconds = clock_seconds() - choice->answered_seconds;
}

/* The tasks of a client that is behind pause until it has caught up; those of others go on. */
static void hold_all(struct exchange *exchange, bool is_held)
{
    exchange->is_held = is_held;
    for (unsigned i = 0; i < exchange->choice_count; i++)
        if (exchange->choices[i].task)
            scheduler_hold(exchange->choices[i].task, is_held);
}

static bool on_event(void *context, const struct chat_event *event)
{
    struct exchange_choice *choice = context;
    struct exchange *exchange = choice->exchange;
    lock_take(&exchange->lock);
    const size_t before = exchange->reply.out.len;
    if (!choice->has_answered)
        note_answer(choice);
    if (choice->reply->wants_timings)
        note_times(choice);
    bool goes_on = !exchange->is_gone && reply_event(choice->reply, event);
    pass_on(choice);
    if (exchange->reply.streams && exchange->reply.out.len > EXCHANGE_PAUSE_BYTES)
        exchange->is_behind = true;
    if (exchange->is_behind)
        hold_all(exchange, true);
    if (exchange->reply.out.len > before)
        note_written(exchange);
    lock_give(&exchange->lock);
    return goes_on;
}

static bool on_progress(void *context, uint32_t done, uint32_t total)
{
    (void)total;
    struct exchange_choice *choice = context;
    struct exchange *exchange = choice->exchange;
    lock_take(&exchange->lock);
    const size_t before = exchange->reply.out.len;
    if (done > 0)
        reply_progress(choice->reply, choice->reply->result.cached_tokens + done,
                       clock_seconds() - choice->began_seconds);
    pass_on(choice);
    if (exchange->reply.out.len > before)
        note_written(exchange);
    if (exchange->reply.streams &&
        clock_seconds() - exchange->written_seconds > EXCHANGE_PING_SECONDS) {
        reply_ping(&exchange->reply);
        note_written(exchange);
    }
    const bool goes_on = !exchange->is_gone;
    lock_give(&exchange->lock);
    return goes_on;
}

/* The last word of an exchange. Under the lock. */
static void finish_failed(struct exchange *exchange, const struct api_failure *failure)
{
    if (exchange->http_status == 0)
        exchange->http_status = failure->http_status;
    reply_fail(&exchange->reply, failure);
    exchange->is_finished = true;
    exchange_wake(exchange);
}

/* A conversation that does not fit, with both numbers. */
static struct api_failure context_failure(const struct exchange_choice *choice,
                                          const struct error *err)
{
    struct exchange *exchange = choice->exchange;
    struct engine *engine = exchange->engine;
    CLEANUP(chat_spans_done) struct chat_spans prompt = {0};
    CLEANUP(token_list_done) struct token_list tokens = {0};
    if (prompt_make(engine, &exchange->request, choice->prompt, &prompt, NULL) != OK ||
        engine_encode(engine, &prompt, &tokens, NULL) != OK)
        return api_failure_of(E_LIMIT, err);
    return api_failure_of_context(tokens.count, engine_get_info(engine)->context_tokens);
}

/* Puts the answer `part` into the list of all. Under the lock. */
static void add_to_list(struct exchange *exchange, unsigned index, json_t *part)
{
    if (!exchange->whole) {
        exchange->whole = json_array();
        for (unsigned i = 0; i < exchange->choice_count; i++)
            json_array_append_new(exchange->whole, json_null());
    }
    json_array_set_new(exchange->whole, index, part);
}

/* Adds what `part` has as "choices" to the answer of all. Under the lock. */
static void add_choices(struct exchange *exchange, unsigned index, json_t *part)
{
    if (!exchange->whole) {
        exchange->whole = json_object();
        json_object_set_new(exchange->whole, "choices", json_array());
        for (unsigned i = 0; i < exchange->choice_count; i++)
            json_array_append_new(json_object_get(exchange->whole, "choices"), json_null());
    }
    json_t *choices = json_incref(json_object_get(exchange->whole, "choices"));
    json_array_set(choices, index, json_array_get(json_object_get(part, "choices"), 0));
    json_object_set_new(part, "choices", choices);
    json_decref(exchange->whole);
    exchange->whole = part;
}

/* One answer is over. Under the lock. */
static void finish_choice(struct exchange_choice *choice, const struct session_result *result)
{
    struct exchange *exchange = choice->exchange;
    struct reply *reply = choice->reply;
    const bool is_last = ++exchange->over_count == exchange->choice_count;
    if (exchange->http_status == 0)
        exchange->http_status = 200;
    if (!choice->has_answered)
        note_answer(choice);
    reply->result = *result;
    reply->ended_us = clock_unix_us();
    reply->others_follow = !is_last;
    reply->others = exchange_others(choice);
    if (exchange->choice_count == 1 || reply->streams)
        reply_end(reply, result);
    else if (reply->format->is_list)
        add_to_list(exchange, reply->index, reply_end_whole(reply, result));
    else
        add_choices(exchange, reply->index, reply_end_whole(reply, result));
    if (exchange->draft && reply->final &&
        !exchange->is_gone) { /* before the client can know that it is there */
        response_store_keep(exchange->responses, exchange->draft, reply->final);
        exchange->draft = NULL;
    }
    pass_on(choice);
    if (is_last && exchange->whole)
        reply_add_json(&exchange->reply, json_incref(exchange->whole));
    exchange->is_finished = is_last;
    exchange->has_news = true;
}

static void cancel_all(struct exchange *exchange)
{
    for (unsigned i = 0; i < exchange->choice_count; i++)
        if (exchange->choices[i].task)
            scheduler_cancel(exchange->choices[i].task);
}

static void on_finished(void *context, const struct session_result *result, enum status status,
                        const struct error *err)
{
    struct exchange_choice *choice = context;
    struct exchange *exchange = choice->exchange;
    lock_take(&exchange->lock);
    choice->task = NULL;
    if (exchange->is_finished) {
        /* another answer failed before */
    } else if (status == OK) {
        finish_choice(choice, result);
    } else {
        const bool is_too_long = status == E_LIMIT && result->prompt_tokens == 0;
        const struct api_failure failure =
            is_too_long ? context_failure(choice, err) : api_failure_of(status, err);
        finish_failed(exchange, &failure);
        cancel_all(exchange);
    }
    lock_give(&exchange->lock);
}

/* ---------------------------------------------------------------- beginning */

static enum tool_choice choice_of(enum api_tool_choice choice)
{
    switch (choice) {
    case API_TOOLS_AUTO: return TOOL_CHOICE_AUTO;
    case API_TOOLS_REQUIRED: return TOOL_CHOICE_REQUIRED;
    case API_TOOLS_NONE: return TOOL_CHOICE_NONE;
    }
    return TOOL_CHOICE_AUTO;
}

/* Calls are valid by construction, whatever the choice; an answer may be held to a schema or to a
 * grammar, which wait until the model has thought. What cannot be enforced is left open, and said
 * in `warnings`. */
static enum status make_mask(struct engine *engine, const struct api_request *request,
                             struct strbuf *warnings, struct token_mask **out, struct error *err)
{
    *out = NULL;
    if (!request->schema && request->grammar.len == 0 && json_array_size(request->chat.tools) == 0)
        return OK;
    const struct tool_mask_options options = {
        .tools = request->chat.tools,
        .choice = choice_of(request->tool_choice),
        .name = request->tool_name,
        .call_count_max = request->one_call_only ? 1 : 0,
        .warnings = warnings, /* clients' tools: better held loosely than refused */
        .inputs = request->tool_grammars,
        .schema = request->schema,
        .grammar = request->grammar,
        .is_raw = request->is_raw,
        .is_unthinking = request->chat.thinking == CHAT_THINKING_OFF,
    };
    return tool_mask_make(engine, &options, out, err);
}

/* Says what is not enforced, unless it is what was said last: a conversation has the same tools in
 * every request. */
static void warn(struct engine_loop *loop, const struct strbuf *warnings)
{
    if (!loop->warn || !warnings->len ||
        str_equal(strbuf_view(&loop->warned), strbuf_view(warnings)))
        return;
    strbuf_clear(&loop->warned);
    strbuf_add_str(&loop->warned, strbuf_view(warnings));
    loop->warn(strbuf_view(warnings));
}

/* Small enough for a client's numbers, so that it can ask for the same again. */
static uint64_t drawn_seed(void)
{
    uint32_t seed = 0;
    random_bytes(&seed, sizeof(seed));
    return seed;
}

/* Begins one answer of an exchange. */
static enum status begin(struct engine_loop *loop, struct exchange_choice *choice,
                         struct error *err)
{
    struct exchange *exchange = choice->exchange;
    struct api_request *request = &exchange->request;
    struct reply *reply = choice->reply;
    CLEANUP(chat_spans_done) struct chat_spans prompt = {0};
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    CLEANUP(strbuf_done) struct strbuf warnings = {0};
    TRY(scheduler_check_room(loop->scheduler, exchange->urgency, err)); /* before the work */
    request->chat.local_seconds = clock_local_seconds();
    TRY(prompt_make(loop->engine, request, choice->prompt, &prompt, err));
    TRY(make_mask(loop->engine, request, &warnings, &mask, err));
    warn(loop, &warnings);
    struct scheduler_request wanted = {
        .prompt = &prompt,
        .mask = mask,
        .sampler = request->sampler,
        .limits =
            {
                .token_count_max = request->token_count_max,
                .starts_in_reasoning =
                    !request->is_raw && engine_prompt_opens_reasoning(loop->engine, &prompt),
                .ignores_end = request->ignores_end,
                .makes_no_calls = json_array_size(request->chat.tools) == 0,
                .is_plain = request->is_raw,
                .biases = request->biases,
                .bias_count = request->bias_count,
                .wants_tokens = request->wants_tokens,
                .wants_ids = request->wants_ids || request->wants_timings,
                .only_reads = request->only_reads,
                .top_count = request->top_count,
                .tools = request->chat.tools,
            },
        .sink =
            {
                .began = on_began,
                .event = on_event,
                .progress = on_progress,
                .finished = on_finished,
                .context = choice,
            },
        .urgency = exchange->urgency,
    };
    if (!request->has_seed)
        wanted.sampler.seed = drawn_seed();
    wanted.sampler.seed += choice->nth;
    reply->seed = wanted.sampler.seed;
    reply->context_tokens = engine_get_info(loop->engine)->context_tokens;
    if (reply->format->tells_prompt && reply->prompt.len == 0)
        prompt_text(loop->engine, &prompt, &reply->prompt);
    TRY(scheduler_add(loop->scheduler, &wanted, &choice->task, err));
    mask = NULL; /* the task's */
    scheduler_hold(choice->task, exchange->is_held);
    choice->has_begun = true;
    exchange->begun_count++;
    return OK;
}

static void count_finished(struct engine_loop *loop)
{
    lock_take(&loop->lock);
    loop->count--;
    lock_give(&loop->lock);
}

/* Takes over the queue's reference. */
static void refuse(struct engine_loop *loop, struct exchange *exchange, enum status status,
                   const struct error *err)
{
    const struct api_failure failure = api_failure_of(status, err);
    lock_take(&exchange->lock);
    finish_failed(exchange, &failure);
    lock_give(&exchange->lock);
    exchange_unref(exchange);
    count_finished(loop);
}

static bool has_tasks(const struct exchange *exchange)
{
    for (unsigned i = 0; i < exchange->choice_count; i++)
        if (exchange->choices[i].task)
            return true;
    return false;
}

/* The answers whose time has come. Where the queue is full they wait: the next step asks again. */
static void begin_others(struct exchange *exchange, struct engine_loop *loop)
{
    struct error err = {0};
    enum status status = OK;
    struct exchange_choice *choice = NULL;
    while (status == OK && !exchange->is_finished && (choice = exchange_next_choice(exchange)))
        status = begin(loop, choice, &err);
    if (status == OK || status == E_BUSY)
        return;
    const struct api_failure failure = api_failure_of(status, &err);
    lock_take(&exchange->lock);
    if (!exchange->is_finished)
        finish_failed(exchange, &failure);
    cancel_all(exchange);
    lock_give(&exchange->lock);
}

/* Takes over the queue's reference. */
static void take_up(struct engine_loop *loop, struct exchange *exchange)
{
    struct error err = {0};
    exchange->engine = loop->engine;
    exchange->begun_seconds = clock_seconds();
    const enum status status = begin(loop, &exchange->choices[0], &err);
    if (status != OK) {
        refuse(loop, exchange, status, &err);
        return;
    }
    exchange->next = loop->working;
    loop->working = exchange;
    begin_others(exchange, loop);
}

/* ---------------------------------------------------------------- the loop */

/* No task of it is left, and none will come. */
static bool is_finished(struct exchange *exchange)
{
    lock_take(&exchange->lock);
    const bool finished = exchange->is_finished;
    lock_give(&exchange->lock);
    return finished && !has_tasks(exchange);
}

static void drop_finished(struct engine_loop *loop)
{
    struct exchange **link = &loop->working;
    while (*link) {
        struct exchange *exchange = *link;
        if (!is_finished(exchange)) {
            link = &exchange->next;
            continue;
        }
        *link = exchange->next;
        exchange_unref(exchange);
        count_finished(loop);
    }
}

/* Tells connections what the step brought. */
static void wake_all(struct engine_loop *loop)
{
    for (struct exchange *exchange = loop->working; exchange; exchange = exchange->next) {
        if (!exchange->has_news)
            continue;
        exchange->has_news = false;
        lock_take(&exchange->lock);
        exchange_wake(exchange);
        lock_give(&exchange->lock);
    }
}

/* Says to who waits for its turn how many go first, and to who lost its place that it is not
 * forgotten. */
static void tell_place(struct engine_loop *loop, struct exchange *exchange, double now)
{
    const struct exchange_choice *first = &exchange->choices[0];
    lock_take(&exchange->lock);
    const bool is_silent = exchange->reply.streams && !exchange->is_finished &&
                           now - exchange->written_seconds > EXCHANGE_PING_SECONDS;
    if (is_silent && exchange->reply.has_begun && !exchange->is_behind) {
        reply_ping(&exchange->reply);
        note_written(exchange);
    }
    const bool waits = is_silent && !exchange->reply.has_begun && first->task;
    lock_give(&exchange->lock);
    if (!waits)
        return;
    char why[64];
    snprintf(why, sizeof(why), "waiting, %u requests go first",
             scheduler_ahead(loop->scheduler, first->task));
    (void)exchange_wait(exchange, str_from_c(why));
}

/* Cancels the tasks of clients that are gone, and lets their connections end; lets tasks go on
 * whose clients have caught up. */
static void watch(struct engine_loop *loop)
{
    const double now = clock_seconds();
    if (now - loop->watched_seconds < WATCH_SECONDS)
        return;
    loop->watched_seconds = now;
    for (struct exchange *exchange = loop->working; exchange; exchange = exchange->next) {
        lock_take(&exchange->lock);
        if (!exchange->is_gone && exchange->fd >= 0 && hang_up_seen(exchange->fd))
            exchange->is_gone = true;
        if (exchange->is_gone) {
            cancel_all(exchange);
            exchange_wake(exchange);
        } else if (exchange->is_held && !exchange->is_behind) {
            hold_all(exchange, false);
        }
        const bool is_gone = exchange->is_gone;
        lock_give(&exchange->lock);
        if (!is_gone)
            tell_place(loop, exchange, now);
    }
}

/* Waits for work if there is none; false when the loop is to end. */
static bool next_exchanges(struct engine_loop *loop, bool is_idle, struct exchange **out)
{
    const int wait_ms = loop->working ? (int)(WATCH_SECONDS * 1000) : -1; /* for who is behind */
    lock_take(&loop->lock);
    scheduler_get_facts(loop->scheduler, &loop->facts);
    while (is_idle && !loop->queue && !loop->is_stopping) {
        (void)lock_signal_wait(&loop->signal, &loop->lock, wait_ms);
        if (wait_ms >= 0)
            break;
    }
    *out = loop->queue;
    loop->queue = NULL;
    memset(loop->queue_counts, 0, sizeof(loop->queue_counts));
    const bool goes_on = !loop->is_stopping;
    lock_give(&loop->lock);
    return goes_on;
}

/* False when there is something better to do than storing prompts. */
static bool is_unasked(void *context)
{
    struct engine_loop *loop = context;
    lock_take(&loop->lock);
    bool unasked = !loop->queue && !loop->is_stopping;
    lock_give(&loop->lock);
    for (struct exchange *exchange = loop->working; exchange && unasked;
         exchange = exchange->next) {
        lock_take(&exchange->lock); /* one that paused may go on, or is gone */
        unasked = exchange->is_behind && !exchange->is_gone;
        lock_give(&exchange->lock);
    }
    return unasked;
}

static void run(void *context)
{
    struct engine_loop *loop = context;
    struct exchange *fresh = NULL;
    bool is_idle = true;
    while (next_exchanges(loop, is_idle, &fresh)) {
        while (fresh) {
            struct exchange *exchange = fresh;
            fresh = exchange->next;
            exchange->next = NULL;
            take_up(loop, exchange);
        }
        watch(loop);
        turn_take(loop->turn);
        is_idle = !scheduler_step(loop->scheduler);
        turn_give(loop->turn);
        wake_all(loop);
        for (struct exchange *exchange = loop->working; exchange; exchange = exchange->next)
            begin_others(exchange, loop);
        drop_finished(loop);
        if (is_idle)
            scheduler_keep(loop->scheduler, is_unasked, loop);
    }
    while (fresh) {
        struct exchange *exchange = fresh;
        fresh = exchange->next;
        refuse(loop, exchange, E_BUSY, &(struct error){.text = "holt is closing"});
    }
    scheduler_free(loop->scheduler);
    loop->scheduler = NULL;
    wake_all(loop);
    drop_finished(loop);
}

/* ---------------------------------------------------------------- life */

enum status engine_loop_start(struct engine *engine, const struct scheduler_config *config,
                              struct turn *turn, struct engine_loop **out, struct error *err)
{
    struct engine_loop *loop = mem_zalloc(sizeof(*loop));
    loop->engine = engine;
    loop->turn = turn;
    loop->warn = config->warn;
    lock_init(&loop->lock);
    lock_signal_init(&loop->signal);
    enum status status = scheduler_new(engine, config, &loop->scheduler, err);
    if (status == OK)
        status = thread_start(&loop->thread, "engine", run, loop, err);
    if (status != OK) {
        scheduler_free(loop->scheduler);
        loop->scheduler = NULL;
        engine_loop_stop(loop);
        return status;
    }
    *out = loop;
    return OK;
}

void engine_loop_stop(struct engine_loop *loop)
{
    if (!loop)
        return;
    lock_take(&loop->lock);
    loop->is_stopping = true;
    lock_signal_send(&loop->signal);
    lock_give(&loop->lock);
    thread_join(&loop->thread);
    lock_signal_done(&loop->signal);
    lock_done(&loop->lock);
    strbuf_done(&loop->warned);
    mem_free(loop);
}

enum status engine_loop_submit(struct engine_loop *loop, struct exchange *exchange,
                               struct error *err)
{
    lock_take(&loop->lock);
    const unsigned count =
        loop->queue_counts[exchange->urgency] + loop->facts.waiting_counts[exchange->urgency];
    if (loop->is_stopping || count >= SCHEDULER_QUEUE_MAX) {
        lock_give(&loop->lock);
        return error_set(err, E_BUSY, "%u requests are waiting already; try again later", count);
    }
    struct exchange **end = &loop->queue;
    while (*end)
        end = &(*end)->next;
    *end = exchange_ref(exchange);
    loop->queue_counts[exchange->urgency]++;
    loop->count++;
    lock_signal_send(&loop->signal);
    lock_give(&loop->lock);
    return OK;
}

unsigned engine_loop_count(struct engine_loop *loop)
{
    lock_take(&loop->lock);
    const unsigned count = loop->count;
    lock_give(&loop->lock);
    return count;
}

void engine_loop_facts(struct engine_loop *loop, struct scheduler_facts *out)
{
    lock_take(&loop->lock);
    *out = loop->facts;
    lock_give(&loop->lock);
}
