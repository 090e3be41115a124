/*
 * A command line is read as people write it: every common form must work, and whatever is wrong
 * must be answered with the option's name before anything is done.
 */
#include "tests/holt_test.h"

#include "cli/options.h"

struct values {
    bool json;
    bool quiet;
    const char *model;
    int64_t steps;
    double temperature;
    struct option_list names;
};

static const struct option_spec specs[] = {
    OPTION_FLAG(struct values, json, 'j', "json", "print JSON"),
    OPTION_FLAG(struct values, quiet, 'q', "quiet", "say less"),
    OPTION_STRING(struct values, model, 'm', "model", "FILE", "model to use"),
    OPTION_INT(struct values, steps, 0, "steps", "N", 1, 100, "most steps"),
    OPTION_DOUBLE(struct values, temperature, 't', "temperature", "T", 0, 2, "how random"),
    OPTION_LIST(struct values, names, 'n', "name", "NAME", "one of several"),
    OPTION_END,
};

enum { ARGUMENTS_MAX = 12 };

static enum status parse(const char *const *arguments, struct values *values, const char **operands,
                         int *operand_count, struct error *err)
{
    char *copies[ARGUMENTS_MAX];
    int count = 0;
    for (; count < ARGUMENTS_MAX && arguments[count]; count++)
        copies[count] = (char *)(uintptr_t)arguments[count];
    const struct option_set set = {specs, values};
    return options_parse(&set, 1, count, copies, operands, operand_count, err);
}

static const struct {
    const char *name;
    const char *arguments[ARGUMENTS_MAX];
    struct values values;
    int operand_count;
} good[] = {
    {"nothing", {NULL}, {0}, 0},
    {"flag, long and short", {"--json", "-q"}, {.json = true, .quiet = true}, 0},
    {"two flags in one", {"-jq"}, {.json = true, .quiet = true}, 0},
    {"value behind", {"--model", "a.gguf"}, {.model = "a.gguf"}, 0},
    {"value with =", {"--model=a=b"}, {.model = "a=b"}, 0},
    {"empty value", {"--model="}, {.model = ""}, 0},
    {"short value behind", {"-m", "a.gguf"}, {.model = "a.gguf"}, 0},
    {"short value attached", {"-ma.gguf"}, {.model = "a.gguf"}, 0},
    {"flag before a short value", {"-jm", "x"}, {.json = true, .model = "x"}, 0},
    {"numbers", {"--steps", "100", "-t0.5"}, {.steps = 100, .temperature = 0.5}, 0},
    {"last one wins", {"--steps=1", "--steps=2"}, {.steps = 2}, 0},
    {"operands between", {"one", "-j", "two"}, {.json = true}, 2},
    {"a dash alone is an operand", {"-"}, {0}, 1},
    {"after -- all are operands", {"--", "--json", "-q"}, {0}, 2},
    {"a value may look like an option", {"--model", "--json"}, {.model = "--json"}, 0},
};

static void common_forms_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        test_case(good[i].name);
        struct values values = {0};
        const char *operands[ARGUMENTS_MAX];
        int operand_count = -1;
        assert_ok(parse(good[i].arguments, &values, operands, &operand_count, err));
        const struct values *wanted = &good[i].values;
        assert_int_equal(values.json, wanted->json);
        assert_int_equal(values.quiet, wanted->quiet);
        assert_int_equal(values.steps, wanted->steps);
        assert_true(values.temperature == wanted->temperature);
        assert_int_equal(!values.model, !wanted->model);
        if (wanted->model)
            assert_string_equal(values.model, wanted->model);
        assert_int_equal(operand_count, good[i].operand_count);
    }
}

static void a_list_takes_every_value_in_order(void **state)
{
    (void)state;
    struct values values = {0};
    const char *operands[ARGUMENTS_MAX];
    int operand_count = -1;
    const char *const some[ARGUMENTS_MAX] = {"--name", "a", "-nb", "--name=c=d", "one"};
    assert_ok(parse(some, &values, operands, &operand_count, err));
    assert_int_equal(values.names.count, 3);
    assert_string_equal(values.names.items[0], "a");
    assert_string_equal(values.names.items[1], "b");
    assert_string_equal(values.names.items[2], "c=d");
    assert_int_equal(operand_count, 1);
    const char *const many[ARGUMENTS_MAX] = {"-na", "-nb", "-nc", "-nd", "-ne",
                                             "-nf", "-ng", "-nh", "-ni"};
    struct error err = {0};
    values = (struct values){0};
    assert_int_equal(parse(many, &values, operands, &operand_count, &err), E_INVALID);
    assert_string_equal(err.text, "--name can be given 8 times at most");
}

static const struct {
    const char *name;
    const char *arguments[ARGUMENTS_MAX];
    const char *text;
} bad[] = {
    {"misspelt", {"--modle", "x"}, "there is no option --modle; did you mean --model?"},
    {"unlike any", {"--frobnicate"}, "there is no option --frobnicate"},
    {"unknown letter", {"-x"}, "there is no option -x"},
    {"control character", {"-\x1b"}, "an option has an unreadable name"},
    {"value missing", {"--model"}, "--model needs a value: --model FILE"},
    {"short value missing", {"-jm"}, "--model needs a value: --model FILE"},
    {"value for a flag", {"--json=yes"}, "--json takes no value"},
    {"no number", {"--steps", "many"}, "--steps takes a whole number, not \"many\""},
    {"half a number", {"--steps", "3x"}, "--steps takes a whole number, not \"3x\""},
    {"too small", {"--steps", "0"}, "--steps takes a number from 1 to 100, not 0"},
    {"too large", {"--steps", "101"}, "--steps takes a number from 1 to 100, not 101"},
    {"past 64 bits",
     {"--steps", "99999999999999999999"},
     "--steps takes a whole number, not \"99999999999999999999\""},
    {"not finite", {"-t", "nan"}, "--temperature takes a number, not \"nan\""},
    {"outside", {"-t", "2.5"}, "--temperature takes a number from 0 to 2, not 2.5"},
};

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        test_case(bad[i].name);
        struct values values = {0};
        const char *operands[ARGUMENTS_MAX];
        int operand_count = 0;
        struct error err = {0};
        assert_int_equal(parse(bad[i].arguments, &values, operands, &operand_count, &err),
                         E_INVALID);
        assert_string_equal(err.text, bad[i].text);
    }
}

int test_options(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_forms_are_understood),
        cmocka_unit_test(a_list_takes_every_value_in_order),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
