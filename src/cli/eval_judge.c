#include "cli/eval_judge.h"

#include "base/mem.h"
#include "os/beneath.h"
#include "os/file.h"
#include "os/path.h"
#include "text/json.h"
#include "text/unicode.h"
#include "text/utf8.h"

/* ---------------------------------------------------------------- looking */

static void add_lower(struct str text, struct strbuf *out)
{
    while (text.len > 0) {
        const uint32_t point = utf8_next(&text);
        char bytes[UTF8_BYTES_MAX];
        const uint32_t lower = point == UTF8_INVALID ? UTF8_REPLACEMENT : unicode_to_lower(point);
        strbuf_add(out, bytes, utf8_write(lower, bytes));
    }
}

/* Without regard to upper and lower case. */
static bool contains(struct str text, struct str part)
{
    CLEANUP(strbuf_done) struct strbuf low_text = {0};
    CLEANUP(strbuf_done) struct strbuf low_part = {0};
    add_lower(text, &low_text);
    add_lower(part, &low_part);
    return str_find(strbuf_view(&low_text), strbuf_view(&low_part), 0) != SIZE_MAX;
}

static struct str without_last_lines(struct str text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    return text;
}

/* The file's content; false when it cannot be read. */
static bool read_in(const char *workspace, const char *path, struct strbuf *out)
{
    CLEANUP(mem_freep) char *whole = path_join(workspace, path);
    return file_read(whole, EVAL_JUDGE_FILE_MAX, out, NULL) == OK;
}

/* Number of files below a folder; more than EVAL_JUDGE_FILES_MAX counts as that. */
static size_t count_files(const struct beneath *beneath, const char *path, int depth)
{
    CLEANUP(beneath_list_done) struct beneath_list list = {0};
    size_t count = 0;
    if (depth > BENEATH_DEPTH_MAX ||
        beneath_list_read(beneath, path, EVAL_JUDGE_FILES_MAX, &list, NULL) != OK)
        return EVAL_JUDGE_FILES_MAX;
    for (size_t i = 0; i < list.count; i++) {
        if (list.entries[i].kind != BENEATH_FOLDER || list.entries[i].is_link) {
            count++;
            continue;
        }
        CLEANUP(mem_freep) char *below = path_join(path, list.entries[i].name);
        count += count_files(beneath, below, depth + 1);
    }
    return count < EVAL_JUDGE_FILES_MAX ? count : EVAL_JUDGE_FILES_MAX;
}

static bool files_are_as_before(const json_t *task, const char *workspace)
{
    json_t *files = json_object_get(task, "files");
    int fd = -1;
    if (path_open_folder(workspace, &fd, NULL) != OK)
        return false;
    const struct beneath beneath = {.root_fd = fd, .use_openat2 = false};
    const size_t count = count_files(&beneath, ".", 0);
    close(fd);
    if (count != json_object_size(files))
        return false;
    const char *path = NULL;
    json_t *content = NULL;
    json_object_foreach(files, path, content)
    {
        CLEANUP(strbuf_done) struct strbuf now = {0};
        if (!read_in(workspace, path, &now) || !str_equal(strbuf_view(&now), json_str(content)))
            return false;
    }
    return true;
}

static bool is_called(const json_t *calls, struct str name)
{
    size_t index = 0;
    json_t *call = NULL;
    json_array_foreach(calls, index, call)
    {
        if (str_equal(json_str(call), name))
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- the checks, one function each */

/* `value` is what the task says under the check's name. False with the reason when it does not
 * hold. */
typedef bool(check_fn)(const json_t *task, json_t *value, const struct eval_judge_outcome *outcome,
                       struct strbuf *reason);

static bool answer_contains(const json_t *task, json_t *value,
                            const struct eval_judge_outcome *outcome, struct strbuf *reason)
{
    (void)task;
    size_t index = 0;
    json_t *text = NULL;
    json_array_foreach(value, index, text)
    {
        if (contains(outcome->answer, json_str(text)))
            continue;
        strbuf_addf(reason, "the answer lacks \"%s\"", json_string_value(text));
        return false;
    }
    return true;
}

static bool answer_any(const json_t *task, json_t *value, const struct eval_judge_outcome *outcome,
                       struct strbuf *reason)
{
    (void)task;
    size_t index = 0;
    json_t *text = NULL;
    json_array_foreach(value, index, text)
    {
        if (contains(outcome->answer, json_str(text)))
            return true;
    }
    strbuf_add_c(reason, "the answer has none of the wanted texts");
    return json_array_size(value) == 0;
}

static bool answer_lacks(const json_t *task, json_t *value,
                         const struct eval_judge_outcome *outcome, struct strbuf *reason)
{
    (void)task;
    size_t index = 0;
    json_t *text = NULL;
    json_array_foreach(value, index, text)
    {
        if (!contains(outcome->answer, json_str(text)))
            continue;
        strbuf_addf(reason, "the answer has \"%s\"", json_string_value(text));
        return false;
    }
    return true;
}

static bool file_equals(const json_t *task, json_t *value, const struct eval_judge_outcome *outcome,
                        struct strbuf *reason)
{
    (void)task;
    const char *path = NULL;
    json_t *text = NULL;
    json_object_foreach(value, path, text)
    {
        CLEANUP(strbuf_done) struct strbuf now = {0};
        const bool is_there = read_in(outcome->workspace, path, &now);
        if (is_there &&
            str_equal(without_last_lines(strbuf_view(&now)), without_last_lines(json_str(text))))
            continue;
        strbuf_addf(reason, "%s %s", path, is_there ? "holds something else" : "is not there");
        return false;
    }
    return true;
}

static bool file_contains(const json_t *task, json_t *value,
                          const struct eval_judge_outcome *outcome, struct strbuf *reason)
{
    (void)task;
    const char *path = NULL;
    json_t *text = NULL;
    json_object_foreach(value, path, text)
    {
        CLEANUP(strbuf_done) struct strbuf now = {0};
        const bool is_there = read_in(outcome->workspace, path, &now);
        if (is_there && str_find(strbuf_view(&now), json_str(text), 0) != SIZE_MAX)
            continue;
        strbuf_addf(reason, "%s %s", path, is_there ? "lacks the text" : "is not there");
        return false;
    }
    return true;
}

static bool paths_are(const json_t *value, const char *workspace, enum path_kind kind,
                      const char *problem, struct strbuf *reason)
{
    size_t index = 0;
    json_t *name = NULL;
    json_array_foreach(value, index, name)
    {
        CLEANUP(mem_freep)
        char *path = path_join(workspace, json_str(name).ptr ? json_str(name).ptr : "");
        if (path_kind(path) == kind)
            continue;
        strbuf_addf(reason, "%s %s", path, problem);
        return false;
    }
    return true;
}

static bool file_absent(const json_t *task, json_t *value, const struct eval_judge_outcome *outcome,
                        struct strbuf *reason)
{
    (void)task;
    return paths_are(value, outcome->workspace, PATH_MISSING, "is still there", reason);
}

static bool folder_exists(const json_t *task, json_t *value,
                          const struct eval_judge_outcome *outcome, struct strbuf *reason)
{
    (void)task;
    return paths_are(value, outcome->workspace, PATH_FOLDER, "is no folder", reason);
}

static bool files_unchanged(const json_t *task, json_t *value,
                            const struct eval_judge_outcome *outcome, struct strbuf *reason)
{
    if (!json_is_true(value) || files_are_as_before(task, outcome->workspace))
        return true;
    strbuf_add_c(reason, "files were changed");
    return false;
}

static bool calls_include(const json_t *task, json_t *value,
                          const struct eval_judge_outcome *outcome, struct strbuf *reason)
{
    (void)task;
    size_t index = 0;
    json_t *name = NULL;
    json_array_foreach(value, index, name)
    {
        if (is_called(outcome->calls, json_str(name)))
            continue;
        strbuf_addf(reason, "%s was not called", json_string_value(name));
        return false;
    }
    return true;
}

static bool no_calls(const json_t *task, json_t *value, const struct eval_judge_outcome *outcome,
                     struct strbuf *reason)
{
    (void)task;
    if (!json_is_true(value) || json_array_size(outcome->calls) == 0)
        return true;
    strbuf_addf(reason, "%s was called", json_string_value(json_array_get(outcome->calls, 0)));
    return false;
}

static bool notes_contains(const json_t *task, json_t *value,
                           const struct eval_judge_outcome *outcome, struct strbuf *reason)
{
    (void)task;
    CLEANUP(strbuf_done) struct strbuf notes = {0};
    size_t index = 0;
    json_t *note = NULL;
    if (path_kind(outcome->memory_file) == PATH_FILE &&
        file_read(outcome->memory_file, EVAL_JUDGE_FILE_MAX, &notes, NULL) != OK)
        strbuf_clear(&notes);
    json_array_foreach(value, index, note)
    {
        if (contains(strbuf_view(&notes), json_str(note)))
            continue;
        strbuf_addf(reason, "no note \"%s\" was kept", json_string_value(note));
        return false;
    }
    return true;
}

static const struct {
    const char *name;
    check_fn *holds;
} checks[] = {
    {"answer_contains", answer_contains}, {"answer_any", answer_any},
    {"answer_lacks", answer_lacks},       {"file_equals", file_equals},
    {"file_contains", file_contains},     {"file_absent", file_absent},
    {"folder_exists", folder_exists},     {"files_unchanged", files_unchanged},
    {"calls_include", calls_include},     {"no_calls", no_calls},
    {"notes_contains", notes_contains},
};

static check_fn *find_check(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (strcmp(checks[i].name, name) == 0)
            return checks[i].holds;
    }
    return NULL;
}

bool eval_judge(const json_t *task, const struct eval_judge_outcome *outcome, struct strbuf *reason)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(task, "check"), name, value)
    {
        check_fn *holds = find_check(name);
        if (!holds) {
            strbuf_addf(reason, "the task has an unknown check \"%s\"", name);
            return false;
        }
        if (!holds(task, value, outcome, reason))
            return false;
    }
    return true;
}
