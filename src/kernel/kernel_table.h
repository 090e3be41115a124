/*
 * kernel_table - every inner loop of a model step behind one table of function pointers.
 *
 * The reference (kernel/ref/, portable C) fills the table first and is the definition of every
 * result; each instruction set overrides what it does faster. All of them give the same bits, on
 * every CPU and with every compiler, for one token or many, for any split of rows over threads.
 * What makes that hold:
 *   - sums inside a quantized block are integers;
 *   - floats accumulate over blocks in ascending order by explicit fused multiply-adds;
 *   - any other sum puts element i into lane i mod 16 and adds the lanes in one tree: l with l+8,
 *     then l+4, l+2, l+1 (lanes.h);
 *   - exp, sin and the like are ours (exact_math.h, vector_exp.h), not the C library's.
 * A NaN is a NaN on every level, but its sign and payload may differ.
 *
 * Units: "columns" is the length of a row, the summed dimension; counts are elements, not bytes.
 * Alignment: activations and scratch 64 bytes, floats 4; weights need none.
 *
 * Threads: a filled table is constant; kernels keep no state and allocate nothing. They use at
 * most KERNEL_STACK_BYTES of stack.
 * Depends on: base/, os/cpu, tensor/. Used by: model/, infer/.
 */
#pragma once

#include "kernel/kv_code.h"
#include "tensor/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KERNEL_DTYPES = DTYPE_ID_MAX + 1,
    KERNEL_COLUMNS_MAX = 1 << 22,
    KERNEL_STACK_BYTES = 96 << 10,
    KERNEL_PAGE_TOKENS = 64,  /* keys or values in one page of the cache */
    KERNEL_SPAN_TOKENS = 512, /* keys whose softmax is one chain; see attend_span */
};

/* ---------------------------------------------------------------- products */

/* How a matmul wants the vectors that the weights are multiplied with. */
enum kernel_activation {
    KERNEL_ACTIVATION_F32,    /* as they are */
    KERNEL_ACTIVATION_Q8_32,  /* int8, one f32 scale and the sum for each 32; see activation.h */
    KERNEL_ACTIVATION_Q8_256, /* int8, one f32 scale for each 256, sums of each 16 and 32 */
    KERNEL_ACTIVATION_COUNT,
};

struct kernel_matmul_args {
    const void *weights;      /* [rows][columns] in blocks of the element type, rows contiguous */
    const void *activations;  /* [token_count], activation_stride bytes apart */
    float *out;               /* [token_count][rows], tokens out_stride floats apart */
    size_t activation_stride; /* kernel_table_activation_bytes() or more; a multiple of 64 */
    size_t out_stride;
    size_t columns; /* a multiple of the element type's block length */
    size_t token_count;
    size_t row_begin; /* rows [row_begin, row_end) of weights and out are computed */
    size_t row_end;
};

/* out[t][r] = sum over i of weights[r][i] * x[t][i]. Splitting rows among threads at multiples of
 * KERNEL_ROW_ALIGN is fastest; any split gives the same bits. Cost: one pass over the weights for
 * all tokens of the call. */
typedef void(kernel_matmul_fn)(const struct kernel_matmul_args *args);

/* Packs up to PACKED_ROWS rows of weights; see packed_pack(). */
typedef void(kernel_pack_fn)(enum dtype dtype, const void *rows, size_t row_count, size_t columns,
                             void *out);

enum { KERNEL_ROW_ALIGN = 32 };

/* run_packed is for weights that were packed (packed.h) and gives the same bits, faster where rows
 * are read from memory for few tokens: `weights` are then groups of PACKED_ROWS rows, row_begin is
 * a multiple of PACKED_ROWS. */
struct kernel_matmul {
    kernel_matmul_fn *run; /* NULL: no kernels for this element type */
    enum kernel_activation activation;
    kernel_matmul_fn *run_packed; /* NULL: packing the type is of no use at this level */
};

/* Converts x[columns] to one row of the activation kind. The result depends on this row only. A
 * block with a NaN or infinity gets the scale NaN, so that what it touches becomes NaN. */
typedef void(kernel_quantize_fn)(const float *x, size_t columns, void *out);

/* out[i] = value i of a row of `columns` weights. */
typedef void(kernel_dequantize_fn)(const void *row, size_t columns, float *out);

/* ---------------------------------------------------------------- vectors */

/* out[i] = x[i] * (1 / sqrt(mean(x^2) + epsilon)) * weight[i]; squares are summed in f64, the
 * factor is rounded to f32 once. weight may be NULL (all 1); out may be x. */
typedef void(kernel_rms_norm_fn)(const float *x, const float *weight, size_t n, float epsilon,
                                 float *out);

/* out[i] = x[i] * (1 / max(sqrt(sum of x^2), epsilon)), with the same care; out may be x. */
typedef void(kernel_l2_norm_fn)(const float *x, size_t n, float epsilon, float *out);

/* out[i] = fma((x[i] - mean) * (1 / sqrt(variance + epsilon)), weight[i], bias[i]); mean,
 * differences and their squares (by fma) in f64, each difference and the factor rounded to f32
 * once. out may be x. */
typedef void(kernel_layer_norm_fn)(const float *x, const float *weight, const float *bias, size_t n,
                                   float epsilon, float *out);

/* out[i] = x[i] (op) y[i]; out may be x or y. The gated ones, with gate x (gated_units.h):
 *   swiglu          silu(x) * y, silu(v) = v / (1 + exp(-v))
 *   geglu           gelu(x) * y, gelu in its tanh form
 *   swiglu_clamped  g / (1 + exp(-1.702 g)) * (u + 1), g = min(x, 7), u = y cut to [-7, 7]
 *   sigmoid_mul     x / (1 + exp(-y)) */
typedef void(kernel_binary_fn)(const float *x, const float *y, size_t n, float *out);

/* out[i] = fma(x[i], scale, out[i]); out is not x. */
typedef void(kernel_add_scaled_fn)(const float *x, float scale, size_t n, float *out);

/* out[i] = f(x[i]); out may be x. */
typedef void(kernel_unary_fn)(const float *x, size_t n, float *out);

/* out[i] = exact_math_exp(x[i]); out may be x. */
typedef void(kernel_exp_f64_fn)(const double *x, size_t n, double *out);

/* f32 to f16, round to nearest even. */
typedef void(kernel_to_f16_fn)(const float *x, size_t n, uint16_t *out);

/* f32 to the q8 row of kv_row.h. The scale of a block is its largest magnitude / 127 as f16, the
 * numbers are x / scale to nearest even, cut to [-127, 127]. A block with a NaN or infinity gets
 * the scale NaN. */
typedef void(kernel_to_q8_fn)(const float *x, size_t n, unsigned char *out);

/* Codes one piece of a block of keys or values (kv_code.h, code_block.h): 64 rows of f16, rotated
 * already, row_stride halfs apart, numbers [0, dim) of each; dim is a power of two,
 * KV_CODE_PIECE_MIN to KV_CODE_PIECE_MAX. With a trellis the symbols of a chain are those of least
 * squared distance to the integer targets among all that end in the state they begin in; of equal
 * ones the lowest state, then the lowest state before, then the lowest symbol. */
typedef void(kernel_code_encode_fn)(enum kv_code code, bool is_value, const uint16_t *rows,
                                    size_t row_stride, size_t dim, unsigned char *chains,
                                    unsigned char *tail);

/* Rotates x[n] in place, or back, as code_rotate.h says; pieces do not cross `cut` (0: none). */
typedef void(kernel_code_rotate_fn)(float *x, size_t n, size_t cut, bool is_back);

/*
 * Rotates the first rot_dim values of every head of one token (RoPE).
 *
 *   x        [head_count][head_dim] f32  in place
 *   cosines  [rot_dim / 2]          f32  of the angles of this token's position
 *   sines    [rot_dim / 2]          f32  (kernel_table_rope_angles())
 *
 * Pair j: (a, b) becomes (a cos - b sin, b cos + a sin), each as fma(a, cos, -(b * sin)) and
 * fma(b, cos, a * sin). rot_dim is even and <= head_dim; values past it are left alone.
 */
typedef void(kernel_rope_fn)(float *x, const float *cosines, const float *sines, size_t head_count,
                             size_t head_dim, size_t rot_dim);

/* ---------------------------------------------------------------- attention */

/* How keys and values lie in memory: IEEE half, float, or int8 with scales (kv_row.h). */
enum kernel_kv { KERNEL_KV_F16, KERNEL_KV_F32, KERNEL_KV_Q8, KERNEL_KV_COUNT };

/*
 * Attention of one KV head: consecutive tokens of one sequence, all query heads of its group.
 *
 *   queries  [token_count][head_count][head_dim] f32  tokens query_stride floats apart
 *   keys     [page][KERNEL_PAGE_TOKENS][head_dim]      of the kind; page p begins at
 *   values   [page][KERNEL_PAGE_TOKENS][value_dim]     keys (values) + pages[p] * page_bytes;
 *                                                      value_stride numbers from one to the next
 *   out      [token_count][head_count][value_dim] f32 tokens out_stride floats apart
 *
 * Token t is at position key_count - 1 + t and sees the keys up to it, with a window only the
 * newest `window` of them; key_count >= 1. With a key_limit (in encoders: the tokens of the text)
 * it sees the keys behind it too, up to the limit; a window then reaches window / 2 to either side.
 * head_dim is even; multiples of 16 of both lengths are fast. One token is the decode case; more
 * tokens share the loads of keys and values. The bits of a (token, head) do not depend on the
 * others of the call.
 *
 * Values may be the first value_dim numbers of the keys: the same address, value_stride head_dim.
 */
struct kernel_attend_args {
    const float *queries;
    const void *keys;
    const void *values;
    const uint32_t *pages;
    const float *sinks; /* [head_count] scores beside those of the keys, without value; or NULL */
    float *out;
    size_t query_stride;
    size_t out_stride;
    size_t page_bytes;
    size_t key_count;
    size_t token_count;
    size_t head_count;
    size_t head_dim;
    size_t value_dim;
    size_t value_stride;
    enum kv_code
        key_code; /* of attend_code: what the chains are, and the tails of page 0, as keys */
    enum kv_code value_code;
    unsigned char *key_tails;
    unsigned char *value_tails;
    size_t window; /* 0: none */
    size_t
        key_limit; /* at least key_count - 1 + token_count; 0: keys behind a token are not seen */
    size_t key_begin; /* of a part: only positions [key_begin, key_end) are looked at; */
    size_t key_end;   /* 0: all */
    float scale;      /* multiplies q . k */
    float softcap;    /* a score s becomes softcap * tanh(s / softcap); 0: stays */
};

/*
 * Attention over codes (kernel_table_attend_coded()) needs more: `keys` and `values` are chains,
 * tails lie beside them, and the blocks that are seen as f16 elsewhere. Queries, and what is kept,
 * are rotated (code_rotate.h), and so is what comes out.
 */
struct kernel_attend_codes {
    const struct kernel_attend_args *args; /* keys, values, pages: of the codes */
    const void *first_keys;                /* f16: block 0 */
    const void *first_values;
    const void *own_keys; /* f16: the tokens' own block, which may be block 0 */
    const void *own_values;
};

/*
 * Softmax and weighted sum over the keys of span `span`, positions [512 span, 512 span + 512), for
 * every (token, head): partial [token_count][head_count][KERNEL_PARTIAL_HEAD + value_dim]:
 * the largest score, the sum of exp(score - largest), unused, then the weighted sum of values.
 * A token that sees no key of the span gets nothing written.
 *
 * Inside a span, for each block of 64 keys, of which only the visible ones count:
 * s = (q . k) * scale; with a softcap c, s = c * (1 - 2 / (exp(s * (2 / c)) + 1));
 * m' = max(m, s...); p = exp(s - m'); sum = fma(sum, exp(m - m'), tree sum of p, key j of the block
 * in lane j mod 16); o = o * exp(m - m'), then o = fma(p, v, o) in ascending key order.
 */
typedef void(kernel_attend_span_fn)(const struct kernel_attend_args *args, size_t span,
                                    float *partial);

/* Folds `partial` of span `span` into `state` (the same layout), in ascending order of spans; the
 * first span that a token sees is copied. Tokens that see no key of the span are left alone. */
typedef void(kernel_attend_merge_fn)(const struct kernel_attend_args *args, size_t span,
                                     const float *partial, float *state);

enum { KERNEL_PARTIAL_HEAD = 16 };

/*
 * The same over coded keys: args->key_code, value_code, tails. Products are of integers:
 *   q       of each piece of a query, x * (127 / largest magnitude) to nearest even;
 *           its scale is largest magnitude / 127 / KV_CODE_SCALE
 *   score   the sum over pieces of mean_scale * (x . mean), in order of pieces; then, piece by
 *           piece, fma(float(q . table values) * scale[token], scale of q, score); then * scale
 *           and softcap as above
 *   p       exp(s - m') as above; unseen ones are 0
 *   bytes   of each piece of the values, p * scale[token] * (255 / largest) to nearest even
 *   o       o * exp(m - m'), then fma(float(bytes . table values), largest / 4080, o), then
 *           fma(mean, sum of p * mean_scale, o)
 * Values that lie in the keys (the same address) are read from their chains.
 */

/* ---------------------------------------------------------------- recurrences */

enum {
    KERNEL_CONV_WIDTH_MIN = 2,
    KERNEL_CONV_WIDTH_MAX = 4,
    KERNEL_STATE_COLUMNS = 16, /* columns of a recurrent state that lie side by side */
};

/*
 * Causal convolution over time, each channel on its own, of consecutive tokens of one sequence:
 *
 *   x        [token_count][channels] f32  in place, tokens stride floats apart
 *   weights  [width][channels] f32        the last row belongs to the token itself
 *   bias     [channels] f32               or NULL
 *   state    [width - 1][channels] f32    the inputs before the first token, oldest first; left
 *                                         with the last ones
 *
 * y = weights[0] x[t - width + 1], then fma in ascending order of taps, then + bias; out is y or,
 * with has_silu, y / (1 + exp(-y)).
 */
struct kernel_conv_args {
    float *x;
    const float *weights;
    const float *bias;
    float *state;
    size_t stride;
    size_t channel_count; /* from one row of weights, or of the state, to the next */
    size_t token_count;
    size_t width;         /* KERNEL_CONV_WIDTH_MIN to KERNEL_CONV_WIDTH_MAX */
    size_t channel_begin; /* channels [channel_begin, channel_end) are computed */
    size_t channel_end;
    bool has_silu;
};

typedef void(kernel_conv_fn)(const struct kernel_conv_args *args);

/*
 * One head of a linear recurrence over consecutive tokens of one sequence. The state is a matrix
 * S [key_dim][value_dim], kept in blocks of KERNEL_STATE_COLUMNS columns so that a block stays in
 * the nearest cache over all tokens of a call:
 *
 *   state    [value_dim / 16][key_dim][16] f32  read and updated
 *   queries  [token_count][key_dim] f32         tokens stride floats apart, as keys and values
 *   keys     [token_count][key_dim] f32
 *   values   [token_count][value_dim] f32
 *   decays   [token_count] f32                  tokens gate_stride floats apart, as gains
 *   gains    [token_count] f32
 *   out      [token_count][value_dim] f32       tokens out_stride floats apart
 *
 * For each token in order, and each column j:
 *   delta_rule  d = fma(-decay, S_j . k, v_j) * gain      (Yang et al. 2024, gated delta rule)
 *   ssm_scan    d = v_j * gain                            (Dao and Gu 2024, Mamba-2; k is B, q C)
 *   then        S_ij = fma(k_i, d, decay * S_ij)
 *   delta_rule  out_j = (S_j . q) * factor
 *   ssm_scan    out_j = fma(factor, v_j, S_j . q)
 * Products with a column put element i into lane i mod 16 by fma, as everywhere (lanes.h).
 */
struct kernel_recurrence_args {
    float *state;
    const float *queries;
    const float *keys;
    const float *values;
    const float *decays;
    const float *gains;
    float *out;
    size_t stride;
    size_t gate_stride;
    size_t out_stride;
    size_t token_count;
    size_t key_dim;     /* a multiple of 16 */
    size_t block_begin; /* blocks [block_begin, block_end) of 16 columns are computed */
    size_t block_end;
    float factor;
};

typedef void(kernel_recurrence_fn)(const struct kernel_recurrence_args *args);

/* ---------------------------------------------------------------- the machine's limits */

/* The sum of the 64-bit words of `size` bytes, then of the bytes behind the last whole word, by
 * plain
 * vector loads: for measuring bandwidth. */
typedef uint64_t(kernel_read_fn)(const void *bytes, size_t size);

/* Runs `rounds` of independent int8 multiply-adds on registers, the instruction matmul is made of
 * at this level. Returns the number of multiply-adds; *sink keeps the compiler honest. */
typedef uint64_t(kernel_int8_peak_fn)(uint64_t rounds, uint64_t *sink);

/* ---------------------------------------------------------------- the table */

struct kernel_table {
    struct kernel_matmul matmul[KERNEL_DTYPES]; /* by enum dtype */
    kernel_pack_fn *pack;
    kernel_dequantize_fn *dequantize_row[KERNEL_DTYPES];   /* by enum dtype; NULL: none */
    kernel_quantize_fn *quantize[KERNEL_ACTIVATION_COUNT]; /* F32 copies */

    kernel_rms_norm_fn *rms_norm;
    kernel_l2_norm_fn *l2_norm;
    kernel_layer_norm_fn *layer_norm;
    kernel_binary_fn *add;
    kernel_binary_fn *mul;
    kernel_binary_fn *swiglu;
    kernel_binary_fn *sigmoid_mul;
    kernel_binary_fn *geglu;
    kernel_binary_fn *swiglu_clamped;
    kernel_add_scaled_fn *add_scaled;
    kernel_unary_fn *gelu;         /* in its tanh form */
    kernel_unary_fn *relu_squared; /* max(0, x)^2 */
    kernel_unary_fn *exp_row;
    kernel_exp_f64_fn *exp_f64;
    kernel_unary_fn *softmax; /* max subtracted, divided by the lane sum; n >= 1 */
    kernel_to_f16_fn *to_f16;
    kernel_to_q8_fn *to_q8;

    /* Two entries, not a flag: GGUF files of the llama family store the rows of Q and K permuted
     * so that neighbours rotate together; most other families keep the halves. The family's arch
     * file names the one it needs, and neither loop has a branch. */
    kernel_rope_fn *rope_halves; /* element j with element j + rot_dim/2 */
    kernel_rope_fn *rope_pairs;  /* element 2j with element 2j + 1 */

    kernel_attend_span_fn *attend_span[KERNEL_KV_COUNT];
    kernel_attend_merge_fn *attend_merge;
    kernel_attend_span_fn *attend_code;
    kernel_code_encode_fn *code_encode;
    kernel_code_rotate_fn *code_rotate;

    kernel_conv_fn *conv;
    kernel_recurrence_fn *delta_rule;
    kernel_recurrence_fn *ssm_scan;

    kernel_read_fn *read_bytes;
    kernel_int8_peak_fn *int8_peak;
};

/* `features` is cpu_features() masked by --cpu-mask, so that tests can force any level. */
void kernel_table_init(struct kernel_table *table, unsigned features);

/* Bytes of one activation row: a multiple of 64. */
size_t kernel_table_activation_bytes(enum kernel_activation kind, size_t columns);

/* Bytes of scratch for kernel_table_attend(), a multiple of 64. */
size_t kernel_table_attend_bytes(size_t token_count, size_t head_count, size_t value_dim);

/* The whole attention of `args`: every span in ascending order, merged, divided by the sum, into
 * args->out. `scratch` has kernel_table_attend_bytes(). */
void kernel_table_attend(const struct kernel_table *table, enum kernel_kv kind,
                         const struct kernel_attend_args *args, float *scratch);

/*
 * Attention over codes in parts, in ascending order: block 0 as f16, the coded keys of each span,
 * the tokens' own block as f16. All tokens of a call are in one block. Parts may be empty. For
 * callers that compute parts apart; each into a partial of its own, then merged in order.
 */
size_t kernel_table_coded_part_count(const struct kernel_attend_codes *codes);
void kernel_table_coded_part(const struct kernel_table *table,
                             const struct kernel_attend_codes *codes, size_t part, float *partial);
void kernel_table_coded_merge(const struct kernel_table *table,
                              const struct kernel_attend_codes *codes, size_t part,
                              const float *partial, float *state);

/* All parts, merged, divided by the sum. `scratch` has kernel_table_attend_bytes(). */
void kernel_table_attend_coded(const struct kernel_table *table,
                               const struct kernel_attend_codes *codes, float *scratch);

/* Bytes of a key or value of n numbers. */
size_t kernel_table_kv_bytes(enum kernel_kv kind, size_t n);

/* The first span that any token of `args` sees, the number of spans up to the last, and of floats
 * in one partial: for callers that give spans to several threads, each with a partial of its own,
 * and merge afterwards. */
size_t kernel_table_span_first(const struct kernel_attend_args *args);
size_t kernel_table_span_count(const struct kernel_attend_args *args);
size_t kernel_table_partial_floats(const struct kernel_attend_args *args);

/* Divides the merged `state` by its sums, into which a sink z enters as one more score: with
 * m' = max(m, z), by fma(sum, exp(m - m'), exp(z - m')) after multiplying by exp(m - m'). */
void kernel_table_attend_finish(const struct kernel_attend_args *args, const float *state);

/* The gates of a recurrence, element by element, the same bits on every machine; in f64:
 *   out_step = softplus(x + bias), softplus(v) = log(1 + exp(v)), v itself above 20
 *   out_decay = exp(out_step * a)
 * x may be out_step or out_decay; out_step may be NULL. */
void kernel_table_decay_gates(const float *x, const float *bias, const float *a, size_t count,
                              float *out_step, float *out_decay);

/* out[i] = 1 / (1 + exp(-x[i])); out may be x. */
void kernel_table_sigmoid(const float *x, size_t count, float *out);

/* Cosines and sines of position * frequencies[j], each multiplied by `magnitude` (1 without YaRN).
 * Angles are computed in f64; |position * frequency| up to 2^27 is exact enough for f32 results.
 * The same bits on every machine. */
void kernel_table_rope_angles(double position, const double *frequencies, size_t count,
                              double magnitude, float *cosines, float *sines);
