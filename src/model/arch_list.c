#include "model/arch_list.h"

#include "base/attr.h"

/* clang-format off: one row each */
static const struct model_arch *const families[] = {
    &arch_llama,  &arch_qwen2,     &arch_qwen2moe,  &arch_qwen3,      &arch_qwen3moe,
    &arch_qwen35, &arch_qwen35moe, &arch_qwen3next, &arch_nemotron_h, &arch_nemotron_h_moe,
    &arch_lfm2,   &arch_lfm2moe,   &arch_gpt_oss,   &arch_deepseek2,  &arch_gemma2,
    &arch_gemma3, &arch_mistral3,  &arch_smollm3,   &arch_glm4moe,    &arch_nemotron,
    &arch_deci,   &arch_granite,   &arch_bert,      &arch_nomic_bert, &arch_gemma_embedding,
};
/* clang-format on */

const struct model_arch *arch_list_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (str_equal_c(name, families[i]->name))
            return families[i];
    return NULL;
}

const struct model_arch *arch_list_at(size_t index)
{
    return index < ARRAY_LEN(families) ? families[index] : NULL;
}
