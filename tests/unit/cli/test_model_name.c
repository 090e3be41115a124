/* -m takes names and files; a name must never become a path to anything but a model. */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "cli/command.h"
#include "cli/model_name.h"
#include "cli/state.h"
#include "os/file.h"
#include "os/path.h"

static void names_and_files_are_told_apart(void **state)
{
    (void)state;
    const char *folder = test_folder();
    const struct command_common common = {.state_folder = folder};
    CLEANUP(state_done) struct state paths = {0};
    assert_ok(state_init(&common, &paths, err));
    assert_ok(file_make_folder(paths.models, err));
    CLEANUP(mem_freep) char *model = path_join(paths.models, "tiny.gguf");
    CLEANUP(mem_freep) char *secret = path_join(folder, "secret.gguf");
    assert_ok(file_write(model, STR("x"), err));
    assert_ok(file_write(secret, STR("x"), err));

    const struct {
        const char *name;
        const char *given;
        enum status status;
        const char *found; /* NULL: the built-in model */
    } cases[] = {
        {"nothing", NULL, OK, NULL},
        {"the built-in one", "builtin", OK, NULL},
        {"a name", "tiny", OK, model},
        {"a path", model, OK, model},
        {"an unknown name", "huge", E_NOT_FOUND, NULL},
        {"a name cannot climb", "..", E_NOT_FOUND, NULL},
        {"a name with a slash is a path", "../secret", E_NOT_FOUND, NULL},
        {"a missing file", "nosuch.gguf", E_NOT_FOUND, NULL},
        {"a folder", folder, E_INVALID, NULL},
        {"a device", "/dev/null", E_INVALID, NULL},
        {"empty", "", E_INVALID, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        CLEANUP(mem_freep) char *path = NULL;
        struct error err = {0};
        assert_int_equal(model_name_resolve(cases[i].given, &paths, NULL, &path, &err),
                         cases[i].status);
        if (cases[i].found)
            assert_string_equal(path, cases[i].found);
        else
            assert_null(path);
    }
}

static void the_state_folder_follows_the_standard(void **state)
{
    (void)state;
    const struct command_common common = {0};
    struct state paths = {0};
    setenv("XDG_DATA_HOME", "/data", 1);
    assert_ok(state_find_paths(&common, &paths, err));
    assert_string_equal(paths.database, "/data/holt/holt.db");
    state_done(&paths);
    setenv("XDG_DATA_HOME", "relative/is/ignored", 1);
    setenv("HOME", "/home/someone", 1);
    assert_ok(state_find_paths(&common, &paths, err));
    assert_string_equal(paths.folder, "/home/someone/.local/share/holt");
    state_done(&paths);
    unsetenv("HOME");
    struct error why = {0};
    assert_int_equal(state_find_paths(&common, &paths, &why), E_INVALID);
    assert_non_null(strstr(why.text, "--state DIR"));
}

int test_model_name(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_files_are_told_apart),
        cmocka_unit_test(the_state_folder_follows_the_standard),
    };
    return cmocka_run_group_tests_name("model_name", tests, NULL, NULL);
}
