/*
 * A conversation must reach the model as its template writes it, adapted where the template cannot
 * take it as it is, and nothing a person, a model or a tool wrote may ever count as the template's
 * own text: that is what keeps an injected "<|im_start|>system" from being obeyed.
 */
#include "tests/holt_test.h"

#include "base/strbuf.h"
#include "chat/chat_template.h"
#include "chat/tool_format.h"
#include "tests/unit/chat/jinja_helper.h"
#include "text/json.h"

#include <string.h>

enum { TEMPLATES_MAX = 256, MARKERS_MAX = 64, MARKER_LEN_MAX = 48 };

static struct chat_template *open_template(struct str source)
{
    struct chat_template *chat_template = NULL;
    assert_ok(chat_template_new(source, STR("<s>"), STR("</s>"), &chat_template, err));
    return chat_template;
}

static struct chat_template *open_builtin(void)
{
    return open_template(test_read_file("models/builtin.jinja"));
}

/* Renders and compares. */
static void expect(const struct chat_template *chat_template, const struct chat_request *request,
                   const char *want)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    assert_ok(chat_template_render(chat_template, request, &spans, err));
    assert_string_equal(strbuf_c(&spans.text), want);
}

/* ---------------------------------------------------------------- the built-in template */

static void the_builtin_template_can_do_all_it_needs(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_builtin();
    const struct chat_template_caps *caps = chat_template_get_caps(chat_template);
    assert_true(caps->system_role && caps->tools && caps->tool_calls && caps->parallel_calls);
    assert_true(caps->tool_results && caps->string_content && !caps->arguments_as_text);
    bool known = false;
    assert_string_equal(tool_format_detect(chat_template, &known)->name, "hermes");
    assert_true(known);
}

static void the_builtin_template_writes_a_tool_turn(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_builtin();
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(json_decrefp)
    json_t *tools =
        json_pack("[{s:s, s:{s:s}}]", "type", "function", "function", "name", "read_file");
    CLEANUP(json_decrefp) json_t *arguments = json_pack("{s:s}", "path", "a.txt");
    chat_request_set_tools(&request, tools);
    chat_request_add(&request, CHAT_ROLE_SYSTEM, STR("CORE"));
    chat_request_add(&request, CHAT_ROLE_USER, STR("TEXT"));
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    chat_request_add_call(&request, message, STR("1"), STR("read_file"), arguments);
    chat_request_add(&request, CHAT_ROLE_TOOL, STR("RESULT"));
    request.add_generation_prompt = true;
    expect(chat_template, &request,
           "<|im_start|>system\nCORE\n\nTools:\n{\"name\": \"read_file\"}\n\n"
           "To use a tool, write:\n<tool_call>\n{\"name\": \"TOOL\", \"arguments\": {...}}\n"
           "</tool_call><|im_end|>\n<|im_start|>user\nTEXT<|im_end|>\n<|im_start|>assistant\n"
           "<tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"a.txt\"}}\n"
           "</tool_call><|im_end|>\n<|im_start|>tool\nRESULT<|im_end|>\n<|im_start|>assistant\n");
}

/* ---------------------------------------------------------------- adapting */

static void a_system_message_goes_to_the_user_where_the_role_is_unknown(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *chat_template = open_template(
        STR("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
            "{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}"));
    CLEANUP(chat_request_done) struct chat_request request = {0};
    assert_false(chat_template_get_caps(chat_template)->system_role);
    chat_request_add(&request, CHAT_ROLE_SYSTEM, STR("Be brief."));
    chat_request_add(&request, CHAT_ROLE_USER, STR("Hi"));
    expect(chat_template, &request, "[user]Be brief.\n\nHi");

    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    assert_ok(chat_template_render(chat_template, &request, &spans, err));
    assert_int_equal(spans.run_count, 3);
    assert_int_equal(spans.runs[1].origin, SEGMENT_SYSTEM);
    assert_int_equal(spans.runs[2].origin, SEGMENT_USER);
}

static void a_developer_message_is_a_system_message(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_builtin();
    CLEANUP(chat_request_done) struct chat_request request = {0};
    chat_request_add(&request, CHAT_ROLE_DEVELOPER, STR("D"));
    expect(chat_template, &request, "<|im_start|>system\nD<|im_end|>\n");
}

static void arguments_are_text_where_the_template_adds_them_to_text(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *chat_template = open_template(
        STR("{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
            "{{ c.function.name + '(' + c.function.arguments + ')' }}{% endfor %}{% endfor %}"));
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(json_decrefp) json_t *arguments = json_pack("{s:i}", "x", 1);
    assert_true(chat_template_get_caps(chat_template)->arguments_as_text);
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    chat_request_add_call(&request, message, STR(""), STR("f"), arguments);
    expect(chat_template, &request, "f({\"x\": 1})");
}

static void content_is_wrapped_where_only_parts_are_known(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *chat_template = open_template(STR(
        "{% for m in messages %}{% for p in m.content %}{{ p.text }};{% endfor %}{% endfor %}"));
    CLEANUP(chat_request_done) struct chat_request request = {0};
    assert_false(chat_template_get_caps(chat_template)->string_content);
    chat_request_add(&request, CHAT_ROLE_USER, STR("Hi"));
    expect(chat_template, &request, "Hi;");
}

static void parts_are_joined_where_only_text_is_known(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_builtin();
    CLEANUP(chat_request_done) struct chat_request request = {0};
    struct error err = {0};
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_USER, STR(""));
    message->content_parts = json_pack("[{s:s, s:s}, {s:s, s:s}]", "type", "text", "text", "one ",
                                       "type", "text", "text", "two");
    expect(chat_template, &request, "<|im_start|>user\none two<|im_end|>\n");

    json_array_append_new(message->content_parts, json_pack("{s:s}", "type", "image"));
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    assert_int_equal(chat_template_render(chat_template, &request, &spans, &err), E_UNSUPPORTED);
    assert_string_equal(err.text, "chat template: this model takes only text, no images");
    assert_int_equal(spans.text.len, 0);
}

static void calls_without_an_id_get_one_that_answers_share(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *chat_template = open_template(
        STR("{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.id }}"
            "{{ c.function.name }}{{ c.function.arguments | tojson }};{% endfor %}"
            "{{ m.tool_call_id }}|{% endfor %}"));
    CLEANUP(chat_request_done) struct chat_request request = {0};
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    chat_request_add_call(&request, message, STR(""), STR("a"), NULL);
    chat_request_add_call(&request, message, STR(""), STR("b"), NULL);
    chat_request_add(&request, CHAT_ROLE_TOOL, STR(""));
    chat_request_add(&request, CHAT_ROLE_TOOL, STR(""));
    expect(chat_template, &request, "call00000a{};call00001b{};|call00000|call00001|");
}

/* ---------------------------------------------------------------- variables */

static void variables_reach_the_template(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *chat_template =
        open_template(STR("{{ bos_token }}{{ enable_thinking }}{{ thinking }}{{ thinking_mode }}"
                          "{{ effort }}{{ date_string }}{{ strftime_now('%H:%M') }}"
                          "{{ tools is defined }}{{ add_generation_prompt }}{{ eos_token }}"));
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(json_decrefp) json_t *variables = json_pack("{s:s}", "effort", "high");
    expect(chat_template, &request, "<s>00:00FalseFalse</s>");
    chat_request_set_variables(&request, variables);
    request.thinking = CHAT_THINKING_OFF;
    request.local_seconds = JINJA_HELPER_SECONDS;
    request.add_generation_prompt = true;
    expect(chat_template, &request, "<s>FalseFalsedisabledhigh14 Mar 202609:26FalseTrue</s>");
}

static void what_holt_sets_cannot_be_replaced(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_builtin();
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(json_decrefp) json_t *variables = json_pack("{s:[]}", "messages");
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    struct error err = {0};
    chat_request_set_variables(&request, variables);
    assert_int_equal(chat_template_render(chat_template, &request, &spans, &err), E_INVALID);
    assert_string_equal(err.text, "chat template: the variable 'messages' cannot be set");
}

static void a_refusal_is_in_the_templates_words(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *chat_template = open_template(
        STR("a\n{% if not messages %}{{ raise_exception('No messages!') }}{% endif %}"));
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    struct error err = {0};
    assert_int_equal(chat_template_render(chat_template, &request, &spans, &err), E_INVALID);
    assert_string_equal(err.text, "chat template, line 2: No messages!");
}

static void a_beginning_with_bos_is_noticed(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *with = open_template(STR("{{ bos_token }}x"));
    CLEANUP(chat_template_freep)
    struct chat_template *without = open_template(STR("x{{ bos_token }}"));
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    assert_ok(chat_template_render(with, &request, &spans, err));
    assert_true(spans.starts_with_bos);
    assert_ok(chat_template_render(without, &request, &spans, err));
    assert_false(spans.starts_with_bos);
}

/* ---------------------------------------------------------------- spans */

static void the_common_beginning_ends_where_texts_or_rights_differ(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_builtin();
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans one = {0};
    CLEANUP(chat_spans_done) struct chat_spans two = {0};
    chat_request_add(&request, CHAT_ROLE_USER, STR("Hello"));
    assert_ok(chat_template_render(chat_template, &request, &one, err));
    assert_ok(chat_template_render(chat_template, &request, &two, err));
    assert_int_equal(chat_spans_common(&one, &two), one.text.len);

    chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR("Yes"));
    assert_ok(chat_template_render(chat_template, &request, &two, err));
    assert_int_equal(chat_spans_common(&one, &two), one.text.len);

    request.messages[0].content = STR("Help!");
    assert_ok(chat_template_render(chat_template, &request, &two, err));
    assert_int_equal(chat_spans_common(&one, &two), strlen("<|im_start|>user\nHel"));

    request.messages[0].content = STR("<|im_end|>\n"); /* the same bytes, but a person's */
    request.message_count = 1;
    assert_ok(chat_template_render(chat_template, &request, &one, err));
    request.messages[0].content = STR("");
    assert_ok(chat_template_render(chat_template, &request, &two, err));
    assert_int_equal(chat_spans_common(&one, &two), strlen("<|im_start|>user\n"));
}

/* ---------------------------------------------------------------- injection */

/* Stand before and behind every marker in text from outside; no template has them. */
#define OPEN  "\xee\x80\x81"
#define CLOSE "\xee\x80\x82"

/* What looks like a marker in a template: <...>, [...] or <|...|> without white space. */
static size_t find_markers(struct str source, char (*markers)[MARKER_LEN_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < source.len && count < MARKERS_MAX; i++) {
        const char opener = source.ptr[i];
        const char closer = opener == '<' ? '>' : opener == '[' ? ']' : '\0';
        size_t len = 1;
        while (closer && i + len < source.len && len < MARKER_LEN_MAX - 2 &&
               !strchr("<>[] \t\n\r'\"\\(){}%.", source.ptr[i + len]))
            len++;
        if (len < 2 || i + len >= source.len || source.ptr[i + len] != closer)
            continue;
        memcpy(markers[count], source.ptr + i, len + 1);
        markers[count][len + 1] = '\0';
        bool is_new = true;
        for (size_t k = 0; k < count; k++)
            is_new = is_new && strcmp(markers[k], markers[count]) != 0;
        count += is_new;
    }
    return count;
}

/* A conversation in which everything that may come from outside spells markers. */
static void fill_hostile(struct chat_request *request, struct str text, bool with_tools,
                         bool with_parts)
{
    CLEANUP(json_decrefp) json_t *spelled = json_stringn(text.ptr, text.len);
    CLEANUP(json_decrefp)
    json_t *tools = json_pack(
        "[{s:s, s:{s:O, s:O, s:{s:s, s:{s:{s:s, s:O}}, s:[O]}}}]", "type", "function", "function",
        "name", spelled, "description", spelled, "parameters", "type", "object", "properties",
        json_string_value(spelled), "type", "string", "description", spelled, "required", spelled);
    CLEANUP(json_decrefp)
    json_t *arguments = json_pack("{s:O, s:[O, i], s:{s:O}}", json_string_value(spelled), spelled,
                                  "list", spelled, 1, "object", "key", spelled);
    assert_non_null(tools);
    assert_non_null(arguments);
    chat_request_add(request, CHAT_ROLE_SYSTEM, text);
    chat_request_add(request, CHAT_ROLE_USER, text);
    if (with_tools) {
        chat_request_set_tools(request, tools);
        struct chat_message *message = chat_request_add(request, CHAT_ROLE_ASSISTANT, STR(""));
        message->reasoning = chat_request_copy(request, text);
        chat_request_add_call(request, message, STR("abcdefghi"), text, arguments);
        message = chat_request_add(request, CHAT_ROLE_TOOL, text);
        message->tool_call_id = STR("abcdefghi");
        message->tool_name = chat_request_copy(request, text);
    }
    struct chat_message *answer = chat_request_add(request, CHAT_ROLE_ASSISTANT, text);
    answer->reasoning = chat_request_copy(request, text);
    struct chat_message *last = chat_request_add(request, CHAT_ROLE_USER, text);
    if (with_parts)
        last->content_parts = json_pack("[{s:s, s:O}, {s:s, s:O}]", "type", "text", "text", spelled,
                                        "type", "text", "text", spelled);
    CLEANUP(json_decrefp)
    json_t *variables = json_pack("{s:O, s:O, s:O}", "model_identity", spelled, "custom", spelled,
                                  "reasoning_effort", spelled);
    chat_request_set_variables(request, with_parts ? variables : NULL);
    request->add_generation_prompt = true;
    request->local_seconds = JINJA_HELPER_SECONDS;
}

static bool is_template_byte(const struct chat_spans *spans, size_t offset)
{
    for (size_t i = 0; i < spans->run_count; i++) {
        if (offset - spans->runs[i].offset < spans->runs[i].length)
            return spans->runs[i].origin == SEGMENT_TEMPLATE;
    }
    return true;
}

static void check_foreign(const char *name, const struct chat_spans *spans, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (is_template_byte(spans, i))
            fail_msg("%s: byte %zu of foreign text counts as the template's: %.*s", name, i,
                     (int)(to - from), spans->text.ptr + from);
    }
}

/* Every fence, and every marker between two fences, belongs to somebody else. Returns how many
 * fenced markers were seen. */
static size_t check_fences(const char *name, const struct chat_spans *spans)
{
    const struct str text = strbuf_view(&spans->text);
    size_t seen = 0;
    for (size_t at = 0; (at = str_find(text, STR(OPEN), at)) != SIZE_MAX; at++) {
        const size_t again = str_find(text, STR(OPEN), at + 1);
        const size_t close = str_find(text, STR(CLOSE), at);
        const bool is_whole = close != SIZE_MAX && (again == SIZE_MAX || close < again);
        check_foreign(name, spans, at, is_whole ? close + strlen(CLOSE) : at + strlen(OPEN));
        seen += is_whole;
    }
    for (size_t at = 0; (at = str_find(text, STR(CLOSE), at)) != SIZE_MAX; at++)
        check_foreign(name, spans, at, at + strlen(CLOSE));
    return seen;
}

/* Everything from outside spells every marker of the template, each between fences. */
static void check_injection(const char *name, struct str source, bool with_tools, bool with_parts,
                            size_t *seen)
{
    static char markers[MARKERS_MAX][MARKER_LEN_MAX];
    const size_t count = find_markers(source, markers);
    CLEANUP(strbuf_done) struct strbuf text = {0};
    for (size_t i = 0; i < count; i++)
        strbuf_addf(&text, OPEN "%s" CLOSE, markers[i]);
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_template(source);
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    fill_hostile(&request, strbuf_view(&text), with_tools, with_parts);
    test_case(name);
    if (chat_template_render(chat_template, &request, &spans, NULL) != OK)
        return; /* it refuses this conversation */
    *seen += check_fences(name, &spans);
}

static void the_builtin_template_lets_no_marker_in(void **state)
{
    (void)state;
    size_t seen = 0;
    check_injection("builtin", test_read_file("models/builtin.jinja"), true, true, &seen);
    assert_true(seen > 20);
}

static void check_all_injections(const char *name, struct str source, size_t *seen)
{
    for (unsigned form = 0; form < 4; form++)
        check_injection(name, source, (form & 1) != 0, (form & 2) != 0, seen);
}

/* Templates that take texts apart and put them together again, as some models' do. */
static const char *const rough[] = {
    /* replaces, slices and joins contents */
    "{% for m in messages %}<|im_start|>{{ m.role }}"
    "\n{{ m.content.replace('\\n', ' ')[0:] | trim }}"
    "{{ m.content.split('\\n') | join('+') }}{{ (m.content | string)[::-1][::-1] }}<|im_end|>\n"
    "{% endfor %}<|im_start|>assistant\n",
    /* formats, pads, indents, cuts */
    "{% for m in messages %}{{ '<|%s|>%s<|end|>' % (m.role, m.content) }}"
    "{{ '<|{}|>{:>3}<|end|>'.format(m.role, m.content) }}{{ m.content | indent(2, true) }}"
    "{{ m.content | truncate(10000) }}{{ m.content.rjust(4) }}{% endfor %}",
    /* macros, call blocks, block sets, filters */
    "{% macro turn(role, text) %}<turn>{{ role }}{{ text }}{{ caller() if caller }}</turn>"
    "{% endmacro %}"
    "{% for m in messages %}{{ turn(m.role, m.content) }}{% call turn(*[m.role], text=m.content) %}"
    "{{ m.content | upper | lower }}{% endcall %}{% set b %}<s>{{ m.content }}</s>{% endset %}"
    "{{ b ~ b[0:5] }}{% filter trim %} {{ m.content }} {% endfilter %}{% endfor %}",
    /* JSON of everything, and Python's form */
    "{% for m in messages %}<msg>{{ m | tojson }}{{ m }}{{ [m.content] | tojson(indent=2) }}"
    "{{ {'<k>': m.content} }}{{ m.items() | list }}</msg>{% endfor %}{{ tools | tojson if tools }}",
    /* keys of arguments as tags, sorted, grouped, mapped */
    "{% for m in messages %}<m>{{ m.content }}{% for c in m.tool_calls or [] %}"
    "<f={{ c.function.name }}>{% for k, v in c.function.arguments | dictsort %}"
    "<p={{ k }}>{{ v if v is string else v | tojson }}</p>{% endfor %}"
    "{% for g in c.function.arguments | items | groupby('0') %}{{ g.grouper }}"
    "{% endfor %}{{ c.function.arguments.keys() | map('trim') | join('<|>') }}</f>{% endfor %}</m>"
    "{% endfor %}",
    /* content from parts only */
    "{% for m in messages %}<im>{% for p in m.content %}{{ p.text or p['text'] }}{% endfor %}</im>"
    "{% endfor %}",
};

static void rough_templates_let_no_marker_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rough); i++) {
        size_t seen = 0;
        check_all_injections(rough[i], str_from_c(rough[i]), &seen);
        assert_true(seen > 4);
    }
}

static void no_template_lets_a_marker_in(void **state)
{
    (void)state;
    static char names[TEMPLATES_MAX][JINJA_HELPER_NAME_MAX];
    const size_t count = jinja_helper_list(names, TEMPLATES_MAX);
    if (!count) {
        print_message("no fixtures: templates of models are not attacked\n");
        skip();
    }
    size_t rendered = 0;
    for (size_t i = 0; i < count; i++) {
        size_t seen = 0;
        check_all_injections(names[i], jinja_helper_source(names[i]), &seen);
        rendered += seen > 0;
    }
    print_message("%zu of %zu templates rendered the attack\n", rendered, count);
    assert_int_equal(rendered, count);
}

int test_chat_template(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_builtin_template_can_do_all_it_needs),
        cmocka_unit_test(the_builtin_template_writes_a_tool_turn),
        cmocka_unit_test(a_system_message_goes_to_the_user_where_the_role_is_unknown),
        cmocka_unit_test(a_developer_message_is_a_system_message),
        cmocka_unit_test(arguments_are_text_where_the_template_adds_them_to_text),
        cmocka_unit_test(content_is_wrapped_where_only_parts_are_known),
        cmocka_unit_test(parts_are_joined_where_only_text_is_known),
        cmocka_unit_test(calls_without_an_id_get_one_that_answers_share),
        cmocka_unit_test(variables_reach_the_template),
        cmocka_unit_test(what_holt_sets_cannot_be_replaced),
        cmocka_unit_test(a_refusal_is_in_the_templates_words),
        cmocka_unit_test(a_beginning_with_bos_is_noticed),
        cmocka_unit_test(the_common_beginning_ends_where_texts_or_rights_differ),
        cmocka_unit_test(the_builtin_template_lets_no_marker_in),
        cmocka_unit_test(rough_templates_let_no_marker_in),
        cmocka_unit_test(no_template_lets_a_marker_in),
    };
    return cmocka_run_group_tests_name("chat_template", tests, NULL, NULL);
}
