/* The parts come in the order models were trained on, with the model's own tokens around them, and
 * nothing of the user's text becomes one. */
#include "chat/chat_spans.h"
#include "engine/fill_middle.h"
#include "tests/tiny_vocab.h"

static const struct fill_middle_file files[] = {{{"a.c", 3}, {"int a;", 6}}, {{0}, {"x", 1}}};

struct row {
    const char *specials[6];
    size_t special_count;
    size_t file_count;
    const char *wanted; /* NULL: the model cannot */
};

static const struct row rows[] = {
    {{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|end|>"},
     4,
     0,
     "<|fim_prefix|>before<|fim_suffix|>after<|fim_middle|>"},
    {{"<PRE>", "<SUF>", "<MID>", "<|end|>"},
     4,
     1,
     "\n\n--- snippet ---\n\nint a;<PRE>before<SUF>after<MID>"},
    {{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>",
      "<|end|>"},
     6,
     2,
     "<|repo_name|>project\n<|file_sep|>a.c\nint a;<|file_sep|>file\nx<|file_sep|>filename\n"
     "<|fim_prefix|>before<|fim_suffix|>after<|fim_middle|>"},
    {{"<|fim_prefix|>", "<|fim_suffix|>", "<|end|>"}, 3, 0, NULL},
    {{"<|end|>"}, 1, 0, NULL},
};

static const char *const merges[][2] = {{"b", "e"}};

static void parts_come_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct gguf_writer *writer = gguf_writer_new();
        struct strbuf bytes = {0};
        struct gguf *file = NULL;
        struct tokenizer *tokenizer = NULL;
        struct chat_spans spans = {0};
        struct error told = {0};
        test_case(rows[i].specials[0]);
        tiny_vocab_write(writer, merges, 1, rows[i].specials, rows[i].special_count);
        assert_ok(gguf_writer_to_bytes(writer, &bytes, err));
        assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
        assert_ok(tokenizer_new(file, &tokenizer, err));
        const struct fill_middle input = {.before = STR("before"),
                                          .after = STR("after"),
                                          .files = files,
                                          .file_count = rows[i].file_count};
        const enum status status = fill_middle_render(file, tokenizer, &input, &spans, &told);
        assert_int_equal(status, rows[i].wanted ? OK : E_UNSUPPORTED);
        if (rows[i].wanted)
            assert_string_equal(strbuf_c(&spans.text), rows[i].wanted);
        chat_spans_done(&spans);
        tokenizer_free(tokenizer);
        gguf_close(file);
        strbuf_done(&bytes);
        gguf_writer_free(writer);
    }
}

int test_fill_middle(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_come_in_order)};
    return cmocka_run_group_tests_name("fill_middle", tests, NULL, NULL);
}
