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
extern const struct model_arch arch_qwen2moe;
extern const struct model_arch arch_qwen3;
extern const struct model_arch arch_qwen35;
extern const struct model_arch arch_qwen35moe;
extern const struct model_arch arch_qwen3next;
extern const struct model_arch arch_nemotron_h;
extern const struct model_arch arch_nemotron_h_moe;
extern const struct model_arch arch_lfm2;
extern const struct model_arch arch_lfm2moe;
extern const struct model_arch arch_qwen3moe;
extern const struct model_arch arch_gpt_oss;
extern const struct model_arch arch_deepseek2;
extern const struct model_arch arch_gemma2;
extern const struct model_arch arch_gemma3;
extern const struct model_arch arch_mistral3;
extern const struct model_arch arch_smollm3;
extern const struct model_arch arch_glm4moe;
extern const struct model_arch arch_nemotron;
extern const struct model_arch arch_deci;
extern const struct model_arch arch_granite;
extern const struct model_arch arch_bert;
extern const struct model_arch arch_nomic_bert;
extern const struct model_arch arch_gemma_embedding;

/* NULL when no family has this name. */
const struct model_arch *arch_list_find(struct str name);

/* The index-th family, NULL behind the last. */
const struct model_arch *arch_list_at(size_t index);
