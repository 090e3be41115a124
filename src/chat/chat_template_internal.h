/*
 * chat_template_internal - what the files of chat_template share.
 *
 * Used by: chat_template.c, chat_template_probe.c.
 */
#pragma once

#include "chat/chat_template.h"
#include "chat/chat_template_values.h"

struct jinja_limits;
struct jinja_template;

struct chat_template {
    struct jinja_template *parsed;
    char *source;
    size_t source_len;
    struct chat_template_texts texts;
    struct chat_template_caps caps;
    struct chat_template_found found;
    uint64_t (*now_ns)(void); /* NULL: no clock */
};

/* Renders with `caps` instead of the template's own; `limits` may be NULL. */
MUST_USE enum status chat_template_render_as(const struct chat_template *chat_template,
                                             const struct chat_template_caps *caps,
                                             const struct jinja_limits *limits,
                                             const struct chat_request *request,
                                             struct chat_spans *out, struct error *err);
