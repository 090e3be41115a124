/*
 * Whatever a model, a tool or a file says is printed to the person's terminal. Not one byte of it
 * may command the terminal or hide what will happen, however the stream is cut.
 */
#include "tests/holt_test.h"

#include "text/clean_text.h"

static const struct {
    const char *name;
    const char *dirty;
    const char *clean;
} cases[] = {
    {"ordinary text", "a\tb\nc \xc3\xa4 \xf0\x9f\xa6\xa6", "a\tb\nc \xc3\xa4 \xf0\x9f\xa6\xa6"},
    {"colour", "a\x1b[1;31mred\x1b[0mb", "aredb"},
    {"cursor and screen", "\x1b[2J\x1b[Hx\x1b[10;10Hy", "xy"},
    {"window title ended by bell",
     "a\x1b]0;title\x07"
     "b",
     "ab"},
    {"clipboard ended by ST", "a\x1b]52;c;cm0gLXJm\x1b\\b", "ab"},
    {"device control string", "a\x1bPq#0\x1b\\b", "ab"},
    {"two-byte escape",
     "a\x1b"
     "cb",
     "ab"},
    {"charset escape with intermediate", "a\x1b(0b", "ab"},
    {"C1 control sequence",
     "a\xc2\x9b"
     "31mb",
     "ab"},
    {"C1 string",
     "a\xc2\x9dtitle\xc2\x9c"
     "b",
     "ab"},
    {"carriage return and backspace", "safe\rrm -rf\b\b", "saferm -rf"},
    {"delete, nul-like and bell",
     "a\x7f\x01\x07"
     "b",
     "ab"},
    {"direction override",
     "a\xe2\x80\xae"
     "gpj.exe\xe2\x80\xac",
     "agpj.exe"},
    {"tag characters",
     "a\xf3\xa0\x81\x81"
     "b",
     "ab"},
    {"family emoji keeps its joiner", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
     "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7"},
    {"invalid byte",
     "a\xff"
     "b",
     "a\xef\xbf\xbd"
     "b"},
    {"overlong slash", "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"cut character at the end", "a\xe2\x82", "a\xef\xbf\xbd"},
    {"a line break ends a broken sequence", "a\x1b[31\nb", "a\nb"},
    {"escape inside a sequence begins anew", "a\x1b[3\x1b[31mb", "ab"},
};

static void removes_what_could_command_a_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        struct strbuf out = {0};
        clean_text_whole(str_from_c(cases[i].dirty), &out);
        assert_string_equal(strbuf_c(&out), cases[i].clean);
        strbuf_done(&out);
    }
}

static void cuts_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        const struct str dirty = str_from_c(cases[i].dirty);
        for (size_t cut = 0; cut <= dirty.len; cut++) {
            struct strbuf out = {0};
            struct clean_text cleaner = {0};
            clean_text_feed(&cleaner, str_slice(dirty, 0, cut), &out);
            for (size_t at = cut; at < dirty.len; at++)
                clean_text_feed(&cleaner, str_slice(dirty, at, at + 1), &out);
            clean_text_end(&cleaner, &out);
            assert_string_equal(strbuf_c(&out), cases[i].clean);
            strbuf_done(&out);
        }
    }
}

static void a_string_that_never_ends_hides_little(void **state)
{
    (void)state;
    struct strbuf dirty = {0};
    struct strbuf out = {0};
    strbuf_add_c(&dirty, "\x1b]");
    for (int i = 0; i < 2 * CLEAN_TEXT_SEQUENCE_MAX; i++)
        strbuf_add_char(&dirty, 'x');
    clean_text_whole(strbuf_view(&dirty), &out);
    assert_in_range(out.len, CLEAN_TEXT_SEQUENCE_MAX - 16, CLEAN_TEXT_SEQUENCE_MAX + 16);
    strbuf_done(&dirty);
    strbuf_done(&out);
}

static void nothing_below_0x20_ever_passes(void **state)
{
    (void)state;
    uint32_t random = 1;
    struct strbuf out = {0};
    struct clean_text cleaner = {0};
    for (int i = 0; i < 200000; i++) {
        random = random * 1664525 + 1013904223;
        const char byte = (char)(random >> 24);
        clean_text_feed(&cleaner, (struct str){&byte, 1}, &out);
    }
    clean_text_end(&cleaner, &out);
    assert_true(out.len > 1000);
    for (size_t i = 0; i < out.len; i++) {
        const unsigned char byte = (unsigned char)out.ptr[i];
        const bool is_allowed = byte == '\n' || byte == '\t' || byte >= 0x20;
        assert_true(is_allowed && byte != 0x7f);
        if (byte == 0xc2) /* no C1 control character */
            assert_true((unsigned char)out.ptr[i + 1] >= 0xa0);
    }
    strbuf_done(&out);
}

static void visible_form_leaves_nothing_out(void **state)
{
    (void)state;
    struct strbuf out = {0};
    clean_text_visible(STR("ls\n\x1b]0;x\x07rm \xe2\x80\xae"
                           "a\xff\t\xc3\xa4"),
                       &out);
    assert_string_equal(strbuf_c(&out), "ls\n\\x1b]0;x\\x07rm \\u202ea\\xff\\x09\xc3\xa4");
    strbuf_clear(&out);
    clean_text_line(STR("two\nlines\tand \x1b[1mbold"), &out);
    assert_string_equal(strbuf_c(&out), "two lines and bold");
    strbuf_done(&out);
}

int test_clean_text(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removes_what_could_command_a_terminal),
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(a_string_that_never_ends_hides_little),
        cmocka_unit_test(nothing_below_0x20_ever_passes),
        cmocka_unit_test(visible_form_leaves_nothing_out),
    };
    return cmocka_run_group_tests_name("clean_text", tests, NULL, NULL);
}
