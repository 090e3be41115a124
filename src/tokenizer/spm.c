#include "tokenizer/spm.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "text/utf8.h"

#include <inttypes.h>

/* What stands for a space in the file's tokens, and so in text. */
#define SPACE_MARK "\xe2\x96\x81"

enum { SPACE_MARK_LEN = sizeof(SPACE_MARK) - 1 };

#define NO_TOKEN UINT32_MAX

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

static enum status load_priorities(const struct gguf *file, const struct vocab *vocab,
                                   struct spm *spm, struct error *err)
{
    struct gguf_array scores = {0};
    TRY(gguf_get_array(file, "tokenizer.ggml.scores", GGUF_ARRAY_FLOAT, &scores, err));
    if (scores.count < vocab->size)
        return error_set(err, E_FORMAT, "%" PRIu32 " tokens, but only %zu scores", vocab->size,
                         scores.count);
    CLEANUP(mem_freep) struct scored *order = mem_try_zalloc(vocab->size, sizeof(*order));
    spm->priorities = mem_try_zalloc(vocab->size, sizeof(*spm->priorities));
    if (!order || !spm->priorities)
        return error_set(err, E_NO_MEMORY, "no memory for %" PRIu32 " scores", vocab->size);
    for (uint32_t id = 0; id < vocab->size; id++) {
        const double score = gguf_array_f64(&scores, id);
        order[id] = (struct scored){score == score ? score : -1e300, id}; /* NaN comes last */
    }
    qsort(order, vocab->size, sizeof(*order), compare_scores);
    uint32_t priority = 0;
    for (uint32_t i = 0; i < vocab->size; i++) {
        if (i > 0 && order[i].score < order[i - 1].score)
            priority++;
        spm->priorities[order[i].id] = priority;
    }
    return OK;
}

static bool has_inner_space(struct str piece)
{
    for (size_t i = 1; i < piece.len; i++) {
        if (piece.ptr[i] == ' ' && piece.ptr[i - 1] != ' ')
            return true;
    }
    return false;
}

enum status spm_load(const struct gguf *file, const struct vocab *vocab, struct spm *spm,
                     struct error *err)
{
    spm->vocab = vocab;
    spm->words_begin_at_space = true;
    for (uint32_t id = 0; id < vocab->size; id++) {
        if (!vocab_is_special(vocab, id) && has_inner_space(vocab->pieces[id]))
            spm->words_begin_at_space = false;
    }
    return load_priorities(file, vocab, spm, err);
}

void spm_done(struct spm *spm)
{
    mem_free(spm->priorities);
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

static struct merger_pair find_pair(const void *context, const struct merger_symbol *left,
                                    const struct merger_symbol *right)
{
    const struct word *word = context;
    uint64_t id = 0;
    const struct str joined = {word->text.ptr + left->start, (size_t)left->len + right->len};
    if (!hash_map_find(&word->spm->vocab->words, joined, &id))
        return (struct merger_pair){MERGER_NO_PRIORITY, 0};
    return (struct merger_pair){word->spm->priorities[id], (uint32_t)id};
}

/* Cuts the word into characters. */
static void add_characters(const struct word *word, struct merger *merger)
{
    struct str rest = word->text;
    while (rest.len > 0) {
        const char *start = rest.ptr;
        utf8_next(&rest);
        struct merger_symbol symbol = {
            .start = (uint32_t)(start - word->text.ptr),
            .len = (uint32_t)(rest.ptr - start),
            .id = NO_TOKEN,
        };
        uint64_t id = 0;
        if (hash_map_find(&word->spm->vocab->words, (struct str){start, symbol.len}, &id))
            symbol.id = (uint32_t)id;
        merger->symbols[merger->symbol_count++] = symbol;
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
        const bool is_mark = word->source.len >= SPACE_MARK_LEN &&
                             !memcmp(word->source.ptr, SPACE_MARK, SPACE_MARK_LEN);
        const size_t step = is_mark ? SPACE_MARK_LEN : 1;
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
    if (!merger_run(merger, find_pair, word))
        return error_set(err, E_NO_MEMORY, "no memory for a word of %zu bytes", word->text.len);
    for (size_t i = 0; i < merger->symbol_count; i++) {
        const struct merger_symbol *symbol = &merger->symbols[i];
        if (symbol->id != NO_TOKEN) {
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
