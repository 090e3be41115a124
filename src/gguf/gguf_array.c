/* gguf_array - elements of an array value. See gguf.h. */
#include "gguf/gguf.h"

#include "base/check.h"
#include "gguf/gguf_number.h"

struct str gguf_array_str(const struct gguf_array *array, size_t index)
{
    CHECK(index < array->count && array->element_type == GGUF_TYPE_STR);
    const struct str *strings = array->elements;
    return strings[index];
}

int64_t gguf_array_i64(const struct gguf_array *array, size_t index)
{
    CHECK(index < array->count && gguf_number_is_integer(array->element_type));
    const char *bytes = array->elements;
    const size_t size = gguf_number_size(array->element_type);
    const struct gguf_number number =
        gguf_number_integer(array->element_type, bytes + index * size);
    return number.is_beyond ? INT64_MAX : number.value;
}

double gguf_array_f64(const struct gguf_array *array, size_t index)
{
    CHECK(index < array->count && gguf_number_is_kind(array->element_type, GGUF_ARRAY_FLOAT));
    const char *bytes = array->elements;
    const size_t size = gguf_number_size(array->element_type);
    return gguf_number_float(array->element_type, bytes + index * size);
}
