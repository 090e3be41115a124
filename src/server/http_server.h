/*
 * http_server - the connections: HTTP in and out, by libmicrohttpd; meaning is in api/.
 *
 * Listens on a socket that was opened before the process gave up opening sockets. One thread waits
 * for all connections; a connection that waits for the model sleeps until the engine loop wakes it.
 *
 * Threads: start and stop from one. Depends on: api/, engine/. Used by: cli/serve_role.c.
 */
#pragma once

#include "server/admin.h"
#include "server/guard.h"
#include "server/model_pool.h"

struct http_server;

enum {
    HTTP_SERVER_BODY_MAX = 64 << 20,
    HTTP_SERVER_DROPPED_MAX = 256 << 20, /* of the body of a request that is refused: read and
                                            dropped, as most clients listen only then */
    HTTP_SERVER_CONNECTIONS_MAX = 1024,
    HTTP_SERVER_HEADER_BYTES_MAX = 64 << 10, /* of one connection's request line and headers */
    HTTP_SERVER_IDLE_SECONDS = 120,          /* a connection on which nothing happens */
    HTTP_SERVER_REQUEST_SECONDS = 120,       /* until a request is whole (arrival.h) */
};

struct http_server_config {
    int listen_fd; /* taken over */
    struct model_pool_config models;
    struct guard guard;
    admin_send_fn *admin_send; /* NULL: models cannot be changed */
    void *admin_context;
    double request_seconds;  /* 0: HTTP_SERVER_REQUEST_SECONDS */
    uint32_t kept_responses; /* see response_store.h; 0: none */
};

/* Borrows what the configuration points to. E_IO when the library refuses. */
MUST_USE enum status http_server_start(const struct http_server_config *config,
                                       struct http_server **out, struct error *err);

/* For admin_tell(). */
struct admin *http_server_admin(struct http_server *server);

/* Ends every connection. NULL is allowed. */
void http_server_stop(struct http_server *server);
