/*
 * fuzz_vocab - tokenizer metadata and text of any kind: making a tokenizer, encoding and decoding
 * must never touch a byte outside, hang, or leak; ids lie inside the vocabulary; spans cover the
 * text; byte-level BPE gives the text back.
 *
 * The input is a list of lines "kind argument" (see apply()), so that the fuzzer mutates settings,
 * tokens and merges rather than the bytes of a container; what follows an empty line is the text.
 */
#include "base/check.h"
#include "base/mem.h"
#include "gguf/gguf.h"
#include "gguf/gguf_writer.h"
#include "tokenizer/detokenizer.h"
#include "tokenizer/tokenizer.h"

#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { ENTRIES_MAX = 512 };

struct list {
    struct str texts[ENTRIES_MAX];
    int32_t types[ENTRIES_MAX];
    float scores[ENTRIES_MAX];
    size_t count;
};

struct vocabulary {
    struct list tokens;
    struct list merges;
    struct gguf_writer *writer;
    bool has_model;
    bool has_pre;
    bool has_charsmap;
};

static void add(struct list *list, struct str text, int32_t type)
{
    if (list->count == ENTRIES_MAX)
        return;
    list->texts[list->count] = text;
    list->types[list->count] = type;
    list->scores[list->count] = -(float)(list->count % 37);
    list->count++;
}

/* The bytes as tokens, in the manner of SPM (`b`), or of the byte alphabet (`B`). */
static void add_bytes(struct list *list, bool in_alphabet)
{
    static char texts[2][256][8];
    int substitute = 256;
    for (int byte = 0; byte < 256; byte++) {
        char *text = texts[in_alphabet][byte];
        const bool is_itself =
            (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
        const unsigned code_point = (unsigned)(is_itself ? byte : substitute++);
        if (!in_alphabet)
            snprintf(text, 8, "<0x%02X>", (unsigned)byte);
        else if (code_point < 0x80)
            snprintf(text, 8, "%c", (int)code_point);
        else
            snprintf(text, 8, "%c%c", (int)(0xc0 | code_point >> 6),
                     (int)(0x80 | (code_point & 0x3f)));
        add(list, str_from_c(text), in_alphabet ? TOKEN_NORMAL : TOKEN_BYTE);
    }
}

/* Normalization: a tree of 32-bit numbers, four characters each, and behind a bar its texts, where
 * a semicolon is the byte that ends one. */
static void add_charsmap(struct vocabulary *v, struct str argument)
{
    unsigned char bytes[4096] = {0};
    const size_t bar = str_find_char(argument, '|', 0);
    const struct str tree = str_slice(argument, 0, bar);
    const struct str texts =
        bar == SIZE_MAX ? (struct str){0} : str_slice(argument, bar + 1, argument.len);
    const uint32_t tree_len = (uint32_t)tree.len / 4 * 4;
    if (v->has_charsmap || tree.len + texts.len + sizeof(tree_len) > sizeof(bytes))
        return;
    v->has_charsmap = true;
    memcpy(bytes, &tree_len, sizeof(tree_len));
    memcpy(bytes + sizeof(tree_len), tree.ptr, tree_len);
    for (size_t i = 0; i < texts.len; i++)
        bytes[sizeof(tree_len) + tree_len + i] =
            texts.ptr[i] == ';' ? 0 : (unsigned char)texts.ptr[i];
    gguf_writer_add_numbers(v->writer, "tokenizer.ggml.precompiled_charsmap", GGUF_TYPE_U8, bytes,
                            sizeof(tree_len) + tree_len + texts.len);
}

static void add_flag(struct vocabulary *v, char which, struct str argument)
{
    static const struct {
        char which;
        const char *key;
        bool is_id;
    } keys[] = {
        {'o', "tokenizer.ggml.add_bos_token", false},
        {'e', "tokenizer.ggml.add_eos_token", false},
        {'p', "tokenizer.ggml.add_space_prefix", false},
        {'s', "tokenizer.ggml.add_sep_token", false},
        {'l', "tokenizer.ggml.normalizer.lowercase", false},
        {'a', "tokenizer.ggml.normalizer.strip_accents", false},
        {'x', "tokenizer.ggml.remove_extra_whitespaces", false},
        {'O', "tokenizer.ggml.bos_token_id", true},
        {'E', "tokenizer.ggml.eos_token_id", true},
        {'U', "tokenizer.ggml.unknown_token_id", true},
        {'S', "tokenizer.ggml.seperator_token_id", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i].which != which)
            continue;
        const unsigned char value = argument.len > 0 ? (unsigned char)argument.ptr[0] : 0;
        if (keys[i].is_id)
            gguf_writer_add_u32(v->writer, keys[i].key, value);
        else
            gguf_writer_add_bool(v->writer, keys[i].key, value & 1);
        return;
    }
}

static void apply(struct vocabulary *v, struct str line)
{
    const struct str argument = str_slice(line, 2, line.len);
    switch (line.ptr[0]) {
    case 'M': /* the kind */
        if (!v->has_model)
            gguf_writer_add_str(v->writer, "tokenizer.ggml.model", argument);
        v->has_model = true;
        return;
    case 'P': /* the pre-tokenizer */
        if (!v->has_pre)
            gguf_writer_add_str(v->writer, "tokenizer.ggml.pre", argument);
        v->has_pre = true;
        return;
    case 'N': gguf_writer_add_str(v->writer, "general.name", argument); return;
    case 'b': add_bytes(&v->tokens, false); return;
    case 'B': add_bytes(&v->tokens, true); return;
    case 'j': add(&v->merges, argument, 0); return;
    case 'c': add_charsmap(v, argument); return;
    default: break;
    }
    if (line.ptr[0] >= '0' && line.ptr[0] <= '9') /* a token of this type */
        add(&v->tokens, argument, line.ptr[0] - '0');
    else
        add_flag(v, line.ptr[0], argument);
}

static enum status open_vocabulary(struct vocabulary *v, struct strbuf *bytes,
                                   struct tokenizer **out)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    gguf_writer_add_strs(v->writer, "tokenizer.ggml.tokens", v->tokens.texts, v->tokens.count);
    gguf_writer_add_numbers(v->writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, v->tokens.types,
                            v->tokens.count);
    gguf_writer_add_numbers(v->writer, "tokenizer.ggml.scores", GGUF_TYPE_F32, v->tokens.scores,
                            v->tokens.count);
    gguf_writer_add_strs(v->writer, "tokenizer.ggml.merges", v->merges.texts, v->merges.count);
    TRY(gguf_writer_to_bytes(v->writer, bytes, NULL));
    TRY(gguf_open_memory(bytes->ptr, bytes->len, &file, NULL));
    return tokenizer_new(file, out, NULL);
}

static void check_tokens(const struct tokenizer *tokenizer, const struct token_list *list,
                         uint32_t span_count)
{
    for (size_t i = 0; i < list->count; i++) {
        CHECK(list->ids[i] >= 0 && (uint32_t)list->ids[i] < tokenizer_vocab_size(tokenizer));
        CHECK(list->spans[i] < span_count);
        CHECK(i == 0 || list->spans[i] >= list->spans[i - 1]);
    }
}

/* The same text as one, and as two spans of which the second may hold special tokens. */
static void try_text(const struct tokenizer *tokenizer, struct str text)
{
    CLEANUP(token_list_done) struct token_list list = {0};
    CLEANUP(token_list_done) struct token_list pieces = {0};
    CLEANUP(strbuf_done) struct strbuf back = {0};
    if (tokenizer_encode(tokenizer, text, TOKENIZER_ADD_BOS_EOS | TOKENIZER_PARSE_SPECIAL, &list,
                         NULL) != OK)
        return;
    check_tokens(tokenizer, &list, 1);
    detokenizer_all(tokenizer, list.ids, list.count, DETOKENIZER_SHOW_SPECIAL, &back);
    const size_t half = text.len / 2;
    const struct text_span spans[] = {{str_slice(text, 0, half), false},
                                      {str_slice(text, half, text.len), true}};
    if (tokenizer_encode_spans(tokenizer, spans, ARRAY_LEN(spans), &pieces, NULL) == OK)
        check_tokens(tokenizer, &pieces, ARRAY_LEN(spans));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(mem_freep) char *copy = mem_alloc(size + 1);
    if (size > 0)
        memcpy(copy, bytes, size);
    CLEANUP(mem_freep) struct vocabulary *v = mem_zalloc(sizeof(*v));
    CLEANUP(gguf_writer_freep) struct gguf_writer *writer = gguf_writer_new();
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    CLEANUP(strbuf_done) struct strbuf file = {0};
    v->writer = writer;
    struct str rest = {copy, size};
    while (rest.len > 0) {
        const struct str line = str_split(&rest, '\n');
        if (line.len == 0)
            break;
        if (line.len >= 2)
            apply(v, line);
    }
    if (open_vocabulary(v, &file, &tokenizer) == OK)
        try_text(tokenizer, rest);
    return 0;
}
