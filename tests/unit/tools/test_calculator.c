/*
 * The model is taught to trust this instead of computing by itself; every value and every sentence
 * is part of what it was trained on.
 */
#include "tests/holt_test.h"
#include "tools/calculator.h"

static const struct {
    const char *expression;
    const char *value; /* or the error */
} cases[] = {
    {"1 + 2", "3"},
    {"2*3+4*5", "26"},
    {"2 * (3 + 4)", "14"},
    {"10 - 4 - 3", "3"},
    {"7 / 2", "3.5"},
    {"6 / 2", "3"},
    {"1 / 3", "0.3333333333"},
    {"0.1 + 0.2", "0.3"},
    {"-2^2", "-4"},
    {"(-2)^2", "4"},
    {"2^3^2", "512"},
    {"2^-1", "0.5"},
    {"2^0.5", "1.414213562"},
    {"0^0", "1"},
    {"7 % 3", "1"},
    {"-7 % 3", "-1"},
    {"7 % -3", "1"},
    {"7.5 % 2", "1.5"},
    {"--3", "3"},
    {"2--3", "5"},
    {"2*-3", "-6"},
    {"0 * -1", "0"},
    {"9007199254740991", "9007199254740991"},
    {"9007199254740992", "9.007199255e+15"},
    {"123456789 * 1000", "123456789000"},
    {"123456.5 * 2000000", "246913000000"},
    {"9223372036854775807 + 1", "9.223372037e+18"},
    {"99999999999999999999", "1e+20"},
    {"2^62 - 2^62 + 1", "1"},
    {"1.50", "1.5"},
    {"1e3", "error: cannot read the expression at \"e3\""},
    {"", "error: cannot read the expression at \"\""},
    {"1 +", "error: cannot read the expression at \"\""},
    {"(1 + 2", "error: cannot read the expression at \"\""},
    {"1 + 2) * 3", "error: cannot read the expression at \") * 3\""},
    {"2 x 3", "error: cannot read the expression at \"x 3\""},
    {"1.", "error: cannot read the expression at \".\""},
    {".5", "error: cannot read the expression at \".5\""},
    {"1,000", "error: cannot read the expression at \",000\""},
    {"+1", "error: cannot read the expression at \"+1\""},
    {"5 / 0", "error: division by zero"},
    {"5 % (2 - 2)", "error: division by zero"},
    {"0^-1", "error: division by zero"},
    {"(-8)^0.5", "error: the result is not a number"},
    {"10^400", "error: the result is too large"},
};

static void evaluate(struct str expression, struct strbuf *out)
{
    struct error err = {0};
    strbuf_clear(out);
    if (calculator_add_value(expression, out, &err) != OK) {
        strbuf_clear(out);
        strbuf_addf(out, "error: %s", err.text);
    }
}

static void values_and_errors_are_exact(void **state)
{
    (void)state;
    struct strbuf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].expression);
        evaluate(str_from_c(cases[i].expression), &out);
        assert_string_equal(strbuf_c(&out), cases[i].value);
    }
    strbuf_done(&out);
}

static void depth_and_length_are_bounded(void **state)
{
    (void)state;
    struct strbuf text = {0};
    struct strbuf out = {0};
    for (int i = 0; i < CALCULATOR_DEPTH_MAX + 1; i++)
        strbuf_add_char(&text, '(');
    evaluate(strbuf_view(&text), &out);
    assert_string_equal(strbuf_c(&out), "error: the expression is nested more than 100 deep");
    strbuf_clear(&text);
    for (int i = 0; i < CALCULATOR_DEPTH_MAX + 1; i++)
        strbuf_add_char(&text, '-');
    evaluate(strbuf_view(&text), &out);
    assert_string_equal(strbuf_c(&out), "error: the expression is nested more than 100 deep");
    strbuf_clear(&text);
    for (int i = 0; i < CALCULATOR_LEN_MAX; i++)
        strbuf_add_c(&text, "1+");
    evaluate(strbuf_view(&text), &out);
    assert_string_equal(strbuf_c(&out), "error: the expression is longer than 4096 characters");
    strbuf_clear(&text);
    strbuf_add(&text, "1 + \0 2", 7);
    evaluate(strbuf_view(&text), &out);
    assert_true(str_starts_with(strbuf_view(&out), STR("error: ")));
    strbuf_done(&text);
    strbuf_done(&out);
}

int test_calculator(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_errors_are_exact),
        cmocka_unit_test(depth_and_length_are_bounded),
    };
    return cmocka_run_group_tests_name("calculator", tests, NULL, NULL);
}
