/*
 * The attention of op.h: keys and values go into their pages first and are always read back from
 * there. Work is cut into (tile of rows, key head, some of its query heads); when that gives fewer
 * pieces than threads, as in decode of one sequence on many cores, the spans of each piece are
 * computed apart and merged in ascending order, which gives the same bits.
 *
 * Of coded kinds keys and values are rotated and stored as f16; a block that is full is coded at
 * once, from what was stored, before any query looks at it (op_codes.c).
 */
#include "base/check.h"
#include "model/model.h"
#include "model/op.h"
#include "model/op_codes.h"
#include "model/op_rows.h"
#include "os/worker_pool.h"

#include <stdatomic.h>
#include <string.h>

_Static_assert((int)KV_PAGE_TOKENS == (int)KERNEL_PAGE_TOKENS,
               "kernels and cache agree on the page");

/* Bytes from the start of a page to the keys of `head`. */
static size_t key_offset(const struct forward *f, uint32_t head)
{
    return head * KV_PAGE_TOKENS * kv_view_row_bytes(f->kv, f->model->shape.head_dim);
}

/* To the values, which follow the keys of all heads or are their first numbers. */
static size_t value_offset(const struct forward *f, uint32_t kv_head_count, uint32_t head)
{
    const struct model_shape *s = &f->model->shape;
    if (s->values_in_keys)
        return key_offset(f, head);
    return key_offset(f, kv_head_count) +
           head * KV_PAGE_TOKENS * kv_view_row_bytes(f->kv, s->value_dim);
}

static void store(const struct forward *f, const float *x, size_t n, unsigned char *to)
{
    switch (kv_kind_kernel(f->kv->kind)) {
    case KERNEL_KV_F16: f->kernels->to_f16(x, n, (uint16_t *)(void *)to); break;
    case KERNEL_KV_Q8: f->kernels->to_q8(x, n, to); break;
    case KERNEL_KV_F32:
    case KERNEL_KV_COUNT: memcpy(to, x, n * sizeof(*x)); break;
    }
}

static void store_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct model_shape *s = &f->model->shape;
    const struct layer_shape *layer = &s->layers[*(const uint32_t *)args];
    const uint32_t heads = layer->kv_head_count;
    const size_t key_stride = forward_stride((size_t)heads * s->head_dim);
    const size_t value_stride = forward_stride((size_t)heads * s->value_dim);
    const size_t key_bytes = kv_view_row_bytes(f->kv, s->head_dim);
    const size_t value_bytes = kv_view_row_bytes(f->kv, s->value_dim);
    for (uint32_t i = begin; i < end; i++) {
        const struct forward_row *row = &f->rows[i];
        const uint32_t block = row->position / KV_PAGE_TOKENS;
        unsigned char *page =
            kv_view_is_coded(f->kv, layer->kv_layer)
                ? kv_view_open_page(f->kv, layer->kv_layer, row->open_pages[block])
                : kv_view_page(f->kv, layer->kv_layer, row->pages[block]);
        const size_t at = row->position % KV_PAGE_TOKENS;
        for (uint32_t head = 0; head < heads; head++) {
            store(f, f->k + i * key_stride + (size_t)head * s->head_dim, s->head_dim,
                  page + key_offset(f, head) + at * key_bytes);
            if (!s->values_in_keys)
                store(f, f->v + i * value_stride + (size_t)head * s->value_dim, s->value_dim,
                      page + value_offset(f, heads, head) + at * value_bytes);
        }
    }
}

void op_kv_store(struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &f->model->shape;
    const size_t values = (size_t)s->layers[layer].kv_head_count * (s->head_dim + s->value_dim);
    op_codes_rotate_stored(f, layer);
    op_rows_run(f, values, store_rows, &layer);
    op_codes_encode(f, layer);
}

/* ---------------------------------------------------------------- attend */

struct attend_job {
    struct forward *f;
    const struct layer_shape *layer;
    const float *sinks; /* [head_count] or NULL */
    uint32_t group;     /* query heads of one key head */
    uint32_t parts;     /* pieces that a group is cut into */
    bool is_coded;
    size_t piece_count;
    uint32_t span_count_max; /* spans of the longest row; used when spans are computed apart */
    atomic_size_t next_piece;
};

static enum kernel_kv kernel_kind(const struct forward *f)
{
    return kv_kind_kernel(f->kv->kind);
}

/* The kernel call of piece `index`. */
static struct kernel_attend_args attend_args(const struct attend_job *job, size_t index)
{
    const struct forward *f = job->f;
    const struct model_shape *s = &f->model->shape;
    const struct layer_shape *layer = job->layer;
    const size_t heads_index = index / job->parts;
    const struct forward_tile *tile = &f->tiles[heads_index / layer->kv_head_count];
    const struct forward_row *row = &f->rows[tile->row_first];
    const uint32_t kv_head = (uint32_t)(heads_index % layer->kv_head_count);
    const size_t in_group = index % job->parts * FORWARD_TILE_HEADS_MAX;
    const size_t left = job->group - in_group;
    const size_t head = kv_head * job->group + in_group;
    const size_t query_stride = forward_stride((size_t)layer->head_count * s->head_dim);
    const size_t out_stride = forward_stride((size_t)layer->head_count * s->value_dim);
    const unsigned char *page = kv_view_page(f->kv, layer->kv_layer, 0);
    struct kernel_attend_args args = {
        .queries = f->q + tile->row_first * query_stride + head * s->head_dim,
        .keys = page + key_offset(f, kv_head),
        .values = page + value_offset(f, layer->kv_head_count, kv_head),
        .pages = row->pages,
        .sinks = job->sinks ? job->sinks + head : NULL,
        .out = f->mixed + tile->row_first * out_stride + head * s->value_dim,
        .query_stride = query_stride,
        .out_stride = out_stride,
        .page_bytes = f->kv->layers[layer->kv_layer].page_bytes,
        .key_count = (size_t)row->position + 1,
        .token_count = tile->row_count,
        .head_count = left < FORWARD_TILE_HEADS_MAX ? left : FORWARD_TILE_HEADS_MAX,
        .head_dim = s->head_dim,
        .value_dim = s->value_dim,
        .value_stride = s->values_in_keys ? s->head_dim : s->value_dim,
        .window = layer->window,
        .key_limit = s->sees_all ? row->token_count : 0,
        .scale = s->attention_scale,
        .softcap = s->attention_softcap,
    };
    if (job->is_coded)
        op_codes_point(f, layer, kv_head, &args);
    return args;
}

/* What attention over codes needs beside them; index as in attend_args(). */
static struct kernel_attend_codes attend_codes(const struct attend_job *job,
                                               const struct kernel_attend_args *args, size_t index)
{
    const struct forward *f = job->f;
    const struct layer_shape *layer = job->layer;
    const size_t heads_index = index / job->parts;
    const struct forward_tile *tile = &f->tiles[heads_index / layer->kv_head_count];
    const uint32_t kv_head = (uint32_t)(heads_index % layer->kv_head_count);
    if (!job->is_coded)
        return (struct kernel_attend_codes){.args = args};
    const struct forward_row *row = &f->rows[tile->row_first];
    const uint32_t *open_pages = row->open_pages;
    const uint32_t own_block = row->position / KV_PAGE_TOKENS;
    const unsigned char *first = kv_view_open_page(f->kv, layer->kv_layer, open_pages[0]);
    const unsigned char *own = kv_view_open_page(f->kv, layer->kv_layer, open_pages[own_block]);
    const size_t keys = key_offset(f, kv_head);
    const size_t values = value_offset(f, layer->kv_head_count, kv_head);
    return (struct kernel_attend_codes){
        .args = args,
        .first_keys = first + keys,
        .first_values = first + values,
        .own_keys = own + keys,
        .own_values = own + values,
    };
}

/* Threads take one piece after another, the last first: it sees the most keys. */
static void attend_worker(unsigned index, unsigned count, void *context)
{
    (void)count;
    struct attend_job *job = context;
    struct forward *f = job->f;
    float *scratch = f->attend_scratch + index * forward_stride(f->attend_floats);
    for (;;) {
        const size_t taken = atomic_fetch_add_explicit(&job->next_piece, 1, memory_order_relaxed);
        if (taken >= job->piece_count)
            return;
        const struct kernel_attend_args args = attend_args(job, job->piece_count - 1 - taken);
        if (job->is_coded) {
            const struct kernel_attend_codes codes =
                attend_codes(job, &args, job->piece_count - 1 - taken);
            kernel_table_attend_coded(f->kernels, &codes, scratch);
        } else {
            kernel_table_attend(f->kernels, kernel_kind(f), &args, scratch);
        }
    }
}

/* Pieces of one token each: first every span of every piece, then the merges. */
static void attend_spans_worker(unsigned index, unsigned count, void *context)
{
    const struct attend_job *job = context;
    struct forward *f = job->f;
    const size_t spans_max = job->span_count_max;
    for (size_t i = index; i < job->piece_count * spans_max; i += count) {
        const struct kernel_attend_args args = attend_args(job, i / spans_max);
        const size_t stride = forward_stride(kernel_table_partial_floats(&args));
        const struct kernel_attend_codes codes = attend_codes(job, &args, i / spans_max);
        if (job->is_coded && i % spans_max < kernel_table_coded_part_count(&codes))
            kernel_table_coded_part(f->kernels, &codes, i % spans_max,
                                    f->span_partials + i * stride);
        else if (!job->is_coded && i % spans_max < kernel_table_span_count(&args))
            f->kernels->attend_span[kernel_kind(f)](&args, i % spans_max,
                                                    f->span_partials + i * stride);
    }
    worker_pool_barrier(f->workers);
    for (size_t i = index; i < job->piece_count; i += count) {
        const struct kernel_attend_args args = attend_args(job, i);
        const size_t stride = forward_stride(kernel_table_partial_floats(&args));
        const float *partials = f->span_partials + i * spans_max * stride;
        float *state = f->attend_scratch + index * forward_stride(f->attend_floats);
        size_t span = kernel_table_span_first(&args);
        const struct kernel_attend_codes codes = attend_codes(job, &args, i);
        for (size_t part = 0; job->is_coded && part < kernel_table_coded_part_count(&codes); part++)
            kernel_table_coded_merge(f->kernels, &codes, part, partials + part * stride, state);
        for (; !job->is_coded && span < kernel_table_span_count(&args); span++)
            f->kernels->attend_merge(&args, span, partials + span * stride, state);
        kernel_table_attend_finish(&args, state);
    }
}

/* Keys all rows see together, and the longest row's; how many rows share a tile in *out_shared. */
static size_t count_keys(const struct forward *f, uint32_t window, uint32_t *out_longest,
                         bool *out_shared)
{
    size_t keys = 0;
    *out_longest = 0;
    *out_shared = f->tile_count != f->row_count;
    for (uint32_t i = 0; i < f->row_count; i++) {
        const struct forward_row *row = &f->rows[i];
        const uint32_t seen = f->model->shape.sees_all ? row->token_count : row->position + 1;
        keys += window && window < seen ? window : seen;
        *out_longest = seen > *out_longest ? seen : *out_longest;
    }
    return keys;
}

void op_attend(struct forward *f, uint32_t layer)
{
    if (f->row_count == 0)
        return;
    const struct model_shape *s = &f->model->shape;
    const struct layer_shape *shape = &s->layers[layer];
    const uint32_t group = shape->head_count / shape->kv_head_count;
    const uint32_t parts = (group + FORWARD_TILE_HEADS_MAX - 1) / FORWARD_TILE_HEADS_MAX;
    struct attend_job job = {
        .f = f,
        .layer = shape,
        .sinks = f->model->layers[layer].sinks,
        .group = group,
        .parts = parts,
        .is_coded = kv_view_is_coded(f->kv, shape->kv_layer),
        .piece_count = (size_t)f->tile_count * shape->kv_head_count * parts,
    };
    uint32_t longest = 0;
    bool tiles_are_shared = false;
    const size_t keys = count_keys(f, shape->window, &longest, &tiles_are_shared);
    job.span_count_max = (longest + KERNEL_SPAN_TOKENS - 1) / KERNEL_SPAN_TOKENS;
    job.span_count_max += job.is_coded ? 2 : 0;
    op_codes_rotate_queries(f, layer);
    DCHECK(job.span_count_max <= forward_spans_max(&f->config));
    if (keys * shape->head_count * s->head_dim < OP_ROWS_VALUES_MIN)
        attend_worker(0, 1, &job);
    else if (job.piece_count < f->config.thread_count && job.span_count_max > 1 &&
             !tiles_are_shared)
        worker_pool_run(f->workers, attend_spans_worker, &job);
    else
        worker_pool_run(f->workers, attend_worker, &job);
    op_codes_rotate_back(f, layer);
}
