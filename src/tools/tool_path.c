#include "tools/tool_path.h"

#include "base/attr.h"
#include "base/mem.h"
#include "text/edit_distance.h"
#include "tools/file_walk.h"
#include "tools/tool_text.h"

#include <inttypes.h>
#include <strings.h>

enum { NEAR_ENTRIES_MAX = 10 * 1000 };

/* ---- the text of a path ---- */

/* Without "./" in front and "/" behind; nothing left means the workspace. "/" stays. */
static struct str clean(struct str given)
{
    while (str_starts_with(given, STR("./")))
        given = str_slice(given, 2, given.len);
    while (given.len > 1 && given.ptr[given.len - 1] == '/')
        given.len--;
    return given.len ? given : STR(".");
}

/* True when ".." goes above the beginning at some point. */
static bool climbs_out(const char *relative)
{
    struct str rest = str_from_c(relative);
    int depth = 0;
    while (rest.len) {
        const struct str name = str_split(&rest, '/');
        if (str_equal_c(name, ".."))
            depth--;
        else if (name.len && !str_equal_c(name, "."))
            depth++;
        if (depth < 0)
            return true;
    }
    return false;
}

static enum status outside(const struct tool_path *path, struct error *err)
{
    return error_set(err, E_DENIED, "%s is outside the workspace", strbuf_c(&path->shown));
}

/* The part of an absolute path below the workspace, or NULL. */
static const char *below_workspace(const char *absolute, const char *workspace)
{
    const size_t len = strlen(workspace);
    if (strncmp(absolute, workspace, len) != 0)
        return NULL;
    if (absolute[len] == '\0')
        return ".";
    return absolute[len] == '/' ? absolute + len + 1 : NULL;
}

enum status tool_path_open(const struct warden_job *job, struct str given, struct tool_path *out,
                           struct error *err)
{
    if (str_find_char(given, '\0', 0) != SIZE_MAX)
        return error_set(err, E_INVALID, "the path holds a NUL character");
    if (given.len >= BENEATH_PATH_MAX)
        return error_set(err, E_LIMIT, "the path is too long");
    CLEANUP(tool_path_done)
    struct tool_path path = {
        .beneath = {.root_fd = job->workspace_fd, .use_openat2 = job->use_openat2},
    };
    strbuf_add_str(&path.shown, clean(given));
    path.relative = strbuf_c(&path.shown);
    if (path.relative[0] == '/')
        path.relative = below_workspace(path.relative, job->workspace);
    if (!path.relative || climbs_out(path.relative))
        return outside(&path, err);
    *out = path;
    path = (struct tool_path){0};
    return OK;
}

void tool_path_done(struct tool_path *path)
{
    strbuf_done(&path->shown);
    *path = (struct tool_path){0};
}

/* ---- near matches ---- */

struct near {
    const char *base;
    struct strbuf found;
};

/* The entry of the same folder with the smallest distance; entries come in byte order. */
static void find_beside(const struct tool_path *path, struct near *near)
{
    const size_t folder_len = (size_t)(near->base - path->relative);
    CLEANUP(mem_freep) char *folder = mem_copy_str(path->relative);
    CLEANUP(beneath_list_done) struct beneath_list list = {0};
    folder[folder_len ? folder_len - 1 : 0] = '\0';
    if (beneath_list_read(&path->beneath, folder[0] ? folder : ".", NEAR_ENTRIES_MAX, &list,
                          NULL) != OK)
        return;
    const char *best = NULL;
    size_t best_distance = TOOL_PATH_DISTANCE_MAX + 1;
    for (size_t i = 0; i < list.count; i++) {
        const size_t distance = edit_distance(
            str_from_c(near->base), str_from_c(list.entries[i].name), TOOL_PATH_DISTANCE_MAX);
        if (distance < best_distance) {
            best = list.entries[i].name;
            best_distance = distance;
        }
    }
    if (!best)
        return;
    /* the folder part as it was given */
    strbuf_add(&near->found, strbuf_c(&path->shown), path->shown.len - strlen(near->base));
    strbuf_add_c(&near->found, best);
}

static bool take_if_same_name(void *context, const char *path)
{
    struct near *near = context;
    const char *slash = strrchr(path, '/');
    if (path[0] == '.' || strcmp(slash ? slash + 1 : path, near->base) != 0)
        return true;
    strbuf_add_c(&near->found, path);
    return false;
}

static enum status missing(const struct tool_path *path, struct error *err)
{
    const char *slash = strrchr(path->relative, '/');
    struct near near = {.base = slash ? slash + 1 : path->relative};
    find_beside(path, &near);
    if (!near.found.len)
        (void)file_walk(&path->beneath, ".", take_if_same_name, &near);
    const char *shown = strbuf_c(&path->shown);
    const enum status status =
        near.found.len ? error_set(err, E_NOT_FOUND, "%s does not exist; did you mean %s?", shown,
                                   strbuf_c(&near.found))
                       : error_set(err, E_NOT_FOUND, "%s does not exist", shown);
    strbuf_done(&near.found);
    return status;
}

/* ---- looking ---- */

enum status tool_path_locate(const struct tool_path *path, enum tool_path_want want,
                             struct beneath_info *out, struct error *err)
{
    const char *shown = strbuf_c(&path->shown);
    const enum status status = beneath_look(&path->beneath, path->relative, out, err);
    if (status == E_NOT_FOUND)
        return missing(path, err);
    if (status == E_DENIED)
        return outside(path, err);
    if (status != OK)
        return status;
    if (out->kind == BENEATH_OTHER)
        return error_set(err, E_INVALID, "%s is neither a file nor a folder", shown);
    if (want == TOOL_PATH_FILE && out->kind == BENEATH_FOLDER)
        return error_set(err, E_INVALID, "%s is a folder", shown);
    if (want == TOOL_PATH_FOLDER && out->kind == BENEATH_FILE)
        return error_set(err, E_INVALID, "%s is a file", shown);
    return OK;
}

enum status tool_path_read_text(const struct tool_path *path, struct strbuf *out, struct error *err)
{
    const size_t before = out->len;
    struct beneath_info info;
    TRY(tool_path_locate(path, TOOL_PATH_FILE, &info, err));
    if (info.size > TOOL_PATH_TEXT_MAX)
        return error_set(err, E_LIMIT, "%s is too large (%" PRIu64 " bytes, limit %d)",
                         strbuf_c(&path->shown), info.size, TOOL_PATH_TEXT_MAX);
    TRY(beneath_read(&path->beneath, path->relative, TOOL_PATH_TEXT_MAX, out, err));
    const struct str bytes = str_slice(strbuf_view(out), before, out->len);
    if (tool_text_is_text(bytes))
        return OK;
    CLEANUP(strbuf_done) struct strbuf size = {0};
    tool_text_count(&size, bytes.len, "byte");
    strbuf_truncate(out, before);
    return error_set(err, E_FORMAT, "%s is not a text file (%s)", strbuf_c(&path->shown),
                     strbuf_c(&size));
}

/* ---- writing ---- */

/* Case does not help: some file systems ignore it. */
static bool is_protected(struct str resolved)
{
    while (resolved.len) {
        const struct str name = str_split(&resolved, '/');
        if ((name.len == 4 && !strncasecmp(name.ptr, ".git", 4)) ||
            (name.len == 5 && !strncasecmp(name.ptr, ".holt", 5)))
            return true;
    }
    return false;
}

enum status tool_path_target(const struct tool_path *path, struct strbuf *out, bool *out_exists,
                             struct error *err)
{
    const char *shown = strbuf_c(&path->shown);
    CLEANUP(strbuf_done) struct strbuf resolved = {0};
    struct beneath_info info;
    const enum status status =
        beneath_resolve(&path->beneath, path->relative, &resolved, out_exists, err);
    if (status == E_DENIED)
        return outside(path, err);
    if (status == E_NOT_FOUND)
        return error_set(err, E_INVALID, "%s cannot be made: a part of it is no folder", shown);
    if (status != OK)
        return status;
    if (is_protected(strbuf_view(&resolved)))
        return error_set(err, E_DENIED, "%s is protected: tools do not change .git and .holt",
                         shown);
    if (*out_exists)
        TRY(tool_path_locate(path, TOOL_PATH_FILE, &info, err));
    strbuf_add_str(out, strbuf_view(&resolved));
    return OK;
}
