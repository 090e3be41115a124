/*
 * The built-in model was trained on these bytes; other models read them too. Arguments come from
 * models without masks as well, so whatever does not fit must end in a sentence.
 */
#include "tests/holt_test.h"
#include "text/json.h"
#include "tools/tool_args.h"
#include "tools/tool_list.h"

static const char *const schemas[] = {
    "{\"name\": \"list_dir\", \"description\": \"List the files and folders in a folder.\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"path\": {\"type\": \"string\", "
    "\"description\": \"Folder; \\\".\\\" is the workspace.\"}}, \"required\": [\"path\"]}}",
    "{\"name\": \"read_file\", \"description\": \"Read a text file, or some of its lines.\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"path\": {\"type\": \"string\", "
    "\"description\": \"File to read.\"}, \"first_line\": {\"type\": \"integer\", "
    "\"description\": \"First line to read, from 1. Default 1.\", \"minimum\": 1}, "
    "\"line_count\": {\"type\": \"integer\", \"description\": \"How many lines. Default 200.\", "
    "\"minimum\": 1, \"maximum\": 2000}}, \"required\": [\"path\"]}}",
    "{\"name\": \"search_text\", \"description\": \"Find the lines that contain a text, in all "
    "files of a folder or in one file.\", \"parameters\": {\"type\": \"object\", \"properties\": "
    "{\"text\": {\"type\": \"string\", \"description\": \"Text to find, upper and lower case "
    "alike.\"}, \"path\": {\"type\": \"string\", \"description\": \"Folder or file. Default: the "
    "workspace.\"}}, \"required\": [\"text\"]}}",
    "{\"name\": \"write_file\", \"description\": \"Create a file or replace all of its "
    "content.\", \"parameters\": {\"type\": \"object\", \"properties\": {\"path\": {\"type\": "
    "\"string\", \"description\": \"File to write.\"}, \"content\": {\"type\": \"string\", "
    "\"description\": \"The whole new content.\"}}, \"required\": [\"path\", \"content\"]}}",
    "{\"name\": \"edit_file\", \"description\": \"Replace one exact piece of text in a file.\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"path\": {\"type\": \"string\", "
    "\"description\": \"File to change.\"}, \"old\": {\"type\": \"string\", \"description\": "
    "\"Text that is there now, exactly once.\"}, \"new\": {\"type\": \"string\", "
    "\"description\": \"Text to put in its place.\"}}, \"required\": [\"path\", \"old\", "
    "\"new\"]}}",
    "{\"name\": \"run_command\", \"description\": \"Run a shell command in the workspace.\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"command\": {\"type\": "
    "\"string\", \"description\": \"Command line for sh.\"}}, \"required\": [\"command\"]}}",
    "{\"name\": \"calculate\", \"description\": \"Compute an arithmetic expression.\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"expression\": {\"type\": "
    "\"string\", \"description\": \"Numbers, + - * / % ^ and parentheses.\"}}, \"required\": "
    "[\"expression\"]}}",
    "{\"name\": \"remember\", \"description\": \"Keep a note for later sessions.\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"note\": {\"type\": \"string\", "
    "\"description\": \"One short fact.\"}}, \"required\": [\"note\"]}}",
    "{\"name\": \"recall\", \"description\": \"Find notes that were kept before.\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"query\": {\"type\": \"string\", "
    "\"description\": \"Words to look for.\"}}, \"required\": [\"query\"]}}",
};

static void schemas_are_frozen(void **state)
{
    (void)state;
    assert_int_equal(tool_list_count(), ARRAY_LEN(schemas));
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        struct strbuf text = {0};
        json_t *schema = tool_list_schema(tool_list_at(i));
        test_case(tool_list_at(i)->name);
        json_write_python(schema, &text);
        assert_string_equal(strbuf_c(&text), schemas[i]);
        json_decref(schema);
        strbuf_done(&text);
    }
}

static void openai_form_wraps_the_chosen_tools(void **state)
{
    (void)state;
    const struct tool *const chosen[] = {&tool_recall, &tool_list_dir};
    struct strbuf text = {0};
    json_t *list = tool_list_openai(chosen, 2);
    assert_int_equal(json_array_size(list), 2);
    json_write_python(json_array_get(list, 1), &text);
    assert_true(
        str_starts_with(strbuf_view(&text), STR("{\"type\": \"function\", \"function\": {\"name\": "
                                                "\"list_dir\", ")));
    json_decref(list);
    list = tool_list_openai(NULL, 0);
    assert_int_equal(json_array_size(list), tool_list_count());
    json_decref(list);
    strbuf_done(&text);
}

static void tools_are_found_by_exact_name(void **state)
{
    (void)state;
    size_t index = 99;
    assert_ptr_equal(tool_list_find(STR("edit_file"), &index), &tool_edit_file);
    assert_int_equal(index, 4);
    assert_null(tool_list_find(STR("edit"), NULL));
    assert_null(tool_list_find(STR("edit_file "), NULL));
    assert_null(tool_list_find(STR(""), NULL));
}

static const struct {
    const char *name;
    const char *json;
    const char *error; /* NULL: fits */
} arguments[] = {
    {"all of them", "{\"path\": \"a\", \"first_line\": 3, \"line_count\": 2000}", NULL},
    {"only the required", "{\"path\": \"a\"}", NULL},
    {"another order", "{\"line_count\": 1, \"path\": \"\"}", NULL},
    {"no JSON", "path", ""},
    {"nothing", "", ""},
    {"two values", "{\"path\": \"a\"} {}", ""},
    {"twice the same name", "{\"path\": \"a\", \"path\": \"b\"}", ""},
    {"invalid UTF-8", "{\"path\": \"\xff\"}", ""},
    {"too deep", "{\"path\": [[[[[[]]]]]]}", ""},
    {"no object", "[\"a\"]", "the arguments are not an object"},
    {"one missing", "{\"first_line\": 3}", "path is missing"},
    {"an unknown one", "{\"path\": \"a\", \"file\": 1}", "read_file has no argument called file"},
    {"a number for a text", "{\"path\": 7}", "path must be a text"},
    {"nothing for a text", "{\"path\": null}", "path must be a text"},
    {"a text for a number", "{\"path\": \"a\", \"first_line\": \"1\"}",
     "first_line must be a whole number, 1 or more"},
    {"too small", "{\"path\": \"a\", \"first_line\": 0}",
     "first_line must be a whole number, 1 or more"},
    {"too large", "{\"path\": \"a\", \"line_count\": 2001}",
     "line_count must be a whole number from 1 to 2000"},
    {"not whole", "{\"path\": \"a\", \"line_count\": 1.5}",
     "line_count must be a whole number from 1 to 2000"},
    {"far too large", "{\"path\": \"a\", \"line_count\": 99999999999999999999}", ""},
};

static void arguments_fit_or_say_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(arguments); i++) {
        struct tool_args args = {0};
        struct error error = {0};
        test_case(arguments[i].name);
        const enum status status =
            tool_args_parse(&tool_read_file, str_from_c(arguments[i].json), &args, &error);
        assert_int_equal(status == OK, !arguments[i].error);
        if (status != OK)
            assert_true(error.text[0]);
        if (arguments[i].error && arguments[i].error[0])
            assert_string_equal(error.text, arguments[i].error);
        tool_args_done(&args);
    }
}

static void left_out_arguments_have_defaults(void **state)
{
    (void)state;
    struct tool_args args = {0};
    const struct str json = STR("{\"path\": \"a\\u0000b\", \"first_line\": 3}");
    assert_ok(tool_args_parse(&tool_read_file, json, &args, err));
    assert_int_equal(tool_args_string(&args, "path", STR("x")).len, 3);
    assert_int_equal(tool_args_int(&args, "first_line", 1), 3);
    assert_int_equal(tool_args_int(&args, "line_count", 200), 200);
    tool_args_done(&args);
}

int test_tool_list(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_are_frozen),
        cmocka_unit_test(openai_form_wraps_the_chosen_tools),
        cmocka_unit_test(tools_are_found_by_exact_name),
        cmocka_unit_test(arguments_fit_or_say_why_not),
        cmocka_unit_test(left_out_arguments_have_defaults),
    };
    return cmocka_run_group_tests_name("tool_list", tests, NULL, NULL);
}
