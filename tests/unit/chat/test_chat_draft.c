/*
 * Any instruct model must be able to serve an agent: what its template cannot say is said with what
 * it can, nothing is lost, and what was added never counts as the template's own text.
 */
#include "tests/holt_test.h"

#include "base/strbuf.h"
#include "chat/chat_template.h"
#include "chat/tool_format.h"
#include "tests/unit/chat/jinja_helper.h"

#include <string.h>

enum { TEMPLATES_MAX = 256 };

/* ---------------------------------------------------------------- small templates */

/* user and assistant only, in turns; no system, no tools, no lists */
static const char turns[] =
    "{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns!') }}"
    "{% endif %}"
    "<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

/* every role, no tools; the model's turn is never opened */
static const char plain[] =
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ '\\n' }}{% endfor %}";

/* one call at a time; only the first message may be a system message */
static const char one_call[] =
    "{% for m in messages %}"
    "{% if m.role == 'system' and not loop.first %}{{ raise_exception('late') }}{% endif %}"
    "{% if m.tool_calls and m.tool_calls | length > 1 %}{{ raise_exception('one') }}{% endif %}"
    "[{{ m.role }}{% if m.tool_call_id %} {{ m.tool_call_id }}{% endif %}] {{ m.content }}"
    "{% for c in m.tool_calls or [] %}<call>{{ c.function.name }} "
    "{{ c.function.arguments | tojson }}</call>{% endfor %}{{ '\\n' }}{% endfor %}"
    "{% if tools %}{{ tools | tojson }}{% endif %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}";

/* calls only where the content is none, arguments as text */
static const char no_content[] =
    "{% for m in messages %}{% if m.role == 'assistant' and m.content is none %}"
    "{% for c in m.tool_calls %}<call>{{ c.function.name + ' ' + c.function.arguments }}</call>"
    "{% endfor %}{% else %}({{ m.content }}){% endif %}{% endfor %}"
    "{% if add_generation_prompt %}>{% endif %}";

static struct chat_template *open_template(const char *source)
{
    struct chat_template *chat_template = NULL;
    assert_ok(chat_template_new(str_from_c(source), STR("<s>"), STR("</s>"), &chat_template, err));
    return chat_template;
}

/* ---------------------------------------------------------------- conversations */

static void add_tools(struct chat_request *request)
{
    CLEANUP(json_decrefp)
    json_t *tools =
        json_pack("[{s:s, s:{s:s, s:s, s:{s:s, s:{s:{s:s, s:s}}}}}]", "type", "function",
                  "function", "name", "read_file", "description", "Reads.", "parameters", "type",
                  "object", "properties", "path", "type", "string", "description", "Path.");
    chat_request_set_tools(request, tools);
}

static void add_call(struct chat_request *request, struct chat_message *message, const char *id,
                     const char *path)
{
    CLEANUP(json_decrefp) json_t *arguments = json_pack("{s:s}", "path", path);
    chat_request_add_call(request, message, str_from_c(id), STR("read_file"), arguments);
}

static void add_result(struct chat_request *request, const char *id, const char *content)
{
    struct chat_message *message = chat_request_add(request, CHAT_ROLE_TOOL, str_from_c(content));
    message->tool_call_id = str_from_c(id);
    message->tool_name = STR("read_file");
}

/* What an agent's conversation holds: all that a template may not know. */
static void fill_agent(struct chat_request *request)
{
    add_tools(request);
    chat_request_add(request, CHAT_ROLE_SYSTEM, STR("sys_one"));
    chat_request_add(request, CHAT_ROLE_USER, STR("user_one"));
    struct chat_message *message = chat_request_add(request, CHAT_ROLE_ASSISTANT, STR("say_one"));
    add_call(request, message, "abcdefgh1", "arg_one");
    add_call(request, message, "abcdefgh2", "arg_two");
    add_result(request, "abcdefgh1", "res_one");
    add_result(request, "abcdefgh2", "res_two");
    chat_request_add(request, CHAT_ROLE_ASSISTANT, STR("say_two"));
    chat_request_add(request, CHAT_ROLE_USER, STR("user_two"));
    chat_request_add(request, CHAT_ROLE_SYSTEM, STR("sys_two"));
    chat_request_add(request, CHAT_ROLE_USER, STR("user_three"));
    message = chat_request_add(request, CHAT_ROLE_ASSISTANT, STR(""));
    add_call(request, message, "abcdefgh3", "arg_three");
    add_result(request, "abcdefgh3", "res_three");
    request->add_generation_prompt = true;
    request->local_seconds = JINJA_HELPER_SECONDS;
}

static void expect(const struct chat_template *chat_template, const struct chat_request *request,
                   const char *want)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    assert_ok(chat_template_render(chat_template, request, &spans, err));
    assert_string_equal(strbuf_c(&spans.text), want);
}

/* The bytes of the spans that hold `text` are all foreign. */
static void check_foreign(const struct chat_spans *spans, const char *text)
{
    const size_t from = str_find(strbuf_view(&spans->text), str_from_c(text), 0);
    assert_true(from != SIZE_MAX);
    for (size_t i = 0; i < spans->run_count; i++) {
        const struct segment_run *run = &spans->runs[i];
        if (run->offset < from + strlen(text) && run->offset + run->length > from)
            assert_true(run->origin != SEGMENT_TEMPLATE);
    }
}

#define TOOLS_TEXT                                                                                 \
    "Tools:\n{\"name\": \"read_file\", \"description\": \"Reads.\", \"parameters\": {\"type\": "   \
    "\"object\", \"properties\": {\"path\": {\"type\": \"string\", \"description\": \"Path.\"}}}}" \
    "\n\nTo use a tool, write:\n"
#define CALL_TEXT(path) \
    "<tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"" path "\"}}\n</tool_call>"
#define RESULT_TEXT(text) "<tool_response>\n" text "\n</tool_response>"

/* ---------------------------------------------------------------- tests */

static void an_agent_works_with_a_template_that_knows_only_turns(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_template(turns);
    CLEANUP(chat_request_done) struct chat_request request = {0};
    const struct chat_template_caps *caps = chat_template_get_caps(chat_template);
    bool known = true;
    assert_false(caps->system_role || caps->repeated_roles || caps->tools || caps->tool_calls ||
                 caps->tool_results || caps->parts_content);
    assert_true(caps->generation_prompt && caps->string_content);
    tool_format_detect(chat_template, &known);
    assert_false(known);
    fill_agent(&request);
    expect(
        chat_template, &request,
        "<user>sys_one\n\n" TOOLS_TEXT
        "<tool_call>\n{\"name\": \"TOOL\", \"arguments\": {...}}\n</tool_call>\n\nuser_one</user>"
        "<assistant>say_one\n" CALL_TEXT("arg_one") "\n" CALL_TEXT(
            "arg_two") "</assistant>"
                       "<user>" RESULT_TEXT("res_one") "\n" RESULT_TEXT(
                           "res_two") "</user>"
                                      "<assistant>say_two</assistant>"
                                      "<user>user_two\n\nsys_two\n\nuser_three</user>"
                                      "<assistant>" CALL_TEXT(
                                          "arg_three") "</assistant>"
                                                       "<user>" RESULT_TEXT(
                                                           "res_three") "</user><assistant>");
}

static void the_opening_of_the_models_turn_is_found(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_template(plain);
    CLEANUP(chat_request_done) struct chat_request request = {0};
    assert_false(chat_template_get_caps(chat_template)->generation_prompt);
    assert_true(chat_template_get_caps(chat_template)->late_system);
    chat_request_add(&request, CHAT_ROLE_USER, STR("Hi"));
    expect(chat_template, &request, "[user] Hi\n");
    request.add_generation_prompt = true;
    expect(chat_template, &request, "[user] Hi\n[assistant] ");

    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    assert_ok(chat_template_render(chat_template, &request, &spans, err));
    assert_int_equal(spans.runs[spans.run_count - 1].origin, SEGMENT_TEMPLATE);
}

static void calls_that_must_stand_alone_do(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_template(one_call);
    CLEANUP(chat_request_done) struct chat_request request = {0};
    const struct chat_template_caps *caps = chat_template_get_caps(chat_template);
    assert_true(caps->tool_calls && !caps->parallel_calls && caps->tools && !caps->late_system);
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR("Both."));
    add_call(&request, message, "1", "a");
    add_call(&request, message, "2", "b");
    add_result(&request, "2", "B"); /* in another order */
    add_result(&request, "1", "A");
    add_result(&request, "9", "nobody asked");
    expect(chat_template, &request,
           "[assistant] Both.<call>read_file {\"path\": \"a\"}</call>\n[tool 1] A\n"
           "[assistant] <call>read_file {\"path\": \"b\"}</call>\n[tool 2] B\n"
           "[tool 9] nobody asked\n");
}

static void ids_are_made_up_alike_for_calls_that_stand_alone(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_template(one_call);
    CLEANUP(chat_request_done) struct chat_request request = {0};
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    add_call(&request, message, "", "a");
    add_call(&request, message, "", "b");
    chat_request_add(&request, CHAT_ROLE_TOOL, STR("A"));
    chat_request_add(&request, CHAT_ROLE_TOOL, STR("B"));
    message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    add_call(&request, message, "", "c");
    chat_request_add(&request, CHAT_ROLE_TOOL, STR("C"));
    expect(chat_template, &request,
           "[assistant] <call>read_file {\"path\": \"a\"}</call>\n[tool call00000] A\n"
           "[assistant] <call>read_file {\"path\": \"b\"}</call>\n[tool call00001] B\n"
           "[assistant] <call>read_file {\"path\": \"c\"}</call>\n[tool call00002] C\n");
}

static void content_that_hides_calls_becomes_a_message(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_template(no_content);
    CLEANUP(chat_request_done) struct chat_request request = {0};
    const struct chat_template_caps *caps = chat_template_get_caps(chat_template);
    assert_true(caps->tool_calls && caps->call_without_content && caps->arguments_as_text);
    assert_false(caps->call_content || caps->tools);
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR("First."));
    add_call(&request, message, "1", "a");
    expect(chat_template, &request, "(First.)<call>read_file {\"path\": \"a\"}</call>");

    chat_request_clear(&request); /* the call is shown to the model as the template writes it */
    add_tools(&request);
    chat_request_add(&request, CHAT_ROLE_USER, STR("Go"));
    expect(chat_template, &request,
           "(" TOOLS_TEXT "<call>TOOL {\"ARGUMENT\": \"VALUE\"}</call>)(Go)");
}

/* A template that shows tools and leaves calls to the caller: they are written as the model would,
 * and the form's marks may become control tokens, as they do when the model writes them. */
static void calls_left_to_the_caller_have_the_models_form(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *chat_template =
        open_template("{% if tools %}List of tools: {{ tools | tojson }}\n{% endif %}"
                      "{% for m in messages %}[{{ m.role }}] {{ m.content }}|{% endfor %}");
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    CLEANUP(json_decrefp)
    json_t *arguments = json_pack("{s:s, s:b, s:n, s:[i]}", "path", "<|tool_call_end|>", "all", 1,
                                  "limit", "lines", 7);
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR("Both."));
    chat_request_add_call(&request, message, STR("1"), STR("read_file"), arguments);
    add_call(&request, message, "2", "b");
    add_result(&request, "1", "A");
    expect(chat_template, &request,
           "[assistant] Both.\n<|tool_call_start|>[read_file(path=\"<|tool_call_end|>\", "
           "all=True, limit=None, lines=[7]), read_file(path=\"b\")]<|tool_call_end|>|[tool] A|");
    assert_ok(chat_template_render(chat_template, &request, &spans, err));
    check_foreign(&spans, "read_file");
    check_foreign(&spans, "path=\"<|tool_call_end|>\", all=True, limit=None, lines=[7]");
    const size_t marker = str_find(strbuf_view(&spans.text), STR("<|tool_call_start|>"), 0);
    for (size_t i = 0; i < spans.run_count; i++) {
        if (marker - spans.runs[i].offset < spans.runs[i].length)
            assert_int_equal(spans.runs[i].origin, SEGMENT_TEMPLATE);
    }
}

static void a_system_message_at_the_end_is_not_lost(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_template(one_call);
    CLEANUP(chat_request_done) struct chat_request request = {0};
    chat_request_add(&request, CHAT_ROLE_USER, STR("U"));
    chat_request_add(&request, CHAT_ROLE_SYSTEM, STR("S"));
    chat_request_add(&request, CHAT_ROLE_DEVELOPER, STR("D"));
    expect(chat_template, &request, "[user] U\n[user] S\n\nD\n");
}

static void reasoning_goes_where_the_template_looks_for_it(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        enum chat_reasoning_key key;
        const char *text;
    } rows[] = {
        {"{% for m in messages %}{{ m.reasoning_content }}|{{ m.content }};{% endfor %}",
         CHAT_REASONING_CONTENT, "|Q;R|A;"},
        {"{% for m in messages %}{{ m.thinking }}|{{ m.content }};{% endfor %}",
         CHAT_REASONING_THINKING, "|Q;R|A;"},
        {"{% for m in messages %}{{ m.reasoning }}|{{ m.content }};{% endfor %}",
         CHAT_REASONING_PLAIN, "|Q;R|A;"},
        {"{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
         "{% for p in m.content %}{{ p.thinking or p.text }}|{% endfor %}{% endif %};{% endfor %}",
         CHAT_REASONING_PART, "Q;R|A|;"},
        {"{% for m in messages %}{{ m.content }};{% endfor %}", CHAT_REASONING_NONE, "Q;A;"},
        {"{% for m in messages %}{% if enable_thinking %}{{ m.reasoning_content }}{% endif %}"
         "{{ m.content }};{% endfor %}",
         CHAT_REASONING_CONTENT, "Q;A;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].source);
        CLEANUP(chat_template_freep)
        struct chat_template *chat_template = open_template(rows[i].source);
        CLEANUP(chat_request_done) struct chat_request request = {0};
        chat_request_add(&request, CHAT_ROLE_USER, STR("Q"));
        struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR("A"));
        message->reasoning = STR("R");
        assert_int_equal(chat_template_get_caps(chat_template)->reasoning, rows[i].key);
        expect(chat_template, &request, rows[i].text);
    }
}

static void content_joins_the_reasoning_where_both_are_too_much(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *chat_template = open_template(
        "{% for m in messages %}{% if m.tool_calls and m.thinking and m.content %}"
        "{{ raise_exception('not both') }}{% endif %}{{ m.thinking }}|{{ m.content }}"
        "{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments | tojson }}"
        "{% endfor %};{% endfor %}");
    CLEANUP(chat_request_done) struct chat_request request = {0};
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR("Said."));
    message->reasoning = STR("Thought.");
    add_call(&request, message, "1", "a");
    expect(chat_template, &request, "Thought.\n\nSaid.|read_file{\"path\": \"a\"};");
}

static void functions_are_given_as_text_where_the_template_needs_them(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep)
    struct chat_template *chat_template = open_template(
        "{{ 'Functions: ' + functions }}{% for m in messages %}|{{ m.content }}{% endfor %}");
    CLEANUP(chat_request_done) struct chat_request request = {0};
    assert_true(chat_template_get_caps(chat_template)->tools_as_text);
    assert_true(chat_template_get_caps(chat_template)->tools);
    chat_request_add(&request, CHAT_ROLE_USER, STR("U"));
    expect(chat_template, &request, "Functions: []|U");
}

static void what_is_added_is_not_the_templates(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = open_template(turns);
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    fill_agent(&request);
    assert_ok(chat_template_render(chat_template, &request, &spans, err));
    check_foreign(&spans, "Tools:\n{\"name\": \"read_file\"");
    check_foreign(&spans, "<tool_call>\n{\"name\": \"TOOL\"");
    check_foreign(&spans, CALL_TEXT("arg_one") "\n" CALL_TEXT("arg_two"));
    check_foreign(&spans, RESULT_TEXT("res_one") "\n" RESULT_TEXT("res_two"));
    check_foreign(&spans, "user_two\n\nsys_two\n\nuser_three");
}

/* Templates that drop something an agent says, and what. */
static const struct {
    const char *name;
    const char *dropped;
} dropped[] = {
    {"Mistral-Small-3.2-24B-Instruct-2506", "say_one"},
    {"mistralai-Mistral-Nemo-Instruct-2407", "sys_one say_one"},
    {"openai-gpt-oss-120b", "say_one"},
};

static bool may_drop(const char *name, const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(dropped); i++) {
        if (strcmp(name, dropped[i].name) == 0 && strstr(dropped[i].dropped, text))
            return true;
    }
    return false;
}

static void an_agent_works_with_every_template(void **state)
{
    (void)state;
    static const char *const texts[] = {"read_file", "sys_one",   "user_one",   "say_one",
                                        "arg_one",   "arg_two",   "res_one",    "res_two",
                                        "say_two",   "user_two",  "user_three", "sys_two",
                                        "arg_three", "res_three", "Reads."};
    static char names[TEMPLATES_MAX][JINJA_HELPER_NAME_MAX];
    const size_t count = jinja_helper_list(names, TEMPLATES_MAX);
    if (!count) {
        print_message("no fixtures: templates of models are not tried\n");
        skip();
    }
    for (size_t i = 0; i < count; i++) {
        CLEANUP(chat_request_done) struct chat_request request = {0};
        CLEANUP(chat_spans_done) struct chat_spans spans = {0};
        struct chat_template *chat_template = NULL;
        test_case(names[i]);
        assert_ok(chat_template_new(jinja_helper_source(names[i]), STR("<s>"), STR("</s>"),
                                    &chat_template, err));
        fill_agent(&request);
        assert_ok(chat_template_render(chat_template, &request, &spans, err));
        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
            if (!strstr(strbuf_c(&spans.text), texts[k]) && !may_drop(names[i], texts[k]))
                fail_msg("%s does not show %s:\n%s", names[i], texts[k], strbuf_c(&spans.text));
        }
        chat_template_free(chat_template);
    }
}

int test_chat_draft(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_works_with_a_template_that_knows_only_turns),
        cmocka_unit_test(the_opening_of_the_models_turn_is_found),
        cmocka_unit_test(calls_that_must_stand_alone_do),
        cmocka_unit_test(ids_are_made_up_alike_for_calls_that_stand_alone),
        cmocka_unit_test(content_that_hides_calls_becomes_a_message),
        cmocka_unit_test(calls_left_to_the_caller_have_the_models_form),
        cmocka_unit_test(a_system_message_at_the_end_is_not_lost),
        cmocka_unit_test(reasoning_goes_where_the_template_looks_for_it),
        cmocka_unit_test(content_joins_the_reasoning_where_both_are_too_much),
        cmocka_unit_test(functions_are_given_as_text_where_the_template_needs_them),
        cmocka_unit_test(what_is_added_is_not_the_templates),
        cmocka_unit_test(an_agent_works_with_every_template),
    };
    return cmocka_run_group_tests_name("chat_draft", tests, NULL, NULL);
}
