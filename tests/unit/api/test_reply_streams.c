/*
 * The events of a stream, one by one: their order, their places and ids, and what stands in the
 * last one. Clients take items apart by these, and agents act on what they find.
 */
#include "api/reply.h"
#include "api/sealed_text.h"
#include "tests/holt_test.h"
#include "text/json.h"

static const uint8_t id_bytes[16] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                     0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10};

/* The ids that are made of these bytes. */
#define REPLY_ID "0102030405060708090a0b0c0d0e0f10"
#define ITEM_ID  "0102030405060708090a0b0c"
#define CALL_ID  "0102030405060708"

#define REASON(words)                                                      \
    {                                                                      \
        .kind = CHAT_EVENT_REASONING, .text = { words, sizeof(words) - 1 } \
    }
#define SAY(words)                                                    \
    {                                                                 \
        .kind = CHAT_EVENT_TEXT, .text = { words, sizeof(words) - 1 } \
    }
#define OPEN(name)                                                             \
    {                                                                          \
        .kind = CHAT_EVENT_CALL_BEGIN, .tool_name = { name, sizeof(name) - 1 } \
    }
#define ARGUMENTS(words)                                                        \
    {                                                                           \
        .kind = CHAT_EVENT_CALL_ARGUMENTS, .text = { words, sizeof(words) - 1 } \
    }
#define BAD(words)                                                        \
    {                                                                     \
        .kind = CHAT_EVENT_BAD_CALL, .text = { words, sizeof(words) - 1 } \
    }
#define DONE_CALL(name, words)                                                              \
    {                                                                                       \
        .kind = CHAT_EVENT_TOOL_CALL, .tool_name = {name, sizeof(name) - 1}, .arguments = { \
            words,                                                                          \
            sizeof(words) - 1                                                               \
        }                                                                                   \
    }
#define FINISHED                    \
    {                               \
        .kind = CHAT_EVENT_FINISHED \
    }

enum { EVENTS_MAX = 12 };

struct row {
    const char *name;
    const struct reply_format *format;
    struct chat_event events[EVENTS_MAX];
    size_t count;
    enum session_end end;
    const char *stop;
    const struct api_failure *failure; /* in place of the end */
    const char *told;                  /* one event a line, "EVENT DATA", as shorten() has it */
};

/* ---------------------------------------------------------------- showing */

/* Only what a test of streams is about; a response in progress has nothing more. */
static json_t *brief_response(const json_t *response)
{
    static const char *const names[] = {"id",     "status", "error", "incomplete_details",
                                        "output", "usage"};
    json_t *brief = json_object();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_t *value = json_object_get(response, names[i]);
        if (value && !json_is_null(value) && (!json_is_array(value) || json_array_size(value) > 0))
            json_object_set(brief, names[i], value);
    }
    return brief;
}

/* What every chunk of a chat says again. */
static void drop_envelope(json_t *chunk)
{
    static const char *const members[][2] = {{"id", "chatcmpl-" REPLY_ID},
                                             {"object", "chat.completion.chunk"},
                                             {"model", "m"},
                                             {"system_fingerprint", "holt-" HOLT_VERSION}};
    assert_int_equal(json_integer_value(json_object_get(chunk, "created")), 7);
    json_object_del(chunk, "created");
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const json_t *value = json_object_get(chunk, members[i][0]);
        assert_string_equal(json_string_value(value), members[i][1]);
        json_object_del(chunk, members[i][0]);
    }
}

/* The data of one event without its type and its number, which are checked here. */
static void show_event(struct str name, struct str data, json_int_t number, bool is_numbered,
                       struct strbuf *out)
{
    CLEANUP(json_decrefp) json_t *value = NULL;
    assert_ok(json_parse(data, NULL, &value, err));
    const json_t *response = json_object_get(value, "response");
    if (name.len > 0) {
        assert_true(str_equal(json_str(json_object_get(value, "type")), name));
        json_object_del(value, "type");
    }
    if (is_numbered) {
        assert_int_equal(json_integer_value(json_object_get(value, "sequence_number")), number);
        json_object_del(value, "sequence_number");
    }
    if (response)
        json_object_set_new(value, "response", brief_response(response));
    if (json_object_get(value, "choices"))
        drop_envelope(value);
    strbuf_addf(out, "%.*s%s", STR_ARG(name), name.len > 0 ? " " : "");
    json_write_python(value, out);
    strbuf_add_char(out, '\n');
}

static void show_stream(struct str wire, bool is_numbered, struct strbuf *out)
{
    struct str name = {0};
    for (json_int_t number = 0; wire.len > 0;) {
        const struct str line = str_split(&wire, '\n');
        if (str_starts_with(line, STR("event: ")))
            name = str_slice(line, strlen("event: "), line.len);
        else if (str_equal_c(line, "data: [DONE]"))
            strbuf_add_c(out, "[DONE]\n");
        else if (str_starts_with(line, STR("data: ")))
            show_event(name, str_slice(line, strlen("data: "), line.len), number++, is_numbered,
                       out);
        else
            assert_int_equal(line.len, 0);
    }
}

/* Quotes become ' and the ids of this test @ (the whole) and # (of items and calls). */
static void shorten(struct strbuf *text)
{
    CLEANUP(strbuf_done) struct strbuf out = {0};
    static const struct {
        const char *from, *to;
    } words[] = {{REPLY_ID, "@"}, {ITEM_ID, "#"}, {CALL_ID, "#"}, {"\"", "'"}};
    for (size_t at = 0; at < text->len;) {
        const struct str rest = str_slice(strbuf_view(text), at, text->len);
        size_t i = 0;
        while (i < ARRAY_LEN(words) && !str_starts_with(rest, str_from_c(words[i].from)))
            i++;
        if (i == ARRAY_LEN(words)) {
            strbuf_add_char(&out, text->ptr[at++]);
        } else {
            strbuf_add_c(&out, words[i].to);
            at += strlen(words[i].from);
        }
    }
    strbuf_clear(text);
    strbuf_add_str(text, strbuf_view(&out));
}

static void begin(struct reply *reply, const struct row *row)
{
    const struct session_result prompt = {.prompt_tokens = 9, .cached_tokens = 2};
    struct stop_texts stops = {0};
    if (row->stop)
        assert_true(stop_texts_add(&stops, str_from_c(row->stop)));
    reply_init(reply, row->format, STR("m"), &stops, id_bytes, 7 * 1000000);
    reply->streams = true;
    reply->wants_usage = true;
    reply->tool_names =
        json_pack("{s:{s:s, s:b}, s:{s:s, s:s, s:b}}", "edit", "name", "edit", "custom", 1,
                  "mcp__x__look", "name", "look", "namespace", "mcp__x", "custom", 0);
    reply_begin(reply, &prompt);
}

static void run(struct reply *reply, const struct row *row)
{
    const struct session_result result = {.end = row->end,
                                          .prompt_tokens = 9,
                                          .cached_tokens = 2,
                                          .generated_tokens = 4,
                                          .reasoning_tokens = 1};
    begin(reply, row);
    for (size_t i = 0; i < row->count; i++)
        if (!reply_event(reply, &row->events[i]))
            break;
    if (row->failure)
        reply_fail(reply, row->failure);
    else
        reply_end(reply, &result);
}

static void assert_rows(const struct row *rows, size_t count, bool is_numbered)
{
    for (size_t i = 0; i < count; i++) {
        struct reply reply;
        CLEANUP(strbuf_done) struct strbuf told = {0};
        test_case(rows[i].name);
        run(&reply, &rows[i]);
        show_stream(strbuf_view(&reply.out), is_numbered, &told);
        shorten(&told);
        assert_string_equal(strbuf_c(&told), rows[i].told);
        reply_done(&reply);
    }
}

/* ---------------------------------------------------------------- /v1/responses */

static const struct api_failure broken = {.http_status = 500, .status = E_IO, .text = "it broke"};
static const struct api_failure full = {
    .http_status = 400, .status = E_LIMIT, .is_context = true, .text = "prompt is too long"};

static const struct row responses[] = {
    {.name = "thinking, text, a call of a namespace",
     .format = &reply_responses,
     .events = {REASON("hm"), SAY("a"), SAY("b"), OPEN("mcp__x__look"), ARGUMENTS("{\"a\":"),
                ARGUMENTS(" 1}"), DONE_CALL("mcp__x__look", "{\"a\": 1}"), FINISHED},
     .count = 8,
     .end = SESSION_END_STOP,
     .told =
         "response.created {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
         "response.in_progress {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
         "response.output_item.added {'output_index': 0, 'item': {'type': 'reasoning', 'id': "
         "'rs_#00', 'summary': [], 'content': [], 'encrypted_content': null}}\n"
         "response.reasoning_text.delta {'item_id': 'rs_#00', 'output_index': 0, "
         "'content_index': 0, 'delta': 'hm'}\n"
         "response.reasoning_text.done {'item_id': 'rs_#00', 'output_index': 0, 'content_index': "
         "0, 'text': 'hm'}\n"
         "response.output_item.done {'output_index': 0, 'item': {'type': 'reasoning', 'id': "
         "'rs_#00', 'summary': [], 'content': [{'type': 'reasoning_text', 'text': 'hm'}], "
         "'encrypted_content': null}}\n"
         "response.output_item.added {'output_index': 1, 'item': {'type': 'message', 'id': "
         "'msg_#01', 'role': 'assistant', 'status': 'in_progress', 'content': []}}\n"
         "response.content_part.added {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'part': {'type': 'output_text', 'text': '', 'annotations': []}}\n"
         "response.output_text.delta {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'delta': 'a'}\n"
         "response.output_text.delta {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'delta': 'b'}\n"
         "response.output_text.done {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'text': 'ab'}\n"
         "response.content_part.done {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'part': {'type': 'output_text', 'text': 'ab', 'annotations': []}}\n"
         "response.output_item.done {'output_index': 1, 'item': {'type': 'message', 'id': "
         "'msg_#01', 'role': 'assistant', 'status': 'completed', 'content': [{'type': "
         "'output_text', 'text': 'ab', 'annotations': []}]}}\n"
         "response.output_item.added {'output_index': 2, 'item': {'type': 'function_call', 'id': "
         "'fc_#02', 'call_id': 'call_#01', 'name': 'look', 'status': 'in_progress', 'namespace': "
         "'mcp__x', 'arguments': ''}}\n"
         "response.function_call_arguments.delta {'item_id': 'fc_#02', 'output_index': 2, "
         "'delta': '{\\'a\\':'}\n"
         "response.function_call_arguments.delta {'item_id': 'fc_#02', 'output_index': 2, "
         "'delta': ' 1}'}\n"
         "response.function_call_arguments.done {'item_id': 'fc_#02', 'output_index': 2, "
         "'arguments': '{\\'a\\': 1}'}\n"
         "response.output_item.done {'output_index': 2, 'item': {'type': 'function_call', 'id': "
         "'fc_#02', 'call_id': 'call_#01', 'name': 'look', 'status': 'completed', 'namespace': "
         "'mcp__x', 'arguments': '{\\'a\\': 1}'}}\n"
         "response.completed {'response': {'id': 'resp_@', 'status': 'completed', 'output': "
         "[{'type': 'reasoning', 'id': 'rs_#00', 'summary': [], 'content': [{'type': "
         "'reasoning_text', 'text': 'hm'}], 'encrypted_content': null}, {'type': 'message', "
         "'id': 'msg_#01', 'role': 'assistant', 'status': 'completed', 'content': [{'type': "
         "'output_text', 'text': 'ab', 'annotations': []}]}, {'type': 'function_call', 'id': "
         "'fc_#02', 'call_id': 'call_#01', 'name': 'look', 'status': 'completed', 'namespace': "
         "'mcp__x', 'arguments': '{\\'a\\': 1}'}], 'usage': {'input_tokens': 9, "
         "'input_tokens_details': {'cached_tokens': 2}, 'output_tokens': 4, "
         "'output_tokens_details': {'reasoning_tokens': 1}, 'total_tokens': 13}}}\n"},
    {.name = "a call of a custom tool",
     .format = &reply_responses,
     .events = {OPEN("edit"), ARGUMENTS("{\"input\": \"x"), ARGUMENTS("y\"}"),
                DONE_CALL("edit", "{\"input\": \"xy\"}"), FINISHED},
     .count = 5,
     .end = SESSION_END_STOP,
     .told =
         "response.created {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
         "response.in_progress {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
         "response.output_item.added {'output_index': 0, 'item': {'type': 'custom_tool_call', "
         "'id': 'ctc_#00', 'call_id': 'call_#01', 'name': 'edit', 'status': 'in_progress', "
         "'input': ''}}\n"
         "response.custom_tool_call_input.delta {'item_id': 'ctc_#00', 'output_index': 0, "
         "'delta': 'x'}\n"
         "response.custom_tool_call_input.delta {'item_id': 'ctc_#00', 'output_index': 0, "
         "'delta': 'y'}\n"
         "response.custom_tool_call_input.done {'item_id': 'ctc_#00', 'output_index': 0, "
         "'input': 'xy'}\n"
         "response.output_item.done {'output_index': 0, 'item': {'type': 'custom_tool_call', "
         "'id': 'ctc_#00', 'call_id': 'call_#01', 'name': 'edit', 'status': 'completed', "
         "'input': 'xy'}}\n"
         "response.completed {'response': {'id': 'resp_@', 'status': 'completed', 'output': "
         "[{'type': 'custom_tool_call', 'id': 'ctc_#00', 'call_id': 'call_#01', 'name': 'edit', "
         "'status': 'completed', 'input': 'xy'}], 'usage': {'input_tokens': 9, "
         "'input_tokens_details': {'cached_tokens': 2}, 'output_tokens': 4, "
         "'output_tokens_details': {'reasoning_tokens': 1}, 'total_tokens': 13}}}\n"},
    {.name = "cut at its length",
     .format = &reply_responses,
     .events = {SAY("a"), SAY("b"), FINISHED},
     .count = 3,
     .end = SESSION_END_LENGTH,
     .told =
         "response.created {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
         "response.in_progress {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
         "response.output_item.added {'output_index': 0, 'item': {'type': 'message', 'id': "
         "'msg_#00', 'role': 'assistant', 'status': 'in_progress', 'content': []}}\n"
         "response.content_part.added {'item_id': 'msg_#00', 'output_index': 0, 'content_index': "
         "0, 'part': {'type': 'output_text', 'text': '', 'annotations': []}}\n"
         "response.output_text.delta {'item_id': 'msg_#00', 'output_index': 0, 'content_index': "
         "0, 'delta': 'a'}\n"
         "response.output_text.delta {'item_id': 'msg_#00', 'output_index': 0, 'content_index': "
         "0, 'delta': 'b'}\n"
         "response.output_text.done {'item_id': 'msg_#00', 'output_index': 0, 'content_index': "
         "0, 'text': 'ab'}\n"
         "response.content_part.done {'item_id': 'msg_#00', 'output_index': 0, 'content_index': "
         "0, 'part': {'type': 'output_text', 'text': 'ab', 'annotations': []}}\n"
         "response.output_item.done {'output_index': 0, 'item': {'type': 'message', 'id': "
         "'msg_#00', 'role': 'assistant', 'status': 'incomplete', 'content': [{'type': "
         "'output_text', 'text': 'ab', 'annotations': []}]}}\n"
         "response.incomplete {'response': {'id': 'resp_@', 'status': 'incomplete', "
         "'incomplete_details': {'reason': 'max_output_tokens'}, 'output': [{'type': 'message', "
         "'id': 'msg_#00', 'role': 'assistant', 'status': 'incomplete', 'content': [{'type': "
         "'output_text', 'text': 'ab', 'annotations': []}]}], 'usage': {'input_tokens': 9, "
         "'input_tokens_details': {'cached_tokens': 2}, 'output_tokens': 4, "
         "'output_tokens_details': {'reasoning_tokens': 1}, 'total_tokens': 13}}}\n"},
    /* Nobody may carry out what was only begun; what follows has a place of its own. */
    {.name = "cut in a call",
     .format = &reply_responses,
     .events = {OPEN("mcp__x__look"), ARGUMENTS("{\"a"), BAD("<a"), SAY(">"), FINISHED},
     .count = 5,
     .end = SESSION_END_LENGTH,
     .told =
         "response.created {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
         "response.in_progress {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
         "response.output_item.added {'output_index': 0, 'item': {'type': 'function_call', 'id': "
         "'fc_#00', 'call_id': 'call_#01', 'name': 'look', 'status': 'in_progress', 'namespace': "
         "'mcp__x', 'arguments': ''}}\n"
         "response.function_call_arguments.delta {'item_id': 'fc_#00', 'output_index': 0, "
         "'delta': '{\\'a'}\n"
         "response.output_item.added {'output_index': 1, 'item': {'type': 'message', 'id': "
         "'msg_#01', 'role': 'assistant', 'status': 'in_progress', 'content': []}}\n"
         "response.content_part.added {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'part': {'type': 'output_text', 'text': '', 'annotations': []}}\n"
         "response.output_text.delta {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'delta': '<a'}\n"
         "response.output_text.delta {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'delta': '>'}\n"
         "response.output_text.done {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'text': '<a>'}\n"
         "response.content_part.done {'item_id': 'msg_#01', 'output_index': 1, 'content_index': "
         "0, 'part': {'type': 'output_text', 'text': '<a>', 'annotations': []}}\n"
         "response.output_item.done {'output_index': 1, 'item': {'type': 'message', 'id': "
         "'msg_#01', 'role': 'assistant', 'status': 'incomplete', 'content': [{'type': "
         "'output_text', 'text': '<a>', 'annotations': []}]}}\n"
         "response.incomplete {'response': {'id': 'resp_@', 'status': 'incomplete', "
         "'incomplete_details': {'reason': 'max_output_tokens'}, 'output': [{'type': 'message', "
         "'id': 'msg_#01', 'role': 'assistant', 'status': 'incomplete', 'content': [{'type': "
         "'output_text', 'text': '<a>', 'annotations': []}]}], 'usage': {'input_tokens': 9, "
         "'input_tokens_details': {'cached_tokens': 2}, 'output_tokens': 4, "
         "'output_tokens_details': {'reasoning_tokens': 1}, 'total_tokens': 13}}}\n"},
    {.name = "broken in the middle",
     .format = &reply_responses,
     .failure = &broken,
     .told = "response.created {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
             "response.in_progress {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
             "response.failed {'response': {'id': 'resp_@', 'status': 'failed', 'error': {'code': "
             "'server_error', 'message': 'it broke'}}}\n"},
    {.name = "more than there is room for", /* Codex shortens its conversation on this code */
     .format = &reply_responses,
     .failure = &full,
     .told = "response.created {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
             "response.in_progress {'response': {'id': 'resp_@', 'status': 'in_progress'}}\n"
             "response.failed {'response': {'id': 'resp_@', 'status': 'failed', 'error': {'code': "
             "'context_length_exceeded', 'message': 'prompt is too long'}}}\n"},
};

static void responses_tell_every_item_in_order(void **state)
{
    (void)state;
    assert_rows(responses, ARRAY_LEN(responses), true);
}

/* A whole answer has the same items under the same ids. */
static void whole_responses_have_the_items_of_their_streams(void **state)
{
    (void)state;
    const struct row *row = &responses[0];
    const struct session_result result = {.end = SESSION_END_STOP};
    struct reply stream;
    struct reply whole;
    run(&stream, row);
    begin(&whole, row);
    whole.streams = false;
    for (size_t i = 0; i < row->count; i++)
        assert_true(reply_event(&whole, &row->events[i]));
    reply_end(&whole, &result);
    CLEANUP(json_decrefp) json_t *object = NULL;
    const struct str text =
        str_slice(strbuf_view(&whole.out), /* behind the stream's beginning */
                  str_find(strbuf_view(&whole.out), STR("\n\n{"), 0) + 2, whole.out.len);
    assert_ok(json_parse(text, NULL, &object, err));
    assert_true(
        json_equal(json_object_get(object, "output"), json_object_get(stream.final, "output")));
    reply_done(&stream);
    reply_done(&whole);
}

/* What was thought, sealed where that is asked for, everywhere the same. */
static void thoughts_are_sealed_where_asked_for(void **state)
{
    (void)state;
    static const char *const asked[] = {"reasoning.encrypted_content", "message.output_text"};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct reply reply;
        CLEANUP(strbuf_done) struct strbuf opened = {0};
        begin(&reply, &responses[0]);
        reply.repeated = json_pack("{s:[s], s:s}", "include", asked[i], "user", "u");
        for (size_t k = 0; k < responses[0].count; k++)
            assert_true(reply_event(&reply, &responses[0].events[k]));
        reply_end(&reply, &(struct session_result){.end = SESSION_END_STOP});
        const json_t *item = json_array_get(json_object_get(reply.final, "output"), 0);
        const struct str sealed = json_str(json_object_get(item, "encrypted_content"));
        assert_null(json_object_get(reply.final, "include"));
        assert_non_null(json_object_get(reply.final, "user"));
        if (i > 0) {
            assert_int_equal(sealed.len, 0);
        } else {
            assert_true(sealed_text_open(&opened, sealed));
            assert_string_equal(strbuf_c(&opened), "hm");
            const char *first = strstr(strbuf_c(&reply.out), sealed.ptr); /* of the finished item */
            assert_non_null(first);
            assert_non_null(strstr(first + 1, sealed.ptr)); /* and in the last event */
        }
        reply_done(&reply);
    }
}

/* ---------------------------------------------------------------- Anthropic */

static const struct row messages[] = {
    {.name = "thinking is signed when it ends, and calls are blocks",
     .format = &reply_anthropic,
     .events = {REASON("h"), REASON("m"), SAY("a"), OPEN("look"), ARGUMENTS("{\"a\":"),
                ARGUMENTS(" 1}"), DONE_CALL("look", "{\"a\": 1}"), OPEN("look"), ARGUMENTS("{}"),
                DONE_CALL("look", "{}"), FINISHED},
     .count = 11,
     .end = SESSION_END_STOP,
     .told =
         "message_start {'message': {'id': 'msg_@', 'type': 'message', 'role': 'assistant', "
         "'model': 'm', 'content': [], 'stop_reason': null, 'stop_sequence': null, 'usage': "
         "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
         "'output_tokens': 0}}}\n"
         "content_block_start {'index': 0, 'content_block': {'type': 'thinking', 'thinking': '', "
         "'signature': ''}}\n"
         "content_block_delta {'index': 0, 'delta': {'type': 'thinking_delta', 'thinking': "
         "'h'}}\n"
         "content_block_delta {'index': 0, 'delta': {'type': 'thinking_delta', 'thinking': "
         "'m'}}\n"
         "content_block_delta {'index': 0, 'delta': {'type': 'signature_delta', 'signature': "
         "'@'}}\n"
         "content_block_stop {'index': 0}\n"
         "content_block_start {'index': 1, 'content_block': {'type': 'text', 'text': ''}}\n"
         "content_block_delta {'index': 1, 'delta': {'type': 'text_delta', 'text': 'a'}}\n"
         "content_block_stop {'index': 1}\n"
         "content_block_start {'index': 2, 'content_block': {'type': 'tool_use', 'id': "
         "'call_#01', 'name': 'look', 'input': {}}}\n"
         "content_block_delta {'index': 2, 'delta': {'type': 'input_json_delta', 'partial_json': "
         "'{\\'a\\':'}}\n"
         "content_block_delta {'index': 2, 'delta': {'type': 'input_json_delta', 'partial_json': "
         "' 1}'}}\n"
         "content_block_stop {'index': 2}\n"
         "content_block_start {'index': 3, 'content_block': {'type': 'tool_use', 'id': "
         "'call_#02', 'name': 'look', 'input': {}}}\n"
         "content_block_delta {'index': 3, 'delta': {'type': 'input_json_delta', 'partial_json': "
         "'{}'}}\n"
         "content_block_stop {'index': 3}\n"
         "message_delta {'delta': {'stop_reason': 'tool_use', 'stop_sequence': null}, 'usage': "
         "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
         "'output_tokens': 4}}\n"
         "message_stop {}\n"},
    {.name = "cut at its length",
     .format = &reply_anthropic,
     .events = {SAY("a"), FINISHED},
     .count = 2,
     .end = SESSION_END_LENGTH,
     .told =
         "message_start {'message': {'id': 'msg_@', 'type': 'message', 'role': 'assistant', "
         "'model': 'm', 'content': [], 'stop_reason': null, 'stop_sequence': null, 'usage': "
         "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
         "'output_tokens': 0}}}\n"
         "content_block_start {'index': 0, 'content_block': {'type': 'text', 'text': ''}}\n"
         "content_block_delta {'index': 0, 'delta': {'type': 'text_delta', 'text': 'a'}}\n"
         "content_block_stop {'index': 0}\n"
         "message_delta {'delta': {'stop_reason': 'max_tokens', 'stop_sequence': null}, 'usage': "
         "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
         "'output_tokens': 4}}\n"
         "message_stop {}\n"},
    {.name = "cut while it thinks",
     .format = &reply_anthropic,
     .events = {REASON("hm"), FINISHED},
     .count = 2,
     .end = SESSION_END_LENGTH,
     .told =
         "message_start {'message': {'id': 'msg_@', 'type': 'message', 'role': 'assistant', "
         "'model': 'm', 'content': [], 'stop_reason': null, 'stop_sequence': null, 'usage': "
         "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
         "'output_tokens': 0}}}\n"
         "content_block_start {'index': 0, 'content_block': {'type': 'thinking', 'thinking': '', "
         "'signature': ''}}\n"
         "content_block_delta {'index': 0, 'delta': {'type': 'thinking_delta', 'thinking': "
         "'hm'}}\n"
         "content_block_delta {'index': 0, 'delta': {'type': 'signature_delta', 'signature': "
         "'@'}}\n"
         "content_block_stop {'index': 0}\n"
         "message_delta {'delta': {'stop_reason': 'max_tokens', 'stop_sequence': null}, 'usage': "
         "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
         "'output_tokens': 4}}\n"
         "message_stop {}\n"},
    {.name = "the context is full",
     .format = &reply_anthropic,
     .events = {SAY("a"), FINISHED},
     .count = 2,
     .end = SESSION_END_CONTEXT,
     .told = "message_start {'message': {'id': 'msg_@', 'type': 'message', 'role': 'assistant', "
             "'model': 'm', 'content': [], 'stop_reason': null, 'stop_sequence': null, 'usage': "
             "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
             "'output_tokens': 0}}}\n"
             "content_block_start {'index': 0, 'content_block': {'type': 'text', 'text': ''}}\n"
             "content_block_delta {'index': 0, 'delta': {'type': 'text_delta', 'text': 'a'}}\n"
             "content_block_stop {'index': 0}\n"
             "message_delta {'delta': {'stop_reason': 'model_context_window_exceeded', "
             "'stop_sequence': null}, 'usage': {'input_tokens': 7, 'cache_read_input_tokens': 2, "
             "'cache_creation_input_tokens': 0, 'output_tokens': 4}}\n"
             "message_stop {}\n"},
    {.name = "ended by a stop text",
     .format = &reply_anthropic,
     .events = {SAY("aSTOPb"), FINISHED},
     .count = 2,
     .end = SESSION_END_CANCELLED,
     .stop = "STOP",
     .told = "message_start {'message': {'id': 'msg_@', 'type': 'message', 'role': 'assistant', "
             "'model': 'm', 'content': [], 'stop_reason': null, 'stop_sequence': null, 'usage': "
             "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
             "'output_tokens': 0}}}\n"
             "content_block_start {'index': 0, 'content_block': {'type': 'text', 'text': ''}}\n"
             "content_block_delta {'index': 0, 'delta': {'type': 'text_delta', 'text': 'a'}}\n"
             "content_block_stop {'index': 0}\n"
             "message_delta {'delta': {'stop_reason': 'stop_sequence', 'stop_sequence': 'STOP'}, "
             "'usage': {'input_tokens': 7, 'cache_read_input_tokens': 2, "
             "'cache_creation_input_tokens': 0, 'output_tokens': 4}}\n"
             "message_stop {}\n"},
    {.name = "said to the end",
     .format = &reply_anthropic,
     .events = {SAY("a"), FINISHED},
     .count = 2,
     .end = SESSION_END_STOP,
     .told = "message_start {'message': {'id': 'msg_@', 'type': 'message', 'role': 'assistant', "
             "'model': 'm', 'content': [], 'stop_reason': null, 'stop_sequence': null, 'usage': "
             "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
             "'output_tokens': 0}}}\n"
             "content_block_start {'index': 0, 'content_block': {'type': 'text', 'text': ''}}\n"
             "content_block_delta {'index': 0, 'delta': {'type': 'text_delta', 'text': 'a'}}\n"
             "content_block_stop {'index': 0}\n"
             "message_delta {'delta': {'stop_reason': 'end_turn', 'stop_sequence': null}, 'usage': "
             "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
             "'output_tokens': 4}}\n"
             "message_stop {}\n"},
    {.name = "broken in the middle",
     .format = &reply_anthropic,
     .events = {SAY("a")},
     .count = 1,
     .failure = &broken,
     .told =
         "message_start {'message': {'id': 'msg_@', 'type': 'message', 'role': 'assistant', "
         "'model': 'm', 'content': [], 'stop_reason': null, 'stop_sequence': null, 'usage': "
         "{'input_tokens': 7, 'cache_read_input_tokens': 2, 'cache_creation_input_tokens': 0, "
         "'output_tokens': 0}}}\n"
         "content_block_start {'index': 0, 'content_block': {'type': 'text', 'text': ''}}\n"
         "content_block_delta {'index': 0, 'delta': {'type': 'text_delta', 'text': 'a'}}\n"
         "error {'error': {'type': 'api_error', 'message': 'it broke'}, 'request_id': 'req_@'}\n"},
};

static void messages_are_blocks_one_behind_the_other(void **state)
{
    (void)state;
    assert_rows(messages, ARRAY_LEN(messages), false);
}

/* ---------------------------------------------------------------- OpenAI chat */

static const struct row chats[] = {
    {.name = "cut at its length",
     .format = &reply_openai_chat,
     .events = {SAY("a"), FINISHED},
     .count = 2,
     .end = SESSION_END_LENGTH,
     .told =
         "{'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}, "
         "'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'content': 'a'}, 'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'length'}]}\n"
         "{'choices': [], 'usage': {'prompt_tokens': 9, 'completion_tokens': 4, 'total_tokens': "
         "13, 'prompt_tokens_details': {'cached_tokens': 2}, 'completion_tokens_details': "
         "{'reasoning_tokens': 1}}}\n"
         "[DONE]\n"},
    {.name = "the context is full",
     .format = &reply_openai_chat,
     .events = {SAY("a"), FINISHED},
     .count = 2,
     .end = SESSION_END_CONTEXT,
     .told =
         "{'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}, "
         "'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'content': 'a'}, 'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'length'}]}\n"
         "{'choices': [], 'usage': {'prompt_tokens': 9, 'completion_tokens': 4, 'total_tokens': "
         "13, 'prompt_tokens_details': {'cached_tokens': 2}, 'completion_tokens_details': "
         "{'reasoning_tokens': 1}}}\n"
         "[DONE]\n"},
    {.name = "calls beside one another",
     .format = &reply_openai_chat,
     .events = {REASON("hm"), OPEN("look"), ARGUMENTS("{"), ARGUMENTS("}"), DONE_CALL("look", "{}"),
                OPEN("look"), ARGUMENTS("{}"), DONE_CALL("look", "{}"), FINISHED},
     .count = 9,
     .end = SESSION_END_STOP,
     .told =
         "{'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}, "
         "'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'reasoning_content': 'hm'}, 'finish_reason': "
         "null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'tool_calls': [{'index': 0, 'id': 'call_#01', "
         "'type': 'function', 'function': {'name': 'look', 'arguments': ''}}]}, 'finish_reason': "
         "null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'tool_calls': [{'index': 0, 'function': "
         "{'arguments': '{'}}]}, 'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'tool_calls': [{'index': 0, 'function': "
         "{'arguments': '}'}}]}, 'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'tool_calls': [{'index': 1, 'id': 'call_#02', "
         "'type': 'function', 'function': {'name': 'look', 'arguments': ''}}]}, 'finish_reason': "
         "null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'tool_calls': [{'index': 1, 'function': "
         "{'arguments': '{}'}}]}, 'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'tool_calls'}]}\n"
         "{'choices': [], 'usage': {'prompt_tokens': 9, 'completion_tokens': 4, 'total_tokens': "
         "13, 'prompt_tokens_details': {'cached_tokens': 2}, 'completion_tokens_details': "
         "{'reasoning_tokens': 1}}}\n"
         "[DONE]\n"},
    {.name = "a call that came to nothing keeps its place",
     .format = &reply_openai_chat,
     .events = {OPEN("look"), ARGUMENTS("{"), BAD("<a>"), OPEN("look"), ARGUMENTS("{}"),
                DONE_CALL("look", "{}"), FINISHED},
     .count = 7,
     .end = SESSION_END_STOP,
     .told =
         "{'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}, "
         "'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'tool_calls': [{'index': 0, 'id': 'call_#01', "
         "'type': 'function', 'function': {'name': 'look', 'arguments': ''}}]}, 'finish_reason': "
         "null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'tool_calls': [{'index': 0, 'function': "
         "{'arguments': '{'}}]}, 'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'content': '<a>'}, 'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'tool_calls': [{'index': 1, 'id': 'call_#02', "
         "'type': 'function', 'function': {'name': 'look', 'arguments': ''}}]}, 'finish_reason': "
         "null}]}\n"
         "{'choices': [{'index': 0, 'delta': {'tool_calls': [{'index': 1, 'function': "
         "{'arguments': '{}'}}]}, 'finish_reason': null}]}\n"
         "{'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'tool_calls'}]}\n"
         "{'choices': [], 'usage': {'prompt_tokens': 9, 'completion_tokens': 4, 'total_tokens': "
         "13, 'prompt_tokens_details': {'cached_tokens': 2}, 'completion_tokens_details': "
         "{'reasoning_tokens': 1}}}\n"
         "[DONE]\n"},
    {.name = "broken in the middle",
     .format = &reply_openai_chat,
     .events = {SAY("a")},
     .count = 1,
     .failure = &broken,
     .told = "{'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}, "
             "'finish_reason': null}]}\n"
             "{'choices': [{'index': 0, 'delta': {'content': 'a'}, 'finish_reason': null}]}\n"
             "{'error': {'message': 'it broke', 'type': 'server_error', 'param': null, 'code': "
             "null}}\n"
             "[DONE]\n"},
};

static void chats_are_deltas(void **state)
{
    (void)state;
    assert_rows(chats, ARRAY_LEN(chats), false);
}

/* Who asks for no counts gets none. */
static void counts_come_where_asked_for(void **state)
{
    (void)state;
    struct reply reply;
    CLEANUP(strbuf_done) struct strbuf told = {0};
    begin(&reply, &chats[0]);
    reply.wants_usage = false;
    reply_end(&reply, &(struct session_result){.end = SESSION_END_STOP});
    show_stream(strbuf_view(&reply.out), false, &told);
    shorten(&told);
    assert_string_equal(
        strbuf_c(&told),
        "{'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}, "
        "'finish_reason': null}]}\n"
        "{'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'stop'}]}\n[DONE]\n");
    reply_done(&reply);
}

int test_reply_streams(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_tell_every_item_in_order),
        cmocka_unit_test(whole_responses_have_the_items_of_their_streams),
        cmocka_unit_test(thoughts_are_sealed_where_asked_for),
        cmocka_unit_test(messages_are_blocks_one_behind_the_other),
        cmocka_unit_test(chats_are_deltas),
        cmocka_unit_test(counts_come_where_asked_for),
    };
    return cmocka_run_group_tests_name("reply_streams", tests, NULL, NULL);
}
