#include "server/admin.h"

#include "base/mem.h"
#include "os/lock.h"
#include "server/exchange.h"

enum { WAITING_MAX = 64, HTTP_OK = 200, HTTP_CREATED = 201 };

struct pending {
    struct pending *next;
    uint64_t id;
    struct exchange *exchange;
};

struct admin {
    admin_send_fn *send;
    void *context;
    struct lock lock;
    struct pending *pending; /* under the lock, as all below */
    unsigned count;
    uint64_t last_id;
    bool is_ending;
};

struct admin *admin_new(admin_send_fn *send, void *context)
{
    struct admin *admin = mem_zalloc(sizeof(*admin));
    admin->send = send;
    admin->context = context;
    lock_init(&admin->lock);
    return admin;
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    lock_done(&admin->lock);
    mem_free(admin);
}

/* ---------------------------------------------------------------- what the client gets */

/* A line of a stream. Under the exchange's lock. */
static void add_line(struct exchange *exchange, struct str text)
{
    strbuf_add_str(&exchange->reply.out, text);
    strbuf_add_char(&exchange->reply.out, '\n');
    exchange->http_status = HTTP_OK;
}

/* The last word. Under the exchange's lock. */
static void finish(struct exchange *exchange, enum status status, struct str text)
{
    const bool has_stream = exchange->http_status != 0;
    if (status != OK) {
        struct error err = {0};
        (void)!error_set(&err, status, "%.*s", STR_ARG(text));
        const struct api_failure failure = api_failure_of(status, &err);
        if (!has_stream)
            exchange->http_status = failure.http_status;
        reply_add_json(&exchange->reply, api_failure_json(&failure, exchange->route->protocol));
        if (has_stream)
            strbuf_add_char(&exchange->reply.out, '\n');
    } else if (exchange->route->says_success) {
        add_line(exchange, STR("{\"status\":\"success\"}"));
    }
    if (exchange->http_status == 0)
        exchange->http_status = exchange->route->takes_file ? HTTP_CREATED : HTTP_OK;
    exchange->is_finished = true;
    exchange_wake(exchange);
}

/* Out of the list, or NULL. Under the lock. */
static struct pending *take(struct admin *admin, uint64_t id)
{
    struct pending **link = &admin->pending;
    while (*link && (*link)->id != id)
        link = &(*link)->next;
    struct pending *pending = *link;
    if (pending) {
        *link = pending->next;
        admin->count--;
    }
    return pending;
}

static struct exchange *find(struct admin *admin, uint64_t id)
{
    for (struct pending *pending = admin->pending; pending; pending = pending->next)
        if (pending->id == id)
            return exchange_ref(pending->exchange);
    return NULL;
}

/* The front waits for a file, or for more of it. Under the exchange's lock. */
static void let_go_on(struct exchange *exchange)
{
    if (!exchange->is_accepted)
        exchange->is_accepted = true;
    else if (exchange->ahead > 0)
        exchange->ahead--;
    exchange_wake(exchange);
}

static void tell_progress(struct admin *admin, uint64_t id, struct str text)
{
    lock_take(&admin->lock);
    struct exchange *exchange = find(admin, id);
    lock_give(&admin->lock);
    if (!exchange)
        return;
    lock_take(&exchange->lock);
    const bool is_gone = exchange->is_gone;
    if (!is_gone && exchange->route->takes_file)
        let_go_on(exchange);
    else if (!is_gone && exchange->reply.streams &&
             exchange->reply.out.len < EXCHANGE_PAUSE_BYTES) {
        add_line(exchange, text);
        exchange_wake(exchange);
    }
    lock_give(&exchange->lock);
    exchange_unref(exchange);
    const struct admin_request stop = {.id = id, .work = "stop"};
    if (is_gone)
        (void)!admin->send(admin->context, &stop, NULL);
}

void admin_tell(struct admin *admin, uint64_t id, bool is_last, enum status status, struct str text)
{
    if (!is_last) {
        tell_progress(admin, id, text);
        return;
    }
    lock_take(&admin->lock);
    struct pending *pending = take(admin, id);
    lock_give(&admin->lock);
    if (!pending)
        return;
    lock_take(&pending->exchange->lock);
    finish(pending->exchange, status, text);
    lock_give(&pending->exchange->lock);
    exchange_unref(pending->exchange);
    mem_free(pending);
}

void admin_end(struct admin *admin)
{
    lock_take(&admin->lock);
    admin->is_ending = true;
    struct pending *pending = admin->pending;
    lock_give(&admin->lock);
    while (pending) {
        admin_tell(admin, pending->id, true, E_BUSY, STR("holt is closing"));
        lock_take(&admin->lock);
        pending = admin->pending;
        lock_give(&admin->lock);
    }
}

/* ---------------------------------------------------------------- asking */

static enum status add(struct admin *admin, struct exchange *exchange, uint64_t *out_id,
                       struct error *err)
{
    lock_take(&admin->lock);
    const bool is_full = admin->count >= WAITING_MAX || admin->is_ending;
    if (!is_full) {
        struct pending *pending = mem_zalloc(sizeof(*pending));
        *out_id = pending->id = exchange->admin_id = ++admin->last_id;
        pending->exchange = exchange_ref(exchange);
        pending->next = admin->pending;
        admin->pending = pending;
        admin->count++;
    }
    lock_give(&admin->lock);
    return is_full ? error_set(err, E_BUSY, "too much is being done already; try again later") : OK;
}

bool admin_submit(struct admin *admin, struct exchange *exchange, struct admin_peer peer,
                  struct api_failure *out_failure)
{
    struct error err = {0};
    struct admin_request request = {
        .work = exchange->route->admin,
        .body = exchange->body,
        .key = peer.key,
        .peer_port = peer.port,
    };
    bool streams = exchange->route->says_success;
    enum status status = OK;
    if (!admin->send)
        status = error_set(&err, E_DENIED, "models cannot be changed here");
    else if (!json_is_object(exchange->body))
        status = error_set(&err, E_INVALID, "the body is not a JSON object");
    if (status == OK && streams && json_is_false(json_object_get(exchange->body, "stream")))
        streams = false;
    exchange->reply.streams = streams;
    if (status == OK)
        status = add(admin, exchange, &request.id, &err);
    if (status == OK) {
        status = admin->send(admin->context, &request, &err);
        if (status != OK) {
            lock_take(&admin->lock);
            struct pending *pending = take(admin, request.id);
            lock_give(&admin->lock);
            exchange_unref(pending->exchange);
            mem_free(pending);
        }
    }
    if (status != OK)
        *out_failure = api_failure_of(status, &err);
    return status == OK;
}

void admin_send_piece(struct admin *admin, struct exchange *exchange, struct str bytes)
{
    const struct admin_request piece = {.id = exchange->admin_id, .work = "data", .bytes = bytes};
    lock_take(&exchange->lock);
    exchange->ahead++;
    lock_give(&exchange->lock);
    (void)!admin->send(admin->context, &piece, NULL); /* without a front all ends soon */
}

void admin_end_file(struct admin *admin, struct exchange *exchange)
{
    const struct admin_request end = {.id = exchange->admin_id, .work = "uploaded"};
    (void)!admin->send(admin->context, &end, NULL);
}

void admin_stop(struct admin *admin, const struct exchange *exchange)
{
    const struct admin_request stop = {.id = exchange->admin_id, .work = "stop"};
    (void)!admin->send(admin->context, &stop, NULL);
}
