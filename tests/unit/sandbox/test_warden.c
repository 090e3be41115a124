/*
 * The warden decides what is done to the user's files, so it must ask when it has to, ask about
 * what is really done, never take the core's word for an answer, survive every way a tool can end,
 * and leave nothing behind.
 */
#include "os/clock.h"
#include "os/thread.h"
#include "sandbox/program.h"
#include "sandbox/warden.h"
#include "sandbox/warden_client.h"
#include "sandbox/warden_protocol.h"
#include "tests/holt_test.h"
#include "tests/unit/sandbox/tiers.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- tools ---- */

static enum status look(const void *tool, const struct warden_job *job, struct strbuf *out,
                        struct error *err)
{
    (void)tool;
    (void)err;
    strbuf_add_c(out, "looked at ");
    strbuf_add_str(out, job->arguments);
    return OK;
}

static enum status give_up(const void *tool, const struct warden_job *job, struct strbuf *out,
                           struct error *err)
{
    (void)tool;
    (void)job;
    strbuf_add_c(out, "not shown");
    return error_set(err, E_NOT_FOUND, "it is not there");
}

static enum status hang(const void *tool, const struct warden_job *job, struct strbuf *out,
                        struct error *err)
{
    (void)tool;
    (void)job;
    (void)out;
    signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < 600; i++)
        clock_sleep_ns(1000000000);
    return error_set(err, E_IO, "nobody stopped it");
}

static enum status crash(const void *tool, const struct warden_job *job, struct strbuf *out,
                         struct error *err)
{
    (void)tool;
    (void)job;
    (void)out;
    (void)err;
    _exit(77);
}

/* Not through `out`, which is bounded: as code that was taken over would do it. */
static enum status flood(const void *tool, const struct warden_job *job, struct strbuf *out,
                         struct error *err)
{
    char piece[4096];
    (void)tool;
    (void)job;
    (void)out;
    memset(piece, 'x', sizeof(piece));
    while (write(3, piece, sizeof(piece)) > 0)
        continue;
    return error_set(err, E_IO, "stopped");
}

static enum status preview_change(const void *tool, const struct warden_job *job,
                                  struct strbuf *out, struct error *err)
{
    (void)tool;
    if (job->can_write)
        return error_set(err, E_INVALID, "a preview could write");
    if (str_equal_c(job->arguments, "nonsense"))
        return error_set(err, E_INVALID, "that makes no sense");
    strbuf_add_c(out, "make ");
    strbuf_add_str(out, job->arguments);
    return OK;
}

static enum status change(const void *tool, const struct warden_job *job, struct strbuf *out,
                          struct error *err)
{
    char name[64];
    (void)tool;
    snprintf(name, sizeof(name), "%.*s", STR_ARG(job->arguments));
    const int fd = openat(job->workspace_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0)
        return error_errno(err, "cannot make %s", name);
    close(fd);
    strbuf_addf(out, "made %s", name);
    return OK;
}

static enum status run_program(const void *tool, const struct warden_job *job, struct strbuf *out,
                               struct error *err)
{
    char line[512];
    struct program_result result;
    (void)tool;
    snprintf(line, sizeof(line), "%.*s", STR_ARG(job->arguments));
    const char *const arguments[] = {"/bin/sh", "-c", line, NULL};
    TRY(program_run(job->confined, arguments, out, &result, err));
    strbuf_addf(out, "exit %d", result.exit_code);
    return OK;
}

static enum status has_secret(const void *tool, const struct warden_job *job, struct strbuf *out,
                              struct error *err)
{
    (void)tool;
    (void)job;
    (void)err;
    strbuf_add_c(out, getenv("HOLT_TEST_SECRET") ? "yes" : "no");
    return OK;
}

enum { LOOK, FAIL, HANG, CRASH, FLOOD, CHANGE, RUN, SECRET, NONE, TOOL_COUNT };

static const struct warden_tool tools[TOOL_COUNT] = {
    [LOOK] = {"look", NULL, WARDEN_PERMISSION_READ, 10000, NULL, look},
    [FAIL] = {"fail", NULL, WARDEN_PERMISSION_READ, 10000, NULL, give_up},
    [HANG] = {"hang", NULL, WARDEN_PERMISSION_READ, 1000, NULL, hang},
    [CRASH] = {"crash", NULL, WARDEN_PERMISSION_READ, 10000, NULL, crash},
    [FLOOD] = {"flood", NULL, WARDEN_PERMISSION_READ, 10000, NULL, flood},
    [CHANGE] = {"change", NULL, WARDEN_PERMISSION_WRITE, 10000, preview_change, change},
    [RUN] = {"run", NULL, WARDEN_PERMISSION_RUN, 5000, preview_change, run_program},
    [SECRET] = {"secret", NULL, WARDEN_PERMISSION_READ, 10000, NULL, has_secret},
    [NONE] = {"none", NULL, WARDEN_PERMISSION_READ, 10000, NULL, NULL},
};

/* ---- front and core in one ---- */

struct house {
    const char *workspace;
    struct warden warden;
    struct warden_client *client;
};

static void open_house(struct house *house, unsigned allowed, bool has_person,
                       const struct sandbox_options *options)
{
    *house = (struct house){.workspace = test_folder()};
    const struct warden_config config = {
        .workspace = house->workspace,
        .allowed = allowed,
        .has_person = has_person,
        .sandbox = options ? *options : (struct sandbox_options){0},
        .tools = tools,
        .tool_count = TOOL_COUNT,
    };
    assert_ok(warden_start(&config, &house->warden, err));
    house->client = warden_client_new(&house->warden.calls);
}

static void close_house(struct house *house)
{
    warden_client_free(house->client);
    warden_stop(&house->warden);
}

static bool exists(const struct house *house, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", house->workspace, name);
    return access(path, F_OK) == 0;
}

/* A call made in the background, as the core would make it. */
struct call {
    struct house *house;
    uint32_t tool;
    const char *arguments;
    struct strbuf out;
    enum status status;
    struct thread thread;
};

static void make_call(void *context)
{
    struct call *call = context;
    call->status = warden_client_call(call->house->client, call->tool, str_from_c(call->arguments),
                                      &call->out, NULL);
}

static void begin(struct call *call)
{
    assert_ok(thread_start(&call->thread, "call", make_call, call, err));
}

static void expect(struct call *call, enum status status, const char *text)
{
    thread_join(&call->thread);
    assert_int_equal(call->status, status);
    assert_string_equal(strbuf_c(&call->out), text);
    strbuf_done(&call->out);
}

static void expect_result(struct house *house, uint32_t tool, const char *arguments,
                          const char *text)
{
    struct call call = {.house = house, .tool = tool, .arguments = arguments};
    begin(&call);
    expect(&call, OK, text);
}

/* The next event of the front, which must be of this kind. */
static uint32_t expect_event(struct house *house, enum warden_event_kind kind, const char *text)
{
    struct warden_event event = {0};
    assert_true(channel_is_readable(&house->warden.approval, 30000));
    assert_ok(warden_read_event(&house->warden, &event, err));
    assert_int_equal(event.kind, kind);
    if (text)
        assert_string_equal(strbuf_c(&event.text), text);
    const uint32_t number = event.number;
    warden_event_done(&event);
    return number;
}

static bool is_asked(const struct house *house)
{
    return channel_is_readable(&house->warden.approval, 0);
}

/* ---- results ---- */

static void every_end_of_a_tool_is_a_result(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t tool;
        const char *result;
    } rows[] = {
        {"it works", LOOK, "looked at x"},
        {"it fails", FAIL, "error: it is not there"},
        {"it hangs and ignores signals", HANG, "error: the tool was stopped after 1 s"},
        {"it dies", CRASH, "error: crash stopped unexpectedly"},
        {"it floods", FLOOD, "error: the tool was stopped: its result is too long"},
        {"it runs in the core only", NONE, "error: there is no such tool"},
        {"it does not exist", TOOL_COUNT, "error: there is no such tool"},
        {"the environment is gone", SECRET, "no"},
        {"it works again", LOOK, "looked at x"},
    };
    assert_int_equal(setenv("HOLT_TEST_SECRET", "token", 1), 0);
    struct house house;
    open_house(&house, 0, false, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        expect_result(&house, rows[i].tool, "x", rows[i].result);
    }
    close_house(&house);
    unsetenv("HOLT_TEST_SECRET");
}

static void long_arguments_are_refused(void **state)
{
    (void)state;
    static char large[WARDEN_ARGUMENTS_MAX + 1];
    struct house house;
    struct strbuf out = {0};
    open_house(&house, 0, false, NULL);
    memset(large, 'x', sizeof(large));
    const struct str whole = {large, sizeof(large)};
    assert_int_equal(warden_client_call(house.client, LOOK, whole, &out, NULL), E_LIMIT);
    assert_ok(warden_client_call(house.client, FAIL, str_slice(whole, 1, whole.len), &out, err));
    strbuf_done(&out);
    close_house(&house);
}

/* ---- policy ---- */

static void without_a_person_only_what_is_granted_is_done(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 0, false, NULL);
    expect_result(&house, CHANGE, "file", "error: the user did not allow this");
    expect_result(&house, RUN, "echo hi", "error: the user did not allow this");
    expect_result(&house, CHANGE, "nonsense", "error: that makes no sense");
    assert_false(exists(&house, "file") || is_asked(&house));
    close_house(&house);

    open_house(&house, WARDEN_ALLOW_WRITE, false, NULL);
    expect_result(&house, CHANGE, "file", "made file");
    expect_result(&house, RUN, "echo hi", "error: the user did not allow this");
    assert_true(exists(&house, "file"));
    close_house(&house);

    open_house(&house, WARDEN_ALLOW_RUN, false, NULL); /* running alone changes nothing */
    expect_result(&house, RUN, "echo x 2>/dev/null > file || echo no", "no\nexit 0");
    expect_result(&house, CHANGE, "file", "error: the user did not allow this");
    assert_false(exists(&house, "file"));
    close_house(&house);
}

static void a_person_says_yes_no_or_always(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 0, true, NULL);
    struct call call = {.house = &house, .tool = CHANGE, .arguments = "first"};
    begin(&call);
    uint32_t number = expect_event(&house, WARDEN_EVENT_QUESTION, "make first");
    assert_false(exists(&house, "first"));
    assert_ok(warden_answer(&house.warden, number, WARDEN_ANSWER_NO, err));
    expect(&call, OK, "error: the user did not allow this");

    call = (struct call){.house = &house, .tool = CHANGE, .arguments = "second"};
    begin(&call);
    number = expect_event(&house, WARDEN_EVENT_QUESTION, "make second");
    assert_ok(warden_answer(&house.warden, number, WARDEN_ANSWER_YES, err));
    expect(&call, OK, "made second");

    call = (struct call){.house = &house, .tool = CHANGE, .arguments = "third"};
    begin(&call);
    number = expect_event(&house, WARDEN_EVENT_QUESTION, "make third");
    assert_ok(warden_answer(&house.warden, number, WARDEN_ANSWER_ALWAYS, err));
    expect(&call, OK, "made third");
    expect_result(&house, CHANGE, "fourth", "made fourth"); /* without a question */

    call = (struct call){.house = &house, .tool = RUN, .arguments = "echo x > fifth"};
    begin(&call); /* "always" was for the other tool */
    number = expect_event(&house, WARDEN_EVENT_QUESTION, "make echo x > fifth");
    assert_ok(warden_answer(&house.warden, number, WARDEN_ANSWER_YES, err));
    expect(&call, OK, "exit 0");
    assert_true(exists(&house, "fifth") && !exists(&house, "first"));
    close_house(&house);
}

static void a_question_hides_nothing(void **state)
{
    (void)state;
    struct house house;
    struct warden_event event = {0};
    open_house(&house, 0, true, NULL);
    struct call call = {.house = &house,
                        .tool = CHANGE,
                        .arguments = "a\x1b[2Kb\r\xe2\x80\xae"
                                     "c\x01"};
    begin(&call);
    assert_true(channel_is_readable(&house.warden.approval, 30000));
    assert_ok(warden_read_event(&house.warden, &event, err));
    assert_string_equal(event.tool_name, "change");
    for (size_t i = 0; i < event.text.len; i++)
        assert_in_range((unsigned char)event.text.ptr[i], 0x20, 0x7e);
    assert_non_null(strstr(strbuf_c(&event.text), "x1b"));
    assert_non_null(strstr(strbuf_c(&event.text), "202e"));
    assert_ok(warden_answer(&house.warden, event.number, WARDEN_ANSWER_NO, err));
    warden_event_done(&event);
    expect(&call, OK, "error: the user did not allow this");
    close_house(&house);
}

static void what_cannot_be_shown_is_not_done(void **state)
{
    (void)state;
    static char large[WARDEN_PREVIEW_MAX + 1];
    struct house house;
    open_house(&house, 0, true, NULL);
    memset(large, 'x', sizeof(large) - 1);
    expect_result(&house, CHANGE, large,
                  "error: this is too long to show to the user: use smaller steps");
    assert_false(is_asked(&house));
    close_house(&house);
}

/* ---- cancelling ---- */

static void a_call_can_be_stopped(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, WARDEN_ALLOW_RUN, true, NULL);
    struct call call = {.house = &house, .tool = RUN, .arguments = "sleep 100"};
    const uint64_t before = clock_monotonic_ns();
    begin(&call);
    clock_sleep_ns(200000000);
    warden_client_cancel(house.client);
    expect(&call, E_CANCELLED, "");
    assert_true(clock_monotonic_ns() - before < 4000000000);
    warden_client_cancel(house.client); /* nothing runs: no effect */

    call = (struct call){.house = &house, .tool = CHANGE, .arguments = "file"};
    begin(&call);
    const uint32_t number = expect_event(&house, WARDEN_EVENT_QUESTION, NULL);
    warden_client_cancel(house.client);
    expect(&call, E_CANCELLED, "");
    assert_int_equal(expect_event(&house, WARDEN_EVENT_WITHDRAWN, NULL), number);

    /* a late answer is for no other question */
    assert_ok(warden_answer(&house.warden, number, WARDEN_ANSWER_YES, err));
    call = (struct call){.house = &house, .tool = CHANGE, .arguments = "other"};
    begin(&call);
    const uint32_t next = expect_event(&house, WARDEN_EVENT_QUESTION, NULL);
    assert_int_not_equal(next, number);
    assert_ok(warden_answer(&house.warden, number, WARDEN_ANSWER_YES, err));
    assert_ok(warden_answer(&house.warden, next, WARDEN_ANSWER_NO, err));
    expect(&call, OK, "error: the user did not allow this");
    assert_false(exists(&house, "file") || exists(&house, "other"));
    close_house(&house);
}

/* ---- who may say what ---- */

static void the_core_cannot_approve(void **state)
{
    (void)state;
    struct house house = {.workspace = test_folder()};
    const struct warden_config config = {
        .workspace = house.workspace, .has_person = true, .tools = tools, .tool_count = TOOL_COUNT};
    int status = 0;
    assert_ok(warden_start(&config, &house.warden, err));
    const struct {
        struct warden_call head;
        char name[4];
    } call = {{1, CHANGE}, "file"};
    const struct warden_reply reply = {1, WARDEN_ANSWER_YES};
    assert_ok(channel_send(&house.warden.calls, WARDEN_MESSAGE_CALL,
                           (struct str){(const char *)&call, sizeof(call)}, err));
    expect_event(&house, WARDEN_EVENT_QUESTION, "make file");
    assert_ok(channel_send(&house.warden.calls, WARDEN_MESSAGE_ANSWER,
                           (struct str){(const char *)&reply, sizeof(reply)}, err));
    assert_true(process_wait(house.warden.pid, 10000, &status)); /* it takes no chances */
    house.warden.pid = 0;
    assert_false(exists(&house, "file"));
    warden_stop(&house.warden);
}

static void a_lost_warden_is_an_error(void **state)
{
    (void)state;
    struct house house;
    struct strbuf out = {0};
    open_house(&house, 0, false, NULL);
    process_kill(house.warden.pid);
    house.warden.pid = 0;
    assert_int_equal(warden_client_call(house.client, LOOK, STR("x"), &out, NULL), E_IO);
    close_house(&house);
    strbuf_done(&out);
}

static void the_warden_leaves_with_the_core(void **state)
{
    (void)state;
    struct house house;
    int status = 0;
    open_house(&house, 0, false, NULL);
    warden_client_free(house.client);
    house.client = NULL;
    assert_true(process_wait(house.warden.pid, 10000, &status));
    house.warden.pid = 0;
    close_house(&house);
}

/* True while a process with this number in its command line is there. */
static bool runs_somewhere(const char *mark)
{
    char command[128];
    snprintf(command, sizeof(command), "grep -qsa '[%c]%s' /proc/[0-9]*/cmdline", mark[0],
             mark + 1);
    const pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(2);
    }
    assert_true(process_wait(pid, -1, &status));
    return status == 0;
}

static bool comes_true(bool (*is_wanted)(const char *), const char *mark, bool wanted)
{
    for (int i = 0; i < 250; i++) {
        if (is_wanted(mark) == wanted)
            return true;
        clock_sleep_ns(20000000);
    }
    return false;
}

/* A front that starts a warden and a program, to be killed in the middle of it. */
static void be_a_front(const struct sandbox_options *options, const char *mark)
{
    struct house house;
    char line[256];
    struct strbuf out = {0};
    snprintf(line, sizeof(line),
             "exec 2>/dev/null; trap '' TERM HUP INT; (setsid sleep %s || sleep %s) & sleep %s",
             mark, mark, mark);
    open_house(&house, WARDEN_ALLOW_RUN, false, options);
    (void)!warden_client_call(house.client, RUN, str_from_c(line), &out, NULL);
    _exit(0);
}

static void nothing_outlives_a_killed_front(void **state)
{
    (void)state;
    for (size_t i = 0; i < TIER_COUNT; i++) {
        char mark[32];
        struct confined_setup setup = {0};
        int status = 0;
        test_case(tiers[i].name);
        if (!tier_setup(&tiers[i], test_folder(), &setup))
            continue;
        confined_setup_done(&setup);
        snprintf(mark, sizeof(mark), "34%zu.%d", i, (int)getpid());
        const pid_t front = fork();
        if (front == 0)
            be_a_front(&tiers[i].options, mark);
        assert_true(comes_true(runs_somewhere, mark, true));
        kill(front, SIGKILL);
        assert_int_equal(waitpid(front, &status, 0), front);
        assert_true(comes_true(runs_somewhere, mark, false));
    }
}

/* ---- starting ---- */

static enum status start_in(const char *workspace, const char *state_folder)
{
    struct warden warden = {0};
    const struct warden_config config = {
        .workspace = workspace,
        .state_folder = state_folder,
        .tools = tools,
        .tool_count = TOOL_COUNT,
    };
    const enum status status = warden_start(&config, &warden, NULL);
    warden_stop(&warden);
    return status;
}

static void the_workspace_is_checked(void **state)
{
    (void)state;
    const char *folder = test_folder();
    char below[512];
    char beside[512];
    snprintf(below, sizeof(below), "%s/below", folder);
    snprintf(beside, sizeof(beside), "%s/below-not", folder);
    assert_int_equal(mkdir(below, 0700), 0);
    assert_int_equal(mkdir(beside, 0700), 0);
    assert_int_equal(start_in("/nowhere/at/all", NULL), E_INVALID);
    assert_int_equal(start_in("/etc/passwd", NULL), E_INVALID);
    assert_int_equal(start_in(folder, below), E_INVALID);
    assert_int_equal(start_in(below, folder), E_INVALID);
    assert_int_equal(start_in(folder, folder), E_INVALID);
    assert_int_equal(start_in("/", folder), E_INVALID);
    assert_int_equal(start_in(below, beside), OK);
}

static void without_a_sandbox_tools_are_refused(void **state)
{
    (void)state;
    const struct sandbox_options none = {.without_landlock = true, .without_namespaces = true};
    struct house house;
    open_house(&house, WARDEN_ALLOW_RUN | WARDEN_ALLOW_WRITE, true, &none);
    assert_int_equal(house.warden.report.tier, SANDBOX_TIER_D);
    expect_result(&house, LOOK, "x",
                  "error: look is not available: this system cannot confine tools");
    expect_result(&house, RUN, "x",
                  "error: run is not available: this system cannot confine tools");
    close_house(&house);
}

static void it_works_as_an_ordinary_user(void **state)
{
    (void)state;
    int status = 0;
    struct house house = {.workspace = test_folder()};
    if (getuid() != 0) {
        printf("not run as another user: the tests run as one already\n");
        skip();
    }
    assert_int_equal(chown(house.workspace, 65534, 65534), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct strbuf out = {0};
        const struct warden_config config = {.workspace = house.workspace,
                                             .allowed = WARDEN_ALLOW_WRITE | WARDEN_ALLOW_RUN,
                                             .tools = tools,
                                             .tool_count = TOOL_COUNT};
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0 ||
            warden_start(&config, &house.warden, NULL) != OK)
            _exit(1);
        house.client = warden_client_new(&house.warden.calls);
        if (warden_client_call(house.client, CHANGE, STR("file"), &out, NULL) != OK ||
            warden_client_call(house.client, RUN, STR("id -u; ls"), &out, NULL) != OK)
            _exit(2);
        close_house(&house);
        _exit(str_equal_c(strbuf_view(&out), "made file65534\nfile\nexit 0") ? 0 : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int test_warden(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_of_a_tool_is_a_result),
        cmocka_unit_test(long_arguments_are_refused),
        cmocka_unit_test(without_a_person_only_what_is_granted_is_done),
        cmocka_unit_test(a_person_says_yes_no_or_always),
        cmocka_unit_test(a_question_hides_nothing),
        cmocka_unit_test(what_cannot_be_shown_is_not_done),
        cmocka_unit_test(a_call_can_be_stopped),
        cmocka_unit_test(the_core_cannot_approve),
        cmocka_unit_test(a_lost_warden_is_an_error),
        cmocka_unit_test(the_warden_leaves_with_the_core),
        cmocka_unit_test(nothing_outlives_a_killed_front),
        cmocka_unit_test(the_workspace_is_checked),
        cmocka_unit_test(without_a_sandbox_tools_are_refused),
        cmocka_unit_test(it_works_as_an_ordinary_user),
    };
    return cmocka_run_group_tests_name("warden", tests, NULL, NULL);
}
