#include "tests/unit/tokenizer/tiny_vocab.h"

#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "text/utf8.h"

#include <stdio.h>

enum { TOKENS_MAX = 600 };

/* Real bytes; spaces are written as in the file by encode(). Order is rank. */
static const char *const merges[][2] = {
    {"h", "e"},   {"i", "n"},       {" ", "t"},   {"e", "r"},       {" t", "he"},
    {"l", "l"},   {"a", "a"},       {"aa", "aa"}, {"o", "n"},       {"e", "s"},
    {"he", "ll"}, {"hell", "o"},    {" ", "w"},   {"o", "r"},       {" w", "or"},
    {"l", "d"},   {" wor", "ld"},   {"1", "2"},   {"12", "3"},      {"'", "s"},
    {"\n", "\n"}, {" ", " "},       {"  ", "  "}, {"\xc3", "\xa9"}, {"t", "h"},
    {"th", "e"},  {"aaaa", "aaaa"}, {"in", "g"},  {"\xe4", "\xb8"}, {"\xe4\xb8", "\xad"},
    {"b", "a"},   {"a", "b"},       {"ab", "a"},  {"ab", "ab"},     {"s", "t"},
    {"es", "t"},  {"t", "est"},
};

bool tiny_vocab_merge(size_t i, struct str *left, struct str *right)
{
    if (i >= ARRAY_LEN(merges))
        return false;
    *left = str_from_c(merges[i][0]);
    *right = str_from_c(merges[i][1]);
    return true;
}

/* Texts of tokens or merges, as they are written to a file. */
struct text_list {
    struct str texts[TOKENS_MAX];
    int32_t types[TOKENS_MAX];
    float scores[TOKENS_MAX];
    size_t count;
    struct strbuf bytes; /* of all texts */
    size_t starts[TOKENS_MAX];
};

static void add_encoded(struct strbuf *out, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const unsigned byte = (unsigned char)bytes.ptr[i];
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

static void begin_text(struct text_list *list, enum token_kind kind, float score)
{
    assert_true(list->count < TOKENS_MAX);
    list->starts[list->count] = list->bytes.len;
    list->types[list->count] = (int32_t)kind;
    list->scores[list->count] = score;
    list->count++;
}

static void add_plain(struct text_list *list, const char *text, enum token_kind kind, float score)
{
    begin_text(list, kind, score);
    strbuf_add_c(&list->bytes, text);
}

/* The views, once all texts are there. */
static void finish(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const size_t end = i + 1 < list->count ? list->starts[i + 1] : list->bytes.len;
        list->texts[i] = str_slice(strbuf_view(&list->bytes), list->starts[i], end);
    }
}

static void add_flag(struct gguf_writer *writer, const char *key, int flag)
{
    if (flag != 0)
        gguf_writer_add_bool(writer, key, flag > 0);
}

static void add_specials(struct text_list *list, const struct tiny_vocab_options *options)
{
    add_plain(list, TINY_START, TOKEN_CONTROL, 0);
    add_plain(list, TINY_END_TURN, options->wrongly_typed_end ? TOKEN_NORMAL : TOKEN_CONTROL, 0);
    add_plain(list, TINY_TOOL_CALL, TOKEN_USER_DEFINED, 0);
    add_plain(list, TINY_LONGER, TOKEN_CONTROL, 0);
    add_plain(list, TINY_REACHABLE, TOKEN_CONTROL, 0);
}

/* The keys that both kinds have. Frees the list. */
static struct gguf_writer *write_list(struct text_list *list,
                                      const struct tiny_vocab_options *options, const char *model)
{
    struct gguf_writer *writer = gguf_writer_new();
    finish(list);
    gguf_writer_add_str(writer, "tokenizer.ggml.model",
                        str_from_c(options->model ? options->model : model));
    gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", list->texts, list->count);
    if (!options->leaves_out_types)
        gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, list->types,
                                list->count);
    add_flag(writer, "tokenizer.ggml.add_bos_token", options->adds_bos);
    add_flag(writer, "tokenizer.ggml.add_eos_token", options->adds_eos);
    return writer;
}

static void free_list(struct text_list *list)
{
    strbuf_done(&list->bytes);
    mem_free(list);
}

struct gguf_writer *tiny_vocab_bpe(const struct tiny_vocab_options *options)
{
    struct text_list *list = mem_zalloc(sizeof(*list));
    struct text_list *lines = mem_zalloc(sizeof(*lines)); /* the merges, as they are written */
    for (unsigned byte = 0; byte < 256; byte++) {
        const char letter = (char)byte;
        if (options->without_byte_a && letter == 'a')
            continue;
        begin_text(list, TOKEN_NORMAL, 0);
        add_encoded(&list->bytes, (struct str){&letter, 1});
    }
    for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
        begin_text(list, TOKEN_NORMAL, 0);
        add_encoded(&list->bytes, str_from_c(merges[i][0]));
        add_encoded(&list->bytes, str_from_c(merges[i][1]));
        begin_text(lines, TOKEN_NORMAL, 0);
        add_encoded(&lines->bytes, str_from_c(merges[i][0]));
        strbuf_add_char(&lines->bytes, ' ');
        add_encoded(&lines->bytes, str_from_c(merges[i][1]));
    }
    if (options->extra_merge)
        add_plain(lines, options->extra_merge, TOKEN_NORMAL, 0);
    add_specials(list, options);
    struct gguf_writer *writer = write_list(list, options, "gpt2");
    finish(lines);
    gguf_writer_add_strs(writer, "tokenizer.ggml.merges", lines->texts, lines->count);
    if (options->pre)
        gguf_writer_add_str(writer, "tokenizer.ggml.pre", str_from_c(options->pre));
    free_list(list);
    free_list(lines);
    return writer;
}

struct gguf_writer *tiny_vocab_spm(const struct tiny_vocab_options *options)
{
    static const struct {
        const char *text;
        float score;
    } words[] = {
        {"\xe2\x96\x81", -2},
        {"h", -10},
        {"e", -10},
        {"l", -10},
        {"o", -10},
        {"he", -3},
        {"ll", -4},
        {"hell", -5},
        {"hello", -6},
        {"el", -3.5f},
        {"\xe2\x96\x81hello", -7},
        {"a", -10},
        {"b", -10},
        {"aa", -1},
        {"aaa", -0.5f},
        {"ab", -1},
        {"\xc3\xa9", -9},
        {"<", -11},
        {">", -11},
        {"s", -11},
        {"<s", -0.1f},
        {"\xe2\x96\x81\xe2\x96\x81", -1.5f},
    };
    struct text_list *list = mem_zalloc(sizeof(*list));
    add_plain(list, "<unk>", TOKEN_UNKNOWN, 0);
    add_plain(list, "<s>", TOKEN_CONTROL, 0);
    add_plain(list, "</s>", TOKEN_CONTROL, 0);
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        snprintf(text, sizeof(text), "<0x%02X>", byte);
        add_plain(list, text, TOKEN_BYTE, 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        add_plain(list, words[i].text, TOKEN_NORMAL, words[i].score);
    add_specials(list, options);
    struct gguf_writer *writer = write_list(list, options, "llama");
    gguf_writer_add_numbers(writer, "tokenizer.ggml.scores", GGUF_TYPE_F32, list->scores,
                            list->count);
    free_list(list);
    return writer;
}

enum status tiny_vocab_try(struct gguf_writer *writer, struct error *fault)
{
    CLEANUP(gguf_writer_freep) struct gguf_writer *owned = writer;
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    assert_ok(gguf_writer_to_bytes(owned, &bytes, err));
    assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
    return tokenizer_new(file, &tokenizer, fault);
}

struct tokenizer *tiny_vocab_tokenizer(struct gguf_writer *writer)
{
    CLEANUP(gguf_writer_freep) struct gguf_writer *owned = writer;
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    assert_ok(gguf_writer_to_bytes(owned, &bytes, err));
    assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
    assert_ok(tokenizer_new(file, &tokenizer, err));
    return tokenizer; /* it keeps nothing of the file */
}
