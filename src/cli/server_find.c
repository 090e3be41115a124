#include "cli/server_find.h"

#include "base/strbuf.h"
#include "cli/fetch_role.h"
#include "text/clean_text.h"
#include "text/json.h"

#include <stdio.h>
#include <string.h>

enum { BODY_BYTES_MAX = 1 << 20 };

/* What a server says that ends a model only with itself. */
static const char FOREVER[] = "9999-";

static enum status ask(const char *base, const char *path, const char *key, struct strbuf *out,
                       struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf url = {0};
    strbuf_addf(&url, "%s%s", base, path);
    const struct fetch_request request = {.url = strbuf_c(&url), .token = key, .try_count = 1};
    return fetch_role_text(&request, BODY_BYTES_MAX, out, err);
}

static enum status ask_json(const char *base, const char *path, const char *key, json_t **out,
                            struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    TRY(ask(base, path, key, &text, err));
    return json_parse(strbuf_view(&text), NULL, out, err);
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
    out->model_count = 0;
    json_array_foreach(rows, i, row)
    {
        struct server_find_model *model = &out->models[out->model_count];
        struct str name = {0};
        struct str until = {0};
        if (!json_member_str(row, "name", &name) || name.len == 0 ||
            name.len >= SERVER_FIND_NAME_MAX)
            return error_set(err, E_FORMAT, "%s lists a model without a usable name", out->base);
        *model = (struct server_find_model){.size_bytes = count_of(row, "size"),
                                            .context_tokens = count_of(row, "context_length")};
        copy_clean(name, model->name, sizeof(model->name));
        if (json_member_str(row, "expires_at", &until) &&
            !str_starts_with(until, str_from_c(FOREVER)))
            copy_clean(until, model->until, sizeof(model->until));
        out->model_count++;
    }
    return OK;
}

double server_find_metric(const char *text, const char *name)
{
    struct str rest = str_from_c(text);
    const struct str wanted = str_from_c(name);
    double value = 0;
    while (rest.ptr) {
        const struct str line = str_split(&rest, '\n');
        if (str_starts_with(line, wanted) && line.len > wanted.len && line.ptr[wanted.len] == ' ' &&
            str_to_double(str_trim(str_slice(line, wanted.len, line.len)), &value) && value >= 0)
            return value;
    }
    return -1;
}

enum status server_find(uint16_t port, const char *key, struct server_find_answer *out,
                        struct error *err)
{
    CLEANUP(json_decrefp) json_t *version = NULL;
    CLEANUP(json_decrefp) json_t *running = NULL;
    CLEANUP(strbuf_done) struct strbuf metrics = {0};
    *out = (struct server_find_answer){0};
    snprintf(out->base, sizeof(out->base), "http://127.0.0.1:%u", port);
    const enum status status = ask_json(out->base, "/api/version", key, &version, err);
    if (status == E_DENIED)
        return error_set(err, E_DENIED, "%s wants a key: give it with --key-file", out->base);
    if (status == E_IO)
        return error_set(err, E_NOT_FOUND, "nothing serves at %s", out->base);
    if (status != OK || !json_is_string(json_object_get(version, "holt")))
        return error_set(err, E_UNSUPPORTED, "what listens at %s is no holt", out->base);
    TRY(ask_json(out->base, "/api/ps", key, &running, err));
    TRY(server_find_read(running, out, err));
    out->active = out->waiting = -1;
    if (ask(out->base, "/metrics", key, &metrics, err) == OK) {
        out->active = server_find_metric(strbuf_c(&metrics), "holt_requests_active");
        out->waiting = server_find_metric(strbuf_c(&metrics), "holt_requests_waiting");
    }
    return OK;
}
