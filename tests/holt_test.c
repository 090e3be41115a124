#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { FOLDERS_MAX = 256, FILES_MAX = 4096 };

static const char *current_case;
static char *folders[FOLDERS_MAX];
static size_t folder_count;
static pid_t folder_owner; /* a forked child must not remove its parent's folders */
static void *files[FILES_MAX];
static size_t file_count;

static void print_case(void)
{
    if (current_case)
        fprintf(stderr, "last case: %s\n", current_case);
}

static void on_abort(int number)
{
    print_case();
    signal(number, SIG_DFL);
    raise(number);
}

void test_case(const char *name)
{
    static bool installed;
    if (!installed) {
        signal(SIGABRT, on_abort);
        installed = true;
    }
    current_case = name;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void clean_up(void)
{
    if (getpid() != folder_owner)
        return;
    for (size_t i = 0; i < folder_count; i++) {
        nftw(folders[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        mem_free(folders[i]);
    }
    for (size_t i = 0; i < file_count; i++)
        mem_free(files[i]);
}

static void register_clean_up(void)
{
    if (folder_owner)
        return;
    folder_owner = getpid();
    atexit(clean_up);
}

const char *test_folder(void)
{
    register_clean_up();
    if (folder_count == FOLDERS_MAX)
        fail_msg("more than %d test folders", FOLDERS_MAX);
    const char *parent = getenv("TMPDIR");
    struct strbuf path = {0};
    strbuf_addf(&path, "%s/holt-test-XXXXXX", parent ? parent : "/tmp");
    char *made = strbuf_take(&path);
    if (!mkdtemp(made))
        fail_msg("cannot make a folder like %s", made);
    folders[folder_count++] = made;
    return made;
}

const char *test_fixture(const char *relative_path)
{
    register_clean_up();
    const char *root = getenv("HOLT_FIXTURES");
    struct strbuf path = {0};
    strbuf_addf(&path, "%s/%s", root ? root : "../shared/fixtures", relative_path);
    char *whole = strbuf_take(&path);
    if (access(whole, R_OK) != 0 || file_count == FILES_MAX) {
        mem_free(whole);
        return NULL;
    }
    files[file_count++] = whole;
    return whole;
}

struct str test_read_file(const char *path)
{
    register_clean_up();
    FILE *file = fopen(path, "rb");
    if (!file || file_count == FILES_MAX)
        fail_msg("cannot read %s", path);
    struct strbuf text = {0};
    char piece[65536];
    size_t got = 0;
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        strbuf_add(&text, piece, got);
    fclose(file);
    strbuf_add(&text, "", 0);
    files[file_count++] = text.ptr;
    return strbuf_view(&text);
}
