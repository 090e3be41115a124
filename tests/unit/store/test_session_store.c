/*
 * A person's sessions must come back exactly as they were shown, whatever happened in between: the
 * process was killed at any moment, another holt wrote at the same time, the disk was full, the
 * file was damaged. Each test breaks one of these and looks at what is left.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "os/clock.h"
#include "os/random.h"
#include "store/db.h"
#include "store/session_store.h"
#include "text/json.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct session_store_start start = {"/home/user/project", "builtin", "builtin-1"};

static char *in_folder(const char *folder, const char *name)
{
    struct strbuf path = {0};
    strbuf_addf(&path, "%s/%s", folder, name);
    return strbuf_take(&path);
}

static struct db *open_in(const char *folder)
{
    CLEANUP(mem_freep) char *path = in_folder(folder, "holt.db");
    struct db *db = NULL;
    assert_ok(db_open(path, &db, err));
    return db;
}

static json_t *message(const char *role, const char *content)
{
    json_t *made = json_pack("{s:s, s:s}", "role", role, "content", content);
    assert_non_null(made);
    return made;
}

static void append(struct db *db, const char *id, const char *role, const char *content)
{
    CLEANUP(json_decrefp) json_t *entry = message(role, content);
    assert_ok(session_store_append(db, id, entry, err));
}

static void entries_come_back_as_they_were(void **state)
{
    (void)state;
    const char *folder = test_folder();
    CLEANUP(json_decrefp)
    json_t *call = json_pack("{s:s, s:s, s:[{s:s, s:{s:s, s:i}}]}", "role", "assistant", "content",
                             "", "tool_calls", "name", "read_file", "arguments", "path",
                             "a \"b\"\n\xc3\xa4.txt", "line_count", 3);
    char id[SESSION_STORE_ID_SIZE];
    struct db *db = open_in(folder);
    assert_ok(session_store_create(db, &start, id, err));
    append(db, id, "user", "look into a.txt");
    assert_ok(session_store_append(db, id, call, err));
    append(db, id, "tool", "a.txt: 0 lines");
    db_close(db);

    CLEANUP(db_closep) struct db *again = open_in(folder);
    CLEANUP(json_decrefp) json_t *messages = NULL;
    assert_ok(session_store_load(again, id, &messages, err));
    assert_int_equal(json_array_size(messages), 3);
    assert_true(json_equal(json_array_get(messages, 1), call));
    assert_string_equal(json_string_value(json_object_get(json_array_get(messages, 2), "role")),
                        "tool");

    struct session_store_info info = {0};
    assert_ok(session_store_find(again, id, &info, err));
    assert_string_equal(info.workspace, "/home/user/project");
    assert_string_equal(info.model, "builtin");
    assert_string_equal(info.profile, "builtin-1");
    assert_string_equal(info.title, "look into a.txt");
    assert_int_equal(info.entry_count, 3);
    assert_true(info.updated_ms >= info.created_ms);
    session_store_info_done(&info);
}

static void title_is_the_first_line_said(void **state)
{
    (void)state;
    CLEANUP(db_closep) struct db *db = open_in(test_folder());
    char id[SESSION_STORE_ID_SIZE];
    assert_ok(session_store_create(db, &start, id, err));
    append(db, id, "system", "you are holt");
    struct strbuf text = {0};
    strbuf_add_c(&text, "\n  \n  ");
    for (int i = 0; i < 100; i++)
        strbuf_add_c(&text, "\xc3\xa4");
    strbuf_add_c(&text, "\nsecond line");
    append(db, id, "user", strbuf_c(&text));
    append(db, id, "user", "something else");
    strbuf_done(&text);

    struct session_store_info info = {0};
    assert_ok(session_store_find(db, id, &info, err));
    assert_int_equal(strlen(info.title), SESSION_STORE_TITLE_LEN_MAX); /* 60 whole characters */
    assert_memory_equal(info.title + 118, "\xc3\xa4", 2);
    session_store_info_done(&info);
}

static void ids_are_found_by_their_beginning(void **state)
{
    (void)state;
    CLEANUP(db_closep) struct db *db = open_in(test_folder());
    assert_ok(db_run(db,
                     "INSERT INTO session VALUES ('abcdef','w','m','p','t',1,1),"
                     "('abcxyz','w','m','p','t',2,2), ('q%_xyz','w','m','p','t',3,3)",
                     err));
    static const struct {
        const char *name;
        const char *asked;
        enum status status;
        const char *found;
    } cases[] = {
        {"whole id", "abcdef", OK, "abcdef"},
        {"unique beginning", "abcx", OK, "abcxyz"},
        {"shared beginning", "abc", E_INVALID, NULL},
        {"unknown", "zzz", E_NOT_FOUND, NULL},
        {"nothing", "", E_NOT_FOUND, NULL},
        {"a wildcard is no wildcard", "%", E_NOT_FOUND, NULL},
        {"longer than any", "abcdefg", E_NOT_FOUND, NULL},
        {"a quote", "'; DROP TABLE session; --", E_NOT_FOUND, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        struct session_store_info info = {0};
        struct error why = {0};
        assert_int_equal(session_store_find(db, cases[i].asked, &info, &why), cases[i].status);
        if (cases[i].found)
            assert_string_equal(info.id, cases[i].found);
        session_store_info_done(&info);
    }
}

static void lists_are_newest_first(void **state)
{
    (void)state;
    CLEANUP(db_closep) struct db *db = open_in(test_folder());
    assert_ok(db_run(db,
                     "INSERT INTO session VALUES ('aaaaaa','/one','m','p','',1,10),"
                     "('bbbbbb','/two','m','p','',2,30), ('cccccc','/one','m','p','',3,20)",
                     err));
    CLEANUP(session_store_list_done) struct session_store_list list = {0};
    assert_ok(session_store_list_newest(db, 2, &list, err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].id, "bbbbbb");
    assert_string_equal(list.items[1].id, "cccccc");

    struct session_store_info info = {0};
    assert_ok(session_store_latest(db, "/one", &info, err));
    assert_string_equal(info.id, "cccccc");
    session_store_info_done(&info);
    assert_ok(session_store_latest(db, NULL, &info, err));
    assert_string_equal(info.id, "bbbbbb");
    session_store_info_done(&info);
    assert_int_equal(session_store_latest(db, "/none", &info, NULL), E_NOT_FOUND);
}

static void deleting_takes_the_entries_along(void **state)
{
    (void)state;
    CLEANUP(db_closep) struct db *db = open_in(test_folder());
    char id[SESSION_STORE_ID_SIZE];
    assert_ok(session_store_create(db, &start, id, err));
    append(db, id, "user", "hello");
    assert_ok(session_store_delete(db, id, err));
    assert_int_equal(session_store_delete(db, id, NULL), E_NOT_FOUND);
    CLEANUP(json_decrefp) json_t *messages = NULL;
    assert_ok(session_store_load(db, id, &messages, err));
    assert_int_equal(json_array_size(messages), 0);
}

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
    CLEANUP(db_closep) struct db *db = open_in(test_folder());
    char id[SESSION_STORE_ID_SIZE];
    assert_ok(session_store_create(db, &start, id, err));
    static const char *const wrong[] = {"[]", "{}", "{\"role\": 1}", "{\"content\": \"x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        test_case(wrong[i]);
        CLEANUP(json_decrefp) json_t *entry = NULL;
        assert_ok(json_parse(str_from_c(wrong[i]), NULL, &entry, err));
        assert_int_equal(session_store_append(db, id, entry, NULL), E_INVALID);
    }
    CLEANUP(json_decrefp) json_t *entry = message("user", "hello");
    assert_int_equal(session_store_append(db, "nosuch", entry, NULL), E_NOT_FOUND);
    CLEANUP(json_decrefp) json_t *messages = NULL;
    assert_ok(session_store_load(db, "nosuch", &messages, err));
    assert_int_equal(json_array_size(messages), 0); /* the refused entry left nothing behind */
}

static void files_are_the_users_alone(void **state)
{
    (void)state;
    const char *folder = test_folder();
    const mode_t before = umask(0);
    CLEANUP(db_closep) struct db *db = open_in(folder);
    char id[SESSION_STORE_ID_SIZE];
    assert_ok(session_store_create(db, &start, id, err));
    umask(before);
    static const char *const names[] = {"holt.db", "holt.db-wal", "holt.db-shm"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        test_case(names[i]);
        CLEANUP(mem_freep) char *path = in_folder(folder, names[i]);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

/* Appends for ever and counts, in shared memory, what was acknowledged. */
static void append_until_killed(const char *folder, const char *id, volatile uint32_t *acknowledged)
{
    struct db *db = NULL;
    CLEANUP(mem_freep) char *path = in_folder(folder, "holt.db");
    if (db_open(path, &db, NULL) != OK)
        _exit(1);
    for (uint32_t number = *acknowledged;; number++) {
        json_t *entry = json_pack("{s:s, s:i}", "role", "user", "number", (int)number);
        if (session_store_append(db, id, entry, NULL) != OK)
            _exit(1);
        json_decref(entry);
        *acknowledged = number + 1;
    }
}

/* Entries 0..n-1 in order, n at least what was acknowledged and at most one more. */
static void check_numbers(const char *folder, const char *id, volatile uint32_t *acknowledged)
{
    CLEANUP(db_closep) struct db *db = open_in(folder);
    CLEANUP(json_decrefp) json_t *messages = NULL;
    assert_ok(db_check(db, err));
    assert_ok(session_store_load(db, id, &messages, err));
    const size_t count = json_array_size(messages);
    assert_in_range(count, *acknowledged, *acknowledged + 1);
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_object_get(json_array_get(messages, i), "number");
        assert_int_equal(json_integer_value(number), i);
    }
    *acknowledged = (uint32_t)count;
}

static void nothing_acknowledged_is_lost_to_kill_9(void **state)
{
    (void)state;
    const char *folder = test_folder();
    volatile uint32_t *acknowledged = mmap(NULL, sizeof(*acknowledged), PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(acknowledged, MAP_FAILED);
    char id[SESSION_STORE_ID_SIZE];
    struct db *db = open_in(folder);
    assert_ok(session_store_create(db, &start, id, err));
    db_close(db);

    const char *wanted = getenv("HOLT_KILLS");
    int64_t kills = 20;
    if (wanted)
        assert_true(str_to_int(str_from_c(wanted), &kills));
    for (int64_t i = 0; i < kills; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            append_until_killed(folder, id, acknowledged);
        uint8_t wait_ms = 0;
        random_bytes(&wait_ms, 1);
        clock_sleep_ns((5 + wait_ms % 40) * UINT64_C(1000000));
        kill(child, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        check_numbers(folder, id, acknowledged);
    }
    assert_true(*acknowledged > 0);
    munmap((void *)(uintptr_t)acknowledged, sizeof(*acknowledged));
}

static void several_processes_write_at_once(void **state)
{
    (void)state;
    enum { WRITERS = 4, ENTRIES = 25 };
    const char *folder = test_folder();
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] > 0)
            continue;
        /* Each also creates the file if it comes first. */
        CLEANUP(mem_freep) char *path = in_folder(folder, "holt.db");
        struct db *db = NULL;
        struct error why = {0};
        char id[SESSION_STORE_ID_SIZE];
        enum status status = db_open(path, &db, &why);
        if (status == OK)
            status = session_store_create(db, &start, id, &why);
        for (int n = 0; n < ENTRIES && status == OK; n++) {
            json_t *entry = json_pack("{s:s, s:i}", "role", "user", "number", n);
            status = session_store_append(db, id, entry, &why);
            json_decref(entry);
        }
        if (status != OK)
            fprintf(stderr, "writer %d: %s\n", i, why.text);
        _exit(status == OK ? 0 : 1);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    CLEANUP(db_closep) struct db *db = open_in(folder);
    CLEANUP(session_store_list_done) struct session_store_list list = {0};
    assert_ok(session_store_list_newest(db, 100, &list, err));
    assert_int_equal(list.count, WRITERS);
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(list.items[i].entry_count, ENTRIES);
}

/* Writes appear in a folder whose file size is limited: the disk is full. */
static void a_full_disk_loses_nothing_that_was_saved(void **state)
{
    (void)state;
    const char *folder = test_folder();
    char id[SESSION_STORE_ID_SIZE];
    struct db *db = open_in(folder);
    assert_ok(session_store_create(db, &start, id, err));
    append(db, id, "user", "saved before");

    /* SQLite counts pages itself, so this is the error a full disk gives. */
    assert_ok(db_run(db, "PRAGMA max_page_count = 8", err));
    struct strbuf text = {0};
    for (int i = 0; i < 100000; i++)
        strbuf_add_char(&text, 'x');
    CLEANUP(json_decrefp) json_t *entry = message("tool", strbuf_c(&text));
    strbuf_done(&text);
    struct error why = {0};
    assert_int_equal(session_store_append(db, id, entry, &why), E_IO);
    assert_non_null(strstr(why.text, "the disk is full"));
    db_close(db);

    CLEANUP(db_closep) struct db *again = open_in(folder);
    CLEANUP(json_decrefp) json_t *messages = NULL;
    assert_ok(session_store_load(again, id, &messages, err));
    assert_int_equal(json_array_size(messages), 1);
    append(again, id, "user", "and goes on");
}

int test_session_store(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_back_as_they_were),
        cmocka_unit_test(title_is_the_first_line_said),
        cmocka_unit_test(ids_are_found_by_their_beginning),
        cmocka_unit_test(lists_are_newest_first),
        cmocka_unit_test(deleting_takes_the_entries_along),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(files_are_the_users_alone),
        cmocka_unit_test(nothing_acknowledged_is_lost_to_kill_9),
        cmocka_unit_test(several_processes_write_at_once),
        cmocka_unit_test(a_full_disk_loses_nothing_that_was_saved),
    };
    return cmocka_run_group_tests_name("session_store", tests, NULL, NULL);
}
