/*
 * chat_template_values - a chat_request as the variables of a template, every text with its origin.
 *
 * Where a template cannot take something as it is, the request is adapted to what the probes found
 * (struct chat_template_caps). Used by: chat_template.c.
 */
#pragma once

#include "chat/chat_template.h"
#include "chat/jinja_value.h"

struct jinja_context;

struct chat_template_texts {
    struct str bos;
    struct str eos;
};

/* *out lives in the arena of `context` and borrows the texts of `request`. E_INVALID when the
 * request cannot be expressed. */
MUST_USE enum status
chat_template_values(struct jinja_context *context, const struct chat_template_texts *texts,
                     const struct chat_template_caps *caps, const struct chat_template_found *found,
                     const struct chat_request *request, const struct jinja_dict **out);
