/* holt sessions - the stored sessions, newest first. */
#include "base/mem.h"
#include "cli/command_list.h"
#include "cli/front_protocol.h"
#include "cli/json_print.h"
#include "cli/locked_child.h"
#include "cli/session_line.h"
#include "cli/state.h"
#include "cli/style.h"
#include "engine/prefix_store.h"
#include "os/tty.h"
#include "store/db.h"
#include "store/session_store.h"
#include "text/json.h"

enum { COUNT_DEFAULT = 20 };

struct sessions_args {
    int64_t count;
    bool is_json;
    bool is_removing;
    bool is_showing;
};

static const struct sessions_args defaults = {.count = COUNT_DEFAULT};

static const struct option_spec options[] = {
    OPTION_INT(struct sessions_args, count, 'n', "count", "N", 1, SESSION_STORE_LIST_MAX,
               "list at most N (default 20)"),
    OPTION_FLAG(struct sessions_args, is_showing, 0, "show",
                "print the messages of the session ID as JSON"),
    OPTION_FLAG(struct sessions_args, is_removing, 0, "remove", "remove the session ID"),
    OPTION_FLAG(struct sessions_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

struct work {
    const struct sessions_args *args;
    const char *database;
    const char *prompts; /* folder of stored prompts */
    const char *id;      /* NULL: list */
    unsigned width;      /* columns of the terminal */
};

static json_t *info_json(const struct session_store_info *info)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "id", info->id, "title",
                     info->title, "workspace", info->workspace, "model", info->model, "profile",
                     info->profile, "created_ms", (json_int_t)info->created_ms, "updated_ms",
                     (json_int_t)info->updated_ms, "entries", (json_int_t)info->entry_count);
}

static void print_json(const struct session_store_list *list)
{
    CLEANUP(json_decrefp) json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, info_json(&list->items[i]));
    json_print(array);
}

static void print_lines(const struct session_store_list *list, unsigned width)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct session_store_info *info = &list->items[i];
        const struct front_message line = {
            .name = str_from_c(info->id),
            .text = str_from_c(info->title),
            .detail = str_from_c(info->workspace),
            .numbers = {(uint64_t)info->updated_ms, info->entry_count},
        };
        session_line_print(&line, &style_plain, width, stdout);
    }
    if (list->count == 0)
        fputs("There is no session yet.\n", stderr);
}

static enum status list_all(const struct work *work, struct db *db, struct error *err)
{
    CLEANUP(session_store_list_done) struct session_store_list list = {0};
    TRY(session_store_list_newest(db, (uint32_t)work->args->count, &list, err));
    if (work->args->is_json)
        print_json(&list);
    else
        print_lines(&list, work->width);
    return OK;
}

static enum status show_one(struct db *db, const char *id, struct error *err)
{
    CLEANUP(session_store_info_done) struct session_store_info info = {0};
    CLEANUP(json_decrefp) json_t *messages = NULL;
    TRY(session_store_find(db, id, &info, err));
    TRY(session_store_load(db, info.id, &messages, err));
    CLEANUP(json_decrefp) json_t *object = info_json(&info);
    json_object_set(object, "messages", messages);
    json_print(object);
    return OK;
}

static enum status remove_one(const struct work *work, struct db *db, struct error *err)
{
    CLEANUP(session_store_info_done) struct session_store_info info = {0};
    uint8_t owner[SNAPSHOT_OWNER_BYTES];
    TRY(session_store_find(db, work->id, &info, err));
    prefix_store_owner(str_from_c(info.id), owner);
    (void)prefix_store_forget(work->prompts, owner);
    TRY(session_store_delete(db, info.id, err));
    printf("Removed session %s.\n", info.id);
    return OK;
}

static enum status sessions(const struct work *work, struct error *err)
{
    CLEANUP(db_closep) struct db *db = NULL;
    TRY(db_open(work->database, &db, err));
    if (!work->id)
        return list_all(work, db, err);
    return work->args->is_removing ? remove_one(work, db, err) : show_one(db, work->id, err);
}

static int run_work(void *context)
{
    struct error err = {0};
    return sessions(context, &err) == OK ? EXIT_OK : command_fail(&err);
}

static int run(const struct command_call *call)
{
    const struct sessions_args *args = call->options;
    CLEANUP(state_done) struct state state = {0};
    struct error err = {0};
    const bool wants_id = args->is_removing || args->is_showing;
    if (args->is_removing && args->is_showing)
        return command_usage(call->command, "--show and --remove do not go together");
    if (wants_id != (call->operand_count == 1))
        return command_usage(call->command, "an ID goes with --show or --remove; to go on with a "
                                            "session: holt resume ID");
    if (state_init(call->common, &state, &err) != OK)
        return command_fail(&err);
    struct work work = {
        .args = args,
        .database = state.database,
        .prompts = state.prompts,
        .id = wants_id ? call->operands[0] : NULL,
        .width = tty_width(STDOUT_FILENO),
    };
    const struct locked_child child = {
        .state_folder = state.folder,
        .no_color = call->common->no_color,
        .run = run_work,
        .context = &work,
    };
    return locked_child_run(&child);
}

const struct command cmd_sessions = {
    .name = "sessions",
    .summary = "list the sessions",
    .operands = "[ID]",
    .description =
        "For each: id, when it was used last, how many messages, what was said first, and "
        "in which folder. holt resume ID goes on with one.",
    .group = COMMAND_GROUP_AGENT,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct sessions_args),
    .operand_count_max = 1,
    .run = run,
};
