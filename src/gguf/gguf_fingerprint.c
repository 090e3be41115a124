/* gguf_fingerprint - the identity of a model for caches. See gguf.h. */
#include "gguf/gguf.h"
#include "gguf/gguf_internal.h"

#include <assert.h>

#include <sodium.h>

enum { SAMPLE_BYTES = 1024 };

static_assert(GGUF_FINGERPRINT_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");

static void hash_number(crypto_generichash_state *state, uint64_t number)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
    crypto_generichash_update(state, bytes, sizeof(bytes));
}

/* All of a small tensor; of a larger one its first, middle and last KiB. */
static void hash_sample(crypto_generichash_state *state, const struct tensor *tensor)
{
    const unsigned char *bytes = tensor->data;
    const size_t size = tensor->byte_count;
    if (size <= 3 * SAMPLE_BYTES) {
        crypto_generichash_update(state, bytes, size);
        return;
    }
    crypto_generichash_update(state, bytes, SAMPLE_BYTES);
    crypto_generichash_update(state, bytes + (size - SAMPLE_BYTES) / 2, SAMPLE_BYTES);
    crypto_generichash_update(state, bytes + size - SAMPLE_BYTES, SAMPLE_BYTES);
}

void gguf_fingerprint(const struct gguf *file, uint32_t arithmetic_version,
                      unsigned char out[GGUF_FINGERPRINT_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, GGUF_FINGERPRINT_BYTES);
    hash_number(&state, arithmetic_version);
    hash_number(&state, file->part_count);
    for (size_t i = 0; i < file->part_count; i++) {
        const struct gguf_part *part = &file->parts[i];
        hash_number(&state, part->file_size);
        hash_number(&state, part->metadata_size);
        crypto_generichash_update(&state, part->metadata, part->metadata_size);
        for (size_t t = 0; t < part->tensor_count; t++)
            hash_sample(&state, &part->tensors[t]);
    }
    crypto_generichash_final(&state, out, GGUF_FINGERPRINT_BYTES);
}
