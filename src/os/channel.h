/*
 * channel - whole messages between two processes of holt, over a socket pair.
 *
 * A message is a kind and a body. The receiver says how long a body may be; a longer one breaks the
 * channel (E_LIMIT) because what follows cannot be trusted. Interrupted and partial reads and
 * writes are finished here. A send to a process that is gone is E_CANCELLED, never a signal.
 *
 * Threads: one sender and one receiver at a time. Zeroed is closed.
 * Used by: sandbox/, cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

enum {
    CHANNEL_BODY_MAX = 8 * 1024 * 1024, /* no receiver may allow more */
    CHANNEL_FOREVER = -1,               /* as a timeout */
};

struct channel {
    int fd;
    bool is_open;
};

/* Two connected ends; both are closed by a program that is started (close-on-exec). */
MUST_USE enum status channel_pair(struct channel *out_a, struct channel *out_b, struct error *err);

/* The end that has this descriptor; takes it over. */
static inline struct channel channel_over(int fd)
{
    return (struct channel){.fd = fd, .is_open = true};
}

void channel_close(struct channel *channel); /* no effect on a closed one */

MUST_USE enum status channel_send(struct channel *channel, uint32_t kind, struct str body,
                                  struct error *err);

/* Waits for one message and puts its body into `body` (cleared first). E_CANCELLED when the other
 * side is gone, E_LIMIT when the body is longer than body_max or nothing whole came within
 * timeout_ms. After any error the channel is of no more use. */
MUST_USE enum status channel_receive(struct channel *channel, size_t body_max, int timeout_ms,
                                     uint32_t *out_kind, struct strbuf *body, struct error *err);

/* True when a receive would not wait: a message begins to arrive or the other side is gone. */
bool channel_is_readable(const struct channel *channel, int timeout_ms);
