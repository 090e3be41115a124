#include "cli/eval_task.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "os/file.h"
#include "os/path.h"
#include "text/json.h"

/* ---------------------------------------------------------------- reading */

enum status eval_task_find(const char *name, char **out, struct error *err)
{
    const char *const folders[] = {"tests/eval", HOLT_DATA_DIR "/eval"};
    CLEANUP(strbuf_done) struct strbuf file = {0};
    if (strchr(name, '/') || str_ends_with(str_from_c(name), STR(".jsonl"))) {
        *out = mem_copy_str(name);
        return OK;
    }
    strbuf_addf(&file, "%s.jsonl", name);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        CLEANUP(mem_freep) char *path = path_join(folders[i], strbuf_c(&file));
        if (path_kind(path) != PATH_FILE)
            continue;
        *out = path;
        path = NULL; /* ownership moves to the caller */
        return OK;
    }
    return error_set(err, E_NOT_FOUND,
                     "there are no tasks called %.64s: looked for %.80s in tests/eval and %s", name,
                     strbuf_c(&file), folders[1]);
}

static bool is_task(const json_t *task)
{
    struct str text = {0};
    const json_t *turns = json_object_get(task, "turns");
    return json_member_str(task, "id", &text) && json_member_str(task, "kind", &text) &&
           json_is_object(json_object_get(task, "files")) && json_array_size(turns) > 0 &&
           json_is_string(json_array_get(turns, 0)) &&
           json_is_object(json_object_get(task, "check"));
}

enum status eval_task_read(const char *path, json_t **out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(json_decrefp) json_t *tasks = json_array();
    TRY(file_read(path, EVAL_TASK_FILE_MAX, &text, err));
    struct str rest = strbuf_view(&text);
    for (size_t line_number = 1; rest.ptr; line_number++) {
        const struct str line = str_trim(str_split(&rest, '\n'));
        json_t *task = NULL;
        struct error why = {0};
        if (line.len == 0)
            continue;
        if (json_parse(line, NULL, &task, &why) != OK)
            return error_set(err, E_FORMAT, "%s line %zu: %.200s", path, line_number, why.text);
        json_array_append_new(tasks, task);
        if (!is_task(task))
            return error_set(err, E_FORMAT, "%s line %zu is no task: see tests/eval/README.md",
                             path, line_number);
        if (json_array_size(tasks) > EVAL_TASK_COUNT_MAX)
            return error_set(err, E_LIMIT, "%s holds more than %d tasks", path,
                             EVAL_TASK_COUNT_MAX);
    }
    if (json_array_size(tasks) == 0)
        return error_set(err, E_FORMAT, "%s holds no task", path);
    *out = tasks;
    tasks = NULL; /* ownership moves to the caller */
    return OK;
}

/* ---------------------------------------------------------------- laying out */

/* Relative and without "..": a file of tasks must not write elsewhere. */
static bool is_inside(const char *path)
{
    struct str rest = str_from_c(path);
    if (rest.len == 0 || rest.ptr[0] == '/')
        return false;
    while (rest.ptr) {
        if (str_equal_c(str_split(&rest, '/'), ".."))
            return false;
    }
    return true;
}

static enum status place(const char *workspace, const char *path, char **out, struct error *err)
{
    if (!is_inside(path))
        return error_set(err, E_DENIED, "the path %.200s leads out of the workspace", path);
    *out = path_join(workspace, path);
    return OK;
}

static enum status make_file(const char *workspace, const char *path, struct str content,
                             struct error *err)
{
    CLEANUP(mem_freep) char *whole = NULL;
    TRY(place(workspace, path, &whole, err));
    char *slash = strrchr(whole, '/');
    *slash = '\0';
    TRY(file_make_folder(whole, err));
    *slash = '/';
    return file_write(whole, content, err);
}

enum status eval_task_lay_out(const json_t *task, const char *workspace, struct error *err)
{
    const char *path = NULL;
    json_t *content = NULL;
    size_t index = 0;
    json_t *folder = NULL;
    json_object_foreach(json_object_get(task, "files"), path, content)
    {
        TRY(make_file(workspace, path, json_str(content), err));
    }
    json_array_foreach(json_object_get(task, "folders"), index, folder)
    {
        CLEANUP(mem_freep) char *whole = NULL;
        if (!json_is_string(folder))
            return error_set(err, E_FORMAT, "a folder of the task has no name");
        TRY(place(workspace, json_string_value(folder), &whole, err));
        TRY(file_make_folder(whole, err));
    }
    return OK;
}
