/*
 * The loop must work with every way in which models write calls: what the model thinks is kept
 * apart, its calls are carried out with valid arguments, and what happened is written back by the
 * model's own template, so that the next step goes on from there.
 *
 * Runs tiny models with random weights, whose tokens are nearly all equally likely, under the
 * recorded templates: sooner or later such a model opens a call, and the mask does the rest.
 */
#include "agent/agent.h"
#include "base/strbuf.h"
#include "chat/tool_format.h"
#include "tests/format_vocab.h"
#include "tests/holt_test.h"
#include "tests/tiny_model.h"
#include "text/json.h"

enum { TURNS_MAX = 24, CONTEXT_TOKENS = 12288 };

static const struct {
    const char *name;
    const char *format;
} templates[] = {
    {"Qwen-Qwen3-0.6B", "hermes"},
    {"Qwen3-Coder", "qwen3_coder"},
    {"GLM-4.6", "glm"},
    {"MiniMax-M2", "minimax"},
    {"moonshotai-Kimi-K2", "kimi"},
    {"LFM2.5-8B-A1B", "lfm2"},
    {"google-gemma-4-31B-it", "gemma4"},
    {"openai-gpt-oss-120b", "harmony"},
    {"deepseek-ai-DeepSeek-V3.1", "deepseek_v31"},
    {"unsloth-mistral-Devstral-Small-2507", "mistral"},
    {"meta-llama-Llama-3.1-8B-Instruct", "llama3"},
    {"meetkai-functionary-medium-v3.2", "functionary_v32"},
};

/* ---------------------------------------------------------------- models */

static struct str template_source;

static void add_vocabulary(struct gguf_writer *writer)
{
    format_vocab_write(writer, true);
    gguf_writer_add_str(writer, "tokenizer.chat_template", template_source);
}

static struct engine *open_model(const char *name)
{
    static const struct tiny_model_change changes[] = {
        {.name = "context_length", .kind = TINY_MODEL_U32, .value = CONTEXT_TOKENS}};
    const struct tiny_model_spec spec = {
        .name = name,
        .arch = "llama",
        .seed = 3,
        .layer_count = 1,
        .embd_dim = 32,
        .head_count = 2,
        .kv_head_count = 1,
        .head_dim = 16,
        .ffn_dim = 32,
        .vocab_size = format_vocab_size(),
        .changes = changes,
        .change_count = ARRAY_LEN(changes),
        .add_vocabulary = add_vocabulary,
    };
    char path[512];
    snprintf(path, sizeof(path), "templates/jinja/%s.jinja", name);
    template_source = test_read_file(test_fixture(path));
    CLEANUP(strbuf_done) struct strbuf bytes = tiny_model_bytes(&spec);
    snprintf(path, sizeof(path), "%s/model.gguf", test_folder());
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    fclose(file);
    struct engine *engine = NULL;
    const struct engine_config config = {
        .model_path = path, .context_tokens = CONTEXT_TOKENS, .thread_count = 1};
    assert_ok(engine_open(&config, &engine, err));
    return engine;
}

/* ---------------------------------------------------------------- turns */

struct watcher {
    int calls;
};

static enum status on_tool(void *context, struct str name, struct str arguments, struct strbuf *out,
                           struct error *err)
{
    struct watcher *watcher = context;
    CLEANUP(json_decrefp) json_t *parsed = NULL;
    assert_int_equal(json_parse(arguments, NULL, &parsed, err), OK);
    if (str_equal_c(name, "look")) {
        assert_int_equal(json_object_size(parsed), 0);
    } else {
        assert_true(str_equal_c(name, "say"));
        assert_true(json_is_string(json_object_get(parsed, "text")));
        const json_t *times = json_object_get(parsed, "times");
        assert_true(!times || (json_is_integer(times) && json_integer_value(times) >= 1 &&
                               json_integer_value(times) <= 9));
    }
    watcher->calls++;
    strbuf_add_c(out, "done");
    return OK;
}

static enum status on_record(void *context, const json_t *message, struct error *err)
{
    (void)context;
    (void)err;
    const json_t *calls = json_object_get(message, "tool_calls");
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const char *bad = json_string_value(json_object_get(json_array_get(calls, i), "bad"));
        if (bad)
            fail_msg("a bad call: %s", bad);
    }
    return OK;
}

static void run_format(const char *name, const char *format, json_t *tools)
{
    struct watcher watcher = {0};
    CLEANUP(engine_closep) struct engine *engine = open_model(name);
    test_case(name);
    assert_string_equal(engine_tool_format(engine)->name, format);
    const struct agent_config config = {
        .engine = engine,
        .tools = tools,
        .run_tool = on_tool,
        .record = on_record,
        .context = &watcher,
        .sampler = {.temperature = 8.0f, .seed = 4},
        .steps_max = 3,
        .answer_tokens_max = 150,
    };
    CLEANUP(agent_freep) struct agent *agent = NULL;
    assert_ok(agent_new(&config, &agent, err));
    for (int turn = 0; turn < TURNS_MAX && watcher.calls == 0; turn++) {
        struct agent_outcome outcome = {0};
        assert_ok(agent_run(agent, STR("Say it."), &outcome, err));
        if (outcome.end == AGENT_END_CONTEXT)
            break;
    }
    if (watcher.calls == 0)
        fail_msg("%s: no call in %d turns", name, TURNS_MAX);
}

static void calls_of_every_format_are_carried_out(void **state)
{
    (void)state;
    if (!test_fixture("templates/conversations.json")) {
        print_message("no fixtures: formats are not tried\n");
        skip();
    }
    CLEANUP(json_decrefp)
    json_t *tools = json_loads(
        "[{\"type\": \"function\", \"function\": {\"name\": \"look\", \"description\": \"Look.\", "
        "\"parameters\": {\"type\": \"object\", \"properties\": {}}}}, {\"type\": \"function\", "
        "\"function\": {\"name\": \"say\", \"description\": \"Say.\", \"parameters\": {\"type\": "
        "\"object\", \"properties\": {\"text\": {\"type\": \"string\", \"maxLength\": 20}, "
        "\"times\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 9}}, \"required\": "
        "[\"text\"]}}}]",
        0, NULL);
    assert_non_null(tools);
    for (size_t i = 0; i < ARRAY_LEN(templates); i++)
        run_format(templates[i].name, templates[i].format, tools);
}

int test_agent_formats(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_every_format_are_carried_out),
    };
    return cmocka_run_group_tests_name("agent_formats", tests, NULL, NULL);
}
