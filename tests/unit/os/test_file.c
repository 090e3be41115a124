/*
 * Sessions, memories and models are saved through file_write(): a crash or a full disk must leave
 * the old file, never half of the new one, and nobody else may read it.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "os/file.h"
#include "os/file_map.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", test_folder(), name);
    return path;
}

/* Number of entries of the folder that holds `path`. */
static size_t entries_beside(const char *path)
{
    char folder[512];
    snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = '\0';
    DIR *dir = opendir(folder);
    size_t count = 0;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void a_new_file_leaves_an_old_one(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    char folder[] = "/tmp/holt-file-XXXXXX";
    char path[64];
    bool is_new = false;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/new", folder);
    assert_ok(file_write_new(path, STR("first"), &is_new, err));
    assert_true(is_new);
    assert_ok(file_write_new(path, STR("second"), &is_new, err));
    assert_false(is_new);
    assert_ok(file_read(path, 100, &text, err));
    assert_string_equal(strbuf_c(&text), "first");
    assert_true(file_remove(path));
    assert_int_equal(rmdir(folder), 0); /* nothing else was left */
}

static void what_is_written_is_read_back_and_private(void **state)
{
    (void)state;
    const char *path = in_folder("note");
    assert_ok(file_write(path, STR("first"), err));
    assert_ok(file_write(path, STR("second \0 text"), err));
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_add_c(&text, "> ");
    assert_ok(file_read(path, 100, &text, err));
    assert_true(str_equal(strbuf_view(&text), STR("> second \0 text")));
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(entries_beside(path), 1);
}

/* As root, a file in the place of /dev/null or of a pipe would be there for everybody. */
static void what_is_no_file_is_not_replaced(void **state)
{
    (void)state;
    const char *path = in_folder("pipe");
    struct error fault = {0};
    struct stat info;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_write(path, STR("text"), &fault), E_INVALID);
    assert_non_null(strstr(fault.text, "pipe is a device or pipe, not a file"));
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_int_equal(entries_beside(path), 1);
    assert_true(file_remove(path));
}

static void an_abandoned_write_leaves_the_old_file_alone(void **state)
{
    (void)state;
    const char *path = in_folder("note");
    assert_ok(file_write(path, STR("old"), err));
    struct file_writer writer = {0};
    assert_ok(file_writer_open(path, &writer, err));
    assert_ok(file_writer_add(&writer, "new", 3, err));
    file_writer_done(&writer);
    file_writer_done(&writer);
    assert_true(str_equal_c(test_read_file(path), "old"));
    assert_int_equal(entries_beside(path), 1);
}

static void a_write_that_cannot_finish_leaves_the_old_file(void **state)
{
    (void)state;
    const char *path = in_folder("note");
    assert_ok(file_write(path, STR("old"), err));
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
    char big[8192] = {0};
    struct error fault = {0};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const enum status status = file_write(path, (struct str){big, sizeof(big)}, &fault);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, E_IO);
    assert_true(str_equal_c(test_read_file(path), "old"));
    assert_int_equal(entries_beside(path), 1);
}

static void reading_refuses_what_is_no_file_or_too_long(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    struct error fault = {0};
    assert_int_equal(file_read(test_folder(), 100, &text, &fault), E_INVALID);
    assert_int_equal(file_read(in_folder("absent"), 100, &text, &fault), E_NOT_FOUND);
    const char *path = in_folder("long");
    assert_ok(file_write(path, STR("0123456789"), err));
    assert_int_equal(file_read(path, 9, &text, &fault), E_LIMIT);
    assert_int_equal(text.len, 0);
    assert_ok(file_read(path, 10, &text, err));
    const char *pipe = in_folder("pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(file_read(pipe, 100, &text, &fault), E_INVALID); /* and does not wait */
    assert_int_equal(file_read("/dev/zero", 100, &text, &fault), E_INVALID);
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    const char *path = in_folder("a/b/c");
    assert_ok(file_make_folder(path, err));
    assert_ok(file_make_folder(path, err)); /* twice is fine */
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    struct error fault = {0};
    const char *file = in_folder("file");
    assert_ok(file_write(file, STR(""), err));
    assert_int_equal(file_make_folder(file, &fault), E_INVALID);
}

static void a_map_shows_the_file_and_notices_changes(void **state)
{
    (void)state;
    const char *path = in_folder("model");
    assert_ok(file_write(path, STR("0123456789"), err));
    struct file_map map = {0};
    assert_ok(file_map_open(path, &map, err));
    assert_int_equal(map.size, 10);
    assert_memory_equal(map.bytes, "0123456789", 10);
    char piece[4];
    assert_ok(file_map_read(&map, 3, 4, piece, err));
    assert_memory_equal(piece, "3456", 4);
    struct error fault = {0};
    assert_int_equal(file_map_read(&map, 8, 4, piece, &fault), E_FORMAT);
    assert_ok(file_map_check(&map, err));
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(file_map_check(&map, &fault), E_IO);
    assert_int_equal(file_map_read(&map, 3, 4, piece, &fault), E_FORMAT);
    file_map_close(&map);
    file_map_close(&map);
}

static void an_empty_file_maps_to_nothing(void **state)
{
    (void)state;
    const char *path = in_folder("empty");
    assert_ok(file_write(path, STR(""), err));
    struct file_map map = {0};
    assert_ok(file_map_open(path, &map, err));
    assert_null(map.bytes);
    assert_int_equal(map.size, 0);
    file_map_close(&map);
    struct error fault = {0};
    assert_int_equal(file_map_open(test_folder(), &map, &fault), E_INVALID);
}

int test_file(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_leaves_an_old_one),
        cmocka_unit_test(what_is_written_is_read_back_and_private),
        cmocka_unit_test(what_is_no_file_is_not_replaced),
        cmocka_unit_test(an_abandoned_write_leaves_the_old_file_alone),
        cmocka_unit_test(a_write_that_cannot_finish_leaves_the_old_file),
        cmocka_unit_test(reading_refuses_what_is_no_file_or_too_long),
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(a_map_shows_the_file_and_notices_changes),
        cmocka_unit_test(an_empty_file_maps_to_nothing),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
