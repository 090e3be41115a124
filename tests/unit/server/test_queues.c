/* Queues beside the engine's: what works in one go, and requests for the front. */
#include "api/api_failure.h"
#include "base/mem.h"
#include "os/clock.h"
#include "server/admin.h"
#include "server/exchange.h"
#include "server/job_loop.h"
#include "server/turn.h"
#include "tests/holt_test.h"

#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE_MAX = 256, ADMIN_MAX = 64 };

static _Atomic bool is_stuck;
static _Atomic unsigned done;

static json_t *work(const struct api_context *context, const json_t *body,
                    struct api_failure *out_failure)
{
    (void)context;
    (void)body;
    (void)out_failure;
    while (is_stuck)
        clock_sleep_ns(100000);
    done++;
    return json_pack("{s:b}", "done", 1);
}

static const struct route job = {
    .method = "POST", .path = "/v1/embeddings", .protocol = API_OPENAI, .work = work};

static bool is_finished(struct exchange *exchange)
{
    lock_take(&exchange->lock);
    const bool finished = exchange->is_finished;
    lock_give(&exchange->lock);
    return finished;
}

static void wait_for(struct exchange *exchange)
{
    const double until = clock_seconds() + 60;
    while (!is_finished(exchange)) {
        assert_true(clock_seconds() < until);
        clock_sleep_ns(100000);
    }
}

static void jobs_wait_in_a_bounded_queue(void **state)
{
    (void)state;
    const struct api_model model = {.name = STR("m")};
    struct job_loop *loop = NULL;
    struct turn turn;
    struct error full = {0};
    struct exchange *waiting[QUEUE_MAX + 1];
    turn_init(&turn);
    is_stuck = true;
    done = 0;
    assert_ok(job_loop_start(&model, &turn, &loop, err));
    for (unsigned i = 0; i <= QUEUE_MAX; i++) {
        waiting[i] = exchange_new(&job);
        assert_ok(job_loop_submit(loop, waiting[i], err));
        while (i == 0 && turn.next == 0) /* the first is being worked on: it does not wait */
            clock_sleep_ns(100000);
    }
    struct exchange *more = exchange_new(&job);
    assert_int_equal(job_loop_submit(loop, more, &full), E_BUSY);
    assert_int_equal(api_failure_of(E_BUSY, &full).http_status, 503);
    exchange_unref(more);
    is_stuck = false;
    for (unsigned i = 0; i <= QUEUE_MAX; i++) {
        wait_for(waiting[i]);
        assert_int_equal(waiting[i]->http_status, 200);
        exchange_unref(waiting[i]);
    }
    assert_int_equal(done, QUEUE_MAX + 1);
    job_loop_stop(loop);
    turn_done(&turn);
}

/* Who hung up is not worked for; the library does not tell, as it does not watch. */
static void a_job_of_a_client_that_is_gone_is_not_done(void **state)
{
    (void)state;
    const struct api_model model = {.name = STR("m")};
    struct job_loop *loop = NULL;
    struct turn turn;
    int ends[2];
    turn_init(&turn);
    is_stuck = true;
    done = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_ok(job_loop_start(&model, &turn, &loop, err));
    struct exchange *first = exchange_new(&job);
    struct exchange *gone = exchange_new(&job);
    struct exchange *last = exchange_new(&job);
    gone->fd = ends[0];
    assert_ok(job_loop_submit(loop, first, err));
    assert_ok(job_loop_submit(loop, gone, err));
    assert_ok(job_loop_submit(loop, last, err));
    close(ends[1]);
    is_stuck = false;
    wait_for(last);
    assert_int_equal(done, 2);
    assert_true(is_finished(gone));
    job_loop_stop(loop);
    close(ends[0]);
    exchange_unref(first);
    exchange_unref(gone);
    exchange_unref(last);
    turn_done(&turn);
}

/* A front that never answers. */
static enum status take(void *context, const struct admin_request *request, struct error *err)
{
    (void)err;
    *(unsigned *)context += strcmp(request->work, "pull") == 0;
    return OK;
}

static void requests_for_the_front_are_bounded(void **state)
{
    (void)state;
    unsigned sent = 0;
    bool known = false;
    const struct route *pull = route_find(STR("POST"), STR("/api/pull"), &known);
    struct admin *admin = admin_new(take, &sent);
    struct exchange *waiting[ADMIN_MAX];
    struct api_failure failure = {0};
    for (unsigned i = 0; i < ADMIN_MAX; i++) {
        waiting[i] = exchange_new(pull);
        waiting[i]->body = json_pack("{s:s}", "model", "m");
        assert_true(admin_submit(admin, waiting[i], (struct admin_peer){0}, &failure));
    }
    struct exchange *more = exchange_new(pull);
    more->body = json_pack("{s:s}", "model", "m");
    assert_false(admin_submit(admin, more, (struct admin_peer){0}, &failure));
    assert_int_equal(failure.http_status, 503);
    assert_int_equal(sent, ADMIN_MAX);
    exchange_unref(more);
    admin_tell(admin, waiting[3]->admin_id, true, OK, STR(""));
    assert_true(is_finished(waiting[3]));
    more = exchange_new(pull);
    more->body = json_pack("{s:s}", "model", "m");
    assert_true(admin_submit(admin, more, (struct admin_peer){0}, &failure)); /* there is room */
    admin_end(admin);
    assert_true(is_finished(more));
    exchange_unref(more);
    for (unsigned i = 0; i < ADMIN_MAX; i++) {
        assert_true(is_finished(waiting[i]));
        exchange_unref(waiting[i]);
    }
    admin_free(admin);
}

int test_queues(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_wait_in_a_bounded_queue),
        cmocka_unit_test(a_job_of_a_client_that_is_gone_is_not_done),
        cmocka_unit_test(requests_for_the_front_are_bounded),
    };
    return cmocka_run_group_tests_name("queues", tests, NULL, NULL);
}
