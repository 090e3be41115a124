/*
 * token_mask_loosen - what is left of a tool's schema where not all of it can be enforced.
 *
 * For callers that are lenient (grammar_limits.warnings): the tool stays, with all of its arguments
 * that can be written. An argument whose schema cannot be enforced keeps its type, what stands
 * beside the arguments is left out, and each of that is said in a line.
 *
 * Threads: any. Used by: token_mask_compile.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

struct strbuf;

enum { TOKEN_MASK_LOOSEN_TRIALS_MAX = 256 }; /* schemas tried for one mask; the rest keep types */

/* Can these parameters be enforced? *why (on false) says what cannot. */
typedef bool(token_mask_loosen_fn)(void *context, const json_t *parameters, struct error *why);

/* New parameters that say less than `parameters`, or NULL: nothing of it can be used. `fits` tries
 * one argument at a time; NULL: every argument keeps no more than its type. Lines are appended to
 * `warnings`. */
json_t *token_mask_loosen(const json_t *parameters, token_mask_loosen_fn *fits, void *context,
                          struct strbuf *warnings);

/* Appends a line, as long as there are no more than GRAMMAR_WARNINGS_LEN_MAX bytes. */
void token_mask_loosen_warn(struct strbuf *warnings, struct str tool, struct str text);
