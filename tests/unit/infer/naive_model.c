#include "tests/unit/infer/naive_model.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "kernel/kernel_table.h"
#include "tests/holt_test.h"

#include <math.h>

#define PI 3.14159265358979323846

struct naive {
    const struct gguf *file;
    struct kernel_table kernels; /* the reference, for unpacking weights only */
    char arch[16];
    uint32_t d, heads, kv_heads, head_dim, ffn, layers, vocab;
    double epsilon, base, factor;
    bool is_yarn, rotates_pairs;
    size_t token_count;
};

static double key_or(const struct naive *m, const char *name, double fallback)
{
    char key[128];
    uint64_t integer = 0;
    double real = fallback;
    snprintf(key, sizeof(key), "%s.%s", m->arch, name);
    if (gguf_get_u64(m->file, key, &integer, NULL) == OK)
        return (double)integer;
    (void)!gguf_get_f64(m->file, key, &real, NULL);
    return real;
}

static void read_numbers(struct naive *m)
{
    struct str arch = {0};
    struct str scaling = {0};
    char key[64];
    assert_ok(gguf_get_str(m->file, "general.architecture", &arch, err));
    snprintf(m->arch, sizeof(m->arch), "%.*s", STR_ARG(arch));
    snprintf(key, sizeof(key), "%s.rope.scaling.type", m->arch);
    m->is_yarn = gguf_get_str(m->file, key, &scaling, NULL) == OK && str_equal_c(scaling, "yarn");
    m->rotates_pairs = str_equal_c(arch, "llama");
    m->d = (uint32_t)key_or(m, "embedding_length", 0);
    m->heads = (uint32_t)key_or(m, "attention.head_count", 0);
    m->kv_heads = (uint32_t)key_or(m, "attention.head_count_kv", m->heads);
    m->head_dim = (uint32_t)key_or(m, "attention.key_length", m->d / m->heads);
    m->ffn = (uint32_t)key_or(m, "feed_forward_length", 0);
    m->layers = (uint32_t)key_or(m, "block_count", 0);
    m->epsilon = key_or(m, "attention.layer_norm_rms_epsilon", 0);
    m->base = key_or(m, "rope.freq_base", 10000);
    m->factor = key_or(m, "rope.scaling.factor", 1);
    m->vocab = (uint32_t)gguf_find_tensor(m->file, "token_embd.weight")->dims[1];
}

/* A row of a tensor as floats; NULL when the file has no such tensor. Free with mem_free(). */
static float *row_of(const struct naive *m, const char *name, uint64_t row)
{
    const struct tensor *tensor = gguf_find_tensor(m->file, name);
    if (!tensor)
        return NULL;
    float *values = mem_alloc(tensor->dims[0] * sizeof(*values));
    m->kernels.dequantize_row[tensor->dtype](tensor_row(tensor, row), tensor->dims[0], values);
    return values;
}

static const char *layer_name(uint32_t layer, const char *name)
{
    static char text[96];
    snprintf(text, sizeof(text), "blk.%u.%s", layer, name);
    return text;
}

/* out[t][r] = weight[r] . x[t] + bias[r]; a new array of [token_count][rows]. */
static double *product(const struct naive *m, uint32_t layer, const char *name, const double *x,
                       uint32_t columns, uint32_t rows)
{
    char weight[64];
    char bias_name[64];
    snprintf(weight, sizeof(weight), "%s.weight", name);
    snprintf(bias_name, sizeof(bias_name), "%s.bias", name);
    const bool in_layer = layer != UINT32_MAX;
    float *bias = row_of(m, in_layer ? layer_name(layer, bias_name) : bias_name, 0);
    double *out = mem_zalloc(m->token_count * rows * sizeof(*out));
    for (uint32_t r = 0; r < rows; r++) {
        float *w = row_of(m, in_layer ? layer_name(layer, weight) : weight, r);
        for (size_t t = 0; t < m->token_count; t++) {
            double sum = bias ? (double)bias[r] : 0;
            for (uint32_t i = 0; i < columns; i++)
                sum += (double)w[i] * x[t * columns + i];
            out[t * rows + r] = sum;
        }
        mem_free(w);
    }
    mem_free(bias);
    return out;
}

/* Norms `part_count` parts of each row on their own, in place; does nothing without the tensor. */
static void norm(const struct naive *m, const char *name, double *x, size_t part_count, uint32_t n)
{
    float *w = row_of(m, name, 0);
    for (size_t part = 0; w && part < m->token_count * part_count; part++) {
        double *values = x + part * n;
        double squares = 0;
        for (uint32_t i = 0; i < n; i++)
            squares += values[i] * values[i];
        const double scale = 1.0 / sqrt(squares / n + m->epsilon);
        for (uint32_t i = 0; i < n; i++)
            values[i] *= scale * (double)w[i];
    }
    mem_free(w);
}

/* Radians per position of pair j; *magnitude multiplies sine and cosine. */
static double frequency(const struct naive *m, const float *factors, uint32_t j, double *magnitude)
{
    const double n = m->head_dim;
    const double f = pow(m->base, -2.0 * j / n) / (factors ? (double)factors[j] : 1.0);
    *magnitude = 1;
    if (!m->is_yarn)
        return f / m->factor;
    const double context = key_or(m, "rope.scaling.original_context_length", 0);
    const double low = fmax(0, floor(n * log(context / (32 * 2 * PI)) / (2 * log(m->base))));
    const double high = fmin(n - 1, ceil(n * log(context / (2 * PI)) / (2 * log(m->base))));
    const double keep = 1 - fmin(1, fmax(0, (j - low) / fmax(0.001, high - low)));
    *magnitude = 1 + 0.1 * log(m->factor);
    return f / m->factor * (1 - keep) + f * keep;
}

static void rotate(const struct naive *m, double *x, uint32_t head_count)
{
    float *factors = row_of(m, "rope_freqs.weight", 0);
    const uint32_t half = m->head_dim / 2;
    for (size_t t = 0; t < m->token_count; t++)
        for (uint32_t h = 0; h < head_count; h++)
            for (uint32_t j = 0; j < half; j++) {
                double *head = x + (t * head_count + h) * m->head_dim;
                double *a = head + (m->rotates_pairs ? 2 * j : j);
                double *b = head + (m->rotates_pairs ? 2 * j + 1 : j + half);
                double magnitude = 0;
                const double angle = (double)t * frequency(m, factors, j, &magnitude);
                const double turned = (*a * cos(angle) - *b * sin(angle)) * magnitude;
                *b = (*b * cos(angle) + *a * sin(angle)) * magnitude;
                *a = turned;
            }
    mem_free(factors);
}

static void attend_one(const struct naive *m, const double *q, const double *k, const double *v,
                       size_t t, uint32_t h, double *out)
{
    const uint32_t n = m->head_dim;
    const uint32_t kv = h / (m->heads / m->kv_heads);
    double *p = mem_zalloc((t + 1) * sizeof(*p));
    double largest = -HUGE_VAL;
    double sum = 0;
    for (size_t s = 0; s <= t; s++) {
        for (uint32_t i = 0; i < n; i++)
            p[s] += q[(t * m->heads + h) * n + i] * k[(s * m->kv_heads + kv) * n + i];
        p[s] /= sqrt((double)n);
        largest = fmax(largest, p[s]);
    }
    for (size_t s = 0; s <= t; s++)
        sum += p[s] = exp(p[s] - largest);
    for (uint32_t i = 0; i < n; i++) {
        double mixed = 0;
        for (size_t s = 0; s <= t; s++)
            mixed += p[s] / sum * v[(s * m->kv_heads + kv) * n + i];
        out[(t * m->heads + h) * n + i] = mixed;
    }
    mem_free(p);
}

static void add(double *x, double *y, size_t count) /* takes y */
{
    for (size_t i = 0; i < count; i++)
        x[i] += y[i];
    mem_free(y);
}

static void attention(const struct naive *m, uint32_t layer, double *x)
{
    const uint32_t q_dim = m->heads * m->head_dim;
    const uint32_t kv_dim = m->kv_heads * m->head_dim;
    double *n = mem_copy(x, m->token_count * m->d * sizeof(*x));
    norm(m, layer_name(layer, "attn_norm.weight"), n, 1, m->d);
    double *q = product(m, layer, "attn_q", n, m->d, q_dim);
    double *k = product(m, layer, "attn_k", n, m->d, kv_dim);
    double *v = product(m, layer, "attn_v", n, m->d, kv_dim);
    norm(m, layer_name(layer, "attn_q_norm.weight"), q, m->heads, m->head_dim);
    norm(m, layer_name(layer, "attn_k_norm.weight"), k, m->kv_heads, m->head_dim);
    rotate(m, q, m->heads);
    rotate(m, k, m->kv_heads);
    double *mixed = mem_zalloc(m->token_count * q_dim * sizeof(*mixed));
    for (size_t t = 0; t < m->token_count; t++)
        for (uint32_t h = 0; h < m->heads; h++)
            attend_one(m, q, k, v, t, h, mixed);
    add(x, product(m, layer, "attn_output", mixed, q_dim, m->d), m->token_count * m->d);
    double *const all[] = {n, q, k, v, mixed};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        mem_free(all[i]);
}

static void feed_forward(const struct naive *m, uint32_t layer, double *x)
{
    double *n = mem_copy(x, m->token_count * m->d * sizeof(*x));
    norm(m, layer_name(layer, "ffn_norm.weight"), n, 1, m->d);
    double *gate = product(m, layer, "ffn_gate", n, m->d, m->ffn);
    double *up = product(m, layer, "ffn_up", n, m->d, m->ffn);
    for (size_t i = 0; i < m->token_count * m->ffn; i++)
        gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i];
    add(x, product(m, layer, "ffn_down", gate, m->ffn, m->d), m->token_count * m->d);
    mem_free(n);
    mem_free(gate);
    mem_free(up);
}

double *naive_model_logits(const struct gguf *file, const int32_t *tokens, size_t token_count)
{
    struct naive m = {.file = file, .token_count = token_count};
    kernel_table_init(&m.kernels, 0);
    read_numbers(&m);
    double *x = mem_zalloc(token_count * m.d * sizeof(*x));
    for (size_t t = 0; t < token_count; t++) {
        float *row = row_of(&m, "token_embd.weight", (uint64_t)tokens[t]);
        for (uint32_t i = 0; i < m.d; i++)
            x[t * m.d + i] = (double)row[i];
        mem_free(row);
    }
    for (uint32_t layer = 0; layer < m.layers; layer++) {
        attention(&m, layer, x);
        feed_forward(&m, layer, x);
    }
    norm(&m, "output_norm.weight", x, 1, m.d);
    const bool is_tied = !gguf_find_tensor(file, "output.weight");
    double *logits = product(&m, UINT32_MAX, is_tied ? "token_embd" : "output", x, m.d, m.vocab);
    mem_free(x);
    return logits;
}

double naive_model_nmse(const float *got, const double *want, size_t count)
{
    double difference = 0;
    double size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += want[i] * want[i];
    }
    return difference / size;
}
