/*
 * Numbers between bounds are accepted digit by digit, so each digit must know whether some number
 * inside still begins that way: compared here with trying all of them.
 */
#include "infer/grammar_number.h"

#include "base/attr.h"
#include "base/strbuf.h"
#include "tests/holt_test.h"
#include "tests/unit/infer/mask_support.h"
#include "text/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool accepts(const struct grammar_number *number, const char *text)
{
    struct grammar_number_at at = {0};
    for (; *text; text++) {
        if (!grammar_number_step(number, &at, (unsigned char)*text))
            return false;
    }
    return grammar_number_rest(number, &at) == 0;
}

/* From every beginning of the text the shortest end is as long as announced and is accepted. */
static void check_rests(const struct grammar_number *number, const char *text)
{
    struct grammar_number_at at = {0};
    for (size_t read = 0;; read++) {
        char whole[2 * GRAMMAR_NUMBER_LEN_MAX + 1] = {0};
        char end[GRAMMAR_NUMBER_LEN_MAX];
        memcpy(whole, text, read);
        const uint32_t len = grammar_number_shortest(number, &at, end);
        memcpy(whole + read, end, len);
        test_case(whole);
        assert_int_equal(len, grammar_number_rest(number, &at));
        assert_true(accepts(number, whole));
        if (!text[read] || !grammar_number_step(number, &at, (unsigned char)text[read]))
            return;
    }
}

static void integers_are_accepted_exactly_between_their_bounds(void **state)
{
    (void)state;
    static const int64_t edges[] = {-1205, -1000, -999, -101, -100, -99, -38, -10, -9,  -1,
                                    0,     1,     7,    9,    10,   11,  45,  99,  100, 1999};
    for (size_t low = 0; low < ARRAY_LEN(edges); low++) {
        for (size_t high = low; high < ARRAY_LEN(edges); high++) {
            const struct grammar_number number = grammar_number_integers(edges[low], edges[high]);
            for (int64_t value = -1300; value <= 2100; value += value % 7 ? 1 : 2) {
                char text[24];
                snprintf(text, sizeof(text), "%lld", (long long)value);
                if (accepts(&number, text) != (value >= edges[low] && value <= edges[high]))
                    fail_msg("%s between %lld and %lld", text, (long long)edges[low],
                             (long long)edges[high]);
            }
            char text[24];
            snprintf(text, sizeof(text), "%lld", (long long)edges[low]);
            check_rests(&number, text);
        }
    }
}

static void the_ends_of_64_bits_are_exact(void **state)
{
    (void)state;
    const struct grammar_number all = grammar_number_integers(INT64_MIN, INT64_MAX);
    assert_true(accepts(&all, "9223372036854775807"));
    assert_true(accepts(&all, "-9223372036854775808"));
    assert_false(accepts(&all, "9223372036854775808"));
    assert_false(accepts(&all, "-9223372036854775809"));
    assert_false(accepts(&all, "10000000000000000000"));
    const struct grammar_number top = grammar_number_integers(INT64_MAX, INT64_MAX);
    check_rests(&top, "9223372036854775807");
    assert_false(accepts(&top, "9223372036854775806"));
    const struct grammar_number none = grammar_number_integers(3, 2);
    const struct grammar_number_at start = {0};
    assert_true(grammar_number_rest(&none, &start) == UINT32_MAX);
}

/* A decimal that json.dumps() writes without an exponent is accepted exactly if it lies inside. */
static void decimals_are_accepted_exactly_between_their_bounds(void **state)
{
    (void)state;
    struct mask_support_random random = {.state = 8};
    for (int i = 0; i < 400; i++) {
        const double a = (mask_support_below(&random, 400000) - 200000.0) / 1000.0;
        const double b = a + mask_support_below(&random, 3000) / 100.0;
        const bool a_open = mask_support_below(&random, 2);
        const bool b_open = mask_support_below(&random, 2);
        struct grammar_number number;
        assert_ok(grammar_number_decimals(a, a_open, b, b_open, &number, err));
        for (int k = 0; k < 60; k++) {
            const double near = mask_support_below(&random, 2) ? a : b;
            const double value = k == 0 ? a
                                 : k == 1
                                     ? b
                                     : near + (mask_support_below(&random, 4001) - 2000.0) / 1000.0;
            char rounded[48];
            snprintf(rounded, sizeof(rounded), "%.4f", value);
            const double read = strtod(rounded, NULL);
            CLEANUP(strbuf_done) struct strbuf text = {0};
            json_write_real(read == 0 ? 0.0 : read, &text);
            const bool inside =
                (read > a || (read == a && !a_open)) && (read < b || (read == b && !b_open));
            if (accepts(&number, strbuf_c(&text)) != inside)
                fail_msg("%s between %.17g and %.17g", strbuf_c(&text), a, b);
            if (inside && k % 10 == 0)
                check_rests(&number, strbuf_c(&text));
        }
    }
}

static void free_numbers_are_what_dumps_writes(void **state)
{
    (void)state;
    struct mask_support_random random = {.state = 9};
    const struct grammar_number number = {.is_free = true};
    for (int i = 0; i < 20000; i++) {
        const double digits = mask_support_below(&random, 1000000000);
        const int exponent = (int)mask_support_below(&random, 120) - 60;
        char scaled[48];
        snprintf(scaled, sizeof(scaled), "%s%.0fe%d", i % 2 ? "-" : "", digits, exponent);
        const double value = strtod(scaled, NULL);
        CLEANUP(strbuf_done) struct strbuf text = {0};
        json_write_real(value == 0 ? 0.0 : value, &text);
        if (!accepts(&number, strbuf_c(&text)))
            fail_msg("%s is not accepted", strbuf_c(&text));
        if (i % 100 == 0)
            check_rests(&number, strbuf_c(&text));
    }
}

/* The other way round: whatever is accepted reads as JSON and is written back as the same text. */
static void accepted_numbers_are_written_back_the_same(void **state)
{
    (void)state;
    struct mask_support_random random = {.state = 10};
    static const char bytes[] = "0123456789-.e+00001";
    struct grammar_number rows[3] = {{.is_free = true}};
    assert_ok(grammar_number_decimals(-3.5, false, 1000.25, true, &rows[1], err));
    assert_ok(grammar_number_decimals(0, false, HUGE_VAL, false, &rows[2], err));
    for (int i = 0; i < 30000; i++) {
        const struct grammar_number *number = &rows[i % 3];
        struct grammar_number_at at = {0};
        char text[GRAMMAR_NUMBER_LEN_MAX * 2 + 1] = {0};
        size_t len = 0;
        for (int k = 0; k < 14; k++) {
            const char byte = bytes[mask_support_below(&random, sizeof(bytes) - 1)];
            if (grammar_number_step(number, &at, (unsigned char)byte))
                text[len++] = byte;
        }
        len += grammar_number_shortest(number, &at, text + len);
        test_case(text);
        CLEANUP(json_decrefp) json_t *value = NULL;
        CLEANUP(strbuf_done) struct strbuf again = {0};
        assert_ok(json_parse(str_from_c(text), NULL, &value, err));
        json_write_python(value, &again);
        assert_string_equal(strbuf_c(&again), text);
    }
}

static void bounds_that_cannot_be_exact_are_refused(void **state)
{
    (void)state;
    struct grammar_number number;
    struct error err = {0};
    assert_int_equal(grammar_number_decimals(1e300, false, HUGE_VAL, false, &number, &err),
                     E_UNSUPPORTED);
    assert_int_equal(grammar_number_decimals(-HUGE_VAL, false, -1e19, false, &number, &err),
                     E_UNSUPPORTED);
    assert_int_equal(grammar_number_decimals(-HUGE_VAL, false, 1e300, false, &number, &err), OK);
    assert_true(accepts(&number, "-1000000000"));
}

int test_grammar_number(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_accepted_exactly_between_their_bounds),
        cmocka_unit_test(the_ends_of_64_bits_are_exact),
        cmocka_unit_test(decimals_are_accepted_exactly_between_their_bounds),
        cmocka_unit_test(free_numbers_are_what_dumps_writes),
        cmocka_unit_test(accepted_numbers_are_written_back_the_same),
        cmocka_unit_test(bounds_that_cannot_be_exact_are_refused),
    };
    return cmocka_run_group_tests_name("grammar_number", tests, NULL, NULL);
}
