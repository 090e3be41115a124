/*
 * db - holt's one SQLite database: opening it, small queries, transactions.
 *
 * Owns the connection. Opening creates the file (0600) when it is missing, brings an older schema
 * up to date (schema.h) and refuses a newer one. The file works in WAL mode with synchronous=FULL:
 * what db_run() or db_commit() returned OK for is on the disk, so neither `kill -9` nor a power cut
 * can lose it, and a reader never sees half of a transaction. Temporary data stays in memory, as
 * the locked process may not create files elsewhere.
 *
 * Only store/ includes this for queries; code above holds a `struct db` and hands it to the stores.
 * SQL text is always a literal: values from outside are bound, never pasted.
 *
 * Threads: one at a time per connection. Several processes may have the same file open.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DB_VALUE_BYTES_MAX = 16 * 1024 * 1024, /* one text; larger ones are refused with E_LIMIT */
    DB_BUSY_WAIT_MS = 5000                 /* how long a writer waits for another process */
};

struct db; /* opaque: see db.c */

/* Opens or creates the database at `path`, which holds no symbolic link; its folder must exist.
 * A file that is no database, is damaged, belongs to another program or comes from a newer holt
 * fails with E_FORMAT (newer: E_UNSUPPORTED) and a sentence that says what to do; the file is
 * then unchanged. */
MUST_USE enum status db_open(const char *path, struct db **out, struct error *err);

/* As db_open(), but without looking at the schema: for schema.c's own tests. */
MUST_USE enum status db_open_bare(const char *path, struct db **out, struct error *err);

void db_close(struct db *db); /* NULL is allowed */
void db_closep(struct db **db);

/* Version of the SQLite in use, for `holt doctor`. */
const char *db_library_version(void);

/* Path it was opened with, for messages. Valid as long as the connection. */
const char *db_path(const struct db *db);

/* Reads every page and index and compares them; E_FORMAT with what is wrong when one is damaged. */
MUST_USE enum status db_check(struct db *db, struct error *err);

/* Runs one or more statements that return no rows and take no values. */
MUST_USE enum status db_run(struct db *db, const char *sql, struct error *err);

/* A transaction that takes the write lock at once. Not nested. Without db_commit() (an early return
 * through db_rollback(), a killed process) nothing of it happened. */
MUST_USE enum status db_begin(struct db *db, struct error *err);
MUST_USE enum status db_commit(struct db *db, struct error *err);
void db_rollback(struct db *db); /* no-op when none is open */

/* One prepared statement. Zeroed is empty; values are bound from 1, columns read from 0. */
struct db_query {
    struct db *db;
    void *statement; /* sqlite3_stmt */
};

MUST_USE enum status db_query_init(struct db *db, const char *sql, struct db_query *out,
                                   struct error *err);
void db_query_done(struct db_query *query);

/* The bound text is borrowed until the query is done. */
MUST_USE enum status db_bind_text(struct db_query *query, int index, struct str text,
                                  struct error *err);
MUST_USE enum status db_bind_int(struct db_query *query, int index, int64_t value,
                                 struct error *err);

/* Moves to the next row; *out_has_row is false at the end. */
MUST_USE enum status db_step(struct db_query *query, bool *out_has_row, struct error *err);

/* Runs a statement that returns no row. */
MUST_USE enum status db_step_done(struct db_query *query, struct error *err);

/* Makes the query ready to run again; bound values stay. */
void db_query_reset(struct db_query *query);

/* Values of the current row, valid until the next step. A NULL column is empty or 0. */
struct str db_column_text(const struct db_query *query, int index);
int64_t db_column_int(const struct db_query *query, int index);

/* Rows the last INSERT, UPDATE or DELETE changed. */
int64_t db_changed_count(const struct db *db);
