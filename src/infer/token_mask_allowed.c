/*
 * token_mask_allowed - the set of tokens that may come next.
 *
 * In general one walk over the vocabulary's trie: a byte that the grammar refuses cuts off all
 * tokens that begin so. Inside a string that would visit nearly everything; there the set of plain
 * string tokens is taken whole and only the tokens with a quote or backslash are walked. What one
 * reading allows is allowed, so readings inside strings and others are treated apart.
 *
 * Threads: see token_mask.h.
 */
#include "infer/token_mask.h"

#include "base/check.h"
#include "infer/grammar_frame.h"
#include "infer/token_mask_internal.h"
#include "infer/token_mask_text.h"
#include "infer/token_mask_walk.h"
#include "tokenizer/tokenizer.h"

/* One request. */
struct request {
    struct token_mask *mask;
    const struct token_mask_vocab *vocab;
    uint32_t left; /* tokens that may follow the next one */
};

static void put_bit(uint64_t *set, int32_t id, bool value)
{
    const uint64_t bit = (uint64_t)1 << (id % 64);
    set[id / 64] = value ? set[id / 64] | bit : set[id / 64] & ~bit;
}

static void add_set(const struct request *request, const uint64_t *set)
{
    for (uint32_t i = 0; i < request->vocab->word_count; i++)
        request->mask->allowed[i] |= set[i];
}

/* Adds every token of the trie that the grammar accepts from `start` on. */
static void walk(const struct request *request, const struct token_mask_vocab_trie *trie,
                 const struct grammar_layer *start)
{
    const struct token_mask_walk walk = {request->mask, trie, request->left};
    token_mask_walk_all(&walk, start);
}

/* ---------------------------------------------------------------- inside strings */

/* Characters that the string may still get from plain tokens; 0: treat it like anything else. */
static uint32_t room_in_string(const struct request *request, const struct grammar_node *node)
{
    if (node->rule == GRAMMAR_NONE || node->phase != GRAMMAR_IN_STRING)
        return 0;
    const struct grammar_rule *rule = &request->mask->grammar->rules[node->rule];
    if (rule->kind == GRAMMAR_STRING && node->count < rule->len_max)
        return rule->len_max - node->count;
    if (rule->kind == GRAMMAR_KEY && node->count + 1 < rule->len_max)
        return rule->len_max - node->count - 1; /* the last one is special */
    return 0;
}

/* Is the end, `rest` symbols away, within reach whatever a token leaves open of a character? */
static bool is_far(const struct request *request, uint32_t rest)
{
    return rest <= request->left && request->left - rest > TOKEN_MASK_VOCAB_PENDING_MAX;
}

/* Adds plain tokens for one configuration in a string. Plain text does not bring the end nearer or
 * farther, but for the bytes a token leaves open. False when that is not enough to decide. */
static bool allow_plain(const struct request *request, const struct grammar_node *node,
                        uint32_t room)
{
    struct token_mask *mask = request->mask;
    const struct token_mask_vocab *vocab = request->vocab;
    const struct grammar_rule *rule = &mask->grammar->rules[node->rule];
    if (is_far(request, grammar_rest_config(&mask->state, node))) {
        for (size_t end = 0; end < TOKEN_MASK_VOCAB_ENDS; end++)
            token_mask_text_add_plain(vocab, mask->allowed, vocab->plain[end], room);
        return true;
    }
    /* The rest is the same text behind any plain token: count its tokens once. A key that happens
     * to be used then needs one character more. */
    uint32_t more = 0;
    if (rule->kind == GRAMMAR_KEY) {
        more = 1;
        if (grammar_frame_key_is_used(&mask->state, &mask->state.nodes[node->parent], node->extra))
            return false;
    } else if (node->count < rule->len_min) {
        return false;
    }
    const uint32_t fewest = token_mask_internal_fewest_for(mask, node);
    for (size_t end = 0; end < TOKEN_MASK_VOCAB_ENDS; end++) {
        const uint32_t lacking = token_mask_vocab_ends[end].pending + more;
        if (fewest <= request->left && request->left - fewest >= lacking)
            token_mask_text_add_plain(vocab, mask->allowed, vocab->plain[end], room);
    }
    return true;
}

/* Tokens along an excluded text may lead to where only that text is left: they are looked at one by
 * one. */
static void check_excluded(const struct request *request)
{
    struct token_mask *mask = request->mask;
    const struct token_mask_vocab_trie *trie = &request->vocab->all;
    const struct grammar_layer base = mask->state.base;
    for (uint64_t bits = base.matching; bits; bits &= bits - 1) {
        const struct grammar_exclusion *item = &mask->exclusions.items[__builtin_ctzll(bits)];
        struct grammar_layer layer = base;
        uint32_t node = UINT32_MAX;
        for (uint32_t at = base.mark_len; at < item->len; at++) {
            if (item->symbols[at] >= GRAMMAR_SYMBOL_SPECIAL)
                break;
            const unsigned char byte = (unsigned char)item->symbols[at];
            node = token_mask_vocab_child(trie, node, byte);
            if (node == UINT32_MAX || !grammar_state_step(&mask->state, &layer, byte, &layer))
                break;
            if (trie->first_tokens[node] == trie->first_tokens[node + 1])
                continue;
            const bool fits = token_mask_internal_fits(mask, &layer, request->left);
            for (uint32_t i = trie->first_tokens[node]; i < trie->first_tokens[node + 1]; i++)
                put_bit(mask->allowed, trie->tokens[i], fits);
        }
    }
}

/* ---------------------------------------------------------------- constrained text */

/* How a reading is looked at. */
enum group {
    GROUP_OTHER,
    GROUP_STRING,
    GROUP_TEXT,    /* between tags, with the end far away */
    GROUP_NETWORK, /* what a GROUP_OTHER is in, where a text near its end is beside it */
};

static enum group group_of(const struct request *request, const struct grammar_layer *base,
                           uint32_t index)
{
    struct token_mask *mask = request->mask;
    const struct grammar_node node = mask->state.configs[base->first + index];
    const uint32_t room = room_in_string(request, &node);
    if (room > 0 && allow_plain(request, &node, room))
        return GROUP_STRING;
    if (!token_mask_text_is_inside(mask, &node) ||
        mask->grammar->rules[node.rule].kind != GRAMMAR_TEXT ||
        !is_far(request, grammar_rest_config(&mask->state, &node)))
        return GROUP_OTHER;
    const struct token_mask_walk all = {mask, &request->vocab->all, request->left};
    return token_mask_text_add_all(&all, base, index) ? GROUP_TEXT : GROUP_OTHER;
}

/* The readings of one group as a layer; false: there are none. */
static bool select_group(const struct request *request, const struct grammar_layer *base,
                         const uint8_t *groups, enum group group, struct grammar_layer *out)
{
    struct token_mask *mask = request->mask;
    uint32_t count = 0;
    for (uint32_t i = 0; i < base->count; i++) {
        mask->keeps[i] = groups[i] == group;
        count += mask->keeps[i];
    }
    if (count == 0)
        return false;
    *out = count == base->count ? *base : grammar_state_select(&mask->state, base, mask->keeps);
    return true;
}

/* Adds what the readings of one group accept of the trie's tokens. */
static void walk_group(const struct request *request, const struct grammar_layer *base,
                       const uint8_t *groups, enum group group,
                       const struct token_mask_vocab_trie *trie)
{
    struct grammar_layer some;
    if (select_group(request, base, groups, group, &some))
        walk(request, trie, &some);
}

/* The only one of the layer's configurations that is in a text; GRAMMAR_NONE: none or several. */
static uint32_t only_text(const struct token_mask *mask, const struct grammar_layer *layer)
{
    uint32_t found = GRAMMAR_NONE;
    for (uint32_t i = 0; i < layer->count; i++) {
        if (!token_mask_text_is_inside(mask, &mask->state.configs[layer->first + i]))
            continue;
        if (found != GRAMMAR_NONE)
            return GRAMMAR_NONE;
        found = i;
    }
    return found;
}

/* The readings that no set of tokens is known for. In a text near the end of the budget, at least
 * the tokens are known that none of them tells apart. */
static void allow_others(const struct request *request, const struct grammar_layer *base,
                         uint8_t *groups)
{
    struct token_mask *mask = request->mask;
    struct grammar_layer others;
    if (!select_group(request, base, groups, GROUP_OTHER, &others))
        return;
    if (only_text(mask, &others) == GRAMMAR_NONE || mask->exclusions.count > 0) {
        walk(request, &request->vocab->all, &others);
        return;
    }
    /* those in networks are taken apart, as the walk does */
    for (uint32_t i = 0; i < base->count; i++) {
        const struct grammar_node *node = &mask->state.configs[base->first + i];
        if (groups[i] == GROUP_OTHER && token_mask_walk_is_in_network(&mask->state, node))
            groups[i] = GROUP_NETWORK;
    }
    walk_group(request, base, groups, GROUP_NETWORK, &request->vocab->all);
    (void)select_group(request, base, groups, GROUP_OTHER, &others); /* the text is there */
    const struct token_mask_walk all = {mask, &request->vocab->all, request->left};
    if (!token_mask_text_add_near_end(&all, &others, only_text(mask, &others)))
        token_mask_walk_all(&all, &others);
}

static void allow_bytes(const struct request *request)
{
    struct token_mask *mask = request->mask;
    const struct grammar_layer base = mask->state.base;
    uint8_t groups[GRAMMAR_STATE_CONFIGS_MAX];
    bool has_sets = false;
    CHECK(base.count <= GRAMMAR_STATE_CONFIGS_MAX);
    for (uint32_t i = 0; i < base.count; i++) {
        groups[i] = (uint8_t)group_of(request, &base, i);
        has_sets |= groups[i] != GROUP_OTHER;
    }
    walk_group(request, &base, groups, GROUP_STRING, &request->vocab->quoted);
    walk_group(request, &base, groups, GROUP_TEXT, &request->vocab->tagged);
    allow_others(request, &base, groups);
    if (has_sets)
        check_excluded(request);
}

static void allow_constrained(const struct request *request)
{
    struct token_mask *mask = request->mask;
    struct grammar_state *state = &mask->state;
    memset(mask->allowed, 0, request->vocab->word_count * sizeof(*mask->allowed));
    if (grammar_state_is_complete(state, &state->base))
        add_set(request, request->vocab->ends);
    for (uint32_t i = 0; i < mask->program->special_count; i++) {
        struct grammar_layer layer;
        const int32_t token = mask->program->specials[i];
        if (grammar_state_step_special(state, &state->base, token, &layer) &&
            token_mask_internal_fits(mask, &layer, request->left))
            put_bit(mask->allowed, token, true);
    }
    allow_bytes(request);
}

const uint64_t *token_mask_allowed(struct token_mask *mask, uint32_t budget)
{
    const struct request request = {
        .mask = mask, .vocab = mask->program->vocab, .left = budget ? budget - 1 : 0};
    if (mask->is_free)
        token_mask_internal_hurry(mask, budget);
    if (mask->is_free)
        return token_mask_internal_allowed_free(mask, budget);
    allow_constrained(&request);
    return mask->allowed;
}
