/*
 * chat_template - a model's own way of writing a conversation as text.
 *
 * The template comes from the model file and is not trusted: it runs in the bounded interpreter of
 * jinja_exec.h. When it is loaded, small probe conversations show what it can do (struct
 * chat_template_caps), and rendering adapts (chat_draft.h): a system message goes into the next
 * user message where the role is unknown, tools are described in words where it shows none,
 * arguments are given as an object or as text, whichever it expects.
 *
 * Rendering is a pure function of template and request: same request, same bytes (or an error, when
 * its time is up).
 *
 * Threads: a template is never changed after it was made; any number may render at once.
 * Depends on: base/, text/. Used by: engine/.
 */
#pragma once

#include "base/error.h"
#include "chat/chat_request.h"
#include "chat/chat_spans.h"
#include "chat/chat_template_caps.h"

struct chat_template; /* opaque: see chat_template.c */

/* Parses and probes. Copies its arguments. `bos_text` and `eos_text` are what the template prints
 * for bos_token and eos_token; empty when the model has none. E_FORMAT says where the template is
 * wrong, E_LIMIT which bound it passes. */
MUST_USE enum status chat_template_new(struct str source, struct str bos_text, struct str eos_text,
                                       struct chat_template **out, struct error *err);
void chat_template_free(struct chat_template *chat_template); /* NULL is allowed */
static inline void chat_template_freep(struct chat_template **chat_template)
{
    chat_template_free(*chat_template);
}

/* From now on a rendering ends with E_LIMIT after JINJA_TIME_MS_DEFAULT (jinja_context.h) by this
 * clock, which never goes back. Probes are bounded by steps alone, so that what is found out about
 * a template does not depend on the machine. Before the template is shared. */
void chat_template_set_clock(struct chat_template *chat_template, uint64_t (*now_ns)(void));

const struct chat_template_caps *chat_template_get_caps(const struct chat_template *chat_template);
struct str chat_template_source(const struct chat_template *chat_template);

/* Replaces what `out` holds. E_INVALID with the template's own words if it refuses the
 * conversation; E_FORMAT if it cannot deal with it; E_LIMIT. On failure `out` is empty. */
MUST_USE enum status chat_template_render(const struct chat_template *chat_template,
                                          const struct chat_request *request,
                                          struct chat_spans *out, struct error *err);
