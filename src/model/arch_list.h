/*
 * arch_list - the model families holt knows, one row each.
 *
 * To add one: write arch_<name>.c, declare its table here, add a row in arch_list.c.
 */
#pragma once

#include "base/str.h"
#include "model/model_arch.h"

extern const struct model_arch arch_llama;
extern const struct model_arch arch_qwen2;
extern const struct model_arch arch_qwen3;
extern const struct model_arch arch_qwen35;
extern const struct model_arch arch_qwen35moe;
extern const struct model_arch arch_qwen3next;

/* NULL when no family has this name. */
const struct model_arch *arch_list_find(struct str name);

/* The index-th family, NULL behind the last. */
const struct model_arch *arch_list_at(size_t index);
