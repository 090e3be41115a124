/* What a made model has of its own: read with limits, inherited, written as a Modelfile, and given
 * to requests that leave it open. */
#include "api/model_settings.h"

#include "api/modelfile.h"
#include "api/route.h"
#include "tests/unit/api/api_test.h"

static json_t *parse(const char *text)
{
    json_t *value = NULL;
    assert_ok(json_parse(str_from_c(text), NULL, &value, err));
    return value;
}

static void assert_json(const json_t *value, const char *wanted)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_write_python(value, &text);
    assert_string_equal(strbuf_c(&text), wanted);
}

static void bodies_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *settings; /* NULL: refused */
        const char *error;
    } rows[] = {
        {"{\"model\": \"a\", \"from\": \"b\", \"stream\": true}", "{}", NULL},
        {"{\"system\": \"s\", \"template\": null, \"parameters\": {}, \"messages\": [], "
         "\"license\": \"\", \"quantize\": \"\", \"adapters\": {}}",
         "{\"system\": \"s\", \"parameters\": {}}", NULL},
        {"{\"parameters\": {\"temperature\": 0.5, \"stop\": [\"a\", \"b\"], \"num_gpu\": 9, "
         "\"use_mmap\": true, \"seed\": 3, \"top_p\": null}}",
         "{\"parameters\": {\"temperature\": 0.5, \"stop\": [\"a\", \"b\"], \"num_gpu\": 9, "
         "\"use_mmap\": true, \"seed\": 3}}",
         NULL},
        {"{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\"}]}",
         "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", "
         "\"content\": \"\"}]}",
         NULL},
        {"{\"license\": [\"x\", \"y\"]}", "{\"license\": [\"x\", \"y\"]}", NULL},
        {"{\"template\": \"{{ .Prompt }}\"}", "{\"ignored_template\": true}", NULL},
        {"{\"template\": \"{% if a %}{{ .b }}{% endif %}\"}",
         "{\"template\": \"{% if a %}{{ .b }}{% endif %}\"}", NULL},

        {"{\"parameters\": {\"hop\": 1}}", NULL, "hop"},
        {"{\"parameters\": {\"temperature\": -1}}", NULL, "temperature"},
        {"{\"parameters\": {\"num_gpu\": \"x\"}}", NULL, "num_gpu"},
        {"{\"parameters\": {\"num_predict\": 1.5}}", NULL, "num_predict"},
        {"{\"parameters\": 3}", NULL, "parameters"},
        {"{\"system\": []}", NULL, "system"},
        {"{\"messages\": {}}", NULL, "messages"},
        {"{\"messages\": [3]}", NULL, "role"},
        {"{\"messages\": [{\"role\": \"tool\", \"content\": \"x\"}]}", NULL, "tool"},
        {"{\"license\": [1]}", NULL, "license[0]"},
        {"{\"adapters\": {\"a\": \"b\"}}", NULL, "adapters"},
        {"{\"quantize\": \"q4_0\"}", NULL, "quantize"},
        {"{\"remote_host\": \"example.org\"}", NULL, "remote_host"},
        {"{\"template\": \"words\"}", NULL, "Jinja"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_decrefp) json_t *body = parse(rows[i].body);
        CLEANUP(json_decrefp) json_t *settings = NULL;
        struct error err = {0};
        test_case(rows[i].body);
        const enum status status = model_settings_read(body, &settings, &err);
        assert_int_equal(status == OK, rows[i].settings != NULL);
        if (status == OK)
            assert_json(settings, rows[i].settings);
        else
            assert_non_null(strstr(err.text, rows[i].error));
    }
}

static void a_template_is_parsed_before_it_is_passed_on(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *good = parse("{\"template\": \"{% if x %}a{% endif %}\"}");
    CLEANUP(json_decrefp) json_t *bad = parse("{\"template\": \"{% if x %}a\"}");
    CLEANUP(json_decrefp) json_t *list = parse("[]");
    struct error err = {0};
    assert_int_equal(model_settings_check(good, &err), OK);
    assert_int_not_equal(model_settings_check(bad, &err), OK);
    assert_int_equal(model_settings_check(list, &err), E_INVALID);
}

static void gos_templates_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_go;
    } rows[] = {
        {"{{ .System }}", true},
        {"{{- if .System }}x{{ end }}", true},
        {"{{range $i, $_ := .Messages}}{{end}}", true},
        {"{{- /* words */ -}}", true},
        {"<{{ $last }}>", true},
        {"{{ messages[0].content }}", false},
        {"{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}", false},
        {"{{ ending }}", false},
        {"{{", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].text);
        assert_int_equal(model_settings_is_go_template(str_from_c(rows[i].text)), rows[i].is_go);
    }
}

static void what_is_open_is_inherited(void **state)
{
    (void)state;
    CLEANUP(json_decrefp)
    json_t *base = parse("{\"from\": \"x\", \"system\": \"a\", \"template\": \"{{ t }}\", "
                         "\"parameters\": {\"top_k\": 1, \"seed\": 2}, \"license\": [\"l\"], "
                         "\"messages\": [1]}");
    CLEANUP(json_decrefp)
    json_t *own = parse("{\"system\": \"b\", \"parameters\": {\"top_k\": 5}, \"license\": [\"m\"], "
                        "\"ignored_template\": true}");
    CLEANUP(json_decrefp) json_t *both = model_settings_merge(base, own);
    assert_json(both,
                "{\"system\": \"b\", \"parameters\": {\"top_k\": 5, \"seed\": 2}, "
                "\"license\": [\"l\", \"m\"], \"messages\": [1], \"ignored_template\": true}");
    CLEANUP(json_decrefp) json_t *alone = model_settings_merge(NULL, own);
    assert_true(json_equal(alone, own));
    assert_json(json_object_get(base, "parameters"), "{\"top_k\": 1, \"seed\": 2}");
}

static void modelfiles_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *body; /* NULL: refused */
        const char *error;
    } rows[] = {
        {"FROM a", "{\"from\": \"a\"}", NULL},
        {"# words\n\n  from  ./x y.gguf \r\nparameter temperature 0.5\nPARAMETER stop <a>\n"
         "PARAMETER stop \"b c\"\nPARAMETER use_mmap true\nPARAMETER top_k 3",
         "{\"from\": \"./x y.gguf\", \"parameters\": {\"temperature\": 0.5, \"stop\": [\"<a>\", "
         "\"b c\"], \"use_mmap\": true, \"top_k\": 3}}",
         NULL},
        {"FROM a\nSYSTEM \"\"\"\nYou are\n\"you\".\n\"\"\"\nMESSAGE user \"\"\"a\nb\"\"\"\nMESSAGE "
         "assistant c d \nLICENSE x\nLICENSE \"y\"\nTEMPLATE \"{{ .Prompt }}\"\nRENDERER z",
         "{\"from\": \"a\", \"system\": \"\\nYou are\\n\\\"you\\\".\\n\", \"messages\": "
         "[{\"role\": \"user\", \"content\": \"a\\nb\"}, {\"role\": \"assistant\", \"content\": "
         "\"c d\"}], \"license\": [\"x\", \"y\"], \"template\": \"{{ .Prompt }}\"}",
         NULL},
        {"FROM a\nSYSTEM\nADAPTER ./b",
         "{\"from\": \"a\", \"system\": \"\", \"adapters\": "
         "[\"./b\"]}",
         NULL},

        {"", NULL, "no FROM"},
        {"FROM", NULL, "line 1"},
        {"FROM a\nFROM b", NULL, "line 2"},
        {"FROM a\nHOP b", NULL, "\"HOP\""},
        {"FROM a\nPARAMETER x", NULL, "line 2"},
        {"FROM a\nMESSAGE", NULL, "line 2"},
        {"FROM a\nSYSTEM \"\"\"open\n\n", NULL, "line 2"},
        {"FROM a\nSYSTEM \"open", NULL, "line 2"},
        {"FROM a\nSYSTEM \"\"\"x\ny\"\"\" z\n", NULL, "line 3"},
        {"FROM a\xff", NULL, "UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_decrefp) json_t *body = NULL;
        struct error err = {0};
        test_case(rows[i].text);
        const enum status status = modelfile_read(str_from_c(rows[i].text), &body, &err);
        assert_int_equal(status == OK, rows[i].body != NULL);
        if (status == OK)
            assert_json(body, rows[i].body);
        else if (!strstr(err.text, rows[i].error))
            fail_msg("\"%s\" lacks \"%s\"", err.text, rows[i].error);
    }
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    CLEANUP(json_decrefp)
    json_t *settings =
        parse("{\"system\": \"You are\\n\\\"you\\\".\", \"template\": \"{% if a %}{{ b }}{% endif "
              "%}\", \"parameters\": {\"temperature\": 0.25, \"stop\": [\"a b\", \"<x>\"]}, "
              "\"messages\": [{\"role\": \"user\", \"content\": \"q\"}], \"license\": [\"l\"]}");
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(json_decrefp) json_t *body = NULL;
    CLEANUP(json_decrefp) json_t *again = NULL;
    model_settings_write_modelfile(settings, STR("river:4b"), &text);
    assert_ok(modelfile_read(strbuf_view(&text), &body, err));
    assert_string_equal(json_string_value(json_object_get(body, "from")), "river:4b");
    assert_ok(model_settings_read(body, &again, err));
    assert_true(json_equal(settings, again));
    strbuf_clear(&text);
    model_settings_write_parameters(settings, &text);
    assert_string_equal(strbuf_c(&text), "temperature 0.25\nstop \"a b\"\nstop \"<x>\"\n");
    strbuf_done(&text);
    model_settings_write_license(settings, &text);
    assert_string_equal(strbuf_c(&text), "l");
}

/* Each protocol's reader, with and without what the client says. */
static void requests_take_what_they_leave_open(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *body;
        const char *shown;
    } rows[] = {
        {"/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}",
         "system own\nuser q\nassistant a\nuser hi\n\nmodel  tokens 9 choice auto one 0 "
         "temperature 0.25 top_k 7 seed 3 stops 2"},
        {"/v1/chat/completions",
         "{\"messages\": [{\"role\": \"system\", \"content\": \"mine\"}, {\"role\": \"user\", "
         "\"content\": \"hi\"}], \"temperature\": 1, \"max_tokens\": 4, \"seed\": 8, \"stop\": "
         "\"z\", \"top_k\": 2}",
         "system mine\nuser q\nassistant a\nuser hi\n\nmodel  tokens 4 choice auto one 0 "
         "temperature 1 top_k 2 seed 8 stops 1"},
        {"/v1/messages",
         "{\"max_tokens\": 5, \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}",
         "system own\nuser q\nassistant a\nuser hi\n\nmodel  tokens 5 choice auto one 0 "
         "temperature 0.25 top_k 7 seed 3 stops 2"},
        {"/v1/responses", "{\"input\": \"hi\"}",
         "system own\nuser q\nassistant a\nuser hi\n\nmodel  tokens 9 choice auto one 0 "
         "temperature 0.25 top_k 7 seed 3 stops 2"},
        {"/api/chat",
         "{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], "
         "\"options\": {\"num_predict\": -1, \"seed\": -1}}",
         "system own\nuser q\nassistant a\nuser hi\n\nmodel m tokens 0 choice auto one 0 "
         "temperature 0.25 top_k 7 seed -1 stops 2"},
        {"/api/generate", "{\"model\": \"m\", \"prompt\": \"hi\", \"system\": \"mine\"}",
         "system mine\nuser q\nassistant a\nuser hi\n\nmodel m tokens 9"},
        {"/api/generate", "{\"model\": \"m\", \"prompt\": \"hi\", \"raw\": true}",
         "hi\nmodel m tokens 9 choice auto one 0 temperature 0.25 top_k 7 seed 3 stops 2"},
        {"/api/chat", "{\"model\": \"m\", \"messages\": []}", "stops 0"},
        {"/v1/completions", "{\"prompt\": \"hi\"}",
         "hi\nmodel  tokens 9 choice auto one 0 temperature 0.25 top_k 7 seed 3 stops 2"},
        {"/completion", "{\"prompt\": \"hi\", \"n_predict\": 2}",
         "hi\nmodel  tokens 2 choice auto one 0 temperature 0.25 top_k 7 seed 3 stops 2"},
    };
    CLEANUP(json_decrefp)
    json_t *settings =
        parse("{\"system\": \"own\", \"messages\": [{\"role\": \"user\", \"content\": \"q\"}, "
              "{\"role\": \"assistant\", \"content\": \"a\"}], \"parameters\": {\"temperature\": "
              "0.25, \"top_k\": 7, \"num_predict\": 9, \"seed\": 3, \"stop\": [\"x\", \"y\"], "
              "\"num_ctx\": 512}}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_decrefp) json_t *body = parse(rows[i].body);
        CLEANUP(api_request_done) struct api_request request = {0};
        CLEANUP(strbuf_done) struct strbuf shown = {0};
        bool is_known = false;
        const struct route *route = route_find(STR("POST"), str_from_c(rows[i].path), &is_known);
        test_case(rows[i].body);
        assert_ok(route_read(route, settings, body, &request, err));
        api_test_show(&request, &shown);
        if (!strstr(strbuf_c(&shown), rows[i].shown))
            fail_msg("\"%s\" lacks \"%s\"", strbuf_c(&shown), rows[i].shown);
        assert_non_null(strstr(strbuf_c(&shown), " context 512"));
    }
}

int test_model_settings(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read),
        cmocka_unit_test(a_template_is_parsed_before_it_is_passed_on),
        cmocka_unit_test(gos_templates_are_told_apart),
        cmocka_unit_test(what_is_open_is_inherited),
        cmocka_unit_test(modelfiles_are_read),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(requests_take_what_they_leave_open),
    };
    return cmocka_run_group_tests_name("model_settings", tests, NULL, NULL);
}
