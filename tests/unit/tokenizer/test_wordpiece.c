/*
 * Encoders see text through BERT's normalization: an accent kept, or a word not cut where BERT cuts
 * it, gives another sentence than the one the model was trained to compare.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "tests/unit/tokenizer/tiny_vocab.h"
#include "tokenizer/tokenizer.h"

#include <time.h>

/* As files write them: U+2581 begins a word. */
#define W "\xe2\x96\x81"

static const char *const texts[] = {
    "[PAD]",      "[UNK]",
    "[CLS]",      "[SEP]",
    W "play",     "ing",
    "ed",         W "e",
    W "re",       "sume",
    W "resume",   W ",",
    W "!",        W "$",
    W "+",        W "\xe4\xb8\xad",
    W "\xcf\x83", "\xcf\x83",
    W "un",       "believ",
    "able",       W "E",
    W "[",        W "]",
    W "cls",      W "\xc3\xa9t\xc3\xa9",
};

enum { PAD, UNK, CLS, SEP, FIRST_WORD };

static struct gguf_writer *write_vocab(void)
{
    struct str tokens[ARRAY_LEN(texts)];
    int32_t types[ARRAY_LEN(texts)];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        tokens[i] = str_from_c(texts[i]);
        types[i] = i < FIRST_WORD ? TOKEN_CONTROL : TOKEN_NORMAL;
    }
    types[UNK] = TOKEN_UNKNOWN;
    struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_str(writer, "tokenizer.ggml.model", STR("bert"));
    gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", tokens, ARRAY_LEN(texts));
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, types,
                            ARRAY_LEN(texts));
    gguf_writer_add_u32(writer, "tokenizer.ggml.unknown_token_id", UNK);
    gguf_writer_add_u32(writer, "tokenizer.ggml.cls_token_id", CLS);
    gguf_writer_add_u32(writer, "tokenizer.ggml.seperator_token_id", SEP);
    return writer;
}

static void assert_pieces(const struct tokenizer *tokenizer, const char *text, unsigned flags,
                          const char *expected)
{
    CLEANUP(token_list_done) struct token_list list = {0};
    CLEANUP(strbuf_done) struct strbuf got = {0};
    assert_ok(tokenizer_encode(tokenizer, str_from_c(text), flags, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        strbuf_add_str(&got, tokenizer_piece(tokenizer, list.ids[i]));
        strbuf_add_char(&got, '|');
    }
    assert_string_equal(strbuf_c(&got), expected);
}

static void words_are_cut_into_the_longest_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        const char *text;
        const char *pieces;
    } rows[] = {
        {"the longest piece first", "playing unbelievable", " play|ing| un|believ|able|"},
        {"small letters", "PLAYED Play", " play|ed| play|"},
        {"a word with an unknown rest is one unknown", "playx ing", "[UNK]|[UNK]|"},
        {"accents go", "R\xc3\xa9sum\xc3\xa9 re\xcc\x81sume", " resume| resume|"},
        {"punctuation stands alone", "re,play!ed", " re| ,| play| !|[UNK]|"},
        {"so do ASCII symbols", "e$+e", " e| $| +| e|"},
        {"so do Han characters", "re\xe4\xb8\xadsume", " re| \xe4\xb8\xad|[UNK]|"},
        {"other small letters too", "\xce\xa3\xce\xa3", " \xcf\x83|\xcf\x83|"},
        {"white space of every kind ends words",
         "re\te\xc2\xa0re\xe3\x80\x80"
         "e\n",
         " re| e| re| e|"},
        {"control and format characters go",
         "pl\x01"
         "ay\xe2\x80\x8b"
         "ing re\x0c"
         "sume",
         " play|ing| resume|"},
        {"bytes that are no UTF-8 go",
         "pl\xff\xc3"
         "ay",
         " play|"},
        {"special tokens are text here", "[CLS]", " [| cls| ]|"},
        {"nothing gives nothing", " \n ", ""},
    };
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_vocab());
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].why);
        assert_pieces(tokenizer, rows[i].text, TOKENIZER_PLAIN, rows[i].pieces);
    }
}

static void texts_stand_between_class_and_separator(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_vocab());
    assert_pieces(tokenizer, "re e", TOKENIZER_ADD_BOS_EOS, "[CLS]| re| e|[SEP]|");
    assert_pieces(tokenizer, "", TOKENIZER_ADD_BOS_EOS, "[CLS]|[SEP]|");
    assert_pieces(tokenizer, "re[SEP]e", TOKENIZER_PARSE_SPECIAL, " re|[SEP]| e|");
    assert_int_equal(tokenizer_bos(tokenizer), CLS);
    assert_int_equal(tokenizer_separator(tokenizer), SEP);
    assert_true(tokenizer_adds_separator(tokenizer));
}

static void a_pair_has_a_separator_behind_each_text(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_vocab());
    CLEANUP(token_list_done) struct token_list list = {0};
    assert_ok(tokenizer_encode_pair(tokenizer, STR("re"), STR("e[SEP]"), &list, err));
    static const struct {
        const char *piece;
        uint32_t span;
    } expected[] = {{"[CLS]", 0}, {" re", 0},   {"[SEP]", 0}, {" e", 1},
                    {" [", 1},    {"[UNK]", 1}, {" ]", 1},    {"[SEP]", 1}};
    assert_int_equal(list.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < list.count; i++) {
        assert_true(str_equal_c(tokenizer_piece(tokenizer, list.ids[i]), expected[i].piece));
        assert_int_equal(list.spans[i], expected[i].span);
    }
}

static void the_file_says_what_is_normalized(void **state)
{
    (void)state;
    struct gguf_writer *writer = write_vocab();
    gguf_writer_add_bool(writer, "tokenizer.ggml.normalizer.lowercase", false);
    CLEANUP(tokenizer_freep) struct tokenizer *cased = tiny_vocab_tokenizer(writer);
    assert_pieces(cased, "E PLAY \xc3\xa9t\xc3\xa9", 0, " E|[UNK]| \xc3\xa9t\xc3\xa9|");

    writer = write_vocab();
    gguf_writer_add_bool(writer, "tokenizer.ggml.normalizer.strip_accents", false);
    CLEANUP(tokenizer_freep) struct tokenizer *accented = tiny_vocab_tokenizer(writer);
    assert_pieces(accented, "\xc3\x89T\xc3\x89 r\xc3\xa9sum\xc3\xa9", 0,
                  " \xc3\xa9t\xc3\xa9|[UNK]|");
}

static void a_megabyte_without_a_space_is_quick(void **state)
{
    (void)state;
    enum { LEN = 1 << 20 };
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_vocab());
    static const char *const units[] = {"ing", "!", "x", "\xcc\x81", "ed\xcc\x81"};
    CLEANUP(mem_freep) char *text = mem_alloc(LEN);
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        for (size_t i = 0; i < LEN; i++)
            text[i] = units[u][i % strlen(units[u])];
        memcpy(text, "play", 4);
        CLEANUP(token_list_done) struct token_list list = {0};
        const clock_t start = clock();
        assert_ok(tokenizer_encode(tokenizer, (struct str){text, LEN}, 0, &list, err));
        assert_true(clock() - start < 20 * CLOCKS_PER_SEC); /* 1 s under sanitizers */
        assert_true(list.count > 0);
    }
}

static void a_vocabulary_without_the_unknown_token_is_refused(void **state)
{
    (void)state;
    static const struct str tokens[] = {{"a", 1}};
    struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_str(writer, "tokenizer.ggml.model", STR("bert"));
    gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", tokens, 1);
    struct error fault = {0};
    assert_int_equal(tiny_vocab_try(writer, &fault), E_FORMAT);
    assert_non_null(strstr(fault.text, "unknown_token_id"));
}

int test_wordpiece(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_cut_into_the_longest_pieces),
        cmocka_unit_test(texts_stand_between_class_and_separator),
        cmocka_unit_test(a_pair_has_a_separator_behind_each_text),
        cmocka_unit_test(the_file_says_what_is_normalized),
        cmocka_unit_test(a_megabyte_without_a_space_is_quick),
        cmocka_unit_test(a_vocabulary_without_the_unknown_token_is_refused),
    };
    return cmocka_run_group_tests_name("wordpiece", tests, NULL, NULL);
}
