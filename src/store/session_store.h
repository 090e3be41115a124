/*
 * session_store - the sessions of agents, written down as they happen.
 *
 * A session is a row (where, with which model, since when) and a list of entries in the order they
 * happened. An entry is one message as a JSON object: "role" ("user", "assistant", "tool", ...),
 * "content", and whatever else the agent keeps with it ("tool_calls", "tool_call_id", "name",
 * "reasoning", ...). The store keeps the object as it is and reads nothing but "role".
 *
 * Every append is one durable transaction (see db.h): when it returned OK the entry survives
 * `kill -9`. The caller shows a thing to the user only after that, so what was seen is never lost.
 *
 * Threads: one at a time per connection. Used by: agent/, cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdint.h>

struct db;

enum {
    SESSION_STORE_ID_LEN = 6, /* letters and digits without look-alikes: 31^6 ids */
    SESSION_STORE_ID_SIZE = SESSION_STORE_ID_LEN + 1,
    SESSION_STORE_TITLE_LEN_MAX = 120, /* bytes; cut on a character boundary */
    SESSION_STORE_ENTRY_BYTES_MAX = 8 * 1024 * 1024,
    SESSION_STORE_ENTRY_COUNT_MAX = 100 * 1000, /* per session */
    SESSION_STORE_LIST_MAX = 10 * 1000
};

/* What is known when a session begins. All borrowed. */
struct session_store_start {
    const char *workspace; /* absolute path */
    const char *model;     /* as the user named it: "builtin", a name or a path */
    const char *profile;   /* the prompt and tool set, such as "builtin-1" */
};

struct session_store_info {
    char id[SESSION_STORE_ID_SIZE];
    char *workspace;
    char *model;
    char *profile;
    char *title;        /* first line of the first user message; "" before there is one */
    int64_t created_ms; /* since 1970, UTC */
    int64_t updated_ms; /* of the last entry, or created_ms */
    uint32_t entry_count;
};

struct session_store_list {
    struct session_store_info *items;
    size_t count;
};

/* Writes a new session; `out_id` receives its id, NUL-terminated. */
MUST_USE enum status session_store_create(struct db *db, const struct session_store_start *start,
                                          char out_id[SESSION_STORE_ID_SIZE], struct error *err);

/* Appends one message, which must be an object with a string "role". On OK it is on the disk. */
MUST_USE enum status session_store_append(struct db *db, const char *id, const json_t *message,
                                          struct error *err);

/* All messages in order, as a new JSON array the caller owns. */
MUST_USE enum status session_store_load(struct db *db, const char *id, json_t **out,
                                        struct error *err);

/* The session whose id is, or alone starts with, `id`; E_NOT_FOUND when there is none, E_INVALID
 * when several start so. Release *out with session_store_info_done(). */
MUST_USE enum status session_store_find(struct db *db, const char *id,
                                        struct session_store_info *out, struct error *err);

/* The session used last, in `workspace` or, when that is NULL, anywhere. E_NOT_FOUND if none. */
MUST_USE enum status session_store_latest(struct db *db, const char *workspace,
                                          struct session_store_info *out, struct error *err);

/* The sessions used last, newest first, at most `count_max`. */
MUST_USE enum status session_store_list_newest(struct db *db, uint32_t count_max,
                                               struct session_store_list *out, struct error *err);

/* Removes a session and its entries. E_NOT_FOUND when there is none. */
MUST_USE enum status session_store_delete(struct db *db, const char *id, struct error *err);

void session_store_info_done(struct session_store_info *info); /* zeroed is allowed */
void session_store_list_done(struct session_store_list *list);
