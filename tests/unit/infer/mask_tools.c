/* mask_tools - see mask_tools.h. */
#include "tests/unit/infer/mask_tools.h"

#include "base/attr.h"
#include "base/strbuf.h"
#include "tests/holt_test.h"
#include "tests/unit/infer/mask_support.h"
#include "text/json.h"

#define OPEN  "<tool_call>\n"
#define CLOSE "}\n</tool_call>"

const struct token_mask_syntax mask_tools_hermes = {
    .open = {OPEN, sizeof(OPEN) - 1},
    .name_prefix = {"{\"name\": \"", 10},
    .name_suffix = {"\", \"arguments\": ", 16},
    .close = {CLOSE, sizeof(CLOSE) - 1},
    .between = {"\n", 1},
};

struct row {
    const char *name;
    const char *schema; /* NULL: no arguments */
};

static const struct row file_tools[] = {
    {"list_dir",
     "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},\"required\":[\"pat"
     "h\"]}"},
    {"read_file",
     "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"first_line\":{\"type\":"
     "\"integer\",\"minimum\":1},\"line_count\":{\"type\":\"integer\",\"minimum\":1,\"maximum"
     "\":2000}"
     "},\"required\":[\"path\"]}"},
    {"search_text",
     "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"},\"path\":{\"type\":"
     "\"string\"}},\"required\":[\"text\"]}"},
    {"write_file",
     "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"content\":{\"type\":"
     "\"string\"}},\"required\":[\"path\",\"content\"]}"},
    {"edit_file",
     "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"old\":{\"type\":"
     "\"string\"},\"new\":{\"type\":\"string\"}},\"required\":[\"path\",\"old\",\"new\"]}"},
};

static const struct row odd_tools[] = {
    {"nested",
     "{\"type\":\"object\",\"properties\":{\"list\":{\"type\":\"array\",\"items\":{\"type\":"
     "\"object\",\"properties\":{\"k\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":5},"
     "\"v\":{"
     "\"type\":[\"integer\",\"null\"]}},\"required\":[\"k\"]},\"minItems\":1,\"maxItems\":3}},"
     "\"required\":[\"list\"]}"},
    {"tree",
     "{\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"boolean\"},\"ki"
     "ds\":{"
     "\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/t\"}}},\"required\":[\"v\"]}},\"$ref\":"
     "\"#/$defs/t\"}"},
    {"open",
     "{\"type\":\"object\",\"properties\":{\"env\":{\"type\":\"object\","
     "\"additionalProperties\":{\"type\":\"string\",\"maxLength\":3}}},\"required\":[\"env\"],"
     "\"additionalProperties\":true}"},
    {"anything", "{\"type\":\"object\"}"},
    {"ke\"y\\s\u00e9",
     "{\"type\":\"object\",\"properties\":{\"\u00e9\\n\":{\"const\":\"\\\"\u20ac\\t\"},"
     "\"b\":{\"enum\":[1,10,\"1\",null,[1,{\"x\":2}]]}},\"required\":[\"b\"]}"},
};

static const struct row prefix_tools[] = {
    {"read", NULL},
    {"read_file", "{\"type\":\"object\",\"properties\":{}}"},
    {"read_files", "{\"type\":\"object\",\"properties\":{\"only\":{\"const\":true}},\"required\":["
                   "\"only\"],\"additionalProperties\":false}"},
};

static const struct row choice_tools[] = {
    {"act",
     "{\"type\":\"object\",\"anyOf\":[{\"properties\":{\"kind\":{\"const\":\"move\"},\"to\":{"
     "\"type\":"
     "\"string\"}},\"required\":[\"kind\",\"to\"]},{\"properties\":{\"kind\":{\"const\":\"wait\"},"
     "\"seconds\":{\"type\":\"number\",\"minimum\":0,\"maximum\":60}},\"required\":[\"kind\"]},{"
     "\"properties\":{\"kind\":{\"const\":\"waitfor\"},\"what\":{\"anyOf\":[{\"type\":\"string\","
     "\"minLength\":40},{\"type\":\"array\",\"items\":{\"type\":\"number\"},\"maxItems\":4}]}},"
     "\"required\":[\"kind\",\"what\"]}]}"},
    {"set",
     "{\"type\":\"object\",\"properties\":{\"value\":{\"oneOf\":[{\"type\":\"integer\",\"minimum\":"
     "-500,\"maximum\":-38},{\"type\":\"integer\",\"minimum\":7},{\"type\":\"string\",\"maxLen"
     "gth\":3}"
     ",{\"type\":\"boolean\"}]},\"rate\":{\"type\":\"number\"}},\"required\":[\"value\"]}"},
};

struct mask_tools mask_tools_set(int number)
{
    static const struct {
        const struct row *rows;
        size_t count;
    } sets[MASK_TOOLS_SETS] = {
        {file_tools, ARRAY_LEN(file_tools)},
        {odd_tools, ARRAY_LEN(odd_tools)},
        {prefix_tools, ARRAY_LEN(prefix_tools)},
        {choice_tools, ARRAY_LEN(choice_tools)},
    };
    struct mask_tools set = {.count = sets[number].count};
    for (size_t i = 0; i < set.count; i++) {
        const struct row *row = &sets[number].rows[i];
        set.tools[i].name = str_from_c(row->name);
        set.tools[i].parameters = row->schema ? mask_support_json(row->schema) : NULL;
    }
    return set;
}

void mask_tools_done(struct mask_tools *set)
{
    for (size_t i = 0; i < MASK_TOOLS_MAX; i++) /* also where a test made the set smaller */
        json_decref((json_t *)(uintptr_t)set->tools[i].parameters);
    *set = (struct mask_tools){0};
}

/* One `{"name": ..., "arguments": ...}`. */
static const struct token_mask_tool *judge_object(const struct mask_tools *set, struct str text)
{
    CLEANUP(json_decrefp) json_t *call = NULL;
    struct error err = {0};
    if (json_parse(text, NULL, &call, &err) != OK)
        fail_msg("%s in %.*s", err.text, STR_ARG(text));
    const json_t *name = json_object_get(call, "name");
    const json_t *arguments = json_object_get(call, "arguments");
    assert_int_equal(json_object_size(call), 2);
    for (size_t i = 0; i < set->count; i++) {
        const struct token_mask_tool *tool = &set->tools[i];
        if (!str_equal(json_str(name), tool->name))
            continue;
        const bool is_valid =
            tool->parameters
                ? json_is_object(arguments) &&
                      mask_support_is_valid(tool->parameters, tool->parameters, arguments)
                : json_is_object(arguments) && json_object_size(arguments) == 0;
        if (!is_valid)
            fail_msg("not valid: %.*s", STR_ARG(text));
        return tool;
    }
    fail_msg("no such tool: %.*s", STR_ARG(text));
    return NULL;
}

void mask_tools_judge(const struct mask_tools *set, struct str text, size_t call_count_max,
                      const struct token_mask_tool **out_tool)
{
    const struct str open = STR(OPEN);
    const struct str close = STR("\n</tool_call>");
    size_t calls = 0;
    for (;;) {
        if (!str_starts_with(text, open))
            fail_msg("does not begin a call: %.*s", STR_ARG(text));
        const size_t end = str_find(text, close, open.len);
        if (end == SIZE_MAX)
            fail_msg("the call does not end: %.*s", STR_ARG(text));
        const struct token_mask_tool *tool = judge_object(set, str_slice(text, open.len, end));
        if (out_tool)
            *out_tool = tool;
        assert_true(++calls <= call_count_max);
        text = str_slice(text, end + close.len, text.len);
        if (text.len == 0)
            return;
        assert_int_equal(text.ptr[0], '\n');
        text = str_slice(text, 1, text.len);
    }
}
