/*
 * tiny_vocab - small byte-level vocabularies, built in memory: every byte, some merges, and control
 * tokens of which the last ends generation.
 *
 * Functions are static inline: include this where tokenizer/ may be included.
 */
#pragma once

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "gguf/gguf_writer.h"
#include "tests/holt_test.h"
#include "text/utf8.h"
#include "tokenizer/tokenizer.h"

enum { TINY_VOCAB_TEXTS_MAX = 512 };

struct tiny_vocab_texts {
    struct strbuf bytes;
    size_t ends[TINY_VOCAB_TEXTS_MAX];
    struct str views[TINY_VOCAB_TEXTS_MAX];
    int32_t kinds[TINY_VOCAB_TEXTS_MAX];
    size_t count;
};

/* Bytes as byte-level BPE files write them. */
static inline void tiny_vocab_add_encoded(struct strbuf *out, const char *bytes, size_t len)
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

static inline void tiny_vocab_end_text(struct tiny_vocab_texts *texts, enum token_kind kind)
{
    assert_true(texts->count < TINY_VOCAB_TEXTS_MAX);
    texts->ends[texts->count] = texts->bytes.len;
    texts->kinds[texts->count++] = (int32_t)kind;
}

static inline void tiny_vocab_view(struct tiny_vocab_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        texts->views[i] =
            str_slice(strbuf_view(&texts->bytes), i ? texts->ends[i - 1] : 0, texts->ends[i]);
}

static inline struct tokenizer *tiny_vocab_read(struct gguf_writer *writer)
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

/* Adds the vocabulary to a model file. */
static inline void tiny_vocab_write(struct gguf_writer *writer, const char *const merges[][2],
                                    size_t merge_count, const char *const *specials,
                                    size_t special_count)
{
    CLEANUP(mem_freep) struct tiny_vocab_texts *tokens = mem_zalloc(sizeof(*tokens));
    CLEANUP(mem_freep) struct tiny_vocab_texts *lines = mem_zalloc(sizeof(*lines));
    for (unsigned byte = 0; byte < 256; byte++) {
        const char letter = (char)byte;
        tiny_vocab_add_encoded(&tokens->bytes, &letter, 1);
        tiny_vocab_end_text(tokens, TOKEN_NORMAL);
    }
    for (size_t i = 0; i < merge_count; i++) {
        for (int side = 0; side < 2; side++) {
            const char *text = merges[i][side];
            tiny_vocab_add_encoded(&tokens->bytes, text, strlen(text));
            tiny_vocab_add_encoded(&lines->bytes, text, strlen(text));
            if (side == 0)
                strbuf_add_char(&lines->bytes, ' ');
        }
        tiny_vocab_end_text(tokens, TOKEN_NORMAL);
        tiny_vocab_end_text(lines, TOKEN_NORMAL);
    }
    for (size_t i = 0; i < special_count; i++) {
        strbuf_add_c(&tokens->bytes, specials[i]);
        tiny_vocab_end_text(tokens, TOKEN_CONTROL);
    }
    tiny_vocab_view(tokens);
    tiny_vocab_view(lines);
    gguf_writer_add_str(writer, "tokenizer.ggml.model", STR("gpt2"));
    gguf_writer_add_str(writer, "tokenizer.ggml.pre", STR("qwen2"));
    gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", tokens->views, tokens->count);
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, tokens->kinds,
                            tokens->count);
    gguf_writer_add_strs(writer, "tokenizer.ggml.merges", lines->views, lines->count);
    gguf_writer_add_u32(writer, "tokenizer.ggml.eos_token_id", (uint32_t)tokens->count - 1);
    strbuf_done(&tokens->bytes);
    strbuf_done(&lines->bytes);
}

/* Released with tokenizer_free(). */
static inline struct tokenizer *tiny_vocab_new(const char *const merges[][2], size_t merge_count,
                                               const char *const *specials, size_t special_count)
{
    struct gguf_writer *writer = gguf_writer_new();
    tiny_vocab_write(writer, merges, merge_count, specials, special_count);
    return tiny_vocab_read(writer);
}
