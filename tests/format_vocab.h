/*
 * format_vocab - a small vocabulary with the control tokens of the tool-call formats.
 *
 * Functions are static inline: include this where tokenizer/ may be included.
 */
#pragma once

#include "tests/tiny_vocab.h"

static const char *const format_vocab_merges[][2] = {
    {"{", "\""}, {"\"", ":"},  {"\"", "}"},  {"\n", "\n"},     {"<", "/"},  {">", "\n"}, {"t", "r"},
    {"u", "e"},  {"tr", "ue"}, {" ", "a"},   {"\xc3", "\xa9"}, {"=", "\""}, {"\"", ">"}, {"<", "|"},
    {"|", ">"},  {"p", "a"},   {"pa", "r"},  {"</", "par"},    {"a", ">"},  {"\n", "<"}, {"x", "<"},
    {"1", "2"},  {"r", ">"},   {"r>", "\n"}, {":", "<"},       {",", " "},  {"\\", "n"}, {"'", "'"},
};

static const char *const format_vocab_specials[] = {
    "<tool_call>",
    "</tool_call>",
    "<think>",
    "</think>",
    "<arg_key>",
    "</arg_key>",
    "<arg_value>",
    "</arg_value>",
    "[TOOL_CALLS]",
    "[ARGS]",
    "[CALL_ID]",
    "[THINK]",
    "[/THINK]",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁end｜>",
    "｜DSML｜",
    "<|tool_calls_section_begin|>",
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    "<|tool_calls_section_end|>",
    "<|tool_call_start|>",
    "<|tool_call>",
    "<tool_call|>",
    "<|\"|>",
    "<|channel>",
    "<channel|>",
    "]<]minimax[>[",
    "<minimax:tool_call>",
    "</minimax:tool_call>",
    "<|START_ACTION|>",
    "<|END_ACTION|>",
    "<|START_THINKING|>",
    "<|END_THINKING|>",
    "<|python_tag|>",
    "<|channel|>",
    "<|message|>",
    "<|start|>",
    "<|end|>",
    "<|call|>",
    "<|return|>",
    "<|constrain|>",
    "<seed:tool_call>",
    "</seed:tool_call>",
    "<|function_call|>",
    "<|message_sep|>",
    "<|role_sep|>",
    "<|im_end|>",
};

/* Writes the vocabulary into a model file. Without the markers there is one control token, which
 * ends generation; then every marker is text. */
static inline void format_vocab_write(struct gguf_writer *writer, bool has_markers)
{
    const size_t count = has_markers ? ARRAY_LEN(format_vocab_specials) : 1;
    tiny_vocab_write(writer, format_vocab_merges, ARRAY_LEN(format_vocab_merges),
                     format_vocab_specials + ARRAY_LEN(format_vocab_specials) - count, count);
}

/* Tokens of the vocabulary with markers. */
static inline uint32_t format_vocab_size(void)
{
    return (uint32_t)(256 + ARRAY_LEN(format_vocab_merges) + ARRAY_LEN(format_vocab_specials));
}

static inline struct tokenizer *format_vocab_new(bool has_markers)
{
    struct gguf_writer *writer = gguf_writer_new();
    format_vocab_write(writer, has_markers);
    return tiny_vocab_read(writer);
}
