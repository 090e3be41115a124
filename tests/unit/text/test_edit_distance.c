/* "did you mean ...?" must not guess wildly: distances are exact up to the bound, never below. */
#include "tests/holt_test.h"

#include "text/edit_distance.h"

static const struct {
    const char *name;
    const char *a;
    const char *b;
    size_t distance; /* with a bound of 3; 4: larger */
} cases[] = {
    {"equal", "report.txt", "report.txt", 0},
    {"one letter missing", "repot.txt", "report.txt", 1},
    {"one letter more", "reports", "report", 1},
    {"replaced", "cat", "car", 1},
    {"swapped counts two", "form", "from", 2},
    {"empty", "", "abc", 3},
    {"both empty", "", "", 0},
    {"kitten", "kitten", "sitting", 3},
    {"too far", "agent", "doctor", 4},
    {"too far by length", "a", "abcdefgh", 4},
};

static void distances_are_exact_up_to_the_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        const struct str a = str_from_c(cases[i].a);
        const struct str b = str_from_c(cases[i].b);
        assert_int_equal(edit_distance(a, b, 3), cases[i].distance);
        assert_int_equal(edit_distance(b, a, 3), cases[i].distance);
    }
}

static void long_texts_are_never_near(void **state)
{
    (void)state;
    char text[EDIT_DISTANCE_LEN_MAX + 1];
    memset(text, 'x', sizeof(text));
    const struct str longest = {text, EDIT_DISTANCE_LEN_MAX};
    const struct str longer = {text, EDIT_DISTANCE_LEN_MAX + 1};
    assert_int_equal(edit_distance(longest, longest, 2), 0);
    assert_int_equal(edit_distance(longer, longer, 2), 3);
}

int test_edit_distance(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_exact_up_to_the_bound),
        cmocka_unit_test(long_texts_are_never_near),
    };
    return cmocka_run_group_tests_name("edit_distance", tests, NULL, NULL);
}
