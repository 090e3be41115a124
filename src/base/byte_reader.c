#include "base/byte_reader.h"

enum status byte_reader_bytes(struct byte_reader *in, size_t size, struct str *out,
                              struct error *err)
{
    if (size > byte_reader_left(in))
        return error_set(err, E_FORMAT, "ends early: %zu bytes wanted at %zu, %zu left", size,
                         in->position, byte_reader_left(in));
    *out = (struct str){(const char *)in->bytes + in->position, size};
    in->position += size;
    return OK;
}

static enum status little_endian(struct byte_reader *in, size_t size, uint64_t *out,
                                 struct error *err)
{
    struct str bytes = {0};
    TRY(byte_reader_bytes(in, size, &bytes, err));
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | (unsigned char)bytes.ptr[i];
    *out = value;
    return OK;
}

enum status byte_reader_u8(struct byte_reader *in, uint8_t *out, struct error *err)
{
    uint64_t value = 0;
    TRY(little_endian(in, sizeof(*out), &value, err));
    *out = (uint8_t)value;
    return OK;
}

enum status byte_reader_u16(struct byte_reader *in, uint16_t *out, struct error *err)
{
    uint64_t value = 0;
    TRY(little_endian(in, sizeof(*out), &value, err));
    *out = (uint16_t)value;
    return OK;
}

enum status byte_reader_u32(struct byte_reader *in, uint32_t *out, struct error *err)
{
    uint64_t value = 0;
    TRY(little_endian(in, sizeof(*out), &value, err));
    *out = (uint32_t)value;
    return OK;
}

enum status byte_reader_u64(struct byte_reader *in, uint64_t *out, struct error *err)
{
    return little_endian(in, sizeof(*out), out, err);
}
