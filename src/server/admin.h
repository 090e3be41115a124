/*
 * admin - requests that change what models there are: pull, create, copy, delete, and files that
 * are uploaded for them. The process that serves
 * can write nothing and connect to nothing; it asks the front, which does it, and passes on what
 * the front tells.
 *
 * A request is for the front's user alone: the front looks up who is at the other end of the
 * connection, unless the request carries the server's key, which the front compares itself.
 *
 * Threads: every function from any. Used by: http_server.c, cli/serve_role.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct admin;
struct api_failure;
struct exchange;

/* One request for the front. */
struct admin_request {
    uint64_t id;
    const char *work; /* "pull", "create", "copy", "delete"; "blob": is a file here?; "upload": a
                         file comes; "uploaded": it is whole; "stop": the client of `id` is gone */
    const json_t *body;
    struct str bytes; /* of a file; then nothing else but `id` is set */
    struct str key;   /* that the request carries, or "" */
    uint16_t peer_port;
};

/* Who asks. */
struct admin_peer {
    uint16_t port; /* of the client, 0: not known */
    struct str key;
};

/* Sends it to the front; from any thread. */
typedef enum status(admin_send_fn)(void *context, const struct admin_request *request,
                                   struct error *err);

/* `send` NULL: there is no front, and every request is refused. */
struct admin *admin_new(admin_send_fn *send, void *context);
void admin_free(struct admin *admin); /* NULL is allowed; admin_end() was called */

/* Ends every request. */
void admin_end(struct admin *admin);

/* Takes a reference of its own. False with *out_failure set. */
bool admin_submit(struct admin *admin, struct exchange *exchange, struct admin_peer peer,
                  struct api_failure *out_failure);

/* Of an upload that the front has accepted: a piece of the file, its end. With
 * ADMIN_PIECES_AHEAD_MAX of them on their way (exchange->ahead) wait until the exchange is woken.
 */
enum { ADMIN_PIECES_AHEAD_MAX = 4 };
void admin_send_piece(struct admin *admin, struct exchange *exchange, struct str bytes);
void admin_end_file(struct admin *admin, struct exchange *exchange);

/* The client is gone before its request was done. */
void admin_stop(struct admin *admin, const struct exchange *exchange);

/* The front tells how it goes: a line of JSON for who waits; "": an upload may go on, or a piece of
 * it was taken; or, with `is_last`, that it is done, or why not (`status`, `text` a sentence). */
void admin_tell(struct admin *admin, uint64_t id, bool is_last, enum status status,
                struct str text);
