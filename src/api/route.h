/*
 * routes - every address the server answers, one row each.
 *
 * A row either continues a conversation (`read` makes the request, `format` writes the answer),
 * answers at once from what is known (`answer`, `print`), or answers in one go with a model of
 * embeddings (`work`, on the thread that has it).
 *
 * Threads: the table is constant; functions of rows may run on any thread.
 * Used by: server/.
 */
#pragma once

#include "api/api_failure.h"
#include "api/api_request.h"
#include "api/reply.h"
#include "engine/embed.h"

#include <jansson.h>

struct engine;
struct gguf;
struct scheduler_facts;
struct tokenizer;

/* The model that is served: `engine` or `embed` is set. Constant while the server runs. */
struct api_model {
    struct engine *engine;
    struct embed *embed;
    enum embed_pooling pooling;
    const struct gguf *file;
    const struct tokenizer *tokenizer;
    struct str architecture;
    uint32_t context_tokens; /* of one conversation or text */
    uint64_t parameter_count;
    struct str name;     /* what clients call it */
    int64_t modified_us; /* since 1970 */
    uint64_t size_bytes;
    char digest[65]; /* of the model file's fingerprint, hexadecimal */
};

struct api_context {
    const struct api_model *model;
    const struct scheduler_facts *facts;
    int64_t now_us; /* since 1970 */
    double uptime_seconds;
    double (*seconds)(void); /* a steady clock; set for `work` */
    bool is_anthropic;       /* the client sent anthropic-version */
};

/* A new reference, or NULL with *out_failure set. `body` is NULL for GET. */
typedef json_t *(route_answer_fn)(const struct api_context *context, const json_t *body,
                                  struct api_failure *out_failure);
typedef void(route_print_fn)(const struct api_context *context, struct strbuf *out);
typedef enum status(route_read_fn)(const json_t *body, struct api_request *out, struct error *err);

struct route {
    const char *method; /* GET answers HEAD too */
    const char *path;
    enum api_protocol protocol; /* the form of errors */
    route_read_fn *read;
    const struct reply_format *format;
    route_answer_fn *answer;
    route_answer_fn *work;
    route_print_fn *print; /* plain text */
};

/* The row, or NULL; *out_path_is_known tells whether another method would do. */
const struct route *route_find(struct str method, struct str path, bool *out_path_is_known);

/* Does `name` mean this model? Its own name, with or without ":latest"; empty is the default;
 * clients that can only say names of Anthropic's models get it too. */
bool route_names_model(const struct api_model *model, struct str name);

/* Why this model takes no conversation, or makes no embeddings. */
struct api_failure route_no_chat(const struct api_model *model);
struct api_failure route_no_embeddings(const struct api_model *model);
