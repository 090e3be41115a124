/*
 * infer - many steps of many sequences on one model.
 *
 * An infer owns the key and value pages, the compute threads and the scratch memory of one loaded
 * model; all of it is reserved by infer_new(). A step takes rows (sequence, token) of any number
 * of sequences and computes them together. What a row yields depends only on the model, the KV
 * kind and the tokens of its sequence up to it: never on the other rows, on how a prompt was cut
 * into steps, on the number of threads or on the CPU (design.md section 5); tests compare bits.
 *
 * Threads: one at a time (the engine's); the compute threads work only inside infer_step().
 * Depends on: base/, kernel/, os/, model/. Used by: engine/, cli/.
 */
#pragma once

#include "base/error.h"
#include "model/kv_view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct infer;     /* opaque: see infer.c */
struct infer_seq; /* opaque: one token history with its keys and values */
struct kernel_table;
struct model;
struct worker_pool;

enum {
    INFER_BATCH_ROWS_DEFAULT = 256,
    INFER_BATCH_ROWS_MAX = 4096,
    INFER_LOGITS_ROWS_DEFAULT = 64,
    INFER_LOGITS_ROWS_MAX = 4096,
    INFER_TOKENS_DEFAULT = 4096,
    INFER_OPEN_SEQUENCES_DEFAULT = 2,
    INFER_OPEN_SEQUENCES_MAX = 1024,
    INFER_THREADS_MAX = 256,
    INFER_STATES_BYTES = 1 << 30,
    INFER_STATES_DEFAULT_MIN = 8,
    INFER_STATES_DEFAULT_MAX = 32,
    INFER_DRAFTS_MAX = 16, /* rows of one step that may be drafts, of a recurrent model */
};

struct infer_config {
    uint32_t thread_count;    /* compute threads, the caller's included; 0: one per core */
    unsigned cpu_features;    /* which kernels may be used: cpu_features() or fewer */
    enum kv_kind kv_kind;     /* KV_KIND_F16 is 0, the default */
    uint32_t token_capacity;  /* of all sequences together; 0: the smaller of
                                 INFER_TOKENS_DEFAULT and the model's context */
    uint32_t batch_rows_max;  /* rows computed at a time; 0: INFER_BATCH_ROWS_DEFAULT. More memory,
                                 faster prompts; no effect on results */
    uint32_t logits_rows_max; /* rows of one step that may want logits; 0:
                                 INFER_LOGITS_ROWS_DEFAULT */
    uint32_t state_count;     /* recurrent states: one for each sequence and one for each kept
                                 copy; 0: as many as fit into INFER_STATES_BYTES, within
                                 INFER_STATES_DEFAULT_MIN and _MAX. No effect on results */
    uint32_t open_sequences;  /* of coded KV kinds: sequences that go on side by side without
                                 computing parts again; 0: INFER_OPEN_SEQUENCES_DEFAULT. Memory of
                                 two pages of f16 each; no effect on results */
    bool packs_weights;       /* in the course of the first steps weights move from the mapped file
                                 to memory of this infer, in a faster layout; about as many bytes.
                                 No effect on results */
    bool guesses;             /* keeps what infer_guess() needs, where the model has a block for
                                 speculation. No effect on results */
};

/* What infer_new() would reserve, in bytes; the model's weights are not in it. */
struct infer_memory {
    size_t kv_bytes;      /* pages of keys and values */
    size_t state_bytes;   /* recurrent states, kept copies included; 0 without such layers */
    size_t scratch_bytes; /* activations of one slice, tables, logits */
};

/* Pure: computed before anything is allocated. E_INVALID, E_LIMIT as infer_new(). */
MUST_USE enum status infer_memory(const struct model *model, const struct infer_config *config,
                                  struct infer_memory *out, struct error *err);

/* Borrows `model`, which must outlive it. Starts the threads. E_INVALID: a number of `config` is
 * out of range; E_NO_MEMORY; E_IO: a thread could not be started. */
MUST_USE enum status infer_new(const struct model *model, const struct infer_config *config,
                               struct infer **out, struct error *err);
void infer_free(struct infer *infer); /* NULL is allowed; its sequences must be gone */

static inline void infer_freep(struct infer **infer)
{
    infer_free(*infer);
}

/* Bytes of weights that were packed so far; 0 without packs_weights. */
uint64_t infer_packed_bytes(const struct infer *infer);

/* ---------------------------------------------------------------- sequences */

/* An empty sequence. It borrows `infer` and must be freed before it. */
MUST_USE enum status infer_seq_new(struct infer *infer, struct infer_seq **out, struct error *err);
void infer_seq_free(struct infer_seq *seq); /* NULL is allowed */

static inline void infer_seq_freep(struct infer_seq **seq)
{
    infer_seq_free(*seq);
}

/* A new sequence with the first `token_count` tokens of `seq`: shares every page and state, copies
 * one only when either side writes into it. Costs the same whatever the length, where it takes all
 * tokens. E_INVALID when `seq` has fewer tokens, E_NO_MEMORY. */
MUST_USE enum status infer_seq_fork(struct infer_seq *seq, uint32_t token_count,
                                    struct infer_seq **out, struct error *err);

/* Forgets every token at position >= `token_count`; no effect when there are none. A recurrent
 * model goes back to the newest state kept at or before it; the next step of the sequence computes
 * the tokens between again, to the same bits. */
void infer_seq_truncate(struct infer_seq *seq, uint32_t token_count);

/* Keeps the recurrent state of this position, so that a rewind to it, or to a little behind it, is
 * cheap. State memory is bounded: the kept copy that saves the least goes first. Costs one copy of
 * a state when the sequence goes on; nothing for models without recurrent layers. */
void infer_seq_keep_state(struct infer_seq *seq);

/* Tokens at the beginning that the next step need not compute again; fewer than
 * infer_seq_token_count() only in a recurrent model: after infer_seq_truncate() or a fork, or when
 * others needed the state's memory while the sequence rested. */
uint32_t infer_seq_ready_count(const struct infer_seq *seq);

uint32_t infer_seq_token_count(const struct infer_seq *seq);

/* ---------------------------------------------------------------- steps */

struct infer_row {
    struct infer_seq *seq;
    int32_t token;
    bool wants_logits;
    bool keeps_state; /* infer_seq_keep_state() behind this token; no effect on results */
    bool is_draft;    /* the token is only guessed: see infer_seq_accept() */
};

/*
 * Appends each row's token to its sequence and computes it. Rows of one sequence are in order; rows
 * of several may be mixed. Any number of rows: they are computed in slices of batch_rows_max.
 *
 * Fails before anything is computed, and then no sequence has changed:
 *   E_INVALID  a token is not in the vocabulary, a sequence belongs to another infer
 *   E_LIMIT    no room for the tokens: token_capacity is used up; more sequences than
 *              infer_seqs_max(); more rows want logits than logits_rows_max
 * A sequence may grow beyond the context the model was trained for; whether it should is the
 * caller's decision.
 */
MUST_USE enum status infer_step(struct infer *infer, const struct infer_row *rows, size_t row_count,
                                struct error *err);

/*
 * Rows that are drafts come last among those of their sequence, one behind the other, and always
 * have logits. They are computed as any other, but are not tokens of the sequence: until the next
 * step infer_seq_accept() makes the first `count` of them its newest tokens, once, and the others
 * are forgotten; without it all are. At most infer_drafts_max() in a step.
 */
void infer_seq_accept(struct infer_seq *seq, uint32_t count);

/* The logits behind draft `index` of the sequence, [vocab_size]; until the next step or the next
 * change of the sequence, accepting aside. */
const float *infer_seq_draft_logits(const struct infer_seq *seq, uint32_t index);

uint32_t infer_drafts_max(const struct infer *infer);

/* Chooses a token by the logits of the `index`-th guess, [vocab_size]. */
typedef int32_t(infer_choose_fn)(void *context, const float *logits, uint32_t index);

/*
 * Guesses what follows `token`, which follows the sequence's tokens, by the model's block for
 * speculation: up to `count` tokens into out_tokens, each chosen by `choose`. The sequence stays as
 * it is. Returns how many: fewer, or none, without infer_config.guesses or such a block, behind
 * a rewind, or without room.
 */
uint32_t infer_guess(struct infer_seq *seq, int32_t token, uint32_t count, infer_choose_fn *choose,
                     void *context, int32_t *out_tokens);

/* The logits of row `row_index` of the last step, [vocab_size]; NULL when that row did not want
 * them. Valid until the next step. */
const float *infer_logits(const struct infer *infer, size_t row_index);

/* The logits of the sequence's newest token, [vocab_size]; NULL when they are gone. Of a recurrent
 * model they last as long as the token, also in a fork; of others until the next step. */
const float *infer_seq_logits(const struct infer_seq *seq);

/* ---------------------------------------------------------------- for snapshots */

struct infer_piece {
    unsigned char *bytes;
    size_t size;
};

/* Keys and values of a sequence lie in pages of KV_PAGE_TOKENS tokens, each in
 * infer_piece_count() pieces of memory, infer_page_bytes() together (kv_cache.h). */
uint32_t infer_piece_count(const struct infer *infer);
size_t infer_page_bytes(const struct infer *infer);
enum kv_kind infer_kv_kind(const struct infer *infer);
struct infer_piece infer_seq_piece(const struct infer_seq *seq, uint32_t page, uint32_t piece);

/* Zeroes in a copy of a piece what is not of the page's first `token_count` tokens. */
void infer_clear_tail(const struct infer *infer, uint32_t piece, unsigned char *copy,
                      uint32_t token_count);

/* Bytes of one recurrent state; 0 without recurrent layers. */
size_t infer_state_bytes(const struct infer *infer);

/* Recurrent states that the sequence has, in ascending order of the tokens they stand for. */
uint32_t infer_seq_state_count(const struct infer_seq *seq);
const void *infer_seq_state(const struct infer_seq *seq, uint32_t index, uint32_t *out_position);

/* Gives an empty sequence `count` tokens as if they had been computed: the caller then fills the
 * pieces of their pages. E_LIMIT: too few free pages. A recurrent model computes them again unless
 * a state is loaded. */
MUST_USE enum status infer_seq_load(struct infer_seq *seq, const int32_t *tokens, uint32_t count,
                                    struct error *err);

/* Loads the recurrent state that stands for the first `position` tokens. */
MUST_USE enum status infer_seq_load_state(struct infer_seq *seq, uint32_t position,
                                          const void *values, struct error *err);

/* Loads the logits of the newest token, [vocab_size]; without memory they are computed again. */
void infer_seq_load_logits(struct infer_seq *seq, const float *logits);

/* ---------------------------------------------------------------- hidden states */

/*
 * As infer_step(), but ends with the hidden states behind the last norm instead of logits, of the
 * rows that want them. `segments` [row_count] says which text of a pair a row belongs to (0 or 1);
 * NULL: all 0. Models that see all of a text (model_shape.sees_all) need each text whole: every
 * sequence must be empty before, and infer_step() refuses such models with E_UNSUPPORTED.
 *   E_LIMIT    more than batch_rows_max rows; a sequence longer than the model's context
 *   E_INVALID  also: a sequence that is not empty, where texts must be whole
 *   E_UNSUPPORTED  keys and values are kept as codes
 */
MUST_USE enum status infer_hidden_step(struct infer *infer, const struct infer_row *rows,
                                       const uint32_t *segments, size_t row_count,
                                       struct error *err);

/* The hidden state of the `index`-th row that wanted one in the last infer_hidden_step(),
 * [embd_dim]. Valid until the next step. */
const float *infer_hidden(const struct infer *infer, size_t index);

/* Rows of one step, at most: batch_rows_max with its default. */
uint32_t infer_batch_rows(const struct infer *infer);

/* ---------------------------------------------------------------- facts */

const struct model *infer_model(const struct infer *infer);
uint32_t infer_vocab_size(const struct infer *infer);
uint32_t infer_seqs_max(const struct infer *infer); /* that one step may have rows of */
uint32_t infer_thread_count(const struct infer *infer);
uint32_t infer_token_capacity(const struct infer *infer); /* in whole pages */

/* Tokens that could be appended to `seq` now. Other sequences draw on the same pages. */
uint32_t infer_seq_room(const struct infer_seq *seq);

/* Pages that are free, and that `token_count` more tokens of `seq` would take (a copy of a shared
 * one included): for callers that make room before a step. */
uint32_t infer_free_page_count(const struct infer *infer);
uint32_t infer_seq_append_pages(const struct infer_seq *seq, uint32_t token_count);

/* The kernels and threads that steps use, for measuring the machine. Not during a step. */
const struct kernel_table *infer_kernels(const struct infer *infer);
struct worker_pool *infer_workers(const struct infer *infer);
