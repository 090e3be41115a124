#include "model/delta_hybrid.h"

#include "base/attr.h"
#include "gguf/gguf.h"
#include "model/decoder.h"
#include "model/forward.h"
#include "model/model.h"
#include "model/op_recurrent.h"
#include "model/shape_reader.h"
#include "model/weight_binder.h"

#include <inttypes.h>
#include <math.h>

/* Rows of scratch; what they hold in a recurrent layer, and in one that attends. */
enum {
    SCRATCH_MIXED,  /* [q | k | v]; queries with their gates */
    SCRATCH_GATE,   /* gate of the output */
    SCRATCH_DECAY,  /* [head_count] */
    SCRATCH_GAIN,   /* [head_count] */
    SCRATCH_OUT,    /* what the recurrence gives */
    SCRATCH_JOINED, /* one product that older files have for the first two; inputs of a draft */
};

/* ---------------------------------------------------------------- shape */

/* Which layers recur: those listed, or all but every interval-th. Blocks for speculation attend. */
static enum status read_mixers(const struct shape_reader *reader, struct model_shape *s,
                               struct error *err)
{
    const struct shape_key key = shape_reader_key(reader, "attention.recurrent_layers");
    uint32_t interval = 0;
    TRY(shape_reader_count(reader, "full_attention_interval", 4, MODEL_LAYERS_MAX, &interval, err));
    struct gguf_array listed = {0};
    if (gguf_has(reader->file, key.text))
        TRY(gguf_get_array(reader->file, key.text, GGUF_ARRAY_INT, &listed, err));
    if (listed.count > 0 && listed.count < s->layer_count)
        return error_set(err, E_FORMAT, "%s has %zu values for %" PRIu32 " layers", key.text,
                         listed.count, s->layer_count);
    for (uint32_t i = 0; i < s->block_count; i++) {
        const bool recurs =
            listed.count > 0 ? gguf_array_i64(&listed, i) != 0 : (i + 1) % interval != 0;
        s->layers[i].mixer =
            recurs && i < s->layer_count ? LAYER_MIXER_RECURRENT : LAYER_MIXER_ATTENTION;
        if (s->layers[i].mixer == LAYER_MIXER_ATTENTION && s->layers[i].kv_head_count == 0)
            return error_set(err, E_FORMAT, "layer %" PRIu32 " attends, but has no heads", i);
    }
    return OK;
}

/* Interleaved sections, of time, height, width and a rest: in text the first three have the token's
 * position, the rest has none. */
static enum status read_sections(const struct shape_reader *reader, struct rope_shape *rope,
                                 struct error *err)
{
    const struct shape_key key = shape_reader_key(reader, "rope.dimension_sections");
    struct gguf_array sections = {0};
    if (!gguf_has(reader->file, key.text))
        return OK;
    TRY(gguf_get_array(reader->file, key.text, GGUF_ARRAY_INT, &sections, err));
    for (size_t i = 0; i < sections.count && i < ARRAY_LEN(rope->sections); i++) {
        const int64_t size = gguf_array_i64(&sections, i);
        if (size < 0 || size > MODEL_HEAD_DIM_MAX)
            return error_set(err, E_FORMAT, "value %zu of %s is %" PRId64 " (0 to %d)", i, key.text,
                             size, MODEL_HEAD_DIM_MAX);
        rope->sections[i] = (uint32_t)size;
    }
    return OK;
}

enum status delta_hybrid_read_shape(const struct delta_hybrid_kind *kind, const struct gguf *file,
                                    struct model_shape *s, struct error *err)
{
    const struct shape_reader reader = {.file = file, .arch = kind->arch};
    const unsigned options =
        MODEL_SHAPE_NEXTN | (kind->has_experts ? (unsigned)MODEL_SHAPE_EXPERTS : 0);
    TRY(model_shape_read(file, kind->arch, options, s, err));
    if (s->block_count - s->layer_count > 1)
        return error_set(err, E_UNSUPPORTED,
                         "%s.nextn_predict_layers is %" PRIu32 ": holt knows one such block",
                         kind->arch, s->block_count - s->layer_count);
    TRY(recurrent_shape_read_ssm(&reader, &s->recurrent, err));
    TRY(read_mixers(&reader, s, err));
    if (kind->has_sections)
        TRY(read_sections(&reader, &s->rope[0], err));
    struct recurrent_shape *r = &s->recurrent;
    r->groups_repeat = kind->groups_repeat;
    if (kind->has_experts)
        TRY(model_shape_need_experts(s, kind->arch, err));
    s->experts.scoring = EXPERT_SCORING_SOFTMAX; /* whatever the file says */
    s->experts.normalizes = true;
    uint32_t head_count = 0;
    for (uint32_t i = 0; i < s->block_count; i++)
        head_count = s->layers[i].head_count > head_count ? s->layers[i].head_count : head_count;
    const uint32_t attended = head_count * s->head_dim;
    const uint32_t inner = r->head_count * r->value_dim;
    s->scratch_columns[SCRATCH_MIXED] =
        r->conv_channels > 2 * attended ? r->conv_channels : 2 * attended;
    s->scratch_columns[SCRATCH_GATE] = inner > attended ? inner : attended;
    s->scratch_columns[SCRATCH_DECAY] = r->head_count;
    s->scratch_columns[SCRATCH_GAIN] = r->head_count;
    s->scratch_columns[SCRATCH_OUT] = inner;
    if (kind->has_paired_gates)
        s->scratch_columns[SCRATCH_JOINED] = r->conv_channels + inner;
    if (s->block_count > s->layer_count && s->scratch_columns[SCRATCH_JOINED] < 2 * s->embd_dim)
        s->scratch_columns[SCRATCH_JOINED] = 2 * s->embd_dim;
    return OK;
}

/* ---------------------------------------------------------------- weights */

static enum status bind_recurrent(const struct delta_hybrid_kind *kind, struct weight_binder *bind,
                                  struct model *model, uint32_t layer, struct error *err)
{
    const struct model_shape *s = &model->shape;
    const struct recurrent_shape *r = &s->recurrent;
    struct recurrent_weights *w = &model->layers[layer].recurrent;
    const uint32_t d = s->embd_dim;
    const uint32_t inner = r->head_count * r->value_dim;
    const bool is_joined =
        kind->has_paired_gates && weight_binder_has(bind, layer, "ssm_in.weight");
    const struct weight_binder_spec in[] = {
        {.name = "attn_qkv.weight", .matrix = &w->in, .columns = d, .rows = r->conv_channels},
        {.name = "attn_gate.weight", .matrix = &w->gate, .columns = d, .rows = inner},
    };
    const struct weight_binder_spec joined[] = {{.name = "ssm_in.weight",
                                                 .matrix = &w->joined,
                                                 .columns = d,
                                                 .rows = r->conv_channels + inner}};
    const struct weight_binder_spec apart[] = {
        {.name = "ssm_alpha.weight", .matrix = &w->decay, .columns = d, .rows = r->head_count},
        {.name = "ssm_beta.weight", .matrix = &w->gain, .columns = d, .rows = r->head_count},
    };
    const struct weight_binder_spec paired[] = {
        {.name = "ssm_ba.weight", .matrix = &w->decay, .columns = d, .rows = 2 * r->head_count}};
    const struct weight_binder_spec rest[] = {
        {.name = "ssm_conv1d.weight",
         .vector = &w->conv,
         .columns = r->conv_width,
         .rows = r->conv_channels,
         .is_transposed = true},
        {.name = "ssm_dt.bias", .vector = &w->step_bias, .columns = r->head_count},
        {.name = "ssm_a", .vector = &w->a, .columns = r->head_count},
        {.name = "ssm_norm.weight", .vector = &w->norm, .columns = r->value_dim},
        {.name = "ssm_out.weight", .matrix = &w->out, .columns = inner, .rows = d},
    };
    TRY(is_joined ? weight_binder_layer(bind, layer, joined, ARRAY_LEN(joined), err)
                  : weight_binder_layer(bind, layer, in, ARRAY_LEN(in), err));
    TRY(kind->has_paired_gates ? weight_binder_layer(bind, layer, paired, ARRAY_LEN(paired), err)
                               : weight_binder_layer(bind, layer, apart, ARRAY_LEN(apart), err));
    return weight_binder_layer(bind, layer, rest, ARRAY_LEN(rest), err);
}

static enum status bind_attention(struct weight_binder *bind, struct model *model, uint32_t layer,
                                  struct error *err)
{
    const struct model_shape *s = &model->shape;
    const struct layer_shape *l = &s->layers[layer];
    struct model_layer *w = &model->layers[layer];
    const uint32_t d = s->embd_dim;
    const uint32_t q_dim = l->head_count * s->head_dim;
    const uint32_t kv_dim = l->kv_head_count * s->head_dim;
    const struct weight_binder_spec specs[] = {
        {.name = "attn_q.weight", .matrix = &w->wq, .columns = d, .rows = 2 * q_dim},
        {.name = "attn_k.weight", .matrix = &w->wk, .columns = d, .rows = kv_dim},
        {.name = "attn_v.weight", .matrix = &w->wv, .columns = d, .rows = kv_dim},
        {.name = "attn_output.weight", .matrix = &w->wo, .columns = q_dim, .rows = d},
        {.name = "attn_q_norm.weight", .vector = &w->q_norm, .columns = s->head_dim},
        {.name = "attn_k_norm.weight", .vector = &w->k_norm, .columns = s->head_dim},
    };
    return weight_binder_layer(bind, layer, specs, ARRAY_LEN(specs), err);
}

static enum status bind_layer(const struct delta_hybrid_kind *kind, struct weight_binder *bind,
                              struct model *model, uint32_t layer, struct error *err)
{
    const struct model_shape *s = &model->shape;
    const struct weight_binder_spec norm = {.name = "attn_norm.weight",
                                            .vector = &model->layers[layer].attn_norm,
                                            .columns = s->embd_dim};
    TRY(weight_binder_layer(bind, layer, &norm, 1, err));
    TRY(s->layers[layer].mixer == LAYER_MIXER_RECURRENT
            ? bind_recurrent(kind, bind, model, layer, err)
            : bind_attention(bind, model, layer, err));
    return decoder_bind_ffn(bind, layer, DECODER_FFN_NORM_IS_POST | DECODER_SHARED_GATE, err);
}

/* What a block for speculation has beside those of a layer that attends. */
static enum status bind_draft(struct weight_binder *bind, struct model *model, uint32_t layer,
                              struct error *err)
{
    const uint32_t d = model->shape.embd_dim;
    const uint32_t vocab_size = model->shape.vocab_size;
    struct draft_weights *w = &model->draft;
    const struct weight_binder_spec specs[] = {
        {.name = "nextn.eh_proj.weight", .matrix = &w->project, .columns = 2 * d, .rows = d},
        {.name = "nextn.enorm.weight", .vector = &w->embd_norm, .columns = d},
        {.name = "nextn.hnorm.weight", .vector = &w->hidden_norm, .columns = d},
        {.name = "nextn.embed_tokens.weight",
         .matrix = &w->token_embd,
         .columns = d,
         .rows = vocab_size,
         .is_optional = true},
        {.name = "nextn.shared_head_head.weight",
         .matrix = &w->output,
         .columns = d,
         .rows = vocab_size,
         .is_optional = true},
        {.name = "nextn.shared_head_norm.weight",
         .vector = &w->output_norm,
         .columns = d,
         .is_optional = true},
    };
    TRY(weight_binder_layer(bind, layer, specs, ARRAY_LEN(specs), err));
    if (!w->token_embd.data)
        w->token_embd = model->token_embd;
    if (!w->output.data)
        w->output = model->output;
    if (!w->output_norm)
        w->output_norm = model->output_norm;
    return OK;
}

enum status delta_hybrid_bind_weights(const struct delta_hybrid_kind *kind,
                                      struct weight_binder *bind, struct model *model,
                                      struct error *err)
{
    const struct model_shape *s = &model->shape;
    TRY(weight_binder_outer(bind, false, err));
    for (uint32_t layer = 0; layer < s->layer_count; layer++)
        TRY(bind_layer(kind, bind, model, layer, err));
    const uint64_t multiply_adds = model->multiply_adds;
    for (uint32_t layer = s->layer_count; layer < s->block_count; layer++) {
        TRY(bind_layer(kind, bind, model, layer, err));
        TRY(bind_draft(bind, model, layer, err));
    }
    model->multiply_adds = multiply_adds; /* a step does not run those blocks */
    return OK;
}

/* ---------------------------------------------------------------- running */

static struct op_part part(float *x, size_t columns, size_t at)
{
    return (struct op_part){.x = x + at, .stride = forward_stride(columns)};
}

/* Copies parts of rows that lie in groups: `len` columns from `at` on of each group. */
static void take_groups(struct forward *f, struct op_heads groups, uint32_t at, uint32_t len,
                        struct op_part to)
{
    const struct op_heads packed = {.x = to.x,
                                    .row_stride = to.stride,
                                    .head_stride = len,
                                    .head_count = groups.head_count,
                                    .head_dim = len};
    op_heads_copy(f, op_heads_part(groups, at, len), packed);
}

/* f->scratch[SCRATCH_MIXED] = [q | k | v] before the convolution, [SCRATCH_GATE] = the gate. */
static void project_joined(struct forward *f, const struct recurrent_weights *w)
{
    const struct recurrent_shape *r = &f->model->shape.recurrent;
    const uint32_t values = r->head_count / r->group_count * r->value_dim; /* of a group */
    const uint32_t keys = r->group_count * r->key_dim;
    float *mixed = f->scratch[SCRATCH_MIXED];
    float *joined = f->scratch[SCRATCH_JOINED];
    const struct op_heads groups = op_heads(joined, r->group_count, 2 * r->key_dim + 2 * values);
    op_products(f, f->normed, &(struct op_product){&w->joined, NULL, joined}, 1);
    take_groups(f, groups, 0, r->key_dim, part(mixed, r->conv_channels, 0));
    take_groups(f, groups, r->key_dim, r->key_dim, part(mixed, r->conv_channels, keys));
    take_groups(f, groups, 2 * r->key_dim, values, part(mixed, r->conv_channels, (size_t)2 * keys));
    take_groups(f, groups, 2 * r->key_dim + values, values,
                part(f->scratch[SCRATCH_GATE], (size_t)r->group_count * values, 0));
}

/* The products of f->normed that a recurrence starts from, in scratch. */
static void project(const struct delta_hybrid_kind *kind, struct forward *f,
                    const struct recurrent_weights *w)
{
    const struct recurrent_shape *r = &f->model->shape.recurrent;
    float *decay = f->scratch[SCRATCH_DECAY];
    float *gain = f->scratch[SCRATCH_GAIN];
    if (w->joined.data) {
        project_joined(f, w);
    } else {
        const struct op_product products[] = {
            {&w->in, NULL, f->scratch[SCRATCH_MIXED]},
            {&w->gate, NULL, f->scratch[SCRATCH_GATE]},
        };
        op_products(f, f->normed, products, ARRAY_LEN(products));
    }
    if (!kind->has_paired_gates) {
        const struct op_product products[] = {{&w->decay, NULL, decay}, {&w->gain, NULL, gain}};
        op_products(f, f->normed, products, ARRAY_LEN(products));
        return;
    }
    /* The output is not there yet: its rows have room for both gates. */
    const uint32_t heads = r->head_count / r->group_count;
    float *both = f->scratch[SCRATCH_OUT];
    op_products(f, f->normed, &(struct op_product){&w->decay, NULL, both}, 1);
    const struct op_heads groups = op_heads(both, r->group_count, 2 * heads);
    take_groups(f, groups, 0, heads, part(gain, r->head_count, 0));
    take_groups(f, groups, heads, heads, part(decay, r->head_count, 0));
}

static void recur(const struct delta_hybrid_kind *kind, struct forward *f, uint32_t layer)
{
    const struct recurrent_shape *r = &f->model->shape.recurrent;
    const struct recurrent_weights *w = &f->model->layers[layer].recurrent;
    const uint32_t inner = r->head_count * r->value_dim;
    const size_t keys = (size_t)r->group_count * r->key_dim;
    float *mixed = f->scratch[SCRATCH_MIXED];
    const struct op_part decay = part(f->scratch[SCRATCH_DECAY], r->head_count, 0);
    const struct op_part gain = part(f->scratch[SCRATCH_GAIN], r->head_count, 0);
    const struct op_part gate = part(f->scratch[SCRATCH_GATE], inner, 0);
    const struct op_part out = part(f->scratch[SCRATCH_OUT], inner, 0);

    project(kind, f, w);
    op_sigmoid(f, gain, r->head_count);
    const struct op_decay_gates gates = {
        .x = decay, .bias = w->step_bias, .a = w->a, .decays = decay, .count = r->head_count};
    op_decay_gates(f, &gates);
    const struct op_conv conv = {
        .channels = part(mixed, r->conv_channels, 0), .weights = w->conv, .has_silu = true};
    op_conv(f, layer, &conv);
    const struct op_heads q_and_k = {.x = mixed, /* one behind the other: all are made length 1 */
                                     .row_stride = forward_stride(r->conv_channels),
                                     .head_stride = r->key_dim,
                                     .head_count = 2 * r->group_count,
                                     .head_dim = r->key_dim};
    op_l2_norm_heads(f, q_and_k);
    const struct op_recurrence rule = {.rule = OP_RECURRENCE_DELTA,
                                       .queries = part(mixed, r->conv_channels, 0),
                                       .keys = part(mixed, r->conv_channels, keys),
                                       .values = part(mixed, r->conv_channels, 2 * keys),
                                       .decays = decay,
                                       .gains = gain,
                                       .out = out,
                                       .factor = (float)(1.0 / sqrt((double)r->key_dim))};
    op_recurrence(f, layer, &rule);
    op_norm_heads(f, op_heads(out.x, r->head_count, r->value_dim), w->norm);
    op_combine(f, f->kernels->swiglu, gate, out, out, inner);
    op_product_add(f, out.x, &w->out, NULL, f->x);
}

static void attend(struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &f->model->shape;
    const struct layer_shape *l = &s->layers[layer];
    const struct model_layer *w = &f->model->layers[layer];
    const uint32_t n = s->head_dim;
    const uint32_t q_dim = l->head_count * n;
    const struct op_heads q = op_heads(f->q, l->head_count, n);
    const struct op_heads k = op_heads(f->k, l->kv_head_count, n);
    const struct op_heads both = op_heads(f->scratch[SCRATCH_MIXED], l->head_count, 2 * n);
    const struct op_part gate = part(f->scratch[SCRATCH_GATE], q_dim, 0);
    const struct op_part mixed = part(f->mixed, q_dim, 0);
    const struct op_product projections[] = {
        {&w->wq, NULL, both.x}, /* [rows][head_count][query, gate][head_dim] */
        {&w->wk, NULL, f->k},
        {&w->wv, NULL, f->v},
    };
    op_products(f, f->normed, projections, ARRAY_LEN(projections));
    take_groups(f, both, 0, n, part(f->q, q_dim, 0));
    take_groups(f, both, n, n, gate);
    op_norm_heads(f, q, w->q_norm);
    op_norm_heads(f, k, w->k_norm);
    op_rope(f, layer, q);
    op_rope(f, layer, k);
    op_kv_store(f, layer);
    if (f->fills_draft)
        return;
    if (layer + 1 == s->layer_count && !f->keeps_hidden) {
        const struct op_rows moved[] = {{f->q, q_dim}, {gate.x, q_dim}};
        op_keep_wanted_rows(f, moved, ARRAY_LEN(moved));
    }
    op_attend(f, layer);
    op_combine(f, f->kernels->sigmoid_mul, mixed, gate, mixed, q_dim);
    op_product_add(f, f->mixed, &w->wo, NULL, f->x);
}

void delta_hybrid_run(const struct delta_hybrid_kind *kind, const struct model *model,
                      struct forward *f)
{
    const struct model_shape *s = &model->shape;
    decoder_embed(model, f);
    for (uint32_t layer = 0; layer < s->layer_count; layer++) {
        op_norm(f, f->x, model->layers[layer].attn_norm, f->normed);
        if (s->layers[layer].mixer == LAYER_MIXER_ATTENTION)
            attend(f, layer);
        else
            recur(kind, f, layer);
        if (layer + 1 == s->layer_count && s->layers[layer].mixer != LAYER_MIXER_ATTENTION &&
            !f->keeps_hidden)
            op_keep_wanted_rows(f, NULL, 0);
        decoder_run_ffn(model, f, layer);
    }
    if (f->keeps_hidden) {
        op_norm(f, f->x, model->output_norm, f->hidden);
        op_keep_wanted_rows(f, NULL, 0);
        decoder_finish(model, f);
        return;
    }
    decoder_finish(model, f);
    const struct op_heads normed = op_heads(f->normed, 1, s->embd_dim);
    if (f->hidden)
        op_heads_copy(f, normed, op_heads(f->hidden, 1, s->embd_dim));
}

void delta_hybrid_run_draft(const struct model *model, struct forward *f)
{
    const uint32_t layer = model->shape.layer_count;
    const uint32_t d = model->shape.embd_dim;
    const struct draft_weights *w = &model->draft;
    const struct op_heads normed = op_heads(f->normed, 1, d);
    const struct op_heads joined = op_heads(f->scratch[SCRATCH_JOINED], 1, 2 * d);
    op_embed(f, &w->token_embd, f->x);
    op_norm(f, f->x, w->embd_norm, f->normed);
    op_heads_copy(f, normed, op_heads_part(joined, 0, d));
    op_norm(f, f->hidden, w->hidden_norm, f->normed);
    op_heads_copy(f, normed, op_heads_part(joined, d, d));
    op_products(f, joined.x, &(struct op_product){&w->project, NULL, f->x}, 1);

    op_norm(f, f->x, model->layers[layer].attn_norm, f->normed);
    attend(f, layer);
    if (f->fills_draft)
        return;
    decoder_run_ffn(model, f, layer);
    op_norm(f, f->x, w->output_norm, f->hidden);
    op_products(f, f->hidden, &(struct op_product){&w->output, NULL, f->logits}, 1);
}
