/*
 * utf8_next() must accept every scalar value once and reject everything else, because tokenizers,
 * the JSON parser and the SSE writer all trust it. Each case names the rule it protects.
 */
#include "tests/holt_test.h"

#include "text/utf8.h"

static const struct {
    const char *name;
    const char *bytes;
    uint32_t code_point;
    size_t consumed;
} cases[] = {
    {"ascii", "A", 0x41, 1},
    {"two bytes, lowest", "\xc2\x80", 0x80, 2},
    {"two bytes, highest", "\xdf\xbf", 0x7ff, 2},
    {"three bytes, lowest", "\xe0\xa0\x80", 0x800, 3},
    {"three bytes, euro sign", "\xe2\x82\xac", 0x20ac, 3},
    {"before the surrogates", "\xed\x9f\xbf", 0xd7ff, 3},
    {"after the surrogates", "\xee\x80\x80", 0xe000, 3},
    {"four bytes, lowest", "\xf0\x90\x80\x80", 0x10000, 4},
    {"four bytes, highest", "\xf4\x8f\xbf\xbf", 0x10ffff, 4},
    {"lone continuation byte", "\x80", UTF8_INVALID, 1},
    {"overlong slash", "\xc0\xaf", UTF8_INVALID, 1},
    {"overlong in three bytes", "\xe0\x9f\xbf", UTF8_INVALID, 1},
    {"overlong in four bytes", "\xf0\x8f\xbf\xbf", UTF8_INVALID, 1},
    {"utf-16 surrogate", "\xed\xa0\x80", UTF8_INVALID, 1},
    {"past U+10FFFF", "\xf4\x90\x80\x80", UTF8_INVALID, 1},
    {"a lead byte that never occurs", "\xff", UTF8_INVALID, 1},
    {"cut short", "\xe2\x82", UTF8_INVALID, 1},
    {"next character begins too early", "\xe2\x82\x41", UTF8_INVALID, 1},
};

static void next_decodes_or_rejects(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str text = str_from_c(cases[i].bytes);
        const size_t before = text.len;
        test_case(cases[i].name);
        assert_int_equal(utf8_next(&text), cases[i].code_point);
        assert_int_equal(before - text.len, cases[i].consumed);
    }
}

static void next_always_moves_forward(void **state)
{
    (void)state;
    for (unsigned lead = 0; lead <= 0xff; lead++) {
        const char bytes[] = {(char)lead, (char)0xff, (char)0xff, (char)0xff};
        struct str text = {bytes, sizeof(bytes)};
        utf8_next(&text);
        assert_in_range(text.len, 0, sizeof(bytes) - 1);
    }
}

static void every_scalar_value_survives_writing_and_reading(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= UTF8_CODE_POINT_MAX; c++) {
        if (c == 0xd800)
            c = 0xe000;
        char bytes[UTF8_BYTES_MAX];
        struct str text = {bytes, utf8_write(c, bytes)};
        assert_true(utf8_is_valid(text));
        assert_int_equal(utf8_incomplete_tail(text), 0);
        if (text.len > 1)
            assert_int_equal(utf8_incomplete_tail(str_slice(text, 0, text.len - 1)), text.len - 1);
        assert_int_equal(utf8_next(&text), c);
        assert_int_equal(text.len, 0);
    }
    char bytes[UTF8_BYTES_MAX];
    assert_int_equal(utf8_write(0xd800, bytes), 3);
    assert_memory_equal(bytes, "\xef\xbf\xbd", 3);
    assert_int_equal(utf8_write(0x110000, bytes), 3);
}

static void broken_text_is_cleaned_one_mark_per_piece(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *dirty;
        const char *clean;
    } rows[] = {
        {"valid text is kept", "a\xe2\x82\xac", "a\xe2\x82\xac"},
        {"a cut character is one mark", "a\xe2\x82", "a\xef\xbf\xbd"},
        {"a cut character before text", "\xf0\x9f\x98z", "\xef\xbf\xbdz"},
        {"bytes that begin nothing are one each", "\xff\xfe!", "\xef\xbf\xbd\xef\xbf\xbd!"},
        {"a surrogate is three", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"empty", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        CLEANUP(strbuf_done) struct strbuf out = {0};
        utf8_add_clean(&out, str_from_c(rows[i].dirty));
        assert_string_equal(strbuf_c(&out), rows[i].clean);
        assert_true(utf8_is_valid(strbuf_view(&out)));
    }
}

static void incomplete_tails_are_only_what_more_bytes_could_complete(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *bytes;
        size_t tail;
    } rows[] = {
        {"nothing", "", 0},
        {"ascii", "abc", 0},
        {"one of two", "a\xc3", 1},
        {"two of three", "a\xe2\x82", 2},
        {"three of four", "\xf0\x9f\x98", 3},
        {"continuation bytes alone", "\x80\x80", 0},
        {"already impossible", "\xed\xa0", 0},
        {"a byte that begins nothing", "\xff", 0},
        {"a complete character", "\xe2\x82\xac", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        assert_int_equal(utf8_incomplete_tail(str_from_c(rows[i].bytes)), rows[i].tail);
    }
}

static void cutting_never_splits_a_character(void **state)
{
    (void)state;
    const struct str text = STR("a\xe2\x82\xac\xf0\x9f\x98\x80z");
    const size_t expected[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 9, 9};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(utf8_cut(text, i), expected[i]);
}

int test_utf8(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_decodes_or_rejects),
        cmocka_unit_test(next_always_moves_forward),
        cmocka_unit_test(every_scalar_value_survives_writing_and_reading),
        cmocka_unit_test(broken_text_is_cleaned_one_mark_per_piece),
        cmocka_unit_test(incomplete_tails_are_only_what_more_bytes_could_complete),
        cmocka_unit_test(cutting_never_splits_a_character),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
