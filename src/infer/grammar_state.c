#include "infer/grammar_state.h"

#include "base/check.h"
#include "base/mem.h"
#include "infer/grammar_frame.h"
#include "infer/grammar_rest.h"

/* What one step works on. */
struct step {
    struct grammar_state *state;
    const struct grammar *grammar;
    struct grammar_layer *to;
    unsigned char byte;
    int32_t token; /* a special token instead of the byte, or -1 */
    bool is_aside; /* not by the byte's own way in the network or text on top */
};

enum { NESTING_MAX = GRAMMAR_BEGINNINGS_MAX + 16 }; /* rules that begin with one another */

/* ---------------------------------------------------------------- nodes and configurations */

static const struct grammar_rule *rule_of(const struct step *step, const struct grammar_node *node)
{
    return &step->grammar->rules[node->rule];
}

/* Puts a node where others can stand on it. */
static uint32_t push(const struct step *step, struct grammar_node node)
{
    struct grammar_state *state = step->state;
    if (step->to->node_count == state->node_capacity) {
        state->node_capacity = state->node_capacity ? 2 * state->node_capacity : 64;
        state->nodes = mem_realloc(state->nodes, state->node_capacity * sizeof(node));
    }
    state->nodes[step->to->node_count] = node;
    return step->to->node_count++;
}

static bool same_config(const struct grammar_node *a, const struct grammar_node *b)
{
    return memcmp(a, b, sizeof(*a)) == 0; /* 32 bytes without padding */
}
_Static_assert(sizeof(struct grammar_node) == 32, "configurations are compared byte by byte");

/* The configuration whose shortest end is the longest, the last of several. */
static uint32_t longest_config(const struct grammar_state *state, const struct grammar_layer *layer)
{
    uint32_t longest = 0;
    uint32_t rest_max = 0;
    for (uint32_t i = 0; i < layer->count; i++) {
        const uint32_t rest = grammar_rest_config(state, &state->configs[layer->first + i]);
        if (rest >= rest_max) {
            rest_max = rest;
            longest = i;
        }
    }
    return longest;
}

/* Adds a configuration to the layer that is being made. */
static void emit(const struct step *step, struct grammar_node node)
{
    struct grammar_state *state = step->state;
    struct grammar_layer *to = step->to;
    for (uint32_t i = 0; i < to->count; i++) {
        if (same_config(&state->configs[to->first + i], &node))
            return;
    }
    if (to->first + to->count == state->config_capacity) {
        state->config_capacity = state->config_capacity ? 2 * state->config_capacity : 64;
        state->configs = mem_realloc(state->configs, state->config_capacity * sizeof(node));
    }
    state->configs[to->first + to->count++] = node;
    if (to->count <= GRAMMAR_STATE_CONFIGS_MAX)
        return;
    const uint32_t out = longest_config(state, to);
    struct grammar_node *configs = state->configs + to->first;
    memmove(configs + out, configs + out + 1, (to->count - out - 1) * sizeof(node));
    to->count--;
}

/* ---------------------------------------------------------------- entering and leaving rules */

static struct grammar_node node_for(uint32_t rule, uint32_t parent, uint32_t tail, uint32_t depth)
{
    return (struct grammar_node){
        .rule = rule, .parent = parent, .tail = tail, .depth = (uint16_t)depth};
}

/* A node for `rule` on top of `below`, which is pushed. */
static struct grammar_node child_of(const struct step *step, const struct grammar_node *below,
                                    uint32_t rule)
{
    const uint32_t tail = grammar_plus(below->tail, grammar_frame_behind(step->grammar, below));
    return node_for(rule, push(step, *below), tail, below->depth + 1u);
}

/* A node for a part of a sequence. Behind the last part nothing is left of the sequence: it need
 * not stay on the stack, and lists written as right recursion do not grow it. */
static struct grammar_node part_of(const struct step *step, const struct grammar_node *sequence,
                                   uint32_t index)
{
    const struct grammar_rule *rule = rule_of(step, sequence);
    const uint32_t part = step->grammar->links[rule->first + index];
    if (index + 1 < rule->count)
        return child_of(step, sequence, part);
    return node_for(part, sequence->parent, sequence->tail, sequence->depth);
}

/* The text under a mark begins: which exclusions may it become? */
static void open_mark(const struct step *step, uint32_t tag)
{
    const struct grammar_exclusions *exclusions = step->state->exclusions;
    step->to->mark_len = 0;
    step->to->matching = 0;
    for (uint32_t i = 0; exclusions && i < exclusions->count; i++) {
        if (exclusions->items[i].tag == tag)
            step->to->matching |= (uint64_t)1 << i;
    }
}

/* False if the text under the mark is one of the excluded. */
static bool close_mark(const struct step *step)
{
    const uint64_t matching = step->to->matching;
    for (uint64_t bits = matching; bits; bits &= bits - 1) {
        const uint32_t i = (uint32_t)__builtin_ctzll(bits);
        if (step->state->exclusions->items[i].len == step->to->mark_len)
            return false;
    }
    step->to->matching = 0;
    return true;
}

/* Goes down to the first thing that reads a symbol. */
static struct grammar_node enter(const struct step *step, struct grammar_node node)
{
    for (;;) {
        const struct grammar_rule *rule = rule_of(step, &node);
        switch (rule->kind) {
        case GRAMMAR_SEQUENCE: node = part_of(step, &node, 0); break;
        case GRAMMAR_MARK:
            open_mark(step, rule->tag);
            node = child_of(step, &node, rule->rule);
            break;
        case GRAMMAR_REPEAT:
            node.count = 1;
            node = child_of(step, &node, rule->rule);
            break;
        case GRAMMAR_WORDS: node.extra = rule->count; return node;
        case GRAMMAR_NEVER:
        case GRAMMAR_LITERAL:
        case GRAMMAR_SPECIAL:
        case GRAMMAR_CHOICE:
        case GRAMMAR_STRING:
        case GRAMMAR_KEY:
        case GRAMMAR_NUMBER:
        case GRAMMAR_OBJECT:
        case GRAMMAR_ARRAY:
        case GRAMMAR_TEXT:
        case GRAMMAR_FREE:
        case GRAMMAR_NETWORK: return node;
        }
    }
}

/* A further key of an object was read: remembers its hash. */
static void add_key(const struct step *step, struct grammar_node *object, uint64_t hash)
{
    struct grammar_node record = {.rule = GRAMMAR_NONE, .parent = GRAMMAR_NONE, .extra = hash};
    if (object->extra)
        record.parent = (uint32_t)object->extra - 1;
    object->extra = push(step, record) + (uint64_t)1;
    object->count++;
    object->index = rule_of(step, object)->count;
    object->phase = GRAMMAR_AT_COLON;
}

/* *node has read all of its rule: it becomes what goes on in its place. False: not allowed. */
static bool leave(const struct step *step, struct grammar_node *node)
{
    for (;;) {
        if (node->parent == GRAMMAR_NONE) {
            *node = node_for(GRAMMAR_NONE, GRAMMAR_NONE, 0, 0);
            return true;
        }
        struct grammar_node below = step->state->nodes[node->parent];
        const struct grammar_rule *rule = rule_of(step, &below);
        if (rule->kind == GRAMMAR_MARK) {
            if (!close_mark(step))
                return false;
        } else if (rule->kind == GRAMMAR_SEQUENCE) {
            if (++below.count < rule->count) {
                *node = enter(step, part_of(step, &below, below.count));
                return true;
            }
        } else if (rule->kind == GRAMMAR_NETWORK) {
            if (!grammar_network_at(step->grammar, rule, below.count)->is_final) {
                *node = below;
                return true;
            }
        } else {
            if (below.phase == GRAMMAR_IN_KEY)
                add_key(step, &below, node->extra);
            else
                below.phase = GRAMMAR_AFTER_VALUE;
            *node = below;
            return true;
        }
        *node = below;
    }
}

/* As leave(), and the result joins the layer. */
static void leave_and_emit(const struct step *step, struct grammar_node node)
{
    if (leave(step, &node))
        emit(step, node);
}

/* ---------------------------------------------------------------- words and names */

/* Narrows [*low, *high) to the texts that have `byte` at `at`; texts are sorted and alike before.
 * `text` gives text i and its length. */
typedef struct str(text_fn)(const struct step *step, const struct grammar_rule *rule, uint32_t i);

static int byte_at(struct str text, uint32_t at)
{
    return at < text.len ? (unsigned char)text.ptr[at] : -1;
}

static uint32_t first_not_below(const struct step *step, const struct grammar_rule *rule,
                                text_fn *text, const struct grammar_node *node, int byte)
{
    uint32_t low = node->index;
    uint32_t high = (uint32_t)node->extra;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (byte_at(text(step, rule, middle), node->count) < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool narrow(const struct step *step, const struct grammar_rule *rule, text_fn *text,
                   struct grammar_node *node)
{
    const uint32_t low = first_not_below(step, rule, text, node, step->byte);
    if (low >= node->extra || byte_at(text(step, rule, low), node->count) != step->byte)
        return false;
    const uint32_t high = first_not_below(step, rule, text, node, step->byte + 1);
    node->index = low;
    node->extra = high;
    node->count++;
    return true;
}

static struct str word_text(const struct step *step, const struct grammar_rule *rule, uint32_t i)
{
    const struct grammar_word *word = &step->grammar->words[rule->first + i];
    return (struct str){step->grammar->texts + word->text, word->len};
}

static struct str name_text(const struct step *step, const struct grammar_rule *rule, uint32_t i)
{
    const struct grammar_property *properties = step->grammar->properties + rule->first;
    const struct grammar_property *property = &properties[properties[i].sorted];
    return (struct str){step->grammar->texts + property->key, property->len};
}

/* The word that was read in full, or NULL. */
static const struct grammar_word *whole_word(const struct step *step,
                                             const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(step, node);
    const struct grammar_word *word = &step->grammar->words[rule->first + node->index];
    return word->len == node->count && node->count > 0 ? word : NULL;
}

/* Goes on behind a whole word. */
static bool leave_word(const struct step *step, struct grammar_node *node)
{
    const struct grammar_word *word = whole_word(step, node);
    if (word->then == GRAMMAR_NONE)
        return leave(step, node);
    *node = enter(step, node_for(word->then, node->parent, node->tail, node->depth));
    return true;
}

static void read_word(const struct step *step, struct grammar_node node)
{
    const struct grammar_rule *rule = rule_of(step, &node);
    if (!narrow(step, rule, word_text, &node) ||
        grammar_rest_node(step->state, &node) == GRAMMAR_ENDLESS)
        return;
    const bool is_only = node.extra - node.index == 1;
    if (is_only && whole_word(step, &node)) {
        if (leave_word(step, &node))
            emit(step, node);
        return;
    }
    emit(step, node);
}

/* ---------------------------------------------------------------- objects */

static void read_name(const struct step *step, struct grammar_node node)
{
    const struct grammar_rule *rule = rule_of(step, &node);
    if (!narrow(step, rule, name_text, &node) ||
        grammar_rest_node(step->state, &node) == GRAMMAR_ENDLESS)
        return;
    const struct grammar_property *properties = step->grammar->properties + rule->first;
    const uint32_t index = properties[node.index].sorted;
    if (properties[index].len != node.count) {
        emit(step, node);
        return;
    }
    struct grammar_node object = step->state->nodes[node.parent];
    object.index = index + 1;
    object.phase = GRAMMAR_IN_VALUE;
    emit(step, enter(step, child_of(step, &object, properties[index].value)));
}

/* A quote where a key begins. What comes may be a named key, another one, or both still. */
static void read_key_quote(const struct step *step, struct grammar_node object)
{
    const struct grammar_rule *rule = rule_of(step, &object);
    if (grammar_frame_may_name_any(step->grammar, &object)) {
        struct grammar_node name = node_for(object.rule, 0, object.tail, object.depth + 1u);
        name.phase = GRAMMAR_IN_NAME;
        name.count = 1;
        name.extra = rule->count;
        object.phase = GRAMMAR_IN_VALUE;
        name.parent = push(step, object);
        emit(step, name);
    }
    if (grammar_frame_may_extra(step->grammar, &object)) {
        struct grammar_node key = node_for(rule->more, 0, object.tail, object.depth + 1u);
        key.phase = GRAMMAR_IN_STRING;
        key.extra = GRAMMAR_HASH_START;
        object.phase = GRAMMAR_IN_KEY;
        key.parent = push(step, object);
        emit(step, key);
    }
}

static void go_to(const struct step *step, struct grammar_node node, enum grammar_phase phase)
{
    node.phase = (uint16_t)phase;
    emit(step, node);
}

static void read_object(const struct step *step, struct grammar_node object)
{
    const struct grammar *grammar = step->grammar;
    const unsigned char byte = step->byte;
    switch (object.phase) {
    case GRAMMAR_AT_START:
        if (byte == '{')
            go_to(step, object, GRAMMAR_AT_FIRST);
        break;
    case GRAMMAR_AT_FIRST:
        if (byte == '"')
            read_key_quote(step, object);
        else if (byte == '}' && !grammar_frame_must_name(grammar, &object))
            leave_and_emit(step, object);
        break;
    case GRAMMAR_AFTER_VALUE:
        if (byte == '}' && !grammar_frame_must_name(grammar, &object))
            leave_and_emit(step, object);
        else if (byte == ',' && (grammar_frame_may_name_any(grammar, &object) ||
                                 grammar_frame_may_extra(grammar, &object)))
            go_to(step, object, GRAMMAR_AFTER_COMMA);
        break;
    case GRAMMAR_AFTER_COMMA:
        if (byte == ' ')
            go_to(step, object, GRAMMAR_AT_KEY);
        break;
    case GRAMMAR_AT_KEY:
        if (byte == '"')
            read_key_quote(step, object);
        break;
    case GRAMMAR_AT_COLON:
        if (byte == ':')
            go_to(step, object, GRAMMAR_AT_SPACE);
        break;
    case GRAMMAR_AT_SPACE:
        if (byte != ' ')
            break;
        object.phase = GRAMMAR_IN_VALUE;
        emit(step, enter(step, child_of(step, &object, rule_of(step, &object)->rule)));
        break;
    default:
        CHECK(object.phase == GRAMMAR_IN_NAME);
        read_name(step, object);
        break;
    }
}

/* ---------------------------------------------------------------- other kinds */

static void step_config(const struct step *step, struct grammar_node node, int nesting);
static void read_network(const struct step *step, struct grammar_node node, int nesting);

static struct grammar_node begin_item(const struct step *step, struct grammar_node array,
                                      uint32_t item)
{
    array.count++;
    array.phase = GRAMMAR_IN_VALUE;
    return enter(step, child_of(step, &array, item));
}

static void read_array(const struct step *step, struct grammar_node array, int nesting)
{
    const struct grammar_rule *rule = rule_of(step, &array);
    const uint32_t item = grammar_frame_item(step->grammar, &array);
    const bool may_end = array.count >= rule->len_min;
    if (array.phase == GRAMMAR_AT_START) {
        if (step->byte == '[')
            go_to(step, array, GRAMMAR_AT_FIRST);
    } else if (array.phase == GRAMMAR_AFTER_COMMA) {
        if (step->byte == ' ')
            emit(step, begin_item(step, array, item));
    } else if (step->byte == ']' && may_end) {
        leave_and_emit(step, array);
    } else if (item != GRAMMAR_NONE && array.phase == GRAMMAR_AT_FIRST) {
        step_config(step, begin_item(step, array, item), nesting + 1);
    } else if (item != GRAMMAR_NONE && step->byte == ',') {
        go_to(step, array, GRAMMAR_AFTER_COMMA);
    }
}

static void read_literal(const struct step *step, struct grammar_node node)
{
    const struct grammar_rule *rule = rule_of(step, &node);
    if ((unsigned char)step->grammar->texts[rule->first + node.count] != step->byte)
        return;
    if (++node.count == rule->count)
        leave_and_emit(step, node);
    else
        emit(step, node);
}

static void read_string(const struct step *step, struct grammar_node node)
{
    const struct grammar_rule *rule = rule_of(step, &node);
    const enum grammar_frame_move move = grammar_frame_string(rule, &node, step->byte);
    const bool is_key = rule->kind == GRAMMAR_KEY;
    if (move == GRAMMAR_FRAME_NO)
        return;
    const bool closes = move == GRAMMAR_FRAME_CLOSES;
    const bool is_full = is_key && node.count >= rule->len_max;
    if (is_key && (closes || is_full)) {
        const struct grammar_node *object = &step->state->nodes[node.parent];
        if (grammar_frame_key_is_used(step->state, object, node.extra))
            return;
    }
    if (closes)
        leave_and_emit(step, node);
    else
        emit(step, node);
}

static void read_text(const struct step *step, struct grammar_node node, int nesting)
{
    if (step->is_aside && nesting == 0)
        return;
    if (grammar_frame_text(step->grammar, rule_of(step, &node), &node, step->byte))
        emit(step, node);
}

static void read_choice(const struct step *step, const struct grammar_node *node, int nesting)
{
    const struct grammar_rule *rule = rule_of(step, node);
    for (uint32_t i = 0; i < rule->count; i++) {
        const uint32_t id = step->grammar->links[rule->first + i];
        const struct grammar_rule *alternative = &step->grammar->rules[id];
        if (alternative->shortest == GRAMMAR_ENDLESS ||
            node->depth + alternative->depth > step->grammar->node_depth_max)
            continue;
        const struct grammar_node begun = node_for(id, node->parent, node->tail, node->depth);
        step_config(step, enter(step, begun), nesting + 1);
    }
}

static void read_more(const struct step *step, struct grammar_node node, int nesting)
{
    const struct grammar_rule *rule = rule_of(step, &node);
    if (node.count >= rule->len_max || !grammar_frame_fits(step->grammar, &node, rule->more))
        return;
    node.count++;
    step_config(step, enter(step, child_of(step, &node, rule->more)), nesting + 1);
}

/* ---------------------------------------------------------------- networks */

/* May the node stand in this state of its network? */
static bool may_stand(const struct step *step, const struct grammar_node *node, uint32_t state)
{
    const struct grammar_network_state *at =
        grammar_network_at(step->grammar, rule_of(step, node), state);
    return at->rest != GRAMMAR_ENDLESS && node->depth + at->depth <= step->grammar->node_depth_max;
}

/* Tries a rule that the network calls. The caller is left out of the stack where nothing would
 * follow in it, so that lists written as right recursion do not grow the stack. */
static void read_call(const struct step *step, const struct grammar_node *node,
                      const struct grammar_network_call *call, int nesting)
{
    const struct grammar *grammar = step->grammar;
    if (!may_stand(step, node, call->to) || !grammar_frame_fits(grammar, node, call->rule))
        return;
    struct grammar_node below = *node;
    below.count = call->to;
    if (grammar_network_at(grammar, rule_of(step, node), call->to)->is_final)
        below = node_for(call->rule, node->parent, node->tail, node->depth);
    else
        below = child_of(step, &below, call->rule);
    const struct grammar_node child = enter(step, below);
    if (rule_of(step, &child)->kind == GRAMMAR_NETWORK)
        read_network(step, child, nesting + 1);
    else
        step_config(step, child, nesting + 1);
}

/* First what a byte leads to, then the calls: the order in which grammar_rest.h prefers them. */
static void read_network(const struct step *step, struct grammar_node node, int nesting)
{
    const struct grammar *grammar = step->grammar;
    const struct grammar_rule *rule = rule_of(step, &node);
    const struct grammar_network_state *at = grammar_network_at(grammar, rule, node.count);
    if (nesting > NESTING_MAX)
        return;
    if (step->token < 0 && !(step->is_aside && nesting == 0)) {
        const uint32_t next = grammar_network_next(grammar, rule, node.count, step->byte);
        if (next != GRAMMAR_NO_STATE && may_stand(step, &node, next)) {
            struct grammar_node moved = node;
            moved.count = next;
            if (grammar_network_at(grammar, rule, next)->is_final)
                leave_and_emit(step, moved);
            else
                emit(step, moved);
        }
    }
    for (uint32_t i = at->first_call; i < at->first_call + at->call_count; i++)
        read_call(step, &node, &grammar->calls[i], nesting);
}

/* ---------------------------------------------------------------- one symbol */

static void read_special(const struct step *step, struct grammar_node node, int nesting)
{
    const struct grammar_rule *rule = rule_of(step, &node);
    if (rule->kind == GRAMMAR_SPECIAL && rule->token == step->token)
        leave_and_emit(step, node);
    else if (rule->kind == GRAMMAR_CHOICE)
        read_choice(step, &node, nesting);
    else if (rule->kind == GRAMMAR_REPEAT)
        read_more(step, node, nesting);
    else if (rule->kind == GRAMMAR_NETWORK)
        read_network(step, node, nesting);
}

static void read_byte(const struct step *step, struct grammar_node node, int nesting)
{
    switch (rule_of(step, &node)->kind) {
    case GRAMMAR_LITERAL: read_literal(step, node); break;
    case GRAMMAR_STRING:
    case GRAMMAR_KEY: read_string(step, node); break;
    case GRAMMAR_OBJECT: read_object(step, node); break;
    case GRAMMAR_ARRAY: read_array(step, node, nesting); break;
    case GRAMMAR_WORDS: read_word(step, node); break;
    case GRAMMAR_NUMBER: {
        const struct grammar_number *number = &step->grammar->numbers[rule_of(step, &node)->first];
        if (grammar_number_step(number, &node.number, step->byte))
            emit(step, node);
        break;
    }
    case GRAMMAR_CHOICE: read_choice(step, &node, nesting); break;
    case GRAMMAR_REPEAT: read_more(step, node, nesting); break;
    case GRAMMAR_NETWORK: read_network(step, node, nesting); break;
    case GRAMMAR_TEXT: read_text(step, node, nesting); break;
    case GRAMMAR_FREE:
    case GRAMMAR_NEVER:
    case GRAMMAR_SPECIAL:
    case GRAMMAR_SEQUENCE:
    case GRAMMAR_MARK: break;
    }
}

/* May the text of this node end here, although it might also go on? */
static bool may_leave(const struct step *step, const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(step, node);
    if (rule->kind == GRAMMAR_NUMBER)
        return grammar_number_rest(&step->grammar->numbers[rule->first], &node->number) == 0;
    if (rule->kind == GRAMMAR_WORDS)
        return whole_word(step, node) != NULL;
    if (rule->kind == GRAMMAR_NETWORK)
        return grammar_network_at(step->grammar, rule, node->count)->is_accepting;
    if (rule->kind == GRAMMAR_TEXT)
        return grammar_frame_text_may_end(rule, node);
    return rule->kind == GRAMMAR_REPEAT;
}

static bool leave_early(const struct step *step, struct grammar_node *node)
{
    return rule_of(step, node)->kind == GRAMMAR_WORDS ? leave_word(step, node) : leave(step, node);
}

/* Everything that the symbol makes of one configuration. */
static void step_config(const struct step *step, struct grammar_node node, int nesting)
{
    if (nesting > NESTING_MAX)
        return;
    while (node.rule != GRAMMAR_NONE) {
        if (step->token >= 0)
            read_special(step, node, nesting);
        else
            read_byte(step, node, nesting);
        if (!may_leave(step, &node) || !leave_early(step, &node))
            return;
        nesting += nesting == 0; /* what is below is not the top any more */
    }
}

/* The exclusions that still match once `symbol` is added to the text under the mark. */
static uint64_t still_matching(const struct grammar_state *state, const struct grammar_layer *from,
                               uint32_t symbol)
{
    uint64_t matching = from->matching;
    for (uint64_t bits = matching; bits; bits &= bits - 1) {
        const uint32_t i = (uint32_t)__builtin_ctzll(bits);
        const struct grammar_exclusion *item = &state->exclusions->items[i];
        if (from->mark_len >= item->len || item->symbols[from->mark_len] != symbol)
            matching &= ~((uint64_t)1 << i);
    }
    return matching;
}

static bool step_layer(struct step *step, const struct grammar_layer *from)
{
    struct grammar_state *state = step->state;
    const struct grammar_layer below = *from; /* `to` may be the same */
    *step->to = (struct grammar_layer){.first = below.first + below.count,
                                       .node_count = below.node_count,
                                       .mark_len = below.mark_len};
    if (below.matching) {
        step->to->mark_len = below.mark_len + 1;
        const uint32_t symbol =
            step->token >= 0 ? GRAMMAR_SYMBOL_SPECIAL + (uint32_t)step->token : step->byte;
        step->to->matching = still_matching(state, &below, symbol);
    }
    for (uint32_t i = 0; i < below.count; i++)
        step_config(step, state->configs[below.first + i], 0);
    return step->to->count > 0;
}

bool grammar_state_step(struct grammar_state *state, const struct grammar_layer *from,
                        unsigned char byte, struct grammar_layer *to)
{
    struct step step = {state, state->grammar, to, byte, -1, false};
    return step_layer(&step, from);
}

bool grammar_state_step_aside(struct grammar_state *state, const struct grammar_layer *from,
                              unsigned char byte, struct grammar_layer *to)
{
    struct step step = {state, state->grammar, to, byte, -1, true};
    return step_layer(&step, from);
}

struct grammar_layer grammar_state_put(struct grammar_state *state,
                                       const struct grammar_layer *below,
                                       const struct grammar_node *node)
{
    struct grammar_layer to = *below;
    to.first = below->first + below->count;
    to.count = 0;
    grammar_state_add(state, &to, node);
    return to;
}

void grammar_state_add(struct grammar_state *state, struct grammar_layer *layer,
                       const struct grammar_node *node)
{
    const struct step step = {state, state->grammar, layer, 0, -1, false};
    emit(&step, *node);
}

bool grammar_state_step_special(struct grammar_state *state, const struct grammar_layer *from,
                                int32_t token, struct grammar_layer *to)
{
    struct step step = {state, state->grammar, to, 0, token, false};
    return token >= 0 && step_layer(&step, from);
}

bool grammar_state_is_complete(struct grammar_state *state, const struct grammar_layer *layer)
{
    for (uint32_t i = 0; i < layer->count; i++) {
        struct grammar_layer scratch = *layer; /* leaving may push nodes: they are given up */
        const struct step step = {state, state->grammar, &scratch, 0, -1, false};
        struct grammar_node node = state->configs[layer->first + i];
        while (node.rule != GRAMMAR_NONE && may_leave(&step, &node)) {
            if (!leave_early(&step, &node))
                break;
        }
        if (node.rule == GRAMMAR_NONE)
            return true;
    }
    return false;
}

bool grammar_state_is_free(const struct grammar_state *state, const struct grammar_layer *layer)
{
    for (uint32_t i = 0; i < layer->count; i++) {
        const struct grammar_node *node = &state->configs[layer->first + i];
        if (node->rule != GRAMMAR_NONE && state->grammar->rules[node->rule].kind == GRAMMAR_FREE)
            return true;
    }
    return false;
}

struct grammar_layer grammar_state_select(struct grammar_state *state,
                                          const struct grammar_layer *from, const bool *keeps)
{
    struct grammar_layer to = *from;
    to.first = from->first + from->count;
    to.count = 0;
    const struct step step = {state, state->grammar, &to, 0, -1, false};
    for (uint32_t i = 0; i < from->count; i++) {
        if (keeps[i])
            emit(&step, state->configs[from->first + i]);
    }
    return to;
}

/* ---------------------------------------------------------------- the state itself */

void grammar_state_start(struct grammar_state *state, const struct grammar *grammar,
                         const struct grammar_exclusions *exclusions, uint32_t rule, uint32_t depth)
{
    CHECK(grammar->rules[rule].shortest != GRAMMAR_ENDLESS);
    state->grammar = grammar;
    state->exclusions = exclusions;
    state->base = (struct grammar_layer){0};
    const struct step step = {state, grammar, &state->base, 0, -1, false};
    emit(&step, enter(&step, node_for(rule, GRAMMAR_NONE, 0, depth)));
}

void grammar_state_forget(struct grammar_state *state)
{
    state->grammar = NULL;
    state->base = (struct grammar_layer){0};
}

void grammar_state_done(struct grammar_state *state)
{
    mem_free(state->nodes);
    mem_free(state->configs);
    mem_free(state->remap);
    *state = (struct grammar_state){0};
}

static void *with_capacity(void *array, uint32_t *capacity, uint32_t wanted, size_t size)
{
    if (*capacity >= wanted)
        return array;
    *capacity = wanted;
    return mem_realloc(array, wanted * size);
}

void grammar_state_copy(struct grammar_state *to, const struct grammar_state *from)
{
    const struct grammar_layer *base = &from->base;
    to->nodes = with_capacity(to->nodes, &to->node_capacity, base->node_count, sizeof(*to->nodes));
    to->configs =
        with_capacity(to->configs, &to->config_capacity, base->count, sizeof(*to->configs));
    if (base->node_count)
        memcpy(to->nodes, from->nodes, base->node_count * sizeof(*to->nodes));
    if (base->count)
        memcpy(to->configs, from->configs + base->first, base->count * sizeof(*to->configs));
    to->grammar = from->grammar;
    to->exclusions = from->exclusions;
    to->base = *base;
    to->base.first = 0;
}

/* Does node->extra name a node (an object's last further key)? */
static bool has_key_record(const struct grammar_state *state, const struct grammar_node *node)
{
    return node->rule != GRAMMAR_NONE && node->extra != 0 &&
           state->grammar->rules[node->rule].kind == GRAMMAR_OBJECT &&
           node->phase != GRAMMAR_IN_NAME;
}

static void mark_live(struct grammar_state *state, const struct grammar_node *node)
{
    if (node->parent != GRAMMAR_NONE)
        state->remap[node->parent] = 1;
    if (has_key_record(state, node))
        state->remap[node->extra - 1] = 1;
}

static void move_references(const struct grammar_state *state, struct grammar_node *node)
{
    if (node->parent != GRAMMAR_NONE)
        node->parent = state->remap[node->parent];
    if (has_key_record(state, node))
        node->extra = state->remap[node->extra - 1] + (uint64_t)1;
}

/* Drops the nodes nobody stands on any more. A node refers only to nodes before it. */
static void compact(struct grammar_state *state)
{
    const uint32_t count = state->base.node_count;
    if (count == 0)
        return;
    state->remap =
        with_capacity(state->remap, &state->remap_capacity, state->node_capacity, sizeof(uint32_t));
    memset(state->remap, 0, count * sizeof(uint32_t));
    for (uint32_t i = 0; i < state->base.count; i++)
        mark_live(state, &state->configs[i]);
    for (uint32_t i = count; i-- > 0;) {
        if (state->remap[i])
            mark_live(state, &state->nodes[i]);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!state->remap[i])
            continue;
        state->remap[i] = kept;
        state->nodes[kept] = state->nodes[i];
        move_references(state, &state->nodes[kept++]);
    }
    for (uint32_t i = 0; i < state->base.count; i++)
        move_references(state, &state->configs[i]);
    state->base.node_count = kept;
}

void grammar_state_commit(struct grammar_state *state, const struct grammar_layer *layer)
{
    memmove(state->configs, state->configs + layer->first, layer->count * sizeof(*state->configs));
    state->base = *layer;
    state->base.first = 0;
    compact(state);
}
