/*
 * An answer in each protocol's form, as its clients read it: streams piece by piece in the right
 * order, whole answers, ends, failures. The texts below are what goes over the wire.
 */
#include "api/reply.h"
#include "tests/holt_test.h"
#include "text/json.h"

enum { EVENTS_MAX = 12 };

static const uint8_t id_bytes[16] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                     0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10};
#define ID      "0102030405060708090a0b0c0d0e0f10"
#define CALL_ID "call_010203040506070801"
#define NEXT_ID "call_010203040506070802"

static const struct chat_event thinking_and_text[] = {
    {.kind = CHAT_EVENT_REASONING, .text = {"hm", 2}},
    {.kind = CHAT_EVENT_TEXT, .text = {"a\"b", 3}},
    {.kind = CHAT_EVENT_TEXT, .text = {"c", 1}},
    {.kind = CHAT_EVENT_FINISHED},
};

static const struct chat_event text_and_call[] = {
    {.kind = CHAT_EVENT_TEXT, .text = {"ok", 2}},
    {.kind = CHAT_EVENT_CALL_BEGIN, .tool_name = {"look", 4}},
    {.kind = CHAT_EVENT_CALL_ARGUMENTS, .text = {"{\"a\":", 5}},
    {.kind = CHAT_EVENT_CALL_ARGUMENTS, .text = {" 1}", 3}},
    {.kind = CHAT_EVENT_TOOL_CALL, .tool_name = {"look", 4}, .arguments = {"{\"a\": 1}", 8}},
    {.kind = CHAT_EVENT_FINISHED},
};

static const struct chat_event custom_call[] = {
    {.kind = CHAT_EVENT_CALL_BEGIN, .tool_name = {"edit", 4}},
    {.kind = CHAT_EVENT_CALL_ARGUMENTS, .text = {"{\"input\":", 9}},
    {.kind = CHAT_EVENT_CALL_ARGUMENTS, .text = {" \"a\\", 4}},
    {.kind = CHAT_EVENT_CALL_ARGUMENTS, .text = {"nb\"}", 4}},
    {.kind = CHAT_EVENT_TOOL_CALL,
     .tool_name = {"edit", 4},
     .arguments = {"{\"input\": \"a\\nb\"}", 17}},
    {.kind = CHAT_EVENT_CALL_BEGIN, .tool_name = {"look", 4}},
    {.kind = CHAT_EVENT_CALL_ARGUMENTS, .text = {"{}", 2}},
    {.kind = CHAT_EVENT_TOOL_CALL, .tool_name = {"look", 4}, .arguments = {"{}", 2}},
    {.kind = CHAT_EVENT_FINISHED},
};

static const struct chat_event text_only[] = {
    {.kind = CHAT_EVENT_TEXT, .text = {"before STOP after", 17}},
    {.kind = CHAT_EVENT_FINISHED},
};

struct row {
    const char *name;
    const struct reply_format *format;
    bool streams, wants_usage;
    const char *stop;
    const struct chat_event *events;
    size_t event_count;
    enum session_end end;
    const char *wire;
};

#define EVENTS(events) events, ARRAY_LEN(events)
#define FINGERPRINT    "\"system_fingerprint\":\"holt-" HOLT_VERSION "\","
#define CHUNK(delta, finish)                                                                \
    "data: {\"id\":\"chatcmpl-" ID "\",\"object\":\"chat.completion.chunk\",\"created\":7," \
    "\"model\":\"m\"," FINGERPRINT "\"choices\":[{\"index\":0,\"delta\":" delta             \
    ",\"finish_reason\":" finish "}]}\n\n"
#define USAGE                                                           \
    "{\"prompt_tokens\":9,\"completion_tokens\":4,\"total_tokens\":13," \
    "\"prompt_tokens_details\":{\"cached_tokens\":2},"                  \
    "\"completion_tokens_details\":{\"reasoning_tokens\":1}}"
#define ANTHROPIC_USAGE                                                                    \
    "{\"input_tokens\":7,\"cache_read_input_tokens\":2,\"cache_creation_input_tokens\":0," \
    "\"output_tokens\":4}"
#define SSE(event, data) "event: " event "\ndata: {\"type\":\"" event "\"" data "}\n\n"
#define AT               "1970-01-01T00:00:07.000000Z"
#define LINE(rest)       "{\"model\":\"m\",\"created_at\":\"" AT "\"," rest "}\n"

static const struct row rows[] = {
    {"openai stream", &reply_openai_chat, true, true, NULL, EVENTS(thinking_and_text),
     SESSION_END_STOP,
     CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null")
         CHUNK("{\"reasoning_content\":\"hm\"}", "null") CHUNK("{\"content\":\"a\\\"b\"}", "null")
             CHUNK("{\"content\":\"c\"}", "null")
                 CHUNK("{}", "\"stop\"") "data: {\"id\":\"chatcmpl-" ID
                                         "\",\"object\":\"chat.completion.chunk\",\"created\":7,"
                                         "\"model\":\"m\"," FINGERPRINT
                                         "\"choices\":[],\"usage\":" USAGE "}\n\ndata: [DONE]\n\n"},
    {"openai stream of a call", &reply_openai_chat, true, false, NULL, EVENTS(text_and_call),
     SESSION_END_STOP,
     CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null") CHUNK("{\"content\":\"ok\"}",
                                                                      "null")
         CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"" CALL_ID "\",\"type\":\"function\","
               "\"function\":{\"name\":\"look\",\"arguments\":\"\"}}]}",
               "null")
             CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]}",
                   "null")
                 CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\" 1}\"}}]}",
                       "null") CHUNK("{}", "\"tool_calls\"") "data: [DONE]\n\n"},
    {"openai whole", &reply_openai_chat, false, false, NULL, EVENTS(thinking_and_text),
     SESSION_END_LENGTH,
     "{\"id\":\"chatcmpl-" ID
     "\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\"," FINGERPRINT
     "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\\\"bc\","
     "\"reasoning_content\":\"hm\"},\"logprobs\":null,\"finish_reason\":\"length\"}],"
     "\"usage\":" USAGE "}"},
    {"openai whole with a call", &reply_openai_chat, false, false, NULL, EVENTS(text_and_call),
     SESSION_END_STOP,
     "{\"id\":\"chatcmpl-" ID
     "\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\"," FINGERPRINT
     "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ok\","
     "\"tool_calls\":"
     "[{\"id\":\"" CALL_ID "\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":"
     "\"{\\\"a\\\": 1}\"}}]},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],\"usage\":"
     "" USAGE "}"},
    {"openai stream of a custom tool's call", &reply_openai_chat, true, false, NULL,
     EVENTS(custom_call), SESSION_END_STOP,
     CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null") CHUNK(
         "{\"tool_calls\":[{\"index\":0,\"id\":\"" CALL_ID "\",\"type\":\"custom\",\"custom\":"
         "{\"name\":\"edit\",\"input\":\"\"}}]}",
         "null") CHUNK("{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"a\"}}]}", "null")
         CHUNK("{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"\\nb\"}}]}", "null") CHUNK(
             "{\"tool_calls\":[{\"index\":1,\"id\":\"" NEXT_ID
             "\",\"type\":\"function\",\"function\":"
             "{\"name\":\"look\",\"arguments\":\"\"}}]}",
             "null") CHUNK("{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]}",
                           "null") CHUNK("{}", "\"tool_calls\"") "data: [DONE]\n\n"},
    {"openai whole with a custom tool's call", &reply_openai_chat, false, false, NULL,
     EVENTS(custom_call), SESSION_END_STOP,
     "{\"id\":\"chatcmpl-" ID
     "\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\"," FINGERPRINT
     "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
     "\"tool_calls\":"
     "[{\"id\":\"" CALL_ID "\",\"type\":\"custom\",\"custom\":{\"name\":\"edit\",\"input\":"
     "\"a\\nb\"}},{\"id\":\"" NEXT_ID "\",\"type\":\"function\",\"function\":{\"name\":\"look\","
     "\"arguments\":\"{}\"}}]},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],\"usage\":"
     "" USAGE "}"},
    {"openai text, stopped", &reply_openai_completion, false, false, "STOP", EVENTS(text_only),
     SESSION_END_CANCELLED,
     "{\"id\":\"cmpl-" ID
     "\",\"object\":\"text_completion\",\"created\":7,\"model\":\"m\"," FINGERPRINT "\"choices\":"
     "[{\"index\":0,\"text\":\"before \",\"logprobs\":null,\"finish_reason\":\"stop\"}],"
     "\"usage\":" USAGE "}"},
    {"anthropic stream", &reply_anthropic, true, false, NULL, EVENTS(text_and_call),
     SESSION_END_STOP,
     SSE("message_start",
         ",\"message\":{\"id\":\"msg_" ID
         "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
         "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"
         "{\"input_tokens\":7,"
         "\"cache_read_input_tokens\":2,\"cache_creation_input_tokens\":0,\"output_tokens\":"
         "0}}") SSE("content_block_start",
                    ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
         SSE("content_block_delta",
             ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"ok\"}")
             SSE("content_block_stop", ",\"index\":0") SSE(
                 "content_block_start",
                 ",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"" CALL_ID
                 "\",\"name\":\"look\",\"input\":{}}")
                 SSE("content_block_delta", ",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
                                            "\"partial_json\":\"{\\\"a\\\":\"}")
                     SSE("content_block_delta",
                         ",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
                         "\"partial_json\":\" 1}\"}") SSE("content_block_stop", ",\"index\":1")
                         SSE("message_delta",
                             ",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":"
                             "null},\"usage\":" ANTHROPIC_USAGE) SSE("message_stop", "")},
    {"anthropic whole, stopped", &reply_anthropic, false, false, "STOP", EVENTS(text_only),
     SESSION_END_CANCELLED,
     "{\"id\":\"msg_" ID
     "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":"
     "[{\"type\":\"text\",\"text\":\"before \"}],\"stop_reason\":\"stop_sequence\","
     "\"stop_sequence\":"
     "\"STOP\",\"usage\":" ANTHROPIC_USAGE "}"},
    {"ollama stream", &reply_ollama_chat, true, false, NULL, EVENTS(text_and_call),
     SESSION_END_STOP,
     LINE("\"message\":{\"role\":\"assistant\",\"content\":\"ok\"},\"done\":false") LINE(
         "\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":"
         "\"" CALL_ID "\",\"function\":{\"index\":0,\"name\":\"look\",\"arguments\":{\"a\":1}}}]},"
         "\"done\":false")
         LINE("\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,"
              "\"done_reason\":"
              "\"stop\",\"total_duration\":3000000000,\"load_duration\":0,"
              "\"prompt_eval_count\":9,"
              "\"prompt_eval_duration\":1000000000,\"eval_count\":4,\"eval_duration\":"
              "2000000000")},
};

static void every_form_is_what_its_clients_read(void **state)
{
    (void)state;
    const struct session_result prompt = {.prompt_tokens = 9, .cached_tokens = 2};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct stop_texts stops = {0};
        struct reply reply;
        test_case(row->name);
        if (row->stop)
            assert_true(stop_texts_add(&stops, str_from_c(row->stop)));
        reply_init(&reply, row->format, STR("m"), &stops, id_bytes, 7 * 1000000);
        reply.streams = row->streams;
        reply.wants_usage = row->wants_usage;
        reply.tool_names = json_pack("{s:{s:s, s:b}}", "edit", "name", "edit", "custom", 1);
        reply_begin(&reply, &prompt);
        for (size_t k = 0; k < row->event_count; k++)
            if (!reply_event(&reply, &row->events[k]))
                break;
        const struct session_result result = {.end = row->end,
                                              .prompt_tokens = 9,
                                              .cached_tokens = 2,
                                              .generated_tokens = 4,
                                              .reasoning_tokens = 1,
                                              .prompt_seconds = 1,
                                              .generate_seconds = 2};
        reply_end(&reply, &result);
        assert_string_equal(strbuf_c(&reply.out), row->wire);
        reply_done(&reply);
    }
}

/* In /v1/responses, too, the text of a custom tool comes as it is made. */
static void a_custom_tools_text_is_streamed(void **state)
{
    (void)state;
    static const char *const told[] = {
        "response.output_item.added\ndata: {\"output_index\":0,\"item\":{\"type\":"
        "\"custom_tool_call\"",
        "response.custom_tool_call_input.delta\ndata: {\"item_id\":\"ctc_"
        "0102030405060708090a0b0c00"
        "\",\"output_index\":0,\"delta\":\"a\"",
        "response.custom_tool_call_input.delta\ndata: {\"item_id\":\"ctc_"
        "0102030405060708090a0b0c00"
        "\",\"output_index\":0,\"delta\":\"\\nb\"",
        "response.custom_tool_call_input.done\ndata: {\"item_id\":\"ctc_"
        "0102030405060708090a0b0c00"
        "\",\"output_index\":0,\"input\":\"a\\nb\"",
        "response.output_item.done\ndata: {\"output_index\":0,\"item\":{\"type\":"
        "\"custom_tool_call\"",
        "response.function_call_arguments.done",
    };
    struct stop_texts stops = {0};
    struct reply reply;
    reply_init(&reply, &reply_responses, STR("m"), &stops, id_bytes, 0);
    reply.streams = true;
    reply.tool_names = json_pack("{s:{s:s, s:b}}", "edit", "name", "edit", "custom", 1);
    reply_begin(&reply, &(struct session_result){0});
    for (size_t i = 0; i < ARRAY_LEN(custom_call); i++)
        assert_true(reply_event(&reply, &custom_call[i]));
    reply_end(&reply, &(struct session_result){.end = SESSION_END_STOP});
    const char *at = strbuf_c(&reply.out);
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        at = strstr(at, told[i]);
        if (!at)
            fail_msg("no %s in\n%s", told[i], strbuf_c(&reply.out));
    }
    reply_done(&reply);
}

static void a_call_that_was_none_is_text(void **state)
{
    (void)state;
    struct stop_texts stops = {0};
    struct reply reply;
    reply_init(&reply, &reply_openai_chat, STR("m"), &stops, id_bytes, 0);
    reply_event(&reply, &(struct chat_event){.kind = CHAT_EVENT_CALL_BEGIN, .tool_name = STR("x")});
    reply_event(&reply, &(struct chat_event){.kind = CHAT_EVENT_BAD_CALL, .text = STR("<x>")});
    reply_end(&reply, &(struct session_result){.end = SESSION_END_STOP});
    assert_non_null(strstr(strbuf_c(&reply.out), "\"content\":\"<x>\""));
    assert_null(strstr(strbuf_c(&reply.out), "tool_calls"));
    reply_done(&reply);
}

/* Probabilities go out with the text they belong to; what a stop text cut has none. */
static void probabilities_go_with_the_text(void **state)
{
    (void)state;
    const struct chat_token hello = {.text = STR("hello"), .id = 4, .logprob = -0.5};
    const struct chat_token stop = {.text = STR("STOP"), .id = 5, .logprob = -1};
    const struct chat_event events[] = {
        {.kind = CHAT_EVENT_TOKEN, .tokens = &stop, .token_count = 1},
        {.kind = CHAT_EVENT_REASONING, .text = STR("STOP")},
        {.kind = CHAT_EVENT_TOKEN, .tokens = &hello, .token_count = 1},
        {.kind = CHAT_EVENT_TEXT, .text = STR("hello")},
        {.kind = CHAT_EVENT_TOKEN, .tokens = &stop, .token_count = 1},
        {.kind = CHAT_EVENT_TEXT, .text = STR("STOP")},
    };
#define HELLO \
    "{\"token\":\"hello\",\"logprob\":-0.5,\"bytes\":[104,101,108,108,111],\"top_logprobs\":[]}"
    static const struct {
        const struct reply_format *format;
        bool streams;
        const char *holds;
    } forms[] = {
        {&reply_openai_chat, false, "\"logprobs\":{\"content\":[" HELLO "],\"refusal\":null}"},
        {&reply_openai_chat, true, "\"logprobs\":{\"content\":[" HELLO "],\"refusal\":null}"},
        {&reply_ollama_chat, true, "\"logprobs\":[" HELLO "]"},
        {&reply_responses, false, "\"text\":\"hello\",\"annotations\":[],\"logprobs\":[" HELLO "]"},
        {&reply_responses, true, "\"delta\":\"hello\",\"logprobs\":[" HELLO "]"},
        {&reply_responses, true,
         "\"part\":{\"type\":\"output_text\",\"text\":\"hello\",\"annotations\":[],"
         "\"logprobs\":[" HELLO "]}"},
        {&reply_ollama_generate, false, "\"logprobs\":[" HELLO "]"},
        {&reply_openai_completion, false,
         "\"logprobs\":{\"tokens\":[\"hello\"],\"token_logprobs\":[-0.5],\"top_logprobs\":[{}],"
         "\"text_offset\":[0]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct stop_texts stops = {0};
        struct reply reply;
        assert_true(stop_texts_add(&stops, STR("STOP")));
        reply_init(&reply, forms[i].format, STR("m"), &stops, id_bytes, 0);
        reply.wants_tokens = true;
        reply.streams = forms[i].streams;
        for (size_t k = 0; k < ARRAY_LEN(events); k++)
            (void)reply_event(&reply, &events[k]);
        reply_end(&reply, &(struct session_result){.end = SESSION_END_CANCELLED});
        assert_non_null(strstr(strbuf_c(&reply.out), forms[i].holds));
        assert_null(strstr(strbuf_c(&reply.out), "\"token\":\"STOP\""));
        reply_done(&reply);
    }
}

#define PIECE(text, ids, made)                                                         \
    "data: {\"index\":0,\"content\":\"" text "\",\"tokens\":[" ids "],\"stop\":false," \
    "\"tokens_predicted\":" made ",\"tokens_evaluated\":9"
#define TIMINGS                                                                               \
    "\"timings\":{\"cache_n\":2,\"prompt_n\":7,\"prompt_ms\":1000.0,\"prompt_per_token_ms\":" \
    "142.85714285714286,\"prompt_per_second\":7.0,\"predicted_n\":3,\"predicted_ms\":2000.0," \
    "\"predicted_per_token_ms\":666.66666666666663,\"predicted_per_second\":1.5}"
#define LAST(text, ids)                                                                           \
    "{\"index\":0,\"content\":\"" text "\",\"tokens\":[" ids "],\"stop\":true,"                   \
    "\"tokens_predicted\":3,\"tokens_evaluated\":9,\"stop_type\":\"word\",\"stopping_word\":"     \
    "\"STOP\",\"model\":\"m\",\"generation_settings\":{\"seed\":77,\"n_ctx\":64,\"model\":\"m\"," \
    "\"n_predict\":5},\"prompt\":\"<s>once\",\"tokens_cached\":2,\"truncated\":false,"            \
    "\"has_new_line\":false," TIMINGS "}"
#define PROGRESS(done, time)                                                                 \
    PIECE("", "", "0")                                                                       \
    ",\"prompt_progress\":{\"total\":9,\"cache\":2,\"processed\":" done ",\"time_ms\":" time \
    "}}\n\n"

static const char llama_whole[] = LAST("hello", "4,5");
static const char llama_stream[] = PROGRESS("2", "0") PROGRESS("9", "1250")
    PIECE("he", "4", "1") "}\n\n" PIECE("llo", "5", "2") "}\n\n"
                                                         "data: " LAST("", "") "\n\n";

/* llama.cpp's own form: tokens with their text, progress, and what the request came to. */
static void llamas_form_tells_tokens_and_settings(void **state)
{
    (void)state;
    const struct chat_token tokens[] = {{.text = STR("he"), .id = 4},
                                        {.text = STR("llo"), .id = 5},
                                        {.text = STR("STOP"), .id = 6}};
    const struct session_result prompt = {.prompt_tokens = 9, .cached_tokens = 2};
    struct session_result result = prompt;
    result.generated_tokens = 3;
    result.prompt_seconds = 1;
    result.generate_seconds = 2;
    for (int streams = 0; streams < 2; streams++) {
        struct stop_texts stops = {0};
        struct reply reply;
        assert_true(stop_texts_add(&stops, STR("STOP")));
        reply_init(&reply, &reply_llama_completion, STR("m"), &stops, id_bytes, 0);
        reply.streams = streams;
        reply.wants_ids = true;
        reply.wants_progress = true;
        reply.seed = 77;
        reply.context_tokens = 64;
        reply.repeated = json_pack("{s:i}", "n_predict", 5);
        strbuf_add_c(&reply.prompt, "<s>once");
        reply_begin(&reply, &prompt);
        reply_progress(&reply, 2, 0);
        reply_progress(&reply, 2, 0.5); /* nothing new */
        reply_progress(&reply, 9, 1.25);
        for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
            (void)reply_event(&reply, &(struct chat_event){.kind = CHAT_EVENT_TOKEN,
                                                           .tokens = &tokens[i],
                                                           .token_count = 1});
            (void)reply_event(
                &reply, &(struct chat_event){.kind = CHAT_EVENT_TEXT, .text = tokens[i].text});
        }
        reply_end(&reply, &result);
        assert_string_equal(strbuf_c(&reply.out), streams ? llama_stream : llama_whole);
        reply_done(&reply);
    }
}

static void llamas_form_tells_the_fields_that_are_wanted(void **state)
{
    (void)state;
    struct stop_texts stops = {0};
    struct reply reply;
    reply_init(&reply, &reply_llama_completion, STR("m"), &stops, id_bytes, 0);
    reply.fields =
        json_pack("[s, s, s, s, s]", "content", "timings/cache_n", "nothing", "content/deeper", "");
    (void)reply_event(&reply, &(struct chat_event){.kind = CHAT_EVENT_TEXT, .text = STR("a")});
    reply_end(&reply, &(struct session_result){.end = SESSION_END_CONTEXT, .cached_tokens = 3});
    assert_string_equal(strbuf_c(&reply.out), "{\"content\":\"a\",\"timings/cache_n\":3}");
    reply_done(&reply);
}

struct failure_row {
    enum api_protocol protocol;
    int http_status;
    bool is_context;
    const char *wire;
};

static const struct failure_row failures[] = {
    {API_OPENAI, 404, false,
     "{\"error\": {\"message\": \"no\", \"type\": \"invalid_request_error\", \"param\": null,"
     " \"code\": "
     "\"not_found\"}}"},
    {API_OPENAI, 400, true,
     "{\"error\": {\"message\": \"no\", \"type\": \"invalid_request_error\", \"param\": null,"
     " \"code\": "
     "\"context_length_exceeded\"}}"},
    {API_ANTHROPIC, 529, false,
     "{\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"no\"}}"},
    {API_ANTHROPIC, 401, false,
     "{\"type\": \"error\", \"error\": {\"type\": \"authentication_error\", \"message\": \"no\"}}"},
    {API_OLLAMA, 500, false, "{\"error\": \"no\"}"},
};

static void failures_have_the_protocols_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct api_failure failure = api_failure_make(failures[i].http_status, "no");
        failure.is_context = failures[i].is_context;
        json_t *object = api_failure_json(&failure, failures[i].protocol);
        char *text = json_dumps(object, 0);
        assert_string_equal(text, failures[i].wire);
        free(text);
        json_decref(object);
    }
}

/* What a stream says, with its text joined, by the JSON of its events. */
static void join_stream(struct str out, struct strbuf *text, size_t *out_count)
{
    while (out.len > 0) {
        struct str line = str_split(&out, '\n');
        CLEANUP(json_decrefp) json_t *event = NULL;
        if (str_starts_with(line, STR("data: ")))
            line = str_slice(line, 6, line.len);
        if (line.len == 0 || line.ptr[0] != '{')
            continue;
        assert_ok(json_parse(line, NULL, &event, err));
        const json_t *choice = json_array_get(json_object_get(event, "choices"), 0);
        const json_t *delta = json_object_get(choice ? choice : event, "delta");
        const char *const names[] = {"content", "text", "response", "thinking",
                                     "reasoning_content"};
        const json_t *const places[] = {delta, choice, event, json_object_get(event, "message")};
        for (size_t p = 0; p < ARRAY_LEN(places); p++)
            for (size_t n = 0; n < ARRAY_LEN(names); n++)
                strbuf_add_str(text, json_str(json_object_get(places[p], names[n])));
        ++*out_count;
    }
}

/* Events are made once and written around each text: what comes out is as if each were made. */
static void texts_of_every_kind_pass_streams(void **state)
{
    (void)state;
    static const struct reply_format *const formats[] = {
        &reply_openai_chat, &reply_openai_completion, &reply_llama_completion,
        &reply_anthropic,   &reply_ollama_chat,       &reply_ollama_generate};
    static const char *const pieces[] = {
        "a",       "\"\\\n\x01", "\x1a\x1b\x1a", "caf\xc3\xa9 \xf0\x9f\xa6\xa6", "</x>\x7f",
        "\\u001A", "z"};
    static const uint8_t random[16] = {0};
    const struct session_result result = {.prompt_tokens = 3, .generated_tokens = 2};
    for (size_t f = 0; f < ARRAY_LEN(formats); f++) {
        struct stop_texts stops = {0};
        struct reply reply;
        CLEANUP(strbuf_done) struct strbuf wanted = {0};
        CLEANUP(strbuf_done) struct strbuf came = {0};
        size_t count = 0;
        reply_init(&reply, formats[f], STR("\"m\x1a\x1b\x1a"), &stops, random, 0);
        reply.streams = true;
        reply_begin(&reply, &result);
        for (size_t round = 0; round < 2; round++) {
            for (size_t kind = 0; kind < 2; kind++) {
                for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
                    const struct chat_event event = {.kind = kind ? CHAT_EVENT_TEXT
                                                                  : CHAT_EVENT_REASONING,
                                                     .text = str_from_c(pieces[i])};
                    assert_true(reply_event(&reply, &event));
                    strbuf_add_c(&wanted, pieces[i]);
                }
            }
        }
        join_stream(strbuf_view(&reply.out), &came, &count);
        assert_string_equal(strbuf_c(&came), strbuf_c(&wanted));
        assert_true(count >= 4 * ARRAY_LEN(pieces));
        reply_done(&reply);
    }
}

int test_reply(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_every_kind_pass_streams),
        cmocka_unit_test(every_form_is_what_its_clients_read),
        cmocka_unit_test(a_call_that_was_none_is_text),
        cmocka_unit_test(a_custom_tools_text_is_streamed),
        cmocka_unit_test(probabilities_go_with_the_text),
        cmocka_unit_test(failures_have_the_protocols_form),
        cmocka_unit_test(llamas_form_tells_tokens_and_settings),
        cmocka_unit_test(llamas_form_tells_the_fields_that_are_wanted),
    };
    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
