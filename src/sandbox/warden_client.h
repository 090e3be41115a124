/*
 * warden_client - the core's side of the warden: hand over a call, wait for its result.
 *
 * Threads: one call at a time; warden_client_cancel() from any thread.
 * Used by: tools/tool_runner.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "os/channel.h"

struct warden_client; /* opaque: see warden_client.c */

/* Takes over the channel (warden.calls) and leaves it closed in *calls. */
struct warden_client *warden_client_new(struct channel *calls);
void warden_client_free(struct warden_client *client); /* NULL is allowed */

/* Appends the result of one call to `out`: also refusals, time-outs and failures of the tool are
 * results, "error: ..." by convention. E_CANCELLED after warden_client_cancel(); E_LIMIT when
 * `arguments` is longer than WARDEN_ARGUMENTS_MAX; E_IO when the warden is gone. */
MUST_USE enum status warden_client_call(struct warden_client *client, uint32_t tool_index,
                                        struct str arguments, struct strbuf *out,
                                        struct error *err);

/* Ends the call that is running, if one is: its child is killed, its question withdrawn. */
void warden_client_cancel(struct warden_client *client);
