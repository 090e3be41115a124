#include "gguf/gguf_number.h"

size_t gguf_number_size(enum gguf_type type)
{
    static const uint8_t sizes[] = {
        [GGUF_TYPE_U8] = 1,  [GGUF_TYPE_I8] = 1,    [GGUF_TYPE_U16] = 2, [GGUF_TYPE_I16] = 2,
        [GGUF_TYPE_U32] = 4, [GGUF_TYPE_I32] = 4,   [GGUF_TYPE_F32] = 4, [GGUF_TYPE_BOOL] = 1,
        [GGUF_TYPE_STR] = 0, [GGUF_TYPE_ARRAY] = 0, [GGUF_TYPE_U64] = 8, [GGUF_TYPE_I64] = 8,
        [GGUF_TYPE_F64] = 8,
    };
    return sizes[type];
}

/* One little-endian number of `size` bytes, zero-extended. */
static uint64_t load(const char *bytes, size_t size)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    return bits;
}

bool gguf_number_is_integer(enum gguf_type type)
{
    return type != GGUF_TYPE_F32 && type != GGUF_TYPE_F64 && type != GGUF_TYPE_STR &&
           type != GGUF_TYPE_ARRAY;
}

struct gguf_number gguf_number_integer(enum gguf_type type, const char *bytes)
{
    const size_t size = gguf_number_size(type);
    const uint64_t bits = load(bytes, size);
    const bool is_signed = type == GGUF_TYPE_I8 || type == GGUF_TYPE_I16 || type == GGUF_TYPE_I32 ||
                           type == GGUF_TYPE_I64;
    if (is_signed) {
        const unsigned shift = 64 - 8 * (unsigned)size;
        return (struct gguf_number){.value = (int64_t)(bits << shift) >> shift};
    }
    return (struct gguf_number){.value = (int64_t)bits, .is_beyond = bits > INT64_MAX};
}

double gguf_number_float(enum gguf_type type, const char *bytes)
{
    const uint64_t bits = load(bytes, gguf_number_size(type));
    if (type == GGUF_TYPE_F32) {
        const uint32_t narrow_bits = (uint32_t)bits;
        float narrow = 0;
        memcpy(&narrow, &narrow_bits, sizeof(narrow));
        return (double)narrow;
    }
    double wide = 0;
    memcpy(&wide, &bits, sizeof(wide));
    return wide;
}

bool gguf_number_is_kind(enum gguf_type type, enum gguf_array_kind kind)
{
    if (kind == GGUF_ARRAY_STR)
        return type == GGUF_TYPE_STR;
    if (kind == GGUF_ARRAY_FLOAT)
        return type == GGUF_TYPE_F32 || type == GGUF_TYPE_F64;
    return gguf_number_is_integer(type);
}
