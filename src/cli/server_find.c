#include "cli/server_find.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/fetch_role.h"
#include "text/clean_text.h"
#include "text/json.h"

#include <stdio.h>
#include <string.h>

enum { BODY_BYTES_MAX = 4 << 20, LOAD_SECONDS = 600 };

/* What a server says that ends a model only with itself. */
static const char FOREVER[] = "9999-";

static enum status ask(const char *base, const char *path, const char *key, const char *json,
                       struct strbuf *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf url = {0};
    strbuf_addf(&url, "%s%s", base, path);
    const struct fetch_request request = {
        .url = strbuf_c(&url),
        .token = key,
        .try_count = 1,
        .json = json,
        .slow_seconds = json ? LOAD_SECONDS : 0,
    };
    return fetch_role_text(&request, BODY_BYTES_MAX, out, err);
}

static enum status ask_json(const char *base, const char *path, const char *key, json_t **out,
                            struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    TRY(ask(base, path, key, NULL, &text, err));
    return json_parse(strbuf_view(&text), NULL, out, err);
}

void server_find_done(struct server_find_answer *answer)
{
    mem_free(answer->models);
    answer->models = NULL;
    answer->model_count = 0;
}

static uint64_t count_of(const json_t *row, const char *name)
{
    const json_int_t number = json_integer_value(json_object_get(row, name));
    return number > 0 ? (uint64_t)number : 0;
}

static void copy_clean(struct str text, char *out, size_t size)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_line(str_slice(text, 0, size - 1), &clean);
    snprintf(out, size, "%s", strbuf_c(&clean));
}

enum status server_find_read(const json_t *body, struct server_find_answer *out, struct error *err)
{
    const json_t *rows = json_object_get(body, "models");
    size_t i = 0;
    json_t *row = NULL;
    if (!json_is_array(rows) || json_array_size(rows) > SERVER_FIND_MODELS_MAX)
        return error_set(err, E_FORMAT, "%s does not list its models", out->base);
    server_find_done(out);
    out->models = mem_zalloc((json_array_size(rows) + 1) * sizeof(out->models[0]));
    json_array_foreach(rows, i, row)
    {
        struct server_find_model *model = &out->models[out->model_count];
        struct str name = {0};
        struct str until = {0};
        if (!json_member_str(row, "name", &name) || name.len == 0 ||
            name.len >= SERVER_FIND_NAME_MAX)
            return error_set(err, E_FORMAT, "%s lists a model without a usable name", out->base);
        *model = (struct server_find_model){
            .size_bytes = count_of(row, "size"),
            .context_tokens = count_of(row, "context_length"),
            .active = count_of(row, "active_requests"),
            .waiting = count_of(row, "waiting_requests"),
        };
        if (model->context_tokens == 0)
            model->context_tokens = count_of(json_object_get(row, "details"), "context_length");
        copy_clean(name, model->name, sizeof(model->name));
        if (json_member_str(row, "expires_at", &until) &&
            !str_starts_with(until, str_from_c(FOREVER)))
            copy_clean(until, model->until, sizeof(model->until));
        out->model_count++;
    }
    return OK;
}

enum status server_find(uint16_t port, const char *key, struct server_find_answer *out,
                        struct error *err)
{
    CLEANUP(json_decrefp) json_t *version = NULL;
    CLEANUP(json_decrefp) json_t *running = NULL;
    server_find_done(out);
    snprintf(out->base, sizeof(out->base), "http://127.0.0.1:%u", port);
    const enum status status = ask_json(out->base, "/api/version", key, &version, err);
    if (status == E_DENIED)
        return error_set(err, E_DENIED, "%s wants a key: give it with --key-file", out->base);
    if (status == E_IO)
        return error_set(err, E_NOT_FOUND,
                         "nothing serves at %s: start it with holt serve, or give --port",
                         out->base);
    if (status != OK || !json_is_string(json_object_get(version, "holt")))
        return error_set(err, E_UNSUPPORTED, "what listens at %s is no holt: give another --port",
                         out->base);
    TRY(ask_json(out->base, "/api/ps", key, &running, err));
    return server_find_read(running, out, err);
}

enum status server_find_known(const char *base, const char *key, const char *name,
                              struct server_find_model *out, struct error *err)
{
    CLEANUP(json_decrefp) json_t *all = NULL;
    CLEANUP(server_find_done) struct server_find_answer answer = {0};
    snprintf(answer.base, sizeof(answer.base), "%s", base);
    TRY(ask_json(base, "/api/tags", key, &all, err));
    TRY(server_find_read(all, &answer, err));
    for (size_t i = 0; i < answer.model_count; i++) {
        if (strcmp(answer.models[i].name, name) == 0) {
            *out = answer.models[i];
            return OK;
        }
    }
    return error_set(err, E_NOT_FOUND, "the holt at %s knows no model %.200s", base, name);
}

enum status server_find_load(const char *base, const char *key, const char *name, struct error *err)
{
    CLEANUP(json_decrefp) json_t *body = json_pack("{s:s, s:b}", "model", name, "stream", 0);
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(strbuf_done) struct strbuf answer = {0};
    json_write_python(body, &text);
    return ask(base, "/api/generate", key, strbuf_c(&text), &answer, err);
}
