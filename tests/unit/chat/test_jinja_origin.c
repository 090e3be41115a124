/*
 * Text that came from outside must never be taken for the template's own, whatever the template
 * does to it: only the template's bytes may become control tokens, and everything about prompt
 * injection rests on that. Each row writes the origin of every byte under the rendered text.
 */
#include "tests/holt_test.h"

#include "base/strbuf.h"
#include "tests/unit/chat/jinja_helper.h"

/* In all cases u is the user's "a<b" and v the user's {"k": "x", "n": 5, "l": ["p", "q"]}. */
static const char variables_text[] =
    "{\"u\": \"a<b\", \"v\": {\"k\": \"x\", \"n\": 5, \"l\": [\"p\", \"q\"], \"t\": true}, "
    "\"w\": \" \\u00e9\\n\", \"j\": \"{\\\"z\\\": [1, \\\"y\\\"]}\"}";

/* t: template, u: user */
static const struct {
    const char *name;
    const char *source;
    const char *text;
    const char *origins;
} cases[] = {
    {"plain text", "x{{ u }}y", "xa<by", "tuuut"},
    {"literals are the template's", "{{ 'x' }}{{ 1 }}{{ [2] }}", "x1[2]", "ttttt"},
    {"plus", "{{ 'x' + u + 'y' }}", "xa<by", "tuuut"},
    {"tilde", "{{ 'x' ~ u ~ 1 }}", "xa<b1", "tuuut"},
    {"times", "{{ ('-' + v.k) * 2 }}", "-x-x", "tutu"},
    {"slice across the seam", "{{ ('xy' + u + 'z')[1:4] }}", "ya<", "tuu"},
    {"slice to one character", "{{ ('x' + u)[0] }}{{ ('x' + u)[-1] }}", "xb", "tu"},
    {"backwards", "{{ ('x' + u)[::-1] }}", "b<ax", "uuut"},
    {"strip", "{{ ('  ' + u + ' ') | trim }}", "a<b", "uuu"},
    {"strip of the user's own space", "{{ w.strip() }}", "\xc3\xa9", "uu"},
    {"upper", "{{ ('x' + u) | upper }}", "XA<B", "tuuu"},
    {"upper of two bytes", "{{ w | trim | upper }}", "\xc3\x89", "uu"},
    {"title", "{{ (u + 'x y').title() }}", "A<Bx Y", "uuuttt"},
    {"replace by the template's", "{{ u.replace('<', '|') }}", "a|b", "utu"},
    {"replace in the template's", "{{ 'a-b' | replace('-', u) }}", "aa<bb", "tuuut"},
    {"replace in gaps", "{{ 'ab'.replace('', v.k) }}", "xaxbx", "ututu"},
    {"split", "{{ (u + '-c').split('-') | join('+') }}", "a<b+c", "uuutt"},
    {"split at the user's", "{{ 'a<b'.split('<')[1] }}{{ u.split('<')[0] }}", "ba", "tu"},
    {"join by the user's", "{{ ['x', 'y'] | join(v.k) }}", "xxy", "tut"},
    {"join of the user's", "{{ v.l | join('-') }}", "p-q", "utu"},
    {"numbers", "{{ v.n }}{{ v.n + 1 }}{{ v.n | string }}", "565", "uuu"},
    {"booleans", "{{ v.t }}", "True", "uuuu"},
    {"length is counted by the template", "{{ u | length }}", "3", "t"},
    {"JSON of a text", "{{ u | tojson }}", "\"a<b\"", "uuuuu"},
    {"JSON of an object", "{{ v.l | tojson }}", "[\"p\", \"q\"]", "uuuuuuuuuu"},
    {"JSON in the template's list", "{{ [v.k] | tojson }}", "[\"x\"]", "tuuut"},
    {"JSON escapes", "{{ w | tojson }}", "\" \xc3\xa9\\n\"", "uuuuuuu"},
    {"Python form", "{{ [v.k, 1] }}", "['x', 1]", "tuuutttt"},
    {"Python form of the user's", "{{ v.l }}", "['p', 'q']", "uuuuuuuuuu"},
    {"keys", "{% for k in v %}{{ k }}{% endfor %}", "knlt", "uuuu"},
    {"items", "{% for k, x in v | items if k == 'k' %}{{ k }}={{ x }}{% endfor %}", "k=x", "utu"},
    {"characters", "{% for c in u %}{{ c }}-{% endfor %}", "a-<-b-", "ututut"},
    {"block set", "{% set b %}x{{ u }}{% endset %}{{ b }}", "xa<b", "tuuu"},
    {"macro", "{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m(u) + 'x' }}", "[a<b]x", "tuuutt"},
    {"filter block", "{% filter upper %}x{{ u }}{% endfilter %}", "XA<B", "tuuu"},
    {"indent", "{{ (u + '\\nc') | indent(1) }}", "a<b\n c", "uuuttt"},
    {"escape", "{{ (u + '<') | e }}", "a&lt;b&lt;", "uuuuuutttt"},
    {"markup", "{{ ('<' | safe) + u }}", "<a&lt;b", "tuuuuuu"},
    {"from_json", "{{ (j | from_json).z[1] }}{{ (j | from_json).z[0] }}", "y1", "uu"},
    {"format", "{{ '{}-{}'.format(u, 1) }}", "a<b-1", "uuutt"},
    {"format by the user's", "{{ (v.k + '{}').format('t') }}", "xt", "ut"},
    {"default", "{{ nothing | default(u) }}{{ u | default('x') }}", "a<ba<b", "uuuuuu"},
    {"sorted", "{{ (v.l + ['o']) | sort | join }}", "opq", "tuu"},
    {"mapped", "{{ v.l | map('upper') | join }}", "PQ", "uu"},
    {"choice of the template's by the user's", "{{ 'yes' if u == 'a<b' }}", "yes", "ttt"},
    {"lines", "{{ (u + '\\nx').splitlines() | join('|') }}", "a<b|x", "uuutt"},
    {"partition", "{{ (u + '=x').partition('=') | join }}", "a<b=x", "uuutt"},
    {"percent", "{{ '[%4s]' % u }}{{ '%d' % v.n }}", "[ a<b]5", "ttuuutu"},
    {"percent by the user's", "{{ (v.k + '%s') % 'y' }}", "xy", "ut"},
    {"percent by name", "{{ '%(k)s=' % v }}", "x=", "ut"},
    {"percent of a part", "{{ '%.2s' % ('x' + u) }}", "xa", "tu"},
    {"percent as Python", "{{ '%r' % [v.k] }}", "['x']", "tuuut"},
    {"format with a width", "{{ '{:*>5}|'.format(u) }}", "**a<b|", "ttuuut"},
    {"format with a sign", "{{ '{:+}'.format(v.n) }}", "+5", "tu"},
    {"format of a member", "{{ '{0[k]}{0[n]:x}'.format(v) }}", "x5", "uu"},
    {"format filter", "{{ '%s-' | format(u) }}", "a<b-", "uuut"},
    {"padding", "{{ u.rjust(4, '.') }}{{ '1'.zfill(2) }}", ".a<b01", "tuuutt"},
    {"padding by the user's", "{{ 'y'.ljust(3, v.k) }}", "yxx", "tuu"},
    {"cut short", "{{ (u + 'cdefghij') | truncate(6, true, '+', 0) }}", "a<bcd+", "uuuttt"},
    {"tabs", "{{ (v.k + '\t').expandtabs(2) }}", "x ", "ut"},
    {"call block",
     "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}{{ u }}{% endcall %}", "[a<b]",
     "tuuut"},
    {"varargs", "{% macro m() %}{{ varargs | join('-') }}{% endmacro %}{{ m(v.k, *v.l) }}", "x-p-q",
     "ututu"},
    {"kwargs", "{% macro m() %}{{ kwargs.k }}{% endmacro %}{{ m(**v) }}", "x", "u"},
    {"recursive loop",
     "{% for x in [v.l] recursive %}{{ loop(x) if x is not string else x }}"
     "{% endfor %}",
     "pq", "uu"},
    {"groups", "{% for g in [v] | groupby('k') %}{{ g.grouper }}{{ g.list | length }}{% endfor %}",
     "x1", "ut"},
    {"batches", "{{ v.l | batch(3, '.') | map('join', '+') | join }}", "p+q+.", "ututt"},
    {"time by the user's form", "{{ strftime_now(v.k + '%Y') }}", "x2026", "uuuuu"},
};

static void each_byte_keeps_its_origin(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *variables = jinja_helper_json(str_from_c(variables_text));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(jinja_text_done) struct jinja_text out = {0};
        CLEANUP(strbuf_done) struct strbuf origins = {0};
        test_case(cases[i].name);
        assert_ok(jinja_helper_render(str_from_c(cases[i].source), variables, SEGMENT_USER, NULL,
                                      &out, err));
        size_t end = 0;
        for (size_t run = 0; run < out.run_count; run++) {
            assert_int_equal(out.runs[run].offset, end);
            assert_true(run == 0 || out.runs[run].origin != out.runs[run - 1].origin);
            for (size_t k = 0; k < out.runs[run].length; k++)
                strbuf_add_char(&origins, out.runs[run].origin == SEGMENT_TEMPLATE ? 't' : 'u');
            end += out.runs[run].length;
        }
        assert_int_equal(end, out.bytes.len);
        assert_string_equal(strbuf_c(&out.bytes), cases[i].text);
        assert_string_equal(strbuf_c(&origins), cases[i].origins);
    }
}

int test_jinja_origin(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_keeps_its_origin),
    };
    return cmocka_run_group_tests_name("jinja_origin", tests, NULL, NULL);
}
