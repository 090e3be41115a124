#include "cli/serve_role.h"

#include "base/mem.h"
#include "cli/front_protocol.h"
#include "cli/model_file.h"
#include "cli/model_lock.h"
#include "engine/engine.h"
#include "gguf/gguf.h"
#include "os/channel.h"
#include "os/clock.h"
#include "os/interrupt.h"
#include "server/http_server.h"

#include <stdio.h>
#include <unistd.h>

enum { FINGERPRINT_BYTES = 32 };

static void fail(struct channel *front, const struct error *err)
{
    const struct front_message message = {.kind = FRONT_FAILED, .text = str_from_c(err->text)};
    (void)!front_protocol_send(front, &message, NULL);
    _exit(1);
}

static void describe(const struct serve_role_config *config, struct engine *engine,
                     struct api_model *out)
{
    const uint8_t *fingerprint = engine_fingerprint(engine);
    *out = (struct api_model){
        .engine = engine,
        .name = str_from_c(config->model_name),
        .modified_us = clock_unix_us(),
        .size_bytes = gguf_byte_count(engine_gguf(engine)),
    };
    for (size_t i = 0; i < FINGERPRINT_BYTES; i++)
        snprintf(out->digest + 2 * i, 3, "%02x", fingerprint[i]);
}

static enum status start(const struct serve_role_config *config, struct engine **out_engine,
                         struct http_server **out, struct error *err)
{
    const struct engine_config engine = {
        .model_path = config->model_path,
        .context_tokens = config->context_tokens,
        .session_count = config->active_max ? config->active_max : SCHEDULER_ACTIVE_DEFAULT,
        .thread_count = config->thread_count,
        .cpu_features_off = config->cpu_features_off,
        .kv = config->kv,
        .speculate = config->speculate,
        .draft_path = config->draft_path,
    };
    TRY(model_lock_enter_serving(config->model_path, config->draft_path, err));
    if (engine_open(&engine, out_engine, err) != OK)
        return model_file_blame(config->model_path, err);
    struct http_server_config server = {
        .listen_fd = config->listen_fd,
        .guard =
            {
                .key = str_from_c(config->key),
                .address = str_from_c(config->address),
                .any_host = !config->is_loopback,
            },
        .scheduler = {.active_max = config->active_max},
    };
    describe(config, *out_engine, &server.model);
    return http_server_start(&server, out, err);
}

void serve_role_run(const void *context, struct channel *front, struct channel *calls)
{
    const struct serve_role_config *config = context;
    struct engine *engine = NULL;
    struct http_server *server = NULL;
    struct error err = {0};
    struct strbuf body = {0};
    struct front_message message;
    channel_close(calls);
    interrupt_ignore();
    if (start(config, &engine, &server, &err) != OK)
        fail(front, &err);
    const struct engine_info *info = engine_get_info(engine);
    const struct front_message ready = {
        .kind = FRONT_READY,
        .name = info->model_name,
        .number_count = FRONT_READY_COUNT,
        .numbers = {info->context_tokens, 0},
    };
    (void)!front_protocol_send(front, &ready, NULL);
    (void)!front_protocol_send(front, &(struct front_message){.kind = FRONT_LISTED}, NULL);
    while (front_protocol_receive(front, &body, &message, NULL) == OK && message.kind != FRONT_STOP)
        continue;
    http_server_stop(server);
    (void)!front_protocol_send(front, &(struct front_message){.kind = FRONT_FINISHED}, NULL);
    _exit(0);
}
