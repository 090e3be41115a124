/*
 * model_pool - the models of a server: which are loaded, who waits for one that is not, and when
 * one goes again.
 *
 * A request names a model; if it is not loaded it waits until it is, while requests for others go
 * on. Where memory does not allow one more, the model that was idle longest goes first; if all are
 * busy the request waits for one to become idle. A model that nobody asked for in its time
 * (keep_alive) is unloaded. Requests meet a loaded model under the pool's lock, so none is unloaded
 * under a request.
 *
 * Threads: every function from any. One thread of its own opens, closes and describes models.
 * Used by: http_server.c.
 */
#pragma once

#include "api/model_list.h"
#include "api/route.h"
#include "base/error.h"
#include "engine/scheduler.h"

struct exchange;
struct model_pool;

/* What a name means. Zeroed is empty. */
struct model_pool_found {
    char *name;       /* of what is loaded for it: models that differ in settings alone share it */
    json_t *settings; /* of a model that was made from another (api/model_settings.h), or NULL */
};

void model_pool_found_done(struct model_pool_found *found);

/* What opens models; see cli/served_models.h. `find`, `list`: any thread; the others: the pool's
 * thread. */
struct model_provider {
    void *context;
    /* What clients call `name` (not empty). E_NOT_FOUND, E_INVALID. The caller owns *out. */
    enum status (*find)(void *context, struct str name, struct model_pool_found *out,
                        struct error *err);
    /* E_LIMIT: memory does not allow it beside what is open. out->name is the pool's. */
    enum status (*open)(void *context, const char *name, struct api_model *out, struct error *err);
    void (*close)(void *context, struct api_model *model);
    /* File, tokenizer and template alone; closed with `close`. */
    enum status (*describe)(void *context, const char *name, struct api_model *out,
                            struct error *err);
    void (*list)(void *context, struct model_list *out);
};

struct model_pool_config {
    struct model_provider provider;
    struct api_model first;       /* open already; taken over. What requests without a name mean */
    const json_t *first_settings; /* borrowed; NULL: none */
    double keep_seconds;          /* of models loaded on demand; below 0: for ever */
    struct scheduler_config scheduler;
};

MUST_USE enum status model_pool_start(const struct model_pool_config *config,
                                      struct model_pool **out, struct error *err);

/* Ends every exchange and closes every model; requests are refused from then on. NULL is allowed,
 * here and below. */
void model_pool_stop(struct model_pool *pool);
void model_pool_free(struct model_pool *pool); /* stopped; nobody asks any more */

/* What a request for `name` (empty: the first) means; false with *out_failure: there is no such
 * model. The caller owns *out. */
bool model_pool_find(struct model_pool *pool, struct str name, struct model_pool_found *out,
                     struct api_failure *out_failure);

/*
 * Hands the exchange to the model of that one name (model_pool_found), which is loaded if need be;
 * what goes wrong then is told by the exchange. `keep_seconds` NULL: as before. False: too many
 * wait; *out_failure says it in the protocol's words.
 */
bool model_pool_submit(struct model_pool *pool, const char *name, const double *keep_seconds,
                       struct exchange *exchange, struct api_failure *out_failure);

/* Answers at once, if the model is loaded or the route needs none: a new reference, or NULL with
 * *out_failure. *out_waits: it must be loaded or described first; then use model_pool_submit(). */
json_t *model_pool_answer(struct model_pool *pool, const struct route *route, struct str name,
                          struct api_context *context, const json_t *body, bool *out_waits,
                          struct api_failure *out_failure);

/* For routes that print: the facts of all loaded models together. */
void model_pool_facts(struct model_pool *pool, struct scheduler_facts *out);
