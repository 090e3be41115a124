/* check - see check.h. */
#include "tests/kernel/check.h"

#include "base/check.h"
#include "base/mem.h"
#include "os/clock.h"
#include "tensor/bfloat16.h"
#include "tensor/block_formats.h"
#include "tensor/dtype.h"
#include "tensor/half.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

enum { FAILURES_SHOWN_MAX = 20, BUFFERS_MAX = 32, PAGE = 4096, CANARY = 0xa5 };

struct buffer {
    unsigned char *map; /* guard page, [used], guard page */
    size_t map_size;
    unsigned char *data;
    size_t size;
};

static struct buffer buffers[BUFFERS_MAX];
static char case_name[256];

/* ---------------------------------------------------------------- inputs */

uint64_t check_bits(struct check *c)
{
    uint64_t x = c->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

int check_int(struct check *c, int lowest, int highest)
{
    const uint64_t span = (uint64_t)(highest - lowest) + 1;
    return lowest + (int)(check_bits(c) % span);
}

bool check_skips(struct check *c)
{
    return c->part > 1 && check_int(c, 0, (int)c->part - 1) != 0;
}

float check_float(struct check *c, float lowest, float highest)
{
    const float unit = (float)(check_bits(c) >> 40) * 0x1p-24f;
    return lowest + (highest - lowest) * unit;
}

float check_normal(struct check *c)
{
    float sum = -6.0f;
    for (int i = 0; i < 12; i++)
        sum += check_float(c, 0.0f, 1.0f);
    return check_int(c, 0, 49) ? sum : sum * check_float(c, 1.0f, 30.0f);
}

uint16_t check_half(struct check *c)
{
    const unsigned exponent = (unsigned)check_int(c, 5, 16);
    return (uint16_t)((check_bits(c) & 0x83ffu) | exponent << 10);
}

void check_fill_floats(struct check *c, enum check_pattern pattern, float *x, size_t n)
{
    static const float extremes[] = {1.0f, -1.0f, 0x1p20f, -0x1p20f, 0.0f, -0.0f, 3.0f};
    static const float tiny[] = {0.0f,      -0.0f,      0x1p-149f, -0x1p-140f,
                                 0x1p-126f, -0x1p-101f, 0x1p-99f};
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)check_bits(c);
        switch (pattern) {
        case CHECK_EXTREME: x[i] = extremes[bits % ARRAY_LEN(extremes)]; break;
        case CHECK_TINY: x[i] = tiny[bits % ARRAY_LEN(tiny)]; break;
        case CHECK_ANY_BITS:
            /* Mostly numbers: one in 64 is any bits at all. */
            x[i] = check_normal(c);
            if (check_int(c, 0, 63) == 0)
                memcpy(&x[i], &bits, sizeof(bits));
            if (check_int(c, 0, 499) == 0)
                x[i] = check_int(c, 0, 1) ? INFINITY : NAN;
            break;
        case CHECK_NORMAL:
        case CHECK_PATTERN_COUNT: x[i] = check_normal(c); break;
        }
    }
}

void check_fill_halves(struct check *c, enum check_pattern pattern, uint16_t *x, size_t n)
{
    static const uint16_t extremes[] = {0x7bff, 0xfbff, 0x3c00, 0xbc00};
    static const uint16_t tiny[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x83ff, 0x0400};
    for (size_t i = 0; i < n; i++) {
        const uint64_t bits = check_bits(c);
        switch (pattern) {
        case CHECK_EXTREME: x[i] = extremes[bits % ARRAY_LEN(extremes)]; break;
        case CHECK_TINY: x[i] = tiny[bits % ARRAY_LEN(tiny)]; break;
        case CHECK_ANY_BITS: x[i] = check_int(c, 0, 199) ? check_half(c) : (uint16_t)bits; break;
        case CHECK_NORMAL:
        case CHECK_PATTERN_COUNT: x[i] = check_half(c); break;
        }
    }
}

static uint8_t fill_byte(struct check *c, enum check_pattern pattern)
{
    static const uint8_t extremes[] = {0x00, 0x80, 0x7f, 0xff, 0x0f, 0xf0};
    if (pattern == CHECK_EXTREME)
        return extremes[check_bits(c) % ARRAY_LEN(extremes)];
    return (uint8_t)check_bits(c);
}

size_t check_row_bytes(enum dtype dtype, size_t columns)
{
    return dtype_row_bytes(dtype_find(dtype), columns);
}

/* Where the halves of a block are: up to two, ended by -1. */
static const struct {
    enum dtype dtype;
    int offsets[2];
} halves[] = {
    {DTYPE_Q1_0, {offsetof(struct block_q1_0, scale), -1}},
    {DTYPE_Q2_0, {offsetof(struct block_q2_0, scale), -1}},
    {DTYPE_Q4_0, {offsetof(struct block_q4_0, scale), -1}},
    {DTYPE_Q4_1, {offsetof(struct block_q4_1, scale), offsetof(struct block_q4_1, min)}},
    {DTYPE_Q5_0, {offsetof(struct block_q5_0, scale), -1}},
    {DTYPE_Q5_1, {offsetof(struct block_q5_1, scale), offsetof(struct block_q5_1, min)}},
    {DTYPE_Q8_0, {offsetof(struct block_q8_0, scale), -1}},
    {DTYPE_IQ4_NL, {offsetof(struct block_iq4_nl, scale), -1}},
    {DTYPE_Q2_K, {offsetof(struct block_q2_k, scale), offsetof(struct block_q2_k, min)}},
    {DTYPE_Q3_K, {offsetof(struct block_q3_k, scale), -1}},
    {DTYPE_Q4_K, {offsetof(struct block_q4_k, scale), offsetof(struct block_q4_k, min)}},
    {DTYPE_Q5_K, {offsetof(struct block_q5_k, scale), offsetof(struct block_q5_k, min)}},
    {DTYPE_Q6_K, {offsetof(struct block_q6_k, scale), -1}},
    {DTYPE_IQ4_XS, {offsetof(struct block_iq4_xs, scale), -1}},
    {DTYPE_TQ1_0, {offsetof(struct block_tq1_0, scale), -1}},
    {DTYPE_TQ2_0, {offsetof(struct block_tq2_0, scale), -1}},
    {DTYPE_IQ2_XXS, {offsetof(struct block_iq2_xxs, scale), -1}},
    {DTYPE_IQ2_XS, {offsetof(struct block_iq2_xs, scale), -1}},
    {DTYPE_IQ2_S, {offsetof(struct block_iq2_s, scale), -1}},
    {DTYPE_IQ3_XXS, {offsetof(struct block_iq3_xxs, scale), -1}},
    {DTYPE_IQ3_S, {offsetof(struct block_iq3_s, scale), -1}},
    {DTYPE_IQ1_S, {offsetof(struct block_iq1_s, scale), -1}},
    {DTYPE_MXFP4, {-1}}, /* any byte is a scale */
    {DTYPE_NVFP4, {-1}},
    {DTYPE_IQ1_M, {-1}}, /* its half is in pieces: infinities and NaNs are welcome */
};

static const int *half_offsets(enum dtype dtype)
{
    for (size_t i = 0; i < ARRAY_LEN(halves); i++)
        if (halves[i].dtype == dtype)
            return halves[i].offsets;
    check_failed(__FILE__, __LINE__, "a type that has a row above");
}

void check_fill_weights(struct check *c, enum check_pattern pattern, enum dtype dtype, void *rows,
                        size_t row_count, size_t columns)
{
    const size_t size = check_row_bytes(dtype, columns) * row_count;
    if (dtype == DTYPE_F32) {
        check_fill_floats(c, pattern, rows, size / sizeof(float));
        return;
    }
    if (dtype == DTYPE_F16) {
        check_fill_halves(c, pattern, rows, size / sizeof(uint16_t));
        return;
    }
    if (dtype == DTYPE_BF16) {
        uint16_t *out = rows;
        for (size_t i = 0; i < size / sizeof(uint16_t); i++) {
            float x = 0;
            check_fill_floats(c, pattern, &x, 1);
            out[i] = bfloat16_from_float(x);
        }
        return;
    }
    unsigned char *bytes = rows;
    for (size_t i = 0; i < size; i++)
        bytes[i] = fill_byte(c, pattern);
    const int *offsets = half_offsets(dtype);
    const size_t block_bytes = dtype_find(dtype)->block_bytes;
    for (size_t at = 0; at < size; at += block_bytes)
        for (size_t i = 0; i < 2 && offsets[i] >= 0; i++) {
            uint16_t scale = 0;
            check_fill_halves(c, pattern, &scale, 1);
            memcpy(bytes + at + offsets[i], &scale, sizeof(scale));
        }
    for (size_t at = 0; dtype == DTYPE_MXFP4 && pattern == CHECK_NORMAL && at < size;
         at += block_bytes)
        bytes[at] = (unsigned char)check_int(c, 110, 130); /* 2^-18 to 4: no subnormal sums */
}

/* ---------------------------------------------------------------- memory */

void *check_buffer(struct check *c, size_t size, size_t alignment)
{
    CHECK(alignment > 0 && alignment <= PAGE && (alignment & (alignment - 1)) == 0);
    struct buffer *slot = NULL;
    for (size_t i = 0; i < BUFFERS_MAX && !slot; i++)
        if (!buffers[i].map)
            slot = &buffers[i];
    CHECK(slot);
    const size_t used = (size + PAGE) / PAGE * PAGE;
    slot->map_size = used + 2 * (size_t)PAGE;
    slot->map = mmap(NULL, slot->map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(slot->map != MAP_FAILED);
    unsigned char *begin = slot->map + PAGE;
    CHECK(mprotect(begin, used, PROT_READ | PROT_WRITE) == 0);
    memset(begin, CANARY, used);
    const bool at_front = check_int(c, 0, 3) == 0;
    slot->data = at_front ? begin : begin + (used - size) / alignment * alignment;
    slot->size = size;
    return slot->data;
}

void check_free(struct check *c, void *buffer)
{
    for (size_t i = 0; i < BUFFERS_MAX; i++) {
        struct buffer *slot = &buffers[i];
        if (slot->data != buffer || !slot->map)
            continue;
        bool is_clean = true;
        for (unsigned char *at = slot->map + PAGE; at < slot->map + slot->map_size - PAGE; at++)
            is_clean &= (at >= slot->data && at < slot->data + slot->size) || *at == CANARY;
        if (!is_clean && c->failure_count++ < FAILURES_SHOWN_MAX)
            printf("FAIL %s: %s: bytes around a buffer were overwritten\n", c->level, case_name);
        CHECK(munmap(slot->map, slot->map_size) == 0);
        *slot = (struct buffer){0};
        return;
    }
    check_failed(__FILE__, __LINE__, "a buffer that check_buffer() gave");
}

/* ---------------------------------------------------------------- results */

void check_case(struct check *c, const char *fmt, ...)
{
    (void)c;
    va_list values;
    va_start(values, fmt);
    (void)vsnprintf(case_name, sizeof(case_name), fmt, values);
    va_end(values);
}

const char *check_case_name(void)
{
    return case_name;
}

static void digest(struct check *c, uint64_t bits)
{
    c->digest = (c->digest ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
    c->digest ^= c->digest >> 29;
}

void check_floats(struct check *c, const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &want[i], sizeof(bits));
        digest(c, isnan(want[i]) ? 1 : bits);
        c->comparison_count++;
        if (memcmp(&got[i], &want[i], sizeof(float)) == 0 || (isnan(got[i]) && isnan(want[i])))
            continue;
        if (c->failure_count++ < FAILURES_SHOWN_MAX)
            printf("FAIL %s: %s: element %zu of %zu is %a, reference %a\n", c->level, case_name, i,
                   n, (double)got[i], (double)want[i]);
        return;
    }
}

void check_halves(struct check *c, const uint16_t *got, const uint16_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        digest(c, want[i]);
        c->comparison_count++;
        const bool are_nan = isnan(half_to_float(got[i])) && isnan(half_to_float(want[i]));
        if (got[i] == want[i] || are_nan)
            continue;
        if (c->failure_count++ < FAILURES_SHOWN_MAX)
            printf("FAIL %s: %s: half %zu of %zu is 0x%04x, reference 0x%04x\n", c->level,
                   case_name, i, n, got[i], want[i]);
        return;
    }
}

void check_bytes(struct check *c, const void *got, const void *want, size_t size)
{
    const unsigned char *a = got;
    const unsigned char *b = want;
    for (size_t i = 0; i < size; i++) {
        digest(c, b[i]);
        c->comparison_count++;
        if (a[i] == b[i])
            continue;
        if (c->failure_count++ < FAILURES_SHOWN_MAX)
            printf("FAIL %s: %s: byte %zu of %zu is 0x%02x, reference 0x%02x\n", c->level,
                   case_name, i, size, a[i], b[i]);
        return;
    }
}

/* ---------------------------------------------------------------- measuring */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

struct check_time check_time(check_bench_fn *fn, void *context)
{
    enum { SAMPLES_MIN = 9, SAMPLES_MAX = 1001, TOTAL_NS = 60000000 };
    double samples[SAMPLES_MAX];
    size_t count = 0;
    fn(context); /* caches */
    const uint64_t begin = clock_thread_cpu_ns();
    while (count < SAMPLES_MAX &&
           (count < SAMPLES_MIN || clock_thread_cpu_ns() - begin < TOTAL_NS)) {
        const uint64_t from = clock_thread_cpu_ns();
        fn(context);
        samples[count++] = (double)(clock_thread_cpu_ns() - from) * 1e-9;
    }
    qsort(samples, count, sizeof(samples[0]), compare_doubles);
    return (struct check_time){samples[0], samples[count / 2]};
}
