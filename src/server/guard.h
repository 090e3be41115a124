/*
 * guard - who may ask: checks of a request's headers before anything of it is read.
 *
 * A page in a browser can send requests to this machine's own addresses, and a name of its own can
 * be made to lead here (DNS rebinding). So the Host header must name a loopback address, this
 * machine or the address that was asked for, and an Origin header a page of this machine or one
 * that the user allows. With a key, requests for inference must carry it; it is compared in
 * constant time.
 *
 * Threads: constant. Used by: http_server.c.
 */
#pragma once

#include "api/api_failure.h"
#include "base/str.h"

#include <stdbool.h>

struct guard {
    struct str key;     /* empty: none is wanted */
    struct str address; /* as --host gave it: allowed as Host, too */
    struct str pages;   /* origins of other pages that may ask, with commas between; "*": all */
    bool any_host;      /* listens beyond loopback: names are the user's */
};

struct guard_headers {
    struct str host;
    struct str origin;
    struct str authorization; /* "Bearer KEY" */
    struct str api_key;       /* x-api-key */
};

/* False with *out_failure set. `needs_key`: false for health and greetings. */
bool guard_admits(const struct guard *guard, const struct guard_headers *headers, bool needs_key,
                  struct api_failure *out_failure);

/* Whether it is an origin that the user allows, besides the pages of this machine. */
bool guard_allows_page(const struct guard *guard, struct str origin);

/* The key that the request carries, or "". */
struct str guard_given_key(const struct guard_headers *headers);

/* Whether it is the key; in constant time. */
bool guard_key_is(struct str key, struct str given);

/* Whether it is the origin of a page in a browser, wherever it comes from: the browser is the
 * user's, the page need not be. */
bool guard_is_page(struct str origin);
