/*
 * bench_kv - what keeping keys and values as codes costs in quality, on synthetic heads.
 *
 *   bench_kv [TOKENS] [SEEDS]
 *
 * Keys have channels of unequal size, RoPE and, by kind of data:
 *   mild        small biases
 *   llama-like  four channels with large biases
 *   qwen-like   biases of 600 in pairs that rotate slowly, which queries hardly look at
 * Values are correlated from token to token and have a mean. For each kind: the Kullback-Leibler
 * divergence of the attention weights from those of exact keys, and the distance of the output
 * relative to its length, over the last queries of each seed. As in the cache, the first block and
 * the last are f16. q4_0 with a rotation of keys and values is what others have at 4.5 bits.
 */
#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel_table.h"
#include "kernel/kv_code.h"
#include "kernel/kv_row.h"
#include "os/cpu.h"
#include "tensor/half.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DIM = 128, QUERIES = 64, TOKENS_MAX = 1 << 16, BLOCK = KV_CODE_TOKENS };

enum data { DATA_MILD, DATA_LLAMA, DATA_QWEN, DATA_COUNT };

static const char *const data_names[] = {"mild", "llama-like", "qwen-like"};

/* What a kind makes of 64 rows, in place. */
struct way {
    const char *name;
    double bytes; /* of a key and a value together */
    void (*keys)(float *rows, int code);
    void (*values)(float *rows, int code);
    int key_code;
    int value_code;
};

static struct kernel_table table;

/* ---------------------------------------------------------------- chance */

static double uniform(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *state)
{
    const double radius = sqrt(-2.0 * log(uniform(state)));
    return radius * cos(6.283185307179586 * uniform(state));
}

/* ---------------------------------------------------------------- kinds */

static void as_f16(float *rows, int code)
{
    (void)code;
    for (size_t i = 0; i < BLOCK * DIM; i++)
        rows[i] = half_to_float(half_from_float(rows[i]));
}

static void as_q8(float *rows, int code)
{
    (void)code;
    unsigned char row[2 * DIM];
    for (size_t t = 0; t < BLOCK; t++) {
        table.to_q8(rows + t * DIM, DIM, row);
        for (size_t i = 0; i < DIM; i++) {
            const unsigned char *block = kv_row_q8_block(row, i);
            uint16_t scale = 0;
            memcpy(&scale, block, sizeof(scale));
            rows[t * DIM + i] =
                (float)(int8_t)block[KV_ROW_Q8_SCALE + i % KV_ROW_Q8_BLOCK] * half_to_float(scale);
        }
    }
}

/* ggml's q4_0: the number of largest magnitude of 32 becomes -8. */
static void as_q4_0(float *rows, int is_rotated)
{
    for (size_t t = 0; t < BLOCK; t++) {
        float *row = rows + t * DIM;
        if (is_rotated)
            table.code_rotate(row, DIM, 0, false);
        for (size_t at = 0; at < DIM; at += 32) {
            float most = 0;
            for (size_t i = at; i < at + 32; i++)
                most = fabsf(row[i]) > fabsf(most) ? row[i] : most;
            const float scale = most / -8.0f;
            const float kept = half_to_float(half_from_float(scale));
            for (size_t i = at; i < at + 32; i++) {
                const float q = scale != 0 ? floorf(row[i] / scale + 8.5f) : 8.0f;
                row[i] = ((q < 15.0f ? q : 15.0f) - 8.0f) * kept;
            }
        }
        if (is_rotated)
            table.code_rotate(row, DIM, 0, true);
    }
}

static void as_code(float *rows, enum kv_code code, bool is_value)
{
    static uint16_t halfs[BLOCK * DIM];
    static unsigned char chains[BLOCK * DIM];
    static _Alignas(4) unsigned char tail[2 * BLOCK + DIM + 4];
    const struct kv_code_format *format = &kv_code_formats[code];
    const struct kv_code_tail parts = kv_code_tail_at(code, tail);
    float mean_scale = 0;
    for (size_t t = 0; t < BLOCK; t++)
        table.code_rotate(rows + t * DIM, DIM, 0, false);
    for (size_t i = 0; i < BLOCK * DIM; i++)
        halfs[i] = half_from_float(rows[i]);
    table.code_encode(code, is_value, halfs, DIM, DIM, chains, tail);
    if (parts.mean_scale)
        memcpy(&mean_scale, parts.mean_scale, sizeof(mean_scale));
    for (size_t i = 0; i < BLOCK * DIM; i++) {
        const struct kv_code_place place = kv_code_place_of(is_value, DIM, i / DIM, i % DIM);
        const unsigned bits = format->bits;
        uint64_t word = 0;
        uint16_t scale = 0;
        memcpy(&word, chains + place.chain * 2 * bits, (size_t)2 * bits);
        memcpy(&scale, parts.scales + i / DIM * sizeof(scale), sizeof(scale));
        /* Six bits that end with the symbol, in a ring of 16 symbols. */
        const size_t end = bits * (place.symbol + 1);
        const uint64_t ring =
            end >= 6 ? word >> (end - 6) : word << (6 - end) | word >> (16 * bits + end - 6);
        const float mean = parts.mean ? (float)(int8_t)parts.mean[i % DIM] * mean_scale : 0.0f;
        rows[i] = (float)format->table[ring & 63] * (half_to_float(scale) / KV_CODE_SCALE) + mean;
    }
    for (size_t t = 0; t < BLOCK; t++)
        table.code_rotate(rows + t * DIM, DIM, 0, true);
}

static void key_code(float *rows, int code)
{
    as_code(rows, (enum kv_code)code, false);
}

static void value_code(float *rows, int code)
{
    as_code(rows, (enum kv_code)code, true);
}

static const struct way ways[] = {
    {"f16", 512, as_f16, as_f16, 0, 0},
    {"q8", 272, as_q8, as_q8, 0, 0},
    {"q4_0", 144, as_q4_0, as_q4_0, 0, 0},
    {"q4_0, rotated", 144, as_q4_0, as_q4_0, 1, 1},
    {"t4", 136.1, key_code, value_code, KV_CODE_T4, KV_CODE_T4},
    {"t4/t3", 120.1, key_code, value_code, KV_CODE_T4, KV_CODE_T3},
    {"t3", 104.1, key_code, value_code, KV_CODE_T3, KV_CODE_T3},
    {"tq4", 132, key_code, value_code, KV_CODE_TQ4, KV_CODE_TQ4},
    {"tq3", 100, key_code, value_code, KV_CODE_TQ3, KV_CODE_TQ3},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/* ---------------------------------------------------------------- data */

struct head {
    size_t token_count;
    float *keys;    /* [token_count][DIM] */
    float *values;  /* [token_count][DIM] */
    float *queries; /* [QUERIES][DIM], of the last positions */
    float *changed; /* keys, then values, as a kind has them */
};

static void rotate_by_position(float *x, size_t position)
{
    for (size_t j = 0; j < DIM / 2; j++) {
        const double angle = (double)position * pow(10000.0, -2.0 * (double)j / DIM);
        const double a = (double)x[j];
        const double b = (double)x[j + DIM / 2];
        x[j] = (float)(a * cos(angle) - b * sin(angle));
        x[j + DIM / 2] = (float)(b * cos(angle) + a * sin(angle));
    }
}

static void fill_head(struct head *h, enum data data, uint64_t seed)
{
    uint64_t state = seed * 1000003 + (uint64_t)data;
    double gain[DIM];
    double bias[DIM];
    double seen[DIM]; /* what queries make of a channel */
    double value_mean[DIM];
    for (size_t i = 0; i < DIM; i++) {
        gain[i] = exp(0.5 * normal(&state));
        bias[i] = 0.5 * normal(&state);
        seen[i] = 1;
        value_mean[i] = 0.3 * normal(&state);
    }
    for (size_t k = 0; k < 4 && data == DATA_LLAMA; k++)
        bias[40 + 6 * k] = k % 2 ? -20 : 20; /* pairs that rotate slowly */
    for (size_t j = 58; j < DIM / 2 && data == DATA_QWEN; j++) {
        bias[j] = 600 / sqrt(6) * (j % 2 ? 1 : -1);
        seen[j] = seen[j + DIM / 2] = 0.01;
    }
    for (size_t t = 0; t < h->token_count; t++)
        for (size_t i = 0; i < DIM; i++) {
            const float before = t > 0 ? h->values[(t - 1) * DIM + i] - (float)value_mean[i] : 0;
            h->keys[t * DIM + i] = (float)(bias[i] + gain[i] * normal(&state));
            h->values[t * DIM + i] =
                (float)(value_mean[i] + 0.7 * (double)before + 0.7 * normal(&state));
        }
    for (size_t t = 0; t < h->token_count; t++)
        rotate_by_position(h->keys + t * DIM, t);
    for (size_t n = 0; n < QUERIES; n++) {
        float *q = h->queries + n * DIM;
        for (size_t i = 0; i < DIM; i++)
            q[i] = (float)(2.0 * seen[i] / gain[i] * normal(&state));
        rotate_by_position(q, h->token_count - QUERIES + n);
    }
}

/* ---------------------------------------------------------------- measures */

/* Weights of a query over all keys, and what it gets. */
static void attend(const struct head *h, const float *query, const float *keys, const float *values,
                   double *p, double *out)
{
    double most = -HUGE_VAL;
    double sum = 0;
    for (size_t t = 0; t < h->token_count; t++) {
        double dot = 0;
        for (size_t i = 0; i < DIM; i++)
            dot += (double)query[i] * (double)keys[t * DIM + i];
        p[t] = dot / sqrt(DIM);
        most = p[t] > most ? p[t] : most;
    }
    for (size_t t = 0; t < h->token_count; t++) {
        p[t] = exp(p[t] - most);
        sum += p[t];
    }
    memset(out, 0, DIM * sizeof(*out));
    for (size_t t = 0; t < h->token_count; t++) {
        p[t] /= sum;
        for (size_t i = 0; i < DIM; i++)
            out[i] += p[t] * (double)values[t * DIM + i];
    }
}

struct quality {
    double divergence;
    double distance;
};

static struct quality compare(const struct head *h)
{
    static double p[2][TOKENS_MAX];
    double out[2][DIM];
    struct quality q = {0};
    for (size_t n = 0; n < QUERIES; n++) {
        const float *query = h->queries + n * DIM;
        double wrong = 0;
        double all = 0;
        attend(h, query, h->keys, h->values, p[0], out[0]);
        attend(h, query, h->changed, h->changed + h->token_count * DIM, p[1], out[1]);
        for (size_t t = 0; t < h->token_count; t++)
            if (p[0][t] > 0)
                q.divergence += p[0][t] * log(p[0][t] / fmax(p[1][t], 1e-300)) / QUERIES;
        for (size_t i = 0; i < DIM; i++) {
            wrong += pow(out[0][i] - out[1][i], 2);
            all += pow(out[0][i], 2);
        }
        q.distance += sqrt(wrong / all) / QUERIES;
    }
    return q;
}

static void change(const struct head *h, const struct way *way)
{
    const size_t n = h->token_count * DIM;
    memcpy(h->changed, h->keys, n * sizeof(float));
    memcpy(h->changed + n, h->values, n * sizeof(float));
    for (size_t t = 0; t < h->token_count; t += BLOCK) {
        const bool is_open = t == 0 || t + BLOCK >= h->token_count;
        float *keys = h->changed + t * DIM;
        float *values = keys + n;
        if (is_open) {
            as_f16(keys, 0);
            as_f16(values, 0);
        } else {
            way->keys(keys, way->key_code);
            way->values(values, way->value_code);
        }
    }
}

static bool read_number(const char *text, int64_t *out)
{
    return !text || str_to_int(str_from_c(text), out);
}

/* One cell of the table. */
static struct quality measure(struct head *h, enum data data, const struct way *way, int64_t seeds)
{
    struct quality mean = {0};
    for (int64_t seed = 1; seed <= seeds; seed++) {
        fill_head(h, data, (uint64_t)seed);
        change(h, way);
        const struct quality q = compare(h);
        mean.divergence += q.divergence / (double)seeds;
        mean.distance += q.distance / (double)seeds;
    }
    return mean;
}

int main(int argc, char **argv)
{
    int64_t tokens = 4096;
    int64_t seeds = 3;
    if (!read_number(argc > 1 ? argv[1] : NULL, &tokens) ||
        !read_number(argc > 2 ? argv[2] : NULL, &seeds) || tokens < 3 * BLOCK ||
        tokens > TOKENS_MAX || tokens % BLOCK || seeds < 1 || seeds > 1000) {
        fprintf(stderr, "usage: bench_kv [TOKENS (a multiple of 64, 192 to 65536)] [SEEDS]\n");
        return 2;
    }
    kernel_table_init(&table, cpu_features());
    struct head h = {.token_count = (size_t)tokens};
    h.keys = mem_zalloc(h.token_count * DIM * sizeof(float));
    h.values = mem_zalloc(h.token_count * DIM * sizeof(float));
    h.changed = mem_zalloc(2 * h.token_count * DIM * sizeof(float));
    h.queries = mem_zalloc(QUERIES * DIM * sizeof(float));
    printf("%" PRIi64 " tokens, %" PRIi64 " seeds: divergence / distance\n\n| kind | bytes |",
           tokens, seeds);
    for (int data = 0; data < DATA_COUNT; data++)
        printf(" %s |", data_names[data]);
    printf("\n|---|---|---|---|---|\n");
    for (size_t w = 0; w < WAYS; w++) {
        printf("| %s | %.0f |", ways[w].name, ways[w].bytes);
        for (int data = 0; data < DATA_COUNT; data++) {
            const struct quality mean = measure(&h, (enum data)data, &ways[w], seeds);
            printf(" %.5f / %.4f |", mean.divergence, mean.distance);
            fflush(stdout);
        }
        printf("\n");
    }
    mem_free(h.keys);
    mem_free(h.values);
    mem_free(h.changed);
    mem_free(h.queries);
    return 0;
}
