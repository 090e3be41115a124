/*
 * What a mask holds beside the arguments of calls, for every tool-call format and whatever the
 * logits are: the text of a custom tool is one of its grammar, and comes out of the format's own
 * parser as it was meant; an answer is a value of its schema, with or without thinking before it,
 * and calls come in its place where they may.
 */
#include "engine/tool_mask.h"

#include "base/attr.h"
#include "chat/output_parser.h"
#include "engine/tool_mask_syntax.h"
#include "infer/grammar_state.h"
#include "tests/format_vocab.h"
#include "tests/holt_test.h"
#include "text/json.h"
#include "tokenizer/token_list.h"

enum { VOCAB_COUNT = 2 };

static const char patch_grammar[] =
    "start: \"*** Begin\" LF line+ \"*** End\" LF?\n"
    "line: (\"+\" | \"-\" | \" \") /(.*)/ LF | \"@@\" [\" \" /(.+)/] LF | list LF\n"
    "list: \"(\" (list | \"x\")* \")\"\n" /* leads back to itself */
    "%import common.LF\n";

struct vocab {
    struct tokenizer *tokenizer;
    struct token_mask_vocab *tables;
};

static struct vocab vocabs[VOCAB_COUNT];

static int open_vocabs(void **state)
{
    (void)state;
    for (int i = 0; i < VOCAB_COUNT; i++) {
        vocabs[i].tokenizer = format_vocab_new(i == 0);
        assert_ok(token_mask_vocab_new(vocabs[i].tokenizer, &vocabs[i].tables, err));
    }
    return 0;
}

static int close_vocabs(void **state)
{
    (void)state;
    for (int i = 0; i < VOCAB_COUNT; i++) {
        token_mask_vocab_free(vocabs[i].tables);
        tokenizer_free(vocabs[i].tokenizer);
    }
    return 0;
}

/* ---------------------------------------------------------------- one generation */

struct run {
    const struct vocab *vocab;
    const struct tool_format *format;
    struct token_mask *mask;
    struct strbuf written;
    uint64_t random;
    uint32_t budget;
    /* what the parser made of it */
    struct strbuf text;
    struct strbuf reasoning;
    json_t *inputs; /* of calls */
};

static void run_done(struct run *run)
{
    strbuf_done(&run->written);
    strbuf_done(&run->text);
    strbuf_done(&run->reasoning);
    json_decref(run->inputs);
}

static uint32_t below(struct run *run, uint32_t limit)
{
    run->random = run->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(run->random >> 33) % limit;
}

/* Any allowed token; the end is liked less, so that texts are not all short. */
static int32_t choose(struct run *run, const uint64_t *allowed)
{
    const uint32_t size = tokenizer_vocab_size(run->vocab->tokenizer);
    int32_t best = -1;
    uint32_t best_wish = 0;
    for (uint32_t token = 0; token < size; token++) {
        if (allowed && !(allowed[token / 64] >> (token % 64) & 1))
            continue;
        const bool is_end = tokenizer_is_eog(run->vocab->tokenizer, (int32_t)token);
        const struct str piece = tokenizer_piece(run->vocab->tokenizer, (int32_t)token);
        const bool is_odd = piece.len && strchr("<>\"\\\n|", piece.ptr[0]);
        const uint32_t wish = 1 + below(run, 1000) / (is_end ? 4 : 1) + (is_odd ? 60 : 0);
        if (wish > best_wish) {
            best_wish = wish;
            best = (int32_t)token;
        }
    }
    return best;
}

static void generate(struct run *run)
{
    while (run->budget > 0) {
        const int32_t token = choose(run, token_mask_allowed(run->mask, run->budget));
        if (token < 0)
            fail_msg("%s: nothing is allowed after\n%s", run->format->name,
                     strbuf_c(&run->written));
        assert_ok(token_mask_accept(run->mask, token, err));
        run->budget--;
        if (tokenizer_is_eog(run->vocab->tokenizer, token))
            return;
        strbuf_add_str(&run->written, tokenizer_piece(run->vocab->tokenizer, token));
    }
    if (!token_mask_is_free(run->mask) && !token_mask_is_complete(run->mask))
        fail_msg("%s: over the budget:\n%s", run->format->name, strbuf_c(&run->written));
}

static bool collect(void *context, const struct chat_event *event)
{
    struct run *run = context;
    switch (event->kind) {
    case CHAT_EVENT_TEXT:
    case CHAT_EVENT_BAD_CALL: strbuf_add_str(&run->text, event->text); break;
    case CHAT_EVENT_REASONING: strbuf_add_str(&run->reasoning, event->text); break;
    case CHAT_EVENT_TOOL_CALL: {
        CLEANUP(json_decrefp) json_t *arguments = NULL;
        assert_ok(json_parse(event->arguments, NULL, &arguments, err));
        assert_true(str_equal_c(event->tool_name, "patch"));
        assert_int_equal(json_object_size(arguments), 1);
        json_array_append(run->inputs, json_object_get(arguments, TOOL_MASK_INPUT));
        break;
    }
    case CHAT_EVENT_TOKEN:
    case CHAT_EVENT_CALL_BEGIN:
    case CHAT_EVENT_CALL_ARGUMENTS:
    case CHAT_EVENT_FINISHED: break;
    }
    return true;
}

static const struct output_parser_reasoning no_reasoning = {0};

static struct output_parser_reasoning reasoning_of(const struct tool_format *format)
{
    if (format->headers != TOOL_FORMAT_NO_HEADERS)
        return no_reasoning;
    return (struct output_parser_reasoning){STR("<think>"), STR("</think>")};
}

static struct token_mask *compile(const struct vocab *vocab, const struct tool_format *format,
                                  const struct token_mask_options *options, size_t tool_count)
{
    const struct output_parser_reasoning reasoning = reasoning_of(format);
    const struct token_mask_input input = {
        .key = STR(TOOL_MASK_INPUT),
        .grammar = {.syntax = GRAMMAR_WRITTEN_LARK, .text = str_from_c(patch_grammar)}};
    const struct token_mask_tool tool = {.name = STR("patch"), .input = &input};
    struct token_mask *mask = NULL;
    struct token_mask_syntax syntax;
    CLEANUP(strbuf_done) struct strbuf close = {0};
    test_case(format->name);
    tool_mask_syntax(format, &reasoning, &close, &syntax);
    assert_ok(token_mask_new_tools(vocab->tables, &syntax, &tool, tool_count, options, &mask, err));
    return mask;
}

/* Starts, generates with little or much room, and parses. */
static void play(struct run *run, const struct token_mask *compiled, const json_t *tools,
                 bool is_thinking)
{
    static const uint32_t slack[] = {0, 1, 5, 30, 90, 200};
    const struct output_parser_config config = {
        .format = run->format,
        .makes_no_calls = json_array_size(tools) == 0,
        .tools = tools,
        .reasoning = reasoning_of(run->format),
        .starts_in_reasoning = is_thinking,
    };
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    CLEANUP(output_parser_done) struct output_parser parser;
    assert_ok(token_mask_fork(compiled, &mask, err));
    run->mask = mask;
    run->inputs = json_array();
    token_mask_set_reasoning(mask, is_thinking);
    assert_ok(token_mask_start(mask, UINT32_MAX - 1, STR("assistant\n"), err));
    run->budget = token_mask_fewest_tokens(mask) + slack[below(run, ARRAY_LEN(slack))];
    assert_ok(token_mask_start(mask, run->budget, STR("assistant\n"), err));
    generate(run);
    output_parser_init(&parser, &config);
    output_parser_feed(&parser, strbuf_view(&run->written), collect, run);
    output_parser_finish(&parser, collect, run);
}

static json_t *make_tools(void)
{
    return json_pack("[{s:s, s:{s:s, s:{s:s, s:{s:{s:s}}, s:[s]}}}]", "type", "function",
                     "function", "name", "patch", "parameters", "type", "object", "properties",
                     TOOL_MASK_INPUT, "type", "string", "required", TOOL_MASK_INPUT);
}

/* ---------------------------------------------------------------- texts of grammars */

static bool is_patch(struct str text)
{
    const struct grammar_written written = {GRAMMAR_WRITTEN_LARK, str_from_c(patch_grammar)};
    const struct grammar_written_place place = {0};
    CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    uint32_t rule = 0;
    assert_ok(grammar_written_add(grammar, &written, &place, &rule, err));
    assert_ok(grammar_finish(grammar, 0, err));
    grammar_state_start(&state, grammar, NULL, rule, 0);
    for (size_t i = 0; i < text.len; i++) {
        struct grammar_layer next;
        if (!grammar_state_step(&state, &state.base, (unsigned char)text.ptr[i], &next))
            return false;
        grammar_state_commit(&state, &next);
    }
    return grammar_state_is_complete(&state, &state.base);
}

/* What a text held that is escaped or looks like a mark, over all runs. */
struct seen {
    int quotes, backslashes, tags, lines;
};

static void check_inputs(const struct run *run, bool must_call, struct seen *seen)
{
    const size_t count = json_array_size(run->inputs);
    if (must_call && count == 0)
        fail_msg("%s: no call in\n%s", run->format->name, strbuf_c(&run->written));
    for (size_t i = 0; i < count; i++) {
        const struct str text = json_str(json_array_get(run->inputs, i));
        if (!is_patch(text))
            fail_msg("%s: no text of the grammar: %.*s\nin\n%s", run->format->name, STR_ARG(text),
                     strbuf_c(&run->written));
        seen->quotes += str_find_char(text, '"', 0) != SIZE_MAX;
        seen->backslashes += str_find_char(text, '\\', 0) != SIZE_MAX;
        seen->tags += str_find_char(text, '<', 0) != SIZE_MAX;
        seen->lines += str_find(text, STR("\n+"), 0) != SIZE_MAX;
    }
}

static void custom_tools_get_texts_of_their_grammar_in_every_format(void **state)
{
    (void)state;
    enum { ROUNDS = 14 };
    static const enum token_mask_mode modes[] = {TOKEN_MASK_REQUIRED, TOKEN_MASK_AUTO};
    size_t count = 0;
    const struct tool_format *const *formats = tool_format_list(&count);
    CLEANUP(json_decrefp) json_t *tools = make_tools();
    for (size_t f = 0; f < count; f++) {
        struct seen seen = {0};
        for (size_t k = 0; k < VOCAB_COUNT * ARRAY_LEN(modes); k++) {
            const struct token_mask_options options = {.mode = modes[k / VOCAB_COUNT],
                                                       .call_count_max = 1};
            CLEANUP(token_mask_freep)
            struct token_mask *mask = compile(&vocabs[k % VOCAB_COUNT], formats[f], &options, 1);
            for (int i = 0; i < ROUNDS; i++) {
                CLEANUP(run_done)
                struct run run = {.vocab = &vocabs[k % VOCAB_COUNT],
                                  .format = formats[f],
                                  .random = f * 1000 + k * 100 + (uint64_t)i};
                play(&run, mask, tools, false);
                check_inputs(&run, options.mode == TOKEN_MASK_REQUIRED, &seen);
            }
        }
        assert_true(seen.quotes && seen.backslashes && seen.tags && seen.lines);
    }
}

/* ---------------------------------------------------------------- answers */

static bool is_answer(struct str text)
{
    CLEANUP(json_decrefp) json_t *value = NULL;
    if (json_parse(text, NULL, &value, NULL) != OK || json_object_size(value) != 2)
        return false;
    const struct str b = json_str(json_object_get(value, "b"));
    return json_is_integer(json_object_get(value, "a")) &&
           (str_equal_c(b, "x") || str_equal_c(b, "y<"));
}

static void check_answer(const struct run *run, bool may_call)
{
    const size_t calls = json_array_size(run->inputs);
    const struct str text = str_trim(strbuf_view(&run->text));
    const bool is_good = calls > 0 ? may_call && text.len == 0 : is_answer(text);
    if (!is_good)
        fail_msg("%s: %zu calls and \"%.*s\" in\n%s", run->format->name, calls, STR_ARG(text),
                 strbuf_c(&run->written));
}

struct counts {
    int thoughts, calls, answers;
};

static void play_answers(const struct tool_format *format, enum token_mask_mode mode,
                         const json_t *schema, const json_t *tools, struct counts *counts)
{
    enum { ROUNDS = 24 };
    const struct token_mask_answer answer = {.schema = schema};
    for (size_t k = 0; k < VOCAB_COUNT * 2; k++) {
        const struct token_mask_options options = {
            .mode = mode, .call_count_max = 1, .answer = &answer, .is_unthinking = k % 2};
        const struct vocab *vocab = &vocabs[k / 2];
        CLEANUP(token_mask_freep)
        struct token_mask *mask = compile(vocab, format, &options, json_array_size(tools));
        for (int i = 0; i < ROUNDS; i++) {
            const bool is_thinking = format->headers == TOOL_FORMAT_NO_HEADERS && i % 3 == 0;
            CLEANUP(run_done)
            struct run run = {.vocab = vocab, .format = format, .random = k * 100 + (uint64_t)i};
            play(&run, mask, tools, is_thinking);
            check_answer(&run, mode == TOKEN_MASK_AUTO && json_array_size(tools) > 0);
            if (options.is_unthinking && !is_thinking && format->headers != TOOL_FORMAT_CHANNELS)
                assert_int_equal(run.reasoning.len, 0);
            counts->thoughts += run.reasoning.len > 0;
            counts->calls += json_array_size(run.inputs) > 0;
            counts->answers += json_array_size(run.inputs) == 0;
        }
    }
}

/* Formats whose call is an object without any mark would take an answer for one. */
static bool tells_calls_apart(const struct tool_format *format)
{
    return !format->starts_reply;
}

/* Functionary's messages have no thinking. */
static bool format_is_unthinking(const struct tool_format *format)
{
    return format->headers == TOOL_FORMAT_RECIPIENTS;
}

static void an_answer_is_a_value_of_its_schema_behind_thinking_or_not(void **state)
{
    (void)state;
    size_t count = 0;
    const struct tool_format *const *formats = tool_format_list(&count);
    CLEANUP(json_decrefp) json_t *tools = make_tools();
    CLEANUP(json_decrefp) json_t *schema = NULL;
    assert_ok(json_parse(
        STR("{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": "
            "{\"enum\": [\"x\", \"y<\"]}}, \"required\": [\"a\", \"b\"], "
            "\"additionalProperties\": false}"),
        NULL, &schema, err));
    struct counts all = {0};
    for (size_t f = 0; f < count; f++) {
        struct counts counts = {0};
        play_answers(formats[f], TOKEN_MASK_NONE, schema, NULL, &counts);
        assert_true((counts.thoughts > 0 || format_is_unthinking(formats[f])) && counts.calls == 0);
        if (tells_calls_apart(formats[f])) {
            play_answers(formats[f], TOKEN_MASK_NONE, schema, tools, &counts);
            assert_int_equal(counts.calls, 0);
            play_answers(formats[f], TOKEN_MASK_AUTO, schema, tools, &all);
        }
    }
    assert_true(all.calls > 0 && all.answers > 0 && all.thoughts > 0);
}

static void an_answer_that_cannot_be_is_refused(void **state)
{
    (void)state;
    const struct tool_format *format = tool_format_find(STR("hermes"));
    const struct output_parser_reasoning reasoning = reasoning_of(format);
    CLEANUP(json_decrefp) json_t *schema = json_pack("{s:[]}", "enum");
    const struct token_mask_answer answers[] = {
        {.schema = schema},
        {.grammar = {GRAMMAR_WRITTEN_GBNF, STR("root ::= \"a\" root")}},
        {.grammar = {GRAMMAR_WRITTEN_GBNF, STR("root ::= \"a")}},
    };
    CLEANUP(strbuf_done) struct strbuf close = {0};
    struct token_mask_syntax syntax;
    tool_mask_syntax(format, &reasoning, &close, &syntax);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        const struct token_mask_options options = {.mode = TOKEN_MASK_NONE, .answer = &answers[i]};
        CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
        struct error err = {0};
        assert_int_equal(
            token_mask_new_tools(vocabs[0].tables, &syntax, NULL, 0, &options, &mask, &err),
            E_INVALID);
        assert_true(err.text[0] != '\0');
    }
}

int test_tool_mask_answer(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(custom_tools_get_texts_of_their_grammar_in_every_format),
        cmocka_unit_test(an_answer_is_a_value_of_its_schema_behind_thinking_or_not),
        cmocka_unit_test(an_answer_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("tool_mask_answer", tests, open_vocabs, close_vocabs);
}
