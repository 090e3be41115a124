/*
 * The score of a model is only worth something if the judge is right: every check must hold when it
 * should, and fail when it should, on real files.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "cli/eval_judge.h"
#include "cli/eval_task.h"
#include "os/file.h"
#include "os/path.h"
#include "text/json.h"

static const char TASK[] = "{\"id\": \"t\", \"kind\": \"k\", \"turns\": [\"x\"], "
                           "\"files\": {\"a.txt\": \"one\\n\", \"d/b.txt\": \"two\"}, "
                           "\"folders\": [\"empty\"], \"check\": %s}";

static const struct {
    const char *name;
    const char *check;
    bool holds;
} cases[] = {
    {"no check", "{}", true},
    {"answer has all", "{\"answer_contains\": [\"forty\", \"TWO\"]}", true},
    {"answer lacks one", "{\"answer_contains\": [\"forty\", \"three\"]}", false},
    {"answer has one of them", "{\"answer_any\": [\"x\", \"two\"]}", true},
    {"answer has none of them", "{\"answer_any\": [\"q\", \"z\"]}", false},
    {"answer lacks what it should", "{\"answer_lacks\": [\"x!\"]}", true},
    {"answer has what it should not", "{\"answer_lacks\": [\"forty\"]}", false},
    {"file equals but for the last line break", "{\"file_equals\": {\"a.txt\": \"one\"}}", true},
    {"file differs", "{\"file_equals\": {\"a.txt\": \"One\"}}", false},
    {"file missing", "{\"file_equals\": {\"c.txt\": \"\"}}", false},
    {"file contains", "{\"file_contains\": {\"d/b.txt\": \"tw\"}}", true},
    {"file contains not", "{\"file_contains\": {\"d/b.txt\": \"x\"}}", false},
    {"absent", "{\"file_absent\": [\"c.txt\"]}", true},
    {"not absent", "{\"file_absent\": [\"a.txt\"]}", false},
    {"folder", "{\"folder_exists\": [\"empty\", \"d\"]}", true},
    {"file is no folder", "{\"folder_exists\": [\"a.txt\"]}", false},
    {"unchanged", "{\"files_unchanged\": true}", true},
    {"a call was made", "{\"calls_include\": [\"read_file\"]}", true},
    {"a call was not made", "{\"calls_include\": [\"write_file\"]}", false},
    {"calls were made", "{\"no_calls\": true}", false},
    {"note kept", "{\"notes_contains\": [\"Likes TEA\"]}", true},
    {"note not kept", "{\"notes_contains\": [\"coffee\"]}", false},
    {"all must hold", "{\"answer_any\": [\"two\"], \"file_absent\": [\"a.txt\"]}", false},
    {"an unknown check never holds", "{\"answer_rhymes\": true}", false},
};

static json_t *task_with(const char *check)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_addf(&text, TASK, check);
    json_t *task = NULL;
    assert_ok(json_parse(strbuf_view(&text), NULL, &task, err));
    return task;
}

static void checks_hold_when_they_should(void **state)
{
    (void)state;
    const char *folder = test_folder();
    CLEANUP(mem_freep) char *notes = path_join(test_folder(), "notes.md");
    CLEANUP(json_decrefp) json_t *calls = json_pack("[s]", "read_file");
    CLEANUP(json_decrefp) json_t *first = task_with("{}");
    assert_ok(file_write(notes, STR("- likes tea\n"), err));
    assert_ok(eval_task_lay_out(first, folder, err));
    const struct eval_judge_outcome outcome = {
        .answer = STR("Forty-two."), .calls = calls, .workspace = folder, .memory_file = notes};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        CLEANUP(json_decrefp) json_t *task = task_with(cases[i].check);
        CLEANUP(strbuf_done) struct strbuf reason = {0};
        assert_int_equal(eval_judge(task, &outcome, &reason), cases[i].holds);
        assert_int_equal(reason.len == 0, cases[i].holds);
    }
}

static void every_change_of_files_is_seen(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *task = task_with("{\"files_unchanged\": true}");
    static const struct {
        const char *name;
        const char *path;
        const char *content;
    } changes[] = {
        {"another content", "a.txt", "One\n"},
        {"a new file", "c.txt", "x"},
        {"a new file in a folder", "empty/c.txt", "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        test_case(changes[i].name);
        const char *folder = test_folder();
        CLEANUP(mem_freep) char *path = path_join(folder, changes[i].path);
        CLEANUP(strbuf_done) struct strbuf reason = {0};
        const struct eval_judge_outcome outcome = {.workspace = folder, .memory_file = "/none"};
        assert_ok(eval_task_lay_out(task, folder, err));
        assert_true(eval_judge(task, &outcome, &reason));
        assert_ok(file_write(path, str_from_c(changes[i].content), err));
        assert_false(eval_judge(task, &outcome, &reason));
    }
}

static void tasks_cannot_write_elsewhere(void **state)
{
    (void)state;
    static const char *const paths[] = {"/etc/x", "../x", "a/../../x", ""};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        test_case(paths[i]);
        CLEANUP(json_decrefp) json_t *task = json_pack("{s:{s:s}}", "files", paths[i], "x");
        assert_int_equal(eval_task_lay_out(task, test_folder(), NULL), E_DENIED);
    }
}

static void files_of_tasks_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        enum status status;
    } files[] = {
        {"empty", "", E_FORMAT},
        {"no JSON", "hello\n", E_FORMAT},
        {"a task without turns",
         "{\"id\": \"a\", \"kind\": \"k\", \"files\": {}, \"check\": {}, \"turns\": []}", E_FORMAT},
        {"a good one and empty lines",
         "\n{\"id\": \"a\", \"kind\": \"k\", \"files\": {}, \"check\": {}, \"turns\": [\"x\"]}\n\n",
         OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        test_case(files[i].name);
        CLEANUP(mem_freep) char *path = path_join(test_folder(), "t.jsonl");
        CLEANUP(json_decrefp) json_t *tasks = NULL;
        assert_ok(file_write(path, str_from_c(files[i].text), err));
        assert_int_equal(eval_task_read(path, &tasks, NULL), files[i].status);
    }
}

int test_eval_judge(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_hold_when_they_should),
        cmocka_unit_test(every_change_of_files_is_seen),
        cmocka_unit_test(tasks_cannot_write_elsewhere),
        cmocka_unit_test(files_of_tasks_are_checked),
    };
    return cmocka_run_group_tests_name("eval_judge", tests, NULL, NULL);
}
