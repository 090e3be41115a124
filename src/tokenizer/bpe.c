#include "tokenizer/bpe.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "text/utf8.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/space_mark.h"
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
    struct byte_alphabet alphabet;
    bool has_raw_text;
};

/* Decodes a text of the file to the end of the bytes. */
static struct str add_bytes(struct symbol_bytes *buffer, struct str text)
{
    char *start = buffer->bytes + buffer->len;
    bool is_pure = true;
    const size_t len = buffer->has_raw_text
                           ? space_mark_decode(text, start)
                           : byte_alphabet_decode(&buffer->alphabet, text, start, &is_pure);
    buffer->len += len;
    return (struct str){start, len};
}

/* Of raw text: where a word may begin, symbol by symbol. */
static bool add_character(struct bpe *bpe, struct str text, uint32_t symbol)
{
    struct str rest = text;
    if (rest.len == 0)
        return true;
    const uint32_t code_point = utf8_next(&rest);
    return rest.len > 0 || code_point == UTF8_INVALID ||
           code_point_map_add(&bpe->characters, code_point, symbol);
}

/* Merge `rank` is "left right": split at the first space behind the first character. */
static enum status load_merge(struct bpe *bpe, struct symbols *symbols, struct str text,
                              uint32_t rank, struct symbol_bytes *buffer, struct error *err)
{
    const size_t space = str_find_char(text, ' ', 1);
    if (space == SIZE_MAX || space + 1 == text.len)
        return error_set(
            err, E_FORMAT,
            "tokenizer.ggml.merges: merge %" PRIu32 " is not two texts with a space between", rank);
    const struct str left_text = add_bytes(buffer, str_slice(text, 0, space));
    const struct str right_text = add_bytes(buffer, str_slice(text, space + 1, text.len));
    const struct str joined = {left_text.ptr, left_text.len + right_text.len};
    uint64_t id = 0;
    if (hash_map_find(&symbols->vocab->specials, joined, &id) &&
        !hash_map_find(&symbols->vocab->words, joined, &id))
        return OK; /* ordinary text never becomes a special token */
    const uint32_t left = symbol_of(symbols, left_text);
    const uint32_t right = symbol_of(symbols, right_text);
    if (space_mark_is_inside(joined))
        bpe->words_begin_at_space = false;
    if (!merge_table_add(&bpe->merges, (struct merge_table_entry){left, right, rank,
                                                                  symbol_of(symbols, joined)}) ||
        (buffer->has_raw_text &&
         (!add_character(bpe, left_text, left) || !add_character(bpe, right_text, right))))
        return error_set(err, E_NO_MEMORY, "no memory for merge %" PRIu32, rank);
    return OK;
}

/* The symbols that words begin as: bytes, or characters that are tokens. */
static enum status load_first_symbols(struct bpe *bpe, struct symbols *symbols,
                                      struct symbol_bytes *buffer, struct error *err)
{
    const struct vocab *vocab = symbols->vocab;
    for (int byte = 0; byte < 256 && !buffer->has_raw_text; byte++) {
        buffer->bytes[buffer->len] = (char)byte;
        bpe->byte_symbols[byte] = symbol_of(symbols, (struct str){buffer->bytes + buffer->len, 1});
        buffer->len++;
    }
    for (uint32_t id = 0; id < vocab->size && buffer->has_raw_text; id++) {
        uint64_t found = 0;
        if (hash_map_find(&vocab->words, vocab->pieces[id], &found) && found == id &&
            !add_character(bpe, vocab->pieces[id], id))
            return error_set(err, E_NO_MEMORY, "no memory for %" PRIu32 " tokens", vocab->size);
    }
    return OK;
}

static enum status load_symbols(struct bpe *bpe, struct symbols *symbols,
                                const struct gguf_array *merges, struct symbol_bytes *buffer,
                                struct error *err)
{
    byte_alphabet_init(&buffer->alphabet);
    TRY(load_first_symbols(bpe, symbols, buffer, err));
    for (size_t i = 0; i < merges->count; i++)
        TRY(load_merge(bpe, symbols, gguf_array_str(merges, i), (uint32_t)i, buffer, err));
    return code_point_map_find(&bpe->characters, ' ') == CODE_POINT_MAP_NONE ||
                   code_point_map_add(&bpe->characters, SPACE_MARK_CODE_POINT,
                                      code_point_map_find(&bpe->characters, ' '))
               ? OK
               : error_set(err, E_NO_MEMORY, "no memory for the characters");
}

enum status bpe_load(const struct gguf *file, const struct vocab *vocab,
                     const struct pretokenizer_row *row, struct bpe *bpe, struct error *err)
{
    pretokenizer_init(&bpe->pretokenizer, row);
    bpe->flags = pretokenizer_flags(row);
    bpe->words_begin_at_space = true;
    struct gguf_array merges = {0};
    TRY(gguf_get_array(file, "tokenizer.ggml.merges", GGUF_ARRAY_STR, &merges, err));
    if (merges.count > MERGES_MAX)
        return error_set(err, E_LIMIT, "tokenizer.ggml.merges has %zu merges (limit %d)",
                         merges.count, MERGES_MAX);
    size_t bytes_max = 256; /* decoding never makes a text longer; the rest is in the file */
    for (size_t i = 0; i < merges.count; i++)
        bytes_max += gguf_array_str(&merges, i).len;
    struct symbol_bytes buffer = {.bytes = mem_try_alloc(bytes_max),
                                  .has_raw_text = bpe->flags & PRETOKENIZER_RAW_TEXT};
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
    code_point_map_done(&bpe->characters);
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

/* True if the word is a token whatever its merges say. */
static bool is_whole(const struct bpe *bpe, struct str word)
{
    if (bpe->flags & PRETOKENIZER_IGNORES_MERGES)
        return true;
    if (!(bpe->flags & PRETOKENIZER_LINE_TOKENS))
        return false;
    return str_find_char(word, '\n', 0) == 0; /* words are line feeds or have none */
}

static void add_first_symbols(const struct bpe *bpe, struct str word, struct merger *merger)
{
    if (!(bpe->flags & PRETOKENIZER_RAW_TEXT)) {
        for (size_t i = 0; i < word.len; i++)
            merger->symbols[i] = (struct merger_symbol){
                .start = (uint32_t)i,
                .len = 1,
                .id = bpe->byte_symbols[(unsigned char)word.ptr[i]],
            };
        merger->symbol_count = word.len;
        return;
    }
    struct str rest = word;
    while (rest.len > 0) {
        const uint32_t start = (uint32_t)(word.len - rest.len);
        const uint32_t code_point = utf8_next(&rest);
        merger->symbols[merger->symbol_count++] = (struct merger_symbol){
            .start = start,
            .len = (uint32_t)(word.len - rest.len) - start,
            .id = code_point_map_find(&bpe->characters, code_point),
        };
    }
}

static enum status encode_word(const struct bpe *bpe, struct str word, size_t offset,
                               struct merger *merger, struct word_sink *sink, struct error *err)
{
    uint64_t id = 0;
    if (is_whole(bpe, word) && hash_map_find(&sink->vocab->words, word, &id)) {
        word_sink_add(sink, (int32_t)id, offset);
        return OK;
    }
    if (!merger_begin(merger, word.len))
        return error_set(err, E_NO_MEMORY, "no memory for a word of %zu bytes", word.len);
    add_first_symbols(bpe, word, merger);
    if (!merger_run(merger, &bpe->merges))
        return error_set(err, E_NO_MEMORY, "no memory for a word of %zu bytes", word.len);
    return add_symbols(sink->vocab, merger, word, offset, sink, err);
}

/* Length of the next part of a word that nothing joins with the rest: of raw text up to a space
 * behind another character. Never more than MERGER_SYMBOLS_MAX. */
static size_t part_len(const struct bpe *bpe, struct str word)
{
    const bool is_raw = bpe->flags & PRETOKENIZER_RAW_TEXT;
    const size_t len_max = word.len < MERGER_SYMBOLS_MAX ? word.len : MERGER_SYMBOLS_MAX;
    if (!is_raw)
        return len_max;
    size_t len = 1;
    bool was_space = word.ptr[0] == ' ' || space_mark_leads(word);
    while (bpe->words_begin_at_space && len < len_max) {
        const struct str rest = str_slice(word, len, word.len);
        const bool is_space = rest.ptr[0] == ' ' || space_mark_leads(rest);
        const bool continues = ((unsigned char)rest.ptr[0] & 0xc0) == 0x80; /* a character */
        if (is_space && !was_space)
            return len;
        if (!continues)
            was_space = is_space;
        len++;
    }
    return len_max < word.len ? utf8_cut(word, len_max) : len_max;
}

enum status bpe_encode(const struct bpe *bpe, struct str text, size_t offset, struct merger *merger,
                       struct word_sink *sink, struct error *err)
{
    struct pretokenizer_walk walk = pretokenizer_begin(&bpe->pretokenizer, text);
    struct str word = {0};
    while (pretokenizer_next(&walk, &word)) {
        while (word.len > 0) {
            const struct str part = str_slice(word, 0, part_len(bpe, word));
            const size_t at = offset + (size_t)(part.ptr - text.ptr);
            TRY(encode_word(bpe, part, at, merger, sink, err));
            word = str_slice(word, part.len, word.len);
        }
    }
    return OK;
}
