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
#include "api/model_list.h"
#include "api/reply.h"
#include "engine/embed.h"

#include <jansson.h>

struct chat_template_caps;
struct engine;
struct gguf;
struct scheduler_facts;
struct tokenizer;

/* A model that is served: `engine` or `embed` is set, or neither where it is only described.
 * Constant while it is loaded. */
struct api_model {
    struct engine *engine;
    struct embed *embed;
    enum embed_pooling pooling;
    bool is_for_embeddings;
    const struct gguf *file;
    const struct tokenizer *tokenizer;
    const struct chat_template_caps *caps; /* NULL: no template */
    struct str architecture;
    uint32_t context_tokens; /* of one conversation or text */
    uint64_t parameter_count;
    struct str name;       /* what clients call it */
    int64_t modified_us;   /* since 1970 */
    uint64_t size_bytes;   /* of the file */
    uint64_t memory_bytes; /* of weights and all that is allocated for it */
    void *opened;          /* of who opened it */
};

struct api_context {
    const struct api_model *model;       /* of routes that are about one */
    const struct model_list *models;     /* of routes that list them */
    const struct scheduler_facts *facts; /* of all loaded models together */
    int64_t now_us;                      /* since 1970 */
    int64_t local_seconds;               /* what the clock on the wall shows, for templates */
    double uptime_seconds;
    double (*seconds)(void); /* a steady clock; set for `work` */
    const json_t *settings;  /* of the model, if it was made from another (model_settings.h) */
    bool is_anthropic;       /* the client sent anthropic-version */
};

/* A new reference, or NULL with *out_failure set. `body` is NULL for GET. */
typedef json_t *(route_answer_fn)(const struct api_context *context, const json_t *body,
                                  struct api_failure *out_failure);
typedef void(route_print_fn)(const struct api_context *context, struct strbuf *out);
typedef enum status(route_read_fn)(const json_t *body, struct api_request *out, struct error *err);
typedef json_t *(route_repeat_fn)(const struct api_request *request);
typedef enum status(route_check_fn)(const json_t *body, struct error *err);

/* What an answer looks at. */
enum route_about {
    ROUTE_ABOUT_SERVER,      /* neither model nor list */
    ROUTE_ABOUT_MODEL,       /* the model that the body names, loaded */
    ROUTE_ABOUT_DESCRIPTION, /* the same, loaded or not */
    ROUTE_ABOUT_LIST,
};

/* What is asked about a response that is kept. */
enum route_kept { ROUTE_KEPT_NOTHING, ROUTE_KEPT_RESPONSE, ROUTE_KEPT_ITEMS, ROUTE_KEPT_DELETE };

struct route {
    const char *method; /* GET answers HEAD too */
    const char *path;   /* a part of it may be "*": an id */
    bool has_name;      /* the path goes on with a name, whatever is in it, which becomes the body's
                           member "digest" */
    enum api_protocol protocol; /* the form of errors */
    route_read_fn *read;
    const struct reply_format *format;
    route_repeat_fn *repeat; /* what of the settled request the answer repeats; NULL: what `read`
                                put into `repeated` */
    route_answer_fn *answer;
    enum route_about about; /* of `answer` */
    const char *admin;      /* changes models: what the front is asked to do (server/admin.h) */
    bool says_success;      /* its end is a line, and its progress may be streamed */
    bool takes_file;        /* its body is a file, passed on in pieces (server/admin.h) */
    route_check_fn *check;  /* of what the front is asked to do, before it is asked */
    route_answer_fn *work;
    route_print_fn *print; /* plain text */
    bool keeps;            /* its responses can be gone on from */
    enum route_kept kept;
};

/* Reads a request for a model with these settings (NULL: none): what the client leaves open comes
 * from them. */
MUST_USE enum status route_read(const struct route *route, const json_t *settings,
                                const json_t *body, struct api_request *out, struct error *err);

/* The row, or NULL; *out_path_is_known tells whether another method would do. */
const struct route *route_find(struct str method, struct str path, bool *out_path_is_known);

/* The id in a path that this row was found for; empty: it has none. */
struct str route_id(const struct route *route, struct str path);

/* The model's name in a request's body, without ":latest"; empty: the default. Clients that can
 * only say names of Anthropic's models mean the default, too. E_INVALID, E_LIMIT. */
MUST_USE enum status route_model_name(const json_t *body, struct str *out, struct error *err);
struct str route_plain_name(struct str name);

/* For how long the model stays, as Ollama's clients say it in "keep_alive": a number of seconds or
 * a text like "5m", "1h30m"; below 0: for ever. *out stays as it is when nothing is said.
 * E_INVALID. */
MUST_USE enum status route_keep_alive(const json_t *body, double *out, struct error *err);
MUST_USE enum status route_parse_duration(struct str text, double *out, struct error *err);

/* Why this model takes no conversation, or makes no embeddings. */
/* The client counts on more context than this model is served with. */
struct api_failure route_no_context(const struct api_model *model, uint32_t wanted_tokens);
struct api_failure route_no_chat(const struct api_model *model);
struct api_failure route_no_embeddings(const struct api_model *model);
