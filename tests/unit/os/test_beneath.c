/*
 * Every path a model writes goes through here. A path that gets outside of the workspace, a FIFO
 * that hangs the reader or a write that loses the old content would each break a promise to the
 * user.
 */
#include "base/mem.h"
#include "os/beneath.h"
#include "os/remove_all.h"
#include "tests/holt_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct tree {
    const char *folder;
    struct beneath beneath;
};

static void make_file(int folder, const char *name, const char *content)
{
    const int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
}

/* outside/secret, root/{plain, dir/inner, links...} */
static struct tree make_tree(bool use_openat2)
{
    struct tree tree = {.folder = test_folder()};
    const int top = open(tree.folder, O_PATH | O_DIRECTORY);
    assert_int_equal(mkdirat(top, "outside", 0755), 0);
    assert_int_equal(mkdirat(top, "root", 0755), 0);
    assert_int_equal(mkdirat(top, "root/dir", 0755), 0);
    make_file(top, "outside/secret", "secret");
    make_file(top, "root/plain", "plain\n");
    make_file(top, "root/dir/inner", "inner");
    const int root = openat(top, "root", O_PATH | O_DIRECTORY);
    char absolute[512];
    snprintf(absolute, sizeof(absolute), "%s/root/plain", tree.folder);
    assert_int_equal(symlinkat("plain", root, "link_in"), 0);
    assert_int_equal(symlinkat("../plain", root, "dir/link_up"), 0);
    assert_int_equal(symlinkat("../outside/secret", root, "link_out"), 0);
    assert_int_equal(symlinkat("../outside", root, "folder_out"), 0);
    assert_int_equal(symlinkat(absolute, root, "link_absolute"), 0);
    assert_int_equal(symlinkat("loop_b", root, "loop_a"), 0);
    assert_int_equal(symlinkat("loop_a", root, "loop_b"), 0);
    assert_int_equal(symlinkat("/proc/self/root", root, "link_proc"), 0);
    assert_int_equal(symlinkat("nowhere", root, "link_dead"), 0);
    assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
    close(top);
    tree.beneath = (struct beneath){.root_fd = root, .use_openat2 = use_openat2};
    return tree;
}

static const struct {
    const char *name;
    const char *path;
    enum status status;
    const char *content;
} reads[] = {
    {"a plain file", "plain", OK, "plain\n"},
    {"in a folder", "dir/inner", OK, "inner"},
    {"with dots and doubled slashes", "./dir//./inner", OK, "inner"},
    {"up and down again", "dir/../plain", OK, "plain\n"},
    {"a link that stays inside", "link_in", OK, "plain\n"},
    {"a link up that stays inside", "dir/link_up", OK, "plain\n"},
    {"a folder", "dir", E_INVALID, NULL},
    {"the folder itself", ".", E_INVALID, NULL},
    {"a FIFO without a writer", "fifo", E_INVALID, NULL},
    {"a missing file", "nothing", E_NOT_FOUND, NULL},
    {"below a file", "plain/x", E_NOT_FOUND, NULL},
    {"a link to nothing", "link_dead", E_NOT_FOUND, NULL},
    {"up and out", "../outside/secret", E_DENIED, NULL},
    {"out by the middle", "dir/../../outside/secret", E_DENIED, NULL},
    {"absolute", "/etc/passwd", E_DENIED, NULL},
    {"a link out", "link_out", E_DENIED, NULL},
    {"through a folder link out", "folder_out/secret", E_DENIED, NULL},
    {"an absolute link, even to the inside", "link_absolute", E_DENIED, NULL},
    {"a link to /proc", "link_proc/etc/passwd", E_DENIED, NULL},
};

static void read_stays_inside(void **state)
{
    (void)state;
    for (int use_openat2 = 0; use_openat2 <= 1; use_openat2++) {
        const struct tree tree = make_tree(use_openat2);
        for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
            struct strbuf out = {0};
            test_case(reads[i].name);
            assert_int_equal(beneath_read(&tree.beneath, reads[i].path, 1000, &out, NULL),
                             reads[i].status);
            if (reads[i].content)
                assert_string_equal(strbuf_c(&out), reads[i].content);
            strbuf_done(&out);
        }
        close(tree.beneath.root_fd);
    }
}

static void link_loop_and_long_path_are_refused(void **state)
{
    (void)state;
    struct strbuf path = {0};
    struct strbuf out = {0};
    for (int i = 0; i < 3000; i++)
        strbuf_add_c(&path, "a/");
    for (int use_openat2 = 0; use_openat2 <= 1; use_openat2++) {
        const struct tree tree = make_tree(use_openat2);
        assert_int_not_equal(beneath_read(&tree.beneath, "loop_a", 10, &out, NULL), OK);
        assert_int_equal(beneath_read(&tree.beneath, strbuf_c(&path), 10, &out, NULL), E_LIMIT);
        assert_int_equal(out.len, 0);
        close(tree.beneath.root_fd);
    }
    strbuf_done(&path);
    strbuf_done(&out);
}

static void read_keeps_to_the_size(void **state)
{
    (void)state;
    const struct tree tree = make_tree(true);
    struct strbuf out = {0};
    strbuf_add_c(&out, "before");
    assert_int_equal(beneath_read(&tree.beneath, "plain", 5, &out, NULL), E_LIMIT);
    assert_string_equal(strbuf_c(&out), "before");
    assert_ok(beneath_read(&tree.beneath, "plain", 6, &out, err));
    strbuf_done(&out);
    close(tree.beneath.root_fd);
}

static const struct {
    const char *path;
    enum status status;
    const char *resolved;
    bool exists;
} resolves[] = {
    {"plain", OK, "plain", true},
    {"dir/link_up", OK, "plain", true},
    {"dir/..", OK, ".", true},
    {"new/deep/file", OK, "new/deep/file", false},
    {"dir/../new", OK, "new", false},
    {"link_dead", OK, "nowhere", false},
    {"new/../../x", E_NOT_FOUND, NULL, false},
    {"plain/x", E_NOT_FOUND, NULL, false},
    {"folder_out/x", E_DENIED, NULL, false},
    {"link_absolute", E_DENIED, NULL, false},
    {"loop_a", E_LIMIT, NULL, false},
};

static void resolve_follows_links_and_keeps_the_missing_rest(void **state)
{
    (void)state;
    const struct tree tree = make_tree(true);
    for (size_t i = 0; i < ARRAY_LEN(resolves); i++) {
        struct strbuf out = {0};
        bool exists = false;
        test_case(resolves[i].path);
        assert_int_equal(beneath_resolve(&tree.beneath, resolves[i].path, &out, &exists, NULL),
                         resolves[i].status);
        if (resolves[i].resolved) {
            assert_string_equal(strbuf_c(&out), resolves[i].resolved);
            assert_int_equal(exists, resolves[i].exists);
        }
        strbuf_done(&out);
    }
    close(tree.beneath.root_fd);
}

static void write_makes_folders_and_keeps_the_mode(void **state)
{
    (void)state;
    for (int use_openat2 = 0; use_openat2 <= 1; use_openat2++) {
        const struct tree tree = make_tree(use_openat2);
        struct stat info;
        struct strbuf out = {0};
        assert_ok(beneath_write(&tree.beneath, "new/deep/file", STR("new"), err));
        assert_ok(beneath_write(&tree.beneath, "plain", STR("changed"), err));
        assert_ok(beneath_read(&tree.beneath, "new/deep/file", 10, &out, err));
        assert_ok(beneath_read(&tree.beneath, "plain", 10, &out, err));
        assert_string_equal(strbuf_c(&out), "newchanged");
        assert_int_equal(fstatat(tree.beneath.root_fd, "plain", &info, 0), 0);
        assert_int_equal(info.st_mode & 07777, 0640);
        strbuf_done(&out);
        close(tree.beneath.root_fd);
    }
}

static void write_refuses_what_is_no_file(void **state)
{
    (void)state;
    for (int use_openat2 = 0; use_openat2 <= 1; use_openat2++) {
        const struct tree tree = make_tree(use_openat2);
        const struct beneath *b = &tree.beneath;
        assert_int_equal(beneath_write(b, "dir", STR("x"), NULL), E_INVALID);
        assert_int_equal(beneath_write(b, "fifo", STR("x"), NULL), E_INVALID);
        assert_int_equal(beneath_write(b, "link_out", STR("x"), NULL), E_DENIED);
        assert_int_equal(beneath_write(b, "folder_out/x", STR("x"), NULL), E_DENIED);
        assert_int_equal(beneath_write(b, "plain/x", STR("x"), NULL), E_NOT_FOUND);
        struct stat info;
        assert_int_equal(fstatat(b->root_fd, "../outside/x", &info, 0), -1);
        close(b->root_fd);
    }
}

/* In a child: the limit cannot be raised again. */
static int write_on_a_full_disk(const struct tree *tree)
{
    const struct rlimit small = {4096, 4096};
    char *large = mem_alloc(100000);
    struct error err = {0};
    struct strbuf out = {0};
    struct beneath_list list = {0};
    memset(large, 'x', 100000);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    if (beneath_write(&tree->beneath, "plain", (struct str){large, 100000}, &err) != E_IO)
        return 1;
    if (beneath_read(&tree->beneath, "plain", 100, &out, NULL) != OK ||
        strcmp(strbuf_c(&out), "plain\n") != 0)
        return 2;
    if (beneath_list_read(&tree->beneath, ".", 100, &list, NULL) != OK)
        return 3;
    for (size_t i = 0; i < list.count; i++) {
        if (strstr(list.entries[i].name, ".tmp"))
            return 4;
    }
    return 0;
}

static void failing_write_loses_nothing(void **state)
{
    (void)state;
    const struct tree tree = make_tree(true);
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(write_on_a_full_disk(&tree));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(tree.beneath.root_fd);
}

static void list_is_sorted_and_knows_links(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum beneath_kind kind;
    } wanted[] = {
        {"dir", BENEATH_FOLDER},       {"fifo", BENEATH_OTHER},
        {"folder_out", BENEATH_OTHER}, {"link_absolute", BENEATH_OTHER},
        {"link_dead", BENEATH_OTHER},  {"link_in", BENEATH_FILE},
        {"link_out", BENEATH_OTHER},   {"link_proc", BENEATH_OTHER},
        {"loop_a", BENEATH_OTHER},     {"loop_b", BENEATH_OTHER},
        {"plain", BENEATH_FILE},
    };
    for (int use_openat2 = 0; use_openat2 <= 1; use_openat2++) {
        const struct tree tree = make_tree(use_openat2);
        struct beneath_list list = {0};
        assert_ok(beneath_list_read(&tree.beneath, ".", 100, &list, err));
        assert_int_equal(list.count, ARRAY_LEN(wanted));
        for (size_t i = 0; i < list.count; i++) {
            test_case(wanted[i].name);
            assert_string_equal(list.entries[i].name, wanted[i].name);
            assert_int_equal(list.entries[i].kind, wanted[i].kind);
        }
        beneath_list_done(&list);
        assert_int_equal(beneath_list_read(&tree.beneath, ".", 3, &list, NULL), E_LIMIT);
        assert_int_equal(beneath_list_read(&tree.beneath, "plain", 3, &list, NULL), E_INVALID);
        assert_int_equal(beneath_list_read(&tree.beneath, "..", 3, &list, NULL), E_DENIED);
        close(tree.beneath.root_fd);
    }
}

static void hostile_tree_is_removed(void **state)
{
    (void)state;
    const char *folder = test_folder();
    const int top = open(folder, O_RDONLY | O_DIRECTORY);
    make_file(top, "keep", "keep");
    assert_int_equal(mkdirat(top, "tree", 0755), 0);
    int at = openat(top, "tree", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 2000; i++) { /* deeper than a path can name */
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        const int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        make_file(at, "f", "x");
        close(at);
        at = next;
    }
    assert_int_equal(symlinkat("../keep", at, "link"), 0);
    assert_int_equal(mkdirat(at, "closed", 0), 0);
    close(at);
    assert_true(remove_all(top, "tree"));
    assert_int_equal(faccessat(top, "tree", F_OK, 0), -1);
    assert_int_equal(faccessat(top, "keep", F_OK, 0), 0);
    assert_true(remove_all(top, "absent"));
    close(top);
}

int test_beneath(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_stays_inside),
        cmocka_unit_test(link_loop_and_long_path_are_refused),
        cmocka_unit_test(read_keeps_to_the_size),
        cmocka_unit_test(resolve_follows_links_and_keeps_the_missing_rest),
        cmocka_unit_test(write_makes_folders_and_keeps_the_mode),
        cmocka_unit_test(write_refuses_what_is_no_file),
        cmocka_unit_test(failing_write_loses_nothing),
        cmocka_unit_test(list_is_sorted_and_knows_links),
        cmocka_unit_test(hostile_tree_is_removed),
    };
    return cmocka_run_group_tests_name("beneath", tests, NULL, NULL);
}
