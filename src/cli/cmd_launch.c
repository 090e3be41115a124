/* holt launch - a program made for other models, started on one of holt's. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/config.h"
#include "cli/fit_facts.h"
#include "cli/fit_measure.h"
#include "cli/key_file.h"
#include "cli/launch_backup.h"
#include "cli/launch_client.h"
#include "cli/model_command.h"
#include "cli/model_name.h"
#include "cli/server_find.h"
#include "cli/server_start.h"
#include "cli/state.h"
#include "engine/memory_plan.h"
#include "os/file.h"
#include "os/interrupt.h"
#include "os/listener.h"
#include "os/path.h"
#include "os/process.h"
#include "os/program_start.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONTEXT_MAX = 1 << 24,
    OUTPUT_SHARE = 4, /* of the context one answer may take */
    OUTPUT_MAX = 32000,
    SIGNAL_EXIT = 128,
};

static const char KEY_NONE[] = "holt"; /* programs want something */

struct launch_args {
    const char *model;
    const char *key_file;
    int64_t port;
    int64_t context_tokens;
    bool is_dry;
    bool prints;
    bool restores;
};

static const struct launch_args defaults = {.port = SERVER_FIND_PORT};

static const struct option_spec options[] = {
    OPTION_PATH(struct launch_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "the model to serve (default: the one that is served, or configured)"),
    OPTION_INT(struct launch_args, context_tokens, 'c', "context", "N", 256, CONTEXT_MAX,
               "tokens of context for a server that is started (default: what fits, up to 65536)"),
    OPTION_INT(struct launch_args, port, 'p', "port", "N", 1, 65535,
               "where holt serves, or is to serve (default 11434)"),
    OPTION_PATH(struct launch_args, key_file, 0, "key-file", "FILE", OPTION_VALUE_FILE,
                "the key of the server"),
    OPTION_FLAG(struct launch_args, is_dry, 0, "dry-run",
                "show what would be done, and do nothing"),
    OPTION_FLAG(struct launch_args, prints, 0, "print",
                "print the settings the program needs, to keep them yourself"),
    OPTION_FLAG(struct launch_args, restores, 0, "restore",
                "put back the file that holt launch changed, to the byte"),
    OPTION_END,
};

/* One call. Zeroed is empty. */
struct launch {
    const struct command_call *call;
    const struct launch_args *args;
    const struct launch_client *client;
    struct state state;
    char *folder; /* of this client's backups */
    char *model_path;
    char *model_name;
    struct strbuf key;
    struct server_find_answer found;
    struct server_find_model known; /* not loaded yet */
    bool is_served;
    struct server_start_config start; /* when it is not */
    struct server_started server;
    struct launch_target target;
    char *path; /* of the settings that change; NULL: none */
    struct strbuf before;
    struct strbuf text;
    struct launch_client_texts variables;
    struct launch_client_texts arguments;
};

static void launch_done(struct launch *launch)
{
    server_start_stop(&launch->server);
    server_find_done(&launch->found);
    state_done(&launch->state);
    mem_free(launch->folder);
    mem_free(launch->model_path);
    mem_free(launch->model_name);
    mem_free(launch->path);
    strbuf_done(&launch->key);
    strbuf_done(&launch->before);
    strbuf_done(&launch->text);
    launch_client_texts_done(&launch->variables);
    launch_client_texts_done(&launch->arguments);
}

/* ---------------------------------------------------------------- the server */

static void aim(struct launch *launch, const char *base, const char *model, uint64_t context)
{
    uint64_t output = context / OUTPUT_SHARE;
    output = output < OUTPUT_MAX ? output : OUTPUT_MAX;
    launch->target = (struct launch_target){
        .base = base,
        .model = model,
        .key = launch->key.len > 0 ? strbuf_c(&launch->key) : KEY_NONE,
        .context_tokens = context,
        .output_tokens = output,
    };
}

static const struct server_find_model *loaded(const struct launch *launch)
{
    for (size_t i = 0; i < launch->found.model_count; i++) {
        if (!launch->model_name || strcmp(launch->found.models[i].name, launch->model_name) == 0)
            return &launch->found.models[i];
    }
    return NULL;
}

static enum status name_model(struct launch *launch, struct error *err)
{
    CLEANUP(config_done) struct config config = {0};
    TRY(agent_setup_config(launch->call->common, &config, err));
    TRY(model_command_find(launch->call->common, launch->args->model, &launch->model_path, err));
    launch->model_name =
        model_name_served(launch->model_path, &launch->state, config.model_folders);
    return OK;
}

/* A server that runs: it has the model that was asked for, or can load it. Only a loaded one has a
 * context that is certain. */
static enum status use_found(struct launch *launch, struct error *err)
{
    struct server_find_answer *found = &launch->found;
    const char *key = launch->key.len > 0 ? strbuf_c(&launch->key) : NULL;
    const bool is_real = !launch->args->is_dry && !launch->args->prints;
    if (launch->args->model)
        TRY(name_model(launch, err));
    if (!loaded(launch) && launch->model_name) {
        TRY(server_find_known(found->base, key, launch->model_name, &launch->known, err));
        if (!is_real) {
            const uint64_t trained = launch->known.context_tokens;
            aim(launch, found->base, launch->known.name,
                trained < MEMORY_PLAN_CONTEXT_DEFAULT ? trained : MEMORY_PLAN_CONTEXT_DEFAULT);
            return OK;
        }
        TRY(server_find_load(found->base, key, launch->model_name, err));
        TRY(server_find((uint16_t)launch->args->port, key, found, err));
    }
    const struct server_find_model *model = loaded(launch);
    if (!model)
        return error_set(err, E_NOT_FOUND, "%s has no model loaded: name one with --model",
                         found->base);
    aim(launch, found->base, model->name, model->context_tokens);
    return OK;
}

/* What a server of ours is to have: as much context as fits, up to what agents want. */
static enum status plan_start(struct launch *launch, struct error *err)
{
    struct fit_machine machine = {0};
    struct fit_facts facts;
    struct fit_plan plan;
    struct server_start_config *start = &launch->start;
    const struct launch_args *args = launch->args;
    TRY(name_model(launch, err));
    start->common = launch->call->common;
    start->model = launch->model_path ? launch->model_path : MODEL_NAME_BUILTIN;
    start->key_file = args->key_file;
    start->context_tokens = (uint64_t)args->context_tokens;
    if (start->context_tokens > 0)
        return OK;
    TRY(fit_facts_of_file(launch->model_path, launch->call->common->no_color, &facts, err));
    fit_measure_memory(&machine);
    fit_plan_make(&machine, &facts.shape, &plan);
    if (!plan.fits)
        return error_set(err, E_LIMIT,
                         "%s does not fit: it takes %" PRIu64 " MiB and %" PRIu64
                         " MiB are free; holt fit shows what does",
                         launch->model_name, plan.needed_bytes >> 20, plan.room_bytes >> 20);
    start->context_tokens =
        plan.context_tokens < FIT_PLAN_CONTEXT_GOOD ? plan.context_tokens : FIT_PLAN_CONTEXT_GOOD;
    start->kv = kv_kind_name(plan.kv);
    return OK;
}

/* Another program may have the usual port: then any will do. */
static enum status choose_port(struct launch *launch, bool is_taken, struct error *err)
{
    uint16_t port = 0;
    int fd = -1;
    struct error busy = {0};
    launch->start.port = (uint16_t)launch->args->port;
    if (!is_taken && listener_open("127.0.0.1", launch->start.port, &fd, &port, &busy) == OK) {
        close(fd);
        return OK;
    }
    if (launch->args->port != SERVER_FIND_PORT)
        return error_set(err, E_BUSY, "another program listens on port %" PRId64,
                         launch->args->port);
    launch->start.port = 0;
    return OK;
}

static enum status find_server(struct launch *launch, struct error *err)
{
    const char *key = launch->key.len > 0 ? strbuf_c(&launch->key) : NULL;
    const enum status status = server_find((uint16_t)launch->args->port, key, &launch->found, err);
    launch->is_served = status == OK;
    if (status == OK)
        return use_found(launch, err);
    if (status != E_NOT_FOUND && status != E_UNSUPPORTED)
        return status;
    TRY(plan_start(launch, err));
    TRY(choose_port(launch, status == E_UNSUPPORTED, err));
    aim(launch, launch->found.base, launch->model_name, launch->start.context_tokens);
    return OK;
}

/* ---------------------------------------------------------------- what is done */

static enum status make_plan(struct launch *launch, struct error *err)
{
    const struct launch_client *client = launch->client;
    struct error why = {0};
    launch_client_texts_done(&launch->variables);
    launch_client_texts_done(&launch->arguments);
    strbuf_clear(&launch->text);
    if (client->add_variables)
        client->add_variables(&launch->target, &launch->variables);
    if (client->add_arguments)
        client->add_arguments(&launch->target, &launch->arguments);
    if (!client->edit)
        return OK;
    if (client->edit(&launch->target, strbuf_view(&launch->before), &launch->text, &why) != OK)
        return error_set(err, why.status,
                         "%.200s is left alone: %.200s; add the settings yourself: holt launch %s "
                         "--print",
                         launch->path, why.text, client->name);
    return OK;
}

/* Before anything is started: whether the file can be changed at all. */
static enum status look_at_file(struct launch *launch, struct error *err)
{
    launch->path = launch_client_path(launch->client);
    if (!launch->client->edit)
        return OK;
    if (!launch->path)
        return error_set(err, E_NOT_FOUND, "there is no home folder for the settings of %s",
                         launch->client->title);
    return launch_backup_read(launch->path, &launch->before, err);
}

static enum status change_file(struct launch *launch, struct error *err)
{
    bool is_changed = false;
    if (!launch->path)
        return OK;
    CLEANUP(mem_freep) char *folder = mem_copy_str(launch->path);
    *strrchr(folder, '/') = '\0';
    TRY(file_make_folder(folder, err));
    TRY(launch_backup_change(launch->folder, launch->path, strbuf_view(&launch->before),
                             strbuf_view(&launch->text), &is_changed, err));
    if (is_changed)
        fprintf(stderr, "%s is changed; holt launch %s --restore puts it back\n", launch->path,
                launch->client->name);
    return OK;
}

/* The words of the program, its own and the user's; the caller frees the list only. */
static const char **all_arguments(const struct launch *launch)
{
    const size_t given = (size_t)launch->call->operand_count - 1;
    const char **list = mem_zalloc((launch->arguments.count + given + 3) * sizeof(list[0]));
    size_t count = 0;
    list[count++] = launch->client->program;
    for (size_t i = 0; i < launch->arguments.count; i++)
        list[count++] = launch->arguments.of[i];
    for (size_t i = 0; i < given; i++)
        list[count++] = launch->call->operands[i + 1];
    if (given == 0)
        list[count++] = launch->client->usual;
    return list;
}

/* ---------------------------------------------------------------- showing */

static void add_command(const struct launch *launch, struct strbuf *out)
{
    CLEANUP(mem_freep) const char **arguments = all_arguments(launch);
    for (size_t i = 0; arguments[i]; i++) {
        if (i > 0)
            strbuf_add_char(out, ' ');
        launch_client_add_word(out, arguments[i]);
    }
    strbuf_add_char(out, '\n');
}

static void add_server(const struct launch *launch, struct strbuf *out)
{
    const struct server_start_config *start = &launch->start;
    if (launch->is_served) {
        strbuf_addf(out, "# served at %s: %s, %" PRIu64 " tokens of context\n", launch->target.base,
                    launch->target.model, launch->target.context_tokens);
        return;
    }
    strbuf_add_c(out, "holt serve --model ");
    launch_client_add_word(out, start->model);
    strbuf_addf(out, " --context %" PRIu64, start->context_tokens);
    if (start->kv && strcmp(start->kv, "f16") != 0)
        strbuf_addf(out, " --kv %s", start->kv);
    strbuf_addf(out, " --port %u\n", start->port);
}

static void show_plan(const struct launch *launch)
{
    CLEANUP(strbuf_done) struct strbuf out = {0};
    add_server(launch, &out);
    for (size_t i = 0; i < launch->variables.count; i++) {
        const char *text = launch->variables.of[i];
        strbuf_add_c(&out, strchr(text, '=') ? "export " : "unset ");
        launch_client_add_word(&out, text);
        strbuf_add_char(&out, '\n');
    }
    if (launch->path && str_equal(strbuf_view(&launch->before), strbuf_view(&launch->text))) {
        strbuf_addf(&out, "# %s stays as it is\n", launch->path);
    } else if (launch->path) {
        strbuf_addf(&out, "# %s gets:\n", launch->path);
        launch_client_settings(launch->client, &launch->target, &out);
    }
    add_command(launch, &out);
    fwrite(out.ptr, 1, out.len, stdout);
}

static void show_settings(const struct launch *launch)
{
    CLEANUP(strbuf_done) struct strbuf out = {0};
    launch_client_settings(launch->client, &launch->target, &out);
    fwrite(out.ptr, 1, out.len, stdout);
}

static int list_clients(void)
{
    for (size_t i = 0; launch_clients[i]; i++) {
        const struct launch_client *client = launch_clients[i];
        CLEANUP(mem_freep) char *path = program_start_find(client->program);
        printf("%-9s  %-18s  %s\n", client->name, client->title,
               path ? "installed" : client->install);
    }
    return EXIT_OK;
}

/* ---------------------------------------------------------------- running */

static void warn_context(const struct launch *launch)
{
    if (launch->target.context_tokens < launch->client->context_least)
        command_warn("%s wants a context of %" PRIu32 " tokens or more, and %s has %" PRIu64,
                     launch->client->title, launch->client->context_least, launch->target.model,
                     launch->target.context_tokens);
}

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? SIGNAL_EXIT + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The terminal is the program's until it ends; Ctrl-C is meant for it. */
static enum status run_client(const struct launch *launch, const char *program, int *out_code,
                              struct error *err)
{
    CLEANUP(mem_freep) const char **arguments = all_arguments(launch);
    const struct program_start start = {
        .path = program,
        .arguments = arguments,
        .variables = (const char *const *)launch->variables.of,
        .output_fd = -1,
        .errors_fd = -1,
    };
    pid_t pid = 0;
    int status = 0;
    fflush(stdout);
    fflush(stderr);
    interrupt_ignore();
    TRY(program_start_run(&start, &pid, err));
    process_wait(pid, -1, &status);
    *out_code = exit_code(status);
    return OK;
}

static enum status start_server(struct launch *launch, struct error *err)
{
    if (launch->is_served)
        return OK;
    TRY(file_make_folder(launch->folder, err));
    CLEANUP(mem_freep) char *log = path_join(launch->folder, "serve.log");
    launch->start.log_path = log;
    TRY(server_start(&launch->start, &launch->server, err));
    aim(launch, launch->server.base, launch->server.model, launch->server.context_tokens);
    return OK;
}

static enum status work(struct launch *launch, int *out_code, struct error *err)
{
    const struct launch_client *client = launch->client;
    CLEANUP(mem_freep) char *program = program_start_find(client->program);
    const bool is_real = !launch->args->is_dry && !launch->args->prints;
    if (is_real && !program)
        return error_set(err, E_NOT_FOUND,
                         "%s is not installed (there is no %s in PATH); get it "
                         "with: %s",
                         client->title, client->program, client->install);
    TRY(key_file_read(launch->args->key_file, &launch->key, err));
    if (!launch->args->prints)
        TRY(look_at_file(launch, err));
    TRY(find_server(launch, err));
    if (launch->args->prints) {
        show_settings(launch);
        return OK;
    }
    TRY(make_plan(launch, err));
    warn_context(launch);
    if (launch->args->is_dry) {
        show_plan(launch);
        return OK;
    }
    TRY(start_server(launch, err));
    TRY(make_plan(launch, err));
    TRY(change_file(launch, err));
    return run_client(launch, program, out_code, err);
}

static enum status restore(const struct launch *launch, struct error *err)
{
    CLEANUP(mem_freep) char *path = NULL;
    struct error why = {0};
    const enum status status = launch_backup_restore(launch->folder, &path, &why);
    if (status == E_NOT_FOUND)
        return error_set(err, E_NOT_FOUND, "holt launch has changed nothing of %s",
                         launch->client->title);
    if (status != OK)
        return error_set(err, status, "%s", why.text);
    printf("%s is as it was\n", path);
    return OK;
}

static int run(const struct command_call *call)
{
    CLEANUP(launch_done) struct launch launch = {.call = call, .args = call->options};
    struct error err = {0};
    int code = EXIT_OK;
    if (call->operand_count == 0)
        return list_clients();
    launch.client = launch_client_find(call->operands[0]);
    if (!launch.client)
        return command_usage(call->command,
                             "holt launch knows no \"%.60s\": holt launch lists what "
                             "it knows",
                             call->operands[0]);
    if (launch.args->is_dry + launch.args->prints + launch.args->restores > 1)
        return command_usage(call->command, "--dry-run, --print and --restore are three things");
    enum status status = state_find_paths(call->common, &launch.state, &err);
    if (status == OK) {
        CLEANUP(mem_freep) char *all = path_join(launch.state.folder, "launch");
        launch.folder = path_join(all, launch.client->name);
        status = launch.args->restores ? restore(&launch, &err) : work(&launch, &code, &err);
    }
    if (status == E_CANCELLED)
        return EXIT_INTERRUPTED;
    return status == OK ? code : command_fail(&err);
}

const struct command cmd_launch = {
    .name = "launch",
    .summary = "start Claude Code, Codex and others on a model of holt",
    .operands = "[PROGRAM [ARGUMENT...]]",
    .description =
        "PROGRAM is claude, codex, opencode, openclaw, hermes or copilot; without one they are "
        "listed. It is told where the model is and how much context there is, in its own words, "
        "and started with the ARGUMENTs (put -- in front of those that begin with a dash).\n\n"
        "A holt serve that runs is used; if none does, one is started and ended with the program. "
        "Nothing is installed. Where a file of settings has to change, its old bytes are kept: "
        "--restore puts them back. Files that are links, that are not what they should be or that "
        "other programs changed meanwhile are left alone.",
    .examples = "holt launch claude --model qwen3:4b\n"
                "holt launch codex -- exec \"what does this project do?\"\n"
                "holt launch opencode --dry-run\n"
                "holt launch hermes --print",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct launch_args),
    .operand_count_max = -1,
    .run = run,
};
