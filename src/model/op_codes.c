/* Keys and values as codes: rotation, and the coding of blocks that are full. */
#include "model/op_codes.h"

#include "model/model.h"
#include "model/op_rows.h"
#include "os/worker_pool.h"

enum {
    ROTATION_COST = 8, /* a rotated value costs as much as so many of another operation */
};

/* Heads to rotate in every row. */
struct rotation {
    float *x;
    uint32_t head_count;
    uint32_t dim;
    size_t cut;
    bool is_back;
};

static void rotate_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct rotation *r = args;
    const size_t stride = forward_stride((size_t)r->head_count * r->dim);
    for (uint32_t i = begin; i < end; i++)
        for (uint32_t head = 0; head < r->head_count; head++)
            f->kernels->code_rotate(r->x + i * stride + (size_t)head * r->dim, r->dim, r->cut,
                                    r->is_back);
}

static void rotate(struct forward *f, uint32_t layer, struct rotation r)
{
    if (kv_view_is_coded(f->kv, f->model->shape.layers[layer].kv_layer))
        op_rows_run(f, (size_t)r.head_count * r.dim * ROTATION_COST, rotate_rows, &r);
}

/* Where values end in keys; 0: they are not there. */
static size_t key_cut(const struct model_shape *s)
{
    return s->values_in_keys ? s->value_dim : 0;
}

void op_codes_rotate_stored(struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &f->model->shape;
    const uint32_t heads = s->layers[layer].kv_head_count;
    rotate(f, layer, (struct rotation){f->k, heads, s->head_dim, key_cut(s), false});
    if (!s->values_in_keys)
        rotate(f, layer, (struct rotation){f->v, heads, s->value_dim, 0, false});
}

void op_codes_rotate_queries(struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &f->model->shape;
    const uint32_t heads = s->layers[layer].head_count;
    rotate(f, layer, (struct rotation){f->q, heads, s->head_dim, key_cut(s), false});
}

void op_codes_rotate_back(struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &f->model->shape;
    const uint32_t heads = s->layers[layer].head_count;
    rotate(f, layer, (struct rotation){f->mixed, heads, s->value_dim, 0, true});
}

static struct kv_view_codes codes_of(const struct forward *f, const struct layer_shape *layer,
                                     uint32_t kv_head)
{
    const struct model_shape *s = &f->model->shape;
    return kv_view_codes_of(f->kv->kind, layer->kv_head_count, kv_head, s->head_dim,
                            s->values_in_keys ? 0 : s->value_dim, key_cut(s));
}

/* All pieces of the keys or the values of one head: 64 rows of n numbers. */
static void encode_rows(const struct forward *f, enum kv_code code, bool is_value,
                        const uint16_t *rows, size_t n, size_t cut, unsigned char *chains,
                        unsigned char *tails)
{
    size_t dim = 0;
    for (size_t at = 0; at < n; at += dim) {
        dim = kv_code_piece(n, cut, at);
        f->kernels->code_encode(code, is_value, rows + at, n, dim, chains, tails);
        chains += kv_code_bytes(code, dim);
        tails += kv_code_tail_bytes(code, dim);
    }
}

static void encode_head(const struct forward *f, const struct layer_shape *layer,
                        const struct forward_row *row, uint32_t head, bool is_value)
{
    const struct model_shape *s = &f->model->shape;
    const uint32_t block = row->position / KV_PAGE_TOKENS;
    const unsigned char *open = kv_view_open_page(f->kv, layer->kv_layer, row->open_pages[block]);
    unsigned char *page = kv_view_page(f->kv, layer->kv_layer, row->pages[block]);
    const struct kv_view_codes at = codes_of(f, layer, head);
    const size_t key_halfs = (size_t)KV_PAGE_TOKENS * s->head_dim;
    const uint16_t *rows = (const uint16_t *)(const void *)open;
    if (!is_value)
        encode_rows(f, kv_kind_key_code(f->kv->kind), false, rows + head * key_halfs, s->head_dim,
                    key_cut(s), page + at.keys, page + at.key_tails);
    else
        encode_rows(f, kv_kind_value_code(f->kv->kind), true,
                    rows + layer->kv_head_count * key_halfs +
                        (size_t)head * KV_PAGE_TOKENS * s->value_dim,
                    s->value_dim, 0, page + at.values, page + at.value_tails);
}

struct encode_job {
    struct forward *f;
    const struct layer_shape *layer;
};

/* Threads take heads in turn. */
static void encode_worker(unsigned index, unsigned count, void *context)
{
    const struct encode_job *job = context;
    const struct forward *f = job->f;
    const uint32_t kinds = f->model->shape.values_in_keys ? 1 : 2;
    const uint32_t pieces = job->layer->kv_head_count * kinds;
    size_t number = 0;
    for (uint32_t i = 0; i < f->row_count; i++) {
        if (f->rows[i].position % KV_PAGE_TOKENS != KV_PAGE_TOKENS - 1)
            continue;
        for (uint32_t piece = 0; piece < pieces; piece++, number++)
            if (number % count == index)
                encode_head(f, job->layer, &f->rows[i], piece / kinds, piece % kinds == 1);
    }
}

void op_codes_encode(struct forward *f, uint32_t layer)
{
    struct encode_job job = {.f = f, .layer = &f->model->shape.layers[layer]};
    bool is_full = false;
    for (uint32_t i = 0; i < f->row_count; i++)
        is_full = is_full || f->rows[i].position % KV_PAGE_TOKENS == KV_PAGE_TOKENS - 1;
    if (is_full && kv_view_is_coded(f->kv, job.layer->kv_layer))
        worker_pool_run(f->workers, encode_worker, &job);
}

void op_codes_point(const struct forward *f, const struct layer_shape *layer, uint32_t kv_head,
                    struct kernel_attend_args *args)
{
    unsigned char *page = kv_view_page(f->kv, layer->kv_layer, 0);
    const struct kv_view_codes at = codes_of(f, layer, kv_head);
    args->keys = page + at.keys;
    args->values = page + at.values;
    args->key_tails = page + at.key_tails;
    args->value_tails = page + at.value_tails;
    args->key_code = kv_kind_key_code(f->kv->kind);
    args->value_code = kv_kind_value_code(f->kv->kind);
}
