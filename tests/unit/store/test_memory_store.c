/*
 * Notes belong to the user: what a person wrote into the file must survive, none may be lost when
 * two programs write at once, and the best match must come first.
 */
#include "base/mem.h"
#include "os/process.h"
#include "store/memory_store.h"
#include "tests/holt_test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void join(void *context, struct str note)
{
    struct strbuf *found = context;
    if (found->len)
        strbuf_add_char(found, '|');
    strbuf_add_str(found, note);
}

static const char *note_path(const char *folder)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/notes.md", folder);
    return path;
}

static void write_notes(const char *folder, const char *text)
{
    FILE *file = fopen(note_path(folder), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void notes_are_one_plain_file(void **state)
{
    (void)state;
    struct memory_store *store = NULL;
    struct stat info;
    size_t count = 9;
    char folder[512];
    snprintf(folder, sizeof(folder), "%s/new/memory", test_folder());
    assert_ok(memory_store_open(folder, &store, err));
    assert_ok(memory_store_count(store, &count, err));
    assert_int_equal(count, 0);
    assert_ok(memory_store_add(store, STR("The server is called otter"), err));
    assert_ok(memory_store_add(store, STR("  two\nlines \t"), err));
    assert_string_equal(test_read_file(note_path(folder)).ptr,
                        "# Notes\n\n- The server is called otter\n- two lines\n");
    assert_int_equal(stat(note_path(folder), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    memory_store_close(store);
}

static void what_a_person_wrote_stays(void **state)
{
    (void)state;
    struct memory_store *store = NULL;
    size_t count = 0;
    const char *folder = test_folder();
    write_notes(folder, "My heading\n\n* one\n  - two\ntext - no note\n-\n- \n- three");
    assert_ok(memory_store_open(folder, &store, err));
    assert_ok(memory_store_count(store, &count, err));
    assert_int_equal(count, 3);
    assert_ok(memory_store_add(store, STR("four"), err));
    assert_string_equal(test_read_file(note_path(folder)).ptr,
                        "My heading\n\n* one\n  - two\ntext - no note\n-\n- \n- three\n- four\n");
    memory_store_close(store);
}

static const struct {
    const char *query;
    const char *found;
} finds[] = {
    {"blue", "the car is blue|the door is blue"}, /* newest first */
    {"BLUE Door", "the door is blue|the car is blue"},
    {"blue, blue; door!", "the door is blue|the car is blue"},
    {"is the", "the car is blue|the door is blue|Caf\xc3\xa9 42 is open"}, /* three at most */
    {"caf\xc3\xa9", "Caf\xc3\xa9 42 is open"},
    {"caf", ""},
    {"42", "Caf\xc3\xa9 42 is open"},
    {"snake", "snake_case is two words"},
    {"snake_words", "snake_case is two words"},
    {"", ""},
    {"- _ !", ""},
};

static void best_match_comes_first(void **state)
{
    (void)state;
    struct memory_store *store = NULL;
    const char *folder = test_folder();
    write_notes(folder, "- snake_case is two words\n- the door is blue\n- the car is blue\n"
                        "- Caf\xc3\xa9 42 is open\n");
    assert_ok(memory_store_open(folder, &store, err));
    for (size_t i = 0; i < ARRAY_LEN(finds); i++) {
        struct strbuf found = {0};
        test_case(finds[i].query);
        assert_ok(memory_store_find(store, str_from_c(finds[i].query), 3, join, &found, err));
        assert_string_equal(strbuf_c(&found), finds[i].found);
        strbuf_done(&found);
    }
    memory_store_close(store);
}

static void bad_notes_change_nothing(void **state)
{
    (void)state;
    static char large[MEMORY_STORE_NOTE_MAX + 2];
    struct memory_store *store = NULL;
    const char *folder = test_folder();
    memset(large, 'x', MEMORY_STORE_NOTE_MAX + 1);
    assert_ok(memory_store_open(folder, &store, err));
    assert_int_equal(memory_store_add(store, STR(" \n"), NULL), E_INVALID);
    assert_int_equal(memory_store_add(store, STR("\xff"), NULL), E_INVALID);
    assert_int_equal(memory_store_add(store, str_from_c(large), NULL), E_LIMIT);
    assert_int_equal(access(note_path(folder), F_OK), -1);
    memory_store_close(store);
}

static void a_full_file_is_refused(void **state)
{
    (void)state;
    struct memory_store *store = NULL;
    const char *folder = test_folder();
    char *text = mem_alloc(MEMORY_STORE_FILE_MAX + 1);
    memset(text, 'x', MEMORY_STORE_FILE_MAX);
    text[MEMORY_STORE_FILE_MAX] = '\0';
    write_notes(folder, text);
    assert_ok(memory_store_open(folder, &store, err));
    assert_int_equal(memory_store_add(store, STR("one more"), NULL), E_LIMIT);
    assert_int_equal(test_read_file(note_path(folder)).len, MEMORY_STORE_FILE_MAX);
    memory_store_close(store);
    mem_free(text);
}

static void two_programs_lose_nothing(void **state)
{
    (void)state;
    enum { PROGRAMS = 3, NOTES = 8 };
    const char *folder = test_folder();
    pid_t pids[PROGRAMS];
    for (int i = 0; i < PROGRAMS; i++) {
        assert_ok(process_fork(&pids[i], err));
        if (pids[i] != 0)
            continue;
        struct memory_store *store = NULL;
        int failures = memory_store_open(folder, &store, NULL) != OK;
        for (int j = 0; j < NOTES && !failures; j++)
            failures += memory_store_add(store, STR("note"), NULL) != OK;
        _exit(failures);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        int status = 1;
        assert_true(process_wait(pids[i], -1, &status));
        assert_int_equal(status, 0);
    }
    struct memory_store *store = NULL;
    size_t count = 0;
    assert_ok(memory_store_open(folder, &store, err));
    assert_ok(memory_store_count(store, &count, err));
    assert_int_equal(count, PROGRAMS * NOTES);
    memory_store_close(store);
}

int test_memory_store(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_are_one_plain_file), cmocka_unit_test(what_a_person_wrote_stays),
        cmocka_unit_test(best_match_comes_first),   cmocka_unit_test(bad_notes_change_nothing),
        cmocka_unit_test(a_full_file_is_refused),   cmocka_unit_test(two_programs_lose_nothing),
    };
    return cmocka_run_group_tests_name("memory_store", tests, NULL, NULL);
}
