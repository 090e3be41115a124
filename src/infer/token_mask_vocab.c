#include "infer/token_mask_vocab.h"

#include "base/mem.h"
#include "infer/grammar_frame.h"
#include "tokenizer/tokenizer.h"

#include <stdlib.h>

const struct token_mask_vocab_end token_mask_vocab_ends[TOKEN_MASK_VOCAB_ENDS] = {
    {GRAMMAR_IN_STRING, 0},  {GRAMMAR_IN_UTF8_1, 1},  {GRAMMAR_IN_UTF8_2, 2},
    {GRAMMAR_IN_UTF8_3, 3},  {GRAMMAR_IN_UTF8_E0, 2}, {GRAMMAR_IN_UTF8_ED, 2},
    {GRAMMAR_IN_UTF8_F0, 3}, {GRAMMAR_IN_UTF8_F4, 3},
};

struct entry {
    struct str piece;
    int32_t id;
};

/* Tokens on their way into a trie. */
struct entries {
    struct entry *items;
    uint32_t count;
};

/* ---------------------------------------------------------------- tries */

static int by_piece(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    const int order = str_compare(left->piece, right->piece);
    return order ? order : (left->id > right->id) - (left->id < right->id);
}

static void trie_done(struct token_mask_vocab_trie *trie)
{
    mem_free(trie->ends);
    mem_free(trie->first_tokens);
    mem_free(trie->tokens);
    mem_free(trie->depths);
    mem_free(trie->bytes);
}

static size_t common_bytes(struct str a, struct str b)
{
    const size_t most = a.len < b.len ? a.len : b.len;
    size_t same = 0;
    while (same < most && a.ptr[same] == b.ptr[same])
        same++;
    return same;
}

/* Nodes of a trie over the sorted entries. */
static size_t count_nodes(const struct entries *entries)
{
    size_t count = 0;
    struct str last = {0};
    for (uint32_t i = 0; i < entries->count; i++) {
        count += entries->items[i].piece.len - common_bytes(entries->items[i].piece, last);
        last = entries->items[i].piece;
    }
    return count;
}

static bool reserve_trie(struct token_mask_vocab_trie *trie, size_t nodes, size_t tokens)
{
    trie->ends = mem_try_zalloc(nodes + 1, sizeof(*trie->ends));
    trie->first_tokens = mem_try_zalloc(nodes + 1, sizeof(*trie->first_tokens));
    trie->tokens = mem_try_zalloc(tokens + 1, sizeof(*trie->tokens));
    trie->depths = mem_try_zalloc(nodes + 1, sizeof(*trie->depths));
    trie->bytes = mem_try_zalloc(nodes + 1, sizeof(*trie->bytes));
    return trie->ends && trie->first_tokens && trie->tokens && trie->depths && trie->bytes;
}

/* Sorts the entries and writes them out in walking order. */
static enum status build_trie(struct entries *entries, struct token_mask_vocab_trie *trie,
                              struct error *err)
{
    if (entries->count)
        qsort(entries->items, entries->count, sizeof(*entries->items), by_piece);
    const size_t nodes = count_nodes(entries);
    if (nodes >= UINT32_MAX || !reserve_trie(trie, nodes, entries->count))
        return error_set(err, E_NO_MEMORY, "no memory for the token mask tables (%zu nodes)",
                         nodes);
    uint32_t open[TOKEN_MASK_VOCAB_PIECE_MAX]; /* node at each depth of the last piece */
    size_t depth = 0;
    struct str last = {0};
    memset(trie->roots, 0xff, sizeof(trie->roots));
    for (uint32_t i = 0; i < entries->count; i++) {
        const struct str piece = entries->items[i].piece;
        const size_t same = common_bytes(piece, last);
        while (depth > same)
            trie->ends[open[--depth]] = trie->node_count;
        for (; depth < piece.len; depth++) {
            const uint32_t node = trie->node_count++;
            trie->bytes[node] = (uint8_t)piece.ptr[depth];
            trie->depths[node] = (uint16_t)(depth + 1);
            trie->first_tokens[node] = i;
            open[depth] = node;
            if (depth == 0)
                trie->roots[trie->bytes[node]] = node;
        }
        trie->tokens[i] = entries->items[i].id;
        trie->depth_max = piece.len > trie->depth_max ? (uint32_t)piece.len : trie->depth_max;
        last = piece;
    }
    while (depth > 0)
        trie->ends[open[--depth]] = trie->node_count;
    trie->first_tokens[trie->node_count] = entries->count;
    return OK;
}

uint32_t token_mask_vocab_child(const struct token_mask_vocab_trie *trie, uint32_t node,
                                unsigned char byte)
{
    if (node == UINT32_MAX)
        return trie->roots[byte];
    for (uint32_t child = node + 1; child < trie->ends[node]; child = trie->ends[child]) {
        if (trie->bytes[child] == byte)
            return child;
    }
    return UINT32_MAX;
}

/* ---------------------------------------------------------------- string text */

enum piece_class { PIECE_OTHER, PIECE_PLAIN, PIECE_QUOTED };

/* The place in a character that a phase without escapes is. */
static unsigned end_of(unsigned phase)
{
    unsigned end = 0;
    while (token_mask_vocab_ends[end].phase != phase)
        end++;
    return end;
}

/* What a piece is that begins between two characters of a string. */
static enum piece_class classify(struct str piece, unsigned *out_end, uint16_t *out_characters)
{
    const struct grammar_rule endless = {.kind = GRAMMAR_STRING, .len_max = UINT32_MAX};
    struct grammar_node node = {.phase = GRAMMAR_IN_STRING};
    for (size_t i = 0; i < piece.len; i++) {
        const unsigned char byte = (unsigned char)piece.ptr[i];
        if (node.phase == GRAMMAR_IN_STRING && (byte == '"' || byte == '\\'))
            return PIECE_QUOTED;
        if (grammar_frame_string(&endless, &node, byte) != GRAMMAR_FRAME_STAYS)
            return PIECE_OTHER;
    }
    *out_end = end_of(node.phase);
    *out_characters = (uint16_t)node.count;
    return PIECE_PLAIN;
}

/* The same for a piece between two characters of a text without quotes; QUOTED: with a '<'. */
static enum piece_class classify_bare(struct str piece, unsigned *out_end, uint16_t *out_characters)
{
    const struct grammar none = {.texts = NULL};
    const struct grammar_rule endless = {.kind = GRAMMAR_TEXT, .len_max = UINT32_MAX};
    struct grammar_node node = {.phase = GRAMMAR_IN_STRING};
    for (size_t i = 0; i < piece.len; i++) {
        const unsigned char byte = (unsigned char)piece.ptr[i];
        if (node.phase == GRAMMAR_IN_STRING && byte == '<')
            return PIECE_QUOTED;
        if (!grammar_frame_text(&none, &endless, &node, byte))
            return PIECE_OTHER;
    }
    *out_end = end_of(node.phase);
    *out_characters = (uint16_t)node.count;
    return PIECE_PLAIN;
}

/* ---------------------------------------------------------------- building */

static bool is_ordinary(const struct tokenizer *tokenizer, int32_t id)
{
    const enum token_kind kind = tokenizer_kind(tokenizer, id);
    const size_t len = tokenizer_piece(tokenizer, id).len;
    return (kind == TOKEN_NORMAL || kind == TOKEN_BYTE) && !tokenizer_is_eog(tokenizer, id) &&
           len > 0 && len <= TOKEN_MASK_VOCAB_PIECE_MAX;
}

static void set_bit(uint64_t *set, int32_t id)
{
    set[id / 64] |= (uint64_t)1 << (id % 64);
}

static void note_characters(struct token_mask_vocab *vocab, int32_t id, uint16_t characters)
{
    vocab->characters[id] = characters;
    if (characters > vocab->characters_max)
        vocab->characters_max = characters;
}

/* The tokens of each trie. */
struct sorted {
    struct entries all;
    struct entries quoted;
    struct entries tagged;
};

static void add_entry(struct entries *entries, struct str piece, int32_t id)
{
    entries->items[entries->count++] = (struct entry){piece, id};
}

static void sort_in(struct token_mask_vocab *vocab, int32_t id, struct sorted *sorted)
{
    const struct str piece = tokenizer_piece(vocab->tokenizer, id);
    if (tokenizer_is_eog(vocab->tokenizer, id)) {
        set_bit(vocab->ends, id);
    }
    if (!is_ordinary(vocab->tokenizer, id)) {
        const enum token_kind kind = tokenizer_kind(vocab->tokenizer, id);
        if (piece.len && kind != TOKEN_NORMAL && kind != TOKEN_BYTE && kind != TOKEN_UNUSED)
            vocab->specials[vocab->special_count++] = id;
        return;
    }
    add_entry(&sorted->all, piece, id);
    vocab->lasts[id] = (uint8_t)piece.ptr[piece.len - 1];
    unsigned end = 0;
    uint16_t characters = 0;
    switch (classify(piece, &end, &characters)) {
    case PIECE_PLAIN:
        set_bit(vocab->plain[end], id);
        note_characters(vocab, id, characters);
        break;
    case PIECE_QUOTED: add_entry(&sorted->quoted, piece, id); break;
    case PIECE_OTHER: break;
    }
    switch (classify_bare(piece, &end, &characters)) {
    case PIECE_PLAIN:
        set_bit(vocab->bare[end], id);
        note_characters(vocab, id, characters);
        break;
    case PIECE_QUOTED: add_entry(&sorted->tagged, piece, id); break;
    case PIECE_OTHER: break;
    }
}

static bool reserve(struct token_mask_vocab *vocab)
{
    vocab->word_count = vocab->size / 64 + 1;
    bool is_whole = true;
    vocab->lasts = mem_try_zalloc(vocab->size + (size_t)1, sizeof(*vocab->lasts));
    for (size_t i = 0; i < TOKEN_MASK_VOCAB_ENDS; i++) {
        vocab->plain[i] = mem_try_zalloc(vocab->word_count, sizeof(uint64_t));
        vocab->bare[i] = mem_try_zalloc(vocab->word_count, sizeof(uint64_t));
        is_whole &= vocab->plain[i] && vocab->bare[i];
    }
    vocab->characters = mem_try_zalloc(vocab->size + (size_t)1, sizeof(*vocab->characters));
    vocab->ends = mem_try_zalloc(vocab->word_count, sizeof(uint64_t));
    vocab->specials = mem_try_zalloc(vocab->size + (size_t)1, sizeof(*vocab->specials));
    return is_whole && vocab->lasts && vocab->characters && vocab->ends && vocab->specials;
}

/* Everything a mask may have to write can be spelled with one-byte tokens: printable ASCII, and the
 * bytes that go on inside a character. */
static enum status check_bytes(const struct token_mask_vocab *vocab, struct error *err)
{
    for (unsigned byte = ' '; byte < 0xc0; byte = byte == '~' ? 0x80 : byte + 1) {
        const uint32_t node = vocab->all.roots[byte];
        if (node == UINT32_MAX ||
            vocab->all.first_tokens[node] == vocab->all.first_tokens[node + 1])
            return error_set(err, E_UNSUPPORTED,
                             "the vocabulary has no token for the single byte 0x%02x, which masks "
                             "need",
                             byte);
    }
    return OK;
}

enum status token_mask_vocab_new(const struct tokenizer *tokenizer, struct token_mask_vocab **out,
                                 struct error *err)
{
    if (!tokenizer_has_vocab(tokenizer))
        return error_set(err, E_UNSUPPORTED,
                         "a model without a vocabulary cannot be held to a grammar");
    CLEANUP(token_mask_vocab_freep) struct token_mask_vocab *vocab = mem_zalloc(sizeof(*vocab));
    vocab->tokenizer = tokenizer;
    vocab->size = tokenizer_vocab_size(tokenizer);
    const size_t size = vocab->size + (size_t)1;
    CLEANUP(mem_freep) struct entry *items = mem_try_zalloc(3 * size, sizeof(*items));
    if (!reserve(vocab) || !items)
        return error_set(err, E_NO_MEMORY, "no memory for the token mask tables of %u tokens",
                         vocab->size);
    struct sorted sorted = {{items, 0}, {items + size, 0}, {items + 2 * size, 0}};
    for (uint32_t id = 0; id < vocab->size; id++)
        sort_in(vocab, (int32_t)id, &sorted);
    TRY(build_trie(&sorted.all, &vocab->all, err));
    TRY(build_trie(&sorted.quoted, &vocab->quoted, err));
    TRY(build_trie(&sorted.tagged, &vocab->tagged, err));
    TRY(check_bytes(vocab, err));
    *out = vocab;
    vocab = NULL;
    return OK;
}

void token_mask_vocab_free(struct token_mask_vocab *vocab)
{
    if (!vocab)
        return;
    for (size_t i = 0; i < TOKEN_MASK_VOCAB_ENDS; i++) {
        mem_free(vocab->plain[i]);
        mem_free(vocab->bare[i]);
    }
    mem_free(vocab->lasts);
    mem_free(vocab->characters);
    mem_free(vocab->ends);
    mem_free(vocab->specials);
    trie_done(&vocab->all);
    trie_done(&vocab->quoted);
    trie_done(&vocab->tagged);
    mem_free(vocab);
}
