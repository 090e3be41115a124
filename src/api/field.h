/*
 * field - the fields of a request body, each with its type and range, or a sentence that names it.
 *
 * A field that is absent or null leaves *out as it is. Unknown fields are ignored, as every client
 * of these protocols expects.
 *
 * Used by: the readers.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

MUST_USE enum status field_bool(const json_t *body, const char *name, bool *out, struct error *err);
MUST_USE enum status field_int(const json_t *body, const char *name, int64_t min, int64_t max,
                               int64_t *out, struct error *err);
MUST_USE enum status field_float(const json_t *body, const char *name, double min, double max,
                                 float *out, struct error *err);
/* A view; lives as long as the body. */
MUST_USE enum status field_str(const json_t *body, const char *name, struct str *out,
                               struct error *err);

/* An array of at most `count_max` members; *out stays NULL when it is absent. */
MUST_USE enum status field_array(const json_t *body, const char *name, size_t count_max,
                                 const json_t **out, struct error *err);

/* As much of a text as fits into a sentence, up to the first control character: for printf
 * "%.*s". */
struct str field_shown(struct str text);
