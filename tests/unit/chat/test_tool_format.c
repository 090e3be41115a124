/*
 * What a model writes as a call must be read as that call, however the stream is cut, and what it
 * writes badly must neither vanish nor break anything: an agent acts on what comes out here.
 *
 * The cases of tests/golden/tool_format say what goes in and which events come out. Each is fed
 * whole, byte by byte, in two pieces cut at every byte, and at its marked cuts (the sign \xc2\xa6),
 * and must give the same events.
 */
#include "tests/holt_test.h"

#include "base/strbuf.h"
#include "chat/chat_template.h"
#include "chat/output_parser.h"
#include "tests/unit/chat/golden_case.h"
#include "tests/unit/chat/jinja_helper.h"
#include "text/json.h"
#include "text/utf8.h"

#include <string.h>

enum { CASES_MIN = 150 };

static const struct str cut = {"\xc2\xa6", 2};

/* Events as text; pieces of one part are put together. */
struct log {
    struct strbuf lines;
    struct strbuf part;
    enum chat_event_kind part_kind;
    struct strbuf name;      /* of the call that has begun */
    struct strbuf arguments; /* its pieces so far */
    bool has_begun;
};

static void log_done(struct log *log)
{
    strbuf_done(&log->lines);
    strbuf_done(&log->part);
    strbuf_done(&log->name);
    strbuf_done(&log->arguments);
}

static void end_part(struct log *log)
{
    if (!log->part.len)
        return;
    strbuf_add_c(&log->lines, log->part_kind == CHAT_EVENT_TEXT ? "text " : "reasoning ");
    json_write_string(strbuf_view(&log->part), &log->lines);
    strbuf_add_char(&log->lines, '\n');
    strbuf_clear(&log->part);
}

/* Name and arguments of a complete call are what was told before. */
static void log_call(struct log *log, const struct chat_event *event)
{
    assert_true(log->has_begun);
    assert_true(str_equal(strbuf_view(&log->name), event->tool_name));
    assert_true(str_equal(strbuf_view(&log->arguments), event->arguments));
    log->has_begun = false;
    strbuf_addf(&log->lines, "tool_call %.*s %.*s", STR_ARG(event->tool_name),
                STR_ARG(event->arguments));
    if (event->call_id.len)
        strbuf_addf(&log->lines, " id %.*s", STR_ARG(event->call_id));
    strbuf_add_char(&log->lines, '\n');
}

/* What had been told of the call before it went wrong is part of the result. */
static void log_bad_call(struct log *log, const struct chat_event *event)
{
    if (log->has_begun)
        strbuf_addf(&log->lines, "begun %s %s\n", strbuf_c(&log->name), strbuf_c(&log->arguments));
    log->has_begun = false;
    strbuf_add_c(&log->lines, "bad_call ");
    json_write_string(event->text, &log->lines);
    strbuf_addf(&log->lines, " %.*s\n", STR_ARG(event->reason));
}

static void log_text(struct log *log, const struct chat_event *event)
{
    assert_true(event->text.len > 0);
    assert_true(utf8_is_valid(event->text));
    strbuf_add_str(&log->part, event->text);
    log->part_kind = event->kind;
}

static bool on_event(void *context, const struct chat_event *event)
{
    struct log *log = context;
    const bool is_text = event->kind == CHAT_EVENT_TEXT || event->kind == CHAT_EVENT_REASONING;
    if (!is_text || event->kind != log->part_kind)
        end_part(log);
    switch (event->kind) {
    case CHAT_EVENT_TEXT:
    case CHAT_EVENT_REASONING: log_text(log, event); break;
    case CHAT_EVENT_CALL_BEGIN:
        assert_false(log->has_begun);
        assert_true(event->tool_name.len > 0);
        log->has_begun = true;
        strbuf_clear(&log->name);
        strbuf_clear(&log->arguments);
        strbuf_add_str(&log->name, event->tool_name);
        break;
    case CHAT_EVENT_CALL_ARGUMENTS:
        assert_true(log->has_begun);
        assert_true(event->text.len > 0 && utf8_is_valid(event->text));
        strbuf_add_str(&log->arguments, event->text);
        break;
    case CHAT_EVENT_TOOL_CALL: log_call(log, event); break;
    case CHAT_EVENT_BAD_CALL: log_bad_call(log, event); break;
    case CHAT_EVENT_TOKEN: fail_msg("a reader makes no tokens"); break;
    case CHAT_EVENT_FINISHED: strbuf_add_c(&log->lines, "finished"); break;
    }
    return true;
}

/* The setting of a case: "format", then one of the words think (starts in reasoning), no_calls. */
static struct output_parser_config read_config(struct str text, json_t *tools)
{
    struct str words = golden_case_section(text, "format");
    struct output_parser_config config = {
        .format = tool_format_find(str_split(&words, ' ')),
        .tools = tools,
        .reasoning = output_parser_reasoning_of(golden_case_section(text, "input")),
        .makes_no_calls = words.ptr && str_equal_c(words, "no_calls"),
        .starts_in_reasoning = words.ptr && str_equal_c(words, "think"),
    };
    assert_non_null(config.format);
    return config;
}

/* Feeds `input` in pieces of `piece_len` bytes, or from cut to cut when that is 0. */
static void feed(struct output_parser *parser, struct str input, size_t piece_len, struct log *log)
{
    while (input.len) {
        size_t len = piece_len;
        size_t skip = 0;
        if (!piece_len) {
            len = str_find(input, cut, 0);
            len = len < input.len ? len : input.len;
            skip = len < input.len ? cut.len : 0;
        }
        len = len < input.len ? len : input.len;
        assert_true(output_parser_feed(parser, str_slice(input, 0, len), on_event, log));
        input = str_slice(input, len + skip, input.len);
    }
    assert_true(output_parser_finish(parser, on_event, log));
}

static void without_cuts(struct str text, struct strbuf *out)
{
    for (size_t at = 0; text.ptr && at <= text.len;) {
        const size_t hit = str_find(text, cut, at);
        const size_t end = hit < text.len ? hit : text.len;
        strbuf_add_str(out, str_slice(text, at, end));
        at = end + cut.len;
    }
}

static void check_case(const char *path, struct str text)
{
    CLEANUP(strbuf_done) struct strbuf whole = {0};
    const struct str marked = golden_case_section(text, "input");
    const struct str tools_text = golden_case_section(text, "tools");
    CLEANUP(json_decrefp) json_t *tools = tools_text.ptr ? jinja_helper_json(tools_text) : NULL;
    const struct output_parser_config config = read_config(text, tools);
    without_cuts(marked, &whole);
    CLEANUP(output_parser_done) struct output_parser parser;
    output_parser_init(&parser, &config);

    const size_t pieces[] = {SIZE_MAX, 1, 2, 3, 7, 0};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) { /* the parser is used again: it starts fresh */
        CLEANUP(log_done) struct log log = {0};
        feed(&parser, pieces[i] ? strbuf_view(&whole) : marked, pieces[i], &log);
        golden_case_expect(path, text, "events", strbuf_view(&log.lines));
    }
    for (size_t at = 1; at < whole.len; at++) {
        CLEANUP(log_done) struct log log = {0};
        output_parser_feed(&parser, str_slice(strbuf_view(&whole), 0, at), on_event, &log);
        feed(&parser, str_slice(strbuf_view(&whole), at, whole.len), SIZE_MAX, &log);
        golden_case_expect(path, text, "events", strbuf_view(&log.lines));
    }
}

static void cases_give_the_same_events_however_cut(void **state)
{
    (void)state;
    golden_case_each("tests/golden/tool_format/*/*.case", CASES_MIN, check_case);
}

/* ---------------------------------------------------------------- detection */

static const struct {
    const char *name;
    const char *format; /* NULL: not known, the default is used */
} templates[] = {
    {"Qwen-Qwen2.5-7B-Instruct", "hermes"},
    {"Qwen-Qwen3-0.6B", "hermes"},
    {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes"},
    {"ibm-granite-granite-4.0", "hermes"},
    {"Qwen3-Coder", "qwen3_coder"},
    {"Qwen3.5-4B", "qwen3_coder"},
    {"NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "qwen3_coder"},
    {"meta-llama-Llama-3.1-8B-Instruct", "llama3"},
    {"meta-llama-Llama-3.2-3B-Instruct", "llama3"},
    {"GLM-4.6", "glm"},
    {"HuggingFaceTB-SmolLM3-3B", NULL},
    {"Qwen-QwQ-32B", "hermes"},
    {"MiMo-VL", "hermes"},
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "hermes"},
    {"meta-llama-Llama-3.3-70B-Instruct", "llama3"},
    {"unsloth-mistral-Devstral-Small-2507", "mistral"},
    {"Mistral-Small-3.2-24B-Instruct-2506", "mistral_id"},
    {"mistralai-Mistral-Nemo-Instruct-2407", "mistral_array"},
    {"deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "deepseek_r1"},
    {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek_r1"},
    {"llama-cpp-deepseek-r1", "deepseek_r1"},
    {"deepseek-ai-DeepSeek-V3.1", "deepseek_v31"},
    {"deepseek-ai-DeepSeek-V3.2", "deepseek_v32"},
    {"deepseek-ai-DeepSeek-V4", "deepseek_v4"},
    {"deepseek-ai-DeepSeek-V4-Flash-0731", "deepseek_v4"},
    {"openai-gpt-oss-120b", "harmony"},
    {"moonshotai-Kimi-K2", "kimi"},
    {"Kimi-K2-Instruct", "kimi"},
    {"LFM2-8B-A1B", "lfm2"},
    {"LFM2.5-8B-A1B", "lfm2"},
    {"google-gemma-4-31B-it", "gemma4"},
    {"google-gemma-4-31B-it-interleaved", "gemma4"},
    {"MiniMax-M2", "minimax"},
    {"NVIDIA-Nemotron-Nano-v2", "nemotron2"},
    {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", "command_r7b"},
    {"Cohere2MoE", "command_r7b"},
    {"meetkai-functionary-medium-v3.1", "functionary"},
    {"meetkai-functionary-medium-v3.2", "functionary_v32"},
    {"ByteDance-Seed-OSS", "seed_oss"},
    {"openbmb-MiniCPM5-1B", "minicpm5"},
    {"Apriel-1.6-15b-Thinker-fixed", "apriel"},
    {"unsloth-Apriel-1.5", "apriel"},
    {"Apertus-8B-Instruct", "apertus"},
    {"ibm-granite-granite-3.3-2B-Instruct", "granite3"},
    {"GigaChat3-10B-A1.8B", "gigachat3"},
    {"google-gemma-2-2b-it", NULL},
    {"microsoft-Phi-3.5-mini-instruct", NULL},
};

static void formats_of_templates_are_found(void **state)
{
    (void)state;
    if (!test_fixture("templates/conversations.json")) {
        print_message("no fixtures: formats of templates are not looked for\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        CLEANUP(chat_template_freep) struct chat_template *chat_template = NULL;
        test_case(templates[i].name);
        assert_ok(chat_template_new(jinja_helper_source(templates[i].name), STR(""), STR(""),
                                    &chat_template, err));
        bool known = false;
        const struct tool_format *format = tool_format_detect(chat_template, &known);
        assert_string_equal(format->name, templates[i].format ? templates[i].format : "generic");
        assert_int_equal(known, templates[i].format != NULL);
    }
}

/* Forms of which no recorded template is at hand, as their templates write a call. */
static void formats_of_short_templates_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        const char *call; /* what stands in front of the arguments */
        const char *arguments;
        const char *end;
    } rows[] = {
        {"gigachat", "<|function_call|>{\"name\": \"{{ f.name }}\", \"arguments\": ",
         "{{ f.arguments | tojson }}", "}"},
        {"gigachat3",
         "<|message_sep|>\n\nfunction call<|role_sep|>\n{\"name\": \"{{ f.name }}\", "
         "\"arguments\": ",
         "{{ f.arguments | tojson }}", "}"},
        {"functionary_v32", ">>>{{ f.name }}\n", "{{ f.arguments | tojson }}", ""},
        {"minimax_m3", "{{ n }}<tool_call>\n{{ n }}<invoke name=\"{{ f.name }}\">",
         "{% for k, v in f.arguments.items() %}{{ n }}<{{ k }}>{{ v }}{{ n }}</{{ k }}>"
         "{% endfor %}",
         "{{ n }}</invoke>\n{{ n }}</tool_call>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(chat_template_freep) struct chat_template *chat_template = NULL;
        CLEANUP(strbuf_done) struct strbuf source = {0};
        bool known = false;
        strbuf_addf(&source,
                    "{%% set n = ']<]minimax[>[' %%}{%% for m in messages %%}{{ m.role }}: "
                    "{{ m.content }}{%% for t in m.tool_calls or [] %%}{%% set f = t.function "
                    "%%}%s%s%s{%% endfor %%}\n{%% endfor %%}{{ tools }}",
                    rows[i].call, rows[i].arguments, rows[i].end);
        test_case(rows[i].format);
        assert_ok(chat_template_new(strbuf_view(&source), STR(""), STR(""), &chat_template, err));
        assert_string_equal(tool_format_detect(chat_template, &known)->name, rows[i].format);
        assert_true(known);
    }
}

/* ---------------------------------------------------------------- there and back */

struct one_call {
    struct strbuf name;
    struct strbuf arguments;
    int count;
};

static bool keep_call(void *context, const struct chat_event *event)
{
    struct one_call *call = context;
    assert_int_not_equal(event->kind, CHAT_EVENT_BAD_CALL);
    if (event->kind != CHAT_EVENT_TOOL_CALL)
        return true;
    call->count++;
    strbuf_add_str(&call->name, event->tool_name);
    strbuf_add_str(&call->arguments, event->arguments);
    return true;
}

static const char builtin_path[] = "models/builtin.jinja";

/* The syntax that masks force is what the template writes, byte for byte, and is read back. */
static void syntax_is_what_the_builtin_template_writes(void **state)
{
    (void)state;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = NULL;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    CLEANUP(json_decrefp)
    json_t *arguments = json_pack("{s:s, s:[i, n]}", "path", "a \"b\"\n</tool_call> {", "list", 1);
    assert_ok(chat_template_new(test_read_file(builtin_path), STR(""), STR("<|im_end|>"),
                                &chat_template, err));
    const struct tool_format *format = tool_format_detect(chat_template, NULL);
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    chat_request_add_call(&request, message, STR(""), STR("read_file"), arguments);
    assert_ok(chat_template_render(chat_template, &request, &spans, err));

    CLEANUP(strbuf_done) struct strbuf want = {0};
    const struct tool_format_syntax *syntax = &format->syntax;
    strbuf_add_str(&want, syntax->open);
    strbuf_add_str(&want, syntax->name_open);
    strbuf_add_c(&want, "read_file");
    strbuf_add_str(&want, syntax->name_close);
    json_write_python(arguments, &want);
    strbuf_add_char(&want, '}');
    strbuf_add_str(&want, syntax->close);
    assert_true(str_find(strbuf_view(&spans.text), strbuf_view(&want), 0) != SIZE_MAX);

    const struct output_parser_config config = {.format = format};
    CLEANUP(output_parser_done) struct output_parser parser;
    struct one_call call = {0};
    output_parser_init(&parser, &config);
    output_parser_feed(&parser, strbuf_view(&want), keep_call, &call);
    output_parser_finish(&parser, keep_call, &call);
    assert_int_equal(call.count, 1);
    assert_string_equal(strbuf_c(&call.name), "read_file");
    CLEANUP(json_decrefp) json_t *read = jinja_helper_json(strbuf_view(&call.arguments));
    assert_true(json_equal(read, arguments));
    strbuf_done(&call.name);
    strbuf_done(&call.arguments);
}

/* ---------------------------------------------------------------- the parser's own promises */

/* Pieces of which models' output, good and bad, is made. */
static const char *const pieces[] = {
    "<tool_call>", "</tool_call>",
    "\n",          "{\"name\": \"f\", \"arguments\": ",
    "{\"a\": 1}",  "}",
    "{",           "\"",
    "<think>",     "</think>",
    "text",        "<function=f>",
    "</function>", "<parameter=p>",
    " ",           "</parameter>",
    "<tool_",      "call>",
    "\\",          "<|python_tag|>",
    "\xc3\xa9",    "\xf0\x9f\x99\x82",
    "[1, 2",       "]",
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

/* A text of the format's own, or one of those above. */
static void add_random_piece(uint32_t *random, const struct tool_format *format, struct strbuf *out)
{
    const struct tool_format_syntax *syntax = &format->syntax;
    const struct str own[] = {syntax->section_open,  syntax->open,
                              syntax->name_open,     STR("f"),
                              syntax->name_close,    STR("{\"a\": 1}"),
                              syntax->close,         syntax->between,
                              syntax->section_close, syntax->id_open,
                              syntax->key_open,      STR("k"),
                              syntax->key_close,     syntax->key_close_other,
                              syntax->value_close,   syntax->quote,
                              STR("a=1, b='x'")};
    const uint32_t choice = next_random(random) % (2 * ARRAY_LEN(pieces));
    if (choice < ARRAY_LEN(pieces))
        strbuf_add_c(out, pieces[choice]);
    else
        strbuf_add_str(out, own[choice % ARRAY_LEN(own)]);
}

/* Something like a call, with some of its parts left out or in excess. */
static void add_random_call(uint32_t *random, const struct tool_format *format, struct strbuf *out)
{
    const struct tool_format_syntax *syntax = &format->syntax;
    const bool is_object = syntax->shape == TOOL_FORMAT_OBJECT;
    const bool has_tags =
        syntax->arguments == TOOL_FORMAT_TAGS || syntax->arguments == TOOL_FORMAT_ELEMENTS;
    const bool has_own_tags = syntax->arguments == TOOL_FORMAT_ELEMENTS;
    const struct str arguments[] = {STR("{\"a\": 1}"), syntax->key_open, STR("a='\\u00e9', b=[1])"),
                                    STR("{a:1}"), syntax->key_open};
    const bool has_first_id =
        syntax->id != TOOL_FORMAT_NO_ID && syntax->id_place == TOOL_FORMAT_BEFORE_NAME;
    const struct str parts[] = {syntax->section_open,
                                syntax->open,
                                has_first_id ? STR("{\"id\": \"7") : (struct str){0},
                                syntax->name_open,
                                STR("f"),
                                syntax->name_close,
                                arguments[syntax->arguments],
                                has_tags ? STR("k") : (struct str){0},
                                syntax->key_close,
                                STR("v"),
                                syntax->value_close,
                                has_own_tags ? STR("k") : (struct str){0},
                                has_own_tags ? syntax->key_close : (struct str){0},
                                is_object ? STR("}") : (struct str){0},
                                syntax->close,
                                syntax->section_close};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!has_tags && i == 9)
            continue;
        if (next_random(random) % 40 == 0)
            add_random_piece(random, format, out);
        else if (next_random(random) % 40 != 0)
            strbuf_add_str(out, parts[i]);
    }
}

static void random_output(uint32_t *random, const struct tool_format *format, struct strbuf *out)
{
    const uint32_t count = next_random(random) % 16;
    for (uint32_t i = 0; i < count; i++) {
        if (next_random(random) % 6 == 0)
            add_random_call(random, format, out);
        else
            add_random_piece(random, format, out);
    }
}

static void feed_random_pieces(struct output_parser *parser, struct str input, uint32_t *random,
                               struct log *log)
{
    while (input.len) {
        size_t len = 1 + next_random(random) % 9;
        len = len < input.len ? len : input.len;
        output_parser_feed(parser, str_slice(input, 0, len), on_event, log);
        input = str_slice(input, len, input.len);
    }
    output_parser_finish(parser, on_event, log);
}

static void any_output_gives_the_same_events_however_cut(void **state)
{
    (void)state;
    enum { ROUNDS = 12000, CALLS_MIN = 20 };
    size_t format_count = 0;
    const struct tool_format *const *formats = tool_format_list(&format_count);
    uint32_t random = 1;
    size_t calls[64] = {0};
    assert_true(format_count <= ARRAY_LEN(calls));
    for (int round = 0; round < ROUNDS; round++) {
        CLEANUP(strbuf_done) struct strbuf output = {0};
        CLEANUP(log_done) struct log whole = {0};
        CLEANUP(log_done) struct log cut_log = {0};
        CLEANUP(output_parser_done) struct output_parser parser;
        const size_t index = (size_t)round % format_count;
        const struct output_parser_config config = {
            .format = formats[index],
            .reasoning = output_parser_reasoning_of((struct str){0}),
            .starts_in_reasoning = round % 7 == 0,
        };
        random_output(&random, config.format, &output);
        output_parser_init(&parser, &config);
        feed(&parser, strbuf_view(&output), SIZE_MAX, &whole);
        feed_random_pieces(&parser, strbuf_view(&output), &random, &cut_log);
        if (!str_equal(strbuf_view(&whole.lines), strbuf_view(&cut_log.lines)))
            fail_msg("%s, %s\n--- whole\n%s\n--- cut\n%s", config.format->name, strbuf_c(&output),
                     strbuf_c(&whole.lines), strbuf_c(&cut_log.lines));
        calls[index] += str_find(strbuf_view(&whole.lines), STR("tool_call f "), 0) != SIZE_MAX;
    }
    for (size_t i = 0; i < format_count; i++) {
        if (calls[i] < CALLS_MIN)
            fail_msg("%s: only %zu of the outputs held a call", formats[i]->name, calls[i]);
    }
}

static bool stop_at_once(void *context, const struct chat_event *event)
{
    (void)event;
    ++*(int *)context;
    return false;
}

static void a_receiver_can_stop(void **state)
{
    (void)state;
    const struct output_parser_config config = {.format = tool_format_find(STR("hermes"))};
    CLEANUP(output_parser_done) struct output_parser parser;
    int count = 0;
    output_parser_init(&parser, &config);
    assert_false(output_parser_feed(&parser, STR("one two"), stop_at_once, &count));
    assert_false(output_parser_feed(&parser, STR("three"), stop_at_once, &count));
    assert_int_equal(count, 1);
}

static void text_is_reported_as_soon_as_it_can_be(void **state)
{
    (void)state;
    const struct output_parser_config config = {.format = tool_format_find(STR("hermes"))};
    CLEANUP(output_parser_done) struct output_parser parser;
    CLEANUP(log_done) struct log log = {0};
    output_parser_init(&parser, &config);
    output_parser_feed(&parser, STR("Hello <to"), on_event, &log);
    assert_string_equal(strbuf_c(&log.part), "Hello ");
    output_parser_feed(&parser, STR("day> \xc3"), on_event, &log);
    assert_string_equal(strbuf_c(&log.part), "Hello <today> ");
    output_parser_feed(&parser, STR("\xa9"), on_event, &log);
    assert_string_equal(strbuf_c(&log.part), "Hello <today> \xc3\xa9");
}

static void a_call_without_end_is_bounded(void **state)
{
    (void)state;
    const struct output_parser_config config = {.format = tool_format_find(STR("hermes"))};
    CLEANUP(output_parser_done) struct output_parser parser;
    CLEANUP(log_done) struct log log = {0};
    CLEANUP(strbuf_done) struct strbuf piece = {0};
    for (int i = 0; i < 65536; i++)
        strbuf_add_c(&piece, "[1, ");
    output_parser_init(&parser, &config);
    output_parser_feed(&parser, STR("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"x"),
                       on_event, &log);
    for (size_t fed = 0; fed <= OUTPUT_PARSER_CALL_BYTES_MAX && !log.lines.len; fed += piece.len)
        output_parser_feed(&parser, strbuf_view(&piece), on_event, &log);
    assert_true(str_find(strbuf_view(&log.lines), STR("the call is too long"), 0) != SIZE_MAX);
}

static void reasoning_markers_come_from_the_template(void **state)
{
    (void)state;
    struct output_parser_reasoning found = output_parser_reasoning_of(STR("a [THINK] b [/THINK]"));
    assert_true(str_equal_c(found.close, "[/THINK]"));
    found = output_parser_reasoning_of(STR("nothing"));
    assert_true(str_equal_c(found.open, "<think>"));
    assert_true(output_parser_prompt_is_open(STR("<|im_start|>assistant\n<think>\n"), found));
    assert_false(output_parser_prompt_is_open(STR("<think>\n\n</think>\n\n"), found));
    assert_false(output_parser_prompt_is_open(STR("<think> x"), found));
}

int test_tool_format(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_give_the_same_events_however_cut),
        cmocka_unit_test(formats_of_templates_are_found),
        cmocka_unit_test(formats_of_short_templates_are_found),
        cmocka_unit_test(syntax_is_what_the_builtin_template_writes),
        cmocka_unit_test(any_output_gives_the_same_events_however_cut),
        cmocka_unit_test(a_receiver_can_stop),
        cmocka_unit_test(text_is_reported_as_soon_as_it_can_be),
        cmocka_unit_test(a_call_without_end_is_bounded),
        cmocka_unit_test(reasoning_markers_come_from_the_template),
    };
    return cmocka_run_group_tests_name("tool_format", tests, NULL, NULL);
}
