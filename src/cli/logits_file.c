#include "cli/logits_file.h"

#include "base/mem.h"
#include "kernel/exact_math.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char magic[] = "_logits_";

enum {
    MAGIC_BYTES = sizeof(magic) - 1,
    ROW_HEADER_BYTES = 8,
    CODE_MAX = 65535,
    DEPTH = 16, /* nats below the best that are told apart */
};

uint32_t logits_file_rows(const struct logits_file_shape *shape)
{
    return shape->context_tokens - 1 - shape->context_tokens / 2;
}

size_t logits_file_row_bytes(const struct logits_file_shape *shape)
{
    return ROW_HEADER_BYTES + ((size_t)shape->vocabulary + 1) / 2 * 2 * sizeof(uint16_t);
}

/* ---------------------------------------------------------------- writing */

void logits_file_write_header(const struct logits_file_shape *shape,
                              unsigned char out[LOGITS_FILE_HEADER_BYTES])
{
    const uint32_t numbers[] = {shape->context_tokens, shape->vocabulary, shape->chunk_count};
    memcpy(out, magic, MAGIC_BYTES);
    memcpy(out + MAGIC_BYTES, numbers, sizeof(numbers));
}

void logits_file_write_row(const struct logits_file_shape *shape, const float *logits,
                           unsigned char *out)
{
    float highest = logits[0];
    float lowest = logits[0];
    for (uint32_t i = 1; i < shape->vocabulary; i++) {
        highest = logits[i] > highest ? logits[i] : highest;
        lowest = logits[i] < lowest ? logits[i] : lowest;
    }
    lowest = lowest > highest - DEPTH ? lowest : highest - DEPTH;
    double sum = 0;
    for (uint32_t i = 0; i < shape->vocabulary; i++)
        sum += exact_math_exp((double)logits[i] - (double)highest);
    const struct logits_file_row row = {.scale = (highest - lowest) / CODE_MAX,
                                        .minimum = lowest - highest - (float)exact_math_log(sum)};
    memset(out, 0, logits_file_row_bytes(shape));
    memcpy(out, &row, sizeof(row));
    for (uint32_t i = 0; row.scale > 0 && i < shape->vocabulary; i++) {
        const float steps = logits[i] > lowest ? (logits[i] - lowest) / row.scale : 0;
        const uint16_t code = (uint16_t)(steps < CODE_MAX ? nearbyintf(steps) : CODE_MAX);
        memcpy(out + ROW_HEADER_BYTES + i * sizeof(code), &code, sizeof(code));
    }
}

/* ---------------------------------------------------------------- reading */

static enum status check_range(const char *field, int64_t value, int64_t min, int64_t max,
                               struct error *err)
{
    if (value < min || value > max)
        return error_set(err, value > max ? E_LIMIT : E_FORMAT,
                         "%s is %" PRId64 " (%" PRId64 " to %" PRId64 ")", field, value, min, max);
    return OK;
}

static uint64_t rows_offset(const struct logits_file_shape *shape)
{
    return LOGITS_FILE_HEADER_BYTES +
           (uint64_t)shape->chunk_count * shape->context_tokens * sizeof(int32_t);
}

enum status logits_file_open(const struct file_map *map, struct logits_file_shape *out,
                             struct error *err)
{
    unsigned char header[LOGITS_FILE_HEADER_BYTES];
    int32_t numbers[3];
    if (map->size < sizeof(header))
        return error_set(err, E_FORMAT,
                         "the file has %zu bytes, less than the header of a file of logits",
                         map->size);
    TRY(file_map_read(map, 0, sizeof(header), header, err));
    if (memcmp(header, magic, MAGIC_BYTES) != 0)
        return error_set(err, E_FORMAT, "the file does not begin with \"%s\": no file of logits",
                         magic);
    memcpy(numbers, header + MAGIC_BYTES, sizeof(numbers));
    TRY(check_range("the context", numbers[0], LOGITS_FILE_CONTEXT_MIN, LOGITS_FILE_CONTEXT_MAX,
                    err));
    TRY(check_range("the vocabulary", numbers[1], 1, LOGITS_FILE_VOCABULARY_MAX, err));
    TRY(check_range("the number of chunks", numbers[2], 1, LOGITS_FILE_TOKENS_MAX / numbers[0],
                    err));
    const struct logits_file_shape shape = {.context_tokens = (uint32_t)numbers[0],
                                            .vocabulary = (uint32_t)numbers[1],
                                            .chunk_count = (uint32_t)numbers[2]};
    const uint64_t wanted = rows_offset(&shape) + (uint64_t)shape.chunk_count *
                                                      logits_file_rows(&shape) *
                                                      logits_file_row_bytes(&shape);
    if (map->size != wanted)
        return error_set(
            err, E_FORMAT, "the file has %zu bytes and its header asks for %" PRIu64 ": it was %s",
            map->size, wanted, map->size < wanted ? "cut short" : "put together wrongly");
    *out = shape;
    return OK;
}

enum status logits_file_tokens(const struct file_map *map, const struct logits_file_shape *shape,
                               int32_t *out, struct error *err)
{
    const size_t count = (size_t)shape->chunk_count * shape->context_tokens;
    TRY(file_map_read(map, LOGITS_FILE_HEADER_BYTES, count * sizeof(*out), out, err));
    for (size_t i = 0; i < count; i++) {
        if (out[i] < 0 || (uint32_t)out[i] >= shape->vocabulary)
            return error_set(err, E_FORMAT,
                             "token %zu is %" PRId32 ", not in the vocabulary of %" PRIu32, i,
                             out[i], shape->vocabulary);
    }
    return OK;
}

enum status logits_file_read_row(const struct file_map *map, const struct logits_file_shape *shape,
                                 uint32_t chunk, uint32_t row, unsigned char *row_bytes, float *out,
                                 struct error *err)
{
    const size_t size = logits_file_row_bytes(shape);
    const uint64_t index = (uint64_t)chunk * logits_file_rows(shape) + row;
    struct logits_file_row numbers;
    TRY(file_map_read(map, (size_t)(rows_offset(shape) + index * size), size, row_bytes, err));
    memcpy(&numbers, row_bytes, sizeof(numbers));
    if (!isfinite(numbers.scale) || numbers.scale < 0 || !isfinite(numbers.minimum))
        return error_set(err, E_FORMAT,
                         "row %" PRIu32 " of chunk %" PRIu32 " has no usable scale or minimum", row,
                         chunk);
    for (uint32_t i = 0; i < shape->vocabulary; i++) {
        uint16_t code;
        memcpy(&code, row_bytes + ROW_HEADER_BYTES + i * sizeof(code), sizeof(code));
        out[i] = numbers.scale * code + numbers.minimum;
    }
    return OK;
}
