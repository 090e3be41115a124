#include "infer/grammar_frame.h"

/* ---------------------------------------------------------------- strings */

/* The phase behind the first byte of a character, or AT_START if it cannot begin one. */
static unsigned begin_character(unsigned char byte)
{
    if (byte < ' ' || (byte >= 0x80 && byte < 0xc2) || byte > 0xf4)
        return GRAMMAR_AT_START;
    if (byte < 0x80)
        return byte == '\\' ? GRAMMAR_IN_ESCAPE : GRAMMAR_IN_STRING;
    if (byte < 0xe0)
        return GRAMMAR_IN_UTF8_1;
    if (byte < 0xf0)
        return byte == 0xe0   ? GRAMMAR_IN_UTF8_E0
               : byte == 0xed ? GRAMMAR_IN_UTF8_ED
                              : GRAMMAR_IN_UTF8_2;
    return byte == 0xf0   ? GRAMMAR_IN_UTF8_F0
           : byte == 0xf4 ? GRAMMAR_IN_UTF8_F4
                          : GRAMMAR_IN_UTF8_3;
}

/* Escapes as json.dumps() writes them; U+0000 is left out, since not everything that reads the
 * value can hold it. */
static unsigned go_on_in_escape(unsigned phase, unsigned char byte)
{
    const bool is_hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
    switch (phase) {
    case GRAMMAR_IN_ESCAPE:
        if (byte == 'u')
            return GRAMMAR_IN_U;
        return byte && strchr("\"\\nrtbf", byte) ? GRAMMAR_IN_STRING : GRAMMAR_AT_START;
    case GRAMMAR_IN_U: return byte == '0' ? GRAMMAR_IN_U0 : GRAMMAR_AT_START;
    case GRAMMAR_IN_U0: return byte == '0' ? GRAMMAR_IN_U00 : GRAMMAR_AT_START;
    case GRAMMAR_IN_U00:
        return byte == '0' ? GRAMMAR_IN_U000 : byte == '1' ? GRAMMAR_IN_U001 : GRAMMAR_AT_START;
    case GRAMMAR_IN_U000: /* 08, 09, 0a, 0c and 0d have letters */
        return is_hex && !strchr("089acd", byte) ? GRAMMAR_IN_STRING : GRAMMAR_AT_START;
    default: return is_hex ? GRAMMAR_IN_STRING : GRAMMAR_AT_START;
    }
}

static unsigned go_on_in_utf8(unsigned phase, unsigned char byte)
{
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    unsigned next = GRAMMAR_IN_STRING;
    switch (phase) {
    case GRAMMAR_IN_UTF8_2: next = GRAMMAR_IN_UTF8_1; break;
    case GRAMMAR_IN_UTF8_3: next = GRAMMAR_IN_UTF8_2; break;
    case GRAMMAR_IN_UTF8_E0:
        low = 0xa0;
        next = GRAMMAR_IN_UTF8_1;
        break;
    case GRAMMAR_IN_UTF8_ED: /* no surrogates */
        high = 0x9f;
        next = GRAMMAR_IN_UTF8_1;
        break;
    case GRAMMAR_IN_UTF8_F0:
        low = 0x90;
        next = GRAMMAR_IN_UTF8_2;
        break;
    case GRAMMAR_IN_UTF8_F4:
        high = 0x8f;
        next = GRAMMAR_IN_UTF8_2;
        break;
    default: break;
    }
    return byte >= low && byte <= high ? next : GRAMMAR_AT_START;
}

enum grammar_frame_move grammar_frame_string(const struct grammar_rule *rule,
                                             struct grammar_node *node, unsigned char byte)
{
    const bool is_key = rule->kind == GRAMMAR_KEY;
    unsigned next = GRAMMAR_AT_START;
    if (node->phase == GRAMMAR_AT_START) {
        if (byte != '"')
            return GRAMMAR_FRAME_NO;
        node->phase = GRAMMAR_IN_STRING;
        return GRAMMAR_FRAME_STAYS;
    }
    if (node->phase == GRAMMAR_IN_STRING) {
        if (byte == '"')
            return node->count >= rule->len_min ? GRAMMAR_FRAME_CLOSES : GRAMMAR_FRAME_NO;
        next = begin_character(byte);
        /* A key's last character is ASCII: then not all that could come are used already. */
        const bool is_last = is_key && node->count + 1 >= rule->len_max;
        if (node->count >= rule->len_max || (is_last && next != GRAMMAR_IN_STRING))
            return GRAMMAR_FRAME_NO;
    } else if (node->phase < GRAMMAR_IN_UTF8_1) {
        next = go_on_in_escape(node->phase, byte);
    } else {
        next = go_on_in_utf8(node->phase, byte);
    }
    if (next == GRAMMAR_AT_START)
        return GRAMMAR_FRAME_NO;
    node->count += node->phase == GRAMMAR_IN_STRING;
    node->phase = (uint16_t)next;
    if (is_key)
        node->extra = grammar_hash_add(node->extra, byte);
    return GRAMMAR_FRAME_STAYS;
}

bool grammar_frame_text(const struct grammar *grammar, const struct grammar_rule *rule,
                        struct grammar_node *node, unsigned char byte)
{
    const char *without = rule->count ? grammar->texts + rule->first : "";
    unsigned next = GRAMMAR_AT_START;
    if (node->phase <= GRAMMAR_IN_STRING) {
        const bool is_plain = byte == '\\' || byte == '\n' || byte == '\t';
        next = is_plain ? GRAMMAR_IN_STRING : begin_character(byte);
        if (node->count >= rule->len_max)
            return false;
    } else {
        next = go_on_in_utf8(node->phase, byte);
    }
    if (next == GRAMMAR_AT_START)
        return false;
    if (rule->count && (unsigned char)without[node->index] == byte)
        node->index++;
    else
        node->index = rule->count && (unsigned char)without[0] == byte;
    if (rule->count && node->index == rule->count)
        return false;
    node->count += node->phase <= GRAMMAR_IN_STRING;
    node->phase = (uint16_t)next;
    return true;
}

bool grammar_frame_text_may_end(const struct grammar_rule *rule, const struct grammar_node *node)
{
    return node->phase <= GRAMMAR_IN_STRING && node->count >= rule->len_min;
}

unsigned char grammar_frame_string_next(unsigned phase)
{
    static const unsigned char next[] = {
        [GRAMMAR_IN_ESCAPE] = '"',   [GRAMMAR_IN_U] = '0',        [GRAMMAR_IN_U0] = '0',
        [GRAMMAR_IN_U00] = '0',      [GRAMMAR_IN_U000] = '1',     [GRAMMAR_IN_U001] = '0',
        [GRAMMAR_IN_UTF8_1] = 0x80,  [GRAMMAR_IN_UTF8_2] = 0x80,  [GRAMMAR_IN_UTF8_3] = 0x80,
        [GRAMMAR_IN_UTF8_E0] = 0xa0, [GRAMMAR_IN_UTF8_ED] = 0x80, [GRAMMAR_IN_UTF8_F0] = 0x90,
        [GRAMMAR_IN_UTF8_F4] = 0x80,
    };
    return next[phase];
}

/* ---------------------------------------------------------------- objects and arrays */

bool grammar_frame_fits(const struct grammar *grammar, const struct grammar_node *node,
                        uint32_t rule)
{
    const struct grammar_rule *child = &grammar->rules[rule];
    return child->shortest != GRAMMAR_ENDLESS &&
           node->depth + 1u + child->depth <= grammar->node_depth_max;
}

bool grammar_frame_must_name(const struct grammar *grammar, const struct grammar_node *object)
{
    const struct grammar_rule *rule = &grammar->rules[object->rule];
    return object->index < rule->count &&
           grammar->properties[rule->first + object->index].next_required < rule->count;
}

bool grammar_frame_may_name(const struct grammar *grammar, const struct grammar_node *object,
                            uint32_t index)
{
    const struct grammar_rule *rule = &grammar->rules[object->rule];
    if (index < object->index || index >= rule->count)
        return false;
    const struct grammar_property *properties = grammar->properties + rule->first;
    return index <= properties[object->index].next_required &&
           grammar_frame_fits(grammar, object, properties[index].value);
}

bool grammar_frame_may_name_any(const struct grammar *grammar, const struct grammar_node *object)
{
    const struct grammar_rule *rule = &grammar->rules[object->rule];
    for (uint32_t i = object->index; i < rule->count; i++) {
        if (grammar_frame_may_name(grammar, object, i))
            return true;
        if (grammar->properties[rule->first + i].is_required)
            return false;
    }
    return false;
}

bool grammar_frame_may_extra(const struct grammar *grammar, const struct grammar_node *object)
{
    const struct grammar_rule *rule = &grammar->rules[object->rule];
    return rule->rule != GRAMMAR_NONE && object->count < rule->len_max &&
           !grammar_frame_must_name(grammar, object) &&
           grammar_frame_fits(grammar, object, rule->rule);
}

uint32_t grammar_frame_item(const struct grammar *grammar, const struct grammar_node *array)
{
    const struct grammar_rule *rule = &grammar->rules[array->rule];
    if (array->count >= rule->len_max)
        return GRAMMAR_NONE;
    const uint32_t item =
        array->count < rule->count ? grammar->links[rule->first + array->count] : rule->rule;
    if (item == GRAMMAR_NONE || !grammar_frame_fits(grammar, array, item))
        return GRAMMAR_NONE;
    return item;
}

bool grammar_frame_key_is_used(const struct grammar_state *state, const struct grammar_node *object,
                               uint64_t hash)
{
    const struct grammar_rule *rule = &state->grammar->rules[object->rule];
    for (uint32_t i = 0; i < rule->count; i++) {
        if (state->grammar->properties[rule->first + i].hash == hash)
            return true;
    }
    uint32_t at = object->extra ? (uint32_t)object->extra - 1 : GRAMMAR_NONE;
    for (; at != GRAMMAR_NONE; at = state->nodes[at].parent) {
        if (state->nodes[at].extra == hash)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- what is behind a child */

static uint32_t behind_item(const struct grammar *grammar, const struct grammar_rule *rule,
                            uint32_t items)
{
    uint32_t total = 1; /* the bracket */
    uint32_t i = items;
    for (; i < rule->len_min && i < rule->count; i++) {
        const uint32_t item = grammar->rules[grammar->links[rule->first + i]].shortest;
        total = grammar_plus(total, grammar_plus(item, 2));
    }
    if (i >= rule->len_min)
        return total;
    /* grammar_finish() found the whole to be shorter than 2^32 */
    return total + (rule->len_min - i) * (grammar->rules[rule->rule].shortest + 2);
}

uint32_t grammar_frame_behind(const struct grammar *grammar, const struct grammar_node *node)
{
    const struct grammar_rule *rule = &grammar->rules[node->rule];
    switch (rule->kind) {
    case GRAMMAR_SEQUENCE: {
        uint32_t total = 0;
        for (uint32_t i = node->count + 1; i < rule->count; i++)
            total = grammar_plus(total, grammar->rules[grammar->links[rule->first + i]].shortest);
        return total;
    }
    case GRAMMAR_OBJECT:
        if (node->index >= rule->count)
            return 1;
        return 1 + grammar->properties[rule->first + node->index].required_tail;
    case GRAMMAR_ARRAY: return behind_item(grammar, rule, node->count);
    case GRAMMAR_NETWORK: return grammar_network_at(grammar, rule, node->count)->rest;
    case GRAMMAR_NEVER:
    case GRAMMAR_LITERAL:
    case GRAMMAR_SPECIAL:
    case GRAMMAR_CHOICE:
    case GRAMMAR_WORDS:
    case GRAMMAR_STRING:
    case GRAMMAR_KEY:
    case GRAMMAR_NUMBER:
    case GRAMMAR_REPEAT:
    case GRAMMAR_TEXT:
    case GRAMMAR_FREE:
    case GRAMMAR_MARK: break;
    }
    return 0;
}
