/*
 * fuzz_snapshot - any bytes as the beginning of a snapshot: the header is read or refused with one
 * sentence, and what is read agrees with itself.
 *
 * The last four bytes are the length of the file behind it. The header is given the digest that it
 * should have, so that damage gets as far as what the digest protects.
 */
#include "base/check.h"
#include "base/mem.h"
#include "engine/session_internal.h"
#include "engine/snapshot.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LENGTH_BYTES = 4 };

static void mend_digest(uint8_t *bytes, size_t size)
{
    uint32_t header_bytes = 0;
    if (size < SNAPSHOT_FIRST_BYTES)
        return;
    memcpy(&header_bytes, bytes + 12, sizeof(header_bytes));
    if (header_bytes < SNAPSHOT_FIRST_BYTES + SNAPSHOT_DIGEST_BYTES || header_bytes > size)
        return;
    const size_t end = header_bytes - SNAPSHOT_DIGEST_BYTES;
    crypto_generichash(bytes + end, SNAPSHOT_DIGEST_BYTES, bytes + SNAPSHOT_FIRST_BYTES,
                       end - SNAPSHOT_FIRST_BYTES, NULL, 0);
}

static void check(const struct snapshot *s, uint64_t file_bytes)
{
    uint64_t sum = 0;
    CHECK(s->file_bytes == file_bytes && s->header_bytes <= file_bytes);
    CHECK(s->computed_count <= s->token_count && s->token_count <= SNAPSHOT_TOKENS_MAX);
    CHECK((uint64_t)s->page_count * s->facts.page_bytes <= file_bytes);
    CHECK((uint64_t)s->state_count * s->facts.state_bytes <= file_bytes);
    for (uint32_t i = 0; i < s->token_count; i++)
        sum += (uint64_t)s->log[i].id + s->log[i].origin;
    for (size_t i = 0; i < (size_t)s->page_count * SNAPSHOT_DIGEST_BYTES; i++)
        sum += s->page_digests[i];
    CHECK(sum < UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct snapshot snapshot = {0};
    struct error err = {0};
    uint32_t file_bytes = 0;
    if (size < LENGTH_BYTES)
        return 0;
    size -= LENGTH_BYTES;
    memcpy(&file_bytes, bytes + size, LENGTH_BYTES);
    uint8_t *copy = mem_copy(bytes, size + 1);
    mend_digest(copy, size);
    if (snapshot_parse(copy, size, file_bytes, &snapshot, &err) == OK)
        check(&snapshot, file_bytes);
    else
        CHECK(err.text[0] && !strchr(err.text, '\n'));
    snapshot_done(&snapshot);
    mem_free(copy);
    return 0;
}
