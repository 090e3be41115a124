/* Tokens are handed out with the text they became, once, whatever was swallowed or held back. */
#include "api/token_log.h"
#include "base/strbuf.h"
#include "tests/holt_test.h"

static void add(struct token_log *log, const char *text)
{
    const struct chat_token tokens[2] = {{.text = str_from_c(text), .id = 1, .logprob = -0.5},
                                         {.text = STR("t"), .id = 2, .logprob = -0.25}};
    token_log_add(log, tokens, 2);
}

/* "TOKEN@START ..." of what is taken. */
static void take(struct token_log *log, size_t end, const char *wanted)
{
    struct strbuf shown = {0};
    json_t *starts = NULL;
    json_t *entries = token_log_take(log, end, &starts);
    for (size_t i = 0; i < json_array_size(entries); i++)
        strbuf_addf(&shown, "%s@%d ",
                    json_string_value(json_object_get(json_array_get(entries, i), "token")),
                    (int)json_integer_value(json_array_get(starts, i)));
    assert_string_equal(strbuf_c(&shown), wanted);
    json_decref(entries);
    json_decref(starts);
    strbuf_done(&shown);
}

static void text_and_tokens_keep_step(void **state)
{
    (void)state;
    struct token_log log = {0};
    take(&log, 100, "");
    add(&log, "ab");
    token_log_text(&log, 2);
    add(&log, "<mark>"); /* swallowed */
    add(&log, "c");
    add(&log, "\xc3");
    add(&log, "\xa9");
    token_log_text(&log, 3);
    take(&log, 2, "ab@0 ");
    add(&log, "thought");
    token_log_drop(&log);
    add(&log, "</think>x");
    token_log_text(&log, 1);
    take(&log, 3, "c@2 ");
    take(&log, 100, "\xef\xbf\xbd@3 \xef\xbf\xbd@4 </think>x@5 ");
    add(&log, "y");
    token_log_text(&log, 1);
    take(&log, 6, ""); /* a stop text cut it off */
    take(&log, 7, "y@6 ");
    token_log_done(&log);
}

static void columns_are_those_of_completions(void **state)
{
    (void)state;
    struct token_log log = {0};
    json_t *starts = NULL;
    add(&log, "ab");
    token_log_text(&log, 2);
    json_t *entries = token_log_take(&log, 2, &starts);
    json_t *columns = token_log_columns(entries, starts);
    char *text = json_dumps(columns, JSON_COMPACT);
    assert_string_equal(text, "{\"tokens\":[\"ab\"],\"token_logprobs\":[-0.5],\"top_logprobs\":"
                              "[{\"t\":-0.25}],\"text_offset\":[0]}");
    free(text);
    json_decref(columns);
    token_log_done(&log);
}

static void numbers_alone_keep_step_too(void **state)
{
    (void)state;
    struct token_log log = {.only_ids = true};
    add(&log, "swallowed");
    token_log_drop(&log);
    for (size_t i = 0; i < 3; i++)
        add(&log, "ab");
    token_log_text(&log, 6);
    for (size_t end = 2; end <= 4; end += 2) {
        json_t *entries = token_log_take(&log, end, NULL);
        assert_int_equal(json_array_size(entries), 1);
        assert_int_equal(json_integer_value(json_array_get(entries, 0)), 1);
        json_decref(entries);
    }
    token_log_done(&log);
}

int test_token_log(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_alone_keep_step_too),
        cmocka_unit_test(text_and_tokens_keep_step),
        cmocka_unit_test(columns_are_those_of_completions),
    };
    return cmocka_run_group_tests_name("token_log", tests, NULL, NULL);
}
