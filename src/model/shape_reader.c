#include "model/shape_reader.h"

#include "gguf/gguf.h"

#include <inttypes.h>
#include <stdio.h>

struct shape_key shape_reader_key(const struct shape_reader *reader, const char *name)
{
    struct shape_key key;
    snprintf(key.text, sizeof(key.text), "%s.%s", reader->arch, name);
    return key;
}

bool shape_reader_has(const struct shape_reader *reader, const char *name)
{
    return gguf_has(reader->file, shape_reader_key(reader, name).text);
}

/* One value for each layer is wanted, or more. */
static enum status check_per_layer(const char *key, size_t count, uint64_t layers,
                                   struct error *err)
{
    if (count < layers)
        return error_set(err, E_FORMAT, "%s has %zu values for %" PRIu64 " layers", key, count,
                         layers);
    return OK;
}

/* A number that may also be stored as an array with one value per block, if all are equal. */
static enum status read_uniform(const struct shape_reader *reader, const char *key, uint64_t *out,
                                struct error *err)
{
    const enum status status = gguf_get_u64(reader->file, key, out, err);
    struct gguf_array array;
    if (status != E_FORMAT ||
        gguf_get_array(reader->file, key, GGUF_ARRAY_INT, &array, NULL) != OK || array.count == 0)
        return status;
    uint64_t layers = 0; /* their number itself is no array */
    TRY(gguf_get_u64(reader->file, shape_reader_key(reader, "block_count").text, &layers, err));
    TRY(check_per_layer(key, array.count, layers, err));
    const int64_t first = gguf_array_i64(&array, 0);
    for (size_t i = 1; i < array.count; i++)
        if (gguf_array_i64(&array, i) != first)
            return error_set(err, E_UNSUPPORTED,
                             "%s differs between layers (%" PRId64 ", %" PRId64
                             "); holt needs it to be the same in all",
                             key, first, gguf_array_i64(&array, i));
    if (first < 0)
        return error_set(err, E_FORMAT, "%s is %" PRId64, key, first);
    *out = (uint64_t)first;
    return OK;
}

static enum status check_max(const char *key, uint64_t value, uint32_t max, struct error *err)
{
    if (value > max)
        return error_set(err, E_LIMIT, "%s is %" PRIu64 " (limit %" PRIu32 ")", key, value, max);
    return OK;
}

enum status shape_reader_count(const struct shape_reader *reader, const char *name,
                               uint64_t fallback, uint32_t max, uint32_t *out, struct error *err)
{
    const struct shape_key key = shape_reader_key(reader, name);
    uint64_t value = fallback;
    if (gguf_has(reader->file, key.text))
        TRY(read_uniform(reader, key.text, &value, err));
    else if (fallback == 0)
        return error_set(err, E_FORMAT, "the model file lacks the number %s", key.text);
    if (value == 0)
        return error_set(err, E_FORMAT, "%s is 0", key.text);
    TRY(check_max(key.text, value, max, err));
    *out = (uint32_t)value;
    return OK;
}

enum status shape_reader_number(const struct shape_reader *reader, const char *name,
                                uint32_t fallback, uint32_t max, uint32_t *out, struct error *err)
{
    const struct shape_key key = shape_reader_key(reader, name);
    uint64_t value = fallback;
    if (gguf_has(reader->file, key.text))
        TRY(read_uniform(reader, key.text, &value, err));
    TRY(check_max(key.text, value, max, err));
    *out = (uint32_t)value;
    return OK;
}

enum status shape_reader_per_block(const struct shape_reader *reader, const char *name,
                                   uint32_t fallback, uint32_t max, uint32_t *out,
                                   uint32_t block_count, struct error *err)
{
    const struct shape_key key = shape_reader_key(reader, name);
    struct gguf_array array = {0};
    if (!gguf_has(reader->file, key.text) ||
        gguf_get_array(reader->file, key.text, GGUF_ARRAY_INT, &array, NULL) != OK) {
        uint32_t value = 0;
        TRY(shape_reader_number(reader, name, fallback, max, &value, err));
        for (uint32_t i = 0; i < block_count; i++)
            out[i] = value;
        return OK;
    }
    TRY(check_per_layer(key.text, array.count, block_count, err));
    for (uint32_t i = 0; i < block_count; i++) {
        const int64_t value = gguf_array_i64(&array, i);
        if (value < 0)
            return error_set(err, E_FORMAT, "%s is %" PRId64 " in layer %" PRIu32, key.text, value,
                             i);
        TRY(check_max(key.text, (uint64_t)value, max, err));
        out[i] = (uint32_t)value;
    }
    return OK;
}

enum status shape_reader_real(const struct shape_reader *reader, const char *name, double fallback,
                              double min, double max, double *out, struct error *err)
{
    const struct shape_key key = shape_reader_key(reader, name);
    double value = fallback;
    TRY(gguf_get_f64_or(reader->file, key.text, fallback, &value, err));
    if (!(value >= min && value <= max)) /* also NaN */
        return error_set(err, E_FORMAT, "%s is %g (%g to %g)", key.text, value, min, max);
    *out = value;
    return OK;
}

enum status shape_reader_flag(const struct shape_reader *reader, const char *name, bool fallback,
                              bool *out, struct error *err)
{
    return gguf_get_bool_or(reader->file, shape_reader_key(reader, name).text, fallback, out, err);
}
