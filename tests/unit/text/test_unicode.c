/*
 * Pre-tokenizers split by these classes: a character in the wrong one gives other tokens than the
 * model was trained on.
 */
#include "tests/holt_test.h"

#include "text/unicode.h"

#include "base/mem.h"

static void characters_have_the_expected_class(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t code_point;
        uint8_t class;
    } rows[] = {
        {"small letter", 'a', UNICODE_LETTER | UNICODE_LOWER},
        {"capital letter", 'A', UNICODE_LETTER | UNICODE_UPPER},
        {"title case letter", 0x1c5, UNICODE_LETTER | UNICODE_UPPER},
        {"modifier letter", 0x2b0, UNICODE_LETTER},
        {"ascii digit", '7', UNICODE_NUMBER},
        {"space", ' ', UNICODE_SPACE},
        {"line feed", '\n', UNICODE_SPACE},
        {"next line", 0x85, UNICODE_SPACE},
        {"ideographic space", 0x3000, UNICODE_SPACE},
        {"zero width space is none", 0x200b, 0},
        {"mongolian vowel separator is none", 0x180e, 0},
        {"other control", 0x01, 0},
        {"comma", ',', UNICODE_PUNCTUATION},
        {"dollar", '$', UNICODE_SYMBOL},
        {"plus", '+', UNICODE_SYMBOL},
        {"han", 0x4e2d, UNICODE_LETTER},
        {"roman numeral", 0x2167, UNICODE_NUMBER},
        {"superscript two", 0xb2, UNICODE_NUMBER},
        {"combining acute", 0x301, UNICODE_MARK},
        {"devanagari vowel sign", 0x93e, UNICODE_MARK},
        {"emoji", 0x1f600, UNICODE_SYMBOL},
        {"unassigned", 0x378, 0},
        {"past the end", 0x110000, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        assert_int_equal(unicode_class(rows[i].code_point), rows[i].class);
    }
}

static void digits_and_word_characters_are_those_of_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t code_point;
        bool is_decimal;
        bool is_word;
    } rows[] = {
        {"digit", '7', true, true},
        {"arabic digit", 0x663, true, true},
        {"superscript two", 0xb2, false, false},
        {"letter", 'q', false, true},
        {"mark", 0x301, false, true},
        {"low line", '_', false, true},
        {"hyphen", '-', false, false},
        {"space", ' ', false, false},
        {"past the end", 0x110000, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        assert_int_equal(unicode_is_decimal(rows[i].code_point), rows[i].is_decimal);
        assert_int_equal(unicode_is_word(rows[i].code_point), rows[i].is_word);
    }
}

static void the_table_agrees_with_the_function(void **state)
{
    (void)state;
    struct unicode_table *table = mem_alloc(sizeof(*table));
    unicode_table_init(table);
    for (uint32_t c = 0; c <= 0x110000; c++)
        assert_int_equal(unicode_table_class(table, c), unicode_class(c));
    mem_free(table);
}

static void case_and_width_are_simple(void **state)
{
    (void)state;
    assert_int_equal(unicode_to_lower('A'), 'a');
    assert_int_equal(unicode_to_lower(0xc9), 0xe9);
    assert_int_equal(unicode_to_upper(0x3c9), 0x3a9);
    assert_int_equal(unicode_to_lower('7'), '7');
    assert_int_equal(unicode_width('a'), 1);
    assert_int_equal(unicode_width(0x4e2d), 2);
    assert_int_equal(unicode_width(0x301), 0);
}

int test_unicode(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_have_the_expected_class),
        cmocka_unit_test(digits_and_word_characters_are_those_of_patterns),
        cmocka_unit_test(the_table_agrees_with_the_function),
        cmocka_unit_test(case_and_width_are_simple),
    };
    return cmocka_run_group_tests_name("unicode", tests, NULL, NULL);
}
