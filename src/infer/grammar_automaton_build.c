/*
 * grammar_automaton_build - from an expression to an automaton.
 *
 * First an automaton whose states have edges of several kinds, some of which read nothing; then
 * each set of its states that a text can lead to becomes one state. Only states with edges that
 * matter are kept in a set: those that read, call, or end the text.
 *
 * Threads: one at a time. Used by: grammar_schema_text.c, grammar_gbnf.c, through
 * grammar_automaton.h.
 */
#include "infer/grammar_automaton.h"

#include "base/check.h"
#include "base/mem.h"
#include "infer/grammar_automaton_internal.h"

#include <stdlib.h>

enum { CALL_DEPTH_MAX = 32, BUILD_DEPTH_MAX = 512 };

enum edge_kind { EDGE_EMPTY, EDGE_BYTES, EDGE_CALL, EDGE_AT_START, EDGE_AT_END };

struct edge {
    enum edge_kind kind;
    uint8_t low;
    uint8_t high;
    uint32_t rule;
    uint32_t to;
    uint32_t next; /* of the same state; NONE: last */
};

#define NONE UINT32_MAX

struct node {
    uint32_t first; /* edge; NONE: none */
    bool is_inside; /* a character */
};

/* The automaton with many ways. */
struct ways {
    const struct grammar_automaton_options *options;
    struct node *nodes;
    uint32_t node_count;
    uint32_t node_capacity;
    struct edge *edges;
    uint32_t edge_count;
    uint32_t edge_capacity;
    unsigned depth;
    unsigned call_depth;
    bool overflowed;
};

static uint32_t add_node(struct ways *ways, bool is_inside)
{
    if (ways->node_count >= GRAMMAR_AUTOMATON_EDGES_MAX) {
        ways->overflowed = true;
        return 0;
    }
    if (ways->node_count == ways->node_capacity) {
        ways->node_capacity = ways->node_capacity ? 2 * ways->node_capacity : 64;
        ways->nodes = mem_realloc(ways->nodes, ways->node_capacity * sizeof(*ways->nodes));
    }
    ways->nodes[ways->node_count] = (struct node){NONE, is_inside};
    return ways->node_count++;
}

static void add_edge(struct ways *ways, uint32_t from, struct edge edge)
{
    if (ways->edge_count >= GRAMMAR_AUTOMATON_EDGES_MAX) {
        ways->overflowed = true;
        return;
    }
    if (ways->edge_count == ways->edge_capacity) {
        ways->edge_capacity = ways->edge_capacity ? 2 * ways->edge_capacity : 64;
        ways->edges = mem_realloc(ways->edges, ways->edge_capacity * sizeof(edge));
    }
    edge.next = ways->nodes[from].first;
    ways->nodes[from].first = ways->edge_count;
    ways->edges[ways->edge_count++] = edge;
}

static void add_plain_edge(struct ways *ways, uint32_t from, uint32_t to, enum edge_kind kind)
{
    add_edge(ways, from, (struct edge){.kind = kind, .to = to});
}

/* ---------------------------------------------------------------- expressions */

struct span {
    struct ways *ways;
    uint32_t from;
    uint32_t to;
};

static void add_bytes(void *context, const struct grammar_characters_bytes *bytes)
{
    const struct span *span = context;
    uint32_t at = span->from;
    for (unsigned i = 0; i < bytes->len && !span->ways->overflowed; i++) {
        const uint32_t next = i + 1 < bytes->len ? add_node(span->ways, true) : span->to;
        add_edge(span->ways, at,
                 (struct edge){
                     .kind = EDGE_BYTES, .low = bytes->low[i], .high = bytes->high[i], .to = next});
        at = next;
    }
}

static void add_expression(struct ways *ways, const struct grammar_expression *expression,
                           uint32_t from, uint32_t to);

static void add_sequence(struct ways *ways, const struct grammar_expression *parent, uint32_t from,
                         uint32_t to)
{
    uint32_t at = from;
    for (const struct grammar_expression *part = parent->first; part && !ways->overflowed;
         part = part->next) {
        const uint32_t next = part->next ? add_node(ways, false) : to;
        add_expression(ways, part, at, next);
        at = next;
    }
    if (!parent->first)
        add_plain_edge(ways, from, to, EDGE_EMPTY);
}

static void add_repeat(struct ways *ways, const struct grammar_expression *repeat, uint32_t from,
                       uint32_t to)
{
    uint32_t at = from;
    for (uint32_t i = 0; i < repeat->times_min && !ways->overflowed; i++) {
        const uint32_t next = add_node(ways, false);
        add_expression(ways, repeat->first, at, next);
        at = next;
    }
    if (repeat->times_max == GRAMMAR_EXPRESSION_ENDLESS) {
        const uint32_t loop = add_node(ways, false);
        add_plain_edge(ways, at, loop, EDGE_EMPTY);
        add_expression(ways, repeat->first, loop, loop);
        add_plain_edge(ways, loop, to, EDGE_EMPTY);
        return;
    }
    for (uint32_t i = repeat->times_min; i < repeat->times_max && !ways->overflowed; i++) {
        const uint32_t next = add_node(ways, false);
        add_plain_edge(ways, at, to, EDGE_EMPTY);
        add_expression(ways, repeat->first, at, next);
        at = next;
    }
    add_plain_edge(ways, at, to, EDGE_EMPTY);
}

static void add_call(struct ways *ways, uint32_t rule, uint32_t from, uint32_t to)
{
    const struct grammar_automaton_options *options = ways->options;
    if (options->calls[rule] == GRAMMAR_NONE) {
        if (ways->call_depth == CALL_DEPTH_MAX) {
            ways->overflowed = true;
            return;
        }
        ways->call_depth++;
        add_expression(ways, options->rules[rule], from, to);
        ways->call_depth--;
        return;
    }
    add_edge(ways, from, (struct edge){.kind = EDGE_CALL, .rule = options->calls[rule], .to = to});
    if (options->may_be_empty[rule])
        add_plain_edge(ways, from, to, EDGE_EMPTY);
}

static void add_expression(struct ways *ways, const struct grammar_expression *expression,
                           uint32_t from, uint32_t to)
{
    struct span span = {ways, from, to};
    if (ways->depth == BUILD_DEPTH_MAX || ways->overflowed) {
        ways->overflowed = true;
        return;
    }
    ways->depth++;
    switch (expression->kind) {
    case GRAMMAR_EXPRESSION_EMPTY: add_plain_edge(ways, from, to, EDGE_EMPTY); break;
    case GRAMMAR_EXPRESSION_AT_START: add_plain_edge(ways, from, to, EDGE_AT_START); break;
    case GRAMMAR_EXPRESSION_AT_END: add_plain_edge(ways, from, to, EDGE_AT_END); break;
    case GRAMMAR_EXPRESSION_CHARACTERS:
        if (ways->options->is_json)
            grammar_characters_json(&expression->set, add_bytes, &span);
        else
            grammar_characters_utf8(&expression->set, add_bytes, &span);
        break;
    case GRAMMAR_EXPRESSION_SEQUENCE: add_sequence(ways, expression, from, to); break;
    case GRAMMAR_EXPRESSION_CHOICE:
        for (const struct grammar_expression *i = expression->first; i; i = i->next)
            add_expression(ways, i, from, to);
        break;
    case GRAMMAR_EXPRESSION_REPEAT: add_repeat(ways, expression, from, to); break;
    case GRAMMAR_EXPRESSION_CALL: add_call(ways, expression->rule, from, to); break;
    }
    ways->depth--;
}

/* Does the expression want the text to begin (or end) where it does? */
static bool is_anchored(const struct grammar_expression *expression,
                        enum grammar_expression_kind anchor)
{
    const struct grammar_expression *i = expression->first;
    if (expression->kind == GRAMMAR_EXPRESSION_SEQUENCE) {
        i = anchor == GRAMMAR_EXPRESSION_AT_END ? expression->last : i;
        return i && is_anchored(i, anchor);
    }
    if (expression->kind != GRAMMAR_EXPRESSION_CHOICE)
        return expression->kind == anchor;
    while (i && is_anchored(i, anchor))
        i = i->next;
    return !i && expression->first;
}

/* Any character, as often as it likes. */
static void add_anything(struct ways *ways, uint32_t node)
{
    struct grammar_characters all = {0};
    struct span span = {ways, node, node};
    grammar_characters_add(&all, 0, 0x10ffff);
    if (ways->options->is_json)
        grammar_characters_json(&all, add_bytes, &span);
    else
        grammar_characters_utf8(&all, add_bytes, &span);
    grammar_characters_done(&all);
}

/* ---------------------------------------------------------------- sets of nodes */

struct members {
    uint32_t *items;
    uint32_t count;
    uint32_t capacity;
};

static void add_member(struct members *members, uint32_t node)
{
    if (members->count == members->capacity) {
        members->capacity = members->capacity ? 2 * members->capacity : 64;
        members->items = mem_realloc(members->items, members->capacity * sizeof(uint32_t));
    }
    members->items[members->count++] = node;
}

struct subsets {
    const struct ways *ways;
    uint32_t end; /* the accepting node */
    struct grammar_automaton *out;
    struct members all;    /* of all sets, one behind the other */
    struct members firsts; /* [state] index in `all`; one more at the end */
    struct members set;    /* the one that is being formed */
    struct members stack;  /* nodes whose edges are to be followed */
    struct members pairs;  /* class, node; see gather() */
    uint32_t *seen;        /* [node] round in which it was reached */
    uint32_t round;
    struct hash_map known; /* set as bytes -> state */
    struct arena arena;    /* keys */
    size_t *work;
    struct error *err;
};

static void reach(struct subsets *in, uint32_t node)
{
    if (in->seen[node] == in->round)
        return;
    in->seen[node] = in->round;
    add_member(&in->stack, node);
}

static int by_number(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* Follows the edges that read nothing from the nodes on the stack; in->set gets the nodes that
 * matter, sorted. */
static void close_set(struct subsets *in, bool is_at_start)
{
    in->set.count = 0;
    while (in->stack.count > 0) {
        const uint32_t node = in->stack.items[--in->stack.count];
        bool matters = node == in->end;
        for (uint32_t i = in->ways->nodes[node].first; i != NONE; i = in->ways->edges[i].next) {
            const struct edge *edge = &in->ways->edges[i];
            ++*in->work;
            if (edge->kind == EDGE_EMPTY || (edge->kind == EDGE_AT_START && is_at_start))
                reach(in, edge->to);
            else
                matters |= edge->kind != EDGE_AT_START;
        }
        if (matters)
            add_member(&in->set, node);
    }
    *in->work += 4 * in->set.count; /* to be sorted */
    if (in->set.count)
        qsort(in->set.items, in->set.count, sizeof(uint32_t), by_number);
}

/* May the text end in this set? Follows the edges that want the end, too. */
static bool may_end(struct subsets *in)
{
    in->round++;
    in->stack.count = 0;
    bool ends = false;
    for (uint32_t i = 0; i < in->set.count; i++)
        reach(in, in->set.items[i]);
    while (in->stack.count > 0) {
        const uint32_t node = in->stack.items[--in->stack.count];
        ends |= node == in->end;
        for (uint32_t i = in->ways->nodes[node].first; i != NONE; i = in->ways->edges[i].next) {
            const struct edge *edge = &in->ways->edges[i];
            ++*in->work;
            if (edge->kind == EDGE_EMPTY || edge->kind == EDGE_AT_END)
                reach(in, edge->to);
        }
    }
    return ends;
}

/* The state of in->set, new if need be. */
static enum status state_of_set(struct subsets *in, uint32_t *out)
{
    const struct str key = {(const char *)in->set.items, in->set.count * sizeof(uint32_t)};
    uint64_t known = 0;
    if (hash_map_find(&in->known, key, &known)) {
        *out = (uint32_t)known;
        return OK;
    }
    if (*in->work > GRAMMAR_AUTOMATON_WORK_MAX)
        return error_set(in->err, E_LIMIT, "too intricate");
    *out = in->out->state_count;
    TRY(grammar_automaton_internal_add_state(in->out, in->err));
    hash_map_add(&in->known, arena_copy_str(&in->arena, key), *out);
    for (uint32_t i = 0; i < in->set.count; i++) {
        add_member(&in->all, in->set.items[i]);
        in->out->is_inside[*out] |= in->ways->nodes[in->set.items[i]].is_inside;
    }
    add_member(&in->firsts, in->all.count);
    in->out->states[*out].is_accepting = may_end(in);
    return OK;
}

/* ---------------------------------------------------------------- classes of bytes */

/* Bytes that no edge tells apart are one class, numbered in the order of their first bytes. */
static void find_classes(const struct ways *ways, struct grammar_automaton *out)
{
    bool begins[257] = {[0] = true, ['"'] = true, ['"' + 1] = true};
    for (uint32_t i = 0; i < ways->edge_count; i++) {
        if (ways->edges[i].kind != EDGE_BYTES)
            continue;
        begins[ways->edges[i].low] = true;
        begins[ways->edges[i].high + 1] = true;
    }
    uint32_t class = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        class += begins[byte] && byte > 0;
        out->classes[byte] = (uint8_t) class;
    }
    out->class_count = class + 1;
}

struct arc {
    uint32_t class; /* or, for calls, the rule */
    uint32_t to;
};

static int by_class(const void *a, const void *b)
{
    const struct arc *left = a;
    const struct arc *right = b;
    if (left->class != right->class)
        return left->class > right->class ? 1 : -1;
    return (left->to > right->to) - (left->to < right->to);
}

static void add_arc(struct subsets *in, uint32_t class, uint32_t to)
{
    add_member(&in->pairs, class);
    add_member(&in->pairs, to);
}

/* All that leads out of a state by a byte (or by a call), sorted by class (or rule). */
static uint32_t gather(struct subsets *in, uint32_t state, enum edge_kind kind)
{
    in->pairs.count = 0;
    for (uint32_t i = in->firsts.items[state]; i < in->firsts.items[state + 1]; i++) {
        uint32_t at = in->ways->nodes[in->all.items[i]].first;
        for (; at != NONE; at = in->ways->edges[at].next) {
            const struct edge *edge = &in->ways->edges[at];
            if (edge->kind != kind)
                continue;
            if (kind == EDGE_CALL) {
                add_arc(in, edge->rule, edge->to);
                continue;
            }
            const uint32_t last = in->out->classes[edge->high];
            for (uint32_t class = in->out->classes[edge->low]; class <= last; class ++)
                add_arc(in, class, edge->to);
        }
    }
    *in->work += 4 * in->pairs.count;
    const uint32_t count = in->pairs.count / 2;
    if (count)
        qsort(in->pairs.items, count, sizeof(struct arc), by_class);
    return count;
}

/* The state behind the arcs from *at on that have one class; moves *at behind them. */
static enum status state_behind(struct subsets *in, uint32_t *at, uint32_t count, uint32_t *out)
{
    const struct arc *arcs = (const struct arc *)(const void *)in->pairs.items;
    const uint32_t class = arcs[*at].class;
    in->round++;
    in->stack.count = 0;
    for (; *at < count && arcs[*at].class == class; ++*at)
        reach(in, arcs[*at].to);
    close_set(in, false);
    return state_of_set(in, out);
}

static void add_state_call(struct grammar_automaton *out, uint32_t state, uint32_t rule,
                           uint32_t to)
{
    if (out->call_count == out->call_capacity) {
        out->call_capacity = out->call_capacity ? 2 * out->call_capacity : 16;
        out->calls = mem_realloc(out->calls, out->call_capacity * sizeof(*out->calls));
    }
    out->calls[out->call_count++] = (struct grammar_network_call){rule, to};
    out->states[state].call_count++;
}

static enum status fill_state(struct subsets *in, uint32_t state)
{
    struct grammar_automaton *out = in->out;
    uint32_t count = gather(in, state, EDGE_BYTES);
    uint32_t to = 0;
    for (uint32_t at = 0; at < count;) {
        const uint32_t class = in->pairs.items[2 * at];
        TRY(state_behind(in, &at, count, &to));
        out->cells[(size_t)state * out->class_count + class] = (uint16_t)to;
    }
    count = gather(in, state, EDGE_CALL);
    out->states[state].first_call = out->call_count;
    for (uint32_t at = 0; at < count;) {
        const uint32_t rule = in->pairs.items[2 * at];
        if (out->states[state].call_count == UINT16_MAX)
            return error_set(in->err, E_LIMIT, "too intricate");
        TRY(state_behind(in, &at, count, &to));
        add_state_call(out, state, rule, to);
    }
    return OK;
}

static enum status form_subsets(struct subsets *in, uint32_t start)
{
    find_classes(in->ways, in->out);
    in->seen = mem_zalloc((in->ways->node_count + (size_t)1) * sizeof(uint32_t));
    in->round = 1;
    add_member(&in->firsts, 0);
    reach(in, start);
    close_set(in, true);
    uint32_t state = 0;
    TRY(state_of_set(in, &state));
    for (state = 0; state < in->out->state_count; state++)
        TRY(fill_state(in, state));
    return OK;
}

static void subsets_done(struct subsets *in)
{
    mem_free(in->all.items);
    mem_free(in->firsts.items);
    mem_free(in->set.items);
    mem_free(in->stack.items);
    mem_free(in->pairs.items);
    mem_free(in->seen);
    hash_map_done(&in->known);
    arena_done(&in->arena);
}

enum status grammar_automaton_build(const struct grammar_expression *expression,
                                    const struct grammar_automaton_options *options,
                                    struct grammar_automaton *out, struct error *err)
{
    struct ways ways = {.options = options};
    *out = (struct grammar_automaton){0};
    const uint32_t start = add_node(&ways, false);
    const uint32_t end = add_node(&ways, false);
    if (options->is_searched) {
        const uint32_t from = add_node(&ways, false);
        const uint32_t to = add_node(&ways, false);
        if (!is_anchored(expression, GRAMMAR_EXPRESSION_AT_START))
            add_anything(&ways, from);
        if (!is_anchored(expression, GRAMMAR_EXPRESSION_AT_END))
            add_anything(&ways, to);
        add_plain_edge(&ways, start, from, EDGE_EMPTY);
        add_expression(&ways, expression, from, to);
        add_plain_edge(&ways, to, end, EDGE_EMPTY);
    } else {
        add_expression(&ways, expression, start, end);
    }
    struct subsets subsets = {
        .ways = &ways, .end = end, .out = out, .work = options->work, .err = err};
    enum status status = OK;
    if (ways.overflowed)
        status = error_set(err, E_LIMIT, "too large (limit %d parts)", GRAMMAR_AUTOMATON_EDGES_MAX);
    else
        status = form_subsets(&subsets, start);
    subsets_done(&subsets);
    mem_free(ways.nodes);
    mem_free(ways.edges);
    if (status != OK)
        grammar_automaton_done(out);
    return status;
}
