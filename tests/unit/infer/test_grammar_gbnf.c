/*
 * GBNF: what each construct accepts and refuses, that the shortest rest of every text is what it is
 * said to be, and that mistakes are named with their place.
 */
#include "base/attr.h"
#include "infer/grammar_gbnf.h"
#include "infer/grammar_rest.h"
#include "tests/holt_test.h"
#include "tests/unit/infer/mask_support.h"

struct verdict {
    const char *grammar;
    const char *accepted[10];
    const char *refused[10];
};

/* Follows the shortest rest from every place of an accepted text. */
static void follow_along(const struct grammar *grammar, uint32_t rule, const char *text)
{
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    grammar_state_start(&state, grammar, NULL, rule, 0);
    mask_support_follow_rest(&state);
    for (const char *c = text; *c; c++) {
        struct grammar_layer next;
        assert_true(grammar_state_step(&state, &state.base, (unsigned char)*c, &next));
        grammar_state_commit(&state, &next);
        mask_support_follow_rest(&state);
    }
}

static void check_verdict(const struct verdict *row)
{
    CLEANUP(grammar_unrefp) struct grammar *grammar = NULL;
    uint32_t rule = 0;
    test_case(row->grammar);
    assert_ok(grammar_gbnf_parse(str_from_c(row->grammar), &grammar, &rule, err));
    for (size_t i = 0; i < ARRAY_LEN(row->accepted) && row->accepted[i]; i++) {
        if (!mask_support_accepts(grammar, rule, str_from_c(row->accepted[i])))
            fail_msg("%s refuses %s", row->grammar, row->accepted[i]);
        follow_along(grammar, rule, row->accepted[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(row->refused) && row->refused[i]; i++) {
        if (mask_support_accepts(grammar, rule, str_from_c(row->refused[i])))
            fail_msg("%s accepts %s", row->grammar, row->refused[i]);
    }
}

static void every_construct_means_what_it_says(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"root ::= \"ab\" | \"a\" \"c\"?", {"ab", "a", "ac"}, {"", "abc", "b"}},
        {"root ::= [a-c] [^a-c] .", {"ax\n", "c\u20ac\U0001F600"}, {"aax", "dxx", "ax"}},
        {"root ::= [-a] [\\]\\[x-]", {"-]", "ax", "a-"}, {"b]"}},
        {"root ::= \"\\x41\\u00e9\\U0001F600\\n\\t\\\"\\\\\"",
         {"A\u00e9\U0001F600\n\t\"\\"},
         {"A"}},
        {"root ::= \"ab\"* \"c\"+", {"c", "ababcc"}, {"", "ab", "aabc", "abab"}},
        {"root ::= (\"a\" | [0-9]){2,3} \"x\"{2} \"y\"{1,}",
         {"a1xxy", "111xxyy"},
         {"axxy", "aaaaxxy"}},
        {"# first\nroot ::= # there\n  one |\n  two # here\n\none ::= \"1\"\ntwo::=\"2\"\n",
         {"1", "2"},
         {"", "12"}},
        {"root ::= (\n  \"a\"\n  | \"b\" # in a group\n)+\r\n", {"a", "abba"}, {"", "c"}},
        {"root ::= \"\"", {""}, {"a"}},
        {"root ::= | \"a\"", {"", "a"}, {"aa"}},
        {"root ::= [\u3042-\u3044\u4e00]",
         {"\u3042", "\u3043", "\u4e00"},
         {"\u3041", "\u3045", "a"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_verdict(&rows[i]);
}

static void rules_may_lead_back_to_themselves(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"root ::= \"(\" root \")\" | \"x\"", {"x", "((x))"}, {"(x", "x)", "()"}},
        {"root ::= \"a\" root \"a\" | \"b\" root \"b\" | \"c\"", {"c", "abcba"}, {"abcab", "ab"}},
        {"root ::= \"a\" root | \"\"", {"", "aaaaaaaa"}, {"b"}}, /* a list */
        {"root ::= expr \"=\" [0-9]\nexpr ::= term ([-+] term)*\nterm ::= [0-9] | \"(\" expr \")\"",
         {"1=1", "(1+(2-3))-4=5"},
         {"1", "(1=1", "1+=1", "()=1"}},
        {"root ::= a b\na ::= \"x\" a b | \"\"\nb ::= \"y\" | \"\"", /* empty on all sides */
         {"", "xy", "xxyyy", "xyy", "y"},
         {"yx", "xyyy"}},
        {"root ::= list\nlist ::= \"[\" (list (\",\" list)*)? \"]\"",
         {"[]", "[[],[[]]]"},
         {"[,]", "[[]", "[][]"}},
        {"root ::= a \"c\"\na ::= \"a\" | \"a\" b\nb ::= \"b\" a?", /* several readings at once */
         {"ac", "abc", "ababc"},
         {"bc", "aac"}},
        {"root ::= never | \"a\"\nnever ::= \"b\" never", {"a"}, {"b", "ba"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_verdict(&rows[i]);
}

/* Nested twice as deep as the stack reaches: right recursion needs no stack, other needs it. */
static void a_list_may_be_longer_than_the_stack(void **state)
{
    (void)state;
    char text[3 * GRAMMAR_TEXT_DEPTH_MAX + 1];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    CLEANUP(grammar_unrefp) struct grammar *list = NULL;
    CLEANUP(grammar_unrefp) struct grammar *nested = NULL;
    uint32_t rule = 0;
    assert_ok(grammar_gbnf_parse(STR("root ::= \"a\" root | \"b\""), &list, &rule, err));
    text[sizeof(text) - 2] = 'b';
    assert_true(mask_support_accepts(list, rule, str_from_c(text)));
    assert_ok(grammar_gbnf_parse(STR("root ::= \"a\" root \"c\" | \"b\""), &nested, &rule, err));
    CLEANUP(grammar_state_done) struct grammar_state automaton = {0};
    grammar_state_start(&automaton, nested, NULL, rule, 0);
    struct grammar_layer next;
    uint32_t depth = 0;
    while (grammar_state_step(&automaton, &automaton.base, 'a', &next)) {
        grammar_state_commit(&automaton, &next);
        depth++;
    }
    assert_in_range(depth, GRAMMAR_TEXT_DEPTH_MAX / 2, 2 * GRAMMAR_TEXT_DEPTH_MAX);
    mask_support_follow_rest(&automaton);
}

static void mistakes_are_named_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *grammar;
        enum status want;
        const char *says;
    } rows[] = {
        {"", E_INVALID, "no rule \"root\""},
        {"start ::= \"a\"", E_INVALID, "no rule \"root\""},
        {"root ::= item\n", E_INVALID, "line 1, column 10: there is no rule \"item\""},
        {"root := \"a\"", E_INVALID, "line 1, column 6: \"::=\" is missing"},
        {"root ::= \"a\"\nroot ::= \"b\"", E_INVALID, "line 2, column 1: a second rule"},
        {"root ::= \"a", E_INVALID, "line 1, column 10: the closing quote"},
        {"root ::= \"a\"\n  | \"b\"", E_INVALID, "line 2, column 3: a rule's name"},
        {"root ::= [a-", E_INVALID, "the closing bracket"},
        {"root ::= [b-a]", E_INVALID, "not in order"},
        {"root ::= (\"a\"", E_INVALID, "line 1, column 10: the end of a group"},
        {"root ::= \"a\")", E_INVALID, "line 1, column 13: not what can stand"},
        {"root ::= *", E_INVALID, "nothing to repeat"},
        {"root ::= \"a\"{x}", E_INVALID, "line 1, column 14: a number"},
        {"root ::= \"a\"{3,2}", E_INVALID, "bounds that are not in order"},
        {"root ::= \"a\"{9999}", E_LIMIT, "too many repetitions"},
        {"root ::= \"\\q\"", E_INVALID, "line 1, column 12: an escape"},
        {"root ::= \"\\u12\"", E_INVALID, "hexadecimal"},
        {"root ::= \"\\UFFFFFFFF\"", E_INVALID, "so large a number"},
        {"root ::= <think> \"a\"", E_UNSUPPORTED, "line 1, column 10: references to tokens"},
        {"root ::= !<[7]>", E_UNSUPPORTED, "references to tokens"},
        {"root ::= root \"a\" | \"b\"", E_INVALID,
         "rule \"root\" of the grammar begins with itself"},
        {"root ::= \"x\" a\na ::= b \"c\"\nb ::= e a | \"d\"\ne ::= \"\" | \"e\"", E_INVALID,
         "rule \"a\" of the grammar begins with itself"},
        {"root ::= \"a\" root", E_INVALID, "it never ends"},
        {"root ::= [ab]* \"a\" [ab]{18}", E_LIMIT, "rule \"root\" of the grammar is too intricate"},
        {"root ::= (((([a-z]{4000}){4000}){4000}){4000})", E_LIMIT, "too large"},
        {"root ::= \"\xff\"", E_INVALID, "UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct grammar *grammar = NULL;
        struct error err = {0};
        uint32_t rule = 0;
        test_case(rows[i].grammar);
        const enum status status =
            grammar_gbnf_parse(str_from_c(rows[i].grammar), &grammar, &rule, &err);
        if (status == OK)
            grammar_unref(grammar);
        if (status != rows[i].want || !strstr(err.text, rows[i].says))
            fail_msg("%s: status %d, \"%s\" does not say \"%s\"", rows[i].grammar, (int)status,
                     err.text, rows[i].says);
    }
}

int test_grammar_gbnf(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_construct_means_what_it_says),
        cmocka_unit_test(rules_may_lead_back_to_themselves),
        cmocka_unit_test(a_list_may_be_longer_than_the_stack),
        cmocka_unit_test(mistakes_are_named_with_their_place),
    };
    return cmocka_run_group_tests_name("grammar_gbnf", tests, NULL, NULL);
}
