/*
 * response_store - responses that can be gone on from: in memory, in no file, and bounded.
 *
 * What is kept of a request to /v1/responses that does not say "store": false is what it brought
 * and what the model answered. It goes when it is deleted, when newer ones need the room (at most
 * `count_max` responses and `bytes_max` bytes of text, the oldest go first), and when the server
 * ends. Ids have 128 random bits, and nothing lists them: who does not know one finds nothing. A
 * server has one key at most, so all who may ask it are one owner.
 *
 * Responses that go on from one another share what came before; the text of one that is gone stays
 * as long as one that builds on it.
 *
 * Threads: any. Depends on: os/lock. Used by: http_server.c, engine_loop.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct response_store;
struct response_draft; /* a request on its way to a response */

enum {
    RESPONSE_STORE_COUNT_MAX = 1000, /* the default */
    RESPONSE_STORE_BYTES_MAX = 64 << 20,
    RESPONSE_STORE_CHAIN_MAX = 4096,           /* responses that go on from one another, */
    RESPONSE_STORE_CHAIN_BYTES_MAX = 16 << 20, /* and their items, which each of them reads again */
};

struct response_store *response_store_new(uint32_t count_max, size_t bytes_max);
void response_store_free(struct response_store *store); /* no drafts are left; NULL is allowed */

/*
 * Begins a response. *out_body is the request with everything it goes on from in front of its input
 * (a new reference); *out is NULL where nothing is to be kept. `reply_id`: of the response, without
 * its prefix. E_NOT_FOUND: the response to go on from is not there; E_LIMIT: too many of them.
 */
MUST_USE enum status response_store_begin(struct response_store *store, const json_t *body,
                                          const char *reply_id, json_t **out_body,
                                          struct response_draft **out, struct error *err);

/* Keeps the finished response; the draft is over. */
void response_store_keep(struct response_store *store, struct response_draft *draft,
                         const json_t *response);
void response_store_drop(struct response_store *store, struct response_draft *draft);

/* The response, or what its request brought; a new reference, NULL: there is none of this id. */
json_t *response_store_get(struct response_store *store, struct str id);
json_t *response_store_get_items(struct response_store *store, struct str id);

/* False: there is none of this id. */
bool response_store_delete(struct response_store *store, struct str id);
