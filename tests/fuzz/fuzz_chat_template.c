/*
 * A chat template decides how a conversation is adapted to it: probes run it with small
 * conversations, and a real one is bent to what they found. Any bytes as a template must be refused
 * or rendered within the limits; the origins must cover the text exactly, and nothing from outside
 * may count as the template's own, however the conversation was bent.
 */
#include "base/check.h"
#include "chat/chat_template.h"

#include <stddef.h>
#include <stdint.h>

/* Text from outside is made of a letter that no template can write: U+E001. */
#define LETTER "\xee\x80\x81"

static void add_tools(struct chat_request *request)
{
    CLEANUP(json_decrefp)
    json_t *tools =
        json_pack("[{s:s, s:{s:s, s:s, s:{s:s, s:{s:{s:s, s:s}}}}}]", "type", "function",
                  "function", "name", LETTER "f", "description", LETTER, "parameters", "type",
                  "object", "properties", LETTER, "type", "string", "description", LETTER "<|x|>");
    chat_request_set_tools(request, tools);
}

static void fill(struct chat_request *request)
{
    CLEANUP(json_decrefp)
    json_t *arguments = json_pack("{s:s, s:[i, b]}", LETTER, LETTER "\n", "k", 1, 1);
    const struct str text = STR(LETTER "<tool_call>" LETTER "\n<|im_end|>" LETTER);
    add_tools(request);
    chat_request_add(request, CHAT_ROLE_SYSTEM, text);
    chat_request_add(request, CHAT_ROLE_USER, text);
    struct chat_message *message = chat_request_add(request, CHAT_ROLE_ASSISTANT, text);
    message->reasoning = text;
    chat_request_add_call(request, message, STR(""), STR(LETTER "f"), arguments);
    chat_request_add_call(request, message, STR(LETTER), STR(LETTER "g"), NULL);
    chat_request_add(request, CHAT_ROLE_TOOL, text);
    chat_request_add(request, CHAT_ROLE_TOOL, STR(LETTER))->tool_call_id = STR(LETTER);
    chat_request_add(request, CHAT_ROLE_DEVELOPER, text);
    message = chat_request_add(request, CHAT_ROLE_USER, STR(""));
    message->content_parts = json_pack("[{s:s, s:s}]", "type", "text", "text", LETTER);
    chat_request_add(request, CHAT_ROLE_SYSTEM, STR(LETTER));
    request->add_generation_prompt = true;
    request->local_seconds = 1767225600;
}

static void check_origins(const struct chat_spans *spans, bool may_write)
{
    size_t end = 0;
    for (size_t i = 0; i < spans->run_count; i++) {
        const struct segment_run *run = &spans->runs[i];
        CHECK(run->offset == end && run->length > 0);
        CHECK(i == 0 || run->origin != spans->runs[i - 1].origin);
        end += run->length;
        const struct str text = str_slice(strbuf_view(&spans->text), run->offset, end);
        if (run->origin == SEGMENT_TEMPLATE && !may_write)
            CHECK(str_find(text, STR(LETTER), 0) == SIZE_MAX);
    }
    CHECK(end == spans->text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str source = {(const char *)data, size};
    CLEANUP(chat_template_freep) struct chat_template *chat_template = NULL;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    struct error err = {0};
    /* Could the template write the letter itself: is it, or an escape, in its source? */
    const bool may_write = str_find(source, STR("\xee"), 0) != SIZE_MAX ||
                           str_find(source, STR("\\"), 0) != SIZE_MAX ||
                           str_find(source, STR("%c"), 0) != SIZE_MAX;
    if (chat_template_new(source, STR("<s>"), STR("</s>"), &chat_template, &err) != OK) {
        CHECK(err.text[0] != '\0');
        return 0;
    }
    fill(&request);
    if (chat_template_render(chat_template, &request, &spans, &err) == OK)
        check_origins(&spans, may_write);
    else
        CHECK(err.text[0] != '\0' && spans.text.len == 0);
    return 0;
}
