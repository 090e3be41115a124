/* holt ps - what a holt serve that runs has loaded, and what it is doing. */
#include "base/strbuf.h"
#include "cli/command_list.h"
#include "cli/json_print.h"
#include "cli/key_file.h"
#include "cli/server_find.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_WIDTH_MAX = 60 };

struct ps_args {
    const char *key_file;
    int64_t port;
    bool is_json;
};

static const struct ps_args defaults = {.port = SERVER_FIND_PORT};

static const struct option_spec options[] = {
    OPTION_INT(struct ps_args, port, 'p', "port", "N", 1, 65535,
               "where holt serves (default 11434)"),
    OPTION_PATH(struct ps_args, key_file, 0, "key-file", "FILE", OPTION_VALUE_FILE,
                "the key of the server"),
    OPTION_FLAG(struct ps_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

static void print_json(const struct server_find_answer *answer)
{
    json_t *models = json_array();
    for (size_t i = 0; i < answer->model_count; i++) {
        const struct server_find_model *model = &answer->models[i];
        json_array_append_new(
            models, json_pack("{s:s, s:I, s:I, s:I, s:I, s:s?}", "name", model->name, "size_bytes",
                              (json_int_t)model->size_bytes, "context_tokens",
                              (json_int_t)model->context_tokens, "active",
                              (json_int_t)model->active, "queued", (json_int_t)model->waiting,
                              "until", model->until[0] ? model->until : NULL));
    }
    CLEANUP(json_decrefp)
    json_t *all = json_pack("{s:s, s:o}", "address", answer->base, "models", models);
    json_print(all);
}

static int name_width(const struct server_find_answer *answer)
{
    size_t width = strlen("MODEL");
    for (size_t i = 0; i < answer->model_count; i++) {
        const size_t len = strlen(answer->models[i].name);
        width = len > width ? len : width;
    }
    return width < NAME_WIDTH_MAX ? (int)width : NAME_WIDTH_MAX;
}

static void print_text(const struct server_find_answer *answer)
{
    const int width = name_width(answer);
    printf("holt serves at %s\n", answer->base);
    printf("%-*s  %12s  %8s  %6s  %6s  UNTIL\n", width, "MODEL", "SIZE", "CONTEXT", "ACTIVE",
           "QUEUED");
    for (size_t i = 0; i < answer->model_count; i++) {
        const struct server_find_model *model = &answer->models[i];
        printf("%-*s  %8.1f MiB  %8" PRIu64 "  %6" PRIu64 "  %6" PRIu64 "  %s\n", width,
               model->name, (double)model->size_bytes / (1 << 20), model->context_tokens,
               model->active, model->waiting, model->until[0] ? model->until : "the server ends");
    }
}

static int run(const struct command_call *call)
{
    const struct ps_args *args = call->options;
    CLEANUP(strbuf_done) struct strbuf key = {0};
    CLEANUP(server_find_done) struct server_find_answer answer = {0};
    struct error err = {0};
    enum status status = key_file_read(args->key_file, &key, &err);
    if (status == OK)
        status =
            server_find((uint16_t)args->port, key.len > 0 ? strbuf_c(&key) : NULL, &answer, &err);
    if (status != OK)
        return command_fail(&err);
    if (args->is_json)
        print_json(&answer);
    else
        print_text(&answer);
    return EXIT_OK;
}

const struct command cmd_ps = {
    .name = "ps",
    .summary = "show what a running holt serve has loaded and is doing",
    .operands = "",
    .description = "Asks the server on this machine: its address, and of each model that is loaded "
                   "the memory it takes, the context in force, the answers that are being made and "
                   "that wait, and how long it stays.",
    .examples = "holt ps\nholt ps --port 8080 --json",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct ps_args),
    .run = run,
};
