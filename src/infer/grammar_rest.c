#include "infer/grammar_rest.h"

#include "base/check.h"
#include "base/mem.h"
#include "infer/grammar_frame.h"

static const struct grammar_rule *rule_of(const struct grammar_state *state,
                                          const struct grammar_node *node)
{
    return &state->grammar->rules[node->rule];
}

/* ---------------------------------------------------------------- lengths */

/* Bytes that end the escape or character a string node is in. */
static uint32_t pending_bytes(unsigned phase)
{
    static const unsigned char pending[] = {
        [GRAMMAR_IN_STRING] = 0,  [GRAMMAR_IN_ESCAPE] = 1,  [GRAMMAR_IN_U] = 4,
        [GRAMMAR_IN_U0] = 3,      [GRAMMAR_IN_U00] = 2,     [GRAMMAR_IN_U000] = 1,
        [GRAMMAR_IN_U001] = 1,    [GRAMMAR_IN_UTF8_1] = 1,  [GRAMMAR_IN_UTF8_2] = 2,
        [GRAMMAR_IN_UTF8_3] = 3,  [GRAMMAR_IN_UTF8_E0] = 2, [GRAMMAR_IN_UTF8_ED] = 2,
        [GRAMMAR_IN_UTF8_F0] = 3, [GRAMMAR_IN_UTF8_F4] = 3,
    };
    return pending[phase];
}

static uint32_t rest_of_string(const struct grammar_rule *rule, const struct grammar_node *node)
{
    if (node->phase == GRAMMAR_AT_START)
        return rule->len_min + 2;
    const uint32_t missing = node->count < rule->len_min ? rule->len_min - node->count : 0;
    return pending_bytes(node->phase) + missing + 1;
}

static uint32_t rest_of_text(const struct grammar_rule *rule, const struct grammar_node *node)
{
    const uint32_t missing = node->count < rule->len_min ? rule->len_min - node->count : 0;
    return pending_bytes(node->phase) + missing;
}

/* The key with its pending bytes added, as grammar_rest_write() adds them. */
static struct grammar_node finished_key(const struct grammar_rule *rule, struct grammar_node key)
{
    while (key.phase != GRAMMAR_IN_STRING)
        (void)grammar_frame_string(rule, &key, grammar_frame_string_next(key.phase));
    return key;
}

/* The key's own rest, then `: value` and the object's bracket: all its named members are there. */
static uint32_t rest_of_key(const struct grammar_state *state, const struct grammar_node *key)
{
    const struct grammar_node finished = finished_key(rule_of(state, key), *key);
    const struct grammar_node *object = &state->nodes[key->parent];
    const uint32_t more = grammar_frame_key_is_used(state, object, finished.extra) ? 1 : 0;
    const uint32_t value = state->grammar->rules[rule_of(state, object)->rule].shortest;
    return grammar_plus(value, pending_bytes(key->phase) + more + 1 + 2 + 1);
}

/* The word with the shortest rest among those still possible: its index in the grammar; *out_rest
 * ENDLESS when there is none. */
static uint32_t best_word(const struct grammar_state *state, const struct grammar_node *node,
                          uint32_t *out_rest)
{
    const struct grammar_rule *rule = rule_of(state, node);
    uint32_t best = 0;
    *out_rest = GRAMMAR_ENDLESS;
    for (uint32_t i = rule->first + node->index; i < rule->first + node->extra; i++) {
        const struct grammar_word *word = &state->grammar->words[i];
        uint32_t rest = word->len - node->count;
        if (word->then != GRAMMAR_NONE) {
            const struct grammar_rule *then = &state->grammar->rules[word->then];
            if (node->depth + then->depth > state->grammar->node_depth_max)
                continue;
            rest = grammar_plus(rest, then->shortest);
        }
        if (rest < *out_rest) {
            *out_rest = rest;
            best = i;
        }
    }
    return best;
}

/* Symbols of `key: value` and of the rest of the object behind it, for property `index`. */
static uint32_t rest_with_property(const struct grammar_state *state,
                                   const struct grammar_rule *object, uint32_t index)
{
    const struct grammar_property *property = &state->grammar->properties[object->first + index];
    const uint32_t value = state->grammar->rules[property->value].shortest;
    const uint32_t tail = index + 1 < object->count ? property[1].required_tail : 0;
    return grammar_plus(grammar_plus(property->len, value), grammar_plus(tail, 1));
}

/* The property with the shortest rest in the sorted slots [low, high) that may come next for
 * `object`; *out_rest as for words. */
static uint32_t best_property(const struct grammar_state *state, const struct grammar_node *object,
                              uint32_t low, uint32_t high, uint32_t *out_rest)
{
    const struct grammar_rule *rule = rule_of(state, object);
    uint32_t best = 0;
    *out_rest = GRAMMAR_ENDLESS;
    for (uint32_t slot = low; slot < high; slot++) {
        const uint32_t index = state->grammar->properties[rule->first + slot].sorted;
        if (!grammar_frame_may_name(state->grammar, object, index))
            continue;
        const uint32_t rest = rest_with_property(state, rule, index);
        if (rest < *out_rest) {
            *out_rest = rest;
            best = index;
        }
    }
    return best;
}

/* From a key's opening quote on: the best named or other key. *out_index: the named one's index, or
 * GRAMMAR_NONE for another key. */
static uint32_t rest_from_quote(const struct grammar_state *state,
                                const struct grammar_node *object, uint32_t *out_index)
{
    const struct grammar_rule *rule = rule_of(state, object);
    uint32_t rest = GRAMMAR_ENDLESS;
    *out_index = best_property(state, object, 0, rule->count, &rest);
    if (grammar_frame_may_extra(state->grammar, object)) {
        const bool is_used = grammar_frame_key_is_used(state, object, GRAMMAR_HASH_START);
        const uint32_t value = state->grammar->rules[rule->rule].shortest;
        const uint32_t with_extra = grammar_plus(value, 2 + 2 + 1 + (is_used ? 1u : 0u));
        if (with_extra < rest) {
            rest = with_extra;
            *out_index = GRAMMAR_NONE;
        }
    }
    return rest;
}

static uint32_t rest_of_object(const struct grammar_state *state, const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(state, node);
    const uint32_t behind = grammar_frame_behind(state->grammar, node);
    uint32_t index = 0;
    uint32_t rest = 0;
    switch (node->phase) {
    case GRAMMAR_AT_START: return rule->shortest;
    case GRAMMAR_AT_FIRST: return grammar_frame_must_name(state->grammar, node) ? behind - 2 : 1;
    case GRAMMAR_AFTER_COMMA: return grammar_plus(1, rest_from_quote(state, node, &index));
    case GRAMMAR_AT_KEY: return rest_from_quote(state, node, &index);
    case GRAMMAR_IN_NAME:
        (void)best_property(state, &state->nodes[node->parent], node->index, (uint32_t)node->extra,
                            &rest);
        return rest == GRAMMAR_ENDLESS ? rest : rest - node->count;
    case GRAMMAR_AT_COLON: return grammar_plus(state->grammar->rules[rule->rule].shortest, 2 + 1);
    case GRAMMAR_AT_SPACE: return grammar_plus(state->grammar->rules[rule->rule].shortest, 1 + 1);
    default: return behind;
    }
}

static uint32_t rest_of_array(const struct grammar_state *state, const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(state, node);
    if (node->phase == GRAMMAR_AT_START)
        return rule->shortest;
    if (node->phase == GRAMMAR_AT_FIRST)
        return rule->len_min ? grammar_frame_behind(state->grammar, node) - 2 : 1;
    if (node->phase != GRAMMAR_AFTER_COMMA)
        return grammar_frame_behind(state->grammar, node);
    const uint32_t item = grammar_frame_item(state->grammar, node);
    struct grammar_node next = *node;
    next.count++;
    return grammar_plus(1 + state->grammar->rules[item].shortest,
                        grammar_frame_behind(state->grammar, &next));
}

uint32_t grammar_rest_node(const struct grammar_state *state, const struct grammar_node *node)
{
    if (node->rule == GRAMMAR_NONE)
        return 0;
    const struct grammar_rule *rule = rule_of(state, node);
    uint32_t rest = 0;
    switch (rule->kind) {
    case GRAMMAR_LITERAL: return rule->count - node->count;
    case GRAMMAR_WORDS: (void)best_word(state, node, &rest); return rest;
    case GRAMMAR_STRING: return rest_of_string(rule, node);
    case GRAMMAR_KEY: return rest_of_key(state, node);
    case GRAMMAR_NUMBER:
        return grammar_number_rest(&state->grammar->numbers[rule->first], &node->number);
    case GRAMMAR_OBJECT: return rest_of_object(state, node);
    case GRAMMAR_ARRAY: return rest_of_array(state, node);
    case GRAMMAR_REPEAT: return 0;
    case GRAMMAR_NETWORK: return grammar_network_at(state->grammar, rule, node->count)->rest;
    case GRAMMAR_TEXT: return rest_of_text(rule, node);
    case GRAMMAR_FREE:
    case GRAMMAR_NEVER:
    case GRAMMAR_SPECIAL:
    case GRAMMAR_CHOICE:
    case GRAMMAR_SEQUENCE:
    case GRAMMAR_MARK: break;
    }
    return rule->shortest;
}

uint32_t grammar_rest_config(const struct grammar_state *state, const struct grammar_node *config)
{
    return grammar_plus(grammar_rest_node(state, config), config->tail);
}

/* ---------------------------------------------------------------- writing */

struct writer {
    const struct grammar_state *state;
    const struct grammar *grammar;
    struct grammar_rest_text *out;
};

void grammar_rest_text_done(struct grammar_rest_text *text)
{
    mem_free(text->symbols);
    *text = (struct grammar_rest_text){0};
}

static void add_symbol(struct grammar_rest_text *out, uint32_t symbol)
{
    if (out->count == out->capacity) {
        out->capacity = out->capacity ? 2 * out->capacity : 256;
        out->symbols = mem_realloc(out->symbols, out->capacity * sizeof(*out->symbols));
    }
    out->symbols[out->count++] = symbol;
}

static void add_bytes(const struct writer *w, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        add_symbol(w->out, (unsigned char)bytes[i]);
}

static void add_fill(const struct writer *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        add_symbol(w->out, ' ');
}

static void write_rule(const struct writer *w, uint32_t id, uint32_t depth);

/* The members that must come from property `index` on, and the bracket. */
static void write_members(const struct writer *w, const struct grammar_rule *object, uint32_t index,
                          bool is_first, uint32_t depth)
{
    for (uint32_t i = index; i < object->count; i++) {
        const struct grammar_property *property = &w->grammar->properties[object->first + i];
        if (!property->is_required)
            continue;
        if (!is_first)
            add_bytes(w, ", ", 2);
        is_first = false;
        add_bytes(w, w->grammar->texts + property->key, property->len);
        write_rule(w, property->value, depth + 1);
    }
    add_bytes(w, "}", 1);
}

/* The items that must come when there are `count`, and the bracket. */
static void write_items(const struct writer *w, const struct grammar_rule *array, uint32_t count,
                        bool is_first, uint32_t depth)
{
    for (uint32_t i = count; i < array->len_min; i++) {
        if (!is_first)
            add_bytes(w, ", ", 2);
        is_first = false;
        const bool is_prefix = i < array->count;
        write_rule(w, is_prefix ? w->grammar->links[array->first + i] : array->rule, depth + 1);
    }
    add_bytes(w, "]", 1);
}

static void write_word(const struct writer *w, const struct grammar_node *node)
{
    uint32_t rest = 0;
    const struct grammar_word *word = &w->grammar->words[best_word(w->state, node, &rest)];
    if (rest == GRAMMAR_ENDLESS)
        return;
    add_bytes(w, w->grammar->texts + word->text + node->count, word->len - node->count);
    if (word->then != GRAMMAR_NONE)
        write_rule(w, word->then, node->depth);
}

static void write_number(const struct writer *w, const struct grammar_rule *rule,
                         const struct grammar_number_at *at)
{
    char text[GRAMMAR_NUMBER_LEN_MAX];
    const uint32_t len = grammar_number_shortest(&w->grammar->numbers[rule->first], at, text);
    add_bytes(w, text, len);
}

static void write_best_choice(const struct writer *w, const struct grammar_rule *rule,
                              uint32_t depth)
{
    for (uint32_t i = 0; i < rule->count; i++) {
        const uint32_t id = w->grammar->links[rule->first + i];
        if (w->grammar->rules[id].shortest == rule->shortest) {
            write_rule(w, id, depth);
            return;
        }
    }
}

/* The class's smallest byte. */
static char byte_of_class(const struct grammar_network *network, uint32_t class)
{
    const uint8_t *at = memchr(network->classes, (int)class, sizeof(network->classes));
    CHECK(at);
    return (char)(at - network->classes);
}

/* From a state to the end of the network: of several ways bytes come before calls, each in their
 * order, as grammar_state.c tries them. Every step is nearer to the end. */
static void write_network(const struct writer *w, const struct grammar_rule *rule, uint32_t state,
                          uint32_t depth)
{
    const struct grammar *grammar = w->grammar;
    const struct grammar_network *network = &grammar->networks[rule->first];
    for (;;) {
        const struct grammar_network_state *at = grammar_network_at(grammar, rule, state);
        const uint16_t *row =
            grammar->cells + network->first_cell + (size_t)state * network->class_count;
        if (at->rest == 0)
            return;
        uint32_t class = 0;
        while (class < network->class_count &&
               (row[class] == GRAMMAR_NO_STATE ||
                grammar_network_at(grammar, rule, row[class])->rest != at->rest - 1))
            class ++;
        if (class < network->class_count) {
            add_bytes(w, (const char[]){byte_of_class(network, class)}, 1);
            state = row[class];
            continue;
        }
        const struct grammar_network_call *call = &grammar->calls[at->first_call];
        while (grammar->rules[call->rule].shortest == 0 ||
               grammar_plus(grammar->rules[call->rule].shortest,
                            grammar_network_at(grammar, rule, call->to)->rest) != at->rest)
            call++;
        write_rule(w, call->rule, depth + 1);
        state = call->to;
    }
}

/* The shortest text of a whole rule. The depth is bounded by the rule's own. */
static void write_rule(const struct writer *w, uint32_t id, uint32_t depth)
{
    const struct grammar_rule *rule = &w->grammar->rules[id];
    switch (rule->kind) {
    case GRAMMAR_LITERAL: add_bytes(w, w->grammar->texts + rule->first, rule->count); break;
    case GRAMMAR_SPECIAL: add_symbol(w->out, GRAMMAR_REST_SPECIAL + (uint32_t)rule->token); break;
    case GRAMMAR_SEQUENCE:
        for (uint32_t i = 0; i < rule->count; i++)
            write_rule(w, w->grammar->links[rule->first + i], depth + (i + 1 < rule->count));
        break;
    case GRAMMAR_CHOICE: write_best_choice(w, rule, depth); break;
    case GRAMMAR_WORDS:
        write_word(
            w, &(struct grammar_node){.rule = id, .depth = (uint16_t)depth, .extra = rule->count});
        break;
    case GRAMMAR_STRING:
        add_bytes(w, "\"", 1);
        add_fill(w, rule->len_min);
        add_bytes(w, "\"", 1);
        break;
    case GRAMMAR_NUMBER: write_number(w, rule, &(struct grammar_number_at){0}); break;
    case GRAMMAR_OBJECT:
        add_bytes(w, "{", 1);
        write_members(w, rule, 0, true, depth);
        break;
    case GRAMMAR_ARRAY:
        add_bytes(w, "[", 1);
        write_items(w, rule, 0, true, depth);
        break;
    case GRAMMAR_MARK:
        write_rule(w, rule->more == GRAMMAR_NONE ? rule->rule : rule->more, depth + 1);
        break;
    case GRAMMAR_REPEAT: write_rule(w, rule->rule, depth + 1); break;
    case GRAMMAR_NETWORK: write_network(w, rule, 0, depth); break;
    case GRAMMAR_TEXT: add_fill(w, rule->len_min); break;
    case GRAMMAR_FREE:
        if (rule->rule != GRAMMAR_NONE)
            write_rule(w, rule->rule, depth);
        break;
    case GRAMMAR_NEVER:
    case GRAMMAR_KEY: CHECK(false);
    }
}

/* ---------------------------------------------------------------- writing from inside a rule */

static void write_string_rest(const struct writer *w, const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(w->state, node);
    struct grammar_node now = *node;
    if (now.phase == GRAMMAR_AT_START) {
        write_rule(w, node->rule, 0);
        return;
    }
    while (now.phase != GRAMMAR_IN_STRING) {
        const unsigned char byte = grammar_frame_string_next(now.phase);
        (void)grammar_frame_string(rule, &now, byte);
        add_symbol(w->out, byte);
    }
    add_fill(w, now.count < rule->len_min ? rule->len_min - now.count : 0);
    add_bytes(w, "\"", 1);
}

static void write_text_rest(const struct writer *w, const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(w->state, node);
    struct grammar_node now = *node;
    while (now.phase > GRAMMAR_IN_STRING) {
        const unsigned char byte = grammar_frame_string_next(now.phase);
        (void)grammar_frame_text(w->grammar, rule, &now, byte);
        add_symbol(w->out, byte);
    }
    add_fill(w, now.count < rule->len_min ? rule->len_min - now.count : 0);
}

/* Makes a used key a new one: at most as many are used as leaves a character over. */
static void write_new_end(const struct writer *w, const struct grammar_node *object, uint64_t hash)
{
    if (!grammar_frame_key_is_used(w->state, object, hash))
        return;
    for (unsigned char byte = ' '; byte < 0x7f; byte++) {
        if (byte == '"' || byte == '\\' ||
            grammar_frame_key_is_used(w->state, object, grammar_hash_add(hash, byte)))
            continue;
        add_symbol(w->out, byte);
        return;
    }
}

/* Behind a further key's text: its quote, its value and the object's bracket. */
static void write_extra_value(const struct writer *w, const struct grammar_rule *object,
                              uint32_t depth)
{
    add_bytes(w, "\": ", 3);
    write_rule(w, object->rule, depth + 1);
    add_bytes(w, "}", 1);
}

static void write_key_rest(const struct writer *w, const struct grammar_node *key)
{
    const struct grammar_node *object = &w->state->nodes[key->parent];
    struct grammar_node now = *key;
    while (now.phase != GRAMMAR_IN_STRING) {
        const unsigned char byte = grammar_frame_string_next(now.phase);
        (void)grammar_frame_string(rule_of(w->state, key), &now, byte);
        add_symbol(w->out, byte);
    }
    write_new_end(w, object, now.extra);
    write_extra_value(w, rule_of(w->state, object), object->depth);
}

/* A named member from byte `read` of its key on, then the others that must come. */
static void write_member(const struct writer *w, const struct grammar_node *object, uint32_t index,
                         uint32_t read)
{
    const struct grammar_rule *rule = rule_of(w->state, object);
    const struct grammar_property *property = &w->grammar->properties[rule->first + index];
    add_bytes(w, w->grammar->texts + property->key + read, property->len - read);
    write_rule(w, property->value, object->depth + 1u);
    write_members(w, rule, index + 1, false, object->depth);
}

static void write_from_quote(const struct writer *w, const struct grammar_node *object)
{
    uint32_t index = 0;
    (void)rest_from_quote(w->state, object, &index);
    if (index != GRAMMAR_NONE) {
        write_member(w, object, index, 0);
        return;
    }
    add_bytes(w, "\"", 1);
    write_new_end(w, object, GRAMMAR_HASH_START);
    write_extra_value(w, rule_of(w->state, object), object->depth);
}

static void write_object_rest(const struct writer *w, const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(w->state, node);
    uint32_t rest = 0;
    switch (node->phase) {
    case GRAMMAR_AT_START: write_rule(w, node->rule, node->depth); break;
    case GRAMMAR_AT_FIRST: write_members(w, rule, node->index, true, node->depth); break;
    case GRAMMAR_AFTER_COMMA:
        add_bytes(w, " ", 1);
        write_from_quote(w, node);
        break;
    case GRAMMAR_AT_KEY: write_from_quote(w, node); break;
    case GRAMMAR_IN_NAME: {
        const struct grammar_node *object = &w->state->nodes[node->parent];
        const uint32_t index =
            best_property(w->state, object, node->index, (uint32_t)node->extra, &rest);
        write_member(w, object, index, node->count);
        break;
    }
    case GRAMMAR_AT_COLON:
    case GRAMMAR_AT_SPACE:
        add_bytes(w, ": ", node->phase == GRAMMAR_AT_COLON ? 2 : 0);
        add_bytes(w, " ", node->phase == GRAMMAR_AT_SPACE ? 1 : 0);
        write_rule(w, rule->rule, node->depth + 1u);
        add_bytes(w, "}", 1);
        break;
    default: write_members(w, rule, node->index, false, node->depth); break;
    }
}

static void write_array_rest(const struct writer *w, const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(w->state, node);
    if (node->phase == GRAMMAR_AT_START) {
        write_rule(w, node->rule, node->depth);
    } else if (node->phase == GRAMMAR_AFTER_COMMA) {
        add_bytes(w, " ", 1);
        write_rule(w, grammar_frame_item(w->grammar, node), node->depth + 1u);
        write_items(w, rule, node->count + 1, false, node->depth);
    } else {
        write_items(w, rule, node->count, node->phase == GRAMMAR_AT_FIRST, node->depth);
    }
}

static void write_top(const struct writer *w, const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(w->state, node);
    switch (rule->kind) {
    case GRAMMAR_LITERAL:
        add_bytes(w, w->grammar->texts + rule->first + node->count, rule->count - node->count);
        break;
    case GRAMMAR_WORDS: write_word(w, node); break;
    case GRAMMAR_STRING: write_string_rest(w, node); break;
    case GRAMMAR_KEY: write_key_rest(w, node); break;
    case GRAMMAR_NUMBER: write_number(w, rule, &node->number); break;
    case GRAMMAR_OBJECT: write_object_rest(w, node); break;
    case GRAMMAR_ARRAY: write_array_rest(w, node); break;
    case GRAMMAR_REPEAT: break;
    case GRAMMAR_NETWORK: write_network(w, rule, node->count, node->depth); break;
    case GRAMMAR_TEXT: write_text_rest(w, node); break;
    case GRAMMAR_FREE:
    case GRAMMAR_NEVER:
    case GRAMMAR_SPECIAL:
    case GRAMMAR_CHOICE:
    case GRAMMAR_SEQUENCE:
    case GRAMMAR_MARK: write_rule(w, node->rule, node->depth); break;
    }
}

/* What comes behind the child of a lower node. */
static void write_behind(const struct writer *w, const struct grammar_node *node)
{
    const struct grammar_rule *rule = rule_of(w->state, node);
    if (rule->kind == GRAMMAR_SEQUENCE) {
        for (uint32_t i = node->count + 1; i < rule->count; i++)
            write_rule(w, w->grammar->links[rule->first + i],
                       node->depth + (i + 1 < rule->count ? 1u : 0u));
    } else if (rule->kind == GRAMMAR_OBJECT) {
        write_members(w, rule, node->index, false, node->depth);
    } else if (rule->kind == GRAMMAR_ARRAY) {
        write_items(w, rule, node->count, false, node->depth);
    } else if (rule->kind == GRAMMAR_NETWORK) {
        write_network(w, rule, node->count, node->depth);
    }
}

static void write_config(const struct writer *w, const struct grammar_node *config)
{
    if (config->rule == GRAMMAR_NONE)
        return;
    write_top(w, config);
    uint32_t below = config->parent;
    /* a node in a key has written the end of its object, too */
    if (config->phase == GRAMMAR_IN_NAME || rule_of(w->state, config)->kind == GRAMMAR_KEY)
        below = w->state->nodes[below].parent;
    for (; below != GRAMMAR_NONE; below = w->state->nodes[below].parent)
        write_behind(w, &w->state->nodes[below]);
}

/* ---------------------------------------------------------------- layers */

/* The first configuration with the shortest rest, exclusions not looked at. */
static uint32_t best_config(const struct grammar_state *state, const struct grammar_layer *layer,
                            uint32_t *out_rest)
{
    uint32_t best = 0;
    *out_rest = GRAMMAR_ENDLESS;
    for (uint32_t i = 0; i < layer->count; i++) {
        const uint32_t rest = grammar_rest_config(state, &state->configs[layer->first + i]);
        if (rest < *out_rest) {
            *out_rest = rest;
            best = i;
        }
    }
    return best;
}

void grammar_rest_write_config(const struct grammar_state *state, const struct grammar_node *config,
                               struct grammar_rest_text *out)
{
    const struct writer writer = {state, state->grammar, out};
    out->count = 0;
    write_config(&writer, config);
}

/* The exclusion that `text`, read from this layer on, ends up as; NULL if none. */
static const struct grammar_exclusion *excluded_by(const struct grammar_state *state,
                                                   const struct grammar_layer *layer,
                                                   const struct grammar_rest_text *text)
{
    for (uint64_t bits = layer->matching; bits; bits &= bits - 1) {
        const struct grammar_exclusion *item = &state->exclusions->items[__builtin_ctzll(bits)];
        const uint32_t len = item->len - layer->mark_len;
        uint32_t same = 0;
        while (same < len && same < text->count &&
               text->symbols[same] == item->symbols[layer->mark_len + same])
            same++;
        if (same == len)
            return item;
    }
    return NULL;
}

/* Where the shortest text leaves an excluded one: after `at` of its symbols, with `byte`. */
struct departure {
    uint32_t at;
    uint32_t rest; /* symbols of the whole text; ENDLESS: none */
    unsigned char byte;
};

static uint32_t rest_of_layer(struct grammar_state *state, const struct grammar_layer *layer,
                              struct grammar_rest_text *scratch);

static bool step_symbol(struct grammar_state *state, const struct grammar_layer *from,
                        uint32_t symbol, struct grammar_layer *to)
{
    if (symbol >= GRAMMAR_SYMBOL_SPECIAL)
        return grammar_state_step_special(state, from, (int32_t)(symbol - GRAMMAR_SYMBOL_SPECIAL),
                                          to);
    return grammar_state_step(state, from, (unsigned char)symbol, to);
}

/* Every other text parts from the excluded one at some symbol: tries all bytes, as far as a shorter
 * one could be found. Each departure has fewer exclusions that match. (Texts that part with a
 * special token are not looked for: where only they are left, nothing is.) */
static struct departure depart(struct grammar_state *state, struct grammar_layer layer,
                               const struct grammar_exclusion *from,
                               struct grammar_rest_text *scratch)
{
    struct departure best = {.rest = GRAMMAR_ENDLESS};
    const uint32_t start = layer.mark_len;
    for (uint32_t at = 0; start + at < from->len; at++) {
        uint32_t bound = 0;
        (void)best_config(state, &layer, &bound);
        if (grammar_plus(at, bound) >= best.rest)
            break;
        const uint32_t next = from->symbols[start + at];
        for (unsigned byte = 0; byte < 256; byte++) {
            struct grammar_layer aside;
            if (byte == next || !grammar_state_step(state, &layer, (unsigned char)byte, &aside))
                continue;
            const uint32_t rest = grammar_plus(at + 1, rest_of_layer(state, &aside, scratch));
            if (rest < best.rest)
                best = (struct departure){at, rest, (unsigned char)byte};
        }
        struct grammar_layer along;
        if (!step_symbol(state, &layer, next, &along))
            break;
        layer = along;
    }
    return best;
}

static bool write_layer(struct grammar_state *state, const struct grammar_layer *layer,
                        struct grammar_rest_text *out)
{
    uint32_t rest = 0;
    const uint32_t best = best_config(state, layer, &rest);
    const struct writer writer = {state, state->grammar, out};
    if (rest == GRAMMAR_ENDLESS)
        return false;
    const uint32_t end = out->count + rest;
    write_config(&writer, &state->configs[layer->first + best]);
    CHECK(out->count == end);
    return true;
}

static uint32_t rest_of_layer(struct grammar_state *state, const struct grammar_layer *layer,
                              struct grammar_rest_text *scratch)
{
    uint32_t rest = 0;
    (void)best_config(state, layer, &rest);
    if (!layer->matching || rest == GRAMMAR_ENDLESS)
        return rest;
    scratch->count = 0;
    (void)write_layer(state, layer, scratch);
    const struct grammar_exclusion *excluded = excluded_by(state, layer, scratch);
    return excluded ? depart(state, *layer, excluded, scratch).rest : rest;
}

uint32_t grammar_rest_layer(struct grammar_state *state, const struct grammar_layer *layer,
                            struct grammar_rest_text *scratch)
{
    return rest_of_layer(state, layer, scratch);
}

bool grammar_rest_write(struct grammar_state *state, const struct grammar_layer *layer,
                        struct grammar_rest_text *scratch, struct grammar_rest_text *out)
{
    struct grammar_layer now = *layer;
    out->count = 0;
    for (;;) { /* each round leaves one exclusion behind */
        const uint32_t before = out->count;
        if (!write_layer(state, &now, out))
            return false;
        struct grammar_rest_text part = *out;
        if (before) /* else there may be no memory yet */
            part.symbols += before;
        part.count -= before;
        const struct grammar_exclusion *excluded = excluded_by(state, &now, &part);
        if (!excluded)
            return true;
        const struct departure departure = depart(state, now, excluded, scratch);
        if (departure.rest == GRAMMAR_ENDLESS)
            return false;
        const uint32_t start = now.mark_len;
        out->count = before;
        for (uint32_t i = 0; i <= departure.at; i++) {
            const uint32_t symbol =
                i < departure.at ? excluded->symbols[start + i] : departure.byte;
            add_symbol(out, symbol);
            CHECK(step_symbol(state, &now, symbol, &now));
        }
    }
}
