#include "api/field.h"

#include "text/json.h"

#include <inttypes.h>

enum { SHOWN_BYTES_MAX = 60 };

/* The member, or NULL when it is absent or null. */
static const json_t *member(const json_t *body, const char *name)
{
    const json_t *value = json_object_get(body, name);
    return json_is_null(value) ? NULL : value;
}

enum status field_bool(const json_t *body, const char *name, bool *out, struct error *err)
{
    const json_t *value = member(body, name);
    if (!value)
        return OK;
    if (!json_is_boolean(value))
        return error_set(err, E_INVALID, "%s is not true or false", name);
    *out = json_is_true(value);
    return OK;
}

enum status field_int(const json_t *body, const char *name, int64_t min, int64_t max, int64_t *out,
                      struct error *err)
{
    const json_t *value = member(body, name);
    if (!value)
        return OK;
    const double number = json_number_value(value);
    if (!json_is_number(value) || number < (double)min || number > (double)max ||
        number != (double)(int64_t)number)
        return error_set(err, E_INVALID, "%s is not a whole number from %" PRId64 " to %" PRId64,
                         name, min, max);
    *out = (int64_t)number;
    return OK;
}

enum status field_float(const json_t *body, const char *name, double min, double max, float *out,
                        struct error *err)
{
    const json_t *value = member(body, name);
    if (!value)
        return OK;
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= min && number <= max))
        return error_set(err, E_INVALID, "%s is not a number from %g to %g", name, min, max);
    *out = (float)number;
    return OK;
}

enum status field_str(const json_t *body, const char *name, struct str *out, struct error *err)
{
    const json_t *value = member(body, name);
    if (!value)
        return OK;
    if (!json_is_string(value))
        return error_set(err, E_INVALID, "%s is not a text", name);
    *out = json_str(value);
    return OK;
}

enum status field_array(const json_t *body, const char *name, size_t count_max, const json_t **out,
                        struct error *err)
{
    const json_t *value = member(body, name);
    if (!value)
        return OK;
    if (!json_is_array(value))
        return error_set(err, E_INVALID, "%s is not a list", name);
    if (json_array_size(value) > count_max)
        return error_set(err, E_LIMIT, "%s has %zu members (limit %zu)", name,
                         json_array_size(value), count_max);
    *out = value;
    return OK;
}

struct str field_shown(struct str text)
{
    size_t len = 0;
    while (len < text.len && len < SHOWN_BYTES_MAX && (unsigned char)text.ptr[len] >= ' ')
        len++;
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--; /* whole characters */
    return (struct str){text.ptr, len};
}
