#include "cli/serve_role.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/front_protocol.h"
#include "cli/model_catalog.h"
#include "cli/model_lock.h"
#include "cli/served_models.h"
#include "engine/session_pool.h"
#include "os/channel.h"
#include "os/interrupt.h"
#include "os/lock.h"
#include "server/http_server.h"
#include "text/clean_text.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void fail(struct channel *front, const struct error *err)
{
    const struct front_message message = {.kind = FRONT_FAILED, .text = str_from_c(err->text)};
    (void)!front_protocol_send(front, &message, NULL);
    _exit(1);
}

/* Models can be read wherever the catalog looks; stored prompts alone can be written. */
static enum status lock(const struct serve_role_config *config, struct error *err)
{
    char *folders[MODEL_CATALOG_FOLDERS_MAX];
    const size_t count = model_catalog_folders(config->state, config->model_folders, folders);
    const struct model_lock_serving serving = {
        .folders = folders, .folder_count = count, .prompt_folder = config->prompts.folder};
    const enum status status =
        model_lock_enter_serving(config->model_path, config->draft_path, &serving, err);
    for (size_t i = 0; i < count; i++)
        mem_free(folders[i]);
    return status;
}

/* The front has one channel for all threads. */
struct admin_line {
    struct lock lock;
    struct channel *front;
};

/* An admin_send_fn. */
static enum status send_job(void *context, const struct admin_request *request, struct error *err)
{
    struct admin_line *line = context;
    CLEANUP(strbuf_done) struct strbuf body = {0};
    if (request->body)
        json_write_python(request->body, &body);
    const struct front_message message = {
        .kind = FRONT_JOB,
        .name = str_from_c(request->work),
        .text = strbuf_view(&body),
        .detail = request->key,
        .number_count = 2,
        .numbers = {request->id, request->peer_port},
    };
    const struct front_message piece = {
        .kind = FRONT_DATA, .text = request->bytes, .number_count = 1, .numbers = {request->id}};
    lock_take(&line->lock);
    const enum status status =
        front_protocol_send(line->front, request->bytes.len > 0 ? &piece : &message, err);
    lock_give(&line->lock);
    return status;
}

/* The cache doctor's line about one request. */
static void print_report(const struct cache_report *report)
{
    static const char *const origins[SEGMENT_ORIGIN_COUNT] = {
        [SEGMENT_TEMPLATE] = "the template",   [SEGMENT_SYSTEM] = "the system message or tools",
        [SEGMENT_USER] = "a user's message",   [SEGMENT_MODEL] = "an answer",
        [SEGMENT_MEMORY] = "a note",           [SEGMENT_TOOL] = "a tool's result",
        [SEGMENT_WEB] = "a page from the web",
    };
    CLEANUP(strbuf_done) struct strbuf line = {0};
    strbuf_addf(&line, "cache: %" PRIu32 " of %" PRIu32 " prompt tokens were there",
                report->reused_tokens, report->prompt_tokens);
    if (report->stored_tokens > 0)
        strbuf_addf(&line, ", %" PRIu32 " from the disk", report->stored_tokens);
    if (report->differs)
        strbuf_addf(&line, "; token %" PRIu32 " differs, in %s: \"%s\" was kept, \"%s\" is asked",
                    report->shared_tokens, origins[report->origin], report->kept, report->wanted);
    if (report->reused_tokens < report->prompt_tokens)
        strbuf_addf(&line, "; %" PRIu32 " to compute",
                    report->prompt_tokens - report->reused_tokens);
    if (report->again_seconds > 0)
        strbuf_addf(&line, ", about %.1f s", report->again_seconds);
    fprintf(stderr, "%s\n", strbuf_c(&line));
}

/* What of tools and schemas is not enforced, a line each. */
static void print_warnings(struct str lines)
{
    while (lines.len) {
        const size_t end = str_find(lines, STR("\n"), 0);
        const size_t len = end == SIZE_MAX ? lines.len : end;
        CLEANUP(strbuf_done) struct strbuf line = {0};
        clean_text_line(str_slice(lines, 0, len), &line);
        fprintf(stderr, "not enforced: %s\n", strbuf_c(&line));
        lines = str_slice(lines, len + (end != SIZE_MAX), lines.len);
    }
}

static enum status start(const struct serve_role_config *config, struct admin_line *line,
                         struct http_server_config *config_out, struct http_server **out,
                         struct error *err)
{
    *config_out = (struct http_server_config){
        .listen_fd = config->listen_fd,
        .guard =
            {
                .key = str_from_c(config->key),
                .address = str_from_c(config->address),
                .pages = str_from_c(config->pages),
                .any_host = !config->is_loopback,
            },
        .admin_send = send_job,
        .admin_context = line,
        .kept_responses = config->kept_responses,
        .models = {.first_settings = config->settings,
                   .scheduler = {.active_max = config->active_max,
                                 .cache = config->is_verbose ? print_report : NULL,
                                 .warn = config->is_verbose ? print_warnings : NULL},
                   .keep_seconds = config->keep_seconds},
    };
    TRY(lock(config, err));
    struct served_models *models = served_models_new(config);
    served_models_provide(models, &config_out->models.provider);
    TRY(served_models_open_first(models, &config_out->models.first, err));
    return http_server_start(config_out, out, err); /* the process ends with it: nothing is freed */
}

void serve_role_run(const void *context, struct channel *front, struct channel *calls)
{
    const struct serve_role_config *config = context;
    struct http_server_config served;
    struct http_server *server = NULL;
    struct error err = {0};
    struct strbuf body = {0};
    struct front_message message;
    struct admin_line line = {.front = front};
    channel_close(calls);
    interrupt_ignore();
    lock_init(&line.lock);
    if (start(config, &line, &served, &server, &err) != OK)
        fail(front, &err);
    const struct front_message ready = {
        .kind = FRONT_READY,
        .name = served.models.first.name,
        .number_count = FRONT_READY_COUNT,
        .numbers = {[FRONT_READY_CONTEXT] = served.models.first.context_tokens,
                    [FRONT_READY_EMBEDS] = served.models.first.embed != NULL},
    };
    (void)!front_protocol_send(front, &ready, NULL);
    (void)!front_protocol_send(front, &(struct front_message){.kind = FRONT_LISTED}, NULL);
    while (front_protocol_receive(front, &body, &message, NULL) == OK && message.kind != FRONT_STOP)
        if (message.kind == FRONT_NEWS)
            admin_tell(http_server_admin(server), message.numbers[0], message.flag,
                       (enum status)message.numbers[1], message.text);
    http_server_stop(server);
    (void)!front_protocol_send(front, &(struct front_message){.kind = FRONT_FINISHED}, NULL);
    _exit(0);
}
