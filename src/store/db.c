#include "store/db.h"

#include "base/mem.h"
#include "os/file_create.h"
#include "store/schema.h"

#include <errno.h>
#include <sqlite3.h>

/* Stands in the file's header (bytes 68-71), so that another program's database is not taken for
 * ours: "holt" as a big-endian number. */
#define DB_APPLICATION_ID 0x686f6c74

struct db {
    sqlite3 *handle;
    char *path;
};

/* SQLite knows a full disk only by ENOSPC; quotas and limits on files say it differently. */
static bool is_full(const struct db *db, int code)
{
    const int number = db->handle ? sqlite3_system_errno(db->handle) : 0;
    return (code & 0xff) == SQLITE_FULL ||
           ((code & 0xff) == SQLITE_IOERR && (number == EFBIG || number == EDQUOT));
}

/* Turns what SQLite says into a sentence a person can act on. */
static enum status fail(const struct db *db, int code, const char *doing, struct error *err)
{
    const char *path = db->path;
    if (is_full(db, code))
        return error_set(err, E_IO,
                         "cannot %s in %s: the disk is full; what was saved before is intact",
                         doing, path);
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_set(err, E_FORMAT,
                         "the session database %s is damaged: move it away to begin a new one "
                         "(sqlite3 FILE .recover saves what can be read)",
                         path);
    case SQLITE_READONLY:
        return error_set(err, E_IO, "cannot %s: %s or its folder is read-only", doing, path);
    case SQLITE_CANTOPEN:
        return error_set(err, E_IO, "cannot open %s: %s", path, sqlite3_errmsg(db->handle));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(err, E_IO, "cannot %s: another program kept %s locked for %d s", doing,
                         path, DB_BUSY_WAIT_MS / 1000);
    case SQLITE_TOOBIG:
        return error_set(err, E_LIMIT, "cannot %s: the text is longer than %d bytes", doing,
                         DB_VALUE_BYTES_MAX);
    case SQLITE_NOMEM: return error_set(err, E_NO_MEMORY, "cannot %s: out of memory", doing);
    case SQLITE_IOERR:
        return error_set(err, E_IO, "cannot %s in %s: %s (disk error)", doing, path,
                         sqlite3_errstr(code));
    default:
        return error_set(err, E_IO, "cannot %s in %s: %s", doing, path,
                         db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
    }
}

static enum status set_up(struct db *db, struct error *err)
{
    sqlite3_busy_timeout(db->handle, DB_BUSY_WAIT_MS);
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, DB_VALUE_BYTES_MAX);
    sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return db_run(db,
                  "PRAGMA temp_store = MEMORY;"
                  "PRAGMA foreign_keys = ON;"
                  "PRAGMA synchronous = FULL;",
                  err);
}

static enum status read_pragma(struct db *db, const char *sql, int64_t *out, struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    bool has_row = false;
    TRY(db_query_init(db, sql, &query, err));
    TRY(db_step(&query, &has_row, err));
    *out = has_row ? db_column_int(&query, 0) : 0;
    return OK;
}

static enum status is_ours_or_empty(struct db *db, bool *out_is_ours, struct error *err)
{
    int64_t application = 0;
    int64_t object_count = 0;
    TRY(read_pragma(db, "PRAGMA application_id", &application, err));
    TRY(read_pragma(db, "SELECT count(*) FROM sqlite_schema", &object_count, err));
    *out_is_ours = application == DB_APPLICATION_ID;
    if (*out_is_ours || (application == 0 && object_count == 0))
        return OK;
    return error_set(err, E_FORMAT,
                     "%s is a database of another program: move it away or use --state DIR",
                     db->path);
}

/* Refuses another program's file and marks a new one. Nothing is written before the file is known
 * to be ours or empty; both facts are read in one transaction, as another holt may be creating the
 * same file now. */
static enum status claim(struct db *db, struct error *err)
{
    bool is_ours = false;
    TRY(db_run(db, "BEGIN", err));
    const enum status status = is_ours_or_empty(db, &is_ours, err);
    db_rollback(db);
    if (status != OK || is_ours)
        return status;
    TRY(db_run(db, "PRAGMA journal_mode = WAL", err));
    return db_run(db, "PRAGMA application_id = 0x686f6c74", err);
}

enum status db_open_bare(const char *path, struct db **out, struct error *err)
{
    /* SQLite would create the file with the umask's rights; sessions are the user's alone. */
    TRY(file_create(path, err));
    CLEANUP(db_closep) struct db *db = mem_zalloc(sizeof(*db));
    db->path = mem_copy_str(path);
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    const int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, "open the database", err);
    TRY(set_up(db, err));
    TRY(claim(db, err));
    *out = db;
    db = NULL;
    return OK;
}

enum status db_open(const char *path, struct db **out, struct error *err)
{
    CLEANUP(db_closep) struct db *db = NULL;
    TRY(db_open_bare(path, &db, err));
    TRY(schema_migrate(db, schema_version_latest(), err));
    *out = db;
    db = NULL;
    return OK;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    sqlite3_close_v2(db->handle);
    mem_free(db->path);
    mem_free(db);
}

void db_closep(struct db **db)
{
    db_close(*db);
}

const char *db_library_version(void)
{
    return sqlite3_libversion();
}

const char *db_path(const struct db *db)
{
    return db->path;
}

enum status db_check(struct db *db, struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    bool has_row = false;
    TRY(db_query_init(db, "PRAGMA integrity_check(1)", &query, err));
    TRY(db_step(&query, &has_row, err));
    if (has_row && str_equal_c(db_column_text(&query, 0), "ok"))
        return OK;
    return fail(db, SQLITE_CORRUPT, "check the database", err);
}

enum status db_run(struct db *db, const char *sql, struct error *err)
{
    const int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? OK : fail(db, code, "write", err);
}

enum status db_begin(struct db *db, struct error *err)
{
    return db_run(db, "BEGIN IMMEDIATE", err);
}

enum status db_commit(struct db *db, struct error *err)
{
    return db_run(db, "COMMIT", err);
}

void db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

enum status db_query_init(struct db *db, const char *sql, struct db_query *out, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    const int code = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, "read", err);
    *out = (struct db_query){.db = db, .statement = statement};
    return OK;
}

void db_query_done(struct db_query *query)
{
    sqlite3_finalize(query->statement);
    *query = (struct db_query){0};
}

enum status db_bind_text(struct db_query *query, int index, struct str text, struct error *err)
{
    const char *bytes = text.ptr ? text.ptr : "";
    const int code =
        sqlite3_bind_text64(query->statement, index, bytes, text.len, SQLITE_STATIC, SQLITE_UTF8);
    return code == SQLITE_OK ? OK : fail(query->db, code, "write", err);
}

enum status db_bind_int(struct db_query *query, int index, int64_t value, struct error *err)
{
    const int code = sqlite3_bind_int64(query->statement, index, value);
    return code == SQLITE_OK ? OK : fail(query->db, code, "write", err);
}

enum status db_step(struct db_query *query, bool *out_has_row, struct error *err)
{
    const int code = sqlite3_step(query->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        const bool reads = sqlite3_stmt_readonly(query->statement);
        return fail(query->db, code, reads ? "read" : "write", err);
    }
    *out_has_row = code == SQLITE_ROW;
    return OK;
}

void db_query_reset(struct db_query *query)
{
    sqlite3_reset(query->statement);
}

enum status db_step_done(struct db_query *query, struct error *err)
{
    bool has_row = false;
    return db_step(query, &has_row, err);
}

struct str db_column_text(const struct db_query *query, int index)
{
    const unsigned char *text = sqlite3_column_text(query->statement, index);
    if (!text)
        return (struct str){0};
    const int len = sqlite3_column_bytes(query->statement, index);
    return (struct str){(const char *)text, (size_t)len};
}

int64_t db_column_int(const struct db_query *query, int index)
{
    return sqlite3_column_int64(query->statement, index);
}

int64_t db_changed_count(const struct db *db)
{
    return sqlite3_changes64(db->handle);
}
