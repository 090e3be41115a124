/*
 * Every parser of holt stands on these views: a slice or a search that leaves its bytes is a hole
 * in all of them at once.
 */
#include "tests/holt_test.h"

static void find_stays_inside(void **state)
{
    (void)state;
    const struct str text = STR("one two one");
    assert_int_equal(str_find(text, STR("one"), 0), 0);
    assert_int_equal(str_find(text, STR("one"), 1), 8);
    assert_true(str_find(text, STR("one"), 9) == SIZE_MAX);
    assert_true(str_find(text, STR("x"), 99) == SIZE_MAX);
    assert_int_equal(str_find(text, STR(""), 11), 11);
    assert_true(str_find_char((struct str){0}, 'x', 0) == SIZE_MAX);
}

static void slice_is_cut_to_the_text(void **state)
{
    (void)state;
    assert_true(str_equal_c(str_slice(STR("hello"), 1, 3), "el"));
    assert_true(str_equal_c(str_slice(STR("hello"), 3, 99), "lo"));
    assert_int_equal(str_slice(STR("hello"), 9, 12).len, 0);
}

static void split_takes_all_pieces_in_order(void **state)
{
    (void)state;
    struct str rest = STR("a,,b");
    assert_true(str_equal_c(str_split(&rest, ','), "a"));
    assert_true(str_equal_c(str_split(&rest, ','), ""));
    assert_true(str_equal_c(str_split(&rest, ','), "b"));
    assert_null(rest.ptr);
}

static void numbers_are_whole_or_refused(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(str_to_int(STR("-42"), &value));
    assert_int_equal(value, -42);
    assert_false(str_to_int(STR("42 "), &value));
    assert_false(str_to_int(STR(" 42"), &value));
    assert_false(str_to_int(STR(""), &value));
    assert_false(str_to_int(STR("9223372036854775808"), &value));
    double number = 0;
    assert_true(str_to_double(STR("1e-3"), &number));
    assert_false(str_to_double(STR("inf"), &number));
    assert_false(str_to_double(STR("0x10"), &number));
    assert_false(str_to_double(STR("1e999"), &number));
}

static void the_end_that_may_become_a_marker_is_measured(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *marker;
        size_t len;
    } rows[] = {{"abc<to", "<tool>", 3},
                {"<", "<tool>", 1},
                {"<tool>", "<tool>", 0},
                {"", "<tool>", 0},
                {"<<to", "<tool>", 3},
                {"aaa", "aab", 2},
                {"x", "", 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(str_partial(str_from_c(rows[i].text), str_from_c(rows[i].marker)),
                         rows[i].len);
    assert_true(str_equal_c(str_trim_front(STR("\n\t a ")), "a "));
}

int test_str(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_that_may_become_a_marker_is_measured),
        cmocka_unit_test(find_stays_inside),
        cmocka_unit_test(slice_is_cut_to_the_text),
        cmocka_unit_test(split_takes_all_pieces_in_order),
        cmocka_unit_test(numbers_are_whole_or_refused),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
