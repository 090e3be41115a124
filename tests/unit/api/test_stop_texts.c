/* A stop text ends the answer wherever the model's text is cut, and nothing before it is lost. */
#include "api/stop_texts.h"
#include "tests/holt_test.h"

struct row {
    const char *name;
    const char *stops[3];
    const char *text;
    const char *shown;
    int found; /* index; -1: none */
};

static const struct row rows[] = {
    {"none given", {NULL}, "all of it", "all of it", -1},
    {"in the middle", {"END"}, "before END after", "before ", 0},
    {"at the very beginning", {"a"}, "abc", "", 0},
    {"only begun", {"END"}, "before EN", "before EN", -1},
    {"begun twice", {"aab"}, "aaaab!", "aa", 0},
    {"the first in the text wins", {"two", "one"}, "one two", "", 1},
    {"one is the beginning of another", {"ab", "a"}, "xab", "x", 1},
    {"several bytes a character", {"é"}, "café au lait", "caf", 0},
};

static void every_cut_gives_the_same_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        const struct str text = str_from_c(rows[i].text);
        for (size_t cut = 0; cut <= text.len; cut++) {
            struct stop_texts stops = {0};
            struct strbuf out = {0};
            for (size_t k = 0; k < 3 && rows[i].stops[k]; k++)
                assert_true(stop_texts_add(&stops, str_from_c(rows[i].stops[k])));
            if (stop_texts_feed(&stops, str_slice(text, 0, cut), &out) &&
                stop_texts_feed(&stops, str_slice(text, cut, text.len), &out))
                stop_texts_flush(&stops, &out);
            assert_string_equal(strbuf_c(&out), rows[i].shown);
            assert_int_equal(stops.is_found, rows[i].found >= 0);
            if (rows[i].found >= 0)
                assert_int_equal(stops.found, rows[i].found);
            strbuf_done(&out);
            stop_texts_done(&stops);
        }
    }
}

static void too_many_too_long_and_empty_are_refused(void **state)
{
    (void)state;
    struct stop_texts stops = {0};
    static const char long_text[STOP_TEXTS_BYTES_MAX + 1] = {'x'};
    assert_false(stop_texts_add(&stops, STR("")));
    assert_false(stop_texts_add(&stops, (struct str){long_text, sizeof(long_text)}));
    for (int i = 0; i < STOP_TEXTS_MAX; i++)
        assert_true(stop_texts_add(&stops, STR("x")));
    assert_false(stop_texts_add(&stops, STR("y")));
    stop_texts_done(&stops);
}

int test_stop_texts(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_answer),
        cmocka_unit_test(too_many_too_long_and_empty_are_refused),
    };
    return cmocka_run_group_tests_name("stop_texts", tests, NULL, NULL);
}
