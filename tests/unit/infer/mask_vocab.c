/* mask_vocab - see mask_vocab.h. */
#include "tests/unit/infer/mask_vocab.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "gguf/gguf_writer.h"
#include "tests/holt_test.h"
#include "text/utf8.h"

#include <stdio.h>

enum { TEXTS_MAX = 512, SPECIAL_COUNT = 3 };

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

struct texts {
    struct strbuf bytes;
    size_t ends[TEXTS_MAX];
    struct str views[TEXTS_MAX];
    int32_t kinds[TEXTS_MAX];
    size_t count;
};

/* Bytes as byte-level BPE files write them. */
static void add_encoded(struct strbuf *out, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned byte = (unsigned char)bytes[i];
        uint32_t code_point = byte;
        if (byte <= 0x20)
            code_point = 256 + byte;
        else if (byte >= 0x7f && byte <= 0xa0)
            code_point = 256 + 33 + (byte - 0x7f);
        else if (byte == 0xad)
            code_point = 256 + 67;
        char form[UTF8_BYTES_MAX];
        strbuf_add(out, form, utf8_write(code_point, form));
    }
}

static void end_text(struct texts *texts, enum token_kind kind)
{
    texts->ends[texts->count] = texts->bytes.len;
    texts->kinds[texts->count++] = (int32_t)kind;
}

static void view_texts(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        texts->views[i] =
            str_slice(strbuf_view(&texts->bytes), i ? texts->ends[i - 1] : 0, texts->ends[i]);
}

static struct tokenizer *tokenizer_of(struct gguf_writer *writer)
{
    CLEANUP(gguf_writer_freep) struct gguf_writer *owned = writer;
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    assert_ok(gguf_writer_to_bytes(owned, &bytes, err));
    assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
    assert_ok(tokenizer_new(file, &tokenizer, err));
    return tokenizer;
}

static struct mask_vocab with_tables(const char *name, struct tokenizer *tokenizer)
{
    struct mask_vocab vocab = {.name = name, .tokenizer = tokenizer};
    assert_ok(token_mask_vocab_new(tokenizer, &vocab.tables, err));
    return vocab;
}

struct mask_vocab mask_vocab_small(void)
{
    CLEANUP(mem_freep) struct texts *tokens = mem_zalloc(sizeof(*tokens));
    CLEANUP(mem_freep) struct texts *lines = mem_zalloc(sizeof(*lines));
    for (unsigned byte = 0; byte < 256; byte++) {
        const char letter = (char)byte;
        add_encoded(&tokens->bytes, &letter, 1);
        end_text(tokens, TOKEN_NORMAL);
    }
    for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
        for (int side = 0; side < 2; side++) {
            const char *text = merges[i][side];
            add_encoded(&tokens->bytes, text, strlen(text));
            add_encoded(&lines->bytes, text, strlen(text));
            if (side == 0)
                strbuf_add_char(&lines->bytes, ' ');
        }
        end_text(tokens, TOKEN_NORMAL);
        end_text(lines, TOKEN_NORMAL);
    }
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        strbuf_add_c(&tokens->bytes, specials[i]);
        end_text(tokens, TOKEN_CONTROL);
    }
    view_texts(tokens);
    view_texts(lines);
    struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_str(writer, "tokenizer.ggml.model", STR("gpt2"));
    gguf_writer_add_str(writer, "tokenizer.ggml.pre", STR("qwen2"));
    gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", tokens->views, tokens->count);
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, tokens->kinds,
                            tokens->count);
    gguf_writer_add_strs(writer, "tokenizer.ggml.merges", lines->views, lines->count);
    gguf_writer_add_u32(writer, "tokenizer.ggml.eos_token_id", (uint32_t)tokens->count - 1);
    struct tokenizer *tokenizer = tokenizer_of(writer);
    strbuf_done(&tokens->bytes);
    strbuf_done(&lines->bytes);
    return with_tables("small", tokenizer);
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
