/*
 * Multilingual encoders read text through a unigram model: the best cut, not the first. Its
 * normalization table comes from the file and is a tree of raw offsets, which nobody may trust.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "tests/unit/tokenizer/tiny_vocab.h"
#include "tokenizer/tokenizer.h"

#include <time.h>

#define MARK "\xe2\x96\x81"

static const struct {
    const char *text;
    float score;
} pieces[] = {
    {"<s>", 0},        {"<pad>", 0}, {"</s>", 0},        {"<unk>", 0}, {MARK, -3},
    {MARK "ab", -2},   {"a", -4},    {"b", -4},          {"c", -4},    {"bc", -1},
    {MARK "a", -2.5f}, {"abc", -9},  {MARK "abcd", -20}, {"d", -4},
};

enum { UNKNOWN = 3, SPECIALS = 4 };

/* A tree that makes "ab" of "x", and what is wrong with it in some tests. */
struct map {
    uint32_t nodes[0x7c];
    uint32_t size_claimed;
    const char *texts;
    size_t texts_len;
};

static struct map working_map(void)
{
    struct map map = {.size_claimed = sizeof(map.nodes), .texts = "no\0ab", .texts_len = 6};
    map.nodes[0] = 1u << 10;                       /* children from 1 on */
    map.nodes['x' ^ 1] = 'x' | 1u << 8 | 2u << 10; /* ends here; its value beside it */
    map.nodes['x' ^ 1 ^ 2] = 1u << 31 | 3;         /* the text at 3 */
    return map;
}

static struct gguf_writer *write_vocab(const struct map *map, bool merges_spaces, bool prefix)
{
    struct str tokens[ARRAY_LEN(pieces)];
    int32_t types[ARRAY_LEN(pieces)];
    float scores[ARRAY_LEN(pieces)];
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        tokens[i] = str_from_c(pieces[i].text);
        scores[i] = pieces[i].score;
        types[i] = i == UNKNOWN ? TOKEN_UNKNOWN : i < SPECIALS ? TOKEN_CONTROL : TOKEN_NORMAL;
    }
    struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_str(writer, "tokenizer.ggml.model", STR("t5"));
    gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", tokens, ARRAY_LEN(pieces));
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, types,
                            ARRAY_LEN(pieces));
    gguf_writer_add_numbers(writer, "tokenizer.ggml.scores", GGUF_TYPE_F32, scores,
                            ARRAY_LEN(pieces));
    gguf_writer_add_u32(writer, "tokenizer.ggml.unknown_token_id", UNKNOWN);
    gguf_writer_add_u32(writer, "tokenizer.ggml.bos_token_id", 0);
    gguf_writer_add_u32(writer, "tokenizer.ggml.eos_token_id", 2);
    gguf_writer_add_u32(writer, "tokenizer.ggml.seperator_token_id", 2);
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_bos_token", true);
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_sep_token", true);
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_space_prefix", prefix);
    gguf_writer_add_bool(writer, "tokenizer.ggml.remove_extra_whitespaces", merges_spaces);
    if (map) {
        CLEANUP(strbuf_done) struct strbuf bytes = {0};
        strbuf_add(&bytes, &map->size_claimed, sizeof(map->size_claimed));
        strbuf_add(&bytes, map->nodes, sizeof(map->nodes));
        strbuf_add(&bytes, map->texts, map->texts_len);
        gguf_writer_add_numbers(writer, "tokenizer.ggml.precompiled_charsmap", GGUF_TYPE_U8,
                                bytes.ptr, bytes.len);
    }
    return writer;
}

static void add_pieces(const struct tokenizer *tokenizer, const struct token_list *list,
                       struct strbuf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        strbuf_add_str(out, tokenizer_piece(tokenizer, list->ids[i]));
        strbuf_add_char(out, '|');
    }
}

static void assert_pieces(const struct tokenizer *tokenizer, const char *text, unsigned flags,
                          const char *expected)
{
    CLEANUP(token_list_done) struct token_list list = {0};
    CLEANUP(strbuf_done) struct strbuf got = {0};
    assert_ok(tokenizer_encode(tokenizer, str_from_c(text), flags, &list, err));
    add_pieces(tokenizer, &list, &got);
    assert_string_equal(strbuf_c(&got), expected);
}

static void the_best_sum_of_scores_wins(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        const char *text;
        const char *pieces;
    } rows[] = {
        {"the longest piece is not the best", "abc", " a|bc|"}, /* -3.5 against -6 and -12 */
        {"alone it is", "ab", " ab|"},
        {"a long piece with a bad score loses", "abcd", " a|bc|d|"},
        {"runs of unknown characters are one token", "a\xe4\xb8\xad!b", " a|<unk>|b|"},
        {"runs of spaces are one, at the ends none", "  ab   c ", " ab| |c|"},
        {"the mark is a space that stays", MARK "a", " | a|"},
        {"a byte that is no UTF-8 is unknown", "a\xff", " a|<unk>|"},
        {"special tokens are text", "<s>", " |<unk>|"},
        {"nothing gives nothing", " ", ""},
    };
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_vocab(NULL, true, true));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].why);
        assert_pieces(tokenizer, rows[i].text, TOKENIZER_PLAIN, rows[i].pieces);
    }
    assert_pieces(tokenizer, "ab", TOKENIZER_ADD_BOS_EOS, "<s>| ab|</s>|");
    CLEANUP(tokenizer_freep)
    struct tokenizer *bare = tiny_vocab_tokenizer(write_vocab(NULL, false, false));
    assert_pieces(bare, "ab  c", TOKENIZER_PLAIN, "a|b| | |c|");
    CLEANUP(tokenizer_freep)
    struct tokenizer *prefixed = tiny_vocab_tokenizer(write_vocab(NULL, false, true));
    assert_pieces(prefixed, "ab ab", TOKENIZER_PLAIN, " ab| ab|");
}

static void pairs_have_two_separators_between_them(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_vocab(NULL, true, true));
    CLEANUP(token_list_done) struct token_list list = {0};
    CLEANUP(strbuf_done) struct strbuf got = {0};
    assert_ok(tokenizer_encode_pair(tokenizer, STR("ab"), STR("a"), &list, err));
    add_pieces(tokenizer, &list, &got);
    assert_string_equal(strbuf_c(&got), "<s>| ab|</s>|</s>| a|</s>|");
}

static void text_is_replaced_as_the_file_says(void **state)
{
    (void)state;
    struct map map = working_map();
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_vocab(&map, true, true));
    assert_pieces(tokenizer, "x", TOKENIZER_PLAIN, " ab|");
    assert_pieces(tokenizer, "xc x", TOKENIZER_PLAIN, " a|bc| ab|");
    const struct text_span spans[] = {{STR("x"), false}, {STR("c"), false}};
    CLEANUP(token_list_done) struct token_list list = {0};
    assert_ok(tokenizer_encode_spans(tokenizer, spans, ARRAY_LEN(spans), &list, err));
    assert_int_equal(list.count, 2); /* "a" and "bc": the second begins in what x became */
    assert_int_equal(list.spans[0] + list.spans[1], 0);
}

static void a_wrong_table_is_refused_or_does_nothing(void **state)
{
    (void)state;
    struct error fault = {0};
    struct map map = working_map();
    map.size_claimed = 1u << 30;
    assert_int_equal(tiny_vocab_try(write_vocab(&map, true, true), &fault), E_FORMAT);
    assert_non_null(strstr(fault.text, "precompiled_charsmap"));
    map.size_claimed = 6;
    assert_int_equal(tiny_vocab_try(write_vocab(&map, true, true), &fault), E_FORMAT);

    for (int wrong = 0; wrong < 3; wrong++) {
        map = working_map();
        if (wrong == 0)
            map.nodes[0] = 0x1ffffcu << 10; /* children far outside */
        else if (wrong == 1)
            map.nodes['x' ^ 1] |= 0x1ffffcu << 10; /* the value far outside */
        else
            map.nodes['x' ^ 1 ^ 2] = 1u << 31 | 1000; /* a text far outside */
        CLEANUP(tokenizer_freep)
        struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_vocab(&map, true, true));
        assert_pieces(tokenizer, "ax", TOKENIZER_PLAIN, " a|<unk>|");
    }
}

static void a_megabyte_of_anything_is_quick(void **state)
{
    (void)state;
    enum { LEN = 1 << 20 };
    static const char *const units[] = {"a", "abc", " ", "z", "\xe4\xb8\xad", "ab "};
    struct map map = working_map();
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_vocab(&map, true, true));
    CLEANUP(mem_freep) char *text = mem_alloc(LEN);
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        for (size_t i = 0; i < LEN; i++)
            text[i] = units[u][i % strlen(units[u])];
        CLEANUP(token_list_done) struct token_list list = {0};
        const clock_t start = clock();
        assert_ok(tokenizer_encode(tokenizer, (struct str){text, LEN}, 0, &list, err));
        assert_true(clock() - start < 20 * CLOCKS_PER_SEC); /* 1 s under sanitizers */
    }
}

int test_unigram(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_sum_of_scores_wins),
        cmocka_unit_test(pairs_have_two_separators_between_them),
        cmocka_unit_test(text_is_replaced_as_the_file_says),
        cmocka_unit_test(a_wrong_table_is_refused_or_does_nothing),
        cmocka_unit_test(a_megabyte_of_anything_is_quick),
    };
    return cmocka_run_group_tests_name("unigram", tests, NULL, NULL);
}
