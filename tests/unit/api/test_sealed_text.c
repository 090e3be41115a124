/* What a client keeps for us comes back as it was, or not at all. */
#include "api/responses_read.h"
#include "api/sealed_text.h"
#include "tests/unit/api/api_test.h"

static void what_was_sealed_opens(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a", "caf\xc3\xa9\n\"quoted\""};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(strbuf_done) struct strbuf sealed = {0};
        CLEANUP(strbuf_done) struct strbuf other = {0};
        CLEANUP(strbuf_done) struct strbuf opened = {0};
        sealed_text_add(&sealed, str_from_c(texts[i]));
        sealed_text_add(&other, str_from_c(texts[i]));
        assert_string_not_equal(strbuf_c(&sealed), strbuf_c(&other)); /* equal texts do not show */
        assert_true(sealed_text_open(&opened, strbuf_view(&sealed)));
        assert_string_equal(strbuf_c(&opened), texts[i]);
    }
}

static void what_was_changed_does_not(void **state)
{
    (void)state;
    static const char *const none[] = {"", "a", "AAAA", "not base64 at all!", "gAAAAABmdGVzdA"};
    CLEANUP(strbuf_done) struct strbuf sealed = {0};
    CLEANUP(strbuf_done) struct strbuf opened = {0};
    sealed_text_add(&sealed, STR("hm"));
    for (size_t i = 0; i < sealed.len; i++) {
        CLEANUP(strbuf_done) struct strbuf changed = {0};
        strbuf_add_str(&changed, strbuf_view(&sealed));
        changed.ptr[i] = changed.ptr[i] == 'A' ? 'Q' : 'A'; /* more than bits that say nothing */
        assert_false(sealed_text_open(&opened, strbuf_view(&changed)));
        assert_false(sealed_text_open(&opened, str_slice(strbuf_view(&sealed), 0, i)));
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_false(sealed_text_open(&opened, str_from_c(none[i])));
    assert_int_equal(opened.len, 0);
}

/* What `item` says of thinking, as a request reads it. */
static void assert_thought(json_t *item, const char *shown)
{
    CLEANUP(api_request_done) struct api_request request = {0};
    CLEANUP(json_decrefp)
    json_t *body = json_pack("{s:[{s:s, s:s}, o, {s:s, s:s}]}", "input", "role", "user", "content",
                             "a", item, "role", "assistant", "content", "b");
    assert_ok(responses_read(body, &request, err));
    assert_true(str_equal_c(request.chat.messages[1].reasoning, shown));
}

static void thinking_is_taken_from_it(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf sealed = {0};
    sealed_text_add(&sealed, STR("hm"));
    assert_thought(json_pack("{s:s, s:[], s:s}", "type", "reasoning", "summary",
                             "encrypted_content", strbuf_c(&sealed)),
                   "hm");
    assert_thought(json_pack("{s:s, s:[{s:s}], s:s}", "type", "reasoning", "content", "text",
                             "in the clear", "encrypted_content", strbuf_c(&sealed)),
                   "in the clear");
    assert_thought(json_pack("{s:s, s:[], s:s}", "type", "reasoning", "summary",
                             "encrypted_content", "gAAAAAB of somebody else"),
                   "");
}

int test_sealed_text(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens),
        cmocka_unit_test(what_was_changed_does_not),
        cmocka_unit_test(thinking_is_taken_from_it),
    };
    return cmocka_run_group_tests_name("sealed_text", tests, NULL, NULL);
}
