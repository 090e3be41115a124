#include "store/memory_store.h"

#include "base/hash_map.h"
#include "base/mem.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "text/lines.h"
#include "text/unicode.h"
#include "text/utf8.h"

struct memory_store {
    char *folder;
    char *path;
};

static const char first_line[] = "# Notes\n\n";

enum status memory_store_open(const char *folder, struct memory_store **out, struct error *err)
{
    TRY(file_make_folder(folder, err));
    struct strbuf path = {0};
    strbuf_addf(&path, "%s/notes.md", folder);
    struct memory_store *store = mem_zalloc(sizeof(*store));
    store->folder = mem_copy_str(folder);
    store->path = strbuf_take(&path);
    *out = store;
    return OK;
}

void memory_store_close(struct memory_store *store)
{
    if (!store)
        return;
    mem_free(store->folder);
    mem_free(store->path);
    mem_free(store);
}

/* A missing file is an empty one. */
static enum status read_notes(const struct memory_store *store, struct strbuf *out,
                              struct error *err)
{
    const enum status status = file_read(store->path, MEMORY_STORE_FILE_MAX, out, err);
    return status == E_NOT_FOUND ? OK : status;
}

/* The note of a line of the file; false for any other line. */
static bool note_of(struct str line, struct str *out)
{
    line = str_trim(line);
    if (!str_starts_with(line, STR("- ")) && !str_starts_with(line, STR("* ")))
        return false;
    *out = str_trim(str_slice(line, 2, line.len));
    return out->len != 0;
}

/* ---- adding ---- */

static void add_on_one_line(struct strbuf *out, struct str note)
{
    for (size_t i = 0; i < note.len; i++) {
        const char c = note.ptr[i];
        strbuf_add_char(out, c == '\n' || c == '\r' || c == '\0' ? ' ' : c);
    }
}

static enum status add_locked(struct memory_store *store, struct str note, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    TRY(read_notes(store, &text, err));
    if (text.len == 0)
        strbuf_add_c(&text, first_line);
    if (text.ptr[text.len - 1] != '\n')
        strbuf_add_char(&text, '\n');
    strbuf_add_c(&text, "- ");
    add_on_one_line(&text, note);
    strbuf_add_char(&text, '\n');
    if (text.len > MEMORY_STORE_FILE_MAX)
        return error_set(err, E_LIMIT, "there is no room for more notes (%d bytes in %s)",
                         MEMORY_STORE_FILE_MAX, store->path);
    return file_write(store->path, strbuf_view(&text), err);
}

enum status memory_store_add(struct memory_store *store, struct str note, struct error *err)
{
    note = str_trim(note);
    if (note.len == 0)
        return error_set(err, E_INVALID, "the note is empty");
    if (!utf8_is_valid(note))
        return error_set(err, E_INVALID, "the note is not valid text");
    if (note.len > MEMORY_STORE_NOTE_MAX)
        return error_set(err, E_LIMIT, "the note is too long (%zu bytes, limit %d)", note.len,
                         MEMORY_STORE_NOTE_MAX);
    struct file_lock lock = {0};
    TRY(file_lock_take(store->folder, &lock, err));
    const enum status status = add_locked(store, note, err);
    file_lock_done(&lock);
    return status;
}

/* ---- finding ---- */

/* Takes the next word off *rest, in lower case as far as ASCII goes; false when there is none. */
static bool next_word(struct str *rest, struct strbuf *out)
{
    strbuf_clear(out);
    while (rest->len) {
        const struct str before = *rest;
        const uint32_t c = utf8_next(rest);
        const bool in_word =
            c != UTF8_INVALID && (unicode_class(c) & (UNICODE_LETTER | UNICODE_NUMBER)) != 0;
        if (in_word && c >= 'A' && c <= 'Z')
            strbuf_add_char(out, (char)(c - 'A' + 'a'));
        else if (in_word)
            strbuf_add(out, before.ptr, before.len - rest->len);
        else if (out->len)
            return true;
    }
    return out->len != 0;
}

/* The distinct words of a query. Keys of the map point into `texts`. */
struct words {
    struct hash_map map; /* word -> its number */
    char *texts[MEMORY_STORE_WORDS_MAX];
    size_t count;
};

static void words_done(struct words *words)
{
    hash_map_done(&words->map);
    for (size_t i = 0; i < words->count; i++)
        mem_free(words->texts[i]);
}

static void words_init(struct words *words, struct str query)
{
    CLEANUP(strbuf_done) struct strbuf word = {0};
    *words = (struct words){0};
    while (words->count < MEMORY_STORE_WORDS_MAX && next_word(&query, &word)) {
        uint64_t number = 0;
        if (hash_map_find(&words->map, strbuf_view(&word), &number))
            continue;
        char *text = mem_copy_str(strbuf_c(&word));
        hash_map_add(&words->map, str_from_c(text), words->count);
        words->texts[words->count++] = text;
    }
}

/* How many distinct words of the query the note holds. */
static unsigned score(const struct words *words, struct str note, struct strbuf *word)
{
    uint64_t seen = 0; /* one bit per word */
    _Static_assert(MEMORY_STORE_WORDS_MAX <= 64, "one bit each");
    while (next_word(&note, word)) {
        uint64_t number = 0;
        if (hash_map_find(&words->map, strbuf_view(word), &number))
            seen |= UINT64_C(1) << number;
    }
    return (unsigned)__builtin_popcountll(seen);
}

struct scored {
    struct str note;
    unsigned score;
    uint64_t index; /* of its line: larger is newer */
};

static int compare_scored(const void *a, const void *b)
{
    const struct scored *left = a;
    const struct scored *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return left->index > right->index ? -1 : 1;
}

enum status memory_store_find(struct memory_store *store, struct str query, size_t count_max,
                              memory_store_found_fn *found, void *context, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(strbuf_done) struct strbuf word = {0};
    CLEANUP(words_done) struct words words;
    words_init(&words, query);
    TRY(read_notes(store, &text, err));
    const size_t line_count = (size_t)lines_count(strbuf_view(&text));
    CLEANUP(mem_freep) struct scored *hits = mem_try_zalloc(line_count, sizeof(*hits));
    if (!hits)
        return error_set(err, E_NO_MEMORY, "no memory for %zu notes", line_count);
    size_t hit_count = 0;
    struct lines lines = lines_over(strbuf_view(&text));
    while (lines_next(&lines)) {
        struct scored hit = {.index = lines.number};
        if (!note_of(lines.line, &hit.note))
            continue;
        hit.score = score(&words, hit.note, &word);
        if (hit.score)
            hits[hit_count++] = hit;
    }
    if (hit_count)
        qsort(hits, hit_count, sizeof(*hits), compare_scored);
    for (size_t i = 0; i < hit_count && i < count_max; i++)
        found(context, hits[i].note);
    return OK;
}

enum status memory_store_count(struct memory_store *store, size_t *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    TRY(read_notes(store, &text, err));
    struct lines lines = lines_over(strbuf_view(&text));
    struct str note;
    size_t count = 0;
    while (lines_next(&lines))
        count += note_of(lines.line, &note);
    *out = count;
    return OK;
}
