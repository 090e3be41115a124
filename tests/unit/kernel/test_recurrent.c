/*
 * The reference of the recurrences and convolutions against their papers' formulas in double
 * precision, with the state kept as a plain matrix; checkkernel compares the faster kernels with
 * the reference bit for bit.
 */
#include "tests/holt_test.h"

#include "base/attr.h"
#include "kernel/kernel_table.h"

#include <math.h>

enum { KEYS = 32, VALUES = 48, TOKENS = 11, BLOCK = KERNEL_STATE_COLUMNS };

static uint64_t random_state;

static float uniform(float lowest, float highest)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return lowest + (highest - lowest) * ((float)(random_state >> 40) * 0x1p-24f);
}

static void fill(float *x, size_t n, float lowest, float highest)
{
    for (size_t i = 0; i < n; i++)
        x[i] = uniform(lowest, highest);
}

static struct kernel_table reference(void)
{
    struct kernel_table table;
    kernel_table_init(&table, 0);
    return table;
}

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * (1.0 + fabs(want))))
        fail_msg("%.9g, expected %.9g", got, want);
}

struct rule_case {
    float rows[TOKENS][2 * KEYS + VALUES]; /* query, key, value */
    float decays[TOKENS];
    float gains[TOKENS];
    float out[TOKENS][VALUES];
    float state[KEYS * VALUES]; /* in blocks of 16 columns */
    double plain[KEYS][VALUES];
};

static void fill_rule(struct rule_case *c)
{
    fill(&c->rows[0][0], sizeof(c->rows) / sizeof(float), -1, 1);
    fill(c->decays, TOKENS, 0.2f, 1);
    fill(c->gains, TOKENS, 0, 1);
    fill(c->state, KEYS * VALUES, -1, 1);
    for (int i = 0; i < KEYS; i++)
        for (int j = 0; j < VALUES; j++)
            c->plain[i][j] = (double)c->state[(j / BLOCK * KEYS + i) * BLOCK + j % BLOCK];
}

static struct kernel_recurrence_args args_of(struct rule_case *c, float factor)
{
    return (struct kernel_recurrence_args){.state = c->state,
                                           .queries = c->rows[0],
                                           .keys = c->rows[0] + KEYS,
                                           .values = c->rows[0] + 2 * KEYS,
                                           .decays = c->decays,
                                           .gains = c->gains,
                                           .out = c->out[0],
                                           .stride = 2 * KEYS + VALUES,
                                           .gate_stride = 1,
                                           .out_stride = VALUES,
                                           .token_count = TOKENS,
                                           .key_dim = KEYS,
                                           .block_end = VALUES / BLOCK,
                                           .factor = factor};
}

/* S = decay S; d = gain (v - S^T k), or gain v; S = S + k d^T; returns S^T q of column j. */
static double plain_step(struct rule_case *c, int t, int j, bool is_delta)
{
    const float *q = c->rows[t];
    const float *k = q + KEYS;
    double seen = 0;
    for (int i = 0; i < KEYS; i++) {
        c->plain[i][j] *= (double)c->decays[t];
        seen += c->plain[i][j] * (double)k[i];
    }
    const double value = (double)k[KEYS + j];
    const double delta = (double)c->gains[t] * (is_delta ? value - seen : value);
    double out = 0;
    for (int i = 0; i < KEYS; i++) {
        c->plain[i][j] += (double)k[i] * delta;
        out += c->plain[i][j] * (double)q[i];
    }
    return out;
}

static void the_recurrences_follow_their_formulas(void **state)
{
    (void)state;
    static struct rule_case c;
    const struct kernel_table table = reference();
    for (int is_delta = 0; is_delta < 2; is_delta++) {
        random_state = 3;
        fill_rule(&c);
        const struct kernel_recurrence_args args = args_of(&c, 0.25f);
        (is_delta ? table.delta_rule : table.ssm_scan)(&args);
        for (int t = 0; t < TOKENS; t++)
            for (int j = 0; j < VALUES; j++) {
                const double seen = plain_step(&c, t, j, is_delta == 1);
                const double skip = 0.25 * (double)c.rows[t][2 * KEYS + j];
                assert_near((double)c.out[t][j], is_delta ? 0.25 * seen : seen + skip, 2e-5);
            }
        for (int i = 0; i < KEYS; i++)
            for (int j = 0; j < VALUES; j++)
                assert_near((double)c.state[(j / BLOCK * KEYS + i) * BLOCK + j % BLOCK],
                            c.plain[i][j], 2e-5);
    }
}

static void a_convolution_sees_the_inputs_before(void **state)
{
    (void)state;
    enum { CHANNELS = 5 };
    const struct kernel_table table = reference();
    for (size_t width = KERNEL_CONV_WIDTH_MIN; width <= KERNEL_CONV_WIDTH_MAX; width++)
        for (int has_silu = 0; has_silu < 2; has_silu++) {
            float input[KERNEL_CONV_WIDTH_MAX + TOKENS][CHANNELS]; /* past, then the tokens */
            float x[TOKENS][CHANNELS];
            float weights[KERNEL_CONV_WIDTH_MAX][CHANNELS];
            float bias[CHANNELS];
            float past[KERNEL_CONV_WIDTH_MAX][CHANNELS];
            fill(input[0], sizeof(input) / sizeof(float), -1, 1);
            fill(weights[0], sizeof(weights) / sizeof(float), -1, 1);
            fill(bias, CHANNELS, -1, 1);
            memcpy(past, input, sizeof(past));
            memcpy(x, input[width - 1], sizeof(x));
            const struct kernel_conv_args args = {.x = x[0],
                                                  .weights = weights[0],
                                                  .bias = has_silu ? bias : NULL,
                                                  .state = past[0],
                                                  .stride = CHANNELS,
                                                  .channel_count = CHANNELS,
                                                  .token_count = TOKENS,
                                                  .width = width,
                                                  .channel_end = CHANNELS,
                                                  .has_silu = has_silu == 1};
            table.conv(&args);
            for (size_t t = 0; t < TOKENS; t++)
                for (size_t i = 0; i < CHANNELS; i++) {
                    double y = has_silu ? (double)bias[i] : 0;
                    for (size_t tap = 0; tap < width; tap++)
                        y += (double)weights[tap][i] * (double)input[t + tap][i];
                    assert_near((double)x[t][i], has_silu ? y / (1 + exp(-y)) : y, 1e-5);
                }
            assert_memory_equal(past, input[TOKENS], (width - 1) * sizeof(past[0]));
        }
}

static void gates_follow_their_formulas_at_both_ends(void **state)
{
    (void)state;
    static const float x[] = {-80, -30, -12, -3, 0, 0.5f, 3, 19.9f, 20.1f, 88};
    enum { COUNT = ARRAY_LEN(x) };
    float bias[COUNT];
    float rates[COUNT];
    float steps[COUNT];
    float decays[COUNT];
    float sigmoids[COUNT];
    fill(bias, COUNT, -1e-3f, 1e-3f);
    fill(rates, COUNT, -2, -1);
    kernel_table_decay_gates(x, bias, rates, COUNT, steps, decays);
    kernel_table_sigmoid(x, COUNT, sigmoids);
    for (size_t i = 0; i < COUNT; i++) {
        const double v = (double)x[i] + (double)bias[i];
        const double step = v > 20 ? v : log1p(exp(v));
        assert_near((double)steps[i] / step, 1, 1e-6); /* relative: small steps count */
        assert_near((double)decays[i], exp(step * (double)rates[i]), 1e-6);
        assert_near((double)sigmoids[i], 1 / (1 + exp(-(double)x[i])), 1e-6);
    }
    kernel_table_decay_gates(x, bias, rates, COUNT, NULL, sigmoids);
    assert_memory_equal(sigmoids, decays, sizeof(decays));
}

static void a_length_of_one_has_a_floor(void **state)
{
    (void)state;
    const struct kernel_table table = reference();
    float x[] = {3, 0, -4};
    table.l2_norm(x, 3, 1e-6f, x);
    assert_near((double)x[0], 0.6, 1e-7);
    assert_near((double)x[2], -0.8, 1e-7);
    float tiny[] = {1e-8f, 0};
    table.l2_norm(tiny, 2, 1e-6f, tiny);
    assert_near((double)tiny[0], 1e-2, 1e-6);
    float gated[] = {2, -2};
    table.sigmoid_mul(gated, (const float[]){0, 30}, 2, gated);
    assert_near((double)gated[0], 1, 1e-7);
    assert_near((double)gated[1], -2, 1e-7);
}

int test_recurrent(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recurrences_follow_their_formulas),
        cmocka_unit_test(a_convolution_sees_the_inputs_before),
        cmocka_unit_test(gates_follow_their_formulas_at_both_ends),
        cmocka_unit_test(a_length_of_one_has_a_floor),
    };
    return cmocka_run_group_tests_name("recurrent", tests, NULL, NULL);
}
