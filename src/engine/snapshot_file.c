/*
 * snapshot_file - snapshots on disk: pages go straight between a file and the KV cache, on all
 * compute threads. See snapshot.h.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "engine/snapshot_internal.h"
#include "infer/infer.h"
#include "model/kv_view.h"
#include "os/file.h"
#include "os/worker_pool.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

enum { BATCH_BYTES = 64 << 20 }; /* written between two looks whether to go on */

/* ---------------------------------------------------------------- opening */

static enum status open_file(const char *path, struct snapshot_file *file, struct error *err)
{
    unsigned char first[SNAPSHOT_FIRST_BYTES];
    size_t header_bytes = 0;
    TRY(file_pieces_open(path, &file->pieces, err));
    if (file->pieces.size < sizeof(first))
        return error_set(err, E_FORMAT, "not a snapshot, or cut short: %" PRIu64 " bytes",
                         file->pieces.size);
    const struct file_piece one = {.bytes = first, .size = sizeof(first)};
    TRY(file_pieces_read(&file->pieces, 0, &one, 1, err));
    TRY(snapshot_header_bytes(first, file->pieces.size, &header_bytes, err));
    CLEANUP(mem_freep) void *header = mem_try_alloc(header_bytes);
    if (!header)
        return error_set(err, E_NO_MEMORY, "a header of %zu bytes", header_bytes);
    const struct file_piece all = {.bytes = header, .size = header_bytes};
    TRY(file_pieces_read(&file->pieces, 0, &all, 1, err));
    return snapshot_parse(header, header_bytes, file->pieces.size, &file->snapshot, err);
}

enum status snapshot_open(const char *path, struct snapshot_file *out, struct error *err)
{
    struct snapshot_file file = {0};
    struct error reason = {0};
    const enum status status = open_file(path, &file, &reason);
    if (status != OK) {
        snapshot_close(&file);
        return error_set(err, status, "%.250s: %.200s", path, reason.text);
    }
    *out = file;
    return OK;
}

void snapshot_close(struct snapshot_file *file)
{
    file_pieces_close(&file->pieces);
    snapshot_done(&file->snapshot);
}

/* ---------------------------------------------------------------- pages, both ways */

/* Pages of one sequence on their way. The first failure of any thread is kept. */
struct page_work {
    const struct snapshot_file *source; /* reading */
    const struct file_writer *target;   /* writing */
    struct snapshot *snapshot;          /* of the target: gets the digests */
    struct infer *infer;
    const struct infer_seq *seq;
    uint32_t first;
    uint32_t count;
    _Atomic uint32_t next;
    _Atomic bool has_failed;
    struct error err; /* written by the thread that set has_failed */
};

static void fail(struct page_work *work, const struct error *err)
{
    bool expected = false;
    if (atomic_compare_exchange_strong(&work->has_failed, &expected, true))
        work->err = *err;
}

static enum status read_page(const struct page_work *work, uint32_t page, struct error *err)
{
    const struct snapshot *s = &work->source->snapshot;
    const uint32_t count = infer_piece_count(work->infer);
    struct file_piece pieces[FILE_PIECES_MAX];
    crypto_generichash_state state;
    uint8_t digest[SNAPSHOT_DIGEST_BYTES];
    CHECK(count <= FILE_PIECES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct infer_piece piece = infer_seq_piece(work->seq, page, i);
        pieces[i] = (struct file_piece){.bytes = piece.bytes, .size = piece.size};
    }
    const size_t index = page - s->first_page;
    TRY(file_pieces_read(&work->source->pieces, s->header_bytes + index * s->facts.page_bytes,
                         pieces, count, err));
    crypto_generichash_init(&state, NULL, 0, sizeof(digest));
    for (uint32_t i = 0; i < count; i++)
        crypto_generichash_update(&state, pieces[i].bytes, pieces[i].size);
    crypto_generichash_final(&state, digest, sizeof(digest));
    if (memcmp(digest, s->page_digests + index * sizeof(digest), sizeof(digest)) != 0)
        return error_set(err, E_FORMAT, "damaged: the digest of page %" PRIu32 " is another", page);
    return OK;
}

/* Leftovers of others in a page that is not full stay here. */
static enum status write_page(const struct page_work *work, uint32_t page, unsigned char *copy,
                              struct error *err)
{
    struct snapshot *s = work->snapshot;
    const uint32_t tokens = s->computed_count - page * KV_PAGE_TOKENS;
    const size_t index = page - s->first_page;
    crypto_generichash_state state;
    uint64_t offset = s->header_bytes + index * s->facts.page_bytes;
    crypto_generichash_init(&state, NULL, 0, SNAPSHOT_DIGEST_BYTES);
    for (uint32_t i = 0; i < infer_piece_count(work->infer); i++) {
        const struct infer_piece piece = infer_seq_piece(work->seq, page, i);
        const unsigned char *bytes = piece.bytes;
        if (tokens < KV_PAGE_TOKENS) {
            memcpy(copy, piece.bytes, piece.size);
            infer_clear_tail(work->infer, i, copy, tokens);
            bytes = copy;
        }
        crypto_generichash_update(&state, bytes, piece.size);
        TRY(file_writer_put(work->target, offset, bytes, piece.size, err));
        offset += piece.size;
    }
    crypto_generichash_final(&state, s->page_digests + index * SNAPSHOT_DIGEST_BYTES,
                             SNAPSHOT_DIGEST_BYTES);
    return OK;
}

static void move_pages(unsigned index, unsigned count, void *context)
{
    (void)index;
    (void)count;
    struct page_work *work = context;
    CLEANUP(mem_freep) unsigned char *copy = NULL;
    struct error err = {0};
    if (work->target)
        copy = mem_try_alloc(work->snapshot->facts.page_bytes + 1);
    if (work->target && !copy) {
        fail(work, &(struct error){.status = E_NO_MEMORY, .text = "no memory to copy a page"});
        return;
    }
    while (!atomic_load(&work->has_failed)) {
        const uint32_t next = atomic_fetch_add(&work->next, 1);
        if (next >= work->count)
            return;
        const enum status status = work->target ? write_page(work, work->first + next, copy, &err)
                                                : read_page(work, work->first + next, &err);
        if (status != OK)
            fail(work, &err);
    }
}

static enum status move_all(struct page_work *work, struct error *err)
{
    atomic_init(&work->next, 0);
    atomic_init(&work->has_failed, false);
    worker_pool_run(infer_workers(work->infer), move_pages, work);
    if (!atomic_load(&work->has_failed))
        return OK;
    return error_set(err, work->err.status, "%s", work->err.text);
}

/* ---------------------------------------------------------------- loading */

enum status snapshot_load_pages(const struct snapshot_file *file, struct engine *engine,
                                struct infer_seq *seq, uint32_t first, uint32_t count,
                                struct error *err)
{
    const struct snapshot *s = &file->snapshot;
    CHECK(first >= s->first_page && first - s->first_page + count <= s->page_count);
    CHECK(s->facts.page_bytes == infer_page_bytes(engine->infer));
    struct page_work work = {
        .source = file, .infer = engine->infer, .seq = seq, .first = first, .count = count};
    return move_all(&work, err);
}

/* Reads `size` bytes that must have the digest; the caller frees *out. */
static enum status read_checked(const struct snapshot_file *file, uint64_t offset, uint64_t size,
                                const uint8_t digest[SNAPSHOT_DIGEST_BYTES], const char *what,
                                void **out, struct error *err)
{
    uint8_t found[SNAPSHOT_DIGEST_BYTES];
    CLEANUP(mem_freep) void *bytes = mem_try_aligned(64, (size_t)size);
    if (!bytes)
        return error_set(err, E_NO_MEMORY, "%s of %" PRIu64 " bytes", what, size);
    const struct file_piece piece = {.bytes = bytes, .size = (size_t)size};
    TRY(file_pieces_read(&file->pieces, offset, &piece, 1, err));
    crypto_generichash(found, sizeof(found), bytes, (size_t)size, NULL, 0);
    if (memcmp(found, digest, sizeof(found)) != 0)
        return error_set(err, E_FORMAT, "damaged: the digest of %s is another", what);
    *out = bytes;
    bytes = NULL; /* the caller's */
    return OK;
}

static uint64_t states_offset(const struct snapshot *s)
{
    return s->header_bytes + s->page_count * s->facts.page_bytes;
}

enum status snapshot_load_state(const struct snapshot_file *file, uint32_t index,
                                struct infer_seq *seq, struct error *err)
{
    const struct snapshot *s = &file->snapshot;
    CLEANUP(mem_freep) void *values = NULL;
    CHECK(index < s->state_count);
    TRY(read_checked(file, states_offset(s) + index * s->facts.state_bytes, s->facts.state_bytes,
                     s->states[index].digest, "a recurrent state", &values, err));
    return infer_seq_load_state(seq, s->states[index].position, values, err);
}

enum status snapshot_load_logits(const struct snapshot_file *file, struct infer_seq *seq,
                                 struct error *err)
{
    const struct snapshot *s = &file->snapshot;
    CLEANUP(mem_freep) void *values = NULL;
    CHECK(s->has_logits);
    TRY(read_checked(file, states_offset(s) + s->state_count * s->facts.state_bytes,
                     s->facts.vocab_size * sizeof(float), s->logits_digest, "the logits", &values,
                     err));
    infer_seq_load_logits(seq, values);
    return OK;
}

/* ---------------------------------------------------------------- writing */

/* Which states of the sequence go into the file: those of tokens it has, the newest first when
 * there are too many. `indices` [SNAPSHOT_STATES_MAX] are of infer_seq_state(). */
static uint32_t choose_states(const struct session *session, const struct snapshot_plan *plan,
                              uint32_t *indices)
{
    const uint32_t all = infer_seq_state_count(session->seq);
    uint32_t count = 0;
    for (uint32_t i = all; i-- > 0 && count < SNAPSHOT_STATES_MAX;) {
        uint32_t position = 0;
        (void)infer_seq_state(session->seq, i, &position);
        if (position <= plan->computed_count && position > plan->first_page * KV_PAGE_TOKENS)
            indices[count++] = i;
    }
    for (uint32_t i = 0; i < count / 2; i++) { /* ascending */
        const uint32_t last = indices[count - 1 - i];
        indices[count - 1 - i] = indices[i];
        indices[i] = last;
    }
    return count;
}

static bool has_logits(const struct session *session, const struct snapshot_plan *plan)
{
    return plan->computed_count == infer_seq_token_count(session->seq) &&
           plan->computed_count == plan->token_count && session->draft.taken == 0 &&
           infer_seq_logits(session->seq) != NULL;
}

static struct snapshot describe(const struct session *session, const struct snapshot_plan *plan,
                                uint32_t *indices)
{
    struct snapshot s = {
        .token_count = plan->token_count,
        .computed_count = plan->computed_count,
        .first_page = plan->first_page,
        .page_count =
            (plan->computed_count + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS - plan->first_page,
        .state_count = choose_states(session, plan, indices),
        .has_logits = has_logits(session, plan),
        .weight_bytes = session->engine->info.weight_bytes,
    };
    snapshot_facts_of(session->engine, &s.facts);
    if (plan->owner)
        memcpy(s.owner, plan->owner, sizeof(s.owner));
    snapshot_measure(&s);
    return s;
}

uint64_t snapshot_plan_bytes(const struct session *session, const struct snapshot_plan *plan)
{
    uint32_t indices[SNAPSHOT_STATES_MAX];
    return describe(session, plan, indices).file_bytes;
}

static enum status write_pages(const struct session *session, const struct snapshot_plan *plan,
                               const struct file_writer *writer, struct snapshot *s,
                               struct error *err)
{
    struct page_work work = {
        .target = writer, .snapshot = s, .infer = session->engine->infer, .seq = session->seq};
    const uint64_t fitting = BATCH_BYTES / (s->facts.page_bytes + 1);
    const uint32_t batch = fitting > 0 ? (uint32_t)fitting : 1;
    for (uint32_t done = 0; done < s->page_count; done += work.count) {
        if (plan->goes_on && !plan->goes_on(plan->context))
            return error_set(err, E_CANCELLED, "there is other work");
        work.first = s->first_page + done;
        work.count = s->page_count - done < batch ? s->page_count - done : batch;
        TRY(move_all(&work, err));
        if (plan->goes_on &&
            work.count < s->page_count) /* else the commit would take long at once */
            TRY(file_writer_sync(writer, err));
    }
    return OK;
}

static enum status write_tail(const struct session *session, const struct file_writer *writer,
                              struct snapshot *s, const uint32_t *indices, struct error *err)
{
    uint64_t offset = states_offset(s);
    for (uint32_t i = 0; i < s->state_count; i++) {
        struct snapshot_state *state = &s->states[i];
        const void *values = infer_seq_state(session->seq, indices[i], &state->position);
        crypto_generichash(state->digest, sizeof(state->digest), values, s->facts.state_bytes, NULL,
                           0);
        TRY(file_writer_put(writer, offset, values, s->facts.state_bytes, err));
        offset += s->facts.state_bytes;
    }
    if (!s->has_logits)
        return OK;
    const void *logits = infer_seq_logits(session->seq);
    const size_t size = s->facts.vocab_size * sizeof(float);
    crypto_generichash(s->logits_digest, sizeof(s->logits_digest), logits, size, NULL, 0);
    return file_writer_put(writer, offset, logits, size, err);
}

enum status snapshot_write(const struct session *session, const struct snapshot_plan *plan,
                           const char *path, struct error *err)
{
    uint32_t indices[SNAPSHOT_STATES_MAX];
    CLEANUP(file_writer_done) struct file_writer writer = {0};
    CLEANUP(strbuf_done) struct strbuf header = {0};
    CHECK(plan->computed_count <= infer_seq_token_count(session->seq) &&
          plan->computed_count <= plan->token_count && plan->token_count <= session->log.count);
    struct snapshot s = describe(session, plan, indices);
    if (s.token_count == 0 || s.token_count > SNAPSHOT_TOKENS_MAX)
        return error_set(err, E_INVALID, "a session of %" PRIu32 " tokens cannot be kept (1 to %d)",
                         s.token_count, SNAPSHOT_TOKENS_MAX);
    CLEANUP(mem_freep)
    uint8_t *digests = mem_try_zalloc(s.page_count + 1u, SNAPSHOT_DIGEST_BYTES);
    if (!digests)
        return error_set(err, E_NO_MEMORY, "digests of %" PRIu32 " pages", s.page_count);
    CLEANUP(mem_freep) struct log_token *log = session_log_copy(&session->log, s.token_count);
    s.page_digests = digests;
    s.log = log;
    TRY(file_writer_open(path, &writer, err));
    TRY(file_writer_reserve(&writer, s.file_bytes, plan->left_bytes, err));
    TRY(write_pages(session, plan, &writer, &s, err));
    TRY(write_tail(session, &writer, &s, indices, err));
    snapshot_format(&s, &header);
    TRY(file_writer_put(&writer, 0, header.ptr, header.len, err));
    return file_writer_commit(&writer, err);
}
