/* mask_vocab - see mask_vocab.h. */
#include "tests/unit/infer/mask_vocab.h"

#include "gguf/gguf.h"
#include "tests/holt_test.h"
#include "tests/tiny_vocab.h"

#include <stdio.h>

enum { SPECIAL_COUNT = 3 };

static const char *const merges[][2] = {
    {"{", "\""},  {"\"", ":"},      {" ", "\""},       {"\"", "}"},        {"\"}", "}"},
    {"\"", ","},  {"n", "a"},       {"m", "e"},        {"na", "me"},       {"a", "r"},
    {"g", "u"},   {"ar", "gu"},     {"en", "ts"},      {"e", "n"},         {"t", "s"},
    {"me", "n"},  {"men", "ts"},    {"argu", "ments"}, {"r", "e"},         {"a", "d"},
    {"re", "ad"}, {"f", "i"},       {"l", "e"},        {"fi", "le"},       {"p", "a"},
    {"t", "h"},   {"pa", "th"},     {" ", "{"},        {" {", "\""},       {"}", "}"},
    {"}}", "\n"}, {"\xc3", "\xa9"}, {"i", "n"},        {"o", "n"},         {"\xe4", "\xb8"},
    {"/", "/"},   {"l", "i"},       {"s", "t"},        {"li", "st"},       {"\\", "\""},
    {"\\", "n"},  {"\"", "]"},      {" ", "["},        {" [", "\""},       {",", " "},
    {"\n", "\n"}, {" ", " "},       {"  ", "  "},      {"1", "2"},         {"0", "0"},
    {" ", "a"},   {"a", "b"},       {"_", "_"},        {"t", "r"},         {"tr", "u"},
    {"tru", "e"}, {"\"", "\""},     {"\"\"", "}"},     {"\xc3\xa9", "\""},
};

static const char *const specials[SPECIAL_COUNT] = {"<tool_call>", "</tool_call>", "<|im_end|>"};

static struct mask_vocab with_tables(const char *name, struct tokenizer *tokenizer)
{
    struct mask_vocab vocab = {.name = name, .tokenizer = tokenizer};
    assert_ok(token_mask_vocab_new(tokenizer, &vocab.tables, err));
    return vocab;
}

struct mask_vocab mask_vocab_small(void)
{
    return with_tables("small", tiny_vocab_new(merges, ARRAY_LEN(merges), specials, SPECIAL_COUNT));
}

struct mask_vocab mask_vocab_recorded(const char *name)
{
    char relative[64];
    snprintf(relative, sizeof(relative), "tokenizers/%s.gguf", name);
    const char *path = test_fixture(relative);
    if (!path)
        return (struct mask_vocab){.name = name};
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    assert_ok(gguf_open(path, &file, err));
    assert_ok(tokenizer_new(file, &tokenizer, err));
    return with_tables(name, tokenizer);
}

struct mask_vocab mask_vocab_get(int number)
{
    static const char *const recorded[MASK_VOCAB_COUNT] = {NULL, "gpt-2", "llama-spm"};
    return number == 0 ? mask_vocab_small() : mask_vocab_recorded(recorded[number]);
}

void mask_vocab_done(struct mask_vocab *vocab)
{
    token_mask_vocab_free(vocab->tables);
    tokenizer_free(vocab->tokenizer);
    *vocab = (struct mask_vocab){0};
}
