/*
 * responses_kept - what of a request of /v1/responses outlives its answer, as JSON.
 *
 * The fields that a response repeats, the items that its request brought (each with an id, the same
 * whenever it is asked for), and pages of those. Where they are kept is server/response_store.h.
 *
 * Threads: any; pure. Used by: responses_read.c, server/.
 */
#pragma once

#include "api/api_failure.h"
#include "base/str.h"

#include <jansson.h>

enum { RESPONSES_KEPT_PAGE_MAX = 100, RESPONSES_KEPT_PAGE_DEFAULT = 20 };

/* The request's fields that its response says again, defaults for those it left out; and "include",
 * which says what else is told. New reference. */
json_t *responses_kept_fields(const json_t *body);

/* The items of `body`'s input, a text as a message; new ids begin with those of the response,
 * `reply_id`. New reference. */
json_t *responses_kept_items(const json_t *body, const char *reply_id);

/* The request with `before` in front of its input. New reference. */
json_t *responses_kept_joined(const json_t *body, const json_t *before, const json_t *items);

/* How a client asks for a page; texts may be {0}. */
struct responses_kept_query {
    struct str limit;
    struct str after; /* an item's id */
    struct str order; /* "asc" or "desc", the default: the latest first */
};

/* {"object": "list", "data": [...], "first_id", "last_id", "has_more"}; NULL with *out_failure
 * set. */
json_t *responses_kept_page(const json_t *items, const struct responses_kept_query *query,
                            struct api_failure *out_failure);

/* There is no response of this id. `is_previous`: a request wanted to go on from it. */
struct api_failure responses_kept_unknown(struct str id, bool is_previous);

/* Whether "include" of the request, or of what is repeated of it, names this. */
bool responses_kept_includes(const json_t *body, const char *what);
