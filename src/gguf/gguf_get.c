/* gguf_get - metadata by key, with the type checked on every read. See gguf.h. */
#include "gguf/gguf.h"

#include "gguf/gguf_internal.h"
#include "gguf/gguf_number.h"
#include "gguf/gguf_parse.h"

#include <inttypes.h>

static enum status find(const struct gguf *file, const char *key, const struct gguf_value **out,
                        struct error *err)
{
    *out = gguf_find_value(file, str_from_c(key));
    if (!*out)
        return error_set(err, E_NOT_FOUND, "the model file has no key '%s'", key);
    return OK;
}

static enum status wrong_type(const struct gguf_value *value, const char *wanted, struct error *err)
{
    const bool is_array = value->type == GGUF_TYPE_ARRAY;
    return error_set(err, E_FORMAT, "key '%s' has type %s%s; %s is needed",
                     gguf_parse_show(value->key).text, is_array ? "array of " : "",
                     gguf_type_name(value->element_type), wanted);
}

static enum status get_integer(const struct gguf *file, const char *key, struct gguf_number *out,
                               struct error *err)
{
    const struct gguf_value *value = NULL;
    TRY(find(file, key, &value, err));
    if (!gguf_number_is_integer(value->type) || value->type == GGUF_TYPE_BOOL)
        return wrong_type(value, "an integer", err);
    *out = gguf_number_integer(value->type, value->bytes.ptr);
    return OK;
}

enum status gguf_get_u64(const struct gguf *file, const char *key, uint64_t *out, struct error *err)
{
    struct gguf_number number = {0};
    TRY(get_integer(file, key, &number, err));
    if (number.value < 0 && !number.is_beyond)
        return error_set(err, E_FORMAT, "key '%s' is %" PRId64 "; it must not be negative", key,
                         number.value);
    *out = (uint64_t)number.value;
    return OK;
}

enum status gguf_get_i64(const struct gguf *file, const char *key, int64_t *out, struct error *err)
{
    struct gguf_number number = {0};
    TRY(get_integer(file, key, &number, err));
    if (number.is_beyond)
        return error_set(err, E_FORMAT, "key '%s' is %" PRIu64 ", too large", key,
                         (uint64_t)number.value);
    *out = number.value;
    return OK;
}

enum status gguf_get_f64(const struct gguf *file, const char *key, double *out, struct error *err)
{
    const struct gguf_value *value = NULL;
    TRY(find(file, key, &value, err));
    if (value->type != GGUF_TYPE_F32 && value->type != GGUF_TYPE_F64)
        return wrong_type(value, "a floating-point number", err);
    *out = gguf_number_float(value->type, value->bytes.ptr);
    return OK;
}

enum status gguf_get_bool(const struct gguf *file, const char *key, bool *out, struct error *err)
{
    const struct gguf_value *value = NULL;
    TRY(find(file, key, &value, err));
    if (value->type != GGUF_TYPE_BOOL)
        return wrong_type(value, "a truth value", err);
    *out = value->bytes.ptr[0] != 0;
    return OK;
}

enum status gguf_get_str(const struct gguf *file, const char *key, struct str *out,
                         struct error *err)
{
    const struct gguf_value *value = NULL;
    TRY(find(file, key, &value, err));
    if (value->type != GGUF_TYPE_STR)
        return wrong_type(value, "a string", err);
    *out = value->bytes;
    return OK;
}

enum status gguf_get_array(const struct gguf *file, const char *key, enum gguf_array_kind kind,
                           struct gguf_array *out, struct error *err)
{
    static const char *const wanted[] = {
        [GGUF_ARRAY_STR] = "an array of strings",
        [GGUF_ARRAY_INT] = "an array of integers",
        [GGUF_ARRAY_FLOAT] = "an array of floating-point numbers",
    };
    const struct gguf_value *value = NULL;
    TRY(find(file, key, &value, err));
    if (value->type != GGUF_TYPE_ARRAY || !gguf_number_is_kind(value->element_type, kind))
        return wrong_type(value, wanted[kind], err);
    const void *elements = value->bytes.ptr;
    if (kind == GGUF_ARRAY_STR)
        elements = value->strings;
    *out = (struct gguf_array){value->element_type, value->count, elements};
    return OK;
}

/* ---------------------------------------------------------------- with a fallback */

enum status gguf_get_u64_or(const struct gguf *file, const char *key, uint64_t fallback,
                            uint64_t *out, struct error *err)
{
    if (gguf_has(file, key))
        return gguf_get_u64(file, key, out, err);
    *out = fallback;
    return OK;
}

enum status gguf_get_i64_or(const struct gguf *file, const char *key, int64_t fallback,
                            int64_t *out, struct error *err)
{
    if (gguf_has(file, key))
        return gguf_get_i64(file, key, out, err);
    *out = fallback;
    return OK;
}

enum status gguf_get_f64_or(const struct gguf *file, const char *key, double fallback, double *out,
                            struct error *err)
{
    if (gguf_has(file, key))
        return gguf_get_f64(file, key, out, err);
    *out = fallback;
    return OK;
}

enum status gguf_get_bool_or(const struct gguf *file, const char *key, bool fallback, bool *out,
                             struct error *err)
{
    if (gguf_has(file, key))
        return gguf_get_bool(file, key, out, err);
    *out = fallback;
    return OK;
}

enum status gguf_get_str_or(const struct gguf *file, const char *key, struct str fallback,
                            struct str *out, struct error *err)
{
    if (gguf_has(file, key))
        return gguf_get_str(file, key, out, err);
    *out = fallback;
    return OK;
}

enum status gguf_get_array_or(const struct gguf *file, const char *key, enum gguf_array_kind kind,
                              struct gguf_array *out, struct error *err)
{
    if (gguf_has(file, key))
        return gguf_get_array(file, key, kind, out, err);
    *out = (struct gguf_array){.element_type = GGUF_TYPE_STR};
    return OK;
}
