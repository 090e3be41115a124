/* What the agent does is read at a glance, so a call is one line; nothing in it may be hidden. */
#include "tests/holt_test.h"

#include "cli/approval.h"
#include "cli/call_text.h"

static const struct {
    const char *name;
    const char *tool;
    const char *arguments;
    const char *line;
} calls[] = {
    {"required arguments stand alone", "read_file", "{\"path\": \"a.txt\", \"first_line\": 3}",
     "read_file a.txt first_line=3"},
    {"spaces get quotes", "search_text", "{\"text\": \"two words\", \"path\": \"logs\"}",
     "search_text \"two words\" path=logs"},
    {"line breaks are shown", "write_file", "{\"path\": \"a\", \"content\": \"x\\ny\"}",
     "write_file a \"x\\ny\""},
    {"control characters are shown", "run_command", "{\"command\": \"\\u001b[2Jls\"}",
     "run_command \"\\x1b[2Jls\""},
    {"unknown tool", "nosuch", "{\"a\": [1, 2]}", "nosuch a=[1, 2]"},
    {"no JSON", "read_file", "{path", "read_file {path"},
    {"no arguments", "list_dir", "{}", "list_dir"},
};

static void a_call_is_one_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        test_case(calls[i].name);
        struct strbuf out = {0};
        call_text_add_call(str_from_c(calls[i].tool), str_from_c(calls[i].arguments), &out);
        assert_string_equal(strbuf_c(&out), calls[i].line);
        strbuf_done(&out);
    }
}

static void long_calls_are_cut(void **state)
{
    (void)state;
    struct strbuf arguments = {0};
    struct strbuf out = {0};
    strbuf_add_c(&arguments, "{\"path\": \"");
    for (int i = 0; i < 5000; i++)
        strbuf_add_c(&arguments, "\xc3\xa4");
    strbuf_add_c(&arguments, "\"}");
    call_text_add_call(STR("read_file"), strbuf_view(&arguments), &out);
    assert_in_range(out.len, CALL_TEXT_COLUMNS_MAX - 4, CALL_TEXT_COLUMNS_MAX + 3);
    assert_true(str_ends_with(strbuf_view(&out), STR("...")));
    strbuf_done(&arguments);
    strbuf_done(&out);
}

static void a_result_is_its_first_line(void **state)
{
    (void)state;
    struct strbuf out = {0};
    call_text_add_result(STR("a.txt: lines 1-3 of 3\none\ntwo\nthree"), &out);
    assert_string_equal(strbuf_c(&out), "a.txt: lines 1-3 of 3  (+3 lines)");
    strbuf_clear(&out);
    call_text_add_result(STR("kept: tea\n"), &out);
    assert_string_equal(strbuf_c(&out), "kept: tea");
    strbuf_clear(&out);
    call_text_add_result(STR("exit 0\nhi"), &out);
    assert_string_equal(strbuf_c(&out), "exit 0  (+1 line)");
    strbuf_done(&out);
}

static void a_question_hides_nothing(void **state)
{
    (void)state;
    struct warden_event question = {.kind = WARDEN_EVENT_QUESTION, .tool_name = "run_command"};
    struct strbuf out = {0};
    strbuf_add_c(&question.text, "run:\nls \x1b]0;x\x07; rm -rf .\n");
    approval_add_question(&question, &style_plain, &out);
    assert_string_equal(strbuf_c(&out),
                        "\xe2\x94\x83 run:\n\xe2\x94\x83 ls \\x1b]0;x\\x07; rm -rf .\n"
                        "Allow this?  [y]es  [n]o  [a]lways run_command in this session  ");
    strbuf_done(&question.text);
    strbuf_done(&out);
}

int test_call_text(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_one_line),
        cmocka_unit_test(long_calls_are_cut),
        cmocka_unit_test(a_result_is_its_first_line),
        cmocka_unit_test(a_question_hides_nothing),
    };
    return cmocka_run_group_tests_name("call_text", tests, NULL, NULL);
}
