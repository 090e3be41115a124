/*
 * tool_format_rows - the rows of the table in tool_format.c, each in the file of its name.
 *
 * Used by: tool_format.c and the rows.
 */
#pragma once

#include "chat/tool_format.h"

#define TOOL_FORMAT_TEXT(text)    \
    {                             \
        "" text, sizeof(text) - 1 \
    }

extern const struct tool_format tool_format_generic;
extern const struct tool_format tool_format_hermes;
extern const struct tool_format tool_format_qwen3_coder;
extern const struct tool_format tool_format_llama3;
extern const struct tool_format tool_format_mistral;
extern const struct tool_format tool_format_mistral_id;
extern const struct tool_format tool_format_mistral_array;
extern const struct tool_format tool_format_deepseek_r1;
extern const struct tool_format tool_format_deepseek_v31;
extern const struct tool_format tool_format_deepseek_v32;
extern const struct tool_format tool_format_deepseek_v4;
extern const struct tool_format tool_format_harmony;
extern const struct tool_format tool_format_glm;
extern const struct tool_format tool_format_kimi;
extern const struct tool_format tool_format_lfm2;
extern const struct tool_format tool_format_gemma4;
extern const struct tool_format tool_format_function_gemma;
extern const struct tool_format tool_format_minimax;
extern const struct tool_format tool_format_nemotron2;
extern const struct tool_format tool_format_command_r7b;
extern const struct tool_format tool_format_functionary;
extern const struct tool_format tool_format_seed_oss;
extern const struct tool_format tool_format_minicpm5;
extern const struct tool_format tool_format_apriel;
extern const struct tool_format tool_format_apertus;
extern const struct tool_format tool_format_granite3;
extern const struct tool_format tool_format_gigachat;
extern const struct tool_format tool_format_gigachat3;
extern const struct tool_format tool_format_minimax_m3;
extern const struct tool_format tool_format_functionary_v32;
