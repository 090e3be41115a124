#include "infer/pooling.h"

#include "base/check.h"
#include "base/mem.h"
#include "kernel/exact_math.h"
#include "kernel/kernel_table.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

void pooling_range(const struct model_shape *shape, enum model_pooling pooling,
                   uint32_t token_count, uint32_t *begin, uint32_t *end)
{
    const bool is_last = pooling == MODEL_POOLING_LAST ||
                         (pooling == MODEL_POOLING_RANK && shape->embedding.ranks_last);
    const bool is_all = pooling == MODEL_POOLING_MEAN || pooling == MODEL_POOLING_NONE;
    *begin = is_last ? token_count - 1 : 0;
    *end = is_last || is_all ? token_count : 1;
}

/* out = weight * in (+ bias); [weight->row_count]. */
static void multiply(const struct infer *infer, const struct weight *weight, const float *bias,
                     const float *in, float *out)
{
    kernel_dequantize_fn *dequantize = infer_kernels(infer)->dequantize_row[weight->dtype];
    CLEANUP(mem_freep) float *row = mem_alloc(weight->column_count * sizeof(*row));
    for (uint32_t r = 0; r < weight->row_count; r++) {
        double sum = 0;
        dequantize(weight->data + r * weight->row_bytes, weight->column_count, row);
        for (uint32_t c = 0; c < weight->column_count; c++)
            sum += (double)row[c] * (double)in[c];
        out[r] = (float)(bias ? sum + (double)bias[r] : sum);
    }
}

void pooling_embed(const struct infer *infer, size_t first, size_t count, float *out)
{
    const struct model *model = infer_model(infer);
    const uint32_t d = model->shape.embd_dim;
    const struct weight *dense = model->head.dense;
    CLEANUP(mem_freep) double *sums = mem_zalloc(d * sizeof(*sums));
    CLEANUP(mem_freep) float *mean = mem_alloc(d * sizeof(*mean));
    for (size_t t = first; t < first + count; t++) {
        const float *hidden = infer_hidden(infer, t);
        for (uint32_t i = 0; i < d; i++)
            sums[i] += (double)hidden[i];
    }
    for (uint32_t i = 0; i < d; i++)
        mean[i] = (float)(sums[i] / (double)count);
    if (!dense[0].data && !dense[1].data) {
        memcpy(out, mean, d * sizeof(*mean));
        return;
    }
    if (!dense[0].data || !dense[1].data) {
        multiply(infer, dense[0].data ? &dense[0] : &dense[1], NULL, mean, out);
        return;
    }
    CLEANUP(mem_freep) float *between = mem_alloc(dense[0].row_count * sizeof(*between));
    multiply(infer, &dense[0], NULL, mean, between);
    multiply(infer, &dense[1], NULL, between, out);
}

void pooling_normalize(float *vector, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)vector[i] * (double)vector[i];
    const double length = sqrt(sum);
    for (size_t i = 0; i < n && length > 0; i++)
        vector[i] = (float)((double)vector[i] / length);
}

static double tanh_of(double x)
{
    return 1.0 - 2.0 / (exact_math_exp(2.0 * x) + 1.0);
}

static void softmax(float *scores, size_t n)
{
    float largest = scores[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        largest = scores[i] > largest ? scores[i] : largest;
    for (size_t i = 0; i < n; i++)
        sum += exact_math_exp((double)scores[i] - (double)largest);
    for (size_t i = 0; i < n; i++)
        scores[i] = (float)(exact_math_exp((double)scores[i] - (double)largest) / sum);
}

void pooling_rank(const struct infer *infer, size_t index, float *out)
{
    const struct model *model = infer_model(infer);
    const struct head_weights *head = &model->head;
    const uint32_t d = model->shape.embd_dim;
    CLEANUP(mem_freep) float *hidden = mem_copy(infer_hidden(infer, index), d * sizeof(*hidden));
    CHECK(head->labels.data);
    if (head->hidden.data) {
        CLEANUP(mem_freep) float *classified = mem_alloc(d * sizeof(*classified));
        multiply(infer, &head->hidden, head->hidden_bias, hidden, classified);
        for (uint32_t i = 0; i < d; i++)
            hidden[i] = (float)tanh_of((double)classified[i]);
    }
    multiply(infer, &head->labels, head->label_bias, hidden, out);
    if (model->shape.embedding.ranks_by_share)
        softmax(out, model->shape.embedding.label_count);
}
