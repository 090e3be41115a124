/*
 * The promise of masks, for every tool-call format: whatever the logits are, what a model writes is
 * read back by the format's own parser as calls that name a tool and are valid against its schema,
 * the types of their arguments included, and as nothing that began like a call and is none. Tested
 * with logits that mean no good, over a vocabulary with the formats' control tokens and one in
 * which every marker is text, with budgets that leave no slack.
 */
#include "engine/tool_mask.h"

#include "base/attr.h"
#include "chat/chat_template.h"
#include "chat/output_parser.h"
#include "engine/tool_mask_syntax.h"
#include "tests/format_vocab.h"
#include "tests/holt_test.h"
#include "text/json.h"
#include "tokenizer/detokenizer.h"
#include "tokenizer/token_list.h"

#include <stdlib.h>

enum {
    VOCAB_COUNT = 2,
    PLAIN_COUNT = 7,
    DOCUMENT_COUNT = 4,
    TOOL_COUNT = PLAIN_COUNT + DOCUMENT_COUNT
};

/* ---------------------------------------------------------------- vocabularies */

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

/* ---------------------------------------------------------------- tools */

/* The properties of each tool; all are required but those in the last column. */
static const struct {
    const char *name;
    const char *properties;
    const char *optional;
} tool_rows[PLAIN_COUNT] = {
    {"a", "{}", ""},
    {"read", "{\"path\": {\"type\": \"string\"}}", ""},
    {"read_all",
     "{\"path\": {\"type\": \"string\", \"minLength\": 2, \"maxLength\": 6}, \"line\": {\"type\": "
     "\"integer\", \"minimum\": 1, \"maximum\": 300}, \"deep\": {\"type\": \"boolean\"}}",
     "line deep"},
    {"set",
     "{\"key\": {\"type\": \"string\", \"enum\": [\"left\", \"right\", \"le<ft\"]}, \"rate\": "
     "{\"type\": \"number\", \"minimum\": -1, \"maximum\": 2.5}, \"mode\": {\"enum\": [\"x\", "
     "\"xy\"]}}",
     "rate mode"},
    {"list",
     "{\"items\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"minItems\": 1, "
     "\"maxItems\": 3}, \"texts\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}, "
     "\"maxItems\": 2}}",
     "texts"},
    {"nest",
     "{\"map\": {\"type\": \"object\", \"properties\": {\"k\": {\"type\": \"string\"}, \"n\": "
     "{\"type\": \"object\", \"properties\": {\"b\": {\"type\": \"boolean\"}}, \"required\": "
     "[\"b\"], \"additionalProperties\": false}}, \"required\": [\"k\"], \"additionalProperties\": "
     "false}, \"opt\": {\"type\": [\"integer\", \"null\"]}}",
     "opt"},
    {"text",
     "{\"code\": {\"type\": \"string\", \"pattern\": \"^[a-c]{2,4}$\"}, \"any\": {\"type\": "
     "[\"string\", \"null\"]}, \"none\": {\"type\": \"null\"}}",
     "any none"},
};

/* Tools whose parameters refer, recur, and are put together. */
static const struct {
    const char *name;
    const char *parameters;
} documents[DOCUMENT_COUNT] = {
    {"paint",
     "{\"type\": \"object\", \"properties\": {\"color\": {\"$ref\": \"#/$defs/Color\"}, \"size\": "
     "{\"allOf\": [{\"$ref\": \"#/$defs/Size\"}, {\"maximum\": 5}]}}, \"required\": [\"color\"], "
     "\"additionalProperties\": false, \"$defs\": {\"Color\": {\"type\": \"string\", \"enum\": "
     "[\"red\", \"blue\"]}, \"Size\": {\"type\": \"integer\", \"minimum\": 1}}}"},
    {"tree",
     "{\"type\": \"object\", \"properties\": {\"node\": {\"$ref\": \"#/$defs/Node\"}}, "
     "\"required\": "
     "[\"node\"], \"additionalProperties\": false, \"$defs\": {\"Node\": {\"type\": \"object\", "
     "\"properties\": {\"v\": {\"type\": \"integer\"}, \"next\": {\"anyOf\": [{\"$ref\": "
     "\"#/$defs/Node\"}, {\"type\": \"null\"}]}}, \"required\": [\"v\", \"next\"], "
     "\"additionalProperties\": false}}}"},
    {"pick",
     "{\"type\": \"object\", \"properties\": {\"what\": {\"type\": \"object\", \"oneOf\": "
     "[{\"properties\": {\"k\": {\"const\": \"a\"}, \"n\": {\"type\": \"integer\"}}, \"required\": "
     "[\"k\", \"n\"], \"additionalProperties\": false}, {\"properties\": {\"k\": {\"const\": "
     "\"b\"}, "
     "\"t\": {\"type\": \"string\", \"minLength\": 1}}, \"required\": [\"k\", \"t\"], "
     "\"additionalProperties\": false}]}}, \"required\": [\"what\"], "
     "\"additionalProperties\": false}"},
    {"whole",
     "{\"allOf\": [{\"$ref\": \"#/$defs/A\"}, {\"type\": \"object\", \"properties\": {\"x\": "
     "{\"minLength\": 2}, \"y\": {\"type\": \"boolean\"}}, \"required\": [\"y\"]}], "
     "\"$defs\": {\"A\": "
     "{\"type\": \"object\", \"properties\": {\"x\": {\"type\": \"string\", \"maxLength\": 3}}, "
     "\"required\": [\"x\"]}}}"},
};

static json_t *make_document(size_t index)
{
    json_t *parameters = json_loads(documents[index].parameters, 0, NULL);
    assert_non_null(parameters);
    return json_pack("{s:s, s:{s:s, s:o}}", "type", "function", "function", "name",
                     documents[index].name, "parameters", parameters);
}

static json_t *make_tool(size_t index)
{
    json_t *properties = json_loads(tool_rows[index].properties, 0, NULL);
    json_t *required = json_array();
    const char *name = NULL;
    json_t *value = NULL;
    assert_non_null(properties);
    json_object_foreach(properties, name, value)
    {
        if (!strstr(tool_rows[index].optional, name))
            json_array_append_new(required, json_string(name));
    }
    return json_pack("{s:s, s:{s:s, s:{s:s, s:o, s:o, s:b}}}", "type", "function", "function",
                     "name", tool_rows[index].name, "parameters", "type", "object", "properties",
                     properties, "required", required, "additionalProperties", 0);
}

static json_t *make_tools(void)
{
    json_t *tools = json_array();
    for (size_t i = 0; i < PLAIN_COUNT; i++)
        json_array_append_new(tools, make_tool(i));
    for (size_t i = 0; i < DOCUMENT_COUNT; i++)
        json_array_append_new(tools, make_document(i));
    return tools;
}

/* ---------------------------------------------------------------- the judge */

static bool has_type(const json_t *value, const char *type)
{
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    if (strcmp(type, "null") == 0)
        return json_is_null(value);
    return json_is_object(value) ? strcmp(type, "object") == 0
                                 : json_is_array(value) && strcmp(type, "array") == 0;
}

static bool fits_type(const json_t *value, const json_t *type)
{
    bool fits = !type || (json_is_string(type) && has_type(value, json_string_value(type)));
    for (size_t i = 0; i < json_array_size(type); i++)
        fits |= has_type(value, json_string_value(json_array_get(type, i)));
    return fits;
}

static size_t characters(const json_t *text)
{
    struct str rest = json_str(text);
    size_t count = 0;
    for (; rest.len; count++)
        (void)utf8_next(&rest);
    return count;
}

static bool within(const json_t *schema, const char *least, const char *most, double value)
{
    const json_t *low = json_object_get(schema, least);
    const json_t *high = json_object_get(schema, most);
    return (!low || value >= json_number_value(low)) && (!high || value <= json_number_value(high));
}

static bool is_listed(const json_t *values, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (json_equal(json_array_get(values, i), value))
            return true;
    }
    return !values;
}

static bool is_valid(const json_t *schema, const json_t *value);

/* The parameters that references start from. */
static const json_t *judged_root;

/* $ref into $defs, and how many schemas of a list allow the value. */
static bool is_valid_elsewhere(const json_t *schema, const json_t *value)
{
    static const struct {
        const char *keyword;
        bool must_be_all;
        bool must_be_one;
    } lists[] = {{"allOf", true, false}, {"anyOf", false, false}, {"oneOf", false, true}};
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (reference) {
        const json_t *target =
            json_object_get(json_object_get(judged_root, "$defs"), strrchr(reference, '/') + 1);
        assert_non_null(target);
        if (!is_valid(target, value))
            return false;
    }
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        const json_t *list = json_object_get(schema, lists[k].keyword);
        const size_t size = json_array_size(list);
        size_t fits = 0;
        for (size_t i = 0; i < size; i++)
            fits += is_valid(json_array_get(list, i), value);
        if (list && (lists[k].must_be_all   ? fits < size
                     : lists[k].must_be_one ? fits != 1
                                            : fits == 0))
            return false;
    }
    return true;
}

static bool is_valid_object(const json_t *schema, const json_t *value)
{
    const json_t *required = json_object_get(schema, "required");
    const char *name = NULL;
    json_t *member = NULL;
    for (size_t i = 0; i < json_array_size(required); i++) {
        if (!json_object_get(value, json_string_value(json_array_get(required, i))))
            return false;
    }
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        const json_t *inner = json_object_get(json_object_get(schema, "properties"), name);
        if (inner ? !is_valid(inner, member)
                  : json_is_false(json_object_get(schema, "additionalProperties")))
            return false;
    }
    return true;
}

/* The keywords that the tools above use. */
static bool is_valid(const json_t *schema, const json_t *value)
{
    if (!fits_type(value, json_object_get(schema, "type")) ||
        !is_listed(json_object_get(schema, "enum"), value) || !is_valid_elsewhere(schema, value) ||
        (json_object_get(schema, "const") && !json_equal(json_object_get(schema, "const"), value)))
        return false;
    if (json_is_number(value))
        return within(schema, "minimum", "maximum", json_number_value(value));
    if (json_is_string(value)) {
        const bool has_pattern = json_object_get(schema, "pattern") != NULL;
        const struct str text = json_str(value);
        bool matches = !has_pattern || (text.len >= 2 && text.len <= 4);
        for (size_t i = 0; has_pattern && i < text.len; i++)
            matches &= text.ptr[i] >= 'a' && text.ptr[i] <= 'c';
        return matches && within(schema, "minLength", "maxLength", (double)characters(value));
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!is_valid(json_object_get(schema, "items"), json_array_get(value, i)))
            return false;
    }
    if (json_is_array(value))
        return within(schema, "minItems", "maxItems", (double)json_array_size(value));
    return !json_is_object(value) || is_valid_object(schema, value);
}

/* ---------------------------------------------------------------- one generation */

struct run {
    const struct vocab *vocab;
    const struct tool_format *format;
    const json_t *tools;
    struct token_mask *mask;
    struct strbuf text;
    uint64_t random;
    uint32_t budget;
    int calls;
};

static uint32_t below(struct run *run, uint32_t limit)
{
    run->random = run->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(run->random >> 33) % limit;
}

static bool judge(void *context, const struct chat_event *event)
{
    struct run *run = context;
    if (event->kind == CHAT_EVENT_BAD_CALL)
        fail_msg("%s: bad call: %.*s in\n%s", run->format->name, STR_ARG(event->reason),
                 strbuf_c(&run->text));
    if (event->kind != CHAT_EVENT_TOOL_CALL)
        return true;
    run->calls++;
    CLEANUP(json_decrefp) json_t *arguments = NULL;
    assert_ok(json_parse(event->arguments, NULL, &arguments, err));
    for (size_t i = 0; i < json_array_size(run->tools); i++) {
        const json_t *function = json_object_get(json_array_get(run->tools, i), "function");
        if (!str_equal(json_str(json_object_get(function, "name")), event->tool_name))
            continue;
        judged_root = json_object_get(function, "parameters");
        if (!is_valid(judged_root, arguments))
            fail_msg("%s: not valid: %.*s in\n%s", run->format->name, STR_ARG(event->arguments),
                     strbuf_c(&run->text));
        return true;
    }
    fail_msg("%s: no tool %.*s in\n%s", run->format->name, STR_ARG(event->tool_name),
             strbuf_c(&run->text));
    return false;
}

static void parse(struct run *run, const struct output_parser_reasoning *reasoning,
                  bool starts_in_reasoning)
{
    const struct output_parser_config config = {
        .format = run->format,
        .tools = run->tools,
        .reasoning = *reasoning,
        .starts_in_reasoning = starts_in_reasoning,
    };
    CLEANUP(output_parser_done) struct output_parser parser;
    output_parser_init(&parser, &config);
    output_parser_feed(&parser, strbuf_view(&run->text), judge, run);
    output_parser_finish(&parser, judge, run);
}

static bool is_allowed(const uint64_t *allowed, int32_t token)
{
    return !allowed || (allowed[token / 64] >> (token % 64) & 1);
}

/* Any allowed token; those that are no single letter, and tags, are liked better. */
static int32_t choose(struct run *run, const uint64_t *allowed)
{
    const uint32_t size = tokenizer_vocab_size(run->vocab->tokenizer);
    const uint32_t start = below(run, size);
    int32_t best = -1;
    uint32_t best_wish = 0;
    const uint32_t greed = below(run, 3);
    for (uint32_t i = 0; i < size; i++) {
        const int32_t token = (int32_t)((start + i) % size);
        if (!is_allowed(allowed, token))
            continue;
        const struct str piece = tokenizer_piece(run->vocab->tokenizer, token);
        const bool is_tag = piece.len && strchr("<>\"{}[]/|=", piece.ptr[0]);
        const uint32_t wish = 1 + below(run, 8) + greed * ((piece.len > 1) + 3u * is_tag);
        if (wish > best_wish) {
            best_wish = wish;
            best = token;
        }
        if (greed == 0 && best >= 0 && below(run, 4) == 0)
            break;
    }
    return best;
}

static bool take(struct run *run, int32_t token)
{
    assert_ok(token_mask_accept(run->mask, token, err));
    run->budget--;
    if (tokenizer_is_eog(run->vocab->tokenizer, token))
        return false;
    strbuf_add_str(&run->text, tokenizer_piece(run->vocab->tokenizer, token));
    return true;
}

/* In free text: writes the beginning of a call, as far as the mask lets it. */
static void lure(struct run *run)
{
    struct token_list list = {0};
    const struct tool_format_syntax *syntax = &run->format->syntax;
    CLEANUP(strbuf_done) struct strbuf opening = {0};
    const char *marker = run->format->markers[below(run, 2) && run->format->markers[1] ? 1 : 0];
    strbuf_add_c(&opening, run->format->starts_reply && below(run, 2) ? "{" : marker);
    if (below(run, 2))
        strbuf_add_str(&opening, syntax->open);
    assert_ok(tokenizer_encode(run->vocab->tokenizer, strbuf_view(&opening),
                               below(run, 2) ? TOKENIZER_PLAIN : TOKENIZER_PARSE_SPECIAL, &list,
                               err));
    for (size_t i = 0; i < list.count && run->budget > 0; i++) {
        if (!is_allowed(token_mask_allowed(run->mask, run->budget), list.ids[i]))
            break;
        if (!take(run, list.ids[i]))
            break;
    }
    token_list_done(&list);
}

/* Tokens that are forced; true when there were some. */
static bool take_forced(struct run *run)
{
    struct token_list list = {0};
    if (!token_mask_is_free(run->mask))
        assert_ok(token_mask_forced_tokens(run->mask, run->budget, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        assert_true(is_allowed(token_mask_allowed(run->mask, run->budget), list.ids[i]));
        (void)take(run, list.ids[i]);
    }
    const bool has_some = list.count > 0;
    token_list_done(&list);
    return has_some;
}

static void generate(struct run *run, bool must_call)
{
    while (run->budget > 0) {
        if (token_mask_is_free(run->mask) && below(run, 12) == 0) {
            lure(run);
            continue;
        }
        if (below(run, 2) && take_forced(run))
            continue;
        const uint64_t *allowed = token_mask_allowed(run->mask, run->budget);
        const int32_t token = choose(run, allowed);
        if (token < 0)
            fail_msg("%s: nothing is allowed after\n%s", run->format->name, strbuf_c(&run->text));
        if (!take(run, token))
            return;
        if (token_mask_is_complete(run->mask) && below(run, 3) == 0)
            return;
    }
    if (must_call && !token_mask_is_complete(run->mask))
        fail_msg("%s: over the budget:\n%s", run->format->name, strbuf_c(&run->text));
}

static const struct output_parser_reasoning no_reasoning = {0};

/* The marks that a model of this format puts around reasoning. */
static struct output_parser_reasoning reasoning_of(const struct tool_format *format)
{
    if (format->headers != TOOL_FORMAT_NO_HEADERS)
        return no_reasoning;
    return (struct output_parser_reasoning){STR("<think>"), STR("</think>")};
}

static struct token_mask *make_mask(const struct vocab *vocab, const struct tool_format *format,
                                    const json_t *tools, enum token_mask_mode mode,
                                    const struct output_parser_reasoning *reasoning)
{
    struct token_mask_tool rows[TOOL_COUNT] = {0};
    for (size_t i = 0; i < TOOL_COUNT; i++) {
        const json_t *function = json_object_get(json_array_get(tools, i), "function");
        rows[i].name = json_str(json_object_get(function, "name"));
        rows[i].parameters = json_object_get(function, "parameters");
    }
    CLEANUP(strbuf_done) struct strbuf close = {0};
    struct token_mask_syntax syntax;
    tool_mask_syntax(format, reasoning, &close, &syntax);
    const struct token_mask_options options = {.mode = mode,
                                               .call_count_max = format->is_single ? 1 : 3};
    struct token_mask *mask = NULL;
    test_case(format->name);
    assert_ok(token_mask_new_tools(vocab->tables, &syntax, rows, TOOL_COUNT, &options, &mask, err));
    return mask;
}

/* ---------------------------------------------------------------- tests */

static void run_format(const struct vocab *vocab, const struct tool_format *format,
                       const json_t *tools, int rounds, uint64_t seed, int *calls)
{
    static const enum token_mask_mode modes[] = {TOKEN_MASK_REQUIRED, TOKEN_MASK_AUTO};
    const struct output_parser_reasoning reasoning = reasoning_of(format);
    for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
        const bool must_call = modes[m] == TOKEN_MASK_REQUIRED;
        CLEANUP(token_mask_freep)
        struct token_mask *compiled = make_mask(vocab, format, tools, modes[m], &reasoning);
        for (int i = 0; i < rounds; i++) {
            CLEANUP(strbuf_done) struct strbuf text = {0};
            struct run run = {.vocab = vocab,
                              .format = format,
                              .tools = tools,
                              .random = seed + (uint64_t)i * 7919u + m};
            CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
            const bool is_thinking = reasoning.open.len && i % 3 == 0;
            assert_ok(token_mask_fork(compiled, &mask, err));
            run.mask = mask;
            token_mask_set_reasoning(mask, is_thinking);
            assert_ok(token_mask_start(mask, UINT32_MAX - 1, STR("assistant\n"), err));
            const uint32_t fewest = token_mask_fewest_tokens(mask);
            const uint32_t slack[] = {0, 1, 4, 20, 60, 150};
            run.budget = fewest + slack[below(&run, ARRAY_LEN(slack))];
            assert_ok(token_mask_start(mask, run.budget, STR("assistant\n"), err));
            generate(&run, must_call);
            text = run.text;
            parse(&run, &reasoning, is_thinking);
            if (must_call && run.calls == 0)
                fail_msg("%s: no call in\n%s", format->name, strbuf_c(&run.text));
            *calls += run.calls;
        }
    }
}

static void every_format_gives_valid_calls_whatever_the_logits(void **state)
{
    (void)state;
    int64_t seed = 0; /* HOLT_SOAK=n is a long run with seed n */
    const bool is_soak = str_to_int(str_from_c(getenv("HOLT_SOAK")), &seed);
    size_t count = 0;
    const struct tool_format *const *formats = tool_format_list(&count);
    CLEANUP(json_decrefp) json_t *tools = make_tools();
    for (size_t f = 0; f < count; f++) {
        int calls = 0;
        const int rounds = is_soak ? 2500 : 75; /* of each vocabulary and mode: 300 in all */
        for (int v = 0; v < VOCAB_COUNT; v++)
            run_format(&vocabs[v], formats[f], tools, rounds,
                       (uint64_t)seed * 1000003u + f * 31u + (uint64_t)v, &calls);
        if (is_soak)
            print_message("%s: %d generations, %d calls\n", formats[f]->name, 4 * rounds, calls);
        assert_true(calls >= 2 * rounds);
    }
}

/* A mask that demands a call of the tool `f` with these parameters. */
static struct token_mask *demand(const struct vocab *vocab, const struct tool_format *format,
                                 const json_t *parameters)
{
    CLEANUP(strbuf_done) struct strbuf close = {0};
    struct token_mask *mask = NULL;
    const struct token_mask_tool row = {.name = STR("f"), .parameters = parameters};
    const struct token_mask_options options = {.mode = TOKEN_MASK_REQUIRED, .call_count_max = 1};
    struct token_mask_syntax syntax;
    assert_non_null(parameters);
    tool_mask_syntax(format, &no_reasoning, &close, &syntax);
    assert_ok(token_mask_new_tools(vocab->tables, &syntax, &row, 1, &options, &mask, err));
    return mask;
}

/* The shortest call of a tool `f` with these parameters. */
static void write_only_call(const struct tool_format *format, const char *parameters,
                            struct strbuf *out)
{
    CLEANUP(json_decrefp) json_t *schema = json_loads(parameters, 0, NULL);
    CLEANUP(token_mask_freep) struct token_mask *mask = demand(&vocabs[1], format, schema);
    struct run run = {.vocab = &vocabs[1], .format = format, .mask = mask};
    run.budget = token_mask_fewest_tokens(mask);
    assert_ok(token_mask_start(mask, run.budget, (struct str){0}, err));
    generate(&run, true);
    strbuf_add_str(out, strbuf_view(&run.text));
    strbuf_done(&run.text);
}

static void elements_are_written_where_the_schema_lists_them(void **state)
{
    (void)state;
    static const struct {
        const char *schema; /* of the argument a */
        const char *value;
    } rows[] = {
        {"{\"type\": \"object\", \"properties\": {\"k\": {\"type\": \"boolean\"}}, \"required\": "
         "[\"k\"]}",
         "@<k>true@</k>"},
        {"{\"type\": \"array\", \"items\": {\"enum\": [7]}, \"minItems\": 2}",
         "@<item>7@</item>@<item>7@</item>"},
        {"{\"type\": \"array\", \"items\": {\"type\": \"string\"}}", ""},
        {"{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"array\", \"minItems\": 1, "
         "\"items\": {\"type\": \"string\", \"enum\": [\"x\"]}}}",
         "@<item>@<item>x@</item>@</item>"},
        {"{\"anyOf\": [{\"type\": \"object\", \"properties\": {\"k\": {\"type\": \"null\"}}}, "
         "{\"type\": \"null\"}, {\"const\": 12345}]}",
         ""},
        {"{\"anyOf\": [{\"type\": \"object\", \"properties\": {\"k\": {\"enum\": [1]}}, "
         "\"required\": [\"k\"], \"additionalProperties\": false}, {\"type\": \"object\", "
         "\"properties\": {\"k\": {\"type\": \"string\"}, \"l\": {\"type\": \"null\"}}, "
         "\"required\": [\"k\", \"l\"], "
         "\"additionalProperties\": false}]}",
         "{\"k\": 1}"},
        {"{\"type\": \"object\"}", "{}"},
        {"{\"type\": \"object\", \"properties\": {\"<\": {\"enum\": [1]}}, \"required\": [\"<\"]}",
         "{\"<\": 1}"},
    };
    const struct tool_format *format = tool_format_find(STR("minimax_m3"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(strbuf_done) struct strbuf parameters = {0};
        CLEANUP(strbuf_done) struct strbuf text = {0};
        CLEANUP(strbuf_done) struct strbuf want = {0};
        strbuf_addf(&parameters,
                    "{\"type\": \"object\", \"properties\": {\"a\": %s}, \"required\": [\"a\"]}",
                    rows[i].schema);
        test_case(rows[i].schema);
        write_only_call(format, strbuf_c(&parameters), &text);
        for (const char *c = rows[i].value; *c; c++) {
            if (*c == '@')
                strbuf_add_c(&want, "]<]minimax[>[");
            else
                strbuf_add_char(&want, *c);
        }
        const struct str value = str_slice(strbuf_view(&text), 0, text.len);
        const struct str open = STR("<a>");
        const size_t from = str_find(value, open, 0) + open.len;
        const size_t to = str_find(value, STR("]<]minimax[>[</a>"), 0);
        assert_true(from < value.len && to != SIZE_MAX);
        if (!str_equal(str_slice(value, from, to), strbuf_view(&want)))
            fail_msg("%s", strbuf_c(&text));
    }
}

struct rewriting {
    const struct chat_template *chat_template;
    struct strbuf text;
};

/* A call that was read, as the template writes it. */
static bool write_again(void *context, const struct chat_event *event)
{
    struct rewriting *again = context;
    assert_int_not_equal(event->kind, CHAT_EVENT_BAD_CALL);
    if (event->kind != CHAT_EVENT_TOOL_CALL)
        return true;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    CLEANUP(json_decrefp) json_t *arguments = NULL;
    assert_ok(json_parse(event->arguments, NULL, &arguments, err));
    chat_request_add(&request, CHAT_ROLE_USER, STR("Go."));
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    chat_request_add_call(&request, message, STR(""), event->tool_name, arguments);
    assert_ok(chat_template_render(again->chat_template, &request, &spans, err));
    strbuf_clear(&again->text);
    strbuf_add_str(&again->text, strbuf_view(&spans.text));
    return true;
}

/* Or the tokens of a call would not stay when the conversation goes on. */
static void elements_are_written_as_a_template_writes_them(void **state)
{
    (void)state;
    enum { ROUNDS = 60 };
    static const char parameters[] =
        "{\"type\": \"object\", \"properties\": {\"path\": {\"type\": \"string\", \"maxLength\": "
        "8}, \"on\": {\"type\": \"boolean\"}, \"rows\": {\"type\": \"array\", \"maxItems\": 3, "
        "\"items\": {\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\"}, "
        "\"names\": {\"type\": \"array\", \"maxItems\": 2, \"items\": {\"enum\": [\"a\", "
        "\"bc\"]}}}, \"required\": [\"names\"]}}}, \"required\": [\"path\", \"rows\"]}";
    CLEANUP(json_decrefp) json_t *schema = json_loads(parameters, 0, NULL);
    CLEANUP(json_decrefp)
    json_t *tools = json_pack("[{s:{s:s, s:O}}]", "function", "name", "f", "parameters", schema);
    CLEANUP(chat_template_freep) struct chat_template *chat_template = NULL;
    assert_ok(chat_template_new(test_read_file("tests/data/template/minimax_m3.jinja"), STR(""),
                                STR("<|im_end|>"), &chat_template, err));
    const struct tool_format *format = tool_format_detect(chat_template, NULL);
    assert_string_equal(format->name, "minimax_m3");
    for (int i = 0; i < ROUNDS; i++) {
        const struct vocab *vocab = &vocabs[i % VOCAB_COUNT];
        CLEANUP(token_mask_freep)
        struct token_mask *mask = demand(vocab, format, schema);
        struct run run = {.vocab = vocab, .format = format, .mask = mask};
        struct rewriting again = {.chat_template = chat_template};
        run.random = (uint64_t)i * 977u;
        run.budget = token_mask_fewest_tokens(mask) + 400;
        assert_ok(token_mask_start(mask, run.budget, (struct str){0}, err));
        generate(&run, true);
        const struct output_parser_config config = {.format = format, .tools = tools};
        CLEANUP(output_parser_done) struct output_parser parser;
        output_parser_init(&parser, &config);
        output_parser_feed(&parser, strbuf_view(&run.text), write_again, &again);
        output_parser_finish(&parser, write_again, &again);
        if (str_find(strbuf_view(&again.text), strbuf_view(&run.text), 0) == SIZE_MAX)
            fail_msg("%s\n--- written again\n%s", strbuf_c(&run.text), strbuf_c(&again.text));
        strbuf_done(&again.text);
        strbuf_done(&run.text);
    }
}

/* ---------------------------------------------------------------- sets against brute force */

/* Fewest tokens behind this one, asked the slow way, of a fork; UINT32_MAX: it is not allowed. */
static uint32_t fewest_behind(const struct token_mask *mask, int32_t token)
{
    CLEANUP(token_mask_freep) struct token_mask *fork = NULL;
    assert_ok(token_mask_fork(mask, &fork, err));
    return token_mask_accept(fork, token, NULL) == OK ? token_mask_fewest_tokens(fork) : UINT32_MAX;
}

/* Where the budget is tight a mask may refuse a token that leaves a character open: it costs its
 * missing bytes as single tokens at most. */
static void compare_sets(struct run *run)
{
    const struct tokenizer *tokenizer = run->vocab->tokenizer;
    const uint64_t *allowed = token_mask_allowed(run->mask, run->budget);
    const bool is_complete = token_mask_is_complete(run->mask);
    for (uint32_t i = 0; i < tokenizer_vocab_size(tokenizer); i++) {
        const int32_t token = (int32_t)i;
        const struct str piece = tokenizer_piece(tokenizer, token);
        if (tokenizer_is_eog(tokenizer, token) && is_complete)
            continue;
        const uint32_t fewest = fewest_behind(run->mask, token);
        const bool want = fewest < run->budget;
        const bool ends_open = piece.len && (unsigned char)piece.ptr[piece.len - 1] >= 0x80;
        const bool may_refuse = want && ends_open && run->budget - 1 - fewest < 3;
        if (is_allowed(allowed, token) != want && !may_refuse)
            fail_msg("%s: token '%.*s': mask says %d, brute force %d (budget %u) after\n%s",
                     run->format->name, STR_ARG(piece), !want, want, run->budget,
                     strbuf_c(&run->text));
    }
}

static void the_set_is_what_brute_force_finds(void **state)
{
    (void)state;
    enum { ROUNDS = 4 };
    static const char *const names[] = {
        "qwen3_coder", "glm",     "minimax",       "deepseek_v32", "lfm2",           "gemma4",
        "kimi",        "harmony", "mistral_array", "minimax_m3",   "functionary_v32"};
    CLEANUP(json_decrefp) json_t *tools = make_tools();
    for (size_t f = 0; f < ARRAY_LEN(names) * VOCAB_COUNT; f++) {
        const struct vocab *vocab = &vocabs[f % VOCAB_COUNT];
        const struct tool_format *format = tool_format_find(str_from_c(names[f / VOCAB_COUNT]));
        CLEANUP(token_mask_freep)
        struct token_mask *mask =
            make_mask(vocab, format, tools, TOKEN_MASK_REQUIRED, &no_reasoning);
        const uint32_t fewest = token_mask_fewest_tokens(mask);
        for (int i = 0; i < ROUNDS; i++) {
            struct run run = {.vocab = vocab, .format = format, .tools = tools, .mask = mask};
            run.random = f * 1000u + (uint64_t)i;
            run.budget = fewest + below(&run, 24);
            assert_ok(token_mask_start(mask, run.budget, (struct str){0}, err));
            while (run.budget > 0 && !token_mask_is_complete(mask)) {
                if (!token_mask_is_free(mask) && below(&run, 4) == 0)
                    compare_sets(&run);
                if (!take(&run, choose(&run, token_mask_allowed(mask, run.budget))))
                    break;
            }
            strbuf_done(&run.text);
        }
    }
}

/* ---------------------------------------------------------------- forbidden calls */

/* Keeps the name and the text of the last call. */
struct kept {
    struct strbuf name;
    struct strbuf written;
};

static bool keep(void *context, const struct chat_event *event)
{
    struct kept *kept = context;
    if (event->kind != CHAT_EVENT_TOOL_CALL)
        return true;
    strbuf_clear(&kept->name);
    strbuf_clear(&kept->written);
    strbuf_add_str(&kept->name, event->tool_name);
    strbuf_add_str(&kept->written, event->text);
    return true;
}

/* The shortest answer: what a mask leaves when there is no token to spare. */
static void write_shortest(struct run *run, struct kept *kept)
{
    strbuf_clear(&run->text);
    assert_ok(token_mask_start(run->mask, UINT32_MAX - 1, (struct str){0}, err));
    run->budget = token_mask_fewest_tokens(run->mask);
    assert_ok(token_mask_start(run->mask, run->budget, (struct str){0}, err));
    generate(run, true);
    const struct output_parser_config config = {.format = run->format, .tools = run->tools};
    CLEANUP(output_parser_done) struct output_parser parser;
    output_parser_init(&parser, &config);
    output_parser_feed(&parser, strbuf_view(&run->text), keep, kept);
    output_parser_finish(&parser, keep, kept);
}

static void a_call_that_was_written_cannot_be_written_again(void **state)
{
    (void)state;
    enum { ROUNDS = 4 };
    static const char *const names[] = {"qwen3_coder", "glm", "lfm2", "gemma4", "minimax_m3"};
    CLEANUP(json_decrefp) json_t *tools = make_tools();
    for (size_t f = 0; f < ARRAY_LEN(names); f++) {
        const struct vocab *vocab = &vocabs[f % VOCAB_COUNT];
        const struct tool_format *format = tool_format_find(str_from_c(names[f]));
        CLEANUP(token_mask_freep)
        struct token_mask *mask =
            make_mask(vocab, format, tools, TOKEN_MASK_REQUIRED, &no_reasoning);
        struct run run = {.vocab = vocab, .format = format, .tools = tools, .mask = mask};
        struct kept kept = {0};
        CLEANUP(strbuf_done) struct strbuf all = {0}; /* each call that was made, and a byte 0 */
        for (int i = 0; i < ROUNDS; i++) {
            write_shortest(&run, &kept);
            assert_true(kept.written.len > 0);
            strbuf_add_char(&kept.written, '\0');
            if (str_find(strbuf_view(&all), strbuf_view(&kept.written), 0) != SIZE_MAX)
                fail_msg("%s: again %s", format->name, strbuf_c(&kept.written));
            strbuf_add_str(&all, strbuf_view(&kept.written));
            const struct str written =
                str_slice(strbuf_view(&kept.written), 0, kept.written.len - 1);
            assert_ok(token_mask_forbid_written(mask, strbuf_view(&kept.name), written, err));
        }
        strbuf_done(&run.text);
        strbuf_done(&kept.name);
        strbuf_done(&kept.written);
    }
}

static void no_call_can_begin_where_none_may(void **state)
{
    (void)state;
    enum { ROUNDS = 4, TOKENS = 60 };
    size_t count = 0;
    const struct tool_format *const *formats = tool_format_list(&count);
    CLEANUP(json_decrefp) json_t *tools = make_tools();
    for (size_t f = 0; f < count; f++) {
        const struct output_parser_reasoning reasoning = reasoning_of(formats[f]);
        for (int i = 0; i < ROUNDS * VOCAB_COUNT; i++) {
            const struct vocab *vocab = &vocabs[i % VOCAB_COUNT];
            CLEANUP(strbuf_done) struct strbuf text = {0};
            CLEANUP(token_mask_freep)
            struct token_mask *mask =
                make_mask(vocab, formats[f], tools, TOKEN_MASK_NONE, &reasoning);
            struct run run = {.vocab = vocab,
                              .format = formats[f],
                              .tools = tools,
                              .mask = mask,
                              .random = (uint64_t)i,
                              .budget = TOKENS};
            generate(&run, false);
            text = run.text;
            parse(&run, &reasoning, false);
            assert_int_equal(run.calls, 0);
        }
    }
}

int test_tool_mask(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_gives_valid_calls_whatever_the_logits),
        cmocka_unit_test(elements_are_written_where_the_schema_lists_them),
        cmocka_unit_test(elements_are_written_as_a_template_writes_them),
        cmocka_unit_test(the_set_is_what_brute_force_finds),
        cmocka_unit_test(a_call_that_was_written_cannot_be_written_again),
        cmocka_unit_test(no_call_can_begin_where_none_may),
    };
    return cmocka_run_group_tests_name("tool_mask", tests, open_vocabs, close_vocabs);
}
