/*
 * prefix_store - a folder with computed beginnings of conversations, so that the next process need
 * not compute them again.
 *
 *   FOLDER/<32 hex digits>.kv   snapshots (snapshot.h), named by model, kind and tokens
 *
 * A conversation that goes on adds files with its new pages only; the ones before stay where they
 * are. All files together have at most bytes_max: those go first whose tokens are cheap to compute
 * for their size, were seldom used, and long ago; after AGE_MAX days without use every one goes.
 * Files are 0600 in a folder of 0700: they hold what the user wrote.
 *
 * Several processes may share the folder. Files appear whole or not at all; who adds or evicts
 * holds a lock on the folder, who reads does not: a file that goes meanwhile is computed again.
 * What a killed process left is swept away. A store never makes an answer fail: what cannot be
 * read is computed, what cannot be written is not kept, and prefix_store_facts says why.
 *
 * Threads: the engine's. Depends on: snapshot, prefix_tree. Used by: session.c, session_pool.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "engine/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

struct chat_spans;
struct engine;
struct prefix_store;
struct prefix_tree;
struct session;

enum {
    PREFIX_STORE_FILES_MAX = 1024, /* in a folder */
    PREFIX_STORE_AGE_MAX_DAYS = 30,
};

#define PREFIX_STORE_BYTES_DEFAULT (UINT64_C(4) << 30)

struct prefix_store_config {
    const char *folder;  /* exists */
    uint64_t bytes_max;  /* 0: PREFIX_STORE_BYTES_DEFAULT */
    uint64_t left_bytes; /* room that stays on the disk for others; 0: 1 GiB */
};

/* What happened so far, for people. */
struct prefix_store_facts {
    uint64_t file_bytes; /* in the folder at the last look, of all models */
    uint32_t file_count;
    uint32_t recall_count;    /* sessions that began with stored tokens */
    uint64_t recalled_tokens; /* of these */
    uint32_t kept_count;      /* files written */
    uint32_t refused_count;   /* files found damaged, and removed */
    double recall_seconds;
    char problem[ERROR_TEXT_MAX]; /* the newest one; "" when there was none */
};

/* Borrows `engine`. E_IO when the folder cannot be used. */
MUST_USE enum status prefix_store_open(struct engine *engine,
                                       const struct prefix_store_config *config,
                                       struct prefix_store **out, struct error *err);
void prefix_store_close(struct prefix_store *store); /* NULL is allowed */

/*
 * Looks for stored tokens that `spans` begins with. If they are more than what the session has of
 * it, the session holds them afterwards, and nothing else; else it is as it was. Returns the tokens
 * it took from files.
 */
uint32_t prefix_store_recall(struct prefix_store *store, struct session *session,
                             const struct chat_spans *spans);

/* How a beginning is kept. */
struct prefix_store_keep {
    uint32_t token_count;         /* of the session's log; computed */
    uint32_t new_tokens_min;      /* fewer that are not kept yet are not worth a file */
    const uint8_t *owner;         /* [SNAPSHOT_OWNER_BYTES], or NULL */
    snapshot_goes_on_fn *goes_on; /* may be NULL */
    void *context;
};

/* Keeps the first tokens of the session unless they are kept already. E_CANCELLED when `goes_on`
 * said so; whatever else goes wrong is not the caller's: it is in the facts. */
MUST_USE enum status prefix_store_keep(struct prefix_store *store, const struct session *session,
                                       const struct prefix_store_keep *keep, struct error *err);

void prefix_store_get_facts(const struct prefix_store *store, struct prefix_store_facts *out);

/* The tree of what is stored, as of the last look. */
const struct prefix_tree *prefix_store_tree(const struct prefix_store *store);

/* The owner of what belongs to the session called `id`. */
void prefix_store_owner(struct str id, uint8_t out[SNAPSHOT_OWNER_BYTES]);

/* Removes every file of the owner from a folder, without a store; returns how many. */
uint32_t prefix_store_forget(const char *folder, const uint8_t owner[SNAPSHOT_OWNER_BYTES]);

/* Size and number of the snapshots in a folder, without a store. */
void prefix_store_measure(const char *folder, uint64_t *out_bytes, uint32_t *out_count);
