#include "tests/unit/chat/golden_case.h"

#include "base/strbuf.h"
#include "tests/holt_test.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

void golden_case_each(const char *pattern, size_t count_min, golden_case_fn *fn)
{
    glob_t found = {0};
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= count_min);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        test_case(found.gl_pathv[i]);
        fn(found.gl_pathv[i], test_read_file(found.gl_pathv[i]));
    }
    globfree(&found);
}

/* Where the text of a section begins, behind its line; SIZE_MAX when there is none. */
static size_t section_start(struct str text, const char *name)
{
    CLEANUP(strbuf_done) struct strbuf head = {0};
    strbuf_addf(&head, "\n--- %s", name);
    for (size_t at = 0; (at = str_find(text, strbuf_view(&head), at)) != SIZE_MAX; at++) {
        const size_t after = at + head.len;
        if (after < text.len && (text.ptr[after] == '\n' || text.ptr[after] == ' '))
            return str_find_char(text, '\n', after) + 1;
    }
    return SIZE_MAX;
}

struct str golden_case_section(struct str text, const char *name)
{
    const size_t start = section_start(text, name);
    if (start == SIZE_MAX)
        return (struct str){0};
    size_t end = str_find(text, STR("\n--- "), start - 1);
    end = end == SIZE_MAX ? text.len - 1 : end;
    return str_slice(text, start, end > start ? end : start);
}

static void rewrite(const char *path, struct str text, const char *name, struct str got)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(text.ptr, 1, section_start(text, name), file);
    fwrite(got.ptr, 1, got.len, file);
    fputc('\n', file);
    fclose(file);
}

void golden_case_expect(const char *path, struct str text, const char *name, struct str got)
{
    const struct str want = golden_case_section(text, name);
    if (want.ptr && str_equal(want, got))
        return;
    if (getenv("HOLT_UPDATE_GOLDEN") && section_start(text, name) != SIZE_MAX) {
        rewrite(path, text, name, got);
        return;
    }
    fail_msg("%s\n--- wanted\n%.*s\n--- got\n%.*s", path, STR_ARG(want), STR_ARG(got));
}
