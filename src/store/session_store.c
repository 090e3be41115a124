#include "store/session_store.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "os/clock.h"
#include "os/random.h"
#include "store/db.h"
#include "text/json.h"

#include <inttypes.h>

/* No 0/o, 1/l/i: an id is read aloud and typed. */
static const char ID_LETTERS[] = "abcdefghjkmnpqrstuvwxyz23456789";

enum { ID_TRIES_MAX = 16 };

#define INFO_COLUMNS                                                 \
    "id, workspace, model, profile, title, created_ms, updated_ms, " \
    "(SELECT count(*) FROM entry WHERE session_id = id)"

static char *copy_text(struct str text)
{
    struct strbuf copy = {0};
    strbuf_add_str(&copy, text);
    strbuf_add(&copy, "", 0);
    return strbuf_take(&copy);
}

static void read_info(const struct db_query *row, struct session_store_info *out)
{
    *out = (struct session_store_info){0};
    const struct str id = db_column_text(row, 0);
    const size_t id_len = id.len < SESSION_STORE_ID_LEN ? id.len : SESSION_STORE_ID_LEN;
    if (id_len)
        memcpy(out->id, id.ptr, id_len);
    out->workspace = copy_text(db_column_text(row, 1));
    out->model = copy_text(db_column_text(row, 2));
    out->profile = copy_text(db_column_text(row, 3));
    out->title = copy_text(db_column_text(row, 4));
    out->created_ms = db_column_int(row, 5);
    out->updated_ms = db_column_int(row, 6);
    out->entry_count = (uint32_t)db_column_int(row, 7);
}

void session_store_info_done(struct session_store_info *info)
{
    mem_free(info->workspace);
    mem_free(info->model);
    mem_free(info->profile);
    mem_free(info->title);
    *info = (struct session_store_info){0};
}

void session_store_list_done(struct session_store_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        session_store_info_done(&list->items[i]);
    mem_free(list->items);
    *list = (struct session_store_list){0};
}

/* Each letter is equally likely: bytes that would favour the first ones are drawn again. */
static void draw_id(char out[SESSION_STORE_ID_SIZE])
{
    const unsigned letter_count = sizeof(ID_LETTERS) - 1;
    const unsigned fair_max = 256 - 256 % letter_count;
    for (size_t i = 0; i < SESSION_STORE_ID_LEN;) {
        uint8_t byte = 0;
        random_bytes(&byte, 1);
        if (byte < fair_max)
            out[i++] = ID_LETTERS[byte % letter_count];
    }
    out[SESSION_STORE_ID_LEN] = '\0';
}

enum status session_store_create(struct db *db, const struct session_store_start *start,
                                 char out_id[SESSION_STORE_ID_SIZE], struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    TRY(db_query_init(db,
                      "INSERT INTO session (id, workspace, model, profile, created_ms, updated_ms)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT DO NOTHING",
                      &query, err));
    char id[SESSION_STORE_ID_SIZE];
    TRY(db_bind_text(&query, 2, str_from_c(start->workspace), err));
    TRY(db_bind_text(&query, 3, str_from_c(start->model), err));
    TRY(db_bind_text(&query, 4, str_from_c(start->profile), err));
    TRY(db_bind_int(&query, 5, clock_unix_us() / 1000, err));
    for (int i = 0; i < ID_TRIES_MAX; i++) {
        draw_id(id);
        TRY(db_bind_text(&query, 1, str_from_c(id), err));
        TRY(db_step_done(&query, err));
        if (db_changed_count(db) == 1) {
            memcpy(out_id, id, sizeof(id));
            return OK;
        }
        db_query_reset(&query);
    }
    return error_set(err, E_LIMIT, "%s holds too many sessions to find a free id", db_path(db));
}

/* The first line with something in it, cut to the limit between two characters. */
static struct str title_of(struct str content)
{
    struct str line = {0};
    while (content.ptr && line.len == 0)
        line = str_trim(str_split(&content, '\n'));
    if (line.len <= SESSION_STORE_TITLE_LEN_MAX)
        return line;
    size_t len = SESSION_STORE_TITLE_LEN_MAX;
    while (len > 0 && ((unsigned char)line.ptr[len] & 0xc0) == 0x80)
        len--;
    return str_slice(line, 0, len);
}

static enum status insert_entry(struct db *db, struct str id, struct str role, struct str text,
                                int64_t now_ms, struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    TRY(db_query_init(db,
                      "INSERT INTO entry (session_id, number, role, message, created_ms) "
                      "SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4 FROM entry "
                      "WHERE session_id = ?1 HAVING count(*) < ?5",
                      &query, err));
    TRY(db_bind_text(&query, 1, id, err));
    TRY(db_bind_text(&query, 2, role, err));
    TRY(db_bind_text(&query, 3, text, err));
    TRY(db_bind_int(&query, 4, now_ms, err));
    TRY(db_bind_int(&query, 5, SESSION_STORE_ENTRY_COUNT_MAX, err));
    TRY(db_step_done(&query, err));
    if (db_changed_count(db) == 1)
        return OK;
    return error_set(err, E_LIMIT, "the session is full (%d entries): begin a new one",
                     SESSION_STORE_ENTRY_COUNT_MAX);
}

static enum status touch_session(struct db *db, struct str id, struct str title, int64_t now_ms,
                                 struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    TRY(db_query_init(db,
                      "UPDATE session SET updated_ms = max(updated_ms, ?2), "
                      "title = CASE WHEN title = '' THEN ?3 ELSE title END WHERE id = ?1",
                      &query, err));
    TRY(db_bind_text(&query, 1, id, err));
    TRY(db_bind_int(&query, 2, now_ms, err));
    TRY(db_bind_text(&query, 3, title, err));
    TRY(db_step_done(&query, err));
    if (db_changed_count(db) == 1)
        return OK;
    return error_set(err, E_NOT_FOUND, "there is no session %.*s", STR_ARG(id));
}

enum status session_store_append(struct db *db, const char *id, const json_t *message,
                                 struct error *err)
{
    struct str role = {0};
    if (!json_is_object(message) || !json_member_str(message, "role", &role))
        return error_set(err, E_INVALID, "a session entry needs a role");

    CLEANUP(strbuf_done) struct strbuf text = {.size_max = SESSION_STORE_ENTRY_BYTES_MAX};
    json_write_python(message, &text);
    if (text.overflowed)
        return error_set(err, E_LIMIT, "a message is longer than %d bytes",
                         SESSION_STORE_ENTRY_BYTES_MAX);

    struct str content = {0};
    if (str_equal_c(role, "user") && json_member_str(message, "content", &content))
        content = title_of(content);
    else
        content = (struct str){0};

    const int64_t now_ms = clock_unix_us() / 1000;
    const struct str session_id = str_from_c(id);
    TRY(db_begin(db, err));
    enum status status = touch_session(db, session_id, content, now_ms, err);
    if (status == OK)
        status = insert_entry(db, session_id, role, strbuf_view(&text), now_ms, err);
    if (status == OK)
        status = db_commit(db, err);
    if (status != OK)
        db_rollback(db);
    return status;
}

enum status session_store_load(struct db *db, const char *id, json_t **out, struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    CLEANUP(json_decrefp) json_t *messages = json_array();
    CHECK(messages);
    bool has_row = false;
    TRY(db_query_init(db, "SELECT message FROM entry WHERE session_id = ?1 ORDER BY number", &query,
                      err));
    TRY(db_bind_text(&query, 1, str_from_c(id), err));
    for (;;) {
        TRY(db_step(&query, &has_row, err));
        if (!has_row)
            break;
        json_t *message = NULL;
        struct error why = {0};
        if (json_parse(db_column_text(&query, 0), NULL, &message, &why) != OK)
            return error_set(err, E_FORMAT, "entry %zu of session %s is damaged: %s",
                             json_array_size(messages) + 1, id, why.text);
        if (json_array_append_new(messages, message) != 0)
            return error_set(err, E_NO_MEMORY, "session %s does not fit into memory", id);
    }
    *out = messages;
    messages = NULL;
    return OK;
}

/* Runs a query of INFO_COLUMNS and reads at most `count_max` rows. */
static enum status read_rows(struct db_query *query, size_t count_max,
                             struct session_store_list *out, struct error *err)
{
    size_t capacity = 0;
    bool has_row = false;
    while (out->count < count_max) {
        TRY(db_step(query, &has_row, err));
        if (!has_row)
            break;
        if (out->count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            out->items = mem_realloc(out->items, capacity * sizeof(out->items[0]));
        }
        read_info(query, &out->items[out->count++]);
    }
    return OK;
}

enum status session_store_list_newest(struct db *db, uint32_t count_max,
                                      struct session_store_list *out, struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    CLEANUP(session_store_list_done) struct session_store_list list = {0};
    TRY(db_query_init(db,
                      "SELECT " INFO_COLUMNS " FROM session ORDER BY updated_ms DESC, id LIMIT ?1",
                      &query, err));
    const uint32_t limit = count_max < SESSION_STORE_LIST_MAX ? count_max : SESSION_STORE_LIST_MAX;
    TRY(db_bind_int(&query, 1, limit, err));
    TRY(read_rows(&query, limit, &list, err));
    *out = list;
    list = (struct session_store_list){0};
    return OK;
}

/* Moves the list's only item to *out. */
static void take_one(struct session_store_list *list, struct session_store_info *out)
{
    *out = list->items[0];
    list->items[0] = (struct session_store_info){0};
}

enum status session_store_find(struct db *db, const char *id, struct session_store_info *out,
                               struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    CLEANUP(session_store_list_done) struct session_store_list list = {0};
    TRY(db_query_init(db,
                      "SELECT " INFO_COLUMNS " FROM session "
                      "WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 2",
                      &query, err));
    TRY(db_bind_text(&query, 1, str_from_c(id), err));
    TRY(read_rows(&query, id[0] ? 2 : 0, &list, err));
    if (list.count == 0)
        return error_set(err, E_NOT_FOUND, "there is no session %.32s (holt sessions lists them)",
                         id);
    if (list.count > 1)
        return error_set(err, E_INVALID, "several sessions begin with %.32s: give more of the id",
                         id);
    take_one(&list, out);
    return OK;
}

enum status session_store_latest(struct db *db, const char *workspace,
                                 struct session_store_info *out, struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    CLEANUP(session_store_list_done) struct session_store_list list = {0};
    TRY(db_query_init(db,
                      "SELECT " INFO_COLUMNS " FROM session WHERE ?1 = '' OR workspace = ?1 "
                      "ORDER BY updated_ms DESC, id LIMIT 1",
                      &query, err));
    TRY(db_bind_text(&query, 1, str_from_c(workspace), err));
    TRY(read_rows(&query, 1, &list, err));
    if (list.count == 0)
        return error_set(err, E_NOT_FOUND, "there is no session yet");
    take_one(&list, out);
    return OK;
}

enum status session_store_delete(struct db *db, const char *id, struct error *err)
{
    CLEANUP(db_query_done) struct db_query query = {0};
    TRY(db_query_init(db, "DELETE FROM session WHERE id = ?1", &query, err));
    TRY(db_bind_text(&query, 1, str_from_c(id), err));
    TRY(db_step_done(&query, err));
    if (db_changed_count(db) == 1)
        return OK;
    return error_set(err, E_NOT_FOUND, "there is no session %.32s", id);
}
