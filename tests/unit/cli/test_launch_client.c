/* What each program is told: the address, the model, the context in its own field. */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "cli/launch_client.h"
#include "cli/server_find.h"
#include "cli/server_start.h"
#include "text/json.h"

#include <stdlib.h>

static const struct launch_target target = {.base = "http://127.0.0.1:11434",
                                            .model = "den \"4b\"'s",
                                            .key = "holt",
                                            .context_tokens = 65536,
                                            .output_tokens = 16384};

static void every_program_hears_of_address_model_and_context(void **state)
{
    (void)state;
    for (size_t i = 0; launch_clients[i]; i++) {
        const struct launch_client *client = launch_clients[i];
        CLEANUP(launch_client_texts_done) struct launch_client_texts texts = {0};
        CLEANUP(strbuf_done) struct strbuf all = {0};
        CLEANUP(strbuf_done) struct strbuf settings = {0};
        test_case(client->name);
        if (client->add_variables)
            client->add_variables(&target, &texts);
        if (client->add_arguments)
            client->add_arguments(&target, &texts);
        for (size_t t = 0; t < texts.count; t++)
            strbuf_addf(&all, "%s\n", texts.of[t]);
        if (client->edit)
            assert_ok(client->edit(&target, (struct str){0}, &all, err));
        launch_client_settings(client, &target, &settings);
        assert_non_null(strstr(strbuf_c(&all), target.base));
        assert_non_null(strstr(strbuf_c(&all), "den "));
        if (strcmp(client->name, "copilot") != 0)
            assert_non_null(strstr(strbuf_c(&all), "65536"));
        else
            assert_non_null(strstr(strbuf_c(&all), "COPILOT_PROVIDER_MAX_PROMPT_TOKENS=49152"));
        assert_non_null(strstr(strbuf_c(&settings), target.base));
        assert_true(client->install[0] && client->context_least >= 8192);
        assert_ptr_equal(launch_client_find(client->name), client);
    }
    assert_null(launch_client_find("nosuch"));
    assert_null(launch_client_find(""));
}

static void names_are_quoted_for_what_reads_them(void **state)
{
    (void)state;
    CLEANUP(launch_client_texts_done) struct launch_client_texts texts = {0};
    launch_client_find("opencode")->add_variables(&target, &texts);
    CLEANUP(json_decrefp) json_t *config = NULL;
    assert_int_equal(texts.count, 1);
    assert_ok(json_parse(str_from_c(strchr(texts.of[0], '=') + 1), NULL, &config, err));
    assert_string_equal(json_string_value(json_object_get(config, "model")), "holt/den \"4b\"'s");
    static const char *const words[][2] = {
        {"plain-1.5:4b", "plain-1.5:4b"}, {"", "''"},           {"two words", "'two words'"},
        {"it's", "'it'\\''s'"},           {"$HOME", "'$HOME'"}, {"a;b", "'a;b'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        CLEANUP(strbuf_done) struct strbuf out = {0};
        launch_client_add_word(&out, words[i][0]);
        assert_string_equal(strbuf_c(&out), words[i][1]);
    }
}

static void settings_are_where_the_program_looks(void **state)
{
    (void)state;
    const struct launch_client *hermes = launch_client_find("hermes");
    setenv("HOME", "/home/x", 1);
    CLEANUP(mem_freep) char *usual = launch_client_path(hermes);
    assert_string_equal(usual, "/home/x/.hermes/config.yaml");
    setenv("HERMES_HOME", "/elsewhere", 1);
    CLEANUP(mem_freep) char *other = launch_client_path(hermes);
    assert_string_equal(other, "/elsewhere/config.yaml");
    setenv("HERMES_HOME", "relative", 1);
    CLEANUP(mem_freep) char *relative = launch_client_path(hermes);
    assert_string_equal(relative, "/home/x/.hermes/config.yaml");
    unsetenv("HERMES_HOME");
    setenv("HOME", "relative", 1);
    assert_null(launch_client_path(hermes));
    assert_null(launch_client_path(launch_client_find("claude")));
}

static void a_server_is_read_from_its_first_lines(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *model; /* NULL: not yet, or not one */
        const char *base;
        uint64_t context;
    } cases[] = {
        {"holt serves otter at http://127.0.0.1:80\ncontext 4096 tokens; x\n", "otter",
         "http://127.0.0.1:80", 4096},
        {"holt serves a at http://b at http://127.0.0.1:80\ncontext 1 tokens\n", "a at http://b",
         "http://127.0.0.1:80", 1},
        {"holt serves otter at http://127.0.0.1:80\ncontext 4096 tokens", NULL, NULL, 0},
        {"holt serves otter at http://127.0.0.1:80\n", NULL, NULL, 0},
        {"holt serves otter at http://127.0.0.1:80\nembeddings of texts up to 512 tokens\n", NULL,
         NULL, 0},
        {"holt serves otter\ncontext 4096 tokens\n", NULL, NULL, 0},
        {"holt serves otter at http://127.0.0.1:80\ncontext -5 tokens\n", NULL, NULL, 0},
        {"", NULL, NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server_started server = {0};
        test_case(cases[i].text);
        assert_int_equal(server_start_read(cases[i].text, &server), cases[i].model != NULL);
        if (!cases[i].model)
            continue;
        assert_string_equal(server.model, cases[i].model);
        assert_string_equal(server.base, cases[i].base);
        assert_int_equal(server.context_tokens, cases[i].context);
    }
}

static void an_answer_of_a_server_is_checked(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int count; /* -1: refused */
    } cases[] = {
        {"{\"models\": []}", 0},
        {"{\"models\": [{\"name\": \"a\\u001b[31m\", \"size\": 5, \"context_length\": 7, "
         "\"expires_at\": \"2026-01-01T00:00:00Z\"}]}",
         1},
        {"{\"models\": [{\"name\": \"a\", \"size\": -5, \"context_length\": \"x\"}]}", 1},
        {"{}", -1},
        {"[]", -1},
        {"{\"models\": 5}", -1},
        {"{\"models\": [5]}", -1},
        {"{\"models\": [{\"name\": \"\"}]}", -1},
        {"{\"models\": [{\"name\": 5}]}", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(json_decrefp) json_t *body = NULL;
        CLEANUP(server_find_done) struct server_find_answer answer = {.base = "http://x"};
        struct error why = {0};
        test_case(cases[i].text);
        assert_ok(json_parse(str_from_c(cases[i].text), NULL, &body, err));
        const enum status status = server_find_read(body, &answer, &why);
        assert_int_equal(status == OK, cases[i].count >= 0);
        if (status == OK)
            assert_int_equal(answer.model_count, cases[i].count);
        if (cases[i].count == 1)
            assert_string_equal(answer.models[0].name, "a");
    }
}

int test_launch_client(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_program_hears_of_address_model_and_context),
        cmocka_unit_test(names_are_quoted_for_what_reads_them),
        cmocka_unit_test(settings_are_where_the_program_looks),
        cmocka_unit_test(a_server_is_read_from_its_first_lines),
        cmocka_unit_test(an_answer_of_a_server_is_checked),
    };
    return cmocka_run_group_tests_name("launch_client", tests, NULL, NULL);
}
