/* What infer.h tells about an infer and its sequences, and gives for snapshots. */
#include "base/check.h"
#include "infer/infer_internal.h"

#include <string.h>

/* ---------------------------------------------------------------- for snapshots */

uint32_t infer_piece_count(const struct infer *infer)
{
    return kv_cache_piece_count(infer->cache);
}

size_t infer_page_bytes(const struct infer *infer)
{
    return kv_cache_page_bytes(infer->cache);
}

enum kv_kind infer_kv_kind(const struct infer *infer)
{
    return infer->config.kv_kind;
}

struct infer_piece infer_seq_piece(const struct infer_seq *seq, uint32_t page, uint32_t piece)
{
    const struct kv_cache_piece found = kv_cache_seq_piece(seq->pages, page, piece);
    return (struct infer_piece){.bytes = found.bytes, .size = found.size};
}

void infer_clear_tail(const struct infer *infer, uint32_t piece, unsigned char *copy,
                      uint32_t token_count)
{
    kv_cache_clear_tail(infer->cache, piece, copy, token_count);
}

size_t infer_state_bytes(const struct infer *infer)
{
    return recurrent_shape_floats(&infer->model->shape.recurrent) * sizeof(float);
}

uint32_t infer_seq_state_count(const struct infer_seq *seq)
{
    return seq->state ? recurrent_state_count(seq->state) : 0;
}

const void *infer_seq_state(const struct infer_seq *seq, uint32_t index, uint32_t *out_position)
{
    CHECK(seq->state);
    return recurrent_state_at(seq->state, index, out_position);
}

enum status infer_seq_load(struct infer_seq *seq, const int32_t *tokens, uint32_t count,
                           struct error *err)
{
    TRY(kv_cache_seq_load(seq->pages, count, err));
    for (uint32_t i = 0; i < count; i++)
        kv_cache_seq_set_token(seq->pages, i, tokens[i]);
    return OK;
}

enum status infer_seq_load_state(struct infer_seq *seq, uint32_t position, const void *values,
                                 struct error *err)
{
    float *to = NULL;
    CHECK(seq->state && position <= infer_seq_token_count(seq));
    TRY(recurrent_state_load(seq->state, position, &to, err));
    memcpy(to, values, infer_state_bytes(seq->infer));
    recurrent_state_rest(seq->state);
    return OK;
}

/* ---------------------------------------------------------------- facts */

const struct model *infer_model(const struct infer *infer)
{
    return infer->model;
}

uint32_t infer_vocab_size(const struct infer *infer)
{
    return infer->model->shape.vocab_size;
}

uint32_t infer_seqs_max(const struct infer *infer)
{
    return infer->states ? infer->config.state_count : UINT32_MAX;
}

uint32_t infer_thread_count(const struct infer *infer)
{
    return infer->config.thread_count;
}

uint32_t infer_token_capacity(const struct infer *infer)
{
    return kv_cache_page_count(infer->cache) * KV_PAGE_TOKENS;
}

uint32_t infer_free_page_count(const struct infer *infer)
{
    return kv_cache_free_page_count(infer->cache);
}

uint32_t infer_seq_append_pages(const struct infer_seq *seq, uint32_t token_count)
{
    return kv_cache_seq_append_pages(seq->pages, token_count);
}

const struct kernel_table *infer_kernels(const struct infer *infer)
{
    return &infer->kernels;
}

struct worker_pool *infer_workers(const struct infer *infer)
{
    return infer->workers;
}
