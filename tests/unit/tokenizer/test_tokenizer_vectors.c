/*
 * Recorded texts and ids of other programs, on real vocabularies: the words a model was trained on
 * must come out here exactly.
 */
#include "tests/holt_test.h"

#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "tokenizer/detokenizer.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>

/* The next text of an .inp file; texts are separated by a line of their own. */
static struct str next_text(struct str *rest)
{
    const struct str separator = STR("\n__ggml_vocab_test__\n");
    const size_t at = str_find(*rest, separator, 0);
    const struct str text = str_slice(*rest, 0, at);
    *rest = at == SIZE_MAX ? (struct str){0} : str_slice(*rest, at + separator.len, rest->len);
    return text;
}

static void check_text(const char *name, size_t number, const struct tokenizer *tokenizer,
                       struct str text, unsigned flags, struct str line)
{
    CLEANUP(token_list_done) struct token_list got = {0};
    CLEANUP(strbuf_done) struct strbuf ids = {0};
    assert_ok(tokenizer_encode(tokenizer, text, flags, &got, err));
    for (size_t i = 0; i < got.count; i++)
        strbuf_addf(&ids, " %d", got.ids[i]);
    if (!str_equal(strbuf_view(&ids), line))
        fail_msg("%s, text %zu '%.*s': got%s, want%.*s", name, number, STR_ARG(text),
                 strbuf_c(&ids), STR_ARG(line));
    if (flags != TOKENIZER_PARSE_USER_DEFINED ||
        str_find(text, STR("\xe2\x96\x81"), 0) != SIZE_MAX) /* what normalization loses */
        return;
    CLEANUP(strbuf_done) struct strbuf back = {0};
    detokenizer_all(tokenizer, got.ids, got.count, DETOKENIZER_AT_TEXT_START, &back);
    if (!str_equal(strbuf_view(&back), text))
        fail_msg("%s, text %zu '%.*s' came back as '%s'", name, number, STR_ARG(text),
                 strbuf_c(&back));
}

/* Returns the number of texts. */
static size_t check_all(const char *name, const char *vocabulary, unsigned flags, struct str texts,
                        struct str lines)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    assert_ok(gguf_open(vocabulary, &file, err));
    assert_ok(tokenizer_new(file, &tokenizer, err));
    size_t count = 0;
    for (; texts.ptr && texts.len > 0; count++) {
        const struct str text = next_text(&texts);
        check_text(name, count, tokenizer, text, flags, str_split(&lines, '\n'));
    }
    return count;
}

static void reduced_vocabularies_give_the_recorded_ids(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned flags;
    } rows[] = {
        {"unigram", TOKENIZER_PLAIN},
        {"falcon", TOKENIZER_PARSE_USER_DEFINED},
        {"mpt", TOKENIZER_PARSE_USER_DEFINED},
        {"gpt-neox", TOKENIZER_PARSE_USER_DEFINED},
        {"gemma4", TOKENIZER_PARSE_USER_DEFINED},
        {"bert-bge", TOKENIZER_PARSE_SPECIAL},
    };
    const struct str texts = test_read_file("tests/data/tokenizer/texts.inp");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        char vocabulary[128];
        char ids[128];
        snprintf(vocabulary, sizeof(vocabulary), "tests/data/tokenizer/%s.gguf", rows[i].name);
        snprintf(ids, sizeof(ids), "tests/data/tokenizer/%s.out", rows[i].name);
        assert_int_equal(
            check_all(rows[i].name, vocabulary, rows[i].flags, texts, test_read_file(ids)), 107);
    }
}

static void recorded_texts_give_the_recorded_ids(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-2", "llama-spm", "starcoder", "deepseek-coder",
                                        "deepseek-llm"};
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        test_case(names[n]);
        char path[128];
        snprintf(path, sizeof(path), "tokenizers/%s.gguf", names[n]);
        const char *vocabulary = test_fixture(path);
        if (!vocabulary) {
            print_message("skipped: no fixture %s\n", path);
            skip();
        }
        snprintf(path, sizeof(path), "tokenizers/%s.inp", names[n]);
        const struct str texts = test_read_file(test_fixture(path));
        snprintf(path, sizeof(path), "tokenizers/%s.out", names[n]);
        const struct str lines = test_read_file(test_fixture(path));
        assert_int_equal(
            check_all(names[n], vocabulary, TOKENIZER_PARSE_USER_DEFINED, texts, lines), 46);
    }
}

int test_tokenizer_vectors(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reduced_vocabularies_give_the_recorded_ids),
        cmocka_unit_test(recorded_texts_give_the_recorded_ids),
    };
    return cmocka_run_group_tests_name("tokenizer_vectors", tests, NULL, NULL);
}
