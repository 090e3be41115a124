#include "infer/token_mask_walk.h"

#include "infer/token_mask_sets.h"

#define TOP UINT32_MAX /* the trie's root, which is no node */

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

bool token_mask_walk_is_in_network(const struct grammar_state *state,
                                   const struct grammar_node *node)
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
        count += token_mask_walk_is_in_network(state, &state->configs[layer->first + i]);
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
    uint64_t number; /* of the walk */
};

/* What is known about a state, put in place of another one's row if nothing is yet. */
static struct token_mask_internal_way *way_of(const struct inside *in, uint32_t state)
{
    struct token_mask_internal_way *way = &in->walk->mask->ways[state % TOKEN_MASK_INTERNAL_WAYS];
    if (way->inside != in->number || way->state != state)
        *way = (struct token_mask_internal_way){.inside = in->number, .state = state};
    return way;
}

static bool is_live(const struct inside *in, uint32_t state)
{
    if (state == GRAMMAR_NO_STATE)
        return false;
    const struct grammar_network_state *at = &in->states[state];
    return at->rest != GRAMMAR_ENDLESS && in->node.depth + at->depth <= in->grammar->node_depth_max;
}

/* Does the byte lead out of the network from here, or into a rule that it calls? */
static bool has_way_aside(const struct inside *in, uint32_t state, unsigned char byte)
{
    const struct grammar_network_state *at = &in->states[state];
    if (at->call_count == 0 && (!at->is_accepting || in->node.parent == GRAMMAR_NONE))
        return false;
    struct token_mask_internal_way *way = way_of(in, state);
    if (!token_mask_sets_has(&way->tried, byte)) {
        struct grammar_state *running = &in->walk->mask->state;
        struct grammar_node node = in->node;
        struct grammar_layer next;
        node.count = state;
        const struct grammar_layer from = grammar_state_put(running, &in->layer, &node);
        token_mask_sets_put(&way->tried, byte);
        if (grammar_state_step_aside(running, &from, byte, &next))
            token_mask_sets_put(&way->found, byte);
    }
    return token_mask_sets_has(&way->found, byte);
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
    struct token_mask_internal_way *way = way_of(in, state);
    if (way->reach == TOKEN_MASK_INTERNAL_UNKNOWN) {
        struct grammar_node moved = in->node;
        moved.count = state;
        const struct grammar_layer layer =
            grammar_state_put(&in->walk->mask->state, &in->layer, &moved);
        way->reach = token_mask_internal_fits(in->walk->mask, &layer, in->walk->left)
                         ? TOKEN_MASK_INTERNAL_FITS
                         : TOKEN_MASK_INTERNAL_FAR;
    }
    if (way->reach == TOKEN_MASK_INTERNAL_FITS)
        put_tokens(in->walk, node);
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
        if (has_way_aside(in, state, trie->bytes[i]))
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

/* Bytes that may follow where the network can be left. */
static struct token_mask_internal_bytes bytes_behind(const struct inside *in)
{
    struct token_mask_internal_bytes found = {{0}};
    const uint32_t state = in->network->way_out;
    for (unsigned byte = 0; state != GRAMMAR_NO_STATE && byte < 256; byte++) {
        if (has_way_aside(in, state, (unsigned char)byte))
            token_mask_sets_put(&found, (unsigned char)byte);
    }
    return found;
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
    const struct token_mask_sets_key key = {
        .network = (uint32_t)(in->network - in->grammar->networks),
        .state = in->node.count,
        .behind = bytes_behind(in),
    };
    uint32_t exit_count = 0;
    if (!token_mask_sets_add(mask, &key, &exit_count))
        return false;
    for (uint32_t i = 0; i < exit_count; i++) {
        const struct token_mask_sets_exit exit = mask->exits[i];
        if (exit.is_end || has_way_aside(in, exit.state, in->walk->trie->bytes[exit.node]))
            walk_aside(in, exit.state, exit.node, !exit.is_end);
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
        if (!token_mask_walk_is_in_network(state, &node))
            grammar_state_add(state, &others, &node);
    }
    if (others.count)
        walk_readings(walk, top, &others);
    for (uint32_t i = 0; i < layer->count; i++) {
        const struct grammar_node node = state->configs[layer->first + i];
        if (!token_mask_walk_is_in_network(state, &node))
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
        .number = ++walk->mask->inside_count,
    };
    if (top != TOP || !add_set(&inside))
        walk_network(&inside, top);
}

void token_mask_walk_all(const struct token_mask_walk *walk, const struct grammar_layer *start)
{
    walk_below(walk, TOP, start);
}
