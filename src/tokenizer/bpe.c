#include "tokenizer/bpe.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "text/utf8.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>

enum { MERGES_MAX = 4 * 1024 * 1024 };

/* ---------------------------------------------------------------- symbols while loading */

/* Texts that are no tokens get numbers behind the vocabulary. */
struct symbols {
    const struct vocab *vocab;
    struct hash_map others;
    uint32_t next;
};

static uint32_t symbol_of(struct symbols *symbols, struct str text)
{
    uint64_t id = 0;
    if (hash_map_find(&symbols->vocab->words, text, &id) ||
        hash_map_find(&symbols->others, text, &id))
        return (uint32_t)id;
    hash_map_add(&symbols->others, text, symbols->next);
    return symbols->next++;
}

/* The bytes of all symbols: first every single byte, then the joined text of each merge, of which
 * its left and right are parts. */
struct symbol_bytes {
    char *bytes;
    size_t len;
};

/* Merge `rank` is "left right": split at the first space behind the first character. */
static enum status load_merge(struct bpe *bpe, struct symbols *symbols,
                              const struct byte_alphabet *alphabet, struct str text, uint32_t rank,
                              struct symbol_bytes *buffer, struct error *err)
{
    const size_t space = str_find_char(text, ' ', 1);
    if (space == SIZE_MAX || space + 1 == text.len)
        return error_set(err, E_FORMAT, "merge %" PRIu32 " is not two texts with a space between",
                         rank);
    char *start = buffer->bytes + buffer->len;
    bool is_pure = true;
    const size_t left_len =
        byte_alphabet_decode(alphabet, str_slice(text, 0, space), start, &is_pure);
    const size_t right_len = byte_alphabet_decode(alphabet, str_slice(text, space + 1, text.len),
                                                  start + left_len, &is_pure);
    const struct str joined = {start, left_len + right_len};
    buffer->len += joined.len;
    uint64_t id = 0;
    if (hash_map_find(&symbols->vocab->specials, joined, &id) &&
        !hash_map_find(&symbols->vocab->words, joined, &id))
        return OK; /* ordinary text never becomes a special token */
    const uint32_t left = symbol_of(symbols, str_slice(joined, 0, left_len));
    const uint32_t right = symbol_of(symbols, str_slice(joined, left_len, joined.len));
    if (!merge_table_add(&bpe->merges,
                         (struct merge_table_entry){left, right, rank, symbol_of(symbols, joined)}))
        return error_set(err, E_NO_MEMORY, "no memory for merge %" PRIu32, rank);
    return OK;
}

static enum status load_symbols(struct bpe *bpe, struct symbols *symbols,
                                const struct gguf_array *merges, struct symbol_bytes *buffer,
                                struct error *err)
{
    for (int byte = 0; byte < 256; byte++) {
        buffer->bytes[buffer->len] = (char)byte;
        bpe->byte_symbols[byte] = symbol_of(symbols, (struct str){buffer->bytes + buffer->len, 1});
        buffer->len++;
    }
    struct byte_alphabet alphabet;
    byte_alphabet_init(&alphabet);
    for (size_t i = 0; i < merges->count; i++)
        TRY(load_merge(bpe, symbols, &alphabet, gguf_array_str(merges, i), (uint32_t)i, buffer,
                       err));
    return OK;
}

enum status bpe_load(const struct gguf *file, const struct vocab *vocab,
                     const struct pretokenizer_row *row, struct bpe *bpe, struct error *err)
{
    pretokenizer_init(&bpe->pretokenizer, row);
    bpe->ignores_merges = pretokenizer_ignores_merges(row);
    struct gguf_array merges = {0};
    TRY(gguf_get_array(file, "tokenizer.ggml.merges", GGUF_ARRAY_STR, &merges, err));
    if (merges.count > MERGES_MAX)
        return error_set(err, E_LIMIT, "%zu merges (limit %d)", merges.count, MERGES_MAX);
    size_t bytes_max = 256; /* decoding never makes a text longer; the rest is in the file */
    for (size_t i = 0; i < merges.count; i++)
        bytes_max += gguf_array_str(&merges, i).len;
    struct symbol_bytes buffer = {.bytes = mem_try_alloc(bytes_max)};
    if (!buffer.bytes || !merge_table_reserve(&bpe->merges, merges.count)) {
        mem_free(buffer.bytes);
        return error_set(err, E_NO_MEMORY, "no memory for %zu merges", merges.count);
    }
    struct symbols symbols = {.vocab = vocab, .next = vocab->size};
    const enum status status = load_symbols(bpe, &symbols, &merges, &buffer, err);
    hash_map_done(&symbols.others);
    mem_free(buffer.bytes);
    return status;
}

void bpe_done(struct bpe *bpe)
{
    merge_table_done(&bpe->merges);
    *bpe = (struct bpe){0};
}

/* ---------------------------------------------------------------- encoding */

/* What is left of a word after joining: tokens, or byte by byte what is no token. */
static enum status add_symbols(const struct vocab *vocab, const struct merger *merger,
                               struct str word, size_t offset, struct word_sink *sink,
                               struct error *err)
{
    for (size_t i = 0; i < merger->symbol_count; i++) {
        const struct merger_symbol *symbol = &merger->symbols[i];
        if (symbol->id < vocab->size) {
            word_sink_add(sink, (int32_t)symbol->id, offset + symbol->start);
            continue;
        }
        for (uint32_t b = symbol->start; b < symbol->start + symbol->len; b++)
            TRY(word_sink_add_byte(sink, (unsigned char)word.ptr[b], offset + b, err));
    }
    return OK;
}

static enum status encode_word(const struct bpe *bpe, struct str word, size_t offset,
                               struct merger *merger, struct word_sink *sink, struct error *err)
{
    uint64_t id = 0;
    if (bpe->ignores_merges && hash_map_find(&sink->vocab->words, word, &id)) {
        word_sink_add(sink, (int32_t)id, offset);
        return OK;
    }
    if (!merger_begin(merger, word.len))
        return error_set(err, E_NO_MEMORY, "no memory for a word of %zu bytes", word.len);
    for (size_t i = 0; i < word.len; i++)
        merger->symbols[i] = (struct merger_symbol){
            .start = (uint32_t)i,
            .len = 1,
            .id = bpe->byte_symbols[(unsigned char)word.ptr[i]],
        };
    merger->symbol_count = word.len;
    if (!merger_run(merger, &bpe->merges))
        return error_set(err, E_NO_MEMORY, "no memory for a word of %zu bytes", word.len);
    return add_symbols(sink->vocab, merger, word, offset, sink, err);
}

enum status bpe_encode(const struct bpe *bpe, struct str text, size_t offset, struct merger *merger,
                       struct word_sink *sink, struct error *err)
{
    struct pretokenizer_walk walk = pretokenizer_begin(&bpe->pretokenizer, text);
    struct str word = {0};
    while (pretokenizer_next(&walk, &word)) {
        while (word.len > 0) { /* a word of more than MERGER_SYMBOLS_MAX bytes is cut */
            const struct str part = str_slice(word, 0, MERGER_SYMBOLS_MAX);
            const size_t at = offset + (size_t)(part.ptr - text.ptr);
            TRY(encode_word(bpe, part, at, merger, sink, err));
            word = str_slice(word, part.len, word.len);
        }
    }
    return OK;
}
