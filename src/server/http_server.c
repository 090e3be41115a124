#include "server/http_server.h"

#include "api/field.h"
#include "api/responses_kept.h"
#include "base/mem.h"
#include "os/clock.h"
#include "os/random.h"
#include "server/arrival.h"
#include "server/exchange.h"
#include "server/model_pool.h"
#include "server/response_store.h"
#include "text/json.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    READ_BYTES = 32 << 10,
    CONNECTION_BYTES = 4 * HTTP_SERVER_HEADER_BYTES_MAX, /* what the library takes for one: it
                                        refuses larger headers by itself, in words of its own */
    METHOD_NOT_ALLOWED = 405,
    HTTP_OVERLOADED = 529, /* what 503 is in Anthropic's form */
};

struct http_server {
    struct http_server_config config;
    struct model_pool *models;
    struct admin *admin;
    struct response_store *responses;
    struct arrival_watch *arrivals;
    struct MHD_Daemon *daemon;
    double started_seconds;
};

/* A file that is uploaded: the front is asked, its pieces go there, all of them are there. */
enum file_stage { FILE_ASKED, FILE_COMES, FILE_IS_WHOLE };

/* One request on a connection, from its first line to its last byte. */
struct request {
    struct http_server *server;
    struct MHD_Connection *connection;
    const struct route *route;  /* NULL: there is nothing at that address, */
    enum api_protocol protocol; /* which looks like one of that protocol */
    char id[REPLY_ID_BYTES];    /* random: what the client may quote */
    uint8_t random[16];         /* the same */
    struct strbuf name;         /* in the path or behind it, where the route has one */
    struct strbuf body;
    struct exchange *exchange;  /* once the engine has it */
    struct api_failure refusal; /* why it is not taken, told when its body has come */
    bool is_refused;
    size_t dropped_bytes;  /* of its body */
    enum file_stage stage; /* of routes that take a file */
};

/* ---------------------------------------------------------------- answers */

static struct str header(struct MHD_Connection *connection, const char *name)
{
    return str_from_c(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

/* What answers to pages from elsewhere must say, where the user allows these. */
static void add_cors(const struct request *request, struct MHD_Response *response)
{
    const struct str origin = header(request->connection, MHD_HTTP_HEADER_ORIGIN);
    if (!guard_allows_page(&request->server->config.guard, origin))
        return;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_add_str(&text, origin);
    add_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, strbuf_c(&text));
    add_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_EXPOSE_HEADERS,
               "request-id, x-request-id, retry-after");
    add_header(response, MHD_HTTP_HEADER_VARY, "Origin");
}

/* Whose words the client understands; OpenAI's and Anthropic's have addresses in common. */
static enum api_protocol protocol_of(const struct request *request)
{
    const enum api_protocol protocol =
        request->route ? request->route->protocol : request->protocol;
    const bool is_anthropic = header(request->connection, "anthropic-version").len > 0;
    return protocol == API_OPENAI && is_anthropic ? API_ANTHROPIC : protocol;
}

/* Sends it, and gives it up. */
static enum MHD_Result send_response(const struct request *request, int http_status,
                                     struct MHD_Response *response)
{
    char id[8 + REPLY_ID_BYTES];
    snprintf(id, sizeof(id), "req_%s", request->id);
    add_header(response, protocol_of(request) == API_ANTHROPIC ? "request-id" : "x-request-id", id);
    add_cors(request, response);
    const enum MHD_Result result =
        MHD_queue_response(request->connection, (unsigned)http_status, response);
    MHD_destroy_response(response);
    return result;
}

/* Takes `text` over. */
static enum MHD_Result send_text(const struct request *request, int http_status, const char *type,
                                 struct strbuf *text)
{
    const size_t size = text->len;
    char *bytes = strbuf_take(text);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(size, bytes, mem_free);
    if (!response) {
        mem_free(bytes);
        return MHD_NO;
    }
    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (http_status == MHD_HTTP_SERVICE_UNAVAILABLE || http_status == HTTP_OVERLOADED)
        add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "5");
    return send_response(request, http_status, response);
}

static enum MHD_Result send_json(const struct request *request, int http_status, json_t *value)
{
    struct strbuf text = {0};
    json_write_python(value, &text);
    json_decref(value);
    return send_text(request, http_status, "application/json", &text);
}

static enum MHD_Result send_failure(const struct request *request,
                                    const struct api_failure *failure)
{
    const enum api_protocol protocol = protocol_of(request);
    struct api_failure told = *failure;
    snprintf(told.request_id, sizeof(told.request_id), "req_%s", request->id);
    if (protocol == API_ANTHROPIC && told.http_status == MHD_HTTP_SERVICE_UNAVAILABLE)
        told.http_status = HTTP_OVERLOADED;
    return send_json(request, told.http_status, api_failure_json(&told, protocol));
}

static struct api_failure too_large(void)
{
    return api_failure_make(MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than 64 MiB");
}

/* ---------------------------------------------------------------- refusals */

/* The length that the client tells of its body: 0 where it tells none, the largest where that is no
 * number. */
static uint64_t declared_size(struct MHD_Connection *connection)
{
    const struct str text = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    int64_t size = 0;
    if (text.len == 0)
        return 0;
    return str_to_int(text, &size) && size >= 0 ? (uint64_t)size : UINT64_MAX;
}

/* Is what comes worth reading before it is refused? Who sends it would not hear the answer, as the
 * connection that is closed in front of unread bytes is reset. Not where the client waits for a
 * word before it sends, nor where it is too much. */
static bool is_read_first(struct MHD_Connection *connection)
{
    const uint64_t size = declared_size(connection);
    const bool has_body = size > 0 || header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING).len > 0;
    return has_body && header(connection, MHD_HTTP_HEADER_EXPECT).len == 0 &&
           size <= HTTP_SERVER_DROPPED_MAX;
}

/* Before anything of the body was read. */
static enum MHD_Result refuse(struct request *request, struct MHD_Connection *connection,
                              const struct api_failure *failure)
{
    request->refusal = *failure;
    request->is_refused = true;
    if (is_read_first(connection))
        return MHD_YES;
    return send_failure(request, failure);
}

/* Bytes that nobody wants; a client that does not end is cut off. */
static enum MHD_Result drop_bytes(struct request *request, size_t *size)
{
    request->dropped_bytes += *size;
    *size = 0;
    return request->dropped_bytes <= HTTP_SERVER_DROPPED_MAX ? MHD_YES : MHD_NO;
}

/* ---------------------------------------------------------------- streams */

static void wake(void *connection)
{
    MHD_resume_connection(connection);
}

/* Bytes of the reply for the socket; sleeps when there are none yet. */
static ssize_t read_reply(void *context, uint64_t position, char *out, size_t size)
{
    (void)position;
    struct exchange *exchange = context;
    ssize_t result = 0;
    lock_take(&exchange->lock);
    struct strbuf *held = &exchange->reply.out;
    if (held->len > 0) {
        const size_t taken = held->len < size ? held->len : size;
        memcpy(out, held->ptr, taken);
        memmove(held->ptr, held->ptr + taken, held->len - taken);
        strbuf_truncate(held, held->len - taken);
        if (held->len <= EXCHANGE_RESUME_BYTES)
            exchange->is_behind = false;
        result = (ssize_t)taken;
    } else if (exchange->is_finished) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (exchange->is_gone) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else {
        exchange->is_waiting = true;
        MHD_suspend_connection(exchange->connection);
    }
    lock_give(&exchange->lock);
    return result;
}

static void forget_reply(void *context)
{
    exchange_unref(context);
}

static enum MHD_Result send_stream(const struct request *request)
{
    struct exchange *exchange = request->exchange;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, READ_BYTES, read_reply, exchange_ref(exchange), forget_reply);
    if (!response) {
        exchange_unref(exchange);
        return MHD_NO;
    }
    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, exchange->reply.format->stream_type);
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    return send_response(request, MHD_HTTP_OK, response);
}

/* The engine has decided how the answer begins, or it sleeps until then. */
static enum MHD_Result send_reply(const struct request *request)
{
    struct MHD_Connection *connection = request->connection;
    struct exchange *exchange = request->exchange;
    struct strbuf text = {0};
    lock_take(&exchange->lock);
    const int http_status = exchange->http_status;
    const bool is_stream = exchange->reply.streams && http_status == MHD_HTTP_OK;
    const bool is_ready = is_stream || exchange->is_finished;
    if (is_ready && !is_stream) {
        text = exchange->reply.out;
        exchange->reply.out = (struct strbuf){0};
    }
    if (!is_ready && exchange->is_gone) {
        lock_give(&exchange->lock);
        return MHD_NO;
    }
    if (!is_ready) {
        exchange->is_waiting = true;
        MHD_suspend_connection(connection);
    }
    lock_give(&exchange->lock);
    if (!is_ready)
        return MHD_YES;
    if (is_stream)
        return send_stream(request);
    const bool is_anthropic = exchange->route->protocol == API_ANTHROPIC;
    const int told =
        http_status == MHD_HTTP_SERVICE_UNAVAILABLE && is_anthropic ? HTTP_OVERLOADED : http_status;
    return send_text(request, told, "application/json", &text);
}

/* ---------------------------------------------------------------- requests */

static struct guard_headers headers_of(struct MHD_Connection *connection)
{
    return (struct guard_headers){
        .host = header(connection, MHD_HTTP_HEADER_HOST),
        .origin = header(connection, MHD_HTTP_HEADER_ORIGIN),
        .authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
        .api_key = header(connection, "x-api-key"),
    };
}

/* A browser asks whether a page from elsewhere may send what it is about to. */
static bool is_preflight(const struct request *request, struct str method)
{
    return str_equal_c(method, MHD_HTTP_METHOD_OPTIONS) &&
           guard_allows_page(&request->server->config.guard,
                             header(request->connection, MHD_HTTP_HEADER_ORIGIN));
}

static bool is_admitted(struct request *request, struct MHD_Connection *connection,
                        struct str method, struct api_failure *out_failure)
{
    const struct guard_headers headers = headers_of(connection);
    const bool is_public = request->route && request->route->answer && !request->route->read &&
                           str_ends_with(str_from_c(request->route->path), STR("health"));
    const bool needs_key = !is_public && !is_preflight(request, method);
    return guard_admits(&request->server->config.guard, &headers, needs_key, out_failure);
}

static struct api_failure not_found(struct str path, bool path_is_known)
{
    char text[160];
    const int shown = path.len < 80 ? (int)path.len : 80;
    snprintf(text, sizeof(text),
             path_is_known ? "%.*s is not asked in this way (another method)"
                           : "there is nothing at %.*s",
             shown, path.ptr);
    return api_failure_make(path_is_known ? METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND, text);
}

struct header_counter {
    const char *name;
    unsigned count;
};

static enum MHD_Result count_header(void *context, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct header_counter *counter = context;
    (void)kind;
    (void)value;
    counter->count += strcasecmp(key, counter->name) == 0;
    return MHD_YES;
}

static unsigned header_count(struct MHD_Connection *connection, const char *name)
{
    struct header_counter counter = {.name = name};
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &counter);
    return counter.count;
}

static size_t header_bytes(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

static enum MHD_Result send_preflight(const struct request *request)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    CLEANUP(strbuf_done) struct strbuf wanted = {0};
    strbuf_add_str(&wanted,
                   header(request->connection, MHD_HTTP_HEADER_ACCESS_CONTROL_REQUEST_HEADERS));
    add_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE, HEAD");
    if (wanted.len > 0)
        add_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS, strbuf_c(&wanted));
    add_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_MAX_AGE, "600");
    return send_response(request, MHD_HTTP_NO_CONTENT, response);
}

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

static struct arrival *arrival_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The reply to a conversation, ready for the engine's thread. */
static enum status begin_reply(const struct request *made, const json_t *body, struct error *err)
{
    struct exchange *exchange = made->exchange;
    struct api_request *asked = &exchange->request;
    CLEANUP(json_decrefp) json_t *whole = json_incref((json_t *)(uintptr_t)body);
    if (exchange->responses) {
        json_decref(whole);
        whole = NULL;
        TRY(response_store_begin(exchange->responses, body, made->id, &whole, &exchange->draft,
                                 err));
    }
    TRY(route_read(exchange->route, exchange->settings, whole, asked, err));
    reply_init(&exchange->reply, exchange->route->format, strbuf_view(&asked->model), &asked->stops,
               made->random, clock_unix_us());
    exchange->reply.streams = asked->streams;
    exchange->urgency = asked->may_wait  ? SCHEDULER_BATCH
                        : asked->streams ? SCHEDULER_INTERACTIVE
                                         : SCHEDULER_SIDE;
    exchange->reply.wants_usage = asked->wants_usage;
    exchange->reply.wants_tokens = asked->wants_tokens;
    exchange->reply.tool_names = json_incref(asked->tool_names);
    exchange->reply.wants_ids = asked->wants_ids;
    exchange->reply.wants_progress = asked->wants_progress;
    exchange->reply.wants_timings = asked->wants_timings;
    exchange->reply.repeated = json_incref(asked->repeated);
    exchange->reply.fields = json_incref(asked->fields);
    exchange_make_choices(exchange, made->random, exchange->reply.created_us);
    return OK;
}

/* Hands the request to the model it names. */
static bool submit(struct request *request, struct MHD_Connection *connection, json_t *body,
                   struct api_failure *out_failure)
{
    const struct route *route = request->route;
    struct exchange *exchange = exchange_new(route);
    memcpy(exchange->reply.id, request->id, sizeof(request->id));
    CLEANUP(model_pool_found_done) struct model_pool_found found = {0};
    struct error err = {0};
    struct str name = {0};
    double keep_seconds = 0;
    request->exchange = exchange;
    exchange->body = route->read ? NULL : json_incref(body);
    exchange->is_anthropic = header(connection, "anthropic-version").len > 0;
    exchange->connection = connection;
    exchange->wake = wake;
    exchange->fd = socket_of(connection);
    exchange->responses = route->keeps ? request->server->responses : NULL;
    enum status status = route_model_name(body, &name, &err);
    if (status == OK)
        status = route_keep_alive(body, &keep_seconds, &err);
    if (status == OK) {
        if (!model_pool_find(request->server->models, name, &found, out_failure))
            return false;
        exchange->settings = found.settings;
        found.settings = NULL;
    }
    if (status == OK && route->read)
        status = begin_reply(request, body, &err);
    if (status != OK) {
        *out_failure = route->keeps && status == E_NOT_FOUND
                           ? responses_kept_unknown(
                                 json_str(json_object_get(body, "previous_response_id")), true)
                           : api_failure_of(status, &err);
        return false;
    }
    const json_t *keeps = json_object_get(body, "keep_alive");
    const bool is_kept = route->protocol == API_OLLAMA && keeps && !json_is_null(keeps);
    return model_pool_submit(request->server->models, found.name, is_kept ? &keep_seconds : NULL,
                             exchange, out_failure);
}

/* The client's port; 0 when it is not known, or a page asks, which is not one of the user's
 * programs though its browser is. */
static uint16_t peer_port(struct MHD_Connection *connection)
{
    if (guard_is_page(header(connection, MHD_HTTP_HEADER_ORIGIN)))
        return 0;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    if (address && address->sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
    if (address && address->sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
    return 0;
}

static bool submit_admin(struct request *request, struct MHD_Connection *connection, json_t *body,
                         struct api_failure *out_failure)
{
    struct exchange *exchange = exchange_new(request->route);
    memcpy(exchange->reply.id, request->id, sizeof(request->id));
    request->exchange = exchange;
    exchange->body = json_incref(body);
    exchange->connection = connection;
    exchange->wake = wake;
    exchange->reply.format = request->route->format;
    const struct guard_headers headers = headers_of(connection);
    const struct admin_peer peer = {
        .port = peer_port(connection),
        .key = guard_given_key(&headers),
    };
    return admin_submit(request->server->admin, exchange, peer, out_failure);
}

/* What needs no model, or one that is loaded; *out_waits: it is not. */
static enum MHD_Result answer_at_once(struct request *request, struct MHD_Connection *connection,
                                      const json_t *body, bool *out_waits)
{
    struct scheduler_facts facts = {0};
    struct api_failure failure = {0};
    struct error err = {0};
    struct str name = {0};
    model_pool_facts(request->server->models, &facts);
    struct api_context context = {
        .facts = &facts,
        .now_us = clock_unix_us(),
        .local_seconds = clock_local_seconds(),
        .uptime_seconds = clock_seconds() - request->server->started_seconds,
        .is_anthropic = header(connection, "anthropic-version").len > 0,
    };
    *out_waits = false;
    if (request->route->print) {
        struct strbuf text = {0};
        request->route->print(&context, &text);
        return send_text(request, MHD_HTTP_OK, "text/plain; charset=utf-8", &text);
    }
    const enum status status = route_model_name(body, &name, &err);
    if (status != OK) {
        failure = api_failure_of(status, &err);
        return send_failure(request, &failure);
    }
    json_t *value = model_pool_answer(request->server->models, request->route, name, &context, body,
                                      out_waits, &failure);
    if (*out_waits)
        return MHD_YES;
    if (!value)
        return send_failure(request, &failure);
    return send_json(request, MHD_HTTP_OK, value);
}

static struct str argument(struct MHD_Connection *connection, const char *name)
{
    return str_from_c(MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name));
}

/* About a response that is kept, or its request. */
static enum MHD_Result answer_kept(struct request *request, struct MHD_Connection *connection)
{
    struct response_store *store = request->server->responses;
    const struct str id = strbuf_view(&request->name);
    const struct responses_kept_query query = {
        .limit = argument(connection, "limit"),
        .after = argument(connection, "after"),
        .order = argument(connection, "order"),
    };
    struct api_failure failure = responses_kept_unknown(id, false);
    CLEANUP(json_decrefp) json_t *items = NULL;
    json_t *value = NULL;
    switch (request->route->kept) {
    case ROUTE_KEPT_NOTHING: break;
    case ROUTE_KEPT_RESPONSE: value = response_store_get(store, id); break;
    case ROUTE_KEPT_DELETE:
        if (response_store_delete(store, id))
            value = json_pack("{s:s, s:s, s:b}", "id", strbuf_c(&request->name), "object",
                              "response", "deleted", 1);
        break;
    case ROUTE_KEPT_ITEMS:
        items = response_store_get_items(store, id);
        if (items)
            value = responses_kept_page(items, &query, &failure);
        break;
    }
    return value ? send_json(request, MHD_HTTP_OK, value) : send_failure(request, &failure);
}

static enum MHD_Result answer(struct request *request, struct MHD_Connection *connection)
{
    struct api_failure failure = {0};
    struct error err = {0};
    const struct route *route = request->route;
    CLEANUP(json_decrefp) json_t *body = NULL;
    arrival_whole(arrival_of(connection));
    if (request->body.overflowed)
        failure = too_large();
    if (request->is_refused)
        failure = request->refusal;
    if (request->is_refused || request->body.overflowed)
        return send_failure(request, &failure);
    if (route->kept != ROUTE_KEPT_NOTHING)
        return answer_kept(request, connection);
    if (route->has_name)
        body = json_pack("{s:o}", "digest", reply_text(strbuf_view(&request->name)));
    else if (!str_equal_c(str_from_c(route->method), "GET")) {
        /* Files and models hold U+0000, and clients send it on; names are C strings further in. */
        const struct json_limits limits = {.size_max = HTTP_SERVER_BODY_MAX, .replace_nul = true};
        enum status status = json_parse(strbuf_view(&request->body), &limits, &body, &err);
        if (status == OK && route->check)
            status = route->check(body, &err);
        if (status != OK) {
            failure = api_failure_of(status, &err);
            return send_failure(request, &failure);
        }
    }
    if (route->admin)
        return submit_admin(request, connection, body, &failure) ? send_reply(request)
                                                                 : send_failure(request, &failure);
    if (!route->read && !route->work) {
        bool waits = false;
        const enum MHD_Result result = answer_at_once(request, connection, body, &waits);
        if (!waits)
            return result;
    }
    if (!submit(request, connection, body, &failure))
        return send_failure(request, &failure);
    return send_reply(request);
}

/* ---------------------------------------------------------------- files */

/* Asks the front whether it takes the file; its body comes after that. */
static enum MHD_Result ask_for_file(struct request *request, struct MHD_Connection *connection)
{
    struct api_failure failure = {0};
    const uint64_t size = declared_size(connection);
    CLEANUP(json_decrefp)
    json_t *body = json_pack("{s:o, s:I}", "digest", reply_text(strbuf_view(&request->name)),
                             "size", (json_int_t)(size <= INT64_MAX ? size : 0));
    if (!submit_admin(request, connection, body, &failure)) {
        exchange_unref(request->exchange);
        request->exchange = NULL;
        return refuse(request, connection, &failure);
    }
    return MHD_YES;
}

/* False: the connection sleeps until the front is ready for what comes next. */
static bool front_is_ready(const struct request *request, struct MHD_Connection *connection,
                           bool has_piece, bool *out_is_over)
{
    struct exchange *exchange = request->exchange;
    lock_take(&exchange->lock);
    *out_is_over = exchange->is_finished;
    const bool waits =
        !exchange->is_finished &&
        (!exchange->is_accepted || (has_piece && exchange->ahead >= ADMIN_PIECES_AHEAD_MAX));
    if (waits) {
        exchange->is_waiting = true;
        MHD_suspend_connection(connection);
    }
    lock_give(&exchange->lock);
    return !waits;
}

/* Passes a file on in pieces; what comes after it was refused is read and forgotten. */
static enum MHD_Result take_file(struct request *request, struct MHD_Connection *connection,
                                 const char *bytes, size_t *size)
{
    struct admin *admin = request->server->admin;
    bool is_over = false;
    if (!front_is_ready(request, connection, *size > 0, &is_over))
        return MHD_YES;
    if (request->stage == FILE_ASKED) {
        if (*size == 0 && is_over && !is_read_first(connection))
            return send_reply(request);
        if (!is_over)
            arrival_flows(arrival_of(connection));
        request->stage = FILE_COMES;
        if (*size == 0)
            return MHD_YES;
    }
    if (*size > 0) {
        if (is_over)
            return drop_bytes(request, size);
        admin_send_piece(admin, request->exchange, (struct str){bytes, *size});
        *size = 0;
        return MHD_YES;
    }
    arrival_whole(arrival_of(connection));
    if (request->stage == FILE_COMES && !is_over)
        admin_end_file(admin, request->exchange);
    request->stage = FILE_IS_WHOLE;
    return send_reply(request);
}

/* ---------------------------------------------------------------- requests as they come */

/* The first call for a request: only the headers are there. */
static enum MHD_Result begin(struct http_server *server, struct MHD_Connection *connection,
                             struct str method, struct str path, void **slot)
{
    struct request *request = mem_zalloc(sizeof(*request));
    struct api_failure failure = {0};
    bool path_is_known = false;
    *slot = request;
    request->server = server;
    request->connection = connection;
    random_bytes(request->random, sizeof(request->random));
    for (size_t i = 0; i < sizeof(request->random); i++)
        snprintf(request->id + 2 * i, 3, "%02x", request->random[i]);
    request->body.size_max = HTTP_SERVER_BODY_MAX;
    request->route = route_find(method, path, &path_is_known);
    request->protocol = str_starts_with(path, STR("/api/"))          ? API_OLLAMA
                        : str_starts_with(path, STR("/v1/messages")) ? API_ANTHROPIC
                                                                     : API_OPENAI;
    if (request->route)
        strbuf_add_str(&request->name, route_id(request->route, path));
    if (header_bytes(connection) > HTTP_SERVER_HEADER_BYTES_MAX) {
        failure = api_failure_make(MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                                   "request line and headers are larger than 64 KiB");
        return refuse(request, connection, &failure);
    }
    if (header_count(connection, MHD_HTTP_HEADER_HOST) > 1 ||
        header_count(connection, MHD_HTTP_HEADER_ORIGIN) > 1) {
        failure = api_failure_make(MHD_HTTP_BAD_REQUEST, "more than one Host or Origin header");
        return refuse(request, connection, &failure);
    }
    if (!is_admitted(request, connection, method, &failure))
        return refuse(request, connection, &failure);
    if (is_preflight(request, method))
        return send_preflight(request);
    if (!request->route) {
        failure = not_found(path, path_is_known);
        return refuse(request, connection, &failure);
    }
    if (request->route->has_name)
        strbuf_add_str(&request->name, str_slice(path, strlen(request->route->path), path.len));
    if (!request->route->takes_file) {
        failure = too_large();
        return declared_size(connection) > HTTP_SERVER_BODY_MAX
                   ? refuse(request, connection, &failure)
                   : MHD_YES;
    }
    const enum MHD_Result result = ask_for_file(request, connection);
    size_t nothing = 0;
    return request->exchange ? take_file(request, connection, NULL, &nothing) : result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **slot)
{
    (void)version;
    struct request *request = *slot;
    if (!request)
        return begin(context, connection, str_from_c(method), str_from_c(url), slot);
    if (request->exchange && request->route->takes_file)
        return take_file(request, connection, upload, upload_size);
    if (*upload_size > 0) {
        if (request->is_refused || request->body.overflowed)
            return drop_bytes(request, upload_size);
        strbuf_add(&request->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (request->exchange)
        return send_reply(request);
    return answer(request, connection);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)code;
    struct request *request = *slot;
    arrival_next(arrival_of(connection));
    if (!request)
        return;
    bool is_unfinished = false;
    if (request->exchange) {
        lock_take(&request->exchange->lock);
        is_unfinished = !request->exchange->is_finished;
        request->exchange->is_gone = true;
        request->exchange->is_waiting = false;
        request->exchange->fd = -1;
        lock_give(&request->exchange->lock);
    }
    if (is_unfinished && request->route->takes_file)
        admin_stop(request->server->admin, request->exchange);
    exchange_unref(request->exchange);
    strbuf_done(&request->body);
    strbuf_done(&request->name);
    mem_free(request);
    *slot = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *slot = arrival_open(server->arrivals, socket_of(connection));
    } else {
        arrival_close(*slot);
        *slot = NULL;
    }
}

/* ---------------------------------------------------------------- life */

static enum status start_daemon(struct http_server *server, struct error *err)
{
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, server->config.listen_fd, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_SERVER_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)HTTP_SERVER_IDLE_SECONDS, MHD_OPTION_END);
    return server->daemon ? OK : error_set(err, E_IO, "the HTTP server cannot start");
}

enum status http_server_start(const struct http_server_config *config, struct http_server **out,
                              struct error *err)
{
    struct http_server *server = mem_zalloc(sizeof(*server));
    server->config = *config;
    server->started_seconds = clock_seconds();
    server->admin = admin_new(config->admin_send, config->admin_context);
    server->responses = response_store_new(config->kept_responses, RESPONSE_STORE_BYTES_MAX);
    enum status status = model_pool_start(&config->models, &server->models, err);
    if (status == OK)
        status = arrival_watch_start(config->request_seconds > 0 ? config->request_seconds
                                                                 : HTTP_SERVER_REQUEST_SECONDS,
                                     &server->arrivals, err);
    if (status == OK)
        status = start_daemon(server, err);
    if (status != OK) {
        http_server_stop(server);
        return status;
    }
    *out = server;
    return OK;
}

struct admin *http_server_admin(struct http_server *server)
{
    return server->admin;
}

void http_server_stop(struct http_server *server)
{
    if (!server)
        return;
    admin_end(server->admin);
    model_pool_stop(server->models); /* every exchange is finished, its connection awake */
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    arrival_watch_stop(server->arrivals);
    model_pool_free(server->models);
    response_store_free(server->responses);
    admin_free(server->admin);
    mem_free(server);
}
