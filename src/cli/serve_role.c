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

static void describe(const struct serve_role_config *config, const uint8_t *fingerprint,
                     struct api_model *out)
{
    out->name = str_from_c(config->model_name);
    out->modified_us = clock_unix_us();
    out->size_bytes = gguf_byte_count(out->file);
    for (size_t i = 0; i < FINGERPRINT_BYTES; i++)
        snprintf(out->digest + 2 * i, 3, "%02x", fingerprint[i]);
}

static enum status open_engine(const struct serve_role_config *config, struct api_model *out,
                               struct error *err)
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
    TRY(engine_open(&engine, &out->engine, err));
    const struct engine_info *info = engine_get_info(out->engine);
    out->file = engine_gguf(out->engine);
    out->tokenizer = engine_tokenizer(out->engine);
    out->architecture = info->architecture;
    out->context_tokens = info->context_tokens;
    out->parameter_count = info->parameter_count;
    describe(config, engine_fingerprint(out->engine), out);
    return OK;
}

static enum status open_embed(const struct serve_role_config *config, struct api_model *out,
                              struct error *err)
{
    const struct embed_config embed = {
        .model_path = config->model_path,
        .tokens_max = config->context_tokens,
        .thread_count = config->thread_count,
        .cpu_features_off = config->cpu_features_off,
    };
    uint8_t fingerprint[FINGERPRINT_BYTES];
    TRY(embed_open(&embed, &out->embed, err));
    const struct embed_info *info = embed_get_info(out->embed);
    out->file = embed_gguf(out->embed);
    out->tokenizer = embed_tokenizer(out->embed);
    out->architecture = info->architecture;
    out->context_tokens = info->tokens_max;
    out->parameter_count = info->parameter_count;
    out->pooling = config->pooling;
    embed_fingerprint(out->embed, fingerprint);
    describe(config, fingerprint, out);
    return OK;
}

static enum status open_model(const struct serve_role_config *config, struct api_model *out,
                              struct error *err)
{
    bool embeds = config->embeds;
    if (!embeds)
        TRY(embed_is_made_for(config->model_path, &embeds, err));
    return embeds ? open_embed(config, out, err) : open_engine(config, out, err);
}

static enum status start(const struct serve_role_config *config,
                         struct http_server_config *config_out, struct http_server **out,
                         struct error *err)
{
    *config_out = (struct http_server_config){
        .listen_fd = config->listen_fd,
        .guard =
            {
                .key = str_from_c(config->key),
                .address = str_from_c(config->address),
                .any_host = !config->is_loopback,
            },
        .scheduler = {.active_max = config->active_max},
    };
    TRY(model_lock_enter_serving(config->model_path, config->draft_path, err));
    if (open_model(config, &config_out->model, err) != OK)
        return model_file_blame(config->model_path, err);
    return http_server_start(config_out, out, err);
}

void serve_role_run(const void *context, struct channel *front, struct channel *calls)
{
    const struct serve_role_config *config = context;
    struct http_server_config served;
    struct http_server *server = NULL;
    struct error err = {0};
    struct strbuf body = {0};
    struct front_message message;
    channel_close(calls);
    interrupt_ignore();
    if (start(config, &served, &server, &err) != OK)
        fail(front, &err);
    const struct front_message ready = {
        .kind = FRONT_READY,
        .name = served.model.name,
        .number_count = FRONT_READY_COUNT,
        .numbers = {[FRONT_READY_CONTEXT] = served.model.context_tokens,
                    [FRONT_READY_EMBEDS] = served.model.embed != NULL},
    };
    (void)!front_protocol_send(front, &ready, NULL);
    (void)!front_protocol_send(front, &(struct front_message){.kind = FRONT_LISTED}, NULL);
    while (front_protocol_receive(front, &body, &message, NULL) == OK && message.kind != FRONT_STOP)
        continue;
    http_server_stop(server);
    (void)!front_protocol_send(front, &(struct front_message){.kind = FRONT_FINISHED}, NULL);
    _exit(0);
}
