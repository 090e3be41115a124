/*
 * snapshot - a piece of a session on disk: its token log, pages of keys and values, recurrent
 * states, the logits of its newest token.
 *
 *   header   fixed fields, token log, digests; a digest of its own at the end
 *   pages    [page_count][page_bytes]   as infer_seq_piece() has them, layer after layer
 *   states   [state_count][state_bytes]
 *   logits   [vocab_size] f32, or nothing
 *
 * docs/formats/snapshot.md has every byte. The log is whole; the pages may begin later in it, where
 * other files have the ones before (prefix_store.h). What decides the bytes stands in the header:
 * the model's fingerprint, which covers the arithmetic version, the KV kind, the sizes. Nothing of
 * a file is used before the digest (BLAKE2b-256) of the header, and of the page or state itself,
 * has been found right; every length is checked against a limit and the file's size before memory
 * is taken for it.
 *
 * Threads: the engine's. Depends on: infer/, os/. Used by: session_snapshot.c, prefix_store.c.
 */
#pragma once

#include "base/error.h"
#include "os/file_pieces.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct infer_seq;
struct log_token;
struct session;

enum {
    SNAPSHOT_VERSION = 1,
    SNAPSHOT_DIGEST_BYTES = 32,
    SNAPSHOT_KIND_BYTES = 16,
    SNAPSHOT_OWNER_BYTES = 32,
    SNAPSHOT_STATES_MAX = 4,
    SNAPSHOT_TOKENS_MAX = 1 << 22,
    SNAPSHOT_HEADER_MAX = 1 << 26,
    SNAPSHOT_FIRST_BYTES = 64,  /* magic, version, length, uses */
    SNAPSHOT_FIXED_BYTES = 576, /* up to the token log */
    SNAPSHOT_USES_OFFSET = 16,
};

/* What a file and an engine must agree on. */
struct snapshot_facts {
    uint8_t fingerprint[SNAPSHOT_DIGEST_BYTES];
    uint32_t arithmetic_version;
    uint32_t page_tokens;
    char kv_kind[SNAPSHOT_KIND_BYTES]; /* padded with zeros */
    uint64_t page_bytes;
    uint64_t state_bytes; /* 0: no recurrent layers */
    uint32_t vocab_size;
};

struct snapshot_state {
    uint32_t position; /* tokens it stands for */
    uint8_t digest[SNAPSHOT_DIGEST_BYTES];
};

/* A header that has been checked. Zeroed is empty. */
struct snapshot {
    struct snapshot_facts facts;
    uint32_t token_count;    /* of the log, which begins with the session's first token */
    uint32_t computed_count; /* of these, tokens with keys and values, here or in other files */
    uint32_t first_page;     /* the pages here are first_page, first_page + 1, ... */
    uint32_t page_count;
    uint32_t state_count;
    struct snapshot_state states[SNAPSHOT_STATES_MAX]; /* positions ascending */
    bool has_logits;
    uint8_t logits_digest[SNAPSHOT_DIGEST_BYTES];
    uint8_t owner[SNAPSHOT_OWNER_BYTES]; /* whose it is; zero: nobody's */
    uint64_t weight_bytes;               /* of the model: what computing a token again costs */
    uint32_t uses;                       /* how often it was loaded, by any process */
    struct log_token *log;               /* [token_count] */
    uint8_t *page_digests;               /* [page_count][SNAPSHOT_DIGEST_BYTES] */
    uint64_t header_bytes;
    uint64_t file_bytes;
};

void snapshot_done(struct snapshot *snapshot); /* zeroed is allowed */

/*
 * Reads a header: `bytes` [size] is the file's beginning, `file_bytes` its length. Pure.
 * E_FORMAT: no snapshot, cut short or damaged; E_UNSUPPORTED: another version; E_LIMIT; the text
 * says which.
 */
MUST_USE enum status snapshot_parse(const void *bytes, size_t size, uint64_t file_bytes,
                                    struct snapshot *out, struct error *err);

/* Bytes of the header, from the first SNAPSHOT_FIRST_BYTES of a file of `file_bytes`. Pure. */
MUST_USE enum status snapshot_header_bytes(const void *bytes, uint64_t file_bytes, size_t *out,
                                           struct error *err);

/* What an engine's files have. */
void snapshot_facts_of(const struct engine *engine, struct snapshot_facts *out);

/* E_UNSUPPORTED with the reason unless the snapshot was made by this model, KV kind and
 * arithmetic; E_FORMAT when its log has a token that the model has not. */
MUST_USE enum status snapshot_check(const struct snapshot *snapshot, const struct engine *engine,
                                    struct error *err);

/* ---------------------------------------------------------------- files */

struct snapshot_file {
    struct file_pieces pieces;
    struct snapshot snapshot;
};

/* Reads and checks the header of `path`; errors name the file. */
MUST_USE enum status snapshot_open(const char *path, struct snapshot_file *out, struct error *err);
void snapshot_close(struct snapshot_file *file); /* zeroed is allowed */

/* Reads pages [first, first + count) of the file's into the same pages of `seq`, which has them, on
 * all compute threads. E_FORMAT: one is damaged; the pages of `seq` are then not to be used. */
MUST_USE enum status snapshot_load_pages(const struct snapshot_file *file, struct engine *engine,
                                         struct infer_seq *seq, uint32_t first, uint32_t count,
                                         struct error *err);
MUST_USE enum status snapshot_load_state(const struct snapshot_file *file, uint32_t index,
                                         struct infer_seq *seq, struct error *err);
MUST_USE enum status snapshot_load_logits(const struct snapshot_file *file, struct infer_seq *seq,
                                          struct error *err);

/* False to stop: the write then ends with E_CANCELLED and leaves no file. */
typedef bool(snapshot_goes_on_fn)(void *context);

struct snapshot_plan {
    uint32_t token_count;    /* of the session's log to keep */
    uint32_t computed_count; /* of these; at most what the session has computed */
    uint32_t first_page;
    const uint8_t *owner;         /* [SNAPSHOT_OWNER_BYTES], or NULL */
    uint64_t left_bytes;          /* room that must stay on the disk */
    snapshot_goes_on_fn *goes_on; /* may be NULL */
    void *context;
};

/* Bytes of the file snapshot_write() would make. */
uint64_t snapshot_plan_bytes(const struct session *session, const struct snapshot_plan *plan);

/*
 * Writes `path` whole or not at all (os/file.h), mode 0600. Of the recurrent states those behind
 * the pages left out are kept, the newest first; logits when the session has them for the newest
 * token kept. The session does not change.
 */
MUST_USE enum status snapshot_write(const struct session *session, const struct snapshot_plan *plan,
                                    const char *path, struct error *err);
