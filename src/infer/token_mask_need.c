/*
 * token_mask_need - fewest tokens to a valid end.
 *
 * The shortest rest of the text (grammar_rest.h) is a fixed row of symbols; the fewest tokens that
 * spell it are found from its end by trying every vocabulary token at every place. A special token
 * stands for itself.
 *
 * Threads: see token_mask.h.
 */
#include "base/mem.h"
#include "infer/token_mask_internal.h"

static uint64_t hash_of(const struct grammar_rest_text *text)
{
    uint64_t hash = text->count;
    for (uint32_t i = 0; i < text->count; i++) {
        hash = (hash ^ text->symbols[i]) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    return hash;
}

/* costs[i] = fewest tokens that spell the symbols from i on; UINT32_MAX: none do. */
static uint32_t fewest_for(struct token_mask *mask, const struct grammar_rest_text *text)
{
    const struct token_mask_vocab_trie *trie = &mask->program->vocab->all;
    if (mask->cost_capacity < text->count + 1) {
        mask->cost_capacity = 2 * text->count + 64;
        mask->costs = mem_realloc(mask->costs, mask->cost_capacity * sizeof(*mask->costs));
    }
    uint32_t *costs = mask->costs;
    costs[text->count] = 0;
    for (uint32_t i = text->count; i-- > 0;) {
        uint32_t best = UINT32_MAX;
        uint32_t node = UINT32_MAX;
        if (text->symbols[i] >= GRAMMAR_REST_SPECIAL)
            best = costs[i + 1];
        for (uint32_t k = i; k < text->count && text->symbols[k] < GRAMMAR_REST_SPECIAL; k++) {
            node = token_mask_vocab_child(trie, node, (unsigned char)text->symbols[k]);
            if (node == UINT32_MAX)
                break;
            const bool ends_token = trie->first_tokens[node] < trie->first_tokens[node + 1];
            if (ends_token && costs[k + 1] < best)
                best = costs[k + 1];
        }
        costs[i] = best == UINT32_MAX ? best : best + 1;
    }
    return costs[0];
}

static uint32_t spell(struct token_mask *mask, const struct grammar_rest_text *text)
{
    const uint64_t hash = hash_of(text);
    struct token_mask_internal_memo *memo = &mask->memo[hash % TOKEN_MASK_INTERNAL_MEMO];
    if (text->count > 0 && memo->count == text->count && memo->hash == hash)
        return memo->tokens;
    *memo = (struct token_mask_internal_memo){hash, text->count, fewest_for(mask, text)};
    return memo->tokens;
}

uint32_t token_mask_internal_fewest(struct token_mask *mask, const struct grammar_layer *layer)
{
    if (!grammar_rest_write(&mask->state, layer, &mask->scratch, &mask->rest))
        return UINT32_MAX;
    return spell(mask, &mask->rest);
}

uint32_t token_mask_internal_fewest_for(struct token_mask *mask, const struct grammar_node *config)
{
    grammar_rest_write_config(&mask->state, config, &mask->rest);
    return spell(mask, &mask->rest);
}

bool token_mask_internal_fits(struct token_mask *mask, const struct grammar_layer *layer,
                              uint32_t budget)
{
    const struct token_mask_vocab *vocab = mask->program->vocab;
    const uint32_t symbols = grammar_rest_layer(&mask->state, layer, &mask->scratch);
    if (symbols == GRAMMAR_ENDLESS)
        return false;
    if (symbols <= budget)
        return true; /* every symbol is a token */
    if (symbols / vocab->all.depth_max > budget)
        return false;
    return token_mask_internal_fewest(mask, layer) <= budget;
}
