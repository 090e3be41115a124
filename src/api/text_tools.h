/*
 * text_tools - what clients ask about texts: tokens, counts, a rendered conversation.
 *
 * Counts are exact: the same rendering and the same tokenizer that a request goes through.
 * Functions are rows of route.c; see there.
 */
#pragma once

#include "api/route.h"

route_answer_fn text_tools_count_tokens, text_tools_count_chat, text_tools_count_responses,
    text_tools_tokenize, text_tools_detokenize, text_tools_apply_template;
