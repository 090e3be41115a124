#include "cli/bench_rows.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[BENCH_TEST_COUNT] = {
    [BENCH_PREFILL] = "prefill",       [BENCH_DECODE] = "decode",
    [BENCH_BATCH] = "batch",           [BENCH_COLD] = "first token cold",
    [BENCH_WARM] = "first token warm", [BENCH_FORK] = "fork",
    [BENCH_SAVE] = "snapshot write",   [BENCH_RESTORE] = "snapshot restore",
};

void bench_rows_done(struct bench_rows *rows)
{
    mem_free(rows->rows);
    *rows = (struct bench_rows){0};
}

const char *bench_rows_test_name(enum bench_test test)
{
    return names[test];
}

bool bench_rows_is_speed(enum bench_test test)
{
    return test <= BENCH_BATCH;
}

static uint32_t sequences_of(const struct bench_row *row)
{
    return row->sequences ? row->sequences : 1;
}

/* Of decode and batches the number of tokens is how long it was measured, nothing else. */
bool bench_rows_alike(const struct bench_row *a, const struct bench_row *b)
{
    const bool has_length = a->test != BENCH_DECODE && a->test != BENCH_BATCH;
    return a->test == b->test && a->depth == b->depth && sequences_of(a) == sequences_of(b) &&
           (!has_length || a->tokens == b->tokens);
}

static struct bench_row *find(const struct bench_rows *rows, const struct bench_row *place)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct bench_row *row = &rows->rows[i];
        if (bench_rows_alike(row, place) && strcmp(row->program, place->program) == 0 &&
            strcmp(row->kv, place->kv) == 0)
            return row;
    }
    return NULL;
}

void bench_rows_add(struct bench_rows *rows, const struct bench_row *place, double value)
{
    struct bench_row *row = find(rows, place);
    if (!isfinite(value) || value <= 0)
        return;
    if (!row) {
        if (rows->count == BENCH_ROWS_MAX)
            return;
        rows->rows = mem_realloc(rows->rows, (rows->count + 1) * sizeof(*rows->rows));
        row = &rows->rows[rows->count++];
        *row = *place;
        row->value_count = 0;
    }
    row->tokens = place->tokens;
    row->share = place->share;
    row->bytes = place->bytes;
    if (row->value_count < BENCH_TURNS_MAX)
        row->values[row->value_count++] = value;
}

/* ---------------------------------------------------------------- figures */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, uint32_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_rows_median(const struct bench_row *row)
{
    struct bench_row copy = *row;
    return median(copy.values, copy.value_count);
}

double bench_rows_least(const struct bench_row *row)
{
    double least = row->value_count ? row->values[0] : 0;
    for (uint32_t i = 1; i < row->value_count; i++)
        least = row->values[i] < least ? row->values[i] : least;
    return least;
}

double bench_rows_most(const struct bench_row *row)
{
    double most = 0;
    for (uint32_t i = 0; i < row->value_count; i++)
        most = row->values[i] > most ? row->values[i] : most;
    return most;
}

double bench_rows_ratio(const struct bench_row *row, const struct bench_row *to)
{
    double ratios[BENCH_TURNS_MAX];
    const uint32_t count = row->value_count < to->value_count ? row->value_count : to->value_count;
    for (uint32_t i = 0; i < count; i++)
        ratios[i] = row->values[i] / to->values[i];
    return median(ratios, count);
}

const struct bench_row *bench_rows_like(const struct bench_rows *rows, const struct bench_row *row,
                                        const char *program, const char *kv)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct bench_row *other = &rows->rows[i];
        if (bench_rows_alike(other, row) && strcmp(other->program, program) == 0 &&
            (!kv || strcmp(other->kv, kv) == 0))
            return other;
    }
    return NULL;
}

/* ---------------------------------------------------------------- between processes */

json_t *bench_rows_json(const struct bench_rows *rows)
{
    json_t *array = json_array();
    for (size_t i = 0; i < rows->count; i++) {
        const struct bench_row *row = &rows->rows[i];
        json_array_append_new(
            array, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:f, s:f, s:f, s:I, s:f, s:f}",
                             "program", row->program, "test", names[row->test], "kv", row->kv,
                             "tokens", (json_int_t)row->tokens, "depth", (json_int_t)row->depth,
                             "sequences", (json_int_t)sequences_of(row), "unit",
                             bench_rows_is_speed(row->test) ? "tokens/s" : "s", "value",
                             bench_rows_median(row), "least", bench_rows_least(row), "most",
                             bench_rows_most(row), "turns", (json_int_t)row->value_count, "share",
                             row->share, "bytes", row->bytes));
    }
    return array;
}

static bool find_test(const char *name, enum bench_test *out)
{
    for (int i = 0; i < BENCH_TEST_COUNT; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *out = (enum bench_test)i;
        return true;
    }
    return false;
}

enum status bench_rows_read(struct bench_rows *rows, const json_t *array, struct error *err)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(array, index, item)
    {
        struct bench_row row = {0};
        const char *program = NULL;
        const char *test = NULL;
        const char *kv = NULL;
        json_int_t tokens = 0;
        json_int_t depth = 0;
        json_int_t sequences = 0;
        double value = 0;
        if (json_unpack(item, "{s:s, s:s, s:s, s:I, s:I, s:I, s:F, s:F, s:F}", "program", &program,
                        "test", &test, "kv", &kv, "tokens", &tokens, "depth", &depth, "sequences",
                        &sequences, "value", &value, "share", &row.share, "bytes",
                        &row.bytes) != 0 ||
            !find_test(test, &row.test))
            return error_set(err, E_FORMAT, "row %zu of what was measured cannot be read", index);
        snprintf(row.program, sizeof(row.program), "%s", program);
        snprintf(row.kv, sizeof(row.kv), "%s", kv);
        row.tokens = (uint32_t)tokens;
        row.depth = (uint32_t)depth;
        row.sequences = (uint32_t)sequences;
        bench_rows_add(rows, &row, value);
    }
    return OK;
}
