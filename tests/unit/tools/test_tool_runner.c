/*
 * What the model reads: every text here is part of what it was trained on, so the tools are run as
 * they are in the program, by a warden in confined children, and compared byte by byte.
 */
#include "os/clock.h"
#include "sandbox/warden.h"
#include "sandbox/warden_client.h"
#include "store/memory_store.h"
#include "tests/holt_test.h"
#include "text/json.h"
#include "tools/tool_runner.h"
#include "tools/tool_warden.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    const char *outside;
    char workspace[512];
    struct warden warden;
    struct warden_client *client;
    struct memory_store *memory;
    struct tool_runner runner;
    struct tool_warden tools;
};

static void make_folder(const struct world *world, const char *name)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", world->workspace, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_file(const struct world *world, const char *name, struct str content)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", world->workspace, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content.ptr, 1, content.len, file), content.len);
    fclose(file);
}

static void make_link(const struct world *world, const char *name, const char *target)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", world->workspace, name);
    assert_int_equal(symlink(target, path), 0);
}

static const char *content_of(const struct world *world, const char *name)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", world->workspace, name);
    return test_read_file(path).ptr;
}

static void make_files(struct world *world)
{
    make_folder(world, "logs");
    make_folder(world, "logs/old");
    make_folder(world, "src");
    make_folder(world, ".cache");
    make_folder(world, ".git");
    make_folder(world, "empty");
    make_file(world, "report.txt", STR("Alpha\nbeta two\n\nGAMMA beta\n"));
    make_file(world, "no_end", STR("one\ntwo"));
    make_file(world, "nothing", STR(""));
    make_file(world, "binary", STR("a\0b"));
    make_file(world, "latin", STR("caf\xe9\n"));
    make_file(world, "logs/a.log", STR("beta\n"));
    make_file(world, "logs/old/deep.log", STR("x\n"));
    make_file(world, "src/main.c", STR("int main;\r\nbeta\n"));
    make_file(world, ".cache/hidden", STR("beta\n"));
    make_file(world, ".hidden_file", STR("Beta\n"));
    make_file(world, ".git/config", STR("[core]\n"));
    make_link(world, "link", "report.txt");
    make_link(world, "out", "../secret");
    make_link(world, "git_link", ".git");
}

static void open_world(struct world *world, unsigned allowed, const struct sandbox_options *options)
{
    char secret[1024];
    *world = (struct world){.outside = test_folder()};
    snprintf(world->workspace, sizeof(world->workspace), "%s/workspace", world->outside);
    snprintf(secret, sizeof(secret), "%s/secret", world->outside);
    assert_int_equal(mkdir(world->workspace, 0755), 0);
    FILE *file = fopen(secret, "w");
    assert_non_null(file);
    fclose(file);
    make_files(world);
    tool_warden_fill(&world->tools);
    const struct warden_config config = {
        .workspace = world->workspace,
        .allowed = allowed,
        .sandbox = options ? *options : (struct sandbox_options){0},
        .tools = world->tools.tools,
        .tool_count = world->tools.count,
    };
    assert_ok(warden_start(&config, &world->warden, err));
    world->client = warden_client_new(&world->warden.calls);
    assert_ok(memory_store_open(test_folder(), &world->memory, err));
    world->runner = (struct tool_runner){.warden = world->client, .memory = world->memory};
}

static void close_world(struct world *world)
{
    warden_client_free(world->client);
    memory_store_close(world->memory);
    warden_stop(&world->warden);
}

static void expect(struct world *world, const char *tool, const char *arguments, const char *result)
{
    struct strbuf out = {0};
    test_case(arguments);
    assert_ok(tool_runner_call(&world->runner, str_from_c(tool), str_from_c(arguments), &out, err));
    assert_string_equal(strbuf_c(&out), result);
    assert_int_equal(tool_runner_is_error(strbuf_view(&out)), !strncmp(result, "error: ", 7));
    strbuf_done(&out);
}

struct row {
    const char *tool;
    const char *arguments;
    const char *result;
};

static void expect_all(struct world *world, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(world, rows[i].tool, rows[i].arguments, rows[i].result);
}

/* ---- reading ---- */

static const struct row reads[] = {
    {"list_dir", "{\"path\": \".\"}",
     "8 files, 6 folders in .\n.cache/\n.git/\n.hidden_file\nbinary\nempty/\ngit_link/\nlatin\n"
     "link\nlogs/\nno_end\nnothing\nout\nreport.txt\nsrc/"},
    {"list_dir", "{\"path\": \"./logs/\"}", "1 file, 1 folder in logs\na.log\nold/"},
    {"list_dir", "{\"path\": \"empty\"}", "0 files, 0 folders in empty"},
    {"list_dir", "{\"path\": \"report.txt\"}", "error: report.txt is a file"},
    {"list_dir", "{\"path\": \"log\"}", "error: log does not exist; did you mean logs?"},
    {"read_file", "{\"path\": \"report.txt\"}",
     "report.txt: lines 1-4 of 4\nAlpha\nbeta two\n\nGAMMA beta"},
    {"read_file", "{\"path\": \"report.txt\", \"first_line\": 2, \"line_count\": 1}",
     "report.txt: lines 2-2 of 4\nbeta two"},
    {"read_file", "{\"path\": \"report.txt\", \"first_line\": 4, \"line_count\": 2000}",
     "report.txt: lines 4-4 of 4\nGAMMA beta"},
    {"read_file", "{\"path\": \"report.txt\", \"first_line\": 5}", "error: report.txt has 4 lines"},
    {"read_file", "{\"path\": \"report.txt\", \"first_line\": 9223372036854775807}",
     "error: report.txt has 4 lines"},
    {"read_file", "{\"path\": \"no_end\"}", "no_end: lines 1-2 of 2\none\ntwo"},
    {"read_file", "{\"path\": \"nothing\"}", "nothing: 0 lines"},
    {"read_file", "{\"path\": \"nothing\", \"first_line\": 2}", "error: nothing has 0 lines"},
    {"read_file", "{\"path\": \"src/main.c\"}", "src/main.c: lines 1-2 of 2\nint main;\r\nbeta"},
    {"read_file", "{\"path\": \"link\"}", "link: lines 1-4 of 4\nAlpha\nbeta two\n\nGAMMA beta"},
    {"read_file", "{\"path\": \"binary\"}", "error: binary is not a text file (3 bytes)"},
    {"read_file", "{\"path\": \"latin\"}", "error: latin is not a text file (5 bytes)"},
    {"read_file", "{\"path\": \"logs\"}", "error: logs is a folder"},
    {"read_file", "{\"path\": \"\"}", "error: . is a folder"},
    {"search_text", "{\"text\": \"BETA\"}",
     "5 matches in 4 of 7 files\n.hidden_file:1: Beta\nlogs/a.log:1: beta\nreport.txt:2: beta two\n"
     "report.txt:4: GAMMA beta\nsrc/main.c:2: beta"},
    {"search_text", "{\"text\": \"beta\", \"path\": \"logs\"}",
     "1 match in 1 of 2 files\nlogs/a.log:1: beta"},
    {"search_text", "{\"text\": \"beta\", \"path\": \".cache\"}",
     "1 match in 1 of 1 file\n.cache/hidden:1: beta"},
    {"search_text", "{\"text\": \"beta\", \"path\": \"./report.txt\"}",
     "2 matches in 1 of 1 file\nreport.txt:2: beta two\nreport.txt:4: GAMMA beta"},
    {"search_text", "{\"text\": \"nowhere\", \"path\": \"empty\"}", "0 matches in 0 of 0 files"},
    {"search_text", "{\"text\": \"two\\n\"}", "0 matches in 0 of 7 files"},
    {"search_text", "{\"text\": \"x\", \"path\": \"binary\"}",
     "error: binary is not a text file (3 bytes)"},
    {"calculate", "{\"expression\": \" 2 * (3 + 4) \"}", "2 * (3 + 4) = 14"},
    {"calculate", "{\"expression\": \"1 / 0\"}", "error: division by zero"},
    {"fly", "{}", "error: there is no tool called fly"},
    {"read_file", "{}", "error: path is missing"},
};

static void reading_tools_say_it_in_these_words(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 0, NULL);
    expect_all(&world, reads, ARRAY_LEN(reads));
    close_world(&world);
}

static const struct row tricks[] = {
    {"read_file", "{\"path\": \"../secret\"}", "error: ../secret is outside the workspace"},
    {"read_file", "{\"path\": \"logs/../../secret\"}",
     "error: logs/../../secret is outside the workspace"},
    {"read_file", "{\"path\": \"missing/../../secret\"}",
     "error: missing/../../secret is outside the workspace"},
    {"read_file", "{\"path\": \"/etc/passwd\"}", "error: /etc/passwd is outside the workspace"},
    {"read_file", "{\"path\": \"/\"}", "error: / is outside the workspace"},
    {"read_file", "{\"path\": \"out\"}", "error: out is outside the workspace"},
    {"read_file", "{\"path\": \"/proc/self/root/etc/passwd\"}",
     "error: /proc/self/root/etc/passwd is outside the workspace"},
    {"read_file", "{\"path\": \"logs/../report.txt\", \"line_count\": 1}",
     "logs/../report.txt: lines 1-1 of 4\nAlpha"},
    {"read_file", "{\"path\": \"report.txt/\", \"line_count\": 1}",
     "report.txt: lines 1-1 of 4\nAlpha"},
    {"read_file", "{\"path\": \"report.txt\\u0000.png\"}", "error: the path holds a NUL character"},
    {"list_dir", "{\"path\": \"..\"}", "error: .. is outside the workspace"},
    {"search_text", "{\"text\": \"a\", \"path\": \"../\"}", "error: .. is outside the workspace"},
    {"write_file", "{\"path\": \"../new\", \"content\": \"x\"}",
     "error: ../new is outside the workspace"},
    {"write_file", "{\"path\": \"out\", \"content\": \"x\"}",
     "error: out is outside the workspace"},
    {"write_file", "{\"path\": \".git/hooks/pre-commit\", \"content\": \"x\"}",
     "error: .git/hooks/pre-commit is protected: tools do not change .git and .holt"},
    {"write_file", "{\"path\": \"git_link/config\", \"content\": \"x\"}",
     "error: git_link/config is protected: tools do not change .git and .holt"},
    {"write_file", "{\"path\": \"src/.GIT/x\", \"content\": \"x\"}",
     "error: src/.GIT/x is protected: tools do not change .git and .holt"},
    {"edit_file", "{\"path\": \".git/config\", \"old\": \"core\", \"new\": \"x\"}",
     "error: .git/config is protected: tools do not change .git and .holt"},
    {"write_file", "{\"path\": \"report.txt/x\", \"content\": \"x\"}",
     "error: report.txt/x cannot be made: a part of it is no folder"},
    {"write_file", "{\"path\": \"logs\", \"content\": \"x\"}", "error: logs is a folder"},
};

static void path_tricks_end_in_a_sentence(void **state)
{
    (void)state;
    static const struct sandbox_options kinds[] = {
        {0},
        {.without_openat2 = true, .without_namespaces = true, .landlock_abi_max = 2},
        {.without_landlock = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct world world;
        open_world(&world, WARDEN_ALLOW_WRITE, &kinds[i]);
        if (world.warden.report.tier == SANDBOX_TIER_D)
            printf("not run: %s\n", world.warden.report.missing);
        else
            expect_all(&world, tricks, ARRAY_LEN(tricks));
        close_world(&world);
    }
}

static void a_long_path_ends_in_a_sentence(void **state)
{
    (void)state;
    struct world world;
    struct strbuf arguments = {0};
    open_world(&world, 0, NULL);
    strbuf_add_c(&arguments, "{\"path\": \"");
    for (int i = 0; i < 5000; i++)
        strbuf_add_c(&arguments, "a");
    strbuf_add_c(&arguments, "\"}");
    expect(&world, "read_file", strbuf_c(&arguments), "error: the path is too long");
    strbuf_done(&arguments);
    close_world(&world);
}

static void absolute_path_inside_is_understood(void **state)
{
    (void)state;
    struct world world;
    char arguments[1024];
    char result[1024];
    open_world(&world, 0, NULL);
    snprintf(arguments, sizeof(arguments), "{\"path\": \"%s/no_end\"}", world.workspace);
    snprintf(result, sizeof(result), "%s/no_end: lines 1-2 of 2\none\ntwo", world.workspace);
    expect(&world, "read_file", arguments, result);
    snprintf(arguments, sizeof(arguments), "{\"path\": \"%s-not/x\"}", world.workspace);
    snprintf(result, sizeof(result), "error: %s-not/x is outside the workspace", world.workspace);
    expect(&world, "read_file", arguments, result);
    close_world(&world);
}

static const struct row near[] = {
    {"read_file", "{\"path\": \"reprot.txt\"}",
     "error: reprot.txt does not exist; did you mean report.txt?"},
    {"read_file", "{\"path\": \"logs/b.log\"}",
     "error: logs/b.log does not exist; did you mean logs/a.log?"},
    {"read_file", "{\"path\": \"deep.log\"}",
     "error: deep.log does not exist; did you mean logs/old/deep.log?"},
    {"read_file", "{\"path\": \"sorce/main.c\"}",
     "error: sorce/main.c does not exist; did you mean src/main.c?"},
    {"read_file", "{\"path\": \"hidden\"}", "error: hidden does not exist"},
    {"read_file", "{\"path\": \"completely_else\"}", "error: completely_else does not exist"},
    {"read_file", "{\"path\": \"report.txt/x\"}", "error: report.txt/x does not exist"},
    {"edit_file", "{\"path\": \"report.tx\", \"old\": \"a\", \"new\": \"b\"}",
     "error: report.tx does not exist; did you mean report.txt?"},
};

static void missing_files_are_guessed(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 0, NULL);
    expect_all(&world, near, ARRAY_LEN(near));
    close_world(&world);
}

/* ---- writing ---- */

static void writing_tools_say_it_in_these_words(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"write_file", "{\"path\": \"./new/deep/a.txt\", \"content\": \"one\\ntwo\"}",
         "created new/deep/a.txt: 2 lines, 7 bytes"},
        {"write_file", "{\"path\": \"new/deep/a.txt\", \"content\": \"x\\n\"}",
         "replaced new/deep/a.txt: 1 line, 2 bytes"},
        {"write_file", "{\"path\": \"zero\", \"content\": \"\"}", "created zero: 0 lines, 0 bytes"},
        {"write_file", "{\"path\": \"one\", \"content\": \"x\"}", "created one: 1 line, 1 byte"},
        {"write_file", "{\"path\": \"link\", \"content\": \"through\"}",
         "replaced link: 1 line, 7 bytes"},
        {"edit_file", "{\"path\": \"no_end\", \"old\": \"two\", \"new\": \"2\\n3\"}",
         "edited no_end: 1 replacement in line 2"},
        {"edit_file", "{\"path\": \"no_end\", \"old\": \"two\", \"new\": \"\"}",
         "error: the old text is not in no_end"},
        {"edit_file", "{\"path\": \"no_end\", \"old\": \"\", \"new\": \"x\"}",
         "error: the old text is empty"},
        {"edit_file", "{\"path\": \"src/main.c\", \"old\": \"a\", \"new\": \"x\"}",
         "error: the old text is in src/main.c 2 times; give more of it"},
        {"edit_file", "{\"path\": \"logs\", \"old\": \"a\", \"new\": \"x\"}",
         "error: logs is a folder"},
        {"edit_file", "{\"path\": \"latin\", \"old\": \"a\", \"new\": \"x\"}",
         "error: latin is not a text file (5 bytes)"},
    };
    struct world world;
    open_world(&world, WARDEN_ALLOW_WRITE, NULL);
    expect_all(&world, rows, ARRAY_LEN(rows));
    assert_string_equal(content_of(&world, "new/deep/a.txt"), "x\n");
    assert_string_equal(content_of(&world, "report.txt"), "through"); /* the link stayed one */
    assert_string_equal(content_of(&world, "no_end"), "one\n2\n3");
    close_world(&world);
}

static void refusals_change_nothing(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"write_file", "{\"path\": \"new\", \"content\": \"x\"}",
         "error: the user did not allow this"},
        {"edit_file", "{\"path\": \"no_end\", \"old\": \"two\", \"new\": \"2\"}",
         "error: the user did not allow this"},
        {"edit_file", "{\"path\": \"no_end\", \"old\": \"three\", \"new\": \"2\"}",
         "error: the old text is not in no_end"}, /* said at once, without asking */
        {"run_command", "{\"command\": \"touch new\"}", "error: the user did not allow this"},
    };
    struct world world;
    char path[1024];
    open_world(&world, 0, NULL);
    expect_all(&world, rows, ARRAY_LEN(rows));
    assert_string_equal(content_of(&world, "no_end"), "one\ntwo");
    snprintf(path, sizeof(path), "%s/new", world.workspace);
    assert_int_equal(access(path, F_OK), -1);
    close_world(&world);
}

static void commands_say_it_in_these_words(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"run_command", "{\"command\": \"echo hi\"}", "exit 0\nhi"},
        {"run_command", "{\"command\": \"echo a; echo b >&2; exit 3\"}", "exit 3\na\nb"},
        {"run_command", "{\"command\": \"true\"}", "exit 0\n(no output)"},
        {"run_command", "{\"command\": \"echo\"}", "exit 0\n(no output)"},
        {"run_command", "{\"command\": \"printf 'a\\\\n\\\\n'\"}", "exit 0\na\n"},
        {"run_command", "{\"command\": \"kill -9 $$\"}", "exit 137\n(no output)"},
        {"run_command", "{\"command\": \"printf '\\\\377'\"}", "exit 0\n\xef\xbf\xbd"},
        {"run_command", "{\"command\": \"cat no_end; rm no_end; ls no_end 2>&1 | wc -l\"}",
         "exit 0\none\ntwo1"},
        {"run_command", "{\"command\": \"ls ..\"}", NULL},
        {"run_command", "{\"command\": \"a\\u0000b\"}", "error: the command holds a NUL character"},
    };
    struct world world;
    open_world(&world, WARDEN_ALLOW_WRITE | WARDEN_ALLOW_RUN, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf out = {0};
        if (rows[i].result) {
            expect(&world, rows[i].tool, rows[i].arguments, rows[i].result);
            continue;
        }
        assert_ok(tool_runner_call(&world.runner, str_from_c(rows[i].tool),
                                   str_from_c(rows[i].arguments), &out, err));
        assert_null(strstr(strbuf_c(&out), "secret"));
        strbuf_done(&out);
    }
    close_world(&world);
}

/* ---- cuts ---- */

static void long_results_are_cut_with_a_note(void **state)
{
    (void)state;
    struct world world;
    struct strbuf text = {0};
    struct strbuf out = {0};
    char name[64];
    open_world(&world, WARDEN_ALLOW_RUN, NULL);
    make_folder(&world, "many");
    for (int i = 0; i < 203; i++) {
        snprintf(name, sizeof(name), "many/%03d", i);
        make_file(&world, name, STR("needle\n"));
    }
    assert_ok(
        tool_runner_call(&world.runner, STR("list_dir"), STR("{\"path\": \"many\"}"), &out, err));
    assert_true(str_starts_with(strbuf_view(&out), STR("203 files, 0 folders in many\n000\n")));
    assert_true(str_ends_with(strbuf_view(&out), STR("\n199\n[cut: 3 more entries]")));
    strbuf_clear(&out);
    assert_ok(tool_runner_call(&world.runner, STR("search_text"),
                               STR("{\"text\": \"needle\", \"path\": \"many\"}"), &out, err));
    assert_true(
        str_starts_with(strbuf_view(&out), STR("203 matches in 203 of 203 files\nmany/000:")));
    assert_true(
        str_ends_with(strbuf_view(&out), STR("\nmany/049:1: needle\n[cut: 153 more matches]")));
    for (int i = 0; i < 100; i++)
        strbuf_add_c(&text, "\xc3\xa9\xc3\xa9x"); /* byte 200 is inside a character */
    make_file(&world, "wide", strbuf_view(&text));
    strbuf_clear(&out);
    assert_ok(tool_runner_call(&world.runner, STR("search_text"),
                               STR("{\"text\": \"x\", \"path\": \"wide\"}"), &out, err));
    assert_int_equal(out.len, strlen("1 match in 1 of 1 file\nwide:1: ") + 200 + 3);
    strbuf_clear(&out);
    assert_ok(tool_runner_call(&world.runner, STR("run_command"),
                               STR("{\"command\": \"seq 100000\"}"), &out, err));
    assert_true(str_starts_with(strbuf_view(&out), STR("exit 0\n1\n2\n")));
    assert_true(str_ends_with(strbuf_view(&out), STR(" more lines]")));
    strbuf_done(&text);
    strbuf_done(&out);
    close_world(&world);
}

static void a_large_read_ends_at_a_line(void **state)
{
    (void)state;
    struct world world;
    struct strbuf text = {0};
    struct strbuf out = {0};
    open_world(&world, 0, NULL);
    for (int i = 0; i < 2000; i++) {
        for (int j = 0; j < 250; j++)
            strbuf_add_c(&text, "x");
        strbuf_add_c(&text, "\n");
    }
    make_file(&world, "large", strbuf_view(&text));
    assert_ok(tool_runner_call(&world.runner, STR("read_file"),
                               STR("{\"path\": \"large\", \"line_count\": 2000}"), &out, err));
    assert_true(str_starts_with(strbuf_view(&out), STR("large: lines 1-2000 of 2000\nxxx")));
    assert_true(str_ends_with(strbuf_view(&out), STR(" more lines]")));
    assert_true(out.len <= WARDEN_RESULT_MAX);
    strbuf_done(&text);
    strbuf_done(&out);
    close_world(&world);
}

/* ---- notes ---- */

static void notes_are_kept_and_found(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"recall", "{\"query\": \"anything\"}", "0 notes"},
        {"remember", "{\"note\": \"The cat is called Tom\"}", "kept: The cat is called Tom"},
        {"remember", "{\"note\": \"The dog is called Rex\"}", "kept: The dog is called Rex"},
        {"recall", "{\"query\": \"CAT\"}", "1 note\nThe cat is called Tom"},
        {"recall", "{\"query\": \"who is called Tom\"}",
         "2 notes\nThe cat is called Tom\nThe dog is called Rex"},
        {"remember", "{\"note\": \" \"}", "error: the note is empty"},
    };
    struct world world;
    open_world(&world, 0, NULL);
    expect_all(&world, rows, ARRAY_LEN(rows));
    close_world(&world);
}

static void core_tools_need_no_warden(void **state)
{
    (void)state;
    struct tool_runner runner = {0};
    struct strbuf out = {0};
    assert_ok(
        tool_runner_call(&runner, STR("calculate"), STR("{\"expression\": \"1+1\"}"), &out, err));
    assert_string_equal(strbuf_c(&out), "1+1 = 2");
    strbuf_clear(&out);
    assert_ok(tool_runner_call(&runner, STR("list_dir"), STR("{\"path\": \".\"}"), &out, err));
    assert_string_equal(strbuf_c(&out), "error: list_dir is not available here");
    strbuf_clear(&out);
    assert_ok(tool_runner_call(&runner, STR("recall"), STR("{\"query\": \"x\"}"), &out, err));
    assert_string_equal(strbuf_c(&out), "error: there are no notes here");
    strbuf_done(&out);
}

/* ---- speed ---- */

/* The target is 10 ms on a quiet machine; the bound here only catches a mistake of another
 * order. */
static void a_call_is_quick(void **state)
{
    (void)state;
    enum { CALLS = 20, MS_MAX = 500 };
    struct world world;
    struct strbuf out = {0};
    open_world(&world, 0, NULL);
    const uint64_t before = clock_monotonic_ns();
    for (int i = 0; i < CALLS; i++) {
        strbuf_clear(&out);
        assert_ok(tool_runner_call(&world.runner, STR("read_file"), STR("{\"path\": \"no_end\"}"),
                                   &out, err));
    }
    const double each_ms = (double)(clock_monotonic_ns() - before) / 1e6 / CALLS;
    printf("read_file through warden and child: %.2f ms\n", each_ms);
    assert_true(each_ms < MS_MAX);
    strbuf_done(&out);
    close_world(&world);
}

int test_tool_runner(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_tools_say_it_in_these_words),
        cmocka_unit_test(path_tricks_end_in_a_sentence),
        cmocka_unit_test(a_long_path_ends_in_a_sentence),
        cmocka_unit_test(absolute_path_inside_is_understood),
        cmocka_unit_test(missing_files_are_guessed),
        cmocka_unit_test(writing_tools_say_it_in_these_words),
        cmocka_unit_test(refusals_change_nothing),
        cmocka_unit_test(commands_say_it_in_these_words),
        cmocka_unit_test(long_results_are_cut_with_a_note),
        cmocka_unit_test(a_large_read_ends_at_a_line),
        cmocka_unit_test(notes_are_kept_and_found),
        cmocka_unit_test(core_tools_need_no_warden),
        cmocka_unit_test(a_call_is_quick),
    };
    return cmocka_run_group_tests_name("tool_runner", tests, NULL, NULL);
}
