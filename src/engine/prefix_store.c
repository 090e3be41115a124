#include "engine/prefix_store.h"

#include "base/check.h"
#include "base/mem.h"
#include "chat/chat_spans.h"
#include "engine/engine_internal.h"
#include "engine/prefix_tree.h"
#include "engine/session_internal.h"
#include "infer/infer.h"
#include "model/kv_view.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/folder.h"
#include "os/path.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

enum {
    NAME_DIGITS = 32,
    NAME_SIZE = NAME_DIGITS + 4, /* ".kv" and a NUL */
    GAIN_TOKENS_MIN = 32,        /* fewer are computed as fast as they are loaded */
    TRIES_MAX = 3,               /* files that go while they are read */
    SECONDS_OF_DAY = 24 * 60 * 60,
};

static const uint64_t left_bytes_default = UINT64_C(1) << 30;

/* One file of the folder. */
struct stored {
    struct stored *next;
    char name[NAME_SIZE];
    bool is_there;             /* at the last look */
    bool is_ours;              /* of this model, KV kind and arithmetic: in the tree */
    struct prefix_node *place; /* is_ours */
    uint64_t size;
    int64_t changed_s;
    double cost; /* of computing it again, in bytes of weights read, for each of its bytes */
    uint32_t uses;
    uint32_t token_count;
    uint32_t state_count;
    uint32_t states[SNAPSHOT_STATES_MAX]; /* positions, ascending */
    bool has_logits;
};

struct prefix_store {
    struct engine *engine;
    struct prefix_store_config config; /* every 0 replaced */
    char *folder;
    struct prefix_tree *tree;
    struct stored *files;
    struct prefix_store_facts facts;
};

/* ---------------------------------------------------------------- the folder */

static bool is_name(const char *name)
{
    if (strlen(name) != NAME_SIZE - 1 || strcmp(name + NAME_DIGITS, ".kv") != 0)
        return false;
    return strspn(name, "0123456789abcdef") == NAME_DIGITS;
}

static void note_problem(struct prefix_store *store, const struct error *err)
{
    memcpy(store->facts.problem, err->text, sizeof(store->facts.problem));
}

static void forget(struct prefix_store *store, struct stored **link)
{
    struct stored *file = *link;
    *link = file->next;
    if (file->place)
        prefix_tree_remove(store->tree, file->place, file);
    mem_free(file);
}

static void forget_file(struct prefix_store *store, const struct stored *file)
{
    for (struct stored **link = &store->files; *link; link = &(*link)->next)
        if (*link == file) {
            forget(store, link);
            return;
        }
}

/* The file goes from the disk too. */
static void remove_file(struct prefix_store *store, const struct stored *file)
{
    CLEANUP(mem_freep) char *path = path_join(store->folder, file->name);
    (void)file_remove(path);
    forget_file(store, file);
}

/* Reads the header of a new file; one that is damaged goes. */
static void look_at(struct prefix_store *store, struct stored *file)
{
    CLEANUP(mem_freep) char *path = path_join(store->folder, file->name);
    struct snapshot_file opened = {0};
    struct error err = {0};
    const enum status status = snapshot_open(path, &opened, &err);
    const struct snapshot *s = &opened.snapshot;
    if (status == E_FORMAT || status == E_LIMIT) {
        note_problem(store, &err);
        store->facts.refused_count++;
        remove_file(store, file);
        return;
    }
    if (status != OK) /* of a newer holt, or gone again: not ours */
        return;
    const uint32_t computed = s->computed_count - s->first_page * KV_PAGE_TOKENS;
    file->uses = s->uses;
    file->cost = (double)computed * (double)s->weight_bytes / (double)s->file_bytes;
    file->is_ours = s->computed_count > 0 && snapshot_check(s, store->engine, NULL) == OK;
    if (file->is_ours) {
        file->token_count = s->computed_count;
        file->has_logits = s->has_logits;
        file->state_count = s->state_count;
        for (uint32_t i = 0; i < s->state_count; i++)
            file->states[i] = s->states[i].position;
        file->place = prefix_tree_add(store->tree, s->log, s->computed_count, s->first_page, file);
    }
    snapshot_close(&opened);
}

static struct stored *find_file(const struct prefix_store *store, const char *name)
{
    struct stored *file = store->files;
    while (file && strcmp(file->name, name) != 0)
        file = file->next;
    return file;
}

/* Makes the list what the folder is now. */
static void look_around(struct prefix_store *store)
{
    struct folder_list names;
    for (struct stored *file = store->files; file; file = file->next)
        file->is_there = false;
    folder_list_read(store->folder, PREFIX_STORE_FILES_MAX, &names);
    store->facts.file_bytes = 0;
    store->facts.file_count = 0;
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(mem_freep) char *path = path_join(store->folder, names.names[i]);
        struct file_facts facts;
        if (!is_name(names.names[i]) || !file_look(path, &facts))
            continue;
        store->facts.file_bytes += facts.size;
        store->facts.file_count++;
        struct stored *file = find_file(store, names.names[i]);
        const bool is_new = !file;
        if (is_new) {
            file = mem_zalloc(sizeof(*file));
            memcpy(file->name, names.names[i], NAME_SIZE);
            file->next = store->files;
            store->files = file;
        }
        file->is_there = true;
        file->size = facts.size;
        file->changed_s = facts.changed_s;
        if (is_new)
            look_at(store, file);
    }
    folder_list_done(&names);
    for (struct stored **link = &store->files; *link;)
        if ((*link)->is_there)
            link = &(*link)->next;
        else
            forget(store, link);
}

/* ---------------------------------------------------------------- life */

enum status prefix_store_open(struct engine *engine, const struct prefix_store_config *config,
                              struct prefix_store **out, struct error *err)
{
    if (!path_can_write_folder(config->folder) || !path_can_read_folder(config->folder))
        return error_set(err, E_IO, "cannot use the folder %.300s for stored prompts",
                         config->folder);
    struct prefix_store *store = mem_zalloc(sizeof(*store));
    store->engine = engine;
    store->config = *config;
    store->folder = mem_copy_str(config->folder);
    if (store->config.bytes_max == 0)
        store->config.bytes_max = PREFIX_STORE_BYTES_DEFAULT;
    if (store->config.left_bytes == 0)
        store->config.left_bytes = left_bytes_default;
    store->tree = prefix_tree_new();
    look_around(store);
    *out = store;
    return OK;
}

void prefix_store_close(struct prefix_store *store)
{
    if (!store)
        return;
    while (store->files)
        forget(store, &store->files);
    prefix_tree_free(store->tree);
    mem_free(store->folder);
    mem_free(store);
}

void prefix_store_get_facts(const struct prefix_store *store, struct prefix_store_facts *out)
{
    *out = store->facts;
}

const struct prefix_tree *prefix_store_tree(const struct prefix_store *store)
{
    return store->tree;
}

void prefix_store_measure(const char *folder, uint64_t *out_bytes, uint32_t *out_count)
{
    struct folder_list names;
    *out_bytes = 0;
    *out_count = 0;
    folder_list_read(folder, PREFIX_STORE_FILES_MAX, &names);
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(mem_freep) char *path = path_join(folder, names.names[i]);
        struct file_facts facts;
        if (!is_name(names.names[i]) || !file_look(path, &facts))
            continue;
        *out_bytes += facts.size;
        *out_count += 1;
    }
    folder_list_done(&names);
}

void prefix_store_owner(struct str id, uint8_t out[SNAPSHOT_OWNER_BYTES])
{
    crypto_generichash(out, SNAPSHOT_OWNER_BYTES, (const unsigned char *)id.ptr, id.len, NULL, 0);
}

uint32_t prefix_store_forget(const char *folder, const uint8_t owner[SNAPSHOT_OWNER_BYTES])
{
    CLEANUP(file_lock_done) struct file_lock held = {0};
    struct folder_list names;
    uint32_t count = 0;
    if (file_lock_take(folder, &held, NULL) != OK)
        return 0; /* no folder, no files */
    folder_list_read(folder, PREFIX_STORE_FILES_MAX, &names);
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(mem_freep) char *path = path_join(folder, names.names[i]);
        struct snapshot_file file = {0};
        if (!is_name(names.names[i]) || snapshot_open(path, &file, NULL) != OK)
            continue;
        if (memcmp(file.snapshot.owner, owner, SNAPSHOT_OWNER_BYTES) == 0)
            count += file_remove(path);
        snapshot_close(&file);
    }
    folder_list_done(&names);
    return count;
}

/* ---------------------------------------------------------------- what covers a way */

static struct stored *file_of(const struct prefix_node *node, const struct stored *wanted)
{
    struct stored *found = NULL;
    for (const struct prefix_holder *holder = prefix_tree_holders(node); holder;
         holder = holder->next) {
        found = holder->owner;
        if (found == wanted)
            break;
    }
    return found;
}

/* Tokens at the beginning of the way whose pages are in files. */
static uint32_t covered_tokens(const struct prefix_path *path)
{
    uint32_t page = 0;
    while (page < path->node_count && file_of(path->nodes[page], NULL))
        page++;
    const uint32_t tokens = page * KV_PAGE_TOKENS;
    return tokens < path->token_count ? tokens : path->token_count;
}

/* A file on the way with a recurrent state of at most `token_count` tokens: the longest one.
 * `wants_logits_at`: one of so many tokens must have logits too. */
static struct stored *find_state(const struct prefix_path *path, uint32_t token_count,
                                 uint32_t wants_logits_at, uint32_t *out_index)
{
    struct stored *best = NULL;
    uint32_t best_position = 0;
    for (uint32_t page = 0; page < path->node_count; page++) {
        for (const struct prefix_holder *h = prefix_tree_holders(path->nodes[page]); h;
             h = h->next) {
            struct stored *file = h->owner;
            for (uint32_t i = 0; i < file->state_count; i++) {
                const uint32_t position = file->states[i];
                const bool is_here = (position - 1) / KV_PAGE_TOKENS == page;
                const bool is_bare = position == wants_logits_at &&
                                     !(file->has_logits && file->token_count == position);
                if (!is_here || is_bare || position > token_count || position <= best_position)
                    continue;
                best = file;
                best_position = position;
                *out_index = i;
            }
        }
    }
    return best;
}

/* ---------------------------------------------------------------- recalling */

/* Consecutive pages from one file. */
struct run {
    struct stored *file;
    uint32_t first;
    uint32_t count;
};

/* What a session will be put together from. */
struct recall {
    struct prefix_path path;
    uint32_t token_count;
    struct log_token *log; /* [loaded_count] */
    uint32_t loaded_count; /* token_count and the rest of the last page, as far as it has one */
    struct run *runs;      /* [run_count] */
    uint32_t run_count;
    struct stored *state_file; /* NULL: none is needed */
    uint32_t state_index;
    uint32_t ready_count; /* tokens that need not be computed */
};

static void recall_done(struct recall *recall)
{
    prefix_tree_path_done(&recall->path);
    mem_free(recall->log);
    mem_free(recall->runs);
}

/* Tokens of the session that `spans` begins with and that need not be computed. */
static uint32_t ready_tokens(const struct session *session, const struct chat_spans *spans)
{
    const uint32_t common = session_common_tokens(session, spans);
    const uint32_t cached = session_cached_tokens(session);
    const uint32_t has = common < cached ? common : cached;
    if (infer_state_bytes(session->engine->infer) == 0)
        return has;
    uint32_t ready = 0;
    for (uint32_t i = 0; i < infer_seq_state_count(session->seq); i++) {
        uint32_t position = 0;
        (void)infer_seq_state(session->seq, i, &position);
        if (position <= has)
            ready = position;
    }
    return ready;
}

static const struct log_token *token_before(const struct prefix_path *path, uint32_t token_count)
{
    uint32_t count = 0;
    const struct prefix_node *node = path->nodes[(token_count - 1) / KV_PAGE_TOKENS];
    return &prefix_tree_tokens(node, &count)[(token_count - 1) % KV_PAGE_TOKENS];
}

/* May other text follow these tokens of the way? Behind a control token, where nothing merges over
 * the cut, and where a stored conversation ends. */
static bool is_boundary(const struct prefix_store *store, const struct prefix_path *path,
                        uint32_t token_count)
{
    if (session_is_control(store->engine->tokenizer, token_before(path, token_count)->id))
        return true;
    const struct prefix_node *node = path->nodes[(token_count - 1) / KV_PAGE_TOKENS];
    for (const struct prefix_holder *h = prefix_tree_holders(node); h; h = h->next) {
        const struct stored *file = h->owner;
        if (file->token_count == token_count)
            return true;
    }
    return false;
}

/* How many tokens are worth loading, and with which state; that may stand for fewer. */
static uint32_t choose_tokens(const struct prefix_store *store, const struct session *session,
                              const struct chat_spans *spans, struct recall *recall)
{
    uint32_t tokens = covered_tokens(&recall->path);
    const bool is_whole = recall->path.offset == spans->text.len;
    if (tokens >= session->capacity)
        tokens = session->capacity - 1;
    if (!is_whole || tokens < recall->path.token_count) /* else no other text follows */
        while (tokens > 0 && !is_boundary(store, &recall->path, tokens))
            tokens--;
    if (infer_state_bytes(store->engine->infer) == 0)
        return tokens;
    recall->state_file = find_state(&recall->path, tokens, is_whole ? recall->path.token_count : 0,
                                    &recall->state_index);
    if (!recall->state_file)
        return 0;
    recall->ready_count = recall->state_file->states[recall->state_index];
    return is_boundary(store, &recall->path, recall->ready_count) ? recall->ready_count : tokens;
}

/* Copies the tokens and says which pages come from where. */
static void plan_runs(struct recall *recall)
{
    const uint32_t pages = (recall->token_count + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
    struct stored *file = recall->state_file;
    recall->log = mem_zalloc((size_t)pages * KV_PAGE_TOKENS * sizeof(*recall->log));
    recall->runs = mem_zalloc(pages * sizeof(*recall->runs));
    for (uint32_t page = 0; page < pages; page++) {
        uint32_t count = 0;
        const struct log_token *tokens = prefix_tree_tokens(recall->path.nodes[page], &count);
        memcpy(recall->log + (size_t)page * KV_PAGE_TOKENS, tokens, count * sizeof(*tokens));
        recall->loaded_count = page * KV_PAGE_TOKENS + count;
        file = file_of(recall->path.nodes[page], file);
        struct run *last = recall->run_count ? &recall->runs[recall->run_count - 1] : NULL;
        if (last && last->file == file)
            last->count++;
        else
            recall->runs[recall->run_count++] =
                (struct run){.file = file, .first = page, .count = 1};
    }
}

/* The file, whose first `token_count` tokens must still be those of the tree. */
static enum status open_stored(const struct prefix_store *store, const struct stored *file,
                               const struct recall *recall, uint32_t token_count,
                               struct snapshot_file *out, struct error *err)
{
    CLEANUP(mem_freep) char *path = path_join(store->folder, file->name);
    struct snapshot_file opened = {0};
    TRY(snapshot_open(path, &opened, err));
    const struct snapshot *s = &opened.snapshot;
    enum status status = snapshot_check(s, store->engine, err);
    bool is_same = s->computed_count == file->token_count;
    for (uint32_t i = 0; is_same && i < token_count && i < s->computed_count; i++)
        is_same = s->log[i].id == recall->log[i].id;
    if (status == OK && !is_same)
        status = error_set(err, E_FORMAT, "%.250s has other tokens than before", path);
    if (status != OK) {
        snapshot_close(&opened);
        return status;
    }
    *out = opened;
    return OK;
}

/* Fills pages of `seq` from one file. */
static enum status load_run(const struct prefix_store *store, const struct recall *recall,
                            const struct run *run, struct infer_seq *seq, struct error *err)
{
    struct snapshot_file opened = {0};
    const uint32_t end = (run->first + run->count) * KV_PAGE_TOKENS;
    const uint32_t tokens = end < recall->loaded_count ? end : recall->loaded_count;
    TRY(open_stored(store, run->file, recall, tokens, &opened, err));
    const struct snapshot *s = &opened.snapshot;
    enum status status = OK;
    if (run->first < s->first_page || run->first + run->count > s->first_page + s->page_count)
        status = error_set(err, E_FORMAT, "%s has other pages than before", run->file->name);
    if (status == OK)
        status = snapshot_load_pages(&opened, store->engine, seq, run->first, run->count, err);
    snapshot_close(&opened);
    return status;
}

/* The recurrent state and, when the newest token is the file's last one, its logits. */
static enum status load_end(const struct prefix_store *store, const struct recall *recall,
                            const struct stored *file, struct infer_seq *seq, struct error *err)
{
    struct snapshot_file opened = {0};
    const uint32_t tokens = recall->state_file ? recall->ready_count : recall->token_count;
    TRY(open_stored(store, file, recall, tokens, &opened, err));
    const struct snapshot *s = &opened.snapshot;
    enum status status = OK;
    if (recall->state_file && (recall->state_index >= s->state_count ||
                               s->states[recall->state_index].position != recall->ready_count))
        status = error_set(err, E_FORMAT, "%s has other states than before", file->name);
    else if (recall->state_file)
        status = snapshot_load_state(&opened, recall->state_index, seq, err);
    if (status == OK && s->has_logits && s->token_count == tokens &&
        tokens == recall->token_count && tokens == recall->loaded_count)
        status = snapshot_load_logits(&opened, seq, err);
    snapshot_close(&opened);
    return status;
}

static void note_use(const struct prefix_store *store, struct stored *file)
{
    CLEANUP(mem_freep) char *path = path_join(store->folder, file->name);
    file->uses++;
    const unsigned char bytes[] = {
        (unsigned char)file->uses,
        (unsigned char)(file->uses >> 8),
        (unsigned char)(file->uses >> 16),
        (unsigned char)(file->uses >> 24),
    };
    file_poke(path, SNAPSHOT_USES_OFFSET, bytes, sizeof(bytes));
}

/* Pages for the tokens, if need be from conversations that rest. */
static enum status load_tokens(struct prefix_store *store, const struct recall *recall,
                               struct infer_seq *seq, struct error *err)
{
    CLEANUP(mem_freep) int32_t *ids = mem_try_zalloc(recall->loaded_count, sizeof(*ids));
    if (!ids)
        return error_set(err, E_NO_MEMORY, "no memory for %" PRIu32 " tokens",
                         recall->loaded_count);
    for (uint32_t i = 0; i < recall->loaded_count; i++)
        ids[i] = recall->log[i].id;
    engine_make_room(store->engine, infer_seq_append_pages(seq, recall->loaded_count) + 1);
    return infer_seq_load(seq, ids, recall->loaded_count, err);
}

/* *out_bad: the file that could not be used. */
static enum status load_all(struct prefix_store *store, const struct recall *recall,
                            struct session *session, struct stored **out_bad, struct error *err)
{
    CLEANUP(infer_seq_freep) struct infer_seq *seq = NULL;
    TRY(infer_seq_new(store->engine->infer, &seq, err));
    TRY(load_tokens(store, recall, seq, err));
    for (uint32_t i = 0; i < recall->run_count; i++) {
        *out_bad = recall->runs[i].file;
        TRY(load_run(store, recall, &recall->runs[i], seq, err));
    }
    if (recall->state_file)
        *out_bad = recall->state_file;
    TRY(load_end(store, recall, *out_bad, seq, err));
    *out_bad = NULL;
    for (uint32_t i = 0; i < recall->run_count; i++)
        note_use(store, recall->runs[i].file);
    infer_seq_truncate(seq, recall->token_count);
    session_take_over(session, seq, recall->log, recall->token_count);
    seq = NULL; /* the session's */
    return OK;
}

/* One look; *out_again: a file went or was damaged, another look may find others. */
static uint32_t try_recall(struct prefix_store *store, struct session *session,
                           const struct chat_spans *spans, bool *out_again)
{
    CLEANUP(recall_done) struct recall recall = {0};
    struct stored *bad = NULL;
    struct error err = {0};
    *out_again = false;
    prefix_tree_find(store->tree, store->engine->tokenizer, spans, &recall.path);
    recall.token_count = choose_tokens(store, session, spans, &recall);
    if (!recall.state_file)
        recall.ready_count = recall.token_count;
    if (recall.ready_count < ready_tokens(session, spans) + GAIN_TOKENS_MIN)
        return 0;
    plan_runs(&recall);
    const enum status status = load_all(store, &recall, session, &bad, &err);
    if (status == OK)
        return recall.ready_count;
    note_problem(store, &err);
    if (bad && status == E_FORMAT) {
        store->facts.refused_count++;
        remove_file(store, bad);
    } else if (bad) {
        forget_file(store, bad);
    }
    *out_again = bad != NULL;
    return 0;
}

uint32_t prefix_store_recall(struct prefix_store *store, struct session *session,
                             const struct chat_spans *spans)
{
    const double start = clock_seconds();
    uint32_t tokens = 0;
    bool is_worth_it = true;
    look_around(store);
    for (int i = 0; i < TRIES_MAX && tokens == 0 && is_worth_it; i++)
        tokens = try_recall(store, session, spans, &is_worth_it);
    if (tokens > 0) {
        store->facts.recall_count++;
        store->facts.recalled_tokens += tokens;
        store->facts.recall_seconds += clock_seconds() - start;
    }
    return tokens;
}

/* ---------------------------------------------------------------- keeping */

/* What the file is worth: the work it saves for each of its bytes, by how often it was wanted and
 * how long ago. */
static double worth(const struct stored *file, int64_t now_s)
{
    const double age_hours = now_s > file->changed_s ? (double)(now_s - file->changed_s) / 3600 : 0;
    return file->cost * (1.0 + file->uses) / (1.0 + age_hours);
}

/* Under the lock. Evicts until `more` bytes fit, and what is too old; `keep` stays. */
static void evict(struct prefix_store *store, uint64_t more, const char *keep)
{
    const int64_t now_s = clock_unix_us() / 1000000;
    look_around(store);
    for (struct stored *file = store->files, *next = NULL; file; file = next) {
        next = file->next;
        if (now_s - file->changed_s > (int64_t)PREFIX_STORE_AGE_MAX_DAYS * SECONDS_OF_DAY)
            remove_file(store, file);
    }
    for (;;) {
        struct stored *least = NULL;
        uint64_t total = more;
        uint32_t count = 0;
        for (struct stored *file = store->files; file; file = file->next) {
            total += file->size;
            count++;
            const bool may_go = !keep || strcmp(file->name, keep) != 0;
            if (may_go && (!least || worth(file, now_s) < worth(least, now_s)))
                least = file;
        }
        if ((total <= store->config.bytes_max && count < PREFIX_STORE_FILES_MAX) || !least)
            break;
        remove_file(store, least);
    }
    look_around(store);
}

static void name_of(const struct prefix_store *store, const struct session *session,
                    const struct snapshot_plan *plan, char out[NAME_SIZE])
{
    unsigned char digest[NAME_DIGITS / 2];
    struct snapshot_facts facts;
    crypto_generichash_state state;
    snapshot_facts_of(store->engine, &facts);
    const uint32_t numbers[] = {plan->first_page, plan->computed_count};
    crypto_generichash_init(&state, NULL, 0, sizeof(digest));
    crypto_generichash_update(&state, facts.fingerprint, sizeof(facts.fingerprint));
    crypto_generichash_update(&state, (const unsigned char *)facts.kv_kind, sizeof(facts.kv_kind));
    crypto_generichash_update(&state, (const unsigned char *)numbers, sizeof(numbers));
    for (uint32_t i = 0; i < plan->token_count; i++) {
        const int32_t id = session_token(session, i);
        crypto_generichash_update(&state, (const unsigned char *)&id, sizeof(id));
    }
    crypto_generichash_final(&state, digest, sizeof(digest));
    sodium_bin2hex(out, NAME_DIGITS + 1, digest, sizeof(digest));
    memcpy(out + NAME_DIGITS, ".kv", 4);
}

/* Does the session have the recurrent state behind so many tokens? */
static bool has_state(const struct session *session, uint32_t token_count)
{
    for (uint32_t i = 0; i < infer_seq_state_count(session->seq); i++) {
        uint32_t position = 0;
        (void)infer_seq_state(session->seq, i, &position);
        if (position == token_count)
            return true;
    }
    return false;
}

/* Is there anything to keep that is not kept? Then *out says which pages. */
static bool make_plan(const struct prefix_store *store, const struct session *session,
                      const struct prefix_store_keep *keep, struct snapshot_plan *out)
{
    struct prefix_path path = {0};
    uint32_t index = 0;
    const uint32_t count = keep->token_count;
    const bool is_recurrent = infer_state_bytes(store->engine->infer) > 0;
    CLEANUP(mem_freep) struct log_token *log = session_log_copy(&session->log, count);
    prefix_tree_find_log(store->tree, log, count, &path);
    const uint32_t covered = covered_tokens(&path);
    const struct stored *file = is_recurrent ? find_state(&path, covered, 0, &index) : NULL;
    const uint32_t kept = is_recurrent ? (file ? file->states[index] : 0) : covered;
    prefix_tree_path_done(&path);
    *out = (struct snapshot_plan){
        .token_count = count,
        .computed_count = count,
        .first_page = covered / KV_PAGE_TOKENS,
        .owner = keep->owner,
        .left_bytes = store->config.left_bytes,
        .goes_on = keep->goes_on,
        .context = keep->context,
    };
    if (out->first_page * KV_PAGE_TOKENS == count && out->first_page > 0)
        out->first_page--; /* a file has a page at least */
    return count > kept && count - kept >= keep->new_tokens_min &&
           (!is_recurrent || has_state(session, count));
}

static enum status lock(const struct prefix_store *store, struct file_lock *out, struct error *err)
{
    return file_lock_take(store->folder, out, err);
}

static enum status write_file(struct prefix_store *store, const struct session *session,
                              const struct prefix_store_keep *keep, struct error *err)
{
    CLEANUP(file_lock_done) struct file_lock held = {0};
    struct snapshot_plan plan;
    char name[NAME_SIZE];
    if (!make_plan(store, session, keep, &plan))
        return OK;
    uint64_t size = snapshot_plan_bytes(session, &plan);
    if (size > store->config.bytes_max / 2)
        return OK; /* it would push out everything else */
    TRY(lock(store, &held, err));
    file_sweep(store->folder);
    evict(store, size, NULL);
    file_lock_done(&held);
    if (!make_plan(store, session, keep, &plan)) /* pages it stood on may be gone */
        return OK;
    name_of(store, session, &plan, name);
    CLEANUP(mem_freep) char *path = path_join(store->folder, name);
    TRY(snapshot_write(session, &plan, path, err)); /* may take seconds: others go on meanwhile */
    store->facts.kept_count++;
    TRY(lock(store, &held, err));
    evict(store, 0, name);
    return OK;
}

enum status prefix_store_keep(struct prefix_store *store, const struct session *session,
                              const struct prefix_store_keep *keep, struct error *err)
{
    struct error reason = {0};
    CHECK(keep->token_count <= session_cached_tokens(session) &&
          keep->token_count <= session->log.count);
    if (keep->token_count == 0)
        return OK;
    look_around(store);
    const enum status status = write_file(store, session, keep, &reason);
    if (status == E_CANCELLED)
        return error_set(err, status, "%s", reason.text);
    if (status != OK)
        note_problem(store, &reason);
    return OK;
}
