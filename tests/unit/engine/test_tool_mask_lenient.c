/*
 * What a schema says and a form cannot hold to: a strict caller gets an error that names it, a
 * lenient one a mask that holds to the rest, and a line.
 */
#include "engine/tool_mask.h"

#include "base/attr.h"
#include "base/strbuf.h"
#include "chat/output_parser.h"
#include "engine/tool_mask_syntax.h"
#include "tests/format_vocab.h"
#include "tests/holt_test.h"
#include "tokenizer/token_list.h"

static struct {
    struct tokenizer *tokenizer;
    struct token_mask_vocab *tables;
} vocab;

static const struct output_parser_reasoning no_reasoning = {0};

static int open_vocab(void **state)
{
    (void)state;
    vocab.tokenizer = format_vocab_new(true);
    assert_ok(token_mask_vocab_new(vocab.tokenizer, &vocab.tables, err));
    return 0;
}

static int close_vocab(void **state)
{
    (void)state;
    token_mask_vocab_free(vocab.tables);
    tokenizer_free(vocab.tokenizer);
    return 0;
}

static enum status compile_one(const struct tool_format *format, const char *parameters,
                               struct strbuf *warnings, struct error *err)
{
    CLEANUP(json_decrefp) json_t *schema = json_loads(parameters, 0, NULL);
    CLEANUP(strbuf_done) struct strbuf close = {0};
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    const struct token_mask_tool row = {.name = STR("f"), .parameters = schema};
    const struct token_mask_options options = {
        .mode = TOKEN_MASK_REQUIRED, .call_count_max = 1, .limits = {.warnings = warnings}};
    struct token_mask_syntax syntax;
    assert_non_null(schema);
    tool_mask_syntax(format, &no_reasoning, &close, &syntax);
    return token_mask_new_tools(vocab.tables, &syntax, &row, 1, &options, &mask, err);
}

/* What a form cannot hold to: what a strict caller is told, and a lenient one. */
static const struct {
    const char *format;
    const char *parameters;
    const char *message; /* NULL: accepted */
    const char *warning; /* of a lenient caller, who gets a mask all the same */
} loose_rows[] = {
    {"gemma4", "{\"properties\": {\"a\": {\"$ref\": \"#/x\"}}}", "leads nowhere",
     "tool 'f': #/properties/a: the $ref at #/properties/a leads nowhere; it may be anything\n"},
    {"gemma4", "{\"properties\": {\"a\": {\"$ref\": \"x.json\"}}}", "leads out of the schema",
     "tool 'f': the $ref at #/properties/a leads out of the schema\n"},
    {"gemma4",
     "{\"$defs\": {\"L\": {\"$ref\": \"#/$defs/L\"}}, \"properties\": {\"a\": {\"$ref\": "
     "\"#/$defs/L\"}}}",
     "leads back to itself", "tool 'f': #/properties/a: the $ref at #/$defs/L leads back"},
    {"gemma4",
     "{\"properties\": {\"a\": {\"oneOf\": [{\"type\": \"string\"}, {\"type\": "
     "\"string\", \"minLength\": 2}]}}}",
     "\"oneOf\" at #/properties/a/oneOf may allow the same value",
     "tool 'f': branches 0 and 1 of \"oneOf\" at #/properties/a/oneOf may allow"},
    {"gemma4", "{\"properties\": {\"a\": {\"type\": \"object\", \"enum\": [{}]}}}",
     "a list of objects or arrays",
     "tool 'f': #/properties/a: a list of objects or arrays cannot be enforced in this form; "
     "only its type is enforced\n"},
    {"gemma4", "{\"properties\": {\"a\": false}}", "it allows no value",
     "tool 'f': #/properties/a: a schema is false: it allows no value; it may be anything\n"},
    {"gemma4",
     "{\"properties\": {\"a\": {\"allOf\": [{\"pattern\": \"^a+$\"}, {\"type\": "
     "\"string\", \"pattern\": \"^[ab]{3}$\"}]}}}",
     NULL, NULL},
    {"gemma4",
     "{\"properties\": {\"a\": {\"allOf\": [{\"pattern\": \"^a+$\"}, {\"type\": "
     "\"string\", \"pattern\": \"^b+$\"}]}}, \"required\": [\"a\"]}",
     "no arguments satisfy its schema", "tool 'f': no arguments satisfy the schema\n"},
    {"hermes",
     "{\"properties\": {\"a\": {\"type\": \"integer\", \"minimum\": 5, \"maximum\": 3}}, "
     "\"required\": [\"a\"]}",
     "no arguments satisfy its schema",
     "tool 'f': no arguments satisfy the schema\ntool 'f': #/properties/a: only its type is "
     "enforced\n"},
    {"hermes",
     "{\"properties\": {\"a\": {\"type\": \"object\", \"patternProperties\": {\"^x\": "
     "{}}}}, \"dependentRequired\": {\"a\": [\"b\"]}}",
     "cannot be enforced",
     "tool 'f': the schema keyword \"patternProperties\" at #/properties/a cannot be enforced\n"},
    {"hermes",
     "{\"properties\": {\"a\": {\"type\": \"integer\", \"minimum\": \"x\"}, \"b\": {\"type\": "
     "\"boolean\"}}, \"required\": [\"b\"]}",
     "minimum", "; only its type is enforced\n"},
    {"qwen3_coder",
     "{\"properties\": {\"a\": {\"type\": \"string\", \"enum\": [\"ab\"], "
     "\"pattern\": \"^a\"}}}",
     "a list of texts beside a pattern", "#/properties/a: a list of texts beside a pattern"},
    {"qwen3_coder", "{\"properties\": {\"a\": {\"type\": \"string\", \"x\": 1}}}",
     "\"x\" at #/properties/a", "tool 'f': the schema keyword \"x\" at #/properties/a"},
    {"qwen3_coder",
     "{\"properties\": {\"a\": {\"type\": \"string\", \"not\": {\"enum\": [\"b\"]}}}}",
     "\"not\" cannot be enforced in this form",
     "tool 'f': \"not\" at #/properties/a is not enforced in this form\n"},
    {"qwen3_coder",
     "{\"properties\": {\"a<b\": {\"type\": \"string\"}, \"c\": {\"type\": \"string\"}}}",
     "the property \"a<b\" cannot be written",
     "tool 'f': #/properties/a<b: the property \"a<b\" cannot be written in this form; it is left "
     "out\n"},
    {"qwen3_coder",
     "{\"properties\": {\"a\": {}}, \"anyOf\": [{\"required\": [\"a\"]}, {\"required\": []}]}",
     "\"anyOf\"", "tool 'f': \"anyOf\" at # is not enforced in this form\n"},
    {"gemma4",
     "{\"properties\": {\"a\": {\"type\": \"object\", \"properties\": {\"k\": {\"enum\": [\"x\", "
     "\"y\"]}}, \"if\": {\"properties\": {\"k\": {\"const\": \"x\"}}}, \"then\": {\"required\": "
     "[\"k\"]}}}}",
     "\"if\" cannot be enforced in this form",
     "tool 'f': \"if\" at #/properties/a is not enforced in this form\n"},
    {"minimax",
     "{\"properties\": {\"a\": {\"type\": \"string\"}}, \"if\": "
     "{\"properties\": {\"a\": {\"const\": "
     "\"x\"}}}, \"else\": {\"required\": [\"a\"]}}",
     "beside the properties cannot be enforced in this form",
     "tool 'f': \"if\" at # is not enforced in this form\n"},
    {"qwen3_coder",
     "{\"$ref\": \"#/$defs/A\", \"$defs\": {\"A\": {\"properties\": {\"a\": "
     "{\"type\": \"string\"}}}}}",
     NULL, NULL},
    {"lfm2",
     "{\"properties\": {\"a\": {\"$ref\": \"#/properties/b\"}, \"b\": {\"type\": "
     "\"boolean\"}}}",
     NULL, NULL},
};

static void what_a_form_cannot_hold_to_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(loose_rows); i++) {
        const struct tool_format *format = tool_format_find(str_from_c(loose_rows[i].format));
        CLEANUP(strbuf_done) struct strbuf warnings = {0};
        struct error err = {0};
        test_case(loose_rows[i].parameters);
        const enum status strict = compile_one(format, loose_rows[i].parameters, NULL, &err);
        assert_int_equal(strict == OK, !loose_rows[i].message);
        if (loose_rows[i].message && !strstr(err.text, loose_rows[i].message))
            fail_msg("%s", err.text);
        const enum status lenient = compile_one(format, loose_rows[i].parameters, &warnings, &err);
        if (lenient != OK)
            fail_msg("%s", err.text);
        assert_int_equal(warnings.len > 0, loose_rows[i].warning != NULL);
        if (loose_rows[i].warning && !strstr(strbuf_c(&warnings), loose_rows[i].warning))
            fail_msg("%s", strbuf_c(&warnings));
    }
}

static bool can_write(struct token_mask *mask, const char *text)
{
    struct token_list list = {0};
    bool fits = true;
    assert_ok(
        tokenizer_encode(vocab.tokenizer, str_from_c(text), TOKENIZER_PARSE_SPECIAL, &list, err));
    assert_ok(token_mask_start(mask, 1000, (struct str){0}, err));
    for (size_t i = 0; i < list.count && fits; i++)
        fits = token_mask_accept(mask, list.ids[i], NULL) == OK;
    token_list_done(&list);
    return fits && token_mask_is_complete(mask);
}

/* One argument that cannot be held to does not set the others free, one tool that cannot be written
 * does not take the others away. */
static void a_lenient_caller_loses_only_what_cannot_be_held_to(void **state)
{
    (void)state;
    CLEANUP(json_decrefp)
    json_t *parameters = json_loads("{\"properties\": {\"a\": {\"type\": \"integer\", \"minimum\": "
                                    "\"x\"}, \"b\": {\"type\": \"boolean\"}}, \"required\": "
                                    "[\"a\", \"b\"], \"additionalProperties\": false}",
                                    0, NULL);
    CLEANUP(strbuf_done) struct strbuf close = {0};
    CLEANUP(strbuf_done) struct strbuf warnings = {0};
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    const struct token_mask_tool rows[] = {{.name = STR("no\nname")},
                                           {.name = STR("f"), .parameters = parameters}};
    const struct token_mask_options options = {.mode = TOKEN_MASK_REQUIRED,
                                               .limits = {.warnings = &warnings}};
    struct token_mask_syntax syntax;
    tool_mask_syntax(tool_format_find(STR("hermes")), &no_reasoning, &close, &syntax);
    assert_ok(token_mask_new_tools(vocab.tables, &syntax, rows, 2, &options, &mask, err));
#define CALL(arguments) "<tool_call>\n{\"name\": \"f\", \"arguments\": " arguments "}\n</tool_call>"
    assert_true(can_write(mask, CALL("{\"a\": -7, \"b\": true}")));
    assert_false(can_write(mask, CALL("{\"a\": \"x\", \"b\": true}")));
    assert_false(can_write(mask, CALL("{\"a\": -7, \"b\": 1}")));
    assert_false(can_write(mask, CALL("{\"b\": true}")));
#undef CALL
    assert_non_null(strstr(strbuf_c(&warnings), "tool 'no?name': a tool's name must have"));
    assert_non_null(strstr(strbuf_c(&warnings), "tool 'f': #/properties/a: "));
    struct token_mask *none = NULL;
    struct error err = {0};
    assert_int_equal(token_mask_new_tools(vocab.tables, &syntax, rows, 1, &options, &none, &err),
                     E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "none of the tools can be called"));
}

int test_tool_mask_lenient(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_form_cannot_hold_to_is_named),
        cmocka_unit_test(a_lenient_caller_loses_only_what_cannot_be_held_to),
    };
    return cmocka_run_group_tests_name("tool_mask_lenient", tests, open_vocab, close_vocab);
}
