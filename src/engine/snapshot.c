/* snapshot - the header: bytes to facts. The rest is in snapshot_file.c. See snapshot.h. */
#include "engine/snapshot_internal.h"

#include "base/byte_reader.h"
#include "base/check.h"
#include "base/mem.h"
#include "chat/segment.h"
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "infer/infer.h"
#include "model/arithmetic_version.h"
#include "model/kv_view.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

static const char magic[] = "HOLTSNAP";

enum {
    MAGIC_BYTES = 8,
    LOG_ROW_BYTES = 12, /* id, bytes, origin and flags */
    LOG_KEEPS_STATE = 1 << 8,
    HEADER_UNIT = 64,
};

static_assert((int)SNAPSHOT_DIGEST_BYTES == (int)crypto_generichash_BYTES, "BLAKE2b-256");
static_assert((int)SNAPSHOT_DIGEST_BYTES == (int)GGUF_FINGERPRINT_BYTES, "the same hash");

void snapshot_done(struct snapshot *snapshot)
{
    mem_free(snapshot->log);
    mem_free(snapshot->page_digests);
    *snapshot = (struct snapshot){0};
}

static uint32_t pages_for(uint32_t token_count)
{
    return token_count / KV_PAGE_TOKENS + (token_count % KV_PAGE_TOKENS != 0);
}

/* ---------------------------------------------------------------- reading */

enum status snapshot_header_bytes(const void *bytes, uint64_t file_bytes, size_t *out,
                                  struct error *err)
{
    struct byte_reader in = byte_reader_over(bytes, SNAPSHOT_FIRST_BYTES);
    struct str mark;
    uint32_t version = 0;
    uint32_t header_bytes = 0;
    if (file_bytes < SNAPSHOT_FIXED_BYTES + SNAPSHOT_DIGEST_BYTES)
        return error_set(err, E_FORMAT, "not a snapshot, or cut short: %" PRIu64 " bytes",
                         file_bytes);
    TRY(byte_reader_bytes(&in, MAGIC_BYTES, &mark, err));
    TRY(byte_reader_u32(&in, &version, err));
    TRY(byte_reader_u32(&in, &header_bytes, err));
    if (memcmp(mark.ptr, magic, MAGIC_BYTES) != 0)
        return error_set(err, E_FORMAT, "not a snapshot");
    if (version != SNAPSHOT_VERSION)
        return error_set(err, E_UNSUPPORTED,
                         "a snapshot of version %" PRIu32 " (this holt reads version %d)", version,
                         SNAPSHOT_VERSION);
    if (header_bytes > SNAPSHOT_HEADER_MAX)
        return error_set(err, E_LIMIT, "a header of %" PRIu32 " bytes (limit %d)", header_bytes,
                         SNAPSHOT_HEADER_MAX);
    if (header_bytes < SNAPSHOT_FIXED_BYTES + SNAPSHOT_DIGEST_BYTES ||
        header_bytes % HEADER_UNIT != 0)
        return error_set(err, E_FORMAT, "damaged: a header of %" PRIu32 " bytes", header_bytes);
    if (header_bytes > file_bytes)
        return error_set(err, E_FORMAT,
                         "cut short: %" PRIu64 " bytes, and the header alone has %" PRIu32,
                         file_bytes, header_bytes);
    *out = header_bytes;
    return OK;
}

static enum status take(struct byte_reader *in, size_t size, void *out, struct error *err)
{
    struct str view;
    TRY(byte_reader_bytes(in, size, &view, err));
    memcpy(out, view.ptr, size);
    return OK;
}

static enum status read_states(struct byte_reader *in, struct snapshot *out, struct error *err)
{
    for (uint32_t i = 0; i < SNAPSHOT_STATES_MAX; i++) {
        uint32_t zero = 0;
        TRY(byte_reader_u32(in, &out->states[i].position, err));
        TRY(byte_reader_u32(in, &zero, err));
        TRY(take(in, SNAPSHOT_DIGEST_BYTES, out->states[i].digest, err));
    }
    return OK;
}

static enum status read_fixed(struct byte_reader *in, struct snapshot *out, struct error *err)
{
    struct snapshot_facts *facts = &out->facts;
    uint32_t has_logits = 0;
    TRY(byte_reader_u32(in, &out->uses, err));
    in->position = SNAPSHOT_FIRST_BYTES;
    TRY(take(in, SNAPSHOT_DIGEST_BYTES, facts->fingerprint, err));
    TRY(byte_reader_u32(in, &facts->arithmetic_version, err));
    TRY(byte_reader_u32(in, &facts->page_tokens, err));
    TRY(take(in, SNAPSHOT_KIND_BYTES, facts->kv_kind, err));
    TRY(byte_reader_u64(in, &facts->page_bytes, err));
    TRY(byte_reader_u64(in, &facts->state_bytes, err));
    TRY(byte_reader_u64(in, &out->weight_bytes, err));
    TRY(byte_reader_u64(in, &out->file_bytes, err));
    TRY(byte_reader_u32(in, &facts->vocab_size, err));
    TRY(byte_reader_u32(in, &out->token_count, err));
    TRY(byte_reader_u32(in, &out->computed_count, err));
    TRY(byte_reader_u32(in, &out->first_page, err));
    TRY(byte_reader_u32(in, &out->page_count, err));
    TRY(byte_reader_u32(in, &out->state_count, err));
    TRY(byte_reader_u32(in, &has_logits, err));
    TRY(take(in, SNAPSHOT_OWNER_BYTES, out->owner, err));
    TRY(take(in, SNAPSHOT_DIGEST_BYTES, out->logits_digest, err));
    TRY(read_states(in, out, err));
    out->has_logits = has_logits == 1;
    if (has_logits > 1)
        return error_set(err, E_FORMAT, "damaged: logits %" PRIu32 " times", has_logits);
    in->position = SNAPSHOT_FIXED_BYTES;
    return OK;
}

static enum status check_counts(const struct snapshot *s, struct error *err)
{
    if (s->token_count == 0 || s->token_count > SNAPSHOT_TOKENS_MAX)
        return error_set(err, E_LIMIT, "a log of %" PRIu32 " tokens (1 to %d)", s->token_count,
                         SNAPSHOT_TOKENS_MAX);
    if (s->facts.page_tokens != KV_PAGE_TOKENS)
        return error_set(err, E_UNSUPPORTED, "pages of %" PRIu32 " tokens (here %d)",
                         s->facts.page_tokens, KV_PAGE_TOKENS);
    if (s->computed_count > s->token_count || s->first_page > pages_for(s->computed_count) ||
        s->page_count != pages_for(s->computed_count) - s->first_page)
        return error_set(err, E_FORMAT,
                         "damaged: %" PRIu32 " of %" PRIu32 " tokens in %" PRIu32
                         " pages from page %" PRIu32 " on",
                         s->computed_count, s->token_count, s->page_count, s->first_page);
    if (s->state_count > SNAPSHOT_STATES_MAX || (s->state_count > 0 && s->facts.state_bytes == 0))
        return error_set(err, E_FORMAT,
                         "damaged: %" PRIu32 " recurrent states of %" PRIu64 " bytes",
                         s->state_count, s->facts.state_bytes);
    for (uint32_t i = 0; i < s->state_count; i++)
        if (s->states[i].position > s->computed_count || s->states[i].position == 0 ||
            (i > 0 && s->states[i].position <= s->states[i - 1].position))
            return error_set(err, E_FORMAT, "damaged: a recurrent state of %" PRIu32 " tokens",
                             s->states[i].position);
    return OK;
}

/* The file must have exactly the bytes that its counts say. */
static enum status check_size(const struct snapshot *s, uint64_t file_bytes, struct error *err)
{
    const uint64_t header = (SNAPSHOT_FIXED_BYTES + (uint64_t)s->token_count * LOG_ROW_BYTES +
                             (uint64_t)s->page_count * SNAPSHOT_DIGEST_BYTES +
                             SNAPSHOT_DIGEST_BYTES + HEADER_UNIT - 1) /
                            HEADER_UNIT * HEADER_UNIT;
    uint64_t pages = 0;
    uint64_t states = 0;
    uint64_t total = 0;
    const uint64_t logits = s->has_logits ? (uint64_t)s->facts.vocab_size * sizeof(float) : 0;
    if (__builtin_mul_overflow(s->facts.page_bytes, (uint64_t)s->page_count, &pages) ||
        __builtin_mul_overflow(s->facts.state_bytes, (uint64_t)s->state_count, &states) ||
        __builtin_add_overflow(pages, states, &total) ||
        __builtin_add_overflow(total, header + logits, &total) || header != s->header_bytes ||
        total != s->file_bytes)
        return error_set(err, E_FORMAT, "damaged: its sizes do not agree with each other");
    if (total != file_bytes)
        return error_set(err, E_FORMAT, "cut short or grown: %" PRIu64 " bytes instead of %" PRIu64,
                         file_bytes, total);
    return OK;
}

static enum status read_log(struct byte_reader *in, struct snapshot *out, struct error *err)
{
    out->log = mem_try_zalloc(out->token_count, sizeof(*out->log));
    if (!out->log)
        return error_set(err, E_NO_MEMORY, "a log of %" PRIu32 " tokens", out->token_count);
    for (uint32_t i = 0; i < out->token_count; i++) {
        uint32_t id = 0;
        uint32_t flags = 0;
        TRY(byte_reader_u32(in, &id, err));
        TRY(byte_reader_u32(in, &out->log[i].bytes, err));
        TRY(byte_reader_u32(in, &flags, err));
        const uint32_t origin = flags & ~(uint32_t)LOG_KEEPS_STATE;
        if (id > INT32_MAX || origin >= SEGMENT_ORIGIN_COUNT)
            return error_set(err, E_FORMAT, "damaged: token %" PRIu32 " of the log", i);
        out->log[i].id = (int32_t)id;
        out->log[i].origin = (uint8_t)origin;
        out->log[i].keeps_state = (flags & LOG_KEEPS_STATE) != 0;
    }
    const size_t size = (size_t)out->page_count * SNAPSHOT_DIGEST_BYTES;
    out->page_digests = mem_try_alloc(size + 1);
    if (!out->page_digests)
        return error_set(err, E_NO_MEMORY, "digests of %" PRIu32 " pages", out->page_count);
    return take(in, size, out->page_digests, err);
}

static enum status check_digest(const unsigned char *bytes, size_t header_bytes, struct error *err)
{
    const size_t end = header_bytes - SNAPSHOT_DIGEST_BYTES;
    uint8_t digest[SNAPSHOT_DIGEST_BYTES];
    crypto_generichash(digest, sizeof(digest), bytes + SNAPSHOT_FIRST_BYTES,
                       end - SNAPSHOT_FIRST_BYTES, NULL, 0);
    if (memcmp(digest, bytes + end, sizeof(digest)) != 0)
        return error_set(err, E_FORMAT, "damaged: the digest of its header is another");
    return OK;
}

static enum status parse(const void *bytes, size_t size, uint64_t file_bytes, struct snapshot *out,
                         struct error *err)
{
    size_t header_bytes = 0;
    if (size < SNAPSHOT_FIRST_BYTES)
        return error_set(err, E_FORMAT, "not a snapshot, or cut short: %zu bytes", size);
    TRY(snapshot_header_bytes(bytes, file_bytes, &header_bytes, err));
    if (header_bytes > size)
        return error_set(err, E_FORMAT, "cut short: %zu of %zu bytes of the header", size,
                         header_bytes);
    TRY(check_digest(bytes, header_bytes, err));
    struct byte_reader in = byte_reader_over(bytes, header_bytes);
    in.position = SNAPSHOT_USES_OFFSET;
    out->header_bytes = header_bytes;
    TRY(read_fixed(&in, out, err));
    TRY(check_counts(out, err));
    TRY(check_size(out, file_bytes, err));
    return read_log(&in, out, err);
}

enum status snapshot_parse(const void *bytes, size_t size, uint64_t file_bytes,
                           struct snapshot *out, struct error *err)
{
    struct snapshot snapshot = {0};
    const enum status status = parse(bytes, size, file_bytes, &snapshot, err);
    if (status == OK)
        *out = snapshot;
    else
        snapshot_done(&snapshot);
    return status;
}

/* ---------------------------------------------------------------- whose it is */

void snapshot_facts_of(const struct engine *engine, struct snapshot_facts *out)
{
    *out = (struct snapshot_facts){
        .arithmetic_version = ARITHMETIC_VERSION,
        .page_tokens = KV_PAGE_TOKENS,
        .page_bytes = infer_page_bytes(engine->infer),
        .state_bytes = infer_state_bytes(engine->infer),
        .vocab_size = engine->info.vocab_size,
    };
    memcpy(out->fingerprint, engine->fingerprint, sizeof(out->fingerprint));
    const char *kind = kv_kind_name(infer_kv_kind(engine->infer));
    CHECK(strlen(kind) < sizeof(out->kv_kind));
    memcpy(out->kv_kind, kind, strlen(kind));
}

enum status snapshot_check(const struct snapshot *snapshot, const struct engine *engine,
                           struct error *err)
{
    const struct snapshot_facts *theirs = &snapshot->facts;
    struct snapshot_facts ours;
    snapshot_facts_of(engine, &ours);
    if (theirs->arithmetic_version != ours.arithmetic_version)
        return error_set(err, E_UNSUPPORTED,
                         "computed with arithmetic of version %" PRIu32 " (here %" PRIu32 ")",
                         theirs->arithmetic_version, ours.arithmetic_version);
    if (memcmp(theirs->fingerprint, ours.fingerprint, sizeof(ours.fingerprint)) != 0)
        return error_set(err, E_UNSUPPORTED, "made with another model");
    if (memcmp(theirs->kv_kind, ours.kv_kind, sizeof(ours.kv_kind)) != 0)
        return error_set(err, E_UNSUPPORTED, "keys and values are of the kind %.*s (here %s)",
                         SNAPSHOT_KIND_BYTES - 1, theirs->kv_kind, ours.kv_kind);
    if (theirs->page_bytes != ours.page_bytes || theirs->state_bytes != ours.state_bytes ||
        theirs->vocab_size != ours.vocab_size)
        return error_set(err, E_UNSUPPORTED, "pages or states of another size");
    for (uint32_t i = 0; i < snapshot->token_count; i++)
        if ((uint32_t)snapshot->log[i].id >= ours.vocab_size)
            return error_set(err, E_FORMAT, "token %" PRIu32 " of the log is not in the vocabulary",
                             i);
    return OK;
}

/* ---------------------------------------------------------------- writing */

static void put_u32(struct strbuf *out, uint32_t number)
{
    unsigned char bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
    strbuf_add(out, bytes, sizeof(bytes));
}

static void put_u64(struct strbuf *out, uint64_t number)
{
    put_u32(out, (uint32_t)number);
    put_u32(out, (uint32_t)(number >> 32));
}

static void put_zeros(struct strbuf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strbuf_add_char(out, '\0');
}

uint64_t snapshot_measure(struct snapshot *s)
{
    s->header_bytes = (SNAPSHOT_FIXED_BYTES + (uint64_t)s->token_count * LOG_ROW_BYTES +
                       (uint64_t)(s->page_count + 1) * SNAPSHOT_DIGEST_BYTES + HEADER_UNIT - 1) /
                      HEADER_UNIT * HEADER_UNIT;
    s->file_bytes = s->header_bytes + s->page_count * s->facts.page_bytes +
                    s->state_count * s->facts.state_bytes +
                    (s->has_logits ? s->facts.vocab_size * sizeof(float) : 0);
    return s->file_bytes;
}

static void put_fixed(const struct snapshot *s, struct strbuf *out)
{
    strbuf_add(out, magic, MAGIC_BYTES);
    put_u32(out, SNAPSHOT_VERSION);
    put_u32(out, (uint32_t)s->header_bytes);
    put_u32(out, s->uses);
    put_zeros(out, SNAPSHOT_FIRST_BYTES - out->len);
    strbuf_add(out, s->facts.fingerprint, SNAPSHOT_DIGEST_BYTES);
    put_u32(out, s->facts.arithmetic_version);
    put_u32(out, s->facts.page_tokens);
    strbuf_add(out, s->facts.kv_kind, SNAPSHOT_KIND_BYTES);
    put_u64(out, s->facts.page_bytes);
    put_u64(out, s->facts.state_bytes);
    put_u64(out, s->weight_bytes);
    put_u64(out, s->file_bytes);
    put_u32(out, s->facts.vocab_size);
    put_u32(out, s->token_count);
    put_u32(out, s->computed_count);
    put_u32(out, s->first_page);
    put_u32(out, s->page_count);
    put_u32(out, s->state_count);
    put_u32(out, s->has_logits);
    strbuf_add(out, s->owner, SNAPSHOT_OWNER_BYTES);
    strbuf_add(out, s->logits_digest, SNAPSHOT_DIGEST_BYTES);
    for (uint32_t i = 0; i < SNAPSHOT_STATES_MAX; i++) {
        put_u32(out, s->states[i].position);
        put_u32(out, 0);
        strbuf_add(out, s->states[i].digest, SNAPSHOT_DIGEST_BYTES);
    }
    CHECK(out->len <= SNAPSHOT_FIXED_BYTES);
    put_zeros(out, SNAPSHOT_FIXED_BYTES - out->len);
}

void snapshot_format(const struct snapshot *s, struct strbuf *out)
{
    uint8_t digest[SNAPSHOT_DIGEST_BYTES];
    CHECK(out->len == 0);
    put_fixed(s, out);
    for (uint32_t i = 0; i < s->token_count; i++) {
        put_u32(out, (uint32_t)s->log[i].id);
        put_u32(out, s->log[i].bytes);
        put_u32(out, s->log[i].origin | (s->log[i].keeps_state ? LOG_KEEPS_STATE : 0u));
    }
    strbuf_add(out, s->page_digests, (size_t)s->page_count * SNAPSHOT_DIGEST_BYTES);
    put_zeros(out, (size_t)s->header_bytes - sizeof(digest) - out->len);
    crypto_generichash(digest, sizeof(digest), (unsigned char *)out->ptr + SNAPSHOT_FIRST_BYTES,
                       out->len - SNAPSHOT_FIRST_BYTES, NULL, 0);
    strbuf_add(out, digest, sizeof(digest));
}
