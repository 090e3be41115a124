/*
 * The attention of op.h: keys and values go into their pages first and are always read back from
 * there. Work is cut into (tile of rows, key head); when that gives fewer pieces than threads, as
 * in decode of one sequence on many cores, the spans of each piece are computed apart and merged
 * in ascending order, which gives the same bits.
 */
#include "base/check.h"
#include "model/model.h"
#include "model/op.h"
#include "model/op_rows.h"
#include "os/worker_pool.h"

#include <stdatomic.h>
#include <string.h>

_Static_assert((int)KV_PAGE_TOKENS == (int)KERNEL_PAGE_TOKENS,
               "kernels and cache agree on the page");

static unsigned char *page_at(const struct forward *f, uint32_t layer, uint32_t page)
{
    return f->kv->bytes + layer * f->kv->layer_bytes + page * f->kv->page_layer_bytes;
}

/* Bytes from the start of a page's layer to the keys of `head`; values follow all keys. */
static size_t head_offset(const struct forward *f, uint32_t head)
{
    return (size_t)head * KV_PAGE_TOKENS * f->model->shape.head_dim * f->kv->element_bytes;
}

static void store(const struct forward *f, const float *x, unsigned char *to)
{
    const uint32_t n = f->model->shape.head_dim;
    if (f->kv->kind == KV_KIND_F16)
        f->kernels->to_f16(x, n, (uint16_t *)(void *)to);
    else
        memcpy(to, x, n * sizeof(*x));
}

static void store_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const uint32_t layer = *(const uint32_t *)args;
    const struct model_shape *s = &f->model->shape;
    const size_t stride = forward_stride((size_t)s->kv_head_count * s->head_dim);
    for (uint32_t i = begin; i < end; i++) {
        const struct forward_row *row = &f->rows[i];
        unsigned char *page = page_at(f, layer, row->pages[row->position / KV_PAGE_TOKENS]);
        const size_t in_head =
            row->position % KV_PAGE_TOKENS * (size_t)s->head_dim * f->kv->element_bytes;
        for (uint32_t head = 0; head < s->kv_head_count; head++) {
            const size_t from = i * stride + (size_t)head * s->head_dim;
            store(f, f->k + from, page + head_offset(f, head) + in_head);
            store(f, f->v + from, page + head_offset(f, s->kv_head_count + head) + in_head);
        }
    }
}

void op_kv_store(struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &f->model->shape;
    op_rows_run(f, (size_t)2 * s->kv_head_count * s->head_dim, store_rows, &layer);
}

/* ---------------------------------------------------------------- attend */

struct attend_job {
    struct forward *f;
    uint32_t layer;
    uint32_t span_count_max; /* spans of the longest row; used when spans are computed apart */
    atomic_size_t next_piece;
};

static enum kernel_kv kernel_kind(const struct forward *f)
{
    return f->kv->kind == KV_KIND_F16 ? KERNEL_KV_F16 : KERNEL_KV_F32;
}

/* The kernel call of piece `index`: a tile of rows and one key head with its query heads. */
static struct kernel_attend_args attend_args(const struct attend_job *job, size_t index)
{
    const struct forward *f = job->f;
    const struct model_shape *s = &f->model->shape;
    const struct forward_tile *tile = &f->tiles[index / s->kv_head_count];
    const struct forward_row *row = &f->rows[tile->row_first];
    const uint32_t head = (uint32_t)(index % s->kv_head_count);
    const size_t group = s->head_count / s->kv_head_count;
    const size_t stride = forward_stride((size_t)s->head_count * s->head_dim);
    const size_t from = tile->row_first * stride + head * group * s->head_dim;
    return (struct kernel_attend_args){
        .queries = f->q + from,
        .keys = page_at(f, job->layer, 0) + head_offset(f, head),
        .values = page_at(f, job->layer, 0) + head_offset(f, s->kv_head_count + head),
        .pages = row->pages,
        .out = f->mixed + from,
        .query_stride = stride,
        .out_stride = stride,
        .page_bytes = f->kv->page_layer_bytes,
        .key_count = (size_t)row->position + 1,
        .token_count = tile->row_count,
        .head_count = group,
        .head_dim = s->head_dim,
        .scale = s->attention_scale,
    };
}

/* Threads take one piece after another, the last first: it sees the most keys. */
static void attend_worker(unsigned index, unsigned count, void *context)
{
    (void)count;
    struct attend_job *job = context;
    struct forward *f = job->f;
    const size_t piece_count = (size_t)f->tile_count * f->model->shape.kv_head_count;
    float *scratch = f->attend_scratch + index * forward_stride(f->attend_floats);
    for (;;) {
        const size_t taken = atomic_fetch_add_explicit(&job->next_piece, 1, memory_order_relaxed);
        if (taken >= piece_count)
            return;
        const struct kernel_attend_args args = attend_args(job, piece_count - 1 - taken);
        kernel_table_attend(f->kernels, kernel_kind(f), &args, scratch);
    }
}

/* Pieces of one token each: first every span of every piece, then the merges. */
static void attend_spans_worker(unsigned index, unsigned count, void *context)
{
    const struct attend_job *job = context;
    struct forward *f = job->f;
    const size_t piece_count = (size_t)f->tile_count * f->model->shape.kv_head_count;
    const size_t spans_max = job->span_count_max;
    for (size_t i = index; i < piece_count * spans_max; i += count) {
        const struct kernel_attend_args args = attend_args(job, i / spans_max);
        const size_t stride = forward_stride(kernel_table_partial_floats(&args));
        if (i % spans_max < kernel_table_span_count(&args))
            f->kernels->attend_span[kernel_kind(f)](&args, i % spans_max,
                                                    f->span_partials + i * stride);
    }
    worker_pool_barrier(f->workers);
    for (size_t i = index; i < piece_count; i += count) {
        const struct kernel_attend_args args = attend_args(job, i);
        const size_t stride = forward_stride(kernel_table_partial_floats(&args));
        const float *partials = f->span_partials + i * spans_max * stride;
        float *state = f->attend_scratch + index * forward_stride(f->attend_floats);
        for (size_t span = 0; span < kernel_table_span_count(&args); span++)
            f->kernels->attend_merge(&args, span, partials + span * stride, state);
        kernel_table_attend_finish(&args, state);
    }
}

/* Keys all rows see together, and the longest row's; how many rows share a tile in *out_shared. */
static size_t count_keys(const struct forward *f, uint32_t *out_longest, bool *out_shared)
{
    size_t keys = 0;
    *out_longest = 0;
    *out_shared = f->tile_count != f->row_count;
    for (uint32_t i = 0; i < f->row_count; i++) {
        const uint32_t seen = f->rows[i].position + 1;
        keys += seen;
        *out_longest = seen > *out_longest ? seen : *out_longest;
    }
    return keys;
}

void op_attend(struct forward *f, uint32_t layer)
{
    if (f->row_count == 0)
        return;
    const struct model_shape *s = &f->model->shape;
    struct attend_job job = {.f = f, .layer = layer};
    uint32_t longest = 0;
    bool tiles_are_shared = false;
    const size_t keys = count_keys(f, &longest, &tiles_are_shared);
    job.span_count_max = (longest + KERNEL_SPAN_TOKENS - 1) / KERNEL_SPAN_TOKENS;
    DCHECK(job.span_count_max <= forward_spans_max(&f->config));
    const size_t piece_count = (size_t)f->tile_count * s->kv_head_count;
    if (keys * s->head_count * s->head_dim < OP_ROWS_VALUES_MIN)
        attend_worker(0, 1, &job);
    else if (piece_count < f->config.thread_count && job.span_count_max > 1 && !tiles_are_shared)
        worker_pool_run(f->workers, attend_spans_worker, &job);
    else
        worker_pool_run(f->workers, attend_worker, &job);
}
