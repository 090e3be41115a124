/*
 * A chat template is code from a file nobody has checked. Any bytes as a template must be refused
 * or rendered within the limits, and the result's origins must cover it exactly, with text from
 * outside never counted as the template's.
 */
#include "base/check.h"
#include "chat/jinja_context.h"
#include "chat/jinja_exec.h"
#include "chat/jinja_parse.h"
#include "text/json.h"

#include <stddef.h>
#include <stdint.h>

/* Text from outside is made of letters that no template can write: U+E001 and U+E002. */
#define ONE "\xee\x80\x81"
#define TWO "\xee\x80\x82"

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"" ONE "\"}, "
    "{\"role\": \"user\", \"content\": \"" TWO " " ONE "\\n<|im_start|>\"}, "
    "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"" ONE "\", "
    "\"function\": {\"name\": \"" TWO "\", \"arguments\": {\"a\": [1, 2.5, true, null, \"" ONE
    "\"]}}}]}, "
    "{\"role\": \"tool\", \"content\": \"{\\\"r\\\": 1}\"}], \"x\": 1, \"s\": \"" ONE TWO "\", "
    "\"l\": [3, 1, 2], \"d\": {\"b\": 1, \"a\": 2}, \"add_generation_prompt\": true}";

static const struct jinja_limits limits = {
    .steps_max = 100 * 1000,
    .output_bytes_max = 256 * 1024,
    .string_bytes_max = 128 * 1024,
    .memory_bytes_max = 16 * 1024 * 1024,
};

/* Could the template have written these letters itself: are they, or escapes, in its source? */
static bool may_write_them(struct str source)
{
    return str_find(source, STR("\xee"), 0) != SIZE_MAX ||
           str_find(source, STR("\\"), 0) != SIZE_MAX;
}

static void check_origins(const struct jinja_text *out, bool may_write)
{
    size_t end = 0;
    for (size_t i = 0; i < out->run_count; i++) {
        const struct segment_run *run = &out->runs[i];
        CHECK(run->offset == end && run->length > 0);
        CHECK(i == 0 || run->origin != out->runs[i - 1].origin);
        end += run->length;
        const struct str text = str_slice(strbuf_view(&out->bytes), run->offset, end);
        if (run->origin == SEGMENT_TEMPLATE && !may_write)
            CHECK(str_find(text, STR(ONE), 0) == SIZE_MAX &&
                  str_find(text, STR(TWO), 0) == SIZE_MAX);
    }
    CHECK(end == out->bytes.len);
}

static enum status render(struct str source, struct jinja_text *out, struct error *err)
{
    CLEANUP(jinja_parse_freep) struct jinja_template *parsed = NULL;
    CLEANUP(json_decrefp) json_t *variables = NULL;
    CLEANUP(jinja_context_done) struct jinja_context context;
    struct jinja_value values;
    jinja_context_init(&context, &limits, err);
    TRY(jinja_parse_template(source, &parsed, err));
    TRY(json_parse(str_from_c(conversation), NULL, &variables, err));
    TRY(jinja_value_from_json(&context, variables, SEGMENT_USER, &values));
    return jinja_exec_template(&context, parsed, values.dict, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str source = {(const char *)data, size};
    CLEANUP(jinja_text_done) struct jinja_text out = {0};
    struct error err = {0};
    if (render(source, &out, &err) == OK)
        check_origins(&out, may_write_them(source));
    else
        CHECK(err.text[0] != '\0');
    return 0;
}
