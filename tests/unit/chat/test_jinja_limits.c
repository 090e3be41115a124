/*
 * Templates come from files nobody has checked. Whatever a hostile one does must end soon, in one
 * sentence, with all memory given back; and templates that only look unusual must still work.
 */
#include "tests/holt_test.h"

#include "base/strbuf.h"
#include "chat/jinja_parse.h"
#include "tests/unit/chat/jinja_helper.h"

#include <string.h>

/* Small bounds, so that the test is quick; the real ones differ only in size. */
static const struct jinja_limits small = {
    .steps_max = 200 * 1000,
    .output_bytes_max = 100 * 1000,
    .string_bytes_max = 50 * 1000,
    .memory_bytes_max = 8 * 1000 * 1000,
};

static const struct {
    const char *name;
    const char *source;
    enum status status;
    const char *reason; /* part of the sentence */
} cases[] = {
    {"loops in loops",
     "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", E_LIMIT,
     "takes too long"},
    {"endless macro", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", E_LIMIT,
     "nested too deeply"},
    {"two macros in turn",
     "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
     E_LIMIT, "nested too deeply"},
    {"doubling text",
     "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
     E_LIMIT, "a text grows too long"},
    {"repeated text", "{{ 'abc' * 999999999 }}", E_LIMIT, "a text grows too long"},
    {"repeated nothing", "{{ '' * 9223372036854775807 }}x", OK, "x"},
    {"doubling list",
     "{% set n = namespace(l=[1]) %}{% for i in range(99) %}{% set n.l = n.l + n.l %}{% endfor %}",
     E_LIMIT, "too"},
    {"repeated list", "{{ ([1] * 999999999) | length }}", E_LIMIT, "too"},
    {"much output",
     "{% for i in range(9999) %}0123456789012345678901234567890123456789{% endfor %}", E_LIMIT,
     "the text becomes too long"},
    {"doubling through replace",
     "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s.replace('x', 'xx') %}"
     "{% endfor %}",
     E_LIMIT, "a text grows too long"},
    {"a loop that feeds itself",
     "{% set l = [1] %}{% for x in l %}{% set _ = l.append(x) %}{% endfor %}", E_LIMIT, "too"},
    {"a list inside itself", "{% set l = [1] %}{% set _ = l.append(l) %}{{ l }}", E_LIMIT,
     "nested too deeply"},
    {"JSON of a list inside itself", "{% set l = [1] %}{% set _ = l.append(l) %}{{ l | tojson }}",
     E_LIMIT, "nested too deeply"},
    {"lists inside themselves compared",
     "{% set a = [1] %}{% set _ = a.append(a) %}{% set b = [1] %}{% set _ = b.append(b) %}"
     "{{ a == b }}",
     E_LIMIT, "nested too deeply"},
    {"a list that extends itself", "{% set l = [1] %}{% set _ = l.extend(l) %}{{ l }}", OK,
     "[1, 1]"},
    {"large range", "{{ range(100001) }}", E_LIMIT, "Range too big"},
    {"range over everything", "{{ range(-9223372036854775807, 9223372036854775807) }}", E_LIMIT,
     "Range too big"},
    {"range with the largest step", "{{ range(0, 5, 9223372036854775807) | list }}", OK, "[0]"},
    {"range of nothing", "{{ range(5, 0) | list }}", OK, "[]"},
    {"range without step", "{{ range(0, 5, 0) }}", E_FORMAT, "must not be zero"},
    {"large power", "{{ 7 ** 9999999 }}", E_LIMIT, "too large"},
    {"most negative number", "{{ (-9223372036854775807 - 1) // -1 }}", E_LIMIT, "too large"},
    {"most negative number turned", "{{ -(-9223372036854775807 - 1) }}", E_LIMIT, "too large"},
    {"most negative remainder", "{{ (-9223372036854775807 - 1) % -1 }}", E_LIMIT, "too large"},
    {"division by zero", "{{ 1 // 0 }}", E_FORMAT, "division by zero"},
    {"remainder of zero", "{{ 1.5 % 0 }}", E_FORMAT, "division by zero"},
    {"large literal", "{{ 99999999999999999999 }}", E_LIMIT, "too large"},
    {"large float", "{{ 1e999 }}", E_FORMAT, "unexpected"},
    {"many digits", "{{ 1.5 | round(99999) }}", E_LIMIT, "round()"},
    {"rounded to thousands", "{{ 12345.6 | round(-3) }}", OK, "12000.0"},
    {"wide indent", "{{ 'a' | indent(99999999) }}", E_LIMIT, "indent"},
    {"wide JSON", "{{ [1] | tojson(indent=99999999) }}", E_LIMIT, "indent"},
    {"deep JSON from text", "{{ ('[' * 1000) | from_json }}", E_FORMAT, "nested"},
    {"split at each character", "{{ ('a,' * 20000).split(',') | length }}", OK, "20001"},
    {"split from the end by a long text", "{{ ('a' * 40000).rsplit('a' * 20000 + 'b') | length }}",
     E_LIMIT, "takes too long"},
    {"unique of many", "{{ range(20000) | unique | list | length }}", E_LIMIT, "takes too long"},
    {"sort of many", "{{ range(3000) | sort(reverse=true) | first }}", OK, "2999"},
    {"negative index beyond", "{{ [1][-99] }}{{ 'a'[-99] }}x", OK, "x"},
    {"largest index", "{{ [1][9223372036854775807] }}{{ 'a'[9223372036854775807] }}x", OK, "x"},
    {"slice bounds beyond",
     "{{ 'abc'[-9223372036854775807:9223372036854775807:9223372036854775807] }}", OK, "a"},
    {"slice without step", "{{ 'abc'[::0] }}", E_FORMAT, "cannot be zero"},
    {"pop of nothing", "{{ [].pop() }}", E_FORMAT, "out of range"},
    {"cycle of nothing", "{% for i in [1] %}{{ loop.cycle() }}{% endfor %}", E_FORMAT, "cycling"},
    {"items taken away while visited",
     "{% set l = [1, 2, 3, 4] %}{% for x in l %}{{ x }}{% set _ = l.pop() %}{% endfor %}", OK,
     "12"},
    {"loop kept behind its end",
     "{% set n = namespace() %}{% for x in [1] %}{% set n.l = loop %}{% endfor %}{{ n.l.index }}"
     "{{ n.l.last }}{{ n.l.nextitem }}{{ n.l.revindex0 }}",
     OK, "2True-1"},
    {"raised text with control characters", "{{ raise_exception('a\\n\\x1b[31mb') }}", E_INVALID,
     "a  [31mb"},
    {"map in map", "{{ [[1]] | map('map', 'string') | list }}", OK, "[['1']]"},
    {"map without filter", "{{ [1] | map() | list }}", E_FORMAT, "map requires"},
    {"select without attribute", "{{ [1] | selectattr() | list }}", E_FORMAT, "attribute name"},
    {"zero bytes in texts", "{{ 'a\\x00b' | length }}{{ 'a\\x00b' | upper | tojson }}", OK,
     "3\"A\\u0000B\""},
    {"invalid UTF-8",
     "{{ '\xff\xfe' | length }}{{ '\xc3' | upper }}{{ '\xf0\x9f'[::-1] | length }}", OK,
     "2\xc3"
     "2"},
};

static void hostile_templates_end_with_one_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(jinja_text_done) struct jinja_text out = {0};
        struct error err = {0};
        test_case(cases[i].name);
        const enum status status = jinja_helper_render(str_from_c(cases[i].source), NULL,
                                                       SEGMENT_USER, &small, &out, &err);
        if (status != cases[i].status)
            fail_msg("%s: %s \"%s\"", cases[i].name, error_status_name(status), err.text);
        if (status == OK) {
            assert_true(str_equal_c(strbuf_view(&out.bytes), cases[i].reason));
            continue;
        }
        if (!strstr(err.text, cases[i].reason))
            fail_msg("%s: \"%s\"", cases[i].name, err.text);
        assert_null(strchr(err.text, '\n'));
    }
}

/* ---------------------------------------------------------------- nesting in the source */

static const struct {
    const char *name;
    const char *opening; /* written many times, */
    const char *middle;
    const char *closing; /* then this as often */
} nests[] = {
    {"parentheses", "{{ (", "1", "+"},
    {"brackets", "[", "1", "]"},
    {"braces", "{'a': ", "1", "}"},
    {"signs", "- ", "1", ""},
    {"not", "not ", "1", ""},
    {"conditions", "1 if 1 else ", "1", ""},
    {"additions", "1 + ", "1", ""},
    {"members", "", "a", ".a"},
    {"calls", "", "a", "()"},
    {"filters", "", "a", " | e"},
    {"blocks", "{% if 1 %}", "x", "{% endif %}"},
    {"loops", "{% for x in [1] %}", "x", "{% endfor %}"},
    {"macros", "{% macro m() %}", "x", "{% endmacro %}"},
    {"slices", "", "a", "[1:]"},
    {"targets", "{% set (", "a", ","},
};

static void add_nest(struct strbuf *out, size_t row, int count)
{
    const bool is_expression = nests[row].opening[0] != '{' || nests[row].opening[1] == '\'';
    if (is_expression)
        strbuf_add_c(out, "{{ ");
    for (int i = 0; i < count; i++)
        strbuf_add_c(out, nests[row].opening);
    strbuf_add_c(out, nests[row].middle);
    for (int i = 0; i < count; i++)
        strbuf_add_c(out, nests[row].closing);
    if (is_expression)
        strbuf_add_c(out, " }}");
}

static void deep_nesting_is_refused_or_works(void **state)
{
    (void)state;
    static const int counts[] = {10, 100, 300, 5000, 30000};
    for (size_t row = 0; row < ARRAY_LEN(nests); row++) {
        for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
            CLEANUP(strbuf_done) struct strbuf source = {0};
            CLEANUP(jinja_text_done) struct jinja_text out = {0};
            struct error err = {0};
            test_case(nests[row].name);
            add_nest(&source, row, counts[i]);
            const enum status status =
                jinja_helper_render(strbuf_view(&source), NULL, SEGMENT_USER, NULL, &out, &err);
            assert_true(status == OK || err.text[0]);
        }
    }
}

static void long_sources_are_refused(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf source = {0};
    CLEANUP(jinja_parse_freep) struct jinja_template *parsed = NULL;
    struct error err = {0};
    while (source.len < JINJA_SOURCE_BYTES_MAX)
        strbuf_add_c(&source, "{{ a }}\n");
    assert_int_equal(jinja_parse_template(strbuf_view(&source), &parsed, &err), OK);
    strbuf_add_c(&source, "{");
    struct jinja_template *none = NULL;
    assert_int_equal(jinja_parse_template(strbuf_view(&source), &none, &err), E_LIMIT);
    assert_null(none);
}

/* A clock that moves on by a second at each look. */
static uint64_t looks;

static uint64_t slow_clock(void)
{
    return ++looks * 1000 * 1000 * 1000;
}

static void a_rendering_ends_when_its_time_is_up(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        uint64_t time_ms;
        enum status status;
    } rows[] = {
        {"{% for a in range(99999) %}{% for b in range(99) %}{% endfor %}{% endfor %}", 0, E_LIMIT},
        {"{% for a in range(99999) %}{% for b in range(9) %}{% endfor %}{% endfor %}", 9000 * 1000,
         OK},
        {"{{ 'a' }}", 1000, E_LIMIT}, /* the first look comes at once */
        {"{{ 'a' }}", 3000, OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(jinja_text_done) struct jinja_text out = {0};
        const struct jinja_limits limits = {.time_ms_max = rows[i].time_ms, .now_ns = slow_clock};
        struct error err = {0};
        test_case(rows[i].source);
        looks = 0;
        const enum status status = jinja_helper_render(str_from_c(rows[i].source), NULL,
                                                       SEGMENT_USER, &limits, &out, &err);
        assert_int_equal(status, rows[i].status);
        if (status == OK)
            continue;
        assert_non_null(strstr(err.text, rows[i].time_ms ? "takes too long (limit 1000 ms)"
                                                         : "takes too long (limit 10000 ms)"));
        assert_true(looks < 15); /* and at most a second late */
    }
}

int test_jinja_limits(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_templates_end_with_one_sentence),
        cmocka_unit_test(a_rendering_ends_when_its_time_is_up),
        cmocka_unit_test(deep_nesting_is_refused_or_works),
        cmocka_unit_test(long_sources_are_refused),
    };
    return cmocka_run_group_tests_name("jinja_limits", tests, NULL, NULL);
}
