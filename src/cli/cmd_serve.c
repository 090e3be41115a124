/* holt serve - the model for other programs, over HTTP. */
#include "api/route.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/byte_size.h"
#include "cli/command_list.h"
#include "cli/config.h"
#include "cli/embed_setup.h"
#include "cli/front.h"
#include "cli/key_file.h"
#include "cli/model_admin.h"
#include "cli/model_command.h"
#include "cli/model_name.h"
#include "cli/progress.h"
#include "cli/pull_source.h"
#include "cli/serve_jobs.h"
#include "cli/serve_role.h"
#include "cli/speculation_options.h"
#include "cli/state.h"
#include "engine/scheduler.h"
#include "os/file.h"
#include "os/listener.h"
#include "server/response_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PORT_DEFAULT = 11434,
    CONTEXT_MAX = 1 << 24,
    THREADS_MAX = 256,
    RESPONSES_MAX = 10000,
    MEMORY_MIN = 16 << 20
};

/* Uploaded files that no model was made of stay so long. */
enum { BLOB_AGE_SECONDS = 24 * 3600 };

struct serve_args {
    const char *model;
    const char *host;
    const char *key_file;
    const char *cors;
    const char *kv;
    const char *cpu_mask;
    const char *pooling;
    const char *keep_alive;
    const char *memory;
    const char *hub;
    const char *registry;
    bool allows_pull;
    const char *prompt_store;
    bool is_verbose;
    int64_t port;
    int64_t context_tokens;
    int64_t thread_count;
    int64_t active_max;
    int64_t kept_responses;
    struct speculation_options speculation;
};

static const struct serve_args defaults = {.host = "127.0.0.1",
                                           .port = PORT_DEFAULT,
                                           .keep_alive = "5m",
                                           .kept_responses = RESPONSE_STORE_COUNT_MAX,
                                           .hub = PULL_SOURCE_HUB,
                                           .registry = PULL_SOURCE_REGISTRY};

static const struct option_spec options[] = {
    OPTION_PATH(struct serve_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "a GGUF file, a name in the models folder, or builtin"),
    OPTION_STRING(struct serve_args, host, 0, "host", "ADDRESS",
                  "address to listen on (default 127.0.0.1: this machine only)"),
    OPTION_INT(struct serve_args, port, 'p', "port", "N", 0, 65535,
               "port to listen on (default 11434; 0: one that is free)"),
    OPTION_PATH(struct serve_args, key_file, 0, "key-file", "FILE", OPTION_VALUE_FILE,
                "requests must carry the key in FILE, which is made if it is not there (needed "
                "beyond this machine)"),
    OPTION_STRING(struct serve_args, cors, 0, "cors", "ORIGINS",
                  "web pages that may ask, like https://app.example, with commas between; *: all"),
    OPTION_INT(struct serve_args, context_tokens, 'c', "context", "N", 256, CONTEXT_MAX,
               "tokens of context (default: what fits)"),
    OPTION_INT(struct serve_args, active_max, 0, "parallel", "N", 1, SCHEDULER_ACTIVE_MAX,
               "answers made at the same time (default 8)"),
    OPTION_INT(struct serve_args, thread_count, 0, "threads", "N", 1, THREADS_MAX,
               "compute threads (default: all cores)"),
    OPTION_STRING(struct serve_args, kv, 0, "kv", "KIND",
                  "how keys and values are kept: " KV_KIND_NAMES " (default f16)"),
    OPTION_STRING(struct serve_args, keep_alive, 0, "keep-alive", "TIME",
                  "how long a model stays that was loaded on demand (default 5m; -1: for ever)"),
    OPTION_STRING(struct serve_args, memory, 0, "memory", "SIZE",
                  "what models may take together, like 8G (default: what is free)"),
    OPTION_INT(struct serve_args, kept_responses, 0, "keep-responses", "N", 0, RESPONSES_MAX,
               "responses kept in memory for previous_response_id (default 1000; 0: none)"),
    OPTION_STRING(struct serve_args, pooling, 0, "pooling", "KIND",
                  "serve embeddings of a model that was not made for it: mean, cls or last"),
    OPTION_FLAG(struct serve_args, allows_pull, 0, "allow-pull",
                "your programs may pull models through the server"),
    OPTION_STRING(struct serve_args, hub, 0, "hub", "ADDRESS", "with it, a mirror of Hugging Face"),
    OPTION_STRING(struct serve_args, registry, 0, "registry", "ADDRESS",
                  "with it, a mirror of Ollama's registry"),
    OPTION_STRING(struct serve_args, cpu_mask, 0, "cpu-mask", "LEVEL",
                  "use kernels of baseline, avx2, avx512 or avx512vbmi at most"),
    SPECULATION_OPTIONS_ROWS(struct serve_args, speculation),
    PROMPT_STORE_OPTION_ROW(struct serve_args, prompt_store),
    OPTION_FLAG(struct serve_args, is_verbose, 'v', "verbose",
                "say what each request found computed, and what of its schemas is not enforced"),
    OPTION_END,
};

struct work {
    struct progress progress;
    struct front_message ready;
    struct strbuf model_name;
    struct serve_jobs *jobs;
    bool allows_pull;
    struct front front;
    const char *key_file;
};

static void on_message(void *context, const struct front_message *message)
{
    struct work *work = context;
    if (message->kind == FRONT_JOB) {
        CLEANUP(mem_freep) char *line = serve_jobs_take(work->jobs, &work->front, message);
        if (line)
            fprintf(stderr, "%s\n", line);
    }
    if (message->kind == FRONT_DATA)
        serve_jobs_data(work->jobs, &work->front, message);
    if (message->kind != FRONT_READY)
        return;
    work->ready = *message;
    strbuf_add_str(&work->model_name, message->name);
}

static void on_tick(void *context)
{
    struct work *work = context;
    progress_tick(&work->progress);
    serve_jobs_tick(work->jobs, &work->front);
}

static void on_core_says(void *context, struct str text)
{
    progress_hide(&((struct work *)context)->progress);
    fwrite(text.ptr, 1, text.len, stderr);
}

static void print_embedding_lines(const struct serve_role_config *role, const char *base)
{
    printf("  OpenAI clients   OPENAI_BASE_URL=%s/v1 OPENAI_API_KEY=holt\n", base);
    printf("  Ollama clients   OLLAMA_HOST=%s\n", base);
    printf("  LangChain        OllamaEmbeddings(model=\"%s\", base_url=\"%s\")\n", role->model_name,
           base);
    printf("  curl             curl %s/v1/embeddings -d '{\"input\": \"a text\"}'\n", base);
    fflush(stdout);
}

/* Whether `holt launch` finds it, which asks 127.0.0.1. */
static bool is_found_here(const char *address)
{
    return strcmp(address, "127.0.0.1") == 0 || strcmp(address, "localhost") == 0 ||
           strcmp(address, "0.0.0.0") == 0;
}

/* One line for each of the commonest. */
static void print_client_lines(const struct serve_role_config *role, const char *key_file,
                               uint16_t port, const char *base)
{
    static const char *const programs[][2] = {
        {"Claude Code", "claude"}, {"Codex", "codex"}, {"OpenCode", "opencode"}};
    char port_option[32] = "";
    if (port != PORT_DEFAULT)
        snprintf(port_option, sizeof(port_option), " --port %u", port);
    for (size_t i = 0; i < ARRAY_LEN(programs) && is_found_here(role->address); i++)
        printf("  %-15s  holt launch %s%s%s%s\n", programs[i][0], programs[i][1], port_option,
               key_file ? " --key-file " : "", key_file ? key_file : "");
    if (!is_found_here(role->address))
        printf("  Claude Code      ANTHROPIC_BASE_URL=%s ANTHROPIC_AUTH_TOKEN=%s claude\n", base,
               key_file ? "KEY" : "holt");
    printf("  OpenAI clients   OPENAI_BASE_URL=%s/v1 OPENAI_API_KEY=%s\n", base,
           key_file ? "KEY" : "holt");
    printf("  Ollama clients   OLLAMA_HOST=%s\n", base);
    if (is_found_here(role->address))
        return;
    printf("  LangChain        ChatOpenAI(model=\"%s\", base_url=\"%s/v1\", api_key=\"%s\")\n",
           role->model_name, base, key_file ? "KEY" : "holt");
    printf("  curl             curl %s/v1/models%s\n", base,
           key_file ? " -H 'Authorization: Bearer KEY'" : "");
}

static void print_ready(const struct work *work, const struct serve_role_config *role,
                        uint16_t port)
{
    const bool is_v6 = strchr(role->address, ':') != NULL;
    char base[128];
    snprintf(base, sizeof(base), is_v6 ? "http://[%s]:%u" : "http://%s:%u", role->address, port);
    printf("holt serves %s at %s\n", role->model_name, base);
    printf("%s %" PRIu64 " tokens; nothing leaves this machine%s, Ctrl-C ends\n\n",
           work->ready.numbers[FRONT_READY_EMBEDS] ? "embeddings of texts up to" : "context",
           work->ready.numbers[FRONT_READY_CONTEXT],
           work->allows_pull ? " but the names of models that your programs pull" : "");
    if (work->ready.numbers[FRONT_READY_EMBEDS]) {
        print_embedding_lines(role, base);
        return;
    }
    print_client_lines(role, work->key_file, port, base);
    fflush(stdout);
}

/* Shows the address and waits for Ctrl-C. */
static int serve(struct work *work, const struct serve_role_config *role, uint16_t port)
{
    const struct front_config config = {.role = serve_role_run, .role_context = role};
    const struct front_view view = {
        .context = work,
        .message = on_message,
        .tick = on_tick,
        .core_says = on_core_says,
    };
    struct front *front = &work->front;
    struct front_message finished = {0};
    struct error err = {0};
    enum status status = front_start(front, &config, &err);
    close(role->listen_fd); /* the core has its own */
    if (status == OK)
        status = front_wait_ready(front, &view, &err);
    progress_clear(&work->progress);
    if (status == OK) {
        print_ready(work, role, port);
        status = front_ask(front, (struct str){0}, STR("serve"), &view, &finished, &err);
    }
    const int code = status == OK || status == E_CANCELLED ? EXIT_OK : command_fail(&err);
    front_stop(front);
    return code;
}

/* Beyond this machine nothing without a key. */
static enum status check_reach(const struct serve_args *args, bool is_loopback, struct error *err)
{
    if (!listener_is_address(args->host))
        return error_set(err, E_INVALID, "\"%.60s\" is not an address, like 127.0.0.1 or ::1",
                         args->host);
    if (!is_loopback && !args->key_file)
        return error_set(err, E_INVALID,
                         "other machines can reach %s: give them a key with --key-file",
                         args->host);
    if (!is_loopback)
        command_warn("other machines can reach %s; what they send and get is not encrypted",
                     args->host);
    return OK;
}

/* With a folder for models if one can be made: what is not there when the server locks itself
 * cannot be read later, and clients may pull. */
static enum status find_state(const struct command_common *common, struct state *out,
                              struct error *err)
{
    struct error ignored = {0};
    if (state_init(common, out, &ignored) == OK) {
        (void)!file_make_folder(out->models, &ignored);
        return OK;
    }
    return state_find_paths(common, out, err);
}

/* "*", or SCHEME://HOST each: a browser says no more. */
static enum status check_cors(const char *text, struct error *err)
{
    struct str left = str_from_c(text);
    while (left.len > 0) {
        const size_t comma = str_find_char(left, ',', 0);
        const size_t len = comma == SIZE_MAX ? left.len : comma;
        const struct str page = str_trim(str_slice(left, 0, len));
        const size_t host = str_find(page, STR("://"), 0);
        const bool is_origin = host != SIZE_MAX && host > 0 && page.len > host + 3 &&
                               str_find_char(page, '/', host + 3) == SIZE_MAX;
        if (!is_origin && !str_equal_c(page, "*"))
            return error_set(err, E_INVALID,
                             "--cors: \"%.*s\" is no origin like https://app.example",
                             (int)(page.len < 80 ? page.len : 80), page.ptr);
        left = str_slice(left, len + (comma != SIZE_MAX), left.len);
    }
    return OK;
}

static enum status read_options(const struct serve_args *args, struct serve_role_config *role,
                                struct error *err)
{
    TRY(check_reach(args, role->is_loopback, err));
    TRY(check_cors(args->cors, err));
    if (args->memory && !byte_size_parse(str_from_c(args->memory), MEMORY_MIN, UINT64_C(1) << 50,
                                         &role->memory_bytes))
        return error_set(err, E_INVALID, "--memory: \"%.32s\" is no size from 16M on, like 8G",
                         args->memory);
    TRY(kv_kind_find(args->kv, &role->kv, err));
    TRY(agent_setup_cpu(args->cpu_mask, &role->cpu_features_off, err));
    TRY(embed_setup_pooling(args->pooling, &role->pooling, err));
    return route_parse_duration(str_from_c(args->keep_alive), &role->keep_seconds, err);
}

/* Where a folder cannot be made prompts are not stored; that is no reason not to serve, unless they
 * were asked for. */
static enum status open_prompts(const struct serve_args *args, const struct config *config,
                                const struct state *state, struct prompt_store *out,
                                struct error *err)
{
    struct error reason = {0};
    const enum status status =
        prompt_store_resolve(args->prompt_store, config->prompt_store, state, out, &reason);
    if (status == OK)
        return OK;
    if (args->prompt_store || status == E_INVALID)
        return error_set(err, status, "%s", reason.text);
    command_warn("prompts are not stored: %s", reason.text);
    return OK;
}

/* Where clients' pulls come from. */
static void set_source(const struct serve_args *args, struct pull_source_config *out)
{
    const char *token = getenv("HF_TOKEN");
    *out = (struct pull_source_config){
        .hub = args->hub,
        .registry = args->registry,
        .token = token && token[0] ? token : NULL,
    };
}

/* The one that everybody must have. */
static enum status read_key(const struct serve_args *args, struct strbuf *out, struct error *err)
{
    bool is_new = false;
    if (!args->key_file)
        return OK;
    TRY(key_file_make(args->key_file, &is_new, err));
    if (is_new)
        fprintf(stderr, "a key was made: %s\n", args->key_file);
    return key_file_read(args->key_file, out, err);
}

/* The one that programs of others need to change models, where nobody needs one to ask. Without it
 * only the user's own can. */
static void read_own_key(const struct state *state, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf path = {0};
    struct error reason = {0};
    bool is_new = false;
    strbuf_addf(&path, "%s/%s", state->folder, KEY_FILE_NAME);
    enum status status = key_file_make(strbuf_c(&path), &is_new, &reason);
    if (status == OK)
        status = key_file_read(strbuf_c(&path), out, &reason);
    if (status != OK)
        command_warn("your own programs alone can change models here: %s", reason.text);
}

/* Starts what clients may ask for beside answers, and serves. `key`: see serve_jobs.h. */
static int serve_clients(const struct command_call *call, const struct serve_role_config *role,
                         uint16_t port, struct str key)
{
    const struct serve_args *args = call->options;
    struct work work = {.key_file = args->key_file, .allows_pull = args->allows_pull};
    struct serve_jobs_config jobs = {.state = role->state,
                                     .model_folders = role->model_folders,
                                     .own_port = port,
                                     .key = key,
                                     .allows_pull = args->allows_pull};
    set_source(args, &jobs.source);
    progress_init(&work.progress, STDERR_FILENO,
                  style_for(STDERR_FILENO, NULL, call->common->no_color));
    progress_set(&work.progress, "loading %.60s", role->model_name);
    work.jobs = serve_jobs_new(&jobs);
    const int code = serve(&work, role, port);
    serve_jobs_free(work.jobs);
    progress_clear(&work.progress);
    strbuf_done(&work.model_name);
    return code;
}

static int run(const struct command_call *call)
{
    const struct serve_args *args = call->options;
    CLEANUP(mem_freep) char *model_path = NULL;
    CLEANUP(mem_freep) char *draft_path = NULL;
    CLEANUP(mem_freep) char *name = NULL;
    CLEANUP(strbuf_done) struct strbuf key = {0};
    CLEANUP(strbuf_done) struct strbuf own_key = {0};
    CLEANUP(config_done) struct config config = {0};
    CLEANUP(state_done) struct state state = {0};
    struct error err = {0};
    uint16_t port = 0;
    struct serve_role_config role = {
        .address = args->host,
        .thread_count = (uint32_t)args->thread_count,
        .context_tokens = (uint32_t)args->context_tokens,
        .active_max = (uint32_t)args->active_max,
        .kept_responses = (uint32_t)args->kept_responses,
        .is_loopback = listener_is_loopback(args->host),
        .embeds = args->pooling != NULL,
        .is_verbose = args->is_verbose,
        .pages = args->cors,
    };
    enum status status = read_options(args, &role, &err);
    if (status == OK)
        status = read_key(args, &key, &err);
    if (status == OK)
        status = agent_setup_config(call->common, &config, &err);
    if (status == OK)
        status = find_state(call->common, &state, &err);
    if (status == OK)
        status = open_prompts(args, &config, &state, &role.prompts, &err);
    if (status == OK)
        status = model_command_find(call->common, args->model, &model_path, &err);
    if (status == OK)
        status = speculation_options_resolve(&args->speculation, call->common, &role.speculate,
                                             &draft_path, &err);
    if (status == OK)
        status = listener_open(args->host, (uint16_t)args->port, &role.listen_fd, &port, &err);
    if (status != OK) {
        prompt_store_done(&role.prompts);
        return status == E_INVALID ? command_usage(call->command, "%s", err.text)
                                   : command_fail(&err);
    }
    if (!model_name_made(args->model ? args->model : config.model, &state, config.model_folders,
                         &name, &role.settings))
        name = model_name_served(model_path, &state, config.model_folders);
    read_own_key(&state, &own_key);
    model_admin_prune(&state, config.model_folders, BLOB_AGE_SECONDS);
    role.state = &state;
    role.model_folders = config.model_folders;
    role.model_path = model_path;
    role.draft_path = draft_path;
    role.model_name = name;
    role.key = key.len > 0 ? strbuf_c(&key) : NULL;
    const int code = serve_clients(call, &role, port, strbuf_view(key.len > 0 ? &key : &own_key));
    prompt_store_done(&role.prompts);
    json_decref(role.settings);
    return code;
}

const struct command cmd_serve = {
    .name = "serve",
    .summary = "let other programs use a model, over HTTP",
    .operands = "",
    .description =
        "Speaks the protocols of OpenAI (/v1/chat/completions), Anthropic (/v1/messages) and "
        "Ollama (/api/chat), so that programs made for those run on the model. All connections "
        "are worked on together, and a conversation that goes on pays only for its new "
        "tokens.\n\n"
        "A conversation that does not fit into the context is refused, never cut.\n\n"
        "Requests may name any model of holt models: it is loaded on demand and goes again after "
        "some idle time, or earlier when another needs the memory. The process can read the "
        "folders of models and nothing else, but for its own stored prompts.\n\n"
        "What was computed of prompts is kept in the state folder, readable by you alone, so that "
        "the next start need not compute it again: --prompt-store off keeps nothing.\n\n"
        "With an embedding model it serves embeddings instead (/v1/embeddings, /api/embed), with "
        "a reranking model scores (/v1/rerank).",
    .examples = "holt serve -m model.gguf\n"
                "holt serve --port 8080 --context 16384\n"
                "holt serve --host 0.0.0.0 --key-file key.txt",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct serve_args),
    .run = run,
};
