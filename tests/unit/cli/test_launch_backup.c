/* What holt changes of other programs can be undone to the byte, or stays as others left it. */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "cli/launch_backup.h"
#include "os/file.h"
#include "os/file_edit.h"
#include "os/path.h"

#include <sys/stat.h>
#include <unistd.h>

struct place {
    char *folder;
    char *path;
};

static struct place new_place(const char *name)
{
    CLEANUP(mem_freep) char *all = path_join(test_folder(), name);
    assert_ok(file_make_folder(all, err));
    return (struct place){path_join(all, "kept"), path_join(all, "settings")};
}

static void place_done(struct place *place)
{
    mem_free(place->folder);
    mem_free(place->path);
}

static bool change(const struct place *place, const char *text)
{
    CLEANUP(strbuf_done) struct strbuf before = {0};
    bool is_changed = false;
    assert_ok(launch_backup_read(place->path, &before, err));
    assert_ok(launch_backup_change(place->folder, place->path, strbuf_view(&before),
                                   str_from_c(text), &is_changed, err));
    return is_changed;
}

static void assert_holds(const struct place *place, const char *text)
{
    CLEANUP(strbuf_done) struct strbuf now = {0};
    assert_ok(file_read(place->path, 1000, &now, err));
    assert_string_equal(strbuf_c(&now), text);
}

static unsigned mode_of(const char *path)
{
    struct file_edit_state state;
    assert_ok(file_edit_look(path, &state, err));
    return state.mode;
}

static enum status restore(const struct place *place, struct error *err)
{
    CLEANUP(mem_freep) char *path = NULL;
    const enum status status = launch_backup_restore(place->folder, &path, err);
    if (status == OK)
        assert_string_equal(path, place->path);
    return status;
}

static void bytes_and_mode_come_back(void **state)
{
    (void)state;
    CLEANUP(place_done) struct place place = new_place("bytes");
    struct error why = {0};
    assert_ok(file_write(place.path, STR("old\n\ttext without end"), err));
    assert_int_equal(chmod(place.path, 0644), 0);
    assert_true(change(&place, "new"));
    assert_holds(&place, "new");
    assert_int_equal(mode_of(place.path), 0644);
    assert_false(change(&place, "new"));
    assert_true(change(&place, "newer")); /* the first bytes are the ones that come back */
    assert_ok(restore(&place, err));
    assert_holds(&place, "old\n\ttext without end");
    assert_int_equal(mode_of(place.path), 0644);
    assert_int_equal(restore(&place, &why), E_NOT_FOUND);
}

static void a_file_that_was_not_there_goes_again(void **state)
{
    (void)state;
    CLEANUP(place_done) struct place place = new_place("missing");
    assert_true(change(&place, "new"));
    assert_int_equal(mode_of(place.path), 0600);
    assert_ok(restore(&place, err));
    assert_int_equal(path_kind(place.path), PATH_MISSING);
}

static void what_others_changed_stays(void **state)
{
    (void)state;
    CLEANUP(place_done) struct place place = new_place("others");
    struct error why = {0};
    assert_ok(file_write(place.path, STR("old"), err));
    assert_true(change(&place, "new"));
    assert_ok(file_write(place.path, STR("theirs"), err));
    assert_int_equal(restore(&place, &why), E_INVALID);
    assert_non_null(strstr(why.text, place.folder));
    assert_holds(&place, "theirs");
    /* A change on top of theirs gives theirs back, and the oldest bytes are still kept. */
    assert_true(change(&place, "newest"));
    assert_ok(restore(&place, err));
    assert_holds(&place, "theirs");
    CLEANUP(strbuf_done) struct strbuf kept = {0};
    const char *told = strstr(why.text, place.folder);
    assert_ok(file_read(told, 1000, &kept, err));
    assert_string_equal(strbuf_c(&kept), "old");
}

static void a_change_that_was_cut_off_is_undone_by_doing_nothing(void **state)
{
    (void)state;
    CLEANUP(place_done) struct place place = new_place("cut");
    assert_ok(file_write(place.path, STR("old"), err));
    assert_true(change(&place, "new"));
    assert_ok(file_write(place.path, STR("old"), err)); /* as if the last write had not been */
    assert_ok(restore(&place, err));
    assert_holds(&place, "old");
}

static void odd_files_are_left_alone(void **state)
{
    (void)state;
    CLEANUP(place_done) struct place place = new_place("odd");
    CLEANUP(mem_freep) char *real = path_join(test_folder(), "real");
    CLEANUP(strbuf_done) struct strbuf out = {0};
    bool is_changed = false;
    struct error why = {0};
    assert_ok(file_write(real, STR("old"), err));
    assert_int_equal(symlink(real, place.path), 0);
    assert_int_equal(launch_backup_read(place.path, &out, &why), E_INVALID);
    assert_non_null(strstr(why.text, "symbolic link"));
    assert_int_equal(
        launch_backup_change(place.folder, place.path, STR("old"), STR("new"), &is_changed, &why),
        E_INVALID);
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(symlink("/nowhere/at/all", place.path), 0);
    assert_int_equal(launch_backup_read(place.path, &out, &why), E_INVALID);
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(link(real, place.path), 0);
    assert_int_equal(launch_backup_read(place.path, &out, &why), E_INVALID);
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(mkfifo(place.path, 0600), 0);
    assert_int_equal(launch_backup_read(place.path, &out, &why), E_INVALID);
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(mkdir(place.path, 0700), 0);
    assert_int_equal(launch_backup_read(place.path, &out, &why), E_INVALID);
    assert_int_equal(rmdir(place.path), 0);
    assert_int_equal(path_kind(place.folder), PATH_MISSING);
    CLEANUP(strbuf_done) struct strbuf now = {0};
    assert_ok(file_read(real, 100, &now, err));
    assert_string_equal(strbuf_c(&now), "old");
}

static void a_change_behind_our_back_is_seen(void **state)
{
    (void)state;
    CLEANUP(place_done) struct place place = new_place("behind");
    bool is_changed = false;
    struct error why = {0};
    assert_ok(file_write(place.path, STR("theirs"), err));
    assert_int_equal(
        launch_backup_change(place.folder, place.path, STR("old"), STR("new"), &is_changed, &why),
        E_BUSY);
    assert_holds(&place, "theirs");
}

static void a_damaged_record_leads_nowhere(void **state)
{
    (void)state;
    CLEANUP(place_done) struct place place = new_place("damaged");
    CLEANUP(mem_freep) char *record = path_join(place.folder, "record.json");
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"path\": \"settings\", \"before\": \"before-1\", \"mode\": 384, \"written\": []}",
        "{\"path\": \"/x\", \"before\": \"before-/../../secret\", \"mode\": 384, \"written\": []}",
        "{\"path\": \"/x\", \"before\": \"../secret\", \"mode\": 384, \"written\": []}",
        "{\"path\": \"/x\", \"before\": \"before-1\", \"mode\": \"6\", \"written\": []}",
        "{\"path\": \"/x\", \"before\": \"before-1\", \"mode\": 384}",
    };
    assert_ok(file_make_folder(place.folder, err));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct error why = {0};
        test_case(texts[i]);
        assert_ok(file_write(record, str_from_c(texts[i]), err));
        assert_int_equal(restore(&place, &why), E_FORMAT);
    }
}

int test_launch_backup(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_mode_come_back),
        cmocka_unit_test(a_file_that_was_not_there_goes_again),
        cmocka_unit_test(what_others_changed_stays),
        cmocka_unit_test(a_change_that_was_cut_off_is_undone_by_doing_nothing),
        cmocka_unit_test(odd_files_are_left_alone),
        cmocka_unit_test(a_change_behind_our_back_is_seen),
        cmocka_unit_test(a_damaged_record_leads_nowhere),
    };
    return cmocka_run_group_tests_name("launch_backup", tests, NULL, NULL);
}
