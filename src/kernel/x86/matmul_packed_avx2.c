/*
 * matmul_packed_avx2 - products of packed weights (packed.h): 16 rows, a lane each, so that the
 * order of additions is that of the reference by construction, with up to TILE tokens at a time.
 *
 * Two vectors of weights meet each activation: both halves of the rows, or both planes of one half
 * (packed_avx2.h). They come straight from the packed stream: to unpack them once for many tokens
 * was slower, for it makes more loads than the processor has room for. What a block has beside its
 * values is unpacked for some columns at a time, and the sums between are kept in the output.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/matmul_panel.h"
#include "kernel/x86/packed_avx2.h"

enum {
    TILE = 4, /* tokens whose sums are in registers */
    HALVES = 2,
    LANES = 8,
    SUBS_MAX = 16,
    STRETCH = 1024, /* columns between two runs through the sums */
    TOKENS_FEW = 16,
    AHEAD = 8192, /* bytes: what is wanted of memory early */
};

/* See packed_read_numbers(): of 8 sub-blocks of 32 values, or of 16 of 16. */
struct numbers {
    __m256i sub_scale[SUBS_MAX][HALVES];
    __m256i pair[SUBS_MAX / 2][HALVES];
};

/* 16 rows, some tokens, a stretch of columns. */
struct tile {
    const struct kernel_matmul_args *args;
    const unsigned char *block;    /* the first one */
    const struct numbers *numbers; /* of each block of 256 */
    size_t column;
    size_t block_count;
    size_t row;
    size_t token;
    __m256i there[HALVES]; /* all bits of a lane: its row is there */
};

typedef void(tile_fn)(const struct tile *tile);

TEMPLATE const unsigned char *activation(const struct tile *tile, size_t t)
{
    return (const unsigned char *)tile->args->activations +
           (tile->token + t) * tile->args->activation_stride;
}

TEMPLATE float *output(const struct tile *tile, size_t t, size_t half)
{
    return tile->args->out + (tile->token + t) * tile->args->out_stride + tile->row + half * LANES;
}

TEMPLATE void load_sums(const struct tile *tile, unsigned tokens, __m256 acc[TILE][HALVES])
{
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t half = 0; half < HALVES; half++)
            acc[t][half] = tile->column == 0
                               ? _mm256_setzero_ps()
                               : _mm256_maskload_ps(output(tile, t, half), tile->there[half]);
}

TEMPLATE void store_sums(const struct tile *tile, unsigned tokens, __m256 acc[TILE][HALVES])
{
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t half = 0; half < HALVES; half++)
            _mm256_maskstore_ps(output(tile, t, half), tile->there[half], acc[t][half]);
}

TEMPLATE __m256i broadcast(const void *four_bytes)
{
    int32_t word = 0;
    memcpy(&word, four_bytes, sizeof(word));
    return _mm256_set1_epi32(word);
}

TEMPLATE void set_zero(__m256i sums[TILE][2], unsigned tokens)
{
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        sums[t][0] = sums[t][1] = _mm256_setzero_si256();
}

/* c += the products of two vectors of weights with four bytes of each token, as words of pairs. The
 * empty instructions keep gcc 12 from loading the weights again for each token, and from reordering
 * the additions of a loop into trees that do not fit the registers. */
TEMPLATE void add_words(__m256i c[TILE][2], __m256i first, __m256i second,
                        const unsigned char *const q[TILE], size_t column, unsigned tokens)
{
    __asm__("" : "+x"(first), "+x"(second));
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        const __m256i x = broadcast(q[t] + column);
        c[t][0] = _mm256_add_epi16(c[t][0], _mm256_maddubs_epi16(first, x));
        c[t][1] = _mm256_add_epi16(c[t][1], _mm256_maddubs_epi16(second, x));
        __asm__("" : "+x"(c[t][0]), "+x"(c[t][1]));
    }
}

/* isum += scale * (the products of steps [2 * from, 2 * to) of 32 values), in both halves. */
TEMPLATE void add_steps(enum dtype dtype, const unsigned char *codes, int from, int to,
                        const unsigned char *const q[TILE], size_t column,
                        const __m256i scale[HALVES], __m256i isum[TILE][HALVES], unsigned tokens)
{
    __m256i c[TILE][2];
    set_zero(c, tokens);
    UNROLL_FOR (int j = from; j < to; j++) {
        __m256i w[HALVES][2];
        UNROLL_FOR (size_t half = 0; half < HALVES; half++)
            packed_steps(dtype, codes + half * PACKED_HALF, j, w[half]);
        UNROLL_FOR (size_t s = 0; s < 2; s++)
            add_words(c, w[0][s], w[1][s], q, column + 8 * (size_t)j + 4 * s, tokens);
    }
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t half = 0; half < HALVES; half++)
            isum[t][half] =
                _mm256_add_epi32(isum[t][half], _mm256_madd_epi16(c[t][half], scale[half]));
}

/* isum += scale * (the products of 32 values), of one half of a type with two planes. */
TEMPLATE void add_planes(enum dtype dtype, const unsigned char *codes, size_t half,
                         const unsigned char *const q[TILE], size_t column, __m256i scale,
                         __m256i isum[TILE][HALVES], unsigned tokens)
{
    const __m256i high_scale = _mm256_slli_epi16(scale, 4);
    __m256i c[TILE][2];
    set_zero(c, tokens);
    UNROLL_FOR (int j = 0; j < 4; j++) {
        __m256i w[2][2];
        packed_plane_steps(dtype, codes + half * PACKED_HALF, j, w);
        UNROLL_FOR (size_t s = 0; s < 2; s++)
            add_words(c, w[0][s], w[1][s], q, column + 8 * (size_t)j + 4 * s, tokens);
    }
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        const __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(c[t][0], scale),
                                             _mm256_madd_epi16(c[t][1], high_scale));
        isum[t][half] = _mm256_add_epi32(isum[t][half], sum);
    }
}

/* Asks memory for what is read AHEAD from here. */
TEMPLATE void ask_ahead(const unsigned char *at, size_t size)
{
    UNROLL_FOR (size_t i = 0; i < size; i += PACKED_VECTOR)
        _mm_prefetch((const char *)at + AHEAD + i, _MM_HINT_T0);
}

/* isum += the products of 32 values with their scales: one, or of Q6_K two. */
TEMPLATE void add_32(enum dtype dtype, const unsigned char *codes,
                     const unsigned char *const q[TILE], size_t column,
                     const __m256i (*scale)[HALVES], __m256i isum[TILE][HALVES], unsigned tokens)
{
    const int step_pairs = packed_word_steps(dtype) / 2;
    ask_ahead(codes, packed_vectors(dtype) * PACKED_VECTOR);
    if (packed_planes(dtype) == 2) {
        UNROLL_FOR (size_t half = 0; half < HALVES; half++)
            add_planes(dtype, codes, half, q, column, scale[0][half], isum, tokens);
        return;
    }
    UNROLL_FOR (int j = 0; j < 4; j += step_pairs)
        add_steps(dtype, codes, j, j + step_pairs, q, column,
                  scale[dtype == DTYPE_Q6_K ? j / 2 : 0], isum, tokens);
}

/* ---------------------------------------------------------------- blocks of 256 */

/* Sub-blocks of a block. */
TEMPLATE size_t sub_count(enum dtype dtype)
{
    return dtype == DTYPE_Q6_K ? 16 : 8;
}

TEMPLATE void read_numbers(enum dtype dtype, const unsigned char *block, struct numbers *numbers)
{
    ask_ahead(block, packed_number_bytes(dtype));
    UNROLL_FOR (size_t half = 0; half < HALVES; half++)
        packed_read_numbers(dtype, block, half, numbers->sub_scale, numbers->pair);
}

/* The sum over a block of mins, or of what the shift adds, times sums of activations. */
TEMPLATE void add_others(enum dtype dtype, const struct numbers *numbers,
                         const int16_t *const sums[TILE], __m256i other[TILE][HALVES],
                         unsigned tokens)
{
    UNROLL_FOR (size_t i = 0; i < sub_count(dtype) / 2; i++)
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const __m256i two = broadcast(sums[t] + 2 * i);
            UNROLL_FOR (size_t half = 0; half < HALVES; half++)
                other[t][half] = _mm256_add_epi32(other[t][half],
                                                  _mm256_madd_epi16(numbers->pair[i][half], two));
        }
}

/* What the values have too much is taken off a block's sum: 2^shift times the sum of sub_scale *
 * (sum of the activations). */
TEMPLATE void tile_256(enum dtype dtype, const struct tile *tile, unsigned tokens)
{
    enum { LEN = 256 };
    const unsigned char *q[TILE];
    const float *scale[TILE];
    const int16_t *sums[TILE];
    __m256 acc[TILE][HALVES];
    load_sums(tile, tokens, acc);
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        const struct activation_q8_256 a =
            activation_q8_256_view(activation(tile, t), tile->args->columns);
        q[t] = (const unsigned char *)a.q + tile->column;
        scale[t] = a.scale + tile->column / LEN;
        sums[t] = (dtype == DTYPE_Q6_K ? a.sum16 : a.sum32) + tile->column / LEN * sub_count(dtype);
    }
    const unsigned char *block = tile->block;
    for (size_t b = 0; b < tile->block_count; b++, block += packed_block_bytes(dtype, LEN)) {
        __m256i isum[TILE][HALVES];
        __m256i other[TILE][HALVES];
        set_zero(isum, tokens);
        set_zero(other, tokens);
        const struct numbers *numbers = &tile->numbers[b];
        const unsigned char *codes = block + packed_number_bytes(dtype);
        for (size_t i = 0; i < LEN / 32; i++, codes += packed_vectors(dtype) * PACKED_VECTOR)
            add_32(dtype, codes, q, 32 * i, &numbers->sub_scale[i * sub_count(dtype) / 8], isum,
                   tokens);
        add_others(dtype, numbers, sums, other, tokens);
        UNROLL_FOR (size_t half = 0; half < HALVES; half++) {
            const __m256 d = packed_halves(block, half);
            const __m256 min =
                packed_has_min(dtype) ? packed_halves(block + PACKED_HALVES, half) : d;
            UNROLL_FOR (size_t t = 0; t < tokens; t++) {
                __m256i sum = isum[t][half];
                if (!packed_has_min(dtype))
                    sum = _mm256_sub_epi32(
                        sum, _mm256_slli_epi32(other[t][half], (int)packed_shift(dtype)));
                __m256 u = _mm256_mul_ps(d, _mm256_cvtepi32_ps(sum));
                if (packed_has_min(dtype))
                    u = _mm256_fnmadd_ps(min, _mm256_cvtepi32_ps(other[t][half]), u);
                acc[t][half] = _mm256_fmadd_ps(_mm256_set1_ps(scale[t][b]), u, acc[t][half]);
            }
        }
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            q[t] += LEN;
            sums[t] += sub_count(dtype);
        }
    }
    store_sums(tile, tokens, acc);
}

/* ---------------------------------------------------------------- blocks of 32 */

/* What a block of 32 adds to the sums. */
TEMPLATE void add_block_32(enum dtype dtype, const unsigned char *block,
                           const struct activation_q8_32 a[TILE], size_t index,
                           __m256i dot[TILE][HALVES], __m256 acc[TILE][HALVES], unsigned tokens)
{
    UNROLL_FOR (size_t half = 0; half < HALVES; half++) {
        const __m256 scale = packed_scale(dtype, block, half);
        const __m256 min =
            packed_has_min(dtype) ? packed_halves(block + PACKED_HALVES, half) : scale;
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const __m256 a_scale = _mm256_set1_ps(a[t].scale[index]);
            const __m256i a_sum = broadcast(a[t].sum + index);
            if (packed_has_min(dtype)) {
                const __m256 scaled = _mm256_mul_ps(scale, _mm256_cvtepi32_ps(dot[t][half]));
                const __m256 u = _mm256_fmadd_ps(min, _mm256_cvtepi32_ps(a_sum), scaled);
                acc[t][half] = _mm256_fmadd_ps(a_scale, u, acc[t][half]);
            } else { /* - 2^shift * (sum of the activations) */
                const __m256i sum = _mm256_sub_epi32(
                    dot[t][half], _mm256_slli_epi32(a_sum, (int)packed_shift(dtype)));
                acc[t][half] = _mm256_fmadd_ps(_mm256_mul_ps(scale, a_scale),
                                               _mm256_cvtepi32_ps(sum), acc[t][half]);
            }
        }
    }
}

TEMPLATE void tile_32(enum dtype dtype, const struct tile *tile, unsigned tokens)
{
    enum { LEN = 32 };
    struct activation_q8_32 a[TILE];
    const unsigned char *q[TILE];
    __m256 acc[TILE][HALVES];
    load_sums(tile, tokens, acc);
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        a[t] = activation_q8_32_view(activation(tile, t), tile->args->columns);
        q[t] = (const unsigned char *)a[t].q + tile->column;
    }
    const unsigned char *block = tile->block;
    for (size_t b = 0; b < tile->block_count; b++, block += packed_block_bytes(dtype, LEN)) {
        const __m256i one[1][HALVES] = {{_mm256_set1_epi16(1), _mm256_set1_epi16(1)}};
        __m256i dot[TILE][HALVES];
        set_zero(dot, tokens);
        add_32(dtype, block + packed_number_bytes(dtype), q, b * LEN, one, dot, tokens);
        add_block_32(dtype, block, a, tile->column / LEN + b, dot, acc, tokens);
    }
    store_sums(tile, tokens, acc);
}

/* ---------------------------------------------------------------- any number of tokens */

struct format {
    size_t block_len;
    size_t block_bytes; /* of 16 rows */
    tile_fn *tiles[TILE];
    void (*read)(const unsigned char *block, struct numbers *numbers); /* NULL: of 32 */
    kernel_matmul_fn *run_many;                                        /* NULL: tiles are as fast */
};

static struct tile tile_at(const struct kernel_matmul_args *args, const struct format *format,
                           size_t row)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const size_t left = args->row_end - row;
    const size_t group_bytes = args->columns / format->block_len * format->block_bytes;
    struct tile tile = {
        .args = args,
        .block = (const unsigned char *)args->weights + row / PACKED_ROWS * group_bytes,
        .row = row,
    };
    for (size_t half = 0; half < HALVES; half++) {
        const int count = left > half * LANES ? (int)(left - half * LANES) : 0;
        tile.there[half] = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lanes);
    }
    return tile;
}

/* All tokens with a stretch of columns, or what is left of the row. */
static void run_stretch(const struct format *format, struct tile tile, size_t column)
{
    struct numbers numbers[STRETCH / 256];
    const size_t left = tile.args->columns - column;
    tile.column = column;
    tile.block += column / format->block_len * format->block_bytes;
    tile.block_count = (left < STRETCH ? left : STRETCH) / format->block_len;
    tile.numbers = numbers;
    for (size_t b = 0; b < tile.block_count && format->read; b++)
        format->read(tile.block + b * format->block_bytes, &numbers[b]);
    /* Tokens in tiles of as equal size as can be. */
    const size_t tokens = tile.args->token_count;
    const size_t tile_count = (tokens + TILE - 1) / TILE;
    for (size_t i = 0; i < tile_count; i++) {
        tile.token = tokens * i / tile_count;
        format->tiles[tokens * (i + 1) / tile_count - tile.token - 1](&tile);
    }
}

/* Of few tokens the weights are read as one ascending stream. Of many, columns are outside and rows
 * inside: the activations of some columns of all tokens stay in the second-level cache. */
static void run(const struct kernel_matmul_args *args, const struct format *format)
{
    const bool is_few = args->token_count <= TOKENS_FEW;
    if (!is_few && format->run_many) {
        format->run_many(args);
        return;
    }
    const size_t step = is_few ? args->columns : STRETCH;
    for (size_t begin = 0; begin < args->columns; begin += step)
        for (size_t row = args->row_begin; row < args->row_end; row += PACKED_ROWS) {
            const struct tile tile = tile_at(args, format, row);
            for (size_t column = begin; column < args->columns && column < begin + step;
                 column += STRETCH)
                run_stretch(format, tile, column);
        }
}

static kernel_matmul_fn *const run_many[KERNEL_DTYPES] = {
#define RUN_MANY(name, type, len) [DTYPE_##type] = matmul_panel##len##_avx2_packed_##name,
    MATMUL_PANEL_PACKED_AVX2(RUN_MANY)};

#define TILE_FN(name, type, len, tokens)                 \
    static void name##_##tokens(const struct tile *tile) \
    {                                                    \
        tile_##len(DTYPE_##type, tile, tokens);          \
    }
#define PACKED(name, type, len)                                                  \
    TILE_FN(name, type, len, 1)                                                  \
    TILE_FN(name, type, len, 2)                                                  \
    TILE_FN(name, type, len, 3)                                                  \
    TILE_FN(name, type, len, 4)                                                  \
    static void read_##name(const unsigned char *block, struct numbers *numbers) \
    {                                                                            \
        read_numbers(DTYPE_##type, block, numbers);                              \
    }                                                                            \
    static void run_##name(const struct kernel_matmul_args *args)                \
    {                                                                            \
        const struct format format = {                                           \
            len,                                                                 \
            packed_block_bytes(DTYPE_##type, len),                               \
            {name##_1, name##_2, name##_3, name##_4},                            \
            len == 256 ? read_##name : NULL,                                     \
            run_many[DTYPE_##type],                                              \
        };                                                                       \
        run(args, &format);                                                      \
    }
MATMUL_PANEL_PACKED(PACKED)

void matmul_packed_avx2_fill(struct kernel_table *table)
{
#define FILL(name, type, len) table->matmul[DTYPE_##type].run_packed = run_##name;
    MATMUL_PANEL_PACKED(FILL)
}
