/*
 * Lark: the automaton agrees with Lark's own parser on every text of tests/golden/lark
 * (dev/golden_lark.py), inside JSON strings and between tags as well; what is not supported is
 * named with its place.
 */
#include "base/attr.h"
#include "base/strbuf.h"
#include "infer/grammar_written.h"
#include "tests/holt_test.h"
#include "tests/unit/infer/mask_support.h"
#include "text/json.h"

#include <stdio.h>

enum { GRAMMARS_MIN = 33, VERDICTS_MIN = 600 };

static const struct grammar_written_place plain_place = {0};
static const struct grammar_written_place json_place = {.is_json = true};
static const struct grammar_written_place tag_place = {.without = {"</tag>", 6}};

static enum status add(enum grammar_written_syntax syntax, struct str text,
                       const struct grammar_written_place *place, struct grammar **out,
                       uint32_t *out_rule, struct error *err)
{
    const struct grammar_written written = {.syntax = syntax, .text = text};
    CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
    (void)grammar_add_literal(grammar, STR("another rule"));
    TRY(grammar_written_add(grammar, &written, place, out_rule, err));
    TRY(grammar_finish(grammar, 0, err));
    *out = grammar_ref(grammar);
    return OK;
}

static struct grammar *lark(struct str text, const struct grammar_written_place *place,
                            uint32_t *out_rule)
{
    struct grammar *grammar = NULL;
    assert_ok(add(GRAMMAR_WRITTEN_LARK, text, place, &grammar, out_rule, err));
    return grammar;
}

/* The text as it stands between the quotes of a JSON string. */
static void escape(struct str text, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf quoted = {0};
    json_write_string(text, &quoted);
    strbuf_add_str(out, str_slice(strbuf_view(&quoted), 1, quoted.len - 1));
}

/* ---------------------------------------------------------------- another parser's verdicts */

static size_t check_texts(const json_t *row, const char *key, bool want)
{
    const json_t *texts = json_object_get(row, key);
    const struct str text = json_str(json_object_get(row, "grammar"));
    uint32_t plain_rule = 0;
    uint32_t json_rule = 0;
    uint32_t tag_rule = 0;
    CLEANUP(grammar_unrefp) struct grammar *plain = lark(text, &plain_place, &plain_rule);
    CLEANUP(grammar_unrefp) struct grammar *json = lark(text, &json_place, &json_rule);
    CLEANUP(grammar_unrefp) struct grammar *tag = lark(text, &tag_place, &tag_rule);
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const struct str one = json_str(json_array_get(texts, i));
        CLEANUP(strbuf_done) struct strbuf escaped = {0};
        escape(one, &escaped);
        if (mask_support_accepts(plain, plain_rule, one) != want)
            fail_msg("%.*s\n%.*s\nis said to be %s", STR_ARG(text), STR_ARG(one), key);
        if (mask_support_accepts(json, json_rule, strbuf_view(&escaped)) != want)
            fail_msg("%.*s\n%s\nin JSON is said to be %s", STR_ARG(text), strbuf_c(&escaped), key);
        if (mask_support_accepts(tag, tag_rule, one) != want)
            fail_msg("%.*s\n%.*s\nbetween tags is said to be %s", STR_ARG(text), STR_ARG(one), key);
    }
    return json_array_size(texts);
}

static void the_automaton_agrees_with_larks_own_parser(void **state)
{
    (void)state;
    struct str lines = test_read_file("tests/golden/lark/verdicts.jsonl");
    size_t grammars = 0;
    size_t verdicts = 0;
    while (lines.len > 0) {
        CLEANUP(json_decrefp) json_t *row = NULL;
        assert_ok(json_parse(str_split(&lines, '\n'), NULL, &row, err));
        char name[32];
        snprintf(name, sizeof(name), "line %zu", ++grammars);
        test_case(name);
        verdicts += check_texts(row, "accepted", true);
        verdicts += check_texts(row, "refused", false);
    }
    assert_true(grammars >= GRAMMARS_MIN && verdicts >= VERDICTS_MIN);
}

/* ---------------------------------------------------------------- places */

static void a_text_between_tags_never_holds_the_end_of_one(void **state)
{
    (void)state;
    static const char *const grammars[] = {
        "start: /(.|\\n)*/",                                /* one automaton */
        "start: part+\npart: \"(\" part* \")\" | /[^()]/+", /* rules that call one another */
    };
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"a < b", true},   {"<<</tag", false},  {"x</tag>", false},       {"<</tag>", false},
        {"(</tag", false}, {"(</tags>)", true}, {"#include <a.h>", true}, {"</tag >x", true},
    };
    for (size_t g = 0; g < ARRAY_LEN(grammars); g++) {
        uint32_t rule = 0;
        CLEANUP(grammar_unrefp)
        struct grammar *grammar = lark(str_from_c(grammars[g]), &tag_place, &rule);
        test_case(grammars[g]);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (mask_support_accepts(grammar, rule, str_from_c(rows[i].text)) != rows[i].want)
                fail_msg("%s", rows[i].text);
    }
}

static void a_regular_expression_must_match_the_whole(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool want;
    } rows[] = {
        {"[a-z]+", "abc", true},  {"[a-z]+", "abc1", false}, {"^a.c$", "abc", true},
        {"^a.c$", "a\nc", false}, {"(a|b){,2}", "", true},   {"(a|b){,2}", "aba", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(grammar_unrefp) struct grammar *grammar = NULL;
        uint32_t rule = 0;
        test_case(rows[i].pattern);
        assert_ok(add(GRAMMAR_WRITTEN_REGEX, str_from_c(rows[i].pattern), &plain_place, &grammar,
                      &rule, err));
        assert_int_equal(mask_support_accepts(grammar, rule, str_from_c(rows[i].text)),
                         rows[i].want);
    }
}

/* ---------------------------------------------------------------- mistakes */

static void what_is_not_supported_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        const char *says;
    } rows[] = {
        {"", E_INVALID, "no rule \"start\""},
        {"start: \"a\"\nstart: \"b\"", E_INVALID, "line 2, column 1: a second definition"},
        {"start: x", E_INVALID, "line 1, column 8: there is no rule or terminal \"x\""},
        {"start: \"a", E_INVALID, "line 1, column 8: the closing quote"},
        {"start: \"\"", E_INVALID, "column 8: an empty string"},
        {"start: /a", E_INVALID, "column 8: the end of a regular expression"},
        {"start: /a/x", E_UNSUPPORTED, "column 11: a flag"},
        {"start: /^a/", E_UNSUPPORTED, "column 9: ^ and $"},
        {"start: /(?=a)b/", E_UNSUPPORTED, "a lookaround"},
        {"start: \"a\" )", E_INVALID, "column 12: not what can stand in a rule"},
        {"start: (\"a\"", E_INVALID, "column 8: the end of a group"},
        {"start: *", E_INVALID, "column 8: nothing to repeat"},
        {"start: \"a\"~3..2", E_INVALID, "not in order"},
        {"start: \"a\"~5000", E_LIMIT, "limit 4096"},
        {"start: \"b\"..\"a\"", E_INVALID, "a range"},
        {"start \"a\"", E_INVALID, "column 7: \":\" is missing"},
        {"start: many{\"a\"}", E_UNSUPPORTED, "column 12: templates"},
        {"start: A\nA: b\nb: \"c\"", E_INVALID, "line 2, column 4: a terminal is made of"},
        {"start: Ab\nAb: \"c\"", E_INVALID, "small and capital"},
        {"start: A\n%declare A", E_UNSUPPORTED, "line 2, column 1: of statements"},
        {"start: A\n%import python.NAME -> A", E_UNSUPPORTED, "line 2, column 9: only the library"},
        {"start: A\n%import common.NOTHING -> A", E_UNSUPPORTED, "line 2, column 16: the library"},
        {"start: a\na: b \"x\" | \"y\"\nb: a", E_INVALID, "left recursion"},
        {"start: \"a\" start", E_INVALID, "never ends"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(grammar_unrefp) struct grammar *grammar = NULL;
        uint32_t rule = 0;
        struct error err = {0};
        test_case(rows[i].text);
        assert_int_equal(add(GRAMMAR_WRITTEN_LARK, str_from_c(rows[i].text), &plain_place, &grammar,
                             &rule, &err),
                         rows[i].status);
        if (!strstr(err.text, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].says);
    }
}

static void limits_are_kept(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(grammar_unrefp) struct grammar *grammar = NULL;
    struct error err = {0};
    uint32_t rule = 0;
    strbuf_add_c(&text, "start: \"a\"\n//");
    for (size_t i = 0; i < 256 * 1024; i++)
        strbuf_add_char(&text, 'x');
    assert_int_equal(
        add(GRAMMAR_WRITTEN_LARK, strbuf_view(&text), &plain_place, &grammar, &rule, &err),
        E_LIMIT);
    strbuf_clear(&text);
    strbuf_add_c(&text, "start: ");
    for (int i = 0; i < 100; i++)
        strbuf_add_char(&text, '(');
    assert_int_equal(
        add(GRAMMAR_WRITTEN_LARK, strbuf_view(&text), &plain_place, &grammar, &rule, &err),
        E_LIMIT);
    strbuf_clear(&text);
    strbuf_add_c(&text, "start: a");
    for (int i = 0; i < 5000; i++)
        strbuf_addf(&text, " a%d", i);
    assert_int_equal(
        add(GRAMMAR_WRITTEN_LARK, strbuf_view(&text), &plain_place, &grammar, &rule, &err),
        E_LIMIT);
    assert_non_null(strstr(err.text, "limit 4096"));
}

int test_grammar_lark(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_automaton_agrees_with_larks_own_parser),
        cmocka_unit_test(a_text_between_tags_never_holds_the_end_of_one),
        cmocka_unit_test(a_regular_expression_must_match_the_whole),
        cmocka_unit_test(what_is_not_supported_is_named_with_its_place),
        cmocka_unit_test(limits_are_kept),
    };
    return cmocka_run_group_tests_name("grammar_lark", tests, NULL, NULL);
}
