/*
 * mask_tools - sets of tools for the tests of token masks, and the judgement of what was generated:
 * a call must parse, name one of the tools and be valid against its schema.
 */
#pragma once

#include "base/str.h"
#include "infer/token_mask.h"

enum { MASK_TOOLS_MAX = 12, MASK_TOOLS_SETS = 4 };

struct mask_tools {
    struct token_mask_tool tools[MASK_TOOLS_MAX];
    size_t count;
};

/* Set `number`: 0 file tools, 1 nested and odd schemas, 2 names that begin each other and tools
 * without arguments, 3 alternatives and numbers. */
struct mask_tools mask_tools_set(int number);
void mask_tools_done(struct mask_tools *set);

/* <tool_call>, line break, {"name": ..., "arguments": ...}, line break, </tool_call>. */
extern const struct token_mask_syntax mask_tools_hermes;

/* Fails the test unless `text` is one call (`between` other ones if there are several) written as
 * the form says; *out_name (may be NULL) gets the last tool's name. */
void mask_tools_judge(const struct mask_tools *set, struct str text, size_t call_count_max,
                      const struct token_mask_tool **out_tool);
