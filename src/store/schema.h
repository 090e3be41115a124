/*
 * schema - the tables of holt.db, as numbered migrations.
 *
 * Version n of the database is what the first n migrations made; the number stands in the file
 * itself (PRAGMA user_version). A migration that was released is never edited: a change is a new
 * one behind it. Each runs in a transaction of its own together with its number, so a process
 * killed in between leaves a whole version.
 *
 * Threads: one at a time per connection. Used by: db.c.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct db;

/* The version this program writes: the number of migrations it knows. */
uint32_t schema_version_latest(void);

/* Brings the database from whatever version it has to `version`. E_UNSUPPORTED, and nothing done,
 * when the file is newer than schema_version_latest(). */
MUST_USE enum status schema_migrate(struct db *db, uint32_t version, struct error *err);

/* The version the file has now; 0 for a new one. */
MUST_USE enum status schema_version(struct db *db, uint32_t *out, struct error *err);
