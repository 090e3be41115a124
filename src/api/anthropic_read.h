/*
 * anthropic_read - request bodies of Anthropic's /v1/messages and /v1/messages/count_tokens.
 *
 * Source: Anthropic's API reference as of August 2026, and what Claude Code sends to a base URL of
 * one's own. Unknown blocks and fields are ignored; images and documents are refused.
 *
 * Two things are put right, because they would destroy the prefix that every request shares: a
 * header that Claude Code changes in every request is dropped from the system text, and system
 * messages in the middle of a conversation become a marked part of the user's turn, since most
 * templates allow the role only at the beginning.
 *
 * Used by: route.c.
 */
#pragma once

#include "api/api_request.h"

MUST_USE enum status anthropic_read_messages(const json_t *body, struct api_request *out,
                                             struct error *err);
