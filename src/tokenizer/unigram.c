#include "tokenizer/unigram.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "text/utf8.h"
#include "tokenizer/space_mark.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>
#include <math.h>

/* How much worse than the worst piece the unknown token is. */
static const double UNKNOWN_PENALTY = 10.0;

/* ---------------------------------------------------------------- loading */

static enum status load_scores(const struct gguf *file, const struct vocab *vocab,
                               struct unigram *unigram, struct error *err)
{
    struct gguf_array scores = {0};
    double lowest = HUGE_VAL;
    TRY(gguf_get_array(file, "tokenizer.ggml.scores", GGUF_ARRAY_FLOAT, &scores, err));
    if (scores.count != vocab->size)
        return error_set(err, E_FORMAT,
                         "tokenizer.ggml.scores has %zu values for %" PRIu32 " tokens",
                         scores.count, vocab->size);
    unigram->scores = mem_try_zalloc(vocab->size, sizeof(*unigram->scores));
    if (!unigram->scores)
        return error_set(err, E_NO_MEMORY, "no memory for %" PRIu32 " scores", vocab->size);
    for (uint32_t id = 0; id < vocab->size; id++) {
        const double score = gguf_array_f64(&scores, id);
        if (!isfinite(score))
            return error_set(err, E_FORMAT,
                             "tokenizer.ggml.scores: that of token %" PRIu32 " is no number", id);
        unigram->scores[id] = (float)score;
        if (vocab->kinds[id] == TOKEN_NORMAL && score < lowest)
            lowest = score;
    }
    unigram->unknown_score = (lowest < HUGE_VAL ? lowest : 0) - UNKNOWN_PENALTY;
    return OK;
}

enum status unigram_load(const struct gguf *file, const struct vocab *vocab,
                         struct unigram *unigram, struct error *err)
{
    unigram->vocab = vocab;
    if (vocab->unknown < 0)
        return error_set(err, E_FORMAT,
                         "a unigram vocabulary needs tokenizer.ggml.unknown_token_id");
    TRY(load_scores(file, vocab, unigram, err));
    TRY(charsmap_load(file, &unigram->charsmap, err));
    TRY(gguf_get_bool_or(file, "tokenizer.ggml.remove_extra_whitespaces", false,
                         &unigram->merges_spaces, err));
    for (uint32_t id = 0; id < vocab->size; id++) {
        const struct str piece = vocab->pieces[id];
        uint64_t found = 0;
        if (piece.len <= UNIGRAM_PIECE_LEN_MAX && hash_map_find(&vocab->words, piece, &found) &&
            found == id && !byte_tree_add(&unigram->pieces, piece, (int32_t)id))
            return error_set(err, E_NO_MEMORY, "no memory for the pieces of words");
    }
    return OK;
}

void unigram_done(struct unigram *unigram)
{
    byte_tree_done(&unigram->pieces);
    charsmap_done(&unigram->charsmap);
    mem_free(unigram->scores);
    *unigram = (struct unigram){0};
}

void unigram_scratch_done(struct unigram_scratch *scratch)
{
    strbuf_done(&scratch->text);
    strbuf_done(&scratch->origins);
    mem_free(scratch->best);
}

/* ---------------------------------------------------------------- normalization */

struct normalizing {
    const struct unigram *unigram;
    struct unigram_scratch *out;
    uint32_t origin; /* of what is being added */
    bool is_in_word; /* the last byte was no space */
    bool has_begun;  /* the first word has begun */
};

static void add_byte(struct normalizing *n, char byte)
{
    strbuf_add_char(&n->out->text, byte);
    strbuf_add(&n->out->origins, &n->origin, sizeof(n->origin));
}

/* Bytes of the normalized text; a space that the source wrote as U+2581 is a letter. */
static void add_normalized(struct normalizing *n, struct str text)
{
    const bool is_mark = text.len == SPACE_MARK_LEN && space_mark_leads(text);
    const bool merges = n->unigram->merges_spaces;
    for (size_t i = 0; i < text.len; i++) {
        const char byte = is_mark ? ' ' : text.ptr[i];
        if (byte == ' ' && !is_mark) {
            n->is_in_word = false;
            if (!merges)
                add_byte(n, ' ');
            continue;
        }
        if (!n->is_in_word && (merges || (n->unigram->vocab->adds_space_prefix && !n->has_begun))) {
            add_byte(n, ' ');
            n->has_begun = true;
        }
        n->is_in_word = true;
        add_byte(n, byte);
        if (is_mark)
            return;
    }
}

static void normalize(const struct unigram *unigram, struct str text, struct unigram_scratch *out)
{
    struct normalizing n = {.unigram = unigram, .out = out};
    struct str rest = text;
    strbuf_clear(&out->text);
    strbuf_clear(&out->origins);
    while (rest.len > 0) {
        struct str new = {0};
        n.origin = (uint32_t)(text.len - rest.len);
        const size_t replaced = charsmap_match(&unigram->charsmap, rest, &new);
        if (replaced > 0) {
            rest = str_slice(rest, replaced, rest.len);
            add_normalized(&n, new);
            continue;
        }
        struct str character = rest;
        const uint32_t code_point = utf8_next(&rest);
        character.len -= rest.len;
        add_normalized(&n, code_point == UTF8_INVALID ? STR("\xef\xbf\xbd") : character);
    }
}

/* ---------------------------------------------------------------- the best way */

/* The best way to cut the text up to a place: its score, and its last piece. See turn_around(). */
struct best {
    double score;
    uint32_t begin; /* of the last piece */
    int32_t id;
};

static enum status reserve(struct unigram_scratch *scratch, size_t len, struct error *err)
{
    const size_t bytes = (len + 1) * sizeof(struct best);
    if (bytes > scratch->best_bytes) {
        mem_free(scratch->best);
        scratch->best_bytes = 0;
        scratch->best = mem_try_alloc(bytes);
        if (!scratch->best)
            return error_set(err, E_NO_MEMORY, "no memory for a text of %zu bytes", len);
        scratch->best_bytes = bytes;
    }
    struct best *best = scratch->best;
    for (size_t i = 0; i <= len; i++)
        best[i] = (struct best){.score = -HUGE_VAL};
    best[0].score = 0;
    return OK;
}

static void offer(struct best *best, size_t begin, size_t end, int32_t id, double score)
{
    const double sum = best[begin].score + score;
    if (sum > best[end].score)
        best[end] = (struct best){.score = sum, .begin = (uint32_t)begin, .id = id};
}

/* Tries every piece that begins at `at`, or the unknown token for the character there. */
static void extend(const struct unigram *unigram, struct str text, size_t at, size_t character_len,
                   struct best *best)
{
    const struct byte_tree *tree = &unigram->pieces;
    bool has_character = false;
    uint32_t node = tree->roots[(unsigned char)text.ptr[at]];
    for (size_t end = at + 1; node != 0; end++) {
        const int32_t id = tree->nodes[node].id;
        if (id >= 0) {
            offer(best, at, end, id, (double)unigram->scores[id]);
            has_character = has_character || end - at == character_len;
        }
        if (end == text.len)
            break;
        node = byte_tree_child(tree, node, (unsigned char)text.ptr[end]);
    }
    if (!has_character)
        offer(best, at, at + character_len, unigram->vocab->unknown, unigram->unknown_score);
}

/* Turns the links of the best way, which lead back from the end, around: then best[at] holds the
 * piece that begins at `at`, and where it ends. */
static void turn_around(struct best *best, uint32_t len)
{
    uint32_t end = len;
    struct best last = best[len];
    for (;;) {
        const uint32_t begin = last.begin;
        const struct best before = best[begin];
        best[begin] = (struct best){.begin = end, .id = last.id};
        if (begin == 0)
            return;
        end = begin;
        last = before;
    }
}

static void add_tokens(const struct unigram *unigram, struct unigram_scratch *scratch,
                       size_t offset, struct word_sink *sink)
{
    struct best *best = scratch->best;
    const uint32_t *origins = (const uint32_t *)(const void *)scratch->origins.ptr;
    const int32_t unknown = unigram->vocab->unknown;
    bool was_unknown = false;
    turn_around(best, (uint32_t)scratch->text.len);
    for (uint32_t at = 0; at < scratch->text.len; at = best[at].begin) {
        const bool is_unknown = best[at].id == unknown;
        if (!is_unknown || !was_unknown)
            word_sink_add(sink, best[at].id, offset + origins[at]);
        was_unknown = is_unknown;
    }
}

enum status unigram_encode(const struct unigram *unigram, struct str text, size_t offset,
                           struct unigram_scratch *scratch, struct word_sink *sink,
                           struct error *err)
{
    normalize(unigram, text, scratch);
    const struct str normalized = strbuf_view(&scratch->text);
    if (normalized.len > TOKENIZER_TEXT_LEN_MAX)
        return error_set(err, E_LIMIT, "the normalized text is %zu bytes long (limit %d)",
                         normalized.len, TOKENIZER_TEXT_LEN_MAX);
    if (normalized.len == 0)
        return OK;
    TRY(reserve(scratch, normalized.len, err));
    struct str rest = normalized;
    while (rest.len > 0) {
        const size_t at = normalized.len - rest.len;
        utf8_next(&rest);
        extend(unigram, normalized, at, normalized.len - rest.len - at, scratch->best);
    }
    add_tokens(unigram, scratch, offset, sink);
    return OK;
}
