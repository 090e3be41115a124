/* Programs of the user: found in PATH, told what to change, and ended when they are not. */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "os/file.h"
#include "os/path.h"
#include "os/pipe_read.h"
#include "os/process.h"
#include "os/program_start.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void programs_are_found_in_absolute_folders_of_path(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *before = mem_copy_str(getenv("PATH"));
    const char *folder = test_folder();
    CLEANUP(mem_freep) char *program = path_join(folder, "den");
    CLEANUP(strbuf_done) struct strbuf path = {0};
    strbuf_addf(&path, "::.:nosuch:/nosuch:%s", folder);
    setenv("PATH", strbuf_c(&path), 1);
    assert_null(program_start_find("den"));
    assert_ok(file_write(program, STR("#!/bin/sh\n"), err));
    assert_null(program_start_find("den")); /* it cannot be run */
    assert_int_equal(chmod(program, 0700), 0);
    CLEANUP(mem_freep) char *found = program_start_find("den");
    assert_string_equal(found, program);
    assert_null(program_start_find(""));
    assert_null(program_start_find("../den"));
    unsetenv("PATH");
    assert_null(program_start_find("den"));
    setenv("PATH", before, 1);
}

static void run_shell(const char *script, const char *const *variables, bool is_apart,
                      struct strbuf *out, int *out_status)
{
    const char *const arguments[] = {"sh", "-c", script, NULL};
    struct program_start start = {.path = "/bin/sh",
                                  .arguments = arguments,
                                  .variables = variables,
                                  .errors_fd = -1,
                                  .is_apart = is_apart};
    int read_fd = -1;
    pid_t pid = 0;
    assert_ok(pipe_read_open(&read_fd, &start.output_fd, err));
    assert_ok(program_start_run(&start, &pid, err));
    close(start.output_fd);
    assert_true(process_wait(pid, -1, out_status));
    while (pipe_read_some(read_fd, out))
        continue;
    close(read_fd);
}

static void variables_and_signals_are_the_programs_own(void **state)
{
    (void)state;
    static const char *const variables[] = {"HOLT_SET=a=b", "HOLT_GONE", NULL};
    CLEANUP(strbuf_done) struct strbuf out = {0};
    int status = 0;
    setenv("HOLT_GONE", "x", 1);
    setenv("HOLT_STAYS", "y", 1);
    void (*before)(int) = signal(SIGINT, SIG_IGN);
    run_shell("echo \"$HOLT_SET/$HOLT_GONE/$HOLT_STAYS\"; kill -INT $$; echo ignored", variables,
              false, &out, &status);
    signal(SIGINT, before);
    assert_string_equal(strbuf_c(&out), "a=b//y\n");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    assert_non_null(getenv("HOLT_GONE")); /* ours stay */
    unsetenv("HOLT_GONE");
    unsetenv("HOLT_STAYS");
}

static void a_program_apart_has_a_group_and_no_input(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf out = {0};
    int status = 0;
    run_shell("cat; test $(ps -o pgid= -p $$) = $$ && echo apart", NULL, true, &out, &status);
    if (WEXITSTATUS(status) != 0) { /* no ps here: the group cannot be asked for */
        assert_int_equal(out.len, 0);
        return;
    }
    assert_string_equal(strbuf_c(&out), "apart\n");
}

static void what_cannot_start_says_why(void **state)
{
    (void)state;
    static const char *const arguments[] = {"x", NULL};
    const struct program_start start = {
        .path = "/nosuch/program", .arguments = arguments, .output_fd = -1, .errors_fd = -1};
    struct error why = {0};
    pid_t pid = 0;
    assert_int_equal(program_start_run(&start, &pid, &why), E_NOT_FOUND);
    assert_non_null(strstr(why.text, "/nosuch/program"));
    assert_int_equal(pid, 0);
}

static void a_program_that_does_not_end_is_ended(void **state)
{
    (void)state;
    static const char *const deaf[] = {"sh", "-c", "trap '' INT; while :; do sleep 1; done", NULL};
    const struct program_start start = {
        .path = "/bin/sh", .arguments = deaf, .output_fd = -1, .errors_fd = -1, .is_apart = true};
    pid_t pid = 0;
    assert_ok(program_start_run(&start, &pid, err));
    program_start_stop(pid, 200);
    assert_int_equal(kill(pid, 0), -1);
    program_start_stop(0, 0);
}

int test_program_start(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_are_found_in_absolute_folders_of_path),
        cmocka_unit_test(variables_and_signals_are_the_programs_own),
        cmocka_unit_test(a_program_apart_has_a_group_and_no_input),
        cmocka_unit_test(what_cannot_start_says_why),
        cmocka_unit_test(a_program_that_does_not_end_is_ended),
    };
    return cmocka_run_group_tests_name("program_start", tests, NULL, NULL);
}
