#include "infer/token_mask_text.h"

#include "tokenizer/tokenizer.h"

enum {
    OTHERS_MAX = 4096, /* tokens that other readings may accept, else all tokens are walked */
};

/* ---------------------------------------------------------------- sets */

void token_mask_text_add_plain(const struct token_mask_vocab *vocab, uint64_t *to,
                               const uint64_t *set, uint32_t room)
{
    for (uint32_t word = 0; word < vocab->word_count; word++) {
        uint64_t kept = set[word];
        if (room < vocab->characters_max) {
            for (uint64_t bits = kept; bits; bits &= bits - 1) {
                const uint32_t bit = (uint32_t)__builtin_ctzll(bits);
                if (vocab->characters[word * 64 + bit] > room)
                    kept &= ~((uint64_t)1 << bit);
            }
        }
        to[word] |= kept;
    }
}

static const struct grammar_rule *rule_of(const struct token_mask *mask,
                                          const struct grammar_node *node)
{
    return &mask->grammar->rules[node->rule];
}

bool token_mask_text_is_inside(const struct token_mask *mask, const struct grammar_node *node)
{
    if (node->rule == GRAMMAR_NONE)
        return false;
    const struct grammar_rule *rule = rule_of(mask, node);
    const bool is_text = rule->kind == GRAMMAR_TEXT && node->phase <= GRAMMAR_IN_STRING;
    const bool is_string = rule->kind == GRAMMAR_STRING && node->phase == GRAMMAR_IN_STRING;
    return (is_text || is_string) && node->count < rule->len_max;
}

/* Takes away the tokens without '<' that complete what must not occur in a text, of which
 * node->index bytes are there. */
static void take_completing(const struct token_mask *mask, const struct grammar_node *node,
                            uint64_t *set)
{
    const struct token_mask_vocab_trie *trie = &mask->program->vocab->all;
    const struct grammar_rule *rule = rule_of(mask, node);
    uint32_t at = UINT32_MAX;
    if (node->index == 0)
        return;
    for (uint32_t i = node->index; i < rule->count; i++) {
        at = token_mask_vocab_child(trie, at, (unsigned char)mask->grammar->texts[rule->first + i]);
        if (at == UINT32_MAX)
            return;
    }
    for (uint32_t i = trie->first_tokens[at]; i < trie->first_tokens[trie->ends[at]]; i++)
        set[trie->tokens[i] / 64] &= ~((uint64_t)1 << (trie->tokens[i] % 64));
}

static void merge(struct token_mask *mask, const uint64_t *set)
{
    for (uint32_t i = 0; i < mask->program->vocab->word_count; i++)
        mask->allowed[i] |= set[i];
}

static void clear(const struct token_mask *mask, uint64_t *set)
{
    memset(set, 0, mask->program->vocab->word_count * sizeof(*set));
}

/* ---------------------------------------------------------------- one text */

/* A text and what else may be read where it stands. */
struct place {
    const struct token_mask_walk *walk;
    struct token_mask *mask;
    const struct token_mask_vocab *vocab;
    struct grammar_layer layer; /* all readings */
    struct grammar_node node;   /* in the text */
    const struct grammar_rule *rule;
    uint64_t *const *sets;                    /* tokens that stay in the text, by their ends */
    const struct token_mask_vocab_trie *trie; /* those that may leave it */
    uint32_t room;                            /* characters the text may still get */
    int last; /* the byte that, last in a token of the sets, may end the text; -1: none */
};

static struct place place_of(const struct token_mask_walk *walk, const struct grammar_layer *layer,
                             uint32_t index)
{
    struct token_mask *mask = walk->mask;
    const struct grammar_node node = mask->state.configs[layer->first + index];
    const struct token_mask_vocab *vocab = mask->program->vocab;
    const struct grammar_rule *rule = rule_of(mask, &node);
    const bool is_quoted = rule->kind == GRAMMAR_STRING;
    return (struct place){
        .walk = walk,
        .mask = mask,
        .vocab = vocab,
        .layer = *layer,
        .node = node,
        .rule = rule,
        .sets = is_quoted ? vocab->plain : vocab->bare,
        .trie = is_quoted ? &vocab->quoted : &vocab->tagged,
        .room = rule->len_max - node.count,
        .last = -1,
    };
}

/* The bytes that may follow a layer, but for '<': -1: none, -2: several. */
static int only_next(struct grammar_state *state, const struct grammar_layer *from, bool only_aside)
{
    int found = -1;
    for (int byte = 0; byte < 256; byte++) {
        struct grammar_layer to;
        const bool fits = only_aside
                              ? grammar_state_step_aside(state, from, (unsigned char)byte, &to)
                              : grammar_state_step(state, from, (unsigned char)byte, &to);
        if (!fits || byte == '<')
            continue;
        if (found >= 0)
            return -2;
        found = byte;
    }
    return found;
}

/* Is what ends the text a quote, a '<', or one more byte and a '<'? Then of the tokens that have
 * none only the last byte may leave the text. */
static bool is_left_simply(struct place *in)
{
    struct grammar_state *state = &in->mask->state;
    struct grammar_node node = in->node;
    struct grammar_layer behind;
    in->last = -1;
    if (in->rule->kind == GRAMMAR_STRING)
        return true;
    node.count = node.count > in->rule->len_min ? node.count : in->rule->len_min;
    const struct grammar_layer from = grammar_state_put(state, &in->layer, &node);
    in->last = only_next(state, &from, true);
    if (in->last < 0)
        return in->last == -1;
    return in->last < 0x80 &&
           grammar_state_step_aside(state, &from, (unsigned char)in->last, &behind) &&
           only_next(state, &behind, false) == -1;
}

/* Adds the tokens of which only the last byte, which ends the text, is too much for it. */
static void add_leaving(const struct place *in, uint64_t *to)
{
    for (uint32_t word = 0; word < in->vocab->word_count; word++) {
        for (uint64_t bits = in->sets[0][word]; bits; bits &= bits - 1) {
            const uint32_t bit = (uint32_t)__builtin_ctzll(bits);
            const uint32_t id = word * 64 + bit;
            if (in->vocab->lasts[id] == in->last && in->vocab->characters[id] == in->room + 1)
                to[word] |= (uint64_t)1 << bit;
        }
    }
}

bool token_mask_text_add_all(const struct token_mask_walk *walk, const struct grammar_layer *layer,
                             uint32_t index)
{
    struct place in = place_of(walk, layer, index);
    struct token_mask *mask = in.mask;
    if (in.room < in.vocab->characters_max && !is_left_simply(&in))
        return false;
    uint64_t *set = in.node.index ? mask->some : mask->allowed;
    if (in.node.index)
        clear(mask, set);
    for (size_t end = 0; end < TOKEN_MASK_VOCAB_ENDS; end++)
        token_mask_text_add_plain(in.vocab, set, in.sets[end], in.room);
    if (in.last >= 0)
        add_leaving(&in, set);
    if (!in.node.index)
        return true;
    take_completing(mask, &in.node, set);
    merge(mask, set);
    return true;
}

/* ---------------------------------------------------------------- near the end of the budget */

/* Tokens that are alike but for the characters they begin. */
struct alike {
    const uint64_t *set;
    unsigned phase; /* they end in */
    bool may_leave; /* those that end with in->last, and no others */
};

/* Is the end within reach behind a token that begins so many characters? */
static bool fits_behind(const struct place *in, const struct alike *alike, uint32_t characters)
{
    struct grammar_state *state = &in->mask->state;
    struct grammar_node node = in->node;
    node.count += alike->may_leave ? characters - 1 : characters;
    node.phase = (uint16_t)alike->phase;
    node.index = 0; /* what has been read of the tag does not count any more */
    struct grammar_layer layer = grammar_state_put(state, &in->layer, &node);
    if (alike->may_leave && !grammar_state_step(state, &layer, (unsigned char)in->last, &layer))
        return false;
    return token_mask_internal_fits(in->mask, &layer, in->walk->left);
}

static void add_alike(const struct place *in, const struct alike *alike, uint64_t *to)
{
    enum { UNKNOWN, FITS, DOES_NOT };
    uint8_t verdicts[TOKEN_MASK_VOCAB_PIECE_MAX + 1] = {UNKNOWN};
    const uint32_t room = in->room + alike->may_leave; /* the last byte may be the end's */
    const uint32_t least = in->rule->len_min;
    /* with so many characters there are enough: more make no difference */
    const uint32_t enough = (in->node.count < least ? least - in->node.count : 0) + 1;
    for (uint32_t word = 0; word < in->vocab->word_count; word++) {
        for (uint64_t bits = alike->set[word]; bits; bits &= bits - 1) {
            const uint32_t bit = (uint32_t)__builtin_ctzll(bits);
            const uint32_t characters = in->vocab->characters[word * 64 + bit];
            const uint32_t row = characters < enough ? characters : enough;
            if (characters > room ||
                (in->vocab->lasts[word * 64 + bit] == in->last) != alike->may_leave)
                continue;
            if (verdicts[row] == UNKNOWN)
                verdicts[row] = fits_behind(in, alike, row) ? FITS : DOES_NOT;
            if (verdicts[row] == FITS)
                to[word] |= (uint64_t)1 << bit;
        }
    }
}

/* The tokens that stay in the text, as far as it alone allows them. */
static void add_text(const struct place *in, uint64_t *to)
{
    for (size_t end = 0; end < TOKEN_MASK_VOCAB_ENDS; end++) {
        const struct alike alike = {in->sets[end], token_mask_vocab_ends[end].phase, false};
        add_alike(in, &alike, to);
    }
    const struct alike leaving = {in->sets[0], GRAMMAR_IN_STRING, true};
    if (in->last >= 0)
        add_alike(in, &leaving, to);
}

/* The tokens that the layer accepts; false: too many. */
static bool mark_accepted(const struct place *in, const struct grammar_layer *start,
                          uint64_t *marks)
{
    const struct token_mask_vocab_trie *trie = in->walk->trie;
    struct grammar_layer *layers = in->mask->layers; /* [depth] */
    uint32_t count = 0;
    layers[0] = *start;
    for (uint32_t i = 0; i < trie->node_count && count <= OTHERS_MAX;) {
        const uint32_t depth = trie->depths[i];
        if (!grammar_state_step(&in->mask->state, &layers[depth - 1], trie->bytes[i],
                                &layers[depth])) {
            i = trie->ends[i];
            continue;
        }
        for (uint32_t k = trie->first_tokens[i]; k < trie->first_tokens[i + 1]; k++, count++)
            marks[trie->tokens[k] / 64] |= (uint64_t)1 << (trie->tokens[k] % 64);
        i++;
    }
    return count <= OTHERS_MAX;
}

/* Marks what the readings beside the text accept; false: too many tokens. */
static bool mark_others(const struct place *in, uint32_t index, uint64_t *marks)
{
    struct token_mask *mask = in->mask;
    clear(mask, marks);
    if (in->layer.count == 1)
        return true;
    for (uint32_t i = 0; i < in->layer.count; i++)
        mask->keeps[i] = i != index;
    const struct grammar_layer others = grammar_state_select(&mask->state, &in->layer, mask->keeps);
    return mark_accepted(in, &others, marks);
}

/* Decides about each marked token by all readings together. */
static void decide_marked(const struct place *in, const uint64_t *marks, uint64_t *to)
{
    struct token_mask *mask = in->mask;
    for (uint32_t word = 0; word < in->vocab->word_count; word++) {
        for (uint64_t bits = marks[word]; bits; bits &= bits - 1) {
            const uint64_t bit = bits & -bits;
            const int32_t id = (int32_t)(word * 64 + (uint32_t)__builtin_ctzll(bits));
            const struct str piece = tokenizer_piece(in->vocab->tokenizer, id);
            struct grammar_layer layer;
            const bool fits = token_mask_internal_step_text(mask, &in->layer, piece, &layer) &&
                              token_mask_internal_fits(mask, &layer, in->walk->left);
            to[word] = fits ? to[word] | bit : to[word] & ~bit;
        }
    }
}

bool token_mask_text_add_near_end(const struct token_mask_walk *walk,
                                  const struct grammar_layer *layer, uint32_t index)
{
    struct place in = place_of(walk, layer, index);
    struct token_mask *mask = in.mask;
    if (layer->matching || mask->exclusions.count > 0 || !is_left_simply(&in) ||
        !mark_others(&in, index, mask->others))
        return false;
    clear(mask, mask->some);
    add_text(&in, mask->some);
    take_completing(mask, &in.node, mask->some);
    decide_marked(&in, mask->others, mask->some);
    merge(mask, mask->some);
    const struct token_mask_walk leaving = {mask, in.trie, walk->left};
    token_mask_walk_all(&leaving, layer);
    return true;
}
