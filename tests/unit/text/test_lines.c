/* Line numbers are what the model and the person talk about: all tools must count them alike. */
#include "tests/holt_test.h"
#include "text/lines.h"

static const struct {
    const char *text;
    uint64_t count;
    const char *last;
} cases[] = {
    {"", 0, ""},   {"a", 1, "a"},   {"a\n", 1, "a"},  {"a\nb", 2, "b"},    {"a\nb\n", 2, "b"},
    {"\n", 1, ""}, {"\n\n", 2, ""}, {"a\n\n", 2, ""}, {"a\r\n", 1, "a\r"}, {"\na", 2, "a"},
};

static void lines_are_counted_and_cut_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lines lines = lines_over(str_from_c(cases[i].text));
        test_case(cases[i].text);
        while (lines_next(&lines))
            continue;
        assert_int_equal(lines.number, cases[i].count);
        assert_int_equal(lines_count(str_from_c(cases[i].text)), cases[i].count);
        assert_true(str_equal_c(lines.line, cases[i].last));
    }
}

static void number_at_counts_from_one(void **state)
{
    (void)state;
    const struct str text = STR("ab\ncd\n");
    assert_int_equal(lines_number_at(text, 0), 1);
    assert_int_equal(lines_number_at(text, 2), 1);
    assert_int_equal(lines_number_at(text, 3), 2);
    assert_int_equal(lines_number_at(text, 99), 3);
}

int test_lines(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_counted_and_cut_alike),
        cmocka_unit_test(number_at_counts_from_one),
    };
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
