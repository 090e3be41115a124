#include "infer/token_mask_walk.h"

#include "base/mem.h"

#define TOP UINT32_MAX /* the trie's root, which is no node */

enum { EXITS_MAX = 16 * 1024 }; /* of a set that is kept */

static void walk_below(const struct token_mask_walk *walk, uint32_t node,
                       const struct grammar_layer *layer);

/* ---------------------------------------------------------------- places in the trie */

static uint32_t first_below(uint32_t node)
{
    return node == TOP ? 0 : node + 1;
}

static uint32_t end_below(const struct token_mask_vocab_trie *trie, uint32_t node)
{
    return node == TOP ? trie->node_count : trie->ends[node];
}

static uint32_t depth_of(const struct token_mask_vocab_trie *trie, uint32_t node)
{
    return node == TOP ? 0 : trie->depths[node];
}

static bool has_tokens(const struct token_mask_vocab_trie *trie, uint32_t node)
{
    return trie->first_tokens[node] < trie->first_tokens[node + 1];
}

/* The tokens that end at a node are all alike. */
static bool is_allowed(const struct token_mask_walk *walk, uint32_t node)
{
    const int32_t id = walk->trie->tokens[walk->trie->first_tokens[node]];
    return walk->mask->allowed[id / 64] >> (id % 64) & 1;
}

static void put_tokens(const struct token_mask_walk *walk, uint32_t node)
{
    const struct token_mask_vocab_trie *trie = walk->trie;
    for (uint32_t i = trie->first_tokens[node]; i < trie->first_tokens[node + 1]; i++) {
        const int32_t id = trie->tokens[i];
        walk->mask->allowed[id / 64] |= (uint64_t)1 << (id % 64);
    }
}

void token_mask_walk_allow(const struct token_mask_walk *walk, uint32_t node,
                           const struct grammar_layer *layer)
{
    if (has_tokens(walk->trie, node) && !is_allowed(walk, node) &&
        token_mask_internal_fits(walk->mask, layer, walk->left))
        put_tokens(walk, node);
}

/* ---------------------------------------------------------------- networks */

static bool is_in_network(const struct grammar_state *state, const struct grammar_node *node)
{
    return node->rule != GRAMMAR_NONE && state->grammar->rules[node->rule].kind == GRAMMAR_NETWORK;
}

/* How many readings stand in networks, for themselves; none where a text is excluded, since that
 * goes with the layer. */
static uint32_t count_networks(const struct token_mask_walk *walk,
                               const struct grammar_layer *layer)
{
    const struct grammar_state *state = &walk->mask->state;
    uint32_t count = 0;
    if (layer->matching || walk->mask->exclusions.count > 0)
        return 0;
    for (uint32_t i = 0; i < layer->count; i++)
        count += is_in_network(state, &state->configs[layer->first + i]);
    return count;
}

/* A walk within one network. */
struct inside {
    const struct token_mask_walk *walk;
    const struct grammar *grammar;
    const struct grammar_network *network;
    const struct grammar_network_state *states;
    const uint16_t *cells;
    struct grammar_layer layer; /* with `node` */
    struct grammar_node node;
};

static bool is_live(const struct inside *in, uint32_t state)
{
    if (state == GRAMMAR_NO_STATE)
        return false;
    const struct grammar_network_state *at = &in->states[state];
    return at->rest != GRAMMAR_ENDLESS && in->node.depth + at->depth <= in->grammar->node_depth_max;
}

/* Can a byte lead out of the network from here, or into a rule that it calls? */
static bool has_ways_aside(const struct inside *in, uint32_t state)
{
    const struct grammar_network_state *at = &in->states[state];
    return at->call_count > 0 || (at->is_accepting && in->node.parent != GRAMMAR_NONE);
}

/* Leaves the table: the byte of trie node `to` from a state, by all ways or only those aside. */
static void walk_aside(const struct inside *in, uint32_t state, uint32_t to, bool only_aside)
{
    struct grammar_state *running = &in->walk->mask->state;
    struct grammar_node node = in->node;
    node.count = state;
    const struct grammar_layer from = grammar_state_put(running, &in->layer, &node);
    const unsigned char byte = in->walk->trie->bytes[to];
    struct grammar_layer next;
    const bool goes_on = only_aside ? grammar_state_step_aside(running, &from, byte, &next)
                                    : grammar_state_step(running, &from, byte, &next);
    if (!goes_on)
        return;
    token_mask_walk_allow(in->walk, to, &next);
    walk_below(in->walk, to, &next);
}

/* Tokens that end in a state of the network. */
static void allow_inside(const struct inside *in, uint32_t node, uint32_t state)
{
    if (!has_tokens(in->walk->trie, node) || is_allowed(in->walk, node))
        return;
    const uint32_t rest = grammar_plus(in->states[state].rest, in->node.tail);
    if (rest <= in->walk->left) { /* every symbol is a token */
        put_tokens(in->walk, node);
        return;
    }
    struct grammar_node moved = in->node;
    moved.count = state;
    const struct grammar_layer layer =
        grammar_state_put(&in->walk->mask->state, &in->layer, &moved);
    token_mask_walk_allow(in->walk, node, &layer);
}

static void walk_network(const struct inside *in, uint32_t top)
{
    const struct token_mask_vocab_trie *trie = in->walk->trie;
    uint16_t *states = in->walk->mask->network_states; /* [depth] */
    const uint32_t start_depth = depth_of(trie, top);
    const uint32_t end = end_below(trie, top);
    for (uint32_t i = first_below(top); i < end;) {
        const uint32_t depth = trie->depths[i];
        const uint32_t state = depth - 1 == start_depth ? in->node.count : states[depth - 1];
        const uint8_t class = in->network->classes[trie->bytes[i]];
        const uint32_t next = in->cells[(size_t)state * in->network->class_count + class];
        const bool is_own = is_live(in, next);
        if (has_ways_aside(in, state))
            walk_aside(in, state, i, true);
        if (!is_own) {
            i = trie->ends[i];
        } else if (in->states[next].is_final) {
            walk_aside(in, state, i, false); /* what follows is below */
            i = trie->ends[i];
        } else {
            allow_inside(in, i, next);
            states[depth] = (uint16_t)next;
            i++;
        }
    }
}

/* ---------------------------------------------------------------- sets that are kept */

static void add_exit(struct token_mask_internal_set *set, uint32_t node, uint32_t state,
                     bool is_end)
{
    if (set->exit_count == set->exit_capacity) {
        set->exit_capacity = set->exit_capacity ? 2 * set->exit_capacity : 64;
        set->exits = mem_realloc(set->exits, set->exit_capacity * sizeof(*set->exits));
    }
    set->exits[set->exit_count++] =
        (struct token_mask_internal_exit){node, (uint16_t)state, is_end};
}

/* The walk of walk_network() from the top, by the table alone: what would go aside is noted. */
static void fill_set(const struct inside *in, struct token_mask_internal_set *set)
{
    const struct token_mask_vocab_trie *trie = in->walk->trie;
    uint16_t *states = in->walk->mask->network_states;
    set->exit_count = 0;
    memset(set->tokens, 0, in->walk->mask->program->vocab->word_count * sizeof(*set->tokens));
    for (uint32_t i = 0; i < trie->node_count && set->exit_count < EXITS_MAX;) {
        const uint32_t depth = trie->depths[i];
        const uint32_t state = depth == 1 ? set->state : states[depth - 1];
        const uint8_t class = in->network->classes[trie->bytes[i]];
        const uint32_t next = in->cells[(size_t)state * in->network->class_count + class];
        const struct grammar_network_state *at = &in->states[state];
        const bool is_own = next != GRAMMAR_NO_STATE && in->states[next].rest != GRAMMAR_ENDLESS;
        if (at->call_count > 0 || at->is_accepting)
            add_exit(set, i, state, false);
        if (is_own && in->states[next].is_final)
            add_exit(set, i, state, true);
        if (!is_own || in->states[next].is_final) {
            i = trie->ends[i];
            continue;
        }
        for (uint32_t k = trie->first_tokens[i]; k < trie->first_tokens[i + 1]; k++)
            set->tokens[trie->tokens[k] / 64] |= (uint64_t)1 << (trie->tokens[k] % 64);
        states[depth] = (uint16_t)next;
        i++;
    }
}

/* The set of the node's state, made if it is not known; in place of the one not used for longest.
 * NULL: it has too many exits. */
static const struct token_mask_internal_set *set_of(const struct inside *in)
{
    struct token_mask *mask = in->walk->mask;
    const uint32_t network = (uint32_t)(in->network - in->grammar->networks);
    struct token_mask_internal_set *oldest = mask->sets;
    mask->set_uses++;
    for (uint32_t i = 0; i < TOKEN_MASK_INTERNAL_SETS; i++) {
        struct token_mask_internal_set *set = &mask->sets[i];
        if (set->last_used && set->network == network && set->state == in->node.count) {
            set->last_used = mask->set_uses;
            return set->exit_count < EXITS_MAX ? set : NULL;
        }
        if (set->last_used < oldest->last_used)
            oldest = set;
    }
    if (!oldest->tokens)
        oldest->tokens = mem_alloc(mask->program->vocab->word_count * sizeof(*oldest->tokens));
    oldest->network = network;
    oldest->state = in->node.count;
    oldest->last_used = mask->set_uses;
    fill_set(in, oldest);
    return oldest->exit_count < EXITS_MAX ? oldest : NULL;
}

/* True if the set of the state could be used: where every token that stays in the network leaves
 * the end within reach, whatever the token. */
static bool add_set(const struct inside *in)
{
    struct token_mask *mask = in->walk->mask;
    const struct token_mask_vocab *vocab = mask->program->vocab;
    const uint32_t rest = grammar_plus(in->network->rest_max, in->node.tail);
    if (in->walk->trie != &vocab->all || rest > in->walk->left ||
        in->node.depth + in->network->depth_max > in->grammar->node_depth_max)
        return false;
    const struct token_mask_internal_set *set = set_of(in);
    if (!set)
        return false;
    for (uint32_t i = 0; i < vocab->word_count; i++)
        mask->allowed[i] |= set->tokens[i];
    for (uint32_t i = 0; i < set->exit_count; i++) {
        const struct token_mask_internal_exit *exit = &set->exits[i];
        if (exit->is_end || has_ways_aside(in, exit->state))
            walk_aside(in, exit->state, exit->node, !exit->is_end);
    }
    return true;
}

/* ---------------------------------------------------------------- all */

static void walk_readings(const struct token_mask_walk *walk, uint32_t top,
                          const struct grammar_layer *start)
{
    const struct token_mask_vocab_trie *trie = walk->trie;
    struct grammar_layer *layers = walk->mask->layers; /* [depth] */
    const uint32_t start_depth = depth_of(trie, top);
    const uint32_t end = end_below(trie, top);
    for (uint32_t i = first_below(top); i < end;) {
        const uint32_t depth = trie->depths[i];
        const struct grammar_layer *from = depth - 1 == start_depth ? start : &layers[depth - 1];
        struct grammar_layer next;
        if (!grammar_state_step(&walk->mask->state, from, trie->bytes[i], &next)) {
            i = trie->ends[i];
            continue;
        }
        token_mask_walk_allow(walk, i, &next);
        if (count_networks(walk, &next)) {
            walk_below(walk, i, &next);
            i = trie->ends[i];
            continue;
        }
        layers[depth] = next;
        i++;
    }
}

/* What one reading allows is allowed: those in networks are walked one by one. */
static void walk_apart(const struct token_mask_walk *walk, uint32_t top,
                       const struct grammar_layer *layer)
{
    struct grammar_state *state = &walk->mask->state;
    struct grammar_layer others = *layer;
    others.first += others.count;
    others.count = 0;
    for (uint32_t i = 0; i < layer->count; i++) {
        const struct grammar_node node = state->configs[layer->first + i];
        if (!is_in_network(state, &node))
            grammar_state_add(state, &others, &node);
    }
    if (others.count)
        walk_readings(walk, top, &others);
    for (uint32_t i = 0; i < layer->count; i++) {
        const struct grammar_node node = state->configs[layer->first + i];
        if (!is_in_network(state, &node))
            continue;
        const struct grammar_layer alone = grammar_state_put(state, layer, &node);
        walk_below(walk, top, &alone);
    }
}

static void walk_below(const struct token_mask_walk *walk, uint32_t top,
                       const struct grammar_layer *layer)
{
    const struct grammar_state *state = &walk->mask->state;
    const struct grammar *grammar = state->grammar;
    const uint32_t networks = count_networks(walk, layer);
    if (networks == 0) {
        walk_readings(walk, top, layer);
        return;
    }
    if (layer->count > 1) {
        walk_apart(walk, top, layer);
        return;
    }
    const struct grammar_node *node = &state->configs[layer->first];
    const struct grammar_network *network = &grammar->networks[grammar->rules[node->rule].first];
    const struct inside inside = {
        .walk = walk,
        .grammar = grammar,
        .network = network,
        .states = grammar->states + network->first_state,
        .cells = grammar->cells + network->first_cell,
        .layer = *layer,
        .node = *node,
    };
    if (top != TOP || !add_set(&inside))
        walk_network(&inside, top);
}

void token_mask_walk_all(const struct token_mask_walk *walk, const struct grammar_layer *start)
{
    walk_below(walk, TOP, start);
}
