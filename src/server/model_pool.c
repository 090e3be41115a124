#include "server/model_pool.h"

#include "base/mem.h"
#include "chat/chat_template_caps.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/thread.h"
#include "server/engine_loop.h"
#include "server/exchange.h"
#include "server/job_loop.h"
#include "server/turn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WAITING_MAX = SCHEDULER_QUEUE_MAX };

/* How often busy models are looked at that are to go when they are idle. */
static const double BUSY_SECONDS = 0.05;
/* How often those who wait for a model are looked at. */
static const int WAITING_MS = 500;

enum slot_state { SLOT_WANTED, SLOT_LOADING, SLOT_READY };

/* One model; in the list from the first request for it until it is unloaded. */
struct slot {
    struct slot *next;
    char *name;
    enum slot_state state;
    struct api_model model; /* once it is ready, as the two below: one of them is set */
    struct engine_loop *loop;
    struct job_loop *jobs;
    struct exchange *waiting; /* until it is ready */
    unsigned waiting_count;
    double wanted_seconds; /* clock_seconds() of the first request */
    bool waits_for_memory;
    double keep_seconds; /* below 0: for ever */
    double used_seconds; /* clock_seconds() of the last request, or when it was last seen busy */
};

struct model_pool {
    struct model_pool_config config;
    struct turn turn;
    struct thread thread; /* opens, closes and describes models */
    struct thread herald; /* tells who waits for them */
    struct lock lock;
    struct lock_signal signal;
    struct lock_signal waiting; /* somebody waits */
    struct slot *slots;         /* under the lock, as all below */
    char *first_name;
    struct scheduler_facts ended; /* counts of models that are not loaded any more */
    struct exchange *described;   /* wait for a description */
    bool is_stopping;
};

/* ---------------------------------------------------------------- slots; under the lock */

static struct slot *find_slot(struct model_pool *pool, const char *name)
{
    struct slot *slot = pool->slots;
    while (slot && strcmp(slot->name, name) != 0)
        slot = slot->next;
    return slot;
}

static struct slot *add_slot(struct model_pool *pool, const char *name)
{
    struct slot *slot = mem_zalloc(sizeof(*slot));
    slot->name = mem_copy_str(name);
    slot->keep_seconds = pool->config.keep_seconds;
    slot->wanted_seconds = clock_seconds();
    slot->next = pool->slots;
    pool->slots = slot;
    return slot;
}

static unsigned busy_count(const struct slot *slot)
{
    if (slot->state != SLOT_READY)
        return 1;
    return slot->loop ? engine_loop_count(slot->loop) : job_loop_count(slot->jobs);
}

static void unlink_slot(struct model_pool *pool, struct slot *slot)
{
    struct slot **link = &pool->slots;
    while (*link != slot)
        link = &(*link)->next;
    *link = slot->next;
}

/* ---------------------------------------------------------------- exchanges */

static void append(struct exchange **list, struct exchange *exchange)
{
    while (*list)
        list = &(*list)->next;
    *list = exchange_ref(exchange);
}

/* Takes over the list's reference. */
static void refuse(struct exchange *exchange, const struct api_failure *failure)
{
    exchange_finish(exchange, NULL, failure);
    exchange_unref(exchange);
}

static void refuse_all(struct exchange **list, const struct api_failure *failure)
{
    while (*list) {
        struct exchange *exchange = *list;
        *list = exchange->next;
        exchange->next = NULL;
        refuse(exchange, failure);
    }
}

static void answer_exchange(struct exchange *exchange, const struct api_model *model)
{
    struct api_failure failure = {0};
    const struct api_context context = {.model = model,
                                        .now_us = clock_unix_us(),
                                        .local_seconds = clock_local_seconds(),
                                        .seconds = clock_seconds,
                                        .settings = exchange->settings,
                                        .is_anthropic = exchange->is_anthropic};
    json_t *value = exchange->route->answer(&context, exchange->body, &failure);
    exchange_finish(exchange, value, &failure);
}

/* Ollama's way to load or unload a model: a request without content. */
static bool only_loads(struct slot *slot, struct exchange *exchange)
{
    if (!exchange->route->read || !exchange->request.only_loads)
        return false;
    lock_take(&exchange->lock);
    reply_loaded(&exchange->reply, slot->keep_seconds == 0);
    exchange->http_status = 200;
    exchange->is_finished = true;
    exchange_wake(exchange);
    lock_give(&exchange->lock);
    return true;
}

/* To a model that is ready. */
static bool hand_over(struct slot *slot, struct exchange *exchange, struct api_failure *out_failure)
{
    const struct route *route = exchange->route;
    struct error err = {0};
    enum status status = OK;
    if (route->read) /* the engine has not begun */
        exchange_name_model(exchange, slot->model.name);
    if (route->read && exchange->request.context_tokens > slot->model.context_tokens) {
        *out_failure = route_no_context(&slot->model, exchange->request.context_tokens);
        return false;
    }
    if (only_loads(slot, exchange))
        return true;
    if (route->read && !slot->loop) {
        *out_failure = route_no_chat(&slot->model);
        return false;
    }
    if (route->work && !slot->jobs) {
        *out_failure = route_no_embeddings(&slot->model);
        return false;
    }
    if (route->answer)
        answer_exchange(exchange, &slot->model);
    else if (slot->loop)
        status = engine_loop_submit(slot->loop, exchange, &err);
    else
        status = job_loop_submit(slot->jobs, exchange, &err);
    if (status != OK)
        *out_failure = api_failure_of(status, &err);
    return status == OK;
}

static void hand_over_waiting(struct slot *slot)
{
    while (slot->waiting) {
        struct api_failure failure = {0};
        struct exchange *exchange = slot->waiting;
        slot->waiting = exchange->next;
        exchange->next = NULL;
        if (hand_over(slot, exchange, &failure))
            exchange_unref(exchange);
        else
            refuse(exchange, &failure);
    }
    slot->waiting_count = 0;
}

/* ---------------------------------------------------------------- the pool's thread */

static enum status start_loop(struct model_pool *pool, struct slot *slot, struct error *err)
{
    slot->model.name = str_from_c(slot->name);
    if (slot->model.embed)
        return job_loop_start(&slot->model, &pool->turn, &slot->jobs, err);
    return engine_loop_start(slot->model.engine, &pool->config.scheduler, &pool->turn, &slot->loop,
                             err);
}

/* What it counted stays counted; what it has now is gone with it. */
static void keep_counts(struct model_pool *pool, const struct slot *slot)
{
    struct scheduler_facts facts = {0};
    engine_loop_facts(slot->loop, &facts);
    facts.active_count = facts.waiting_count = facts.held_count = facts.idle_session_count = 0;
    memset(facts.waiting_counts, 0, sizeof(facts.waiting_counts));
    facts.stored_bytes = 0;
    lock_take(&pool->lock);
    scheduler_add_facts(&pool->ended, &facts);
    lock_give(&pool->lock);
}

/* A slot that is in no list any more. Without the lock. */
static void end_slot(struct model_pool *pool, struct slot *slot)
{
    if (slot->loop)
        keep_counts(pool, slot);
    if (slot->loop)
        engine_loop_stop(slot->loop);
    job_loop_stop(slot->jobs);
    if (slot->state == SLOT_READY)
        pool->config.provider.close(pool->config.provider.context, &slot->model);
    mem_free(slot->name);
    mem_free(slot);
}

/* Unloads the model that has been idle longest. False: none is idle; *out_are_busy: some are busy,
 * so that waiting helps. */
static bool make_room(struct model_pool *pool, const struct slot *wanted, bool *out_are_busy)
{
    struct slot *oldest = NULL;
    *out_are_busy = false;
    lock_take(&pool->lock);
    for (struct slot *slot = pool->slots; slot; slot = slot->next) {
        if (slot == wanted || slot->state != SLOT_READY)
            continue;
        if (busy_count(slot) > 0)
            *out_are_busy = true;
        else if (!oldest || slot->used_seconds < oldest->used_seconds)
            oldest = slot;
    }
    *out_are_busy &= !pool->is_stopping;
    if (oldest)
        unlink_slot(pool, oldest);
    lock_give(&pool->lock);
    if (oldest)
        end_slot(pool, oldest);
    return oldest != NULL;
}

/* Without the lock. */
static enum status open_model(struct model_pool *pool, struct slot *slot, struct error *err)
{
    const struct model_provider *provider = &pool->config.provider;
    bool are_busy = true;
    for (;;) {
        const enum status status = provider->open(provider->context, slot->name, &slot->model, err);
        if (status != E_LIMIT || (!make_room(pool, slot, &are_busy) && !are_busy))
            return status;
        lock_take(&pool->lock);
        slot->waits_for_memory = are_busy;
        lock_give(&pool->lock);
        if (are_busy)
            clock_sleep_ns((uint64_t)(BUSY_SECONDS * 1e9));
    }
}

/* Under the lock, which is given meanwhile. */
static void load(struct model_pool *pool, struct slot *slot)
{
    struct error err = {0};
    slot->state = SLOT_LOADING;
    lock_give(&pool->lock);
    enum status status = open_model(pool, slot, &err);
    const bool is_open = status == OK;
    if (status == OK)
        status = start_loop(pool, slot, &err);
    lock_take(&pool->lock);
    slot->used_seconds = clock_seconds();
    if (status == OK) {
        slot->state = SLOT_READY;
        hand_over_waiting(slot);
        return;
    }
    struct api_failure failure = api_failure_of(status, &err);
    if (status == E_LIMIT) { /* of memory, not of the conversation */
        failure.http_status = 503;
        failure.is_context = false;
    }
    unlink_slot(pool, slot);
    refuse_all(&slot->waiting, &failure);
    slot->state = is_open ? SLOT_READY : SLOT_LOADING; /* what is open is closed */
    lock_give(&pool->lock);
    end_slot(pool, slot);
    lock_take(&pool->lock);
}

/* The same. */
static void describe(struct model_pool *pool)
{
    const struct model_provider *provider = &pool->config.provider;
    struct exchange *exchange = pool->described;
    struct api_model model = {0};
    struct error err = {0};
    CLEANUP(model_pool_found_done) struct model_pool_found found = {0};
    struct str asked = {0};
    pool->described = exchange->next;
    exchange->next = NULL;
    lock_give(&pool->lock);
    enum status status = route_model_name(exchange->body, &asked, &err);
    if (status == OK)
        status = provider->find(provider->context, asked, &found, &err);
    if (status == OK)
        status = provider->describe(provider->context, found.name, &model, &err);
    if (status == OK) {
        model.name = str_from_c(found.name);
        answer_exchange(exchange, &model);
        exchange_unref(exchange);
        provider->close(provider->context, &model);
    } else {
        const struct api_failure failure = api_failure_of(status, &err);
        refuse(exchange, &failure);
    }
    lock_take(&pool->lock);
}

static struct slot *find_wanted(struct model_pool *pool)
{
    struct slot *slot = pool->slots;
    while (slot && slot->state != SLOT_WANTED)
        slot = slot->next;
    return slot;
}

/* A model whose time is over, out of the list, or NULL; *out_seconds until the next one's. */
static struct slot *take_expired(struct model_pool *pool, double *out_seconds)
{
    const double now = clock_seconds();
    *out_seconds = HUGE_VAL;
    for (struct slot *slot = pool->slots; slot; slot = slot->next) {
        if (slot->keep_seconds < 0 || slot->state != SLOT_READY)
            continue;
        double left = slot->used_seconds + slot->keep_seconds - now;
        if (busy_count(slot) > 0) {
            slot->used_seconds = now;
            left = slot->keep_seconds > BUSY_SECONDS ? slot->keep_seconds : BUSY_SECONDS;
        } else if (left <= 0) {
            unlink_slot(pool, slot);
            return slot;
        }
        *out_seconds = left < *out_seconds ? left : *out_seconds;
    }
    return NULL;
}

static void run(void *context)
{
    struct model_pool *pool = context;
    lock_take(&pool->lock);
    while (!pool->is_stopping) {
        double seconds = 0;
        struct slot *wanted = find_wanted(pool);
        if (wanted) {
            load(pool, wanted);
            continue;
        }
        if (pool->described) {
            describe(pool);
            continue;
        }
        struct slot *expired = take_expired(pool, &seconds);
        if (expired) {
            lock_give(&pool->lock);
            end_slot(pool, expired);
            lock_take(&pool->lock);
            continue;
        }
        const int wait_ms = seconds < 1e6 ? (int)(seconds * 1000) + 1 : -1;
        (void)lock_signal_wait(&pool->signal, &pool->lock, wait_ms);
    }
    lock_give(&pool->lock);
}

/* ---------------------------------------------------------------- who waits */

/* Tells them why, and takes those out that are gone. Under the lock. */
static void tell_waiting(struct slot *slot)
{
    const struct error gone = {.text = "the client is gone"};
    const struct api_failure failure = api_failure_of(E_CANCELLED, &gone);
    char why[128];
    snprintf(why, sizeof(why), "%s %.80s, %.0f s",
             slot->waits_for_memory ? "waiting for memory to load" : "loading", slot->name,
             clock_seconds() - slot->wanted_seconds);
    struct exchange **link = &slot->waiting;
    while (*link) {
        struct exchange *exchange = *link;
        if (exchange_wait(exchange, str_from_c(why))) {
            link = &exchange->next;
            continue;
        }
        *link = exchange->next;
        exchange->next = NULL;
        slot->waiting_count--;
        refuse(exchange, &failure);
    }
}

static void herald(void *context)
{
    struct model_pool *pool = context;
    lock_take(&pool->lock);
    while (!pool->is_stopping) {
        bool has_waiting = false;
        for (struct slot *slot = pool->slots; slot; slot = slot->next) {
            tell_waiting(slot);
            has_waiting |= slot->waiting != NULL;
        }
        (void)lock_signal_wait(&pool->waiting, &pool->lock, has_waiting ? WAITING_MS : -1);
    }
    lock_give(&pool->lock);
}

/* ---------------------------------------------------------------- requests */

void model_pool_found_done(struct model_pool_found *found)
{
    mem_free(found->name);
    json_decref(found->settings);
    *found = (struct model_pool_found){0};
}

bool model_pool_find(struct model_pool *pool, struct str name, struct model_pool_found *out,
                     struct api_failure *out_failure)
{
    const struct model_provider *provider = &pool->config.provider;
    struct error err = {0};
    name = route_plain_name(name);
    if (name.len > 0 && !str_equal_c(name, pool->first_name)) {
        const enum status status = provider->find(provider->context, name, out, &err);
        if (status != OK)
            *out_failure = api_failure_of(status, &err);
        return status == OK;
    }
    out->name = mem_copy_str(pool->first_name);
    if (pool->config.first_settings) /* a copy: threads do not share counts of references */
        out->settings = json_deep_copy(pool->config.first_settings);
    return true;
}

static enum status check_admission(const struct model_pool *pool, const struct slot *slot,
                                   struct error *err)
{
    if (pool->is_stopping)
        return error_set(err, E_BUSY, "holt is closing");
    if (slot && slot->waiting_count >= WAITING_MAX)
        return error_set(err, E_BUSY, "%u requests wait for this model already; try again later",
                         slot->waiting_count);
    return OK;
}

/* Under the lock. */
static bool submit_to(struct model_pool *pool, const char *name, const double *keep_seconds,
                      struct exchange *exchange, struct api_failure *out_failure)
{
    struct error err = {0};
    struct slot *slot = find_slot(pool, name);
    const enum status status = check_admission(pool, slot, &err);
    if (status != OK) {
        *out_failure = api_failure_of(status, &err);
        return false;
    }
    if (!slot && exchange->route->answer && exchange->route->about == ROUTE_ABOUT_DESCRIPTION) {
        append(&pool->described, exchange);
        lock_signal_send(&pool->signal);
        return true;
    }
    if (!slot)
        slot = add_slot(pool, name);
    if (keep_seconds)
        slot->keep_seconds = *keep_seconds;
    slot->used_seconds = clock_seconds();
    lock_signal_send(&pool->signal);
    if (slot->state == SLOT_READY)
        return hand_over(slot, exchange, out_failure);
    append(&slot->waiting, exchange);
    slot->waiting_count++;
    lock_signal_send(&pool->waiting);
    return true;
}

bool model_pool_submit(struct model_pool *pool, const char *name, const double *keep_seconds,
                       struct exchange *exchange, struct api_failure *out_failure)
{
    lock_take(&pool->lock);
    const bool is_taken = submit_to(pool, name, keep_seconds, exchange, out_failure);
    lock_give(&pool->lock);
    return is_taken;
}

/* ---------------------------------------------------------------- answers at once */

/* What is known of loaded models only. Under the lock. */
static void note_loaded(const struct slot *slot, int64_t now_us, struct model_list_row *row)
{
    const double left = slot->used_seconds + slot->keep_seconds - clock_seconds();
    struct scheduler_facts facts = {0};
    if (slot->loop)
        engine_loop_facts(slot->loop, &facts);
    row->is_loaded = true;
    row->embeds = slot->model.is_for_embeddings;
    row->calls_tools = slot->model.caps && slot->model.caps->tools;
    row->thinks = slot->model.caps && slot->model.caps->reasoning;
    row->context_tokens = slot->model.context_tokens;
    row->memory_bytes = slot->model.memory_bytes;
    row->expires_us =
        slot->keep_seconds < 0 || slot->keep_seconds > 1e9 ? 0 : now_us + (int64_t)(left * 1e6);
    row->active_count = facts.active_count;
    row->waiting_count = facts.waiting_count;
}

/* E_BUSY when the models are gone already. */
static enum status make_list(struct model_pool *pool, int64_t now_us, struct model_list *out,
                             struct error *err)
{
    pool->config.provider.list(pool->config.provider.context, out);
    lock_take(&pool->lock);
    const enum status status = check_admission(pool, NULL, err);
    for (size_t i = 0; i < out->count; i++) {
        struct model_list_row *row = &out->rows[i];
        const struct slot *slot = find_slot(pool, row->loaded_as[0] ? row->loaded_as : row->name);
        if (slot && slot->state == SLOT_READY)
            note_loaded(slot, now_us, row);
    }
    lock_give(&pool->lock);
    return status;
}

static json_t *answer_about(struct model_pool *pool, const struct route *route, struct str name,
                            struct api_context *context, const json_t *body, bool *out_waits,
                            struct api_failure *out_failure)
{
    CLEANUP(model_pool_found_done) struct model_pool_found found = {0};
    json_t *value = NULL;
    if (!model_pool_find(pool, name, &found, out_failure))
        return NULL;
    lock_take(&pool->lock);
    struct slot *slot = find_slot(pool, found.name);
    if (slot && slot->state == SLOT_READY) {
        slot->used_seconds = clock_seconds();
        context->model = &slot->model;
        context->settings = found.settings;
        value = route->answer(context, body, out_failure);
        context->settings = NULL;
    } else {
        *out_waits = true;
    }
    lock_give(&pool->lock);
    return value;
}

json_t *model_pool_answer(struct model_pool *pool, const struct route *route, struct str name,
                          struct api_context *context, const json_t *body, bool *out_waits,
                          struct api_failure *out_failure)
{
    struct error err = {0};
    json_t *value = NULL;
    *out_waits = false;
    if (route->about == ROUTE_ABOUT_SERVER)
        return route->answer(context, body, out_failure);
    if (route->about != ROUTE_ABOUT_LIST)
        return answer_about(pool, route, name, context, body, out_waits, out_failure);
    struct model_list list = {0};
    const enum status status = make_list(pool, context->now_us, &list, &err);
    context->models = &list;
    if (status == OK)
        value = route->answer(context, body, out_failure);
    else
        *out_failure = api_failure_of(status, &err);
    model_list_done(&list);
    context->models = NULL;
    return value;
}

void model_pool_facts(struct model_pool *pool, struct scheduler_facts *out)
{
    lock_take(&pool->lock);
    *out = pool->ended;
    for (const struct slot *slot = pool->slots; slot; slot = slot->next) {
        struct scheduler_facts facts = {0};
        if (slot->state == SLOT_READY && slot->loop)
            engine_loop_facts(slot->loop, &facts);
        scheduler_add_facts(out, &facts);
        out->waiting_count += slot->waiting_count;
    }
    lock_give(&pool->lock);
}

/* ---------------------------------------------------------------- life */

enum status model_pool_start(const struct model_pool_config *config, struct model_pool **out,
                             struct error *err)
{
    struct model_pool *pool = mem_zalloc(sizeof(*pool));
    pool->config = *config;
    turn_init(&pool->turn);
    lock_init(&pool->lock);
    lock_signal_init(&pool->signal);
    lock_signal_init(&pool->waiting);
    pool->first_name = mem_zalloc(config->first.name.len + 1);
    memcpy(pool->first_name, config->first.name.ptr, config->first.name.len);
    struct slot *slot = add_slot(pool, pool->first_name);
    slot->model = config->first;
    slot->keep_seconds = -1; /* it was asked for when the server was started */
    slot->used_seconds = clock_seconds();
    slot->state = SLOT_READY;
    enum status status = start_loop(pool, slot, err);
    if (status == OK)
        status = thread_start(&pool->thread, "models", run, pool, err);
    if (status == OK)
        status = thread_start(&pool->herald, "herald", herald, pool, err);
    if (status != OK) {
        model_pool_stop(pool);
        model_pool_free(pool);
        return status;
    }
    *out = pool;
    return OK;
}

void model_pool_stop(struct model_pool *pool)
{
    if (!pool)
        return;
    const struct error closing = {.text = "holt is closing"};
    const struct api_failure failure = api_failure_of(E_BUSY, &closing);
    lock_take(&pool->lock);
    pool->is_stopping = true;
    lock_signal_send(&pool->signal);
    lock_signal_send(&pool->waiting);
    lock_give(&pool->lock);
    thread_join(&pool->thread);
    thread_join(&pool->herald);
    lock_take(&pool->lock);
    struct slot *slots = pool->slots;
    pool->slots = NULL;
    refuse_all(&pool->described, &failure);
    lock_give(&pool->lock);
    while (slots) {
        struct slot *slot = slots;
        slots = slot->next;
        refuse_all(&slot->waiting, &failure);
        end_slot(pool, slot);
    }
}

void model_pool_free(struct model_pool *pool)
{
    if (!pool)
        return;
    lock_signal_done(&pool->signal);
    lock_signal_done(&pool->waiting);
    lock_done(&pool->lock);
    turn_done(&pool->turn);
    mem_free(pool->first_name);
    mem_free(pool);
}
