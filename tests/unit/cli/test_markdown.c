/*
 * An answer is shown while it is being written. What a person sees must be the same as if the whole
 * text had been rendered at once, and the screen is only ever appended to: both are checked for
 * every cut of every sample.
 */
#include "tests/holt_test.h"

#include "base/strbuf.h"
#include "cli/markdown.h"
#include "cli/markdown_scan.h"
#include "cli/stream_view.h"
#include "cli/text_flow.h"

#define TEN                                                        \
    "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80" \
    "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80"

static const struct {
    const char *name;
    unsigned width;
    const char *source;
    const char *shown; /* without colour */
} cases[] = {
    {"a paragraph", 40, "Hello there.", "Hello there."},
    {"words are wrapped, not cut", 20, "one two three four five six",
     "one two three four\nfive six"},
    {"a word longer than the line", 20, "a abcdefghijklmnopqrstuvwxyz b",
     "a\nabcdefghijklmnopqrstuvwxyz\nb"},
    {"wide characters count two", 20,
     "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97 abcdefghij x",
     "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97 abcdefghij\nx"},
    {"soft breaks are spaces", 40, "one\ntwo\nthree", "one two three"},
    {"hard breaks break", 40, "one  \ntwo", "one\ntwo"},
    {"paragraphs stand apart", 40, "one\n\n\n\ntwo\n", "one\n\ntwo"},
    {"emphasis has no signs", 40, "a **bold** and *slanted* _word_", "a bold and slanted word"},
    {"code keeps its signs without colour", 40, "run `make test` now", "run `make test` now"},
    {"unclosed signs stay", 40, "2 * 3 * 4 and a**b", "2 * 3 * 4 and a**b"},
    {"underscores in names stay", 40, "read_file and list_dir", "read_file and list_dir"},
    {"heading", 40, "# Title\ntext", "Title\n\ntext"},
    {"bullets", 40, "- one\n- two\n  more\n- three",
     "\xe2\x80\xa2 one\n\xe2\x80\xa2 two more\n\xe2\x80\xa2 three"},
    {"bullets wrap under themselves", 20, "- one two three fourth five",
     "\xe2\x80\xa2 one two three\n  fourth five"},
    {"numbers go on", 40, "3. three\n4. four", "3. three\n4. four"},
    {"lists nest", 40, "1. a\n   - b\n   - c\n2. d",
     "1. a\n   \xe2\x80\xa2 b\n   \xe2\x80\xa2 c\n2. d"},
    {"loose lists are shown close", 40, "- one\n\n- two", "\xe2\x80\xa2 one\n\xe2\x80\xa2 two"},
    {"text after a list", 40, "- one\n\ntext", "\xe2\x80\xa2 one\n\ntext"},
    {"tasks", 40, "- [ ] open\n- [x] done", "[ ] open\n[x] done"},
    {"quote", 40, "> said\n> so\n\nreply", "\xe2\x94\x82 said so\n\nreply"},
    {"code block keeps its form", 20,
     "```c\nint main(void)\n{\n\n    return 0; /* a long line */\n}\n```\ntext",
     "  int main(void)\n  {\n\n      return 0; /* a long line */\n  }\n\ntext"},
    {"markdown inside code stays", 40, "```\n# no *title*\n```", "  # no *title*"},
    {"code block in a list", 40, "- run\n  ```\n  ls\n  ```\n- done",
     "\xe2\x80\xa2 run\n    ls\n\xe2\x80\xa2 done"},
    {"an open code block is shown", 40, "```\nabc", "  abc"},
    {"link shows where it leads", 60, "see [here](https://x.y/z)", "see here (https://x.y/z)"},
    {"html is text", 40, "a <b>c</b>", "a <b>c</b>"},
    {"entities", 40, "a &lt; b &amp;&amp; c &#27;[1m", "a < b && c &#27;[1m"},
    {"table", 40, "| a | bb |\n|---|---:|\n| ccc | d |\n",
     "a    bb\n\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80  \xe2\x94\x80\xe2\x94\x80\nccc   d"},
    {"a table too wide", 20, "| first column | second column |\n|---|---|\n| x | y |",
     "first column |\nsecond column\nx | y"},
    {"a bar is no table", 40, "a | b\nand more", "a | b and more"},
    {"rule", 40, "a\n\n---\n\nb", "a\n\n" TEN TEN TEN TEN "\n\nb"},
    {"nothing", 40, "", ""},
    {"only space", 40, " \n\n ", ""},
};

static void renders_as_a_person_expects(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        struct strbuf out = {0};
        markdown_render(str_from_c(cases[i].source), cases[i].width, &style_plain, &out);
        assert_string_equal(strbuf_c(&out), cases[i].shown);
        strbuf_done(&out);
    }
}

/* Shows the source cut into pieces of `piece` bytes, the first at `offset`. */
static void stream(struct str source, unsigned width, const struct style_theme *theme,
                   size_t offset, size_t piece, struct strbuf *out)
{
    struct stream_view view;
    stream_view_init(&view, theme, width, true);
    for (size_t at = 0; at < source.len;) {
        const size_t len = at == 0 && offset ? offset : piece;
        stream_view_add(&view, str_slice(source, at, at + len), out);
        at += len;
    }
    stream_view_end(&view, out);
    stream_view_done(&view);
}

static void streamed_is_the_same_as_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        const struct str source = str_from_c(cases[i].source);
        for (size_t piece = 1; piece <= 3; piece++) {
            for (size_t offset = 0; offset < source.len; offset++) {
                struct strbuf out = {0};
                stream(source, cases[i].width, &style_plain, offset, piece, &out);
                struct strbuf wanted = {0};
                strbuf_add_c(&wanted, cases[i].shown);
                if (wanted.len > 0)
                    strbuf_add_char(&wanted, '\n');
                assert_string_equal(strbuf_c(&out), strbuf_c(&wanted));
                strbuf_done(&out);
                strbuf_done(&wanted);
            }
        }
    }
}

static void colour_ends_where_text_ends(void **state)
{
    (void)state;
    const struct style_theme *dark = style_find("dark");
    struct strbuf out = {0};
    stream(STR("a **b c** `d`"), 40, dark, 0, 1, &out);
    assert_string_equal(strbuf_c(&out), "a \x1b[1mb c\x1b[0m \x1b[36md\x1b[0m\n");
    strbuf_done(&out);
}

static void words_appear_as_they_come(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        size_t stable;
    } rows[] = {
        {"one tw", 4},           {"one two ", 8},
        {"one **two thr", 4},    {"one **two three** fo", 18},
        {"one `a b", 4},         {"see [a link](http", 4},
        {"| a | b |\n", 0},      {"```\nint x = ", 12},
        {"```\nint x;\n``", 11}, {"- item one\n- it", 13},
        {"2 * 3 is ", 9},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].source);
        assert_int_equal(markdown_scan_stable(str_from_c(rows[i].source)), rows[i].stable);
    }
}

static void an_unclosed_sign_does_not_hold_for_ever(void **state)
{
    (void)state;
    struct strbuf source = {0};
    strbuf_add_c(&source, "a **b ");
    while (source.len < MARKDOWN_SCAN_HOLD_MAX + 100)
        strbuf_add_c(&source, "word ");
    assert_int_equal(markdown_scan_stable(strbuf_view(&source)), source.len);
    strbuf_done(&source);
}

static void whole_blocks_end_before_a_new_one(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        size_t whole;
    } rows[] = {
        {"one", 0},
        {"one\n\n", 0},
        {"one\n\ntwo", 5},
        {"one\n\ntwo\n\nthree", 10},
        {"- a\n\n- b", 0},
        {"- a\n\n  more", 0},
        {"- a\n\nb", 5},
        {"```\na\n\nb", 0},
        {"```\na\n```\n\nb", 11},
        {"1. a\n\n2. b", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].source);
        assert_int_equal(markdown_scan_whole_blocks(str_from_c(rows[i].source)), rows[i].whole);
    }
}

/* Whatever comes, at whatever cuts: no crash, and every word arrives. */
static void any_text_arrives(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "**",  "`",   "```\n", "\n",       "\n\n", "- ",       "1. ",    "| ", "word ",
        "[",   "](",  ")",     "# ",       "> ",   "_",        "~~",     "\\", "---\n",
        "=\n", "<b>", "&amp;", "\xc3\xa4", "    ", "\x1b[31m", "|---|\n"};
    uint32_t random = 7;
    for (int round = 0; round < 400; round++) {
        struct strbuf source = {0};
        struct strbuf out = {0};
        for (int i = 0; i < 40; i++) {
            random = random * 1664525 + 1013904223;
            strbuf_add_c(&source, parts[(random >> 16) % ARRAY_LEN(parts)]);
        }
        strbuf_add_c(&source, "\n\nlastword");
        stream(strbuf_view(&source), 30, &style_plain, 0, 1 + (size_t)round % 7, &out);
        assert_non_null(strstr(strbuf_c(&out), "lastword"));
        assert_null(strchr(strbuf_c(&out), '\x1b'));
        strbuf_done(&source);
        strbuf_done(&out);
    }
}

static void a_pipe_gets_the_text_itself(void **state)
{
    (void)state;
    struct strbuf out = {0};
    struct stream_view view;
    stream_view_init(&view, &style_plain, 0, false);
    stream_view_add(&view, STR("**a** \x1b[31m"), &out);
    assert_string_equal(strbuf_c(&out), "**a** ");
    stream_view_add(&view, STR("b"), &out);
    stream_view_end(&view, &out);
    assert_string_equal(strbuf_c(&out), "**a** b\n");
    stream_view_end(&view, &out); /* nothing more, no second line break */
    assert_string_equal(strbuf_c(&out), "**a** b\n");
    stream_view_done(&view);
    strbuf_done(&out);
}

int test_markdown(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_as_a_person_expects),
        cmocka_unit_test(streamed_is_the_same_as_whole),
        cmocka_unit_test(colour_ends_where_text_ends),
        cmocka_unit_test(words_appear_as_they_come),
        cmocka_unit_test(an_unclosed_sign_does_not_hold_for_ever),
        cmocka_unit_test(whole_blocks_end_before_a_new_one),
        cmocka_unit_test(any_text_arrives),
        cmocka_unit_test(a_pipe_gets_the_text_itself),
    };
    return cmocka_run_group_tests_name("markdown", tests, NULL, NULL);
}
