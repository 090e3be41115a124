/*
 * fetch - the only code that dials: one address into one descriptor, by libcurl.
 *
 * https only, and http to this machine's own addresses (or where asked for); at most
 * FETCH_REDIRECTS_MAX redirects, from https to https only. A transfer that breaks is taken up where
 * it stopped, FETCH_TRIES_MAX times, if the server says that the file is still the same; a server
 * that sends it from the beginning is taken at its word. What is slower than FETCH_SPEED_MIN for
 * FETCH_SLOW_SECONDS has broken.
 *
 * Nothing of what comes is believed: who asked checks size and digest.
 *
 * Threads: one at a time; fetch_begin() before the process is locked. Depends on: base/. Used by:
 * cli/fetch_role.c.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FETCH_URL_MAX = 4096,
    FETCH_TAG_MAX = 256,
    FETCH_REDIRECTS_MAX = 10,
    FETCH_TRIES_MAX = 5,
    FETCH_SPEED_MIN = 1024, /* bytes per second */
    FETCH_SLOW_SECONDS = 30,
    FETCH_CONNECT_SECONDS = 30,
};

/* `done` of `total` bytes (0: unknown). False: stop with E_CANCELLED. */
typedef bool(fetch_progress_fn)(void *context, uint64_t done, uint64_t total);

struct fetch_request {
    const char *url;
    const char *accept;    /* of media types; NULL: any */
    const char *token;     /* sent as a bearer to the address's host only; NULL: none */
    int out_fd;            /* a regular file or memfd, written from `resume_at` on */
    uint64_t resume_at;    /* bytes that are there already */
    uint64_t size_max;     /* more is E_LIMIT */
    bool allows_http;      /* unencrypted, to any host */
    unsigned try_count;    /* 0: FETCH_TRIES_MAX */
    unsigned slow_seconds; /* 0: FETCH_SLOW_SECONDS */
    const char *json; /* what is sent (POST), to this machine's own addresses only; NULL: GET */
    fetch_progress_fn *progress;
    void *context;
};

/* Loads what libraries load lazily. Once. E_IO. */
MUST_USE enum status fetch_begin(struct error *err);

/* E_INVALID the address, or something to send beyond this machine; E_NOT_FOUND 404; E_DENIED 401
 * or 403; E_LIMIT; E_IO with what happened; E_CANCELLED. `out_size` is how many bytes the file has
 * then. */
MUST_USE enum status fetch_run(const struct fetch_request *request, uint64_t *out_size,
                               struct error *err);
