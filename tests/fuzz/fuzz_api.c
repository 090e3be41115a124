/*
 * fuzz_api - any bytes as the body of a request: a reader ends with a request or one sentence, and
 * what it took can be answered in every protocol's form, where each line that holds data is JSON.
 *
 * The first byte picks the reader and how the answer is given; the rest is the body.
 */
#include "api/anthropic_read.h"
#include "api/llama_read.h"
#include "api/ollama_read.h"
#include "api/openai_read.h"
#include "api/reply.h"
#include "api/responses_read.h"
#include "base/check.h"
#include "text/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct {
    enum status (*read)(const json_t *body, struct api_request *out, struct error *err);
    const struct reply_format *format;
} readers[] = {
    {openai_read_chat, &reply_openai_chat},
    {openai_read_completion, &reply_openai_completion},
    {responses_read, &reply_responses},
    {anthropic_read_messages, &reply_anthropic},
    {ollama_read_chat, &reply_ollama_chat},
    {ollama_read_generate, &reply_ollama_generate},
    {llama_read_completion, &reply_llama_completion},
    {llama_read_infill, &reply_llama_completion},
};

/* Every line of a stream is JSON, but those that name an event, are for keeping a line open, or say
 * that it is over. */
static void check_lines(struct str out)
{
    const struct json_limits limits = {.size_max = SIZE_MAX / 2,
                                       .depth_max = JSON_DEPTH_LIMIT,
                                       .values_max = SIZE_MAX / 2}; /* more than a body's */
    while (out.len > 0) {
        CLEANUP(json_decrefp) json_t *value = NULL;
        struct str line = str_split(&out, '\n');
        if (line.len == 0 || str_starts_with(line, STR("event: ")) ||
            str_starts_with(line, STR(":")) || str_equal_c(line, "data: [DONE]"))
            continue;
        if (str_starts_with(line, STR("data: ")))
            line = str_slice(line, strlen("data: "), line.len);
        CHECK(json_parse(line, &limits, &value, NULL) == OK && json_is_object(value));
    }
}

/* An answer with everything in it; its text is what the request's first message said. */
static void answer(struct api_request *request, const struct reply_format *format, bool streams)
{
    static const uint8_t random[16] = {0};
    const struct session_result result = {.prompt_tokens = 3, .generated_tokens = 2};
    const struct str said =
        request->chat.message_count ? request->chat.messages[0].content : STR("text");
    const struct chat_token token = {.text = said, .id = 7};
    const struct chat_event events[] = {
        {.kind = CHAT_EVENT_TOKEN, .tokens = &token, .token_count = 1},
        {.kind = CHAT_EVENT_REASONING, .text = STR("hm")},
        {.kind = CHAT_EVENT_TEXT, .text = said},
        {.kind = CHAT_EVENT_CALL_BEGIN, .tool_name = STR("look")},
        {.kind = CHAT_EVENT_CALL_ARGUMENTS, .text = STR("{}")},
        {.kind = CHAT_EVENT_TOOL_CALL, .tool_name = STR("look"), .arguments = STR("{}")},
        {.kind = CHAT_EVENT_CALL_BEGIN, .tool_name = STR("look")},
        {.kind = CHAT_EVENT_CALL_ARGUMENTS, .text = STR("{")},
        {.kind = CHAT_EVENT_BAD_CALL, .text = said},
        {.kind = CHAT_EVENT_TEXT, .text = said},
        {.kind = CHAT_EVENT_FINISHED},
    };
    struct reply reply;
    reply_init(&reply, format, strbuf_view(&request->model), &request->stops, random, 0);
    reply.streams = streams;
    reply.wants_tokens = request->wants_tokens;
    reply.wants_ids = request->wants_ids;
    reply.wants_progress = request->wants_progress;
    reply.tool_names = json_incref(request->tool_names);
    reply.fields = json_incref(request->fields);
    reply.repeated = json_incref(request->repeated);
    reply_begin(&reply, &result);
    reply_progress(&reply, result.prompt_tokens, 1);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (!reply_event(&reply, &events[i]))
            break;
    reply_end(&reply, &result);
    CHECK(reply.out.len > 0);
    check_lines(strbuf_view(&reply.out));
    reply_done(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    const size_t which = bytes[0] % ARRAY_LEN(readers);
    CLEANUP(json_decrefp) json_t *body = NULL;
    CLEANUP(api_request_done) struct api_request request = {0};
    struct error err = {0};
    if (json_parse((struct str){(const char *)bytes + 1, size - 1}, NULL, &body, &err) != OK)
        return 0;
    if (readers[which].read(body, &request, &err) == OK)
        answer(&request, readers[which].format, bytes[0] & 0x80);
    else
        CHECK(err.text[0] && !strchr(err.text, '\n'));
    return 0;
}
