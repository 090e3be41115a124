/*
 * chat_template_probe - finds out what a chat template can do by giving it small conversations.
 *
 * A text that the template shows comes out again; one that it does not know is missing, or the
 * template refuses. Each probe uses what the ones before it found.
 *
 * Used by: chat_template.c.
 */
#pragma once

struct chat_template;

/* Fills caps and found texts (chat_template_caps.h). Never fails: in doubt, it can do the thing. */
void chat_template_probe(struct chat_template *chat_template);
