/*
 * model_settings - what a model that was made from another (Ollama's /api/create, a Modelfile) has
 * of its own: a system text, messages, a template, defaults of sampling and lengths, a licence.
 *
 * Settings are a JSON object; every member may be missing:
 *
 *   {"from": NAME, "system": TEXT, "template": JINJA, "ignored_template": true,
 *    "parameters": {...}, "messages": [{"role", "content"}, ...], "license": [TEXT, ...]}
 *
 * "from" is what the model was made from, in its maker's words, for people to read.
 * "ignored_template": a Go template was given; the model file's own template is used. Parameters
 * have Ollama's names and were checked.
 *
 * Threads: any. Depends on: text/, chat/. Used by: route.c, listings.c, api_request.c,
 * cli/model_create.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>

enum {
    MODEL_SETTINGS_BYTES_MAX = 1 << 20, /* as JSON */
    MODEL_SETTINGS_TEMPLATE_BYTES_MAX = 1 << 18,
    MODEL_SETTINGS_MESSAGES_MAX = 1000,
    MODEL_SETTINGS_LICENSES_MAX = 64,
};

/* From the body of /api/create: "system", "template", "parameters", "messages", "license". A new
 * reference. What cannot be done ("adapters", "quantize", ...) is E_UNSUPPORTED, an unknown
 * parameter or a value out of range E_INVALID. */
MUST_USE enum status model_settings_read(const json_t *body, json_t **out, struct error *err);

/* The same, and the template is parsed: before a request is passed on to a process that does not
 * parse it. */
MUST_USE enum status model_settings_check(const json_t *body, struct error *err);

/* What `own` leaves open comes from `base` (NULL: nothing); messages are those of one of them,
 * licences of both. A new reference. */
json_t *model_settings_merge(const json_t *base, const json_t *own);

/* Ollama's templates are Go's; no model here is prompted by one. */
bool model_settings_is_go_template(struct str text);

/* "name value", a line each, as /api/show has it. */
void model_settings_write_parameters(const json_t *settings, struct strbuf *out);

/* A Modelfile that makes the model again from `from`. */
void model_settings_write_modelfile(const json_t *settings, struct str from, struct strbuf *out);

/* All licences, one behind the other. */
void model_settings_write_license(const json_t *settings, struct strbuf *out);
