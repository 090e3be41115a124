/*
 * The database outlives every version of the program. Old files must come up to date with nothing
 * lost, newer ones and foreign ones must be left alone, and damage must be told in a sentence.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "store/db.h"
#include "store/schema.h"
#include "store/session_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char *database_path(void)
{
    struct strbuf path = {0};
    strbuf_addf(&path, "%s/holt.db", test_folder());
    return strbuf_take(&path);
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* A database of version n, as the program of that time left it (tests/data/store/v<n>.sql). */
static void make_old(const char *path, uint32_t version)
{
    char script[64];
    snprintf(script, sizeof(script), "tests/data/store/v%u.sql", version);
    const struct str sql = test_read_file(script);
    CLEANUP(db_closep) struct db *db = NULL;
    assert_ok(db_open_bare(path, &db, err));
    assert_ok(db_run(db, sql.ptr, err));
}

static void every_old_version_comes_up_to_date(void **state)
{
    (void)state;
    for (uint32_t version = 1; version <= schema_version_latest(); version++) {
        char name[32];
        snprintf(name, sizeof(name), "version %u", version);
        test_case(name);
        CLEANUP(mem_freep) char *path = database_path();
        make_old(path, version);

        CLEANUP(db_closep) struct db *db = NULL;
        uint32_t found = 0;
        assert_ok(db_open(path, &db, err));
        assert_ok(schema_version(db, &found, err));
        assert_int_equal(found, schema_version_latest());
        assert_ok(db_check(db, err));

        struct session_store_info info = {0};
        CLEANUP(json_decrefp) json_t *messages = NULL;
        assert_ok(session_store_find(db, "k3f9qa", &info, err));
        assert_string_equal(info.title, "how many lines has a.txt?");
        assert_ok(session_store_load(db, "k3f9qa", &messages, err));
        assert_int_equal(json_array_size(messages), 3);
        session_store_info_done(&info);
    }
}

static void a_new_file_has_the_latest_version(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *path = database_path();
    CLEANUP(db_closep) struct db *db = NULL;
    uint32_t found = 0;
    assert_ok(db_open(path, &db, err));
    assert_ok(schema_version(db, &found, err));
    assert_int_equal(found, schema_version_latest());
    assert_string_equal(db_path(db), path);
}

static void a_newer_file_is_left_alone(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *path = database_path();
    struct db *db = NULL;
    assert_ok(db_open(path, &db, err));
    assert_ok(db_run(db, "PRAGMA user_version = 999; CREATE TABLE later (x)", err));
    db_close(db);

    struct error why = {0};
    db = NULL;
    assert_int_equal(db_open(path, &db, &why), E_UNSUPPORTED);
    assert_null(db);
    assert_non_null(strstr(why.text, "newer holt"));
    assert_ok(db_open_bare(path, &db, err));
    assert_ok(db_run(db, "SELECT x FROM later", err)); /* still there */
    db_close(db);
}

static void foreign_and_damaged_files_are_told_apart(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *path = database_path();
    struct db *db = NULL;
    struct error why = {0};

    test_case("no database at all");
    char junk[8192];
    memset(junk, 'j', sizeof(junk));
    write_file(path, junk, sizeof(junk));
    assert_int_equal(db_open(path, &db, &why), E_FORMAT);
    assert_non_null(strstr(why.text, "damaged"));
    assert_non_null(strstr(why.text, "move it away"));
    struct str after = test_read_file(path);
    assert_int_equal(after.len, sizeof(junk));
    assert_memory_equal(after.ptr, junk, sizeof(junk));

    test_case("a damaged page");
    CLEANUP(mem_freep) char *damaged = database_path();
    assert_ok(db_open(damaged, &db, err));
    char id[SESSION_STORE_ID_SIZE];
    const struct session_store_start start = {"/w", "m", "p"};
    assert_ok(session_store_create(db, &start, id, err));
    db_close(db);
    db = NULL;
    const int fd = open(damaged, O_WRONLY);
    assert_true(fd >= 0);
    for (off_t page = 1; page < 64; page++)
        assert_int_equal(pwrite(fd, junk, 100, page * 4096), 100);
    close(fd);
    enum status status = db_open(damaged, &db, &why);
    if (status == OK)
        status = session_store_create(db, &start, id, &why);
    assert_int_equal(status, E_FORMAT);
    assert_non_null(strstr(why.text, "damaged"));
    db_close(db);
}

static void another_programs_database_is_refused(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *path = database_path();
    struct db *db = NULL;
    assert_ok(db_open_bare(path, &db, err));
    assert_ok(db_run(db, "PRAGMA application_id = 7; CREATE TABLE theirs (x)", err));
    db_close(db);
    struct error why = {0};
    db = NULL;
    assert_int_equal(db_open(path, &db, &why), E_FORMAT);
    assert_non_null(strstr(why.text, "another program"));
}

static void places_that_cannot_be_used_are_named(void **state)
{
    (void)state;
    struct db *db = NULL;
    struct error why = {0};
    assert_int_equal(db_open("/no/such/folder/holt.db", &db, &why), E_NOT_FOUND);
    assert_non_null(strstr(why.text, "/no/such/folder"));
    assert_int_equal(db_open(test_folder(), &db, &why), E_INVALID);

    /* A symbolic link could lead the database anywhere. */
    CLEANUP(mem_freep) char *path = database_path();
    assert_int_equal(symlink("/tmp/elsewhere.db", path), 0);
    assert_int_not_equal(db_open(path, &db, &why), OK);
}

static void a_migration_is_whole_or_not_at_all(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *path = database_path();
    CLEANUP(db_closep) struct db *db = NULL;
    assert_ok(db_open_bare(path, &db, err));
    /* The first migration will fail half way: one of its tables is there already. */
    assert_ok(db_run(db, "CREATE TABLE entry (x)", err));
    assert_int_not_equal(schema_migrate(db, schema_version_latest(), NULL), OK);
    uint32_t found = 77;
    assert_ok(schema_version(db, &found, err));
    assert_int_equal(found, 0);
    assert_int_not_equal(db_run(db, "SELECT * FROM session", NULL), OK);
}

int test_db(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_has_the_latest_version),
        cmocka_unit_test(every_old_version_comes_up_to_date),
        cmocka_unit_test(a_newer_file_is_left_alone),
        cmocka_unit_test(foreign_and_damaged_files_are_told_apart),
        cmocka_unit_test(another_programs_database_is_refused),
        cmocka_unit_test(places_that_cannot_be_used_are_named),
        cmocka_unit_test(a_migration_is_whole_or_not_at_all),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
