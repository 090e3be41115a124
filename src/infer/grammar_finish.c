/*
 * grammar_finish - closing a grammar: flat choices, and the shortest text of every rule.
 *
 * Threads: one at a time. Used by: the builders, through grammar.h.
 */
#include "infer/grammar.h"

#include "base/check.h"
#include "base/mem.h"
#include "infer/grammar_internal.h"

/* ---------------------------------------------------------------- shortest texts */

/* A candidate for a rule's shortest text. */
struct measure {
    uint32_t shortest;
    uint32_t depth;
};

static const struct measure no_text = {GRAMMAR_ENDLESS, 0};

/* `a` and then `b`, the latter `inside` stack nodes further up. */
static struct measure join(struct measure a, struct measure b, uint32_t inside)
{
    a.shortest = grammar_plus(a.shortest, b.shortest);
    a.depth = a.depth > b.depth + inside ? a.depth : b.depth + inside;
    return a.shortest == GRAMMAR_ENDLESS ? no_text : a;
}

static struct measure of_rule(const struct grammar *grammar, uint32_t id)
{
    if (id == GRAMMAR_NONE)
        return (struct measure){0};
    return (struct measure){grammar->rules[id].shortest, grammar->rules[id].depth};
}

static struct measure measure_words(const struct grammar *grammar, const struct grammar_rule *rule)
{
    struct measure best = no_text;
    for (uint32_t i = rule->first; i < rule->first + rule->count; i++) {
        const struct grammar_word *word = &grammar->words[i];
        const struct measure this =
            join((struct measure){word->len, 0}, of_rule(grammar, word->then), 0);
        if (this.shortest < best.shortest)
            best = this;
    }
    return best;
}

/* Also sets the tails of the properties. */
static struct measure measure_object(const struct grammar *grammar, const struct grammar_rule *rule)
{
    struct measure tail = {0, 0};
    for (uint32_t i = rule->count; i-- > 0;) {
        struct grammar_property *property = &grammar->properties[rule->first + i];
        if (property->is_required) {
            tail = join(tail, of_rule(grammar, property->value), 1);
            tail = join(tail, (struct measure){property->len + 2, 1}, 0);
        }
        property->required_tail = tail.shortest;
    }
    const bool has_required = tail.shortest > 0;
    tail = join(tail, (struct measure){2, 0}, 0); /* the braces */
    if (has_required && tail.shortest != GRAMMAR_ENDLESS)
        tail.shortest -= 2; /* the first has no ", " */
    return tail;
}

static struct measure measure_array(const struct grammar *grammar, const struct grammar_rule *rule)
{
    struct measure all = {2, 0};
    const uint32_t prefix = rule->len_min < rule->count ? rule->len_min : rule->count;
    for (uint32_t i = 0; i < prefix; i++) {
        all = join(all, of_rule(grammar, grammar->links[rule->first + i]), 1);
        all = join(all, (struct measure){i ? 2 : 0, 0}, 0);
    }
    const uint32_t others = rule->len_min - prefix;
    if (rule->len_min > rule->len_max || (others && rule->rule == GRAMMAR_NONE))
        return no_text;
    if (others) {
        struct measure each = join(of_rule(grammar, rule->rule), (struct measure){2, 0}, 0);
        const uint64_t total = (uint64_t)each.shortest * others - (prefix ? 0 : 2);
        each.shortest = total < GRAMMAR_ENDLESS ? (uint32_t)total : GRAMMAR_ENDLESS;
        all = join(all, each, 1);
    }
    return all;
}

static struct measure measure_linked(const struct grammar *grammar, const struct grammar_rule *rule)
{
    const bool is_choice = rule->kind == GRAMMAR_CHOICE;
    struct measure all = is_choice ? no_text : (struct measure){0, 0};
    for (uint32_t i = 0; i < rule->count; i++) {
        const struct measure this = of_rule(grammar, grammar->links[rule->first + i]);
        if (!is_choice)
            all = join(all, this, i + 1 < rule->count); /* the last takes the sequence's place */
        else if (this.shortest < all.shortest)
            all = this;
    }
    return all;
}

/* ---------------------------------------------------------------- networks */

/* A rule that may be empty never has to be called: what is behind the call is open anyway. */
static uint32_t through_call(const struct grammar *grammar, const struct grammar_network *network,
                             const struct grammar_network_call *call)
{
    const uint32_t inside = grammar->rules[call->rule].shortest;
    if (inside == 0)
        return GRAMMAR_ENDLESS;
    return grammar_plus(inside, grammar->states[network->first_state + call->to].rest);
}

/* Where the shortest text goes from a state: bytes before calls, each in their order. */
struct departure {
    uint32_t rest;
    uint32_t to;
    uint32_t call; /* in calls; GRAMMAR_NONE: a byte */
};

static struct departure shortest_departure(const struct grammar *grammar,
                                           const struct grammar_network *network, uint32_t state)
{
    struct departure best = {GRAMMAR_ENDLESS, 0, GRAMMAR_NONE};
    const uint16_t *row =
        grammar->cells + network->first_cell + (size_t)state * network->class_count;
    for (uint32_t i = 0; i < network->class_count; i++) {
        if (row[i] == GRAMMAR_NO_STATE)
            continue;
        const uint32_t rest = grammar_plus(1, grammar->states[network->first_state + row[i]].rest);
        if (rest < best.rest)
            best = (struct departure){rest, row[i], GRAMMAR_NONE};
    }
    const struct grammar_network_state *at = &grammar->states[network->first_state + state];
    for (uint32_t i = at->first_call; i < at->first_call + at->call_count; i++) {
        const uint32_t rest = through_call(grammar, network, &grammar->calls[i]);
        if (rest < best.rest)
            best = (struct departure){rest, grammar->calls[i].to, i};
    }
    return best;
}

/* The lengths of all states, as far as those of the rules they call are known. */
static void measure_states(struct grammar *grammar, const struct grammar_network *network)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t i = network->state_count; i-- > 0;) {
            struct grammar_network_state *state = &grammar->states[network->first_state + i];
            const uint32_t rest =
                state->is_accepting ? 0 : shortest_departure(grammar, network, i).rest;
            if (rest < state->rest && rest <= GRAMMAR_SHORTEST_MAX) {
                state->rest = rest;
                changed = true;
            }
        }
    }
}

/* The same for the depths of the texts that the lengths pick out. */
static void measure_state_depths(struct grammar *grammar, const struct grammar_network *network)
{
    const uint32_t most = grammar->node_depth_max + 1;
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t i = network->state_count; i-- > 0;) {
            struct grammar_network_state *state = &grammar->states[network->first_state + i];
            if (state->is_accepting || state->rest == GRAMMAR_ENDLESS)
                continue;
            const struct departure go = shortest_departure(grammar, network, i);
            uint32_t depth = grammar->states[network->first_state + go.to].depth;
            if (go.call != GRAMMAR_NONE) {
                const uint32_t inside = grammar->rules[grammar->calls[go.call].rule].depth + 1;
                depth = inside > depth ? inside : depth;
            }
            depth = depth < most ? depth : most;
            if (depth > state->depth) {
                state->depth = (uint16_t)depth;
                changed = true;
            }
        }
    }
}

static struct measure measure_network(struct grammar *grammar, const struct grammar_rule *rule)
{
    const struct grammar_network *network = &grammar->networks[rule->first];
    const struct grammar_network_state *start = &grammar->states[network->first_state];
    if (network->has_calls && !grammar->has_lengths)
        measure_states(grammar, network);
    else if (network->has_calls)
        measure_state_depths(grammar, network);
    return (struct measure){start->rest, start->depth};
}

/* Networks that call nothing are measured once. */
static void reset_networks(struct grammar *grammar)
{
    for (uint32_t i = 0; i < grammar->network_count; i++) {
        const struct grammar_network *network = &grammar->networks[i];
        if (!network->has_calls) {
            measure_states(grammar, network);
            continue;
        }
        for (uint32_t k = 0; k < network->state_count; k++) {
            grammar->states[network->first_state + k].rest = GRAMMAR_ENDLESS;
            grammar->states[network->first_state + k].depth = 0;
        }
    }
}

/* ---------------------------------------------------------------- all rules */

static struct measure measure_rule(struct grammar *grammar, const struct grammar_rule *rule)
{
    switch (rule->kind) {
    case GRAMMAR_NEVER: return no_text;
    case GRAMMAR_LITERAL: return (struct measure){rule->count, 0};
    case GRAMMAR_SPECIAL: return (struct measure){1, 0};
    case GRAMMAR_SEQUENCE:
    case GRAMMAR_CHOICE: return measure_linked(grammar, rule);
    case GRAMMAR_WORDS: return measure_words(grammar, rule);
    case GRAMMAR_STRING:
    case GRAMMAR_KEY:
        return rule->len_min > rule->len_max ? no_text : (struct measure){rule->len_min + 2, 0};
    case GRAMMAR_NUMBER: {
        const struct grammar_number_at start = {0};
        return (struct measure){grammar_number_rest(&grammar->numbers[rule->first], &start), 0};
    }
    case GRAMMAR_OBJECT: return measure_object(grammar, rule);
    case GRAMMAR_ARRAY: return measure_array(grammar, rule);
    case GRAMMAR_NETWORK: return measure_network(grammar, rule);
    case GRAMMAR_TEXT:
        return rule->len_min > rule->len_max ? no_text : (struct measure){rule->len_min, 0};
    case GRAMMAR_FREE: return of_rule(grammar, rule->rule);
    case GRAMMAR_REPEAT:
    case GRAMMAR_MARK: {
        struct measure inside = of_rule(grammar, rule->rule);
        if (rule->kind == GRAMMAR_MARK && rule->more != GRAMMAR_NONE)
            inside.shortest = grammar->rules[rule->more].shortest;
        return join((struct measure){0, 0}, inside, 1);
    }
    }
    return no_text;
}

/* Least fixed point: each pass settles at least one more rule, so it ends. Both directions take
 * turns, since references mostly go one way. */
static void measure_lengths(struct grammar *grammar, const bool *banned)
{
    grammar->has_lengths = false;
    reset_networks(grammar);
    for (uint32_t i = 0; i < grammar->rule_count; i++)
        grammar->rules[i].shortest = GRAMMAR_ENDLESS;
    bool changed = true;
    for (uint32_t pass = 0; changed; pass++) {
        changed = false;
        for (uint32_t i = 0; i < grammar->rule_count; i++) {
            const uint32_t id = pass % 2 ? i : grammar->rule_count - 1 - i;
            struct grammar_rule *rule = &grammar->rules[id];
            const uint32_t shortest = measure_rule(grammar, rule).shortest;
            if (banned[id] || shortest > GRAMMAR_SHORTEST_MAX || shortest >= rule->shortest)
                continue;
            rule->shortest = shortest;
            changed = true;
        }
    }
}

/* The depth of the text that the lengths and the order of alternatives pick out. A rule's part of
 * it is shorter than the whole (choices are flat), so this ends too. Bans what is too deep. */
static bool measure_depths(struct grammar *grammar, bool *banned)
{
    const uint32_t depth_max = grammar->node_depth_max;
    grammar->has_lengths = true;
    for (uint32_t i = 0; i < grammar->rule_count; i++)
        grammar->rules[i].depth = 0;
    bool changed = true;
    bool has_banned = false;
    for (uint32_t pass = 0; changed; pass++) {
        changed = false;
        for (uint32_t i = 0; i < grammar->rule_count; i++) {
            const uint32_t id = pass % 2 ? i : grammar->rule_count - 1 - i;
            struct grammar_rule *rule = &grammar->rules[id];
            uint32_t depth = measure_rule(grammar, rule).depth;
            depth = depth <= depth_max ? depth : depth_max + 1;
            if (rule->shortest == GRAMMAR_ENDLESS || depth <= rule->depth)
                continue;
            rule->depth = depth;
            banned[id] |= depth > depth_max;
            has_banned |= banned[id];
            changed = true;
        }
    }
    return has_banned;
}

/* ---------------------------------------------------------------- flat choices */

struct flattening {
    const struct grammar *grammar;
    uint32_t found[GRAMMAR_CHOICES_MAX]; /* alternatives that are no choices */
    uint32_t found_count;
    uint32_t open[GRAMMAR_CHOICES_MAX]; /* choices whose alternatives are looked at, or were */
    uint32_t open_count;
    bool overflowed;
};

static void add_once(struct flattening *flat, uint32_t *ids, uint32_t *count, uint32_t id)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (ids[i] == id)
            return;
    }
    if (*count == GRAMMAR_CHOICES_MAX)
        flat->overflowed = true;
    else
        ids[(*count)++] = id;
}

/* Replaces alternatives that are choices by theirs; a choice that leads back to itself adds
 * nothing to itself that way. */
static void flatten(struct grammar *grammar, uint32_t choice)
{
    struct flattening flat = {.grammar = grammar};
    add_once(&flat, flat.open, &flat.open_count, choice);
    bool is_nested = false;
    for (uint32_t at = 0; at < flat.open_count; at++) {
        const struct grammar_rule *rule = &grammar->rules[flat.open[at]];
        for (uint32_t i = 0; i < rule->count; i++) {
            const uint32_t id = grammar->links[rule->first + i];
            const bool is_choice = grammar->rules[id].kind == GRAMMAR_CHOICE;
            is_nested |= is_choice;
            if (is_choice)
                add_once(&flat, flat.open, &flat.open_count, id);
            else
                add_once(&flat, flat.found, &flat.found_count, id);
        }
    }
    if (flat.overflowed)
        grammar->too_much = "alternatives of one choice";
    if (!is_nested || flat.overflowed)
        return;
    const uint32_t first = grammar_internal_add_links(grammar, flat.found, flat.found_count);
    grammar->rules[choice].first = first;
    grammar->rules[choice].count = flat.found_count;
}

static void note_longest_rests(struct grammar *grammar)
{
    for (uint32_t i = 0; i < grammar->network_count; i++) {
        struct grammar_network *network = &grammar->networks[i];
        network->rest_max = 0;
        network->depth_max = 0;
        for (uint32_t k = 0; k < network->state_count; k++) {
            const struct grammar_network_state *state = &grammar->states[network->first_state + k];
            if (state->rest == GRAMMAR_ENDLESS)
                continue;
            if (state->rest > network->rest_max)
                network->rest_max = state->rest;
            if (state->depth > network->depth_max)
                network->depth_max = state->depth;
        }
    }
}

enum status grammar_finish(struct grammar *grammar, uint32_t depth_max, struct error *err)
{
    enum { ROUNDS_MAX = 8 };
    for (uint32_t i = 0; i < grammar->rule_count && !grammar->too_much; i++) {
        if (grammar->rules[i].kind == GRAMMAR_CHOICE)
            flatten(grammar, i);
    }
    if (grammar->too_much)
        return error_set(err, E_LIMIT, "too large to enforce: too many %s", grammar->too_much);
    depth_max = depth_max ? depth_max : GRAMMAR_DEPTH_DEFAULT;
    const uint32_t ceiling = grammar->is_text ? GRAMMAR_TEXT_DEPTH_MAX : GRAMMAR_DEPTH_MAX;
    depth_max = depth_max < ceiling ? depth_max : ceiling;
    grammar->depth_max = depth_max;
    grammar->node_depth_max = depth_max + GRAMMAR_NODES_AROUND;
    CLEANUP(mem_freep) bool *banned = mem_zalloc(grammar->rule_count + 1);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        measure_lengths(grammar, banned);
        if (measure_depths(grammar, banned))
            continue;
        note_longest_rests(grammar);
        return OK;
    }
    return error_set(err, E_LIMIT, "too deep to enforce (limit %u values inside values)",
                     grammar->node_depth_max);
}
