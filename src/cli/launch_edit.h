/*
 * launch_edit - one setting in a configuration file of another program: text in, text out.
 *
 * What is not plain JSON or YAML, or has something else where the setting goes, is refused with a
 * sentence; nothing is guessed. Everything else in the file stays: in YAML to the byte, in JSON in
 * value and order.
 *
 * Threads: any; pure. Used by: launch_client.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <jansson.h>

enum { LAUNCH_EDIT_BYTES_MAX = 1 << 20, LAUNCH_EDIT_PATH_MAX = 128 };

/* Where it goes, as "models.providers.holt", and what. */
struct launch_edit_member {
    const char *path;
    json_t *value; /* borrowed */
};

/* An empty `text` is an empty object. E_FORMAT, E_LIMIT. */
MUST_USE enum status launch_edit_json(struct str text, const struct launch_edit_member *members,
                                      size_t count, struct strbuf *out, struct error *err);

/* Puts `block`, whole lines that begin with "KEY:", in the place of the top-level `key`, or behind
 * everything else. E_FORMAT; E_UNSUPPORTED for forms of YAML in which that is not a matter of whole
 * lines. */
MUST_USE enum status launch_edit_yaml(struct str text, const char *key, struct str block,
                                      struct strbuf *out, struct error *err);
