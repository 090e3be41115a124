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

/* Characters that the text may still get from plain tokens; 0: treat it like anything else. */
static uint32_t room_in_string(const struct request *request, const struct grammar_node *node)
{
    if (node->rule == GRAMMAR_NONE)
        return 0;
    const struct grammar_rule *rule = &request->mask->grammar->rules[node->rule];
    if (rule->kind == GRAMMAR_TEXT) /* within the tag's beginning some tokens would complete it */
        return node->phase <= GRAMMAR_IN_STRING && node->index == 0 && node->count < rule->len_max
                   ? rule->len_max - node->count
                   : 0;
    if (node->phase != GRAMMAR_IN_STRING)
        return 0;
    if (rule->kind == GRAMMAR_STRING && node->count < rule->len_max)
        return rule->len_max - node->count;
    if (rule->kind == GRAMMAR_KEY && node->count + 1 < rule->len_max)
        return rule->len_max - node->count - 1; /* the last one is special */
    return 0;
}

/* Adds the tokens of a set that begin at most `room` characters. */
static void add_plain(const struct request *request, const uint64_t *set, uint32_t room)
{
    const struct token_mask_vocab *vocab = request->vocab;
    if (room >= vocab->characters_max) {
        add_set(request, set);
        return;
    }
    for (uint32_t word = 0; word < vocab->word_count; word++) {
        for (uint64_t bits = set[word]; bits; bits &= bits - 1) {
            const uint32_t id = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (vocab->characters[id] <= room)
                put_bit(request->mask->allowed, (int32_t)id, true);
        }
    }
}

/* Adds plain tokens for one configuration in a string. Plain text does not bring the end nearer or
 * farther, but for the bytes a token leaves open. False when that is not enough to decide. */
static bool allow_plain(const struct request *request, const struct grammar_node *node,
                        uint32_t room)
{
    struct token_mask *mask = request->mask;
    const struct grammar_rule *rule = &mask->grammar->rules[node->rule];
    const uint32_t rest = grammar_rest_config(&mask->state, node);
    uint64_t *const *sets =
        rule->kind == GRAMMAR_TEXT ? request->vocab->bare : request->vocab->plain;
    if (rest <= request->left && request->left - rest >= TOKEN_MASK_VOCAB_PENDING_MAX + 1) {
        for (uint32_t pending = 0; pending <= TOKEN_MASK_VOCAB_PENDING_MAX; pending++)
            add_plain(request, sets[pending], room);
        return true;
    }
    if (rule->kind == GRAMMAR_TEXT) /* what leaves the text may be allowed where it cannot go on */
        return false;
    /* The rest is the same text behind any plain token: count its tokens once. A key that happens
     * to
     * be used then needs one character more. */
    uint32_t more = 0;
    if (rule->kind == GRAMMAR_KEY) {
        more = 1;
        if (grammar_frame_key_is_used(&mask->state, &mask->state.nodes[node->parent], node->extra))
            return false;
    } else if (node->count < rule->len_min) {
        return false;
    }
    const uint32_t fewest = token_mask_internal_fewest_for(mask, node);
    for (uint32_t pending = 0; pending <= TOKEN_MASK_VOCAB_PENDING_MAX; pending++) {
        if (fewest <= request->left && request->left - fewest >= pending + more)
            add_plain(request, sets[pending], room);
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
enum group { GROUP_OTHER, GROUP_STRING, GROUP_TEXT };

/* Adds what the readings of one group accept of the trie's tokens. */
static void walk_group(const struct request *request, const struct grammar_layer *base,
                       const uint8_t *groups, enum group group,
                       const struct token_mask_vocab_trie *trie)
{
    struct token_mask *mask = request->mask;
    bool is_any = false;
    for (uint32_t i = 0; i < base->count; i++) {
        mask->keeps[i] = groups[i] == group;
        is_any |= mask->keeps[i];
    }
    if (!is_any)
        return;
    const struct grammar_layer some = grammar_state_select(&mask->state, base, mask->keeps);
    walk(request, trie, &some);
}

static void allow_bytes(const struct request *request)
{
    struct token_mask *mask = request->mask;
    const struct grammar_layer base = mask->state.base;
    uint8_t groups[GRAMMAR_STATE_CONFIGS_MAX];
    bool is_plain = true;
    CHECK(base.count <= GRAMMAR_STATE_CONFIGS_MAX);
    for (uint32_t i = 0; i < base.count; i++) {
        const struct grammar_node node = mask->state.configs[base.first + i];
        const uint32_t room = room_in_string(request, &node);
        const bool is_fast = room > 0 && allow_plain(request, &node, room);
        const bool is_text = is_fast && mask->grammar->rules[node.rule].kind == GRAMMAR_TEXT;
        groups[i] = is_text ? GROUP_TEXT : is_fast ? GROUP_STRING : GROUP_OTHER;
        is_plain &= !is_fast;
    }
    if (is_plain) {
        walk(request, &request->vocab->all, &base);
        return;
    }
    walk_group(request, &base, groups, GROUP_STRING, &request->vocab->quoted);
    walk_group(request, &base, groups, GROUP_TEXT, &request->vocab->tagged);
    walk_group(request, &base, groups, GROUP_OTHER, &request->vocab->all);
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
