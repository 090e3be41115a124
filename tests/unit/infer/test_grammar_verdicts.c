/*
 * Schemas as clients send them and as the standard has them, each with texts that another validator
 * judged (tests/golden/schema, dev/golden_schema.py): the automaton must agree with every verdict.
 */
#include "base/attr.h"
#include "infer/grammar_schema.h"
#include "tests/holt_test.h"
#include "tests/unit/infer/mask_support.h"
#include "text/json.h"

#include <stdio.h>

enum { SCHEMAS_MIN = 40, VERDICTS_MIN = 900 };

static size_t check_texts(const struct grammar *grammar, uint32_t rule, const json_t *row,
                          const char *key, bool want)
{
    const json_t *texts = json_object_get(row, key);
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const struct str text = json_str(json_array_get(texts, i));
        if (mask_support_accepts(grammar, rule, text) != want)
            fail_msg("%.*s is said to be %s", STR_ARG(text), key);
    }
    return json_array_size(texts);
}

static void the_automaton_agrees_with_another_validator(void **state)
{
    (void)state;
    struct str lines = test_read_file("tests/golden/schema/verdicts.jsonl");
    size_t schemas = 0;
    size_t verdicts = 0;
    while (lines.len > 0) {
        CLEANUP(json_decrefp) json_t *row = NULL;
        CLEANUP(grammar_unrefp) struct grammar *grammar = NULL;
        uint32_t rule = 0;
        const struct str line = str_split(&lines, '\n');
        assert_ok(json_parse(line, NULL, &row, err));
        char name[32];
        snprintf(name, sizeof(name), "line %zu", schemas + 1);
        test_case(name);
        grammar = mask_support_grammar(json_object_get(row, "schema"), &rule);
        verdicts += check_texts(grammar, rule, row, "valid", true);
        verdicts += check_texts(grammar, rule, row, "invalid", false);
        schemas++;
    }
    assert_true(schemas >= SCHEMAS_MIN && verdicts >= VERDICTS_MIN);
}

int test_grammar_verdicts(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_automaton_agrees_with_another_validator),
    };
    return cmocka_run_group_tests_name("grammar_verdicts", tests, NULL, NULL);
}
