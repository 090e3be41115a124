/*
 * jinja_helper - renders one template for a test.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_context.h"
#include "chat/jinja_text.h"

#include <jansson.h>

enum {
    JINJA_HELPER_SECONDS = 1773480413, /* what strftime_now() shows: 2026-03-14 09:26:53 */
    JINJA_HELPER_NAME_MAX = 128,
};

/* Renders `source` with the members of `variables` (an object or NULL), all their text being of one
 * origin. `limits` may be NULL. `out` is zeroed; release it with jinja_text_done(). */
MUST_USE enum status jinja_helper_render(struct str source, const json_t *variables,
                                         enum segment_origin origin,
                                         const struct jinja_limits *limits, struct jinja_text *out,
                                         struct error *err);

/* Reads JSON text; fails the test when it is none. The caller releases it. */
json_t *jinja_helper_json(struct str text);

/* Names of the files in the fixtures' templates/jinja, without ".jinja"; 0 without fixtures. */
size_t jinja_helper_list(char (*names)[JINJA_HELPER_NAME_MAX], size_t count_max);

/* Source of one of them. */
struct str jinja_helper_source(const char *name);
