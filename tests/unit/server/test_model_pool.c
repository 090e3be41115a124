/*
 * Models come and go under requests: who asks for one that is not loaded waits for it, memory is
 * made by who was idle longest, a busy model is never taken away, and a failure reaches all who
 * wait. The models are the built-in one under several names; memory is counted here.
 */
#include "base/mem.h"
#include "engine/engine.h"
#include "os/clock.h"
#include "server/exchange.h"
#include "server/model_pool.h"
#include "tests/holt_test.h"

#include <stdatomic.h>

struct world {
    unsigned room; /* models that fit */
    _Atomic unsigned open_count;
    _Atomic unsigned opened; /* ever */
    _Atomic bool is_slow;
};

static enum status find(void *context, struct str name, struct model_pool_found *out,
                        struct error *err)
{
    (void)context;
    if (name.len != 1 || name.ptr[0] < 'a' || name.ptr[0] > 'f')
        return error_set(err, E_NOT_FOUND, "no such model");
    out->name = mem_zalloc(name.len + 1);
    memcpy(out->name, name.ptr, name.len);
    return OK;
}

static enum status open_model(void *context, const char *name, struct api_model *out,
                              struct error *err)
{
    struct world *world = context;
    const struct engine_config config = {.thread_count = 1, .context_tokens = 512};
    *out = (struct api_model){0};
    if (strcmp(name, "f") == 0)
        return error_set(err, E_FORMAT, "f is broken");
    if (world->open_count >= world->room)
        return error_set(err, E_LIMIT, "no room for %s", name);
    while (world->is_slow)
        clock_sleep_ns(1000000);
    TRY(engine_open(&config, &out->engine, err));
    out->tokenizer = engine_tokenizer(out->engine);
    out->context_tokens = 512;
    world->open_count++;
    world->opened++;
    return OK;
}

static void close_model(void *context, struct api_model *model)
{
    struct world *world = context;
    engine_close(model->engine);
    world->open_count--;
}

static enum status describe(void *context, const char *name, struct api_model *out,
                            struct error *err)
{
    (void)context;
    (void)out;
    return error_set(err, E_FORMAT, "%s cannot be described", name);
}

static void list(void *context, struct model_list *out)
{
    (void)context;
    for (char name[2] = "a"; name[0] <= 'f'; name[0]++)
        model_list_add(out, &(struct model_list_row){.name = name});
}

static struct model_pool *start_with(struct world *world, double keep_seconds, uint32_t active_max)
{
    struct model_pool *pool = NULL;
    struct model_pool_config config = {
        .provider = {.context = world,
                     .find = find,
                     .open = open_model,
                     .close = close_model,
                     .describe = describe,
                     .list = list},
        .keep_seconds = keep_seconds,
        .scheduler = {.active_max = active_max},
    };
    assert_ok(open_model(world, "a", &config.first, err));
    config.first.name = STR("a");
    assert_ok(model_pool_start(&config, &pool, err));
    return pool;
}

static struct model_pool *start(struct world *world, double keep_seconds)
{
    return start_with(world, keep_seconds, 0);
}

static void end(struct model_pool *pool, const struct world *world)
{
    model_pool_stop(pool);
    assert_int_equal(world->open_count, 0);
    model_pool_free(pool);
}

/* A request for some tokens, as the HTTP server makes it. */
static struct exchange *ask_for(struct model_pool *pool, const char *model, const char *prompt,
                                unsigned tokens, enum scheduler_urgency urgency)
{
    static const uint8_t random[16] = {1};
    bool path_is_known = false;
    const struct route *route = route_find(STR("POST"), STR("/v1/completions"), &path_is_known);
    struct exchange *exchange = exchange_new(route);
    struct api_failure failure = {0};
    json_t *body = json_pack("{s:s, s:s, s:i, s:b, s:i}", "model", model, "prompt", prompt,
                             "max_tokens", (int)tokens, "ignore_eos", 1, "temperature", 0);
    assert_ok(route->read(body, &exchange->request, err));
    exchange->urgency = urgency;
    reply_init(&exchange->reply, route->format, str_from_c(model), &exchange->request.stops, random,
               0);
    exchange->reply.streams = urgency != SCHEDULER_SIDE;
    exchange_make_choices(exchange, random, 0);
    CLEANUP(model_pool_found_done) struct model_pool_found found = {0};
    if (!model_pool_find(pool, str_from_c(model), &found, &failure) ||
        !model_pool_submit(pool, found.name, NULL, exchange, &failure))
        exchange_finish(exchange, NULL, &failure);
    json_decref(body);
    return exchange;
}

static struct exchange *ask_as(struct model_pool *pool, const char *model, unsigned tokens,
                               enum scheduler_urgency urgency)
{
    return ask_for(pool, model, "hello", tokens, urgency);
}

static struct exchange *ask(struct model_pool *pool, const char *model, unsigned tokens)
{
    return ask_as(pool, model, tokens, SCHEDULER_SIDE);
}

static bool is_finished(struct exchange *exchange)
{
    lock_take(&exchange->lock);
    const bool finished = exchange->is_finished;
    lock_give(&exchange->lock);
    return finished;
}

/* Waits for the answer; its status. */
static int finish(struct exchange *exchange)
{
    const double until = clock_seconds() + 120;
    while (!is_finished(exchange)) {
        assert_true(clock_seconds() < until);
        clock_sleep_ns(1000000);
    }
    const int http_status = exchange->http_status;
    exchange_unref(exchange);
    return http_status;
}

static void requests_wait_for_their_model(void **state)
{
    (void)state;
    struct world world = {.room = 3};
    struct model_pool *pool = start(&world, -1);
    world.is_slow = true;
    struct exchange *waiting[6];
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        waiting[i] = ask(pool, "b", 4);
    assert_int_equal(finish(ask(pool, "a", 4)), 200); /* others go on meanwhile */
    assert_int_equal(finish(ask(pool, "", 4)), 200);
    assert_false(is_finished(waiting[0]));
    world.is_slow = false;
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        assert_int_equal(finish(waiting[i]), 200);
    assert_int_equal(world.opened, 2);
    assert_int_equal(finish(ask(pool, "z", 4)), 404);
    end(pool, &world);
}

static bool says(struct exchange *exchange, const char *text)
{
    lock_take(&exchange->lock);
    const bool found = strstr(strbuf_c(&exchange->reply.out), text) != NULL;
    lock_give(&exchange->lock);
    return found;
}

static void wait_until_it_says(struct exchange *exchange, const char *text)
{
    const double until = clock_seconds() + 60;
    while (!says(exchange, text)) {
        assert_true(clock_seconds() < until);
        clock_sleep_ns(1000000);
    }
}

/* Makes it a stream that came long ago. */
static void has_waited(struct exchange *exchange)
{
    lock_take(&exchange->lock);
    exchange->reply.streams = true;
    exchange->arrived_seconds -= 100;
    exchange->written_seconds -= 100;
    lock_give(&exchange->lock);
}

static void set_behind(struct exchange *exchange, bool is_behind)
{
    lock_take(&exchange->lock);
    exchange->is_behind = is_behind;
    lock_give(&exchange->lock);
}

static void who_waits_for_a_model_is_told_what_for(void **state)
{
    (void)state;
    struct world world = {.room = 2};
    struct model_pool *pool = start(&world, -1);
    world.is_slow = true;
    struct exchange *waits = ask(pool, "b", 2);
    struct exchange *hangs_up = ask(pool, "b", 2);
    has_waited(waits);
    wait_until_it_says(waits, ": loading b, ");
    lock_take(&hangs_up->lock);
    hangs_up->is_gone = true;
    lock_give(&hangs_up->lock);
    (void)finish(hangs_up); /* while the model is still being loaded */
    assert_false(is_finished(waits));
    world.is_slow = false;
    assert_int_equal(finish(waits), 200);
    struct exchange *busy = ask(pool, "a", 400);
    struct exchange *as_well = ask(pool, "b", 400);
    struct exchange *third = ask(pool, "c", 2);
    set_behind(busy, true); /* their clients read no more: they are not done until they do */
    set_behind(as_well, true);
    has_waited(third);
    wait_until_it_says(third, ": waiting for memory to load c, ");
    set_behind(busy, false);
    set_behind(as_well, false);
    assert_int_equal(finish(third), 200);
    assert_int_equal(finish(busy), 200);
    assert_int_equal(finish(as_well), 200);
    end(pool, &world);
}

/* A stream that has begun and lost its place to another is not silent meanwhile. */
static void who_lost_its_place_hears_that_it_is_not_forgotten(void **state)
{
    (void)state;
    struct world world = {.room = 1};
    struct model_pool *pool = start_with(&world, -1, 1);
    struct exchange *flex = ask_as(pool, "a", 400, SCHEDULER_BATCH);
    const double until = clock_seconds() + 60;
    wait_until_it_says(flex, "data: ");
    struct exchange *others[8];
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        others[i] = ask_as(pool, "a", 400, SCHEDULER_INTERACTIVE);
    while (!says(flex, ": working") && !is_finished(flex)) {
        lock_take(&flex->lock);
        flex->written_seconds -= 100;
        lock_give(&flex->lock);
        assert_true(clock_seconds() < until);
        clock_sleep_ns(1000000);
    }
    assert_true(says(flex, ": working"));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(finish(others[i]), 200);
    assert_int_equal(finish(flex), 200);
    end(pool, &world);
}

/* While a prompt is read a stream that was silent for long is told so. */
static void a_long_prompt_is_read_aloud(void **state)
{
    (void)state;
    struct world world = {.room = 1};
    struct model_pool *pool = start(&world, -1);
    CLEANUP(strbuf_done) struct strbuf prompt = {0};
    for (unsigned i = 0; i < 220; i++)
        strbuf_addf(&prompt, "%c ", 'a' + i % 26);
    struct exchange *exchange = ask_for(pool, "a", strbuf_c(&prompt), 2, SCHEDULER_INTERACTIVE);
    while (!says(exchange, ": working") && !is_finished(exchange)) {
        lock_take(&exchange->lock);
        exchange->written_seconds -= 100;
        lock_give(&exchange->lock);
        clock_sleep_ns(100000);
    }
    const char *told = strbuf_c(&exchange->reply.out);
    assert_int_equal(strncmp(told, ": working", 9), 0); /* before anything else is said */
    assert_int_equal(finish(exchange), 200);
    end(pool, &world);
}

static void counts_outlive_their_model(void **state)
{
    (void)state;
    struct world world = {.room = 2};
    struct model_pool *pool = start(&world, 0.1);
    struct scheduler_facts before = {0};
    struct scheduler_facts after = {0};
    assert_int_equal(finish(ask(pool, "b", 20)), 200);
    const double until = clock_seconds() + 60;
    while (world.open_count > 1 || before.generated_tokens < 20) {
        model_pool_facts(pool, &before);
        assert_true(clock_seconds() < until);
        clock_sleep_ns(1000000);
    }
    model_pool_facts(pool, &after);
    assert_int_equal(after.generated_tokens, 20);
    assert_int_equal(after.active_count + after.idle_session_count, 0);
    end(pool, &world);
}

static void too_many_do_not_wait_for_a_model(void **state)
{
    (void)state;
    enum { WAITING_MAX = SCHEDULER_QUEUE_MAX };
    struct world world = {.room = 2};
    struct model_pool *pool = start(&world, -1);
    struct exchange *waiting[WAITING_MAX];
    world.is_slow = true;
    for (size_t i = 0; i < WAITING_MAX; i++)
        waiting[i] = ask(pool, "b", 1);
    assert_int_equal(finish(ask(pool, "b", 1)), 503);
    assert_int_equal(finish(ask(pool, "a", 1)), 200); /* no concern of others */
    world.is_slow = false;
    for (size_t i = 0; i < WAITING_MAX; i++)
        assert_int_equal(finish(waiting[i]), 200);
    end(pool, &world);
}

static void who_was_idle_longest_makes_room(void **state)
{
    (void)state;
    struct world world = {.room = 2};
    struct model_pool *pool = start(&world, -1);
    assert_int_equal(finish(ask(pool, "b", 2)), 200);
    assert_int_equal(finish(ask(pool, "a", 2)), 200);
    assert_int_equal(finish(ask(pool, "c", 2)), 200); /* b goes */
    assert_int_equal(world.opened, 3);
    assert_int_equal(finish(ask(pool, "a", 2)), 200);
    assert_int_equal(world.opened, 3);
    assert_int_equal(finish(ask(pool, "b", 2)), 200); /* c goes */
    assert_int_equal(world.opened, 4);
    end(pool, &world);
}

static void a_busy_model_stays(void **state)
{
    (void)state;
    struct world world = {.room = 1};
    struct model_pool *pool = start(&world, -1);
    struct exchange *busy = ask(pool, "a", 300);
    struct exchange *other = ask(pool, "b", 2);
    assert_int_equal(finish(other), 200);
    assert_true(is_finished(busy)); /* b came only when a was done */
    assert_int_equal(finish(busy), 200);
    end(pool, &world);
}

static void failures_reach_all_who_wait(void **state)
{
    (void)state;
    struct world world = {.room = 1};
    struct model_pool *pool = start(&world, -1);
    struct exchange *first = ask(pool, "f", 2);
    struct exchange *second = ask(pool, "f", 2);
    assert_int_equal(finish(first), 400);
    assert_int_equal(finish(second), 400);
    world.room = 0; /* not even alone */
    assert_int_equal(finish(ask(pool, "b", 2)), 503);
    world.room = 1;
    assert_int_equal(finish(ask(pool, "", 2)), 200); /* the first was unloaded and comes back */
    end(pool, &world);
}

static void models_go_when_their_time_is_over(void **state)
{
    (void)state;
    struct world world = {.room = 4};
    struct model_pool *pool = start(&world, 0.2);
    assert_int_equal(finish(ask(pool, "b", 2)), 200);
    const double until = clock_seconds() + 60;
    while (world.open_count > 1 && clock_seconds() < until)
        clock_sleep_ns(1000000);
    assert_int_equal(world.open_count, 1); /* the first stays */
    assert_int_equal(finish(ask(pool, "b", 2)), 200);
    assert_int_equal(world.opened, 3);
    end(pool, &world);
}

static void stopping_tells_who_waits(void **state)
{
    (void)state;
    struct world world = {.room = 1};
    struct model_pool *pool = start(&world, -1);
    struct exchange *busy = ask(pool, "a", 400);
    struct exchange *waiting = ask(pool, "b", 2);
    model_pool_stop(pool);
    assert_int_equal(world.open_count, 0);
    (void)finish(busy);
    assert_int_equal(finish(waiting), 503);
    assert_int_equal(finish(ask(pool, "a", 2)), 503);
    model_pool_free(pool);
}

int test_model_pool(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_wait_for_their_model),
        cmocka_unit_test(who_waits_for_a_model_is_told_what_for),
        cmocka_unit_test(who_lost_its_place_hears_that_it_is_not_forgotten),
        cmocka_unit_test(a_long_prompt_is_read_aloud),
        cmocka_unit_test(counts_outlive_their_model),
        cmocka_unit_test(too_many_do_not_wait_for_a_model),
        cmocka_unit_test(who_was_idle_longest_makes_room),
        cmocka_unit_test(a_busy_model_stays),
        cmocka_unit_test(failures_reach_all_who_wait),
        cmocka_unit_test(models_go_when_their_time_is_over),
        cmocka_unit_test(stopping_tells_who_waits),
    };
    return cmocka_run_group_tests_name("model_pool", tests, NULL, NULL);
}
