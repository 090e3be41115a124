#include "tokenizer/spm.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "text/utf8.h"
#include "tokenizer/space_mark.h"

#include <inttypes.h>
#include <math.h>

enum { TOKEN_LEN_MAX = 1024 }; /* longer tokens are never made: bounds the time to load a file */

/* ---------------------------------------------------------------- loading */

struct scored {
    double score;
    uint32_t id;
};

static int compare_scores(const void *a, const void *b)
{
    const struct scored *x = a;
    const struct scored *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Priorities by score: 0 for the highest, equal for equal ones. */
static enum status load_priorities(const struct gguf *file, const struct vocab *vocab,
                                   uint32_t *out, struct error *err)
{
    struct gguf_array scores = {0};
    TRY(gguf_get_array(file, "tokenizer.ggml.scores", GGUF_ARRAY_FLOAT, &scores, err));
    if (scores.count != vocab->size)
        return error_set(err, E_FORMAT,
                         "tokenizer.ggml.scores has %zu values for %" PRIu32 " tokens",
                         scores.count, vocab->size);
    CLEANUP(mem_freep) struct scored *order = mem_try_zalloc(vocab->size, sizeof(*order));
    if (!order)
        return error_set(err, E_NO_MEMORY, "no memory for %" PRIu32 " scores", vocab->size);
    for (uint32_t id = 0; id < vocab->size; id++) {
        const double score = gguf_array_f64(&scores, id);
        order[id] = (struct scored){isnan(score) ? -HUGE_VAL : score, id};
    }
    qsort(order, vocab->size, sizeof(*order), compare_scores);
    uint32_t priority = 0;
    for (uint32_t i = 0; i < vocab->size; i++) {
        if (i > 0 && order[i].score < order[i - 1].score)
            priority++;
        out[order[i].id] = priority;
    }
    return OK;
}

static bool is_word(const struct vocab *vocab, uint32_t id)
{
    uint64_t found = 0;
    return hash_map_find(&vocab->words, vocab->pieces[id], &found) && found == id;
}

/* Gives every character of a token a symbol: its token, or a number behind the vocabulary. */
static void load_characters(const struct vocab *vocab, struct spm *spm)
{
    uint32_t next = vocab->size;
    for (size_t i = 0; i < ARRAY_LEN(spm->ascii_symbols); i++)
        spm->ascii_symbols[i] = MERGE_TABLE_NONE;
    for (uint32_t id = 0; id < vocab->size; id++) {
        struct str rest = vocab->pieces[id];
        if (!is_word(vocab, id))
            continue;
        while (rest.len > 0) {
            struct str character = rest;
            utf8_next(&rest);
            character.len -= rest.len;
            uint64_t symbol = 0;
            if (hash_map_find(&spm->characters, character, &symbol))
                continue;
            if (!hash_map_find(&vocab->words, character, &symbol))
                symbol = next++;
            hash_map_add(&spm->characters, character, symbol);
            if ((unsigned char)character.ptr[0] < ARRAY_LEN(spm->ascii_symbols))
                spm->ascii_symbols[(unsigned char)character.ptr[0]] = (uint32_t)symbol;
        }
    }
}

/* The symbol of a text: a character or a token. */
static uint32_t symbol_of(const struct spm *spm, struct str text)
{
    uint64_t symbol = 0;
    if (hash_map_find(&spm->characters, text, &symbol) ||
        hash_map_find(&spm->vocab->words, text, &symbol))
        return (uint32_t)symbol;
    return MERGE_TABLE_NONE;
}

/* All ways to make token `id` of two symbols. */
static bool add_splits(struct spm *spm, uint32_t id, uint32_t priority)
{
    const struct str piece = spm->vocab->pieces[id];
    struct str right = piece;
    utf8_next(&right);
    for (; right.len > 0; utf8_next(&right)) {
        const uint32_t right_symbol = symbol_of(spm, right);
        if (right_symbol == MERGE_TABLE_NONE)
            continue;
        const uint32_t left_symbol = symbol_of(spm, str_slice(piece, 0, piece.len - right.len));
        if (left_symbol != MERGE_TABLE_NONE &&
            !merge_table_add(&spm->merges,
                             (struct merge_table_entry){left_symbol, right_symbol, priority, id}))
            return false;
    }
    return true;
}

static enum status load_merges(const struct gguf *file, const struct vocab *vocab, struct spm *spm,
                               struct error *err)
{
    CLEANUP(mem_freep) uint32_t *priorities = mem_try_zalloc(vocab->size, sizeof(*priorities));
    if (!priorities || !merge_table_reserve(&spm->merges, (size_t)vocab->size * 2))
        return error_set(err, E_NO_MEMORY, "no memory for %" PRIu32 " tokens", vocab->size);
    TRY(load_priorities(file, vocab, priorities, err));
    for (uint32_t id = 0; id < vocab->size; id++) {
        if (vocab->pieces[id].len > TOKEN_LEN_MAX || !is_word(vocab, id))
            continue;
        if (!add_splits(spm, id, priorities[id]))
            return error_set(err, E_NO_MEMORY, "no memory for %" PRIu32 " tokens", vocab->size);
    }
    return OK;
}

enum status spm_load(const struct gguf *file, const struct vocab *vocab, struct spm *spm,
                     struct error *err)
{
    spm->vocab = vocab;
    spm->words_begin_at_space = true;
    for (uint32_t id = 0; id < vocab->size; id++) {
        if (!vocab_is_special(vocab, id) && space_mark_is_inside(vocab->pieces[id]))
            spm->words_begin_at_space = false;
    }
    load_characters(vocab, spm);
    return load_merges(file, vocab, spm, err);
}

void spm_done(struct spm *spm)
{
    merge_table_done(&spm->merges);
    hash_map_done(&spm->characters);
    *spm = (struct spm){0};
}

void spm_scratch_done(struct spm_scratch *scratch)
{
    strbuf_done(&scratch->text);
    merger_done(&scratch->merger);
}

/* ---------------------------------------------------------------- encoding */

/* A part of the normalized text, and where it came from. */
struct word {
    const struct spm *spm;
    struct str text;
    struct str source; /* what is left of the text as it was given */
    size_t offset;     /* of source, in the whole text */
    bool begins_with_added_space;
};

/* Cuts the word into characters. */
static void add_characters(const struct word *word, struct merger *merger)
{
    const struct spm *spm = word->spm;
    struct str rest = word->text;
    while (rest.len > 0) {
        struct str character = rest;
        uint64_t symbol = MERGE_TABLE_NONE;
        utf8_next(&rest);
        character.len -= rest.len;
        if ((unsigned char)character.ptr[0] < ARRAY_LEN(spm->ascii_symbols))
            symbol = spm->ascii_symbols[(unsigned char)character.ptr[0]];
        else
            (void)hash_map_find(&spm->characters, character, &symbol);
        merger->symbols[merger->symbol_count++] = (struct merger_symbol){
            .start = (uint32_t)(character.ptr - word->text.ptr),
            .len = (uint32_t)character.len,
            .id = (uint32_t)symbol,
        };
    }
}

/* Moves the source past `len` bytes of normalized text. */
static void advance(struct word *word, size_t len)
{
    if (word->begins_with_added_space && len > 0) {
        word->begins_with_added_space = false;
        len--;
    }
    while (len > 0) {
        const size_t step = space_mark_leads(word->source) ? SPACE_MARK_LEN : 1;
        word->source = str_slice(word->source, step, word->source.len);
        word->offset += step;
        len--;
    }
}

static enum status encode_word(struct word *word, struct merger *merger, struct word_sink *sink,
                               struct error *err)
{
    if (!merger_begin(merger, word->text.len))
        return error_set(err, E_NO_MEMORY, "no memory for a word of %zu bytes", word->text.len);
    add_characters(word, merger);
    if (!merger_run(merger, &word->spm->merges))
        return error_set(err, E_NO_MEMORY, "no memory for a word of %zu bytes", word->text.len);
    for (size_t i = 0; i < merger->symbol_count; i++) {
        const struct merger_symbol *symbol = &merger->symbols[i];
        if (symbol->id < word->spm->vocab->size) {
            word_sink_add(sink, (int32_t)symbol->id, word->offset);
            advance(word, symbol->len);
            continue;
        }
        for (uint32_t b = symbol->start; b < symbol->start + symbol->len; b++) {
            TRY(word_sink_add_byte(sink, (unsigned char)word->text.ptr[b], word->offset, err));
            advance(word, 1);
        }
    }
    return OK;
}

static void normalize(struct str text, bool with_space, struct strbuf *out)
{
    strbuf_clear(out);
    if (with_space)
        strbuf_add_char(out, ' ');
    while (text.len > 0) {
        const size_t mark = str_find(text, STR(SPACE_MARK), 0);
        const struct str before = str_slice(text, 0, mark);
        strbuf_add_str(out, before);
        text = str_slice(text, before.len, text.len);
        if (text.len > 0) {
            strbuf_add_char(out, ' ');
            text = str_slice(text, SPACE_MARK_LEN, text.len);
        }
    }
}

/* Length of the next independent part: up to a space behind another character, if tokens never
 * reach over one; never more than MERGER_SYMBOLS_MAX bytes, cut between characters. */
static size_t word_len(const struct spm *spm, struct str text)
{
    const size_t len_max = text.len < MERGER_SYMBOLS_MAX ? text.len : MERGER_SYMBOLS_MAX;
    size_t len = len_max;
    if (spm->words_begin_at_space) {
        len = 1;
        while (len < len_max && !(text.ptr[len] == ' ' && text.ptr[len - 1] != ' '))
            len++;
    }
    return len < text.len && len == MERGER_SYMBOLS_MAX ? utf8_cut(text, len) : len;
}

enum status spm_encode(const struct spm *spm, struct str text, size_t offset, bool with_space,
                       struct spm_scratch *scratch, struct word_sink *sink, struct error *err)
{
    normalize(text, with_space, &scratch->text);
    struct str rest = strbuf_view(&scratch->text);
    struct word word = {
        .spm = spm, .source = text, .offset = offset, .begins_with_added_space = with_space};
    while (rest.len > 0) {
        word.text = str_slice(rest, 0, word_len(spm, rest));
        TRY(encode_word(&word, &scratch->merger, sink, err));
        rest = str_slice(rest, word.text.len, rest.len);
    }
    return OK;
}
