#include "store/schema.h"

#include "base/check.h"
#include "base/strbuf.h"
#include "store/db.h"

#include <inttypes.h>

/* Released rows are never edited; a change is a new row. */
static const char *const migrations[] = {
    /* 1: sessions and what happened in them */
    "CREATE TABLE session ("
    "  id TEXT PRIMARY KEY,"
    "  workspace TEXT NOT NULL,"
    "  model TEXT NOT NULL,"
    "  profile TEXT NOT NULL,"
    "  title TEXT NOT NULL DEFAULT '',"
    "  created_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX session_by_time ON session (updated_ms DESC);"
    "CREATE TABLE entry ("
    "  session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,"
    "  number INTEGER NOT NULL," /* from 1, without gaps */
    "  role TEXT NOT NULL,"
    "  message TEXT NOT NULL," /* the whole message as a JSON object */
    "  created_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (session_id, number)"
    ") STRICT, WITHOUT ROWID;",
};

uint32_t schema_version_latest(void)
{
    return (uint32_t)ARRAY_LEN(migrations);
}

enum status schema_version(struct db *db, uint32_t *out, struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    bool has_row = false;
    TRY(db_query_init(db, "PRAGMA user_version", &query, err));
    TRY(db_step(&query, &has_row, err));
    const int64_t version = has_row ? db_column_int(&query, 0) : 0;
    if (version < 0 || version > UINT32_MAX)
        return error_set(err, E_FORMAT, "the database %s has no valid version", db_path(db));
    *out = (uint32_t)version;
    return OK;
}

static enum status apply(struct db *db, uint32_t version, struct error *err)
{
    /* A pragma takes no bound values; the number is ours. */
    char set_version[64];
    snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %" PRIu32, version);

    TRY(db_begin(db, err));
    uint32_t found = 0;
    enum status status = schema_version(db, &found, err);
    /* Another process may have done it while this one waited for the lock. */
    if (status == OK && found < version) {
        status = db_run(db, migrations[version - 1], err);
        if (status == OK)
            status = db_run(db, set_version, err);
    }
    if (status == OK)
        status = db_commit(db, err);
    if (status != OK)
        db_rollback(db);
    return status;
}

enum status schema_migrate(struct db *db, uint32_t version, struct error *err)
{
    CHECK(version <= schema_version_latest());
    uint32_t found = 0;
    TRY(schema_version(db, &found, err));
    if (found > schema_version_latest())
        return error_set(err, E_UNSUPPORTED,
                         "%s was written by a newer holt (database version %" PRIu32
                         ", this program knows %" PRIu32 "): update holt or use --state DIR",
                         db_path(db), found, schema_version_latest());
    for (uint32_t next = found + 1; next <= version; next++)
        TRY(apply(db, next, err));
    return OK;
}
