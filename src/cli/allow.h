/*
 * allow - what the agent may do without asking, as a person writes it: "write,run".
 *
 * Threads: any.
 */
#pragma once

#include "base/error.h"

/* The words "write" and "run", separated by commas, as bits of WARDEN_ALLOW_WRITE and _RUN
 * (sandbox/warden.h); NULL and "" are none. E_INVALID names another word. */
MUST_USE enum status allow_parse(const char *text, unsigned *out, struct error *err);
