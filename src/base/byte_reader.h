/*
 * byte_reader - little-endian numbers from a block of bytes, never past its end.
 *
 * The reader borrows the bytes. Every function fails with E_FORMAT when too few are left and then
 * leaves the position where it was.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct byte_reader {
    const unsigned char *bytes;
    size_t size;
    size_t position;
};

static inline struct byte_reader byte_reader_over(const void *bytes, size_t size)
{
    return (struct byte_reader){.bytes = bytes, .size = size};
}

static inline size_t byte_reader_left(const struct byte_reader *in)
{
    return in->size - in->position;
}

MUST_USE enum status byte_reader_u8(struct byte_reader *in, uint8_t *out, struct error *err);
MUST_USE enum status byte_reader_u16(struct byte_reader *in, uint16_t *out, struct error *err);
MUST_USE enum status byte_reader_u32(struct byte_reader *in, uint32_t *out, struct error *err);
MUST_USE enum status byte_reader_u64(struct byte_reader *in, uint64_t *out, struct error *err);

/* A view of the next `size` bytes. */
MUST_USE enum status byte_reader_bytes(struct byte_reader *in, size_t size, struct str *out,
                                       struct error *err);
