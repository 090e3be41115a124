/*
 * fuzz_tool_format - any bytes as what a model makes, in any of the tool-call formats.
 *
 * The first byte picks the format (and whether the prompt ended in reasoning), the second how the
 * rest is cut (and whether no tools were offered). However it is cut, the same events must come
 * out; what they carry must be what the layers above rely on: valid UTF-8, arguments that are one
 * JSON object and the sum of their pieces, one end.
 */
#include "base/check.h"
#include "chat/output_parser.h"
#include "text/json.h"
#include "text/utf8.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char tools_text[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": "
    "\"object\", \"properties\": {\"k\": {\"type\": \"string\"}, \"n\": {\"type\": \"integer\"}, "
    "\"o\": {\"type\": \"object\"}}}}}]";

/* Events as text; pieces of one part are put together. */
struct log {
    struct strbuf lines;
    struct strbuf arguments;
    int part; /* enum chat_event_kind of the part that goes on, or -1 */
    bool has_begun;
    bool is_finished;
    bool is_utf8; /* the input is */
    bool makes_no_calls;
};

static void check_call(struct log *log, const struct chat_event *event)
{
    CLEANUP(json_decrefp) json_t *arguments = NULL;
    CHECK(!log->makes_no_calls);
    CHECK(log->has_begun && str_equal(strbuf_view(&log->arguments), event->arguments));
    CHECK(json_parse(event->arguments, NULL, &arguments, NULL) == OK);
    CHECK(json_is_object(arguments) && event->tool_name.len > 0);
    CHECK(utf8_is_valid(event->tool_name));
    log->has_begun = false;
}

static bool on_event(void *context, const struct chat_event *event)
{
    struct log *log = context;
    CHECK(!log->is_finished);
    if (log->is_utf8)
        CHECK(utf8_is_valid(event->text));
    if ((int)event->kind != log->part)
        strbuf_addf(&log->lines, "\n%d ", (int)event->kind);
    log->part = (int)event->kind;
    switch (event->kind) {
    case CHAT_EVENT_TEXT:
    case CHAT_EVENT_REASONING: CHECK(event->text.len > 0); break;
    case CHAT_EVENT_CALL_BEGIN:
        CHECK(!log->has_begun);
        log->has_begun = true;
        strbuf_clear(&log->arguments);
        strbuf_add_str(&log->lines, event->tool_name);
        break;
    case CHAT_EVENT_CALL_ARGUMENTS:
        CHECK(log->has_begun && event->text.len > 0);
        strbuf_add_str(&log->arguments, event->text);
        break;
    case CHAT_EVENT_TOOL_CALL:
        check_call(log, event);
        strbuf_add_str(&log->lines, event->call_id);
        break;
    case CHAT_EVENT_BAD_CALL:
        CHECK(event->reason.len > 0);
        log->has_begun = false;
        strbuf_add_str(&log->lines, event->reason);
        break;
    case CHAT_EVENT_TOKEN: CHECK(false); break; /* a reader makes none */
    case CHAT_EVENT_FINISHED: log->is_finished = true; break;
    }
    strbuf_add_str(&log->lines, event->text);
    return true;
}

/* Feeds the text in pieces whose lengths come from `seed`; 0: whole. */
static void feed(struct output_parser *parser, struct str text, uint32_t seed, struct log *log)
{
    uint32_t random = seed;
    *log = (struct log){.part = -1,
                        .is_utf8 = utf8_is_valid(text),
                        .makes_no_calls = parser->config.makes_no_calls};
    while (text.len) {
        random = random * 1664525u + 1013904223u;
        size_t len = seed ? 1 + (random >> 16) % 7 : text.len;
        len = len < text.len ? len : text.len;
        output_parser_feed(parser, str_slice(text, 0, len), on_event, log);
        text = str_slice(text, len, text.len);
    }
    output_parser_finish(parser, on_event, log);
    CHECK(log->is_finished);
}

static void log_done(struct log *log)
{
    strbuf_done(&log->lines);
    strbuf_done(&log->arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 2)
        return 0;
    size_t format_count = 0;
    const struct tool_format *const *formats = tool_format_list(&format_count);
    CLEANUP(json_decrefp) json_t *tools = NULL;
    CHECK(json_parse(str_from_c(tools_text), NULL, &tools, NULL) == OK);
    const struct str text = {(const char *)bytes + 2, size - 2};
    const struct output_parser_config config = {
        .format = formats[bytes[0] % format_count],
        .tools = tools,
        .reasoning = output_parser_reasoning_of(text),
        .makes_no_calls = bytes[1] >= 128 + 64,
        .starts_in_reasoning = bytes[0] >= 128 + 64,
    };
    CLEANUP(output_parser_done) struct output_parser parser;
    CLEANUP(log_done) struct log whole = {0};
    CLEANUP(log_done) struct log cut = {0};
    output_parser_init(&parser, &config);
    feed(&parser, text, 0, &whole);
    feed(&parser, text, 1u + bytes[1], &cut);
    CHECK(str_equal(strbuf_view(&whole.lines), strbuf_view(&cut.lines)));
    return 0;
}
