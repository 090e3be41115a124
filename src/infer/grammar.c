#include "infer/grammar.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/grammar_internal.h"
#include "text/json.h"

#include <stdlib.h>

enum array { RULES, LINKS, TEXTS, WORDS, PROPERTIES, NUMBERS, NETWORKS, STATES, CELLS, CALLS };

/* ---------------------------------------------------------------- lifetime */

struct grammar *grammar_new(void)
{
    struct grammar *grammar = mem_zalloc(sizeof(*grammar));
    grammar->reference_count = 1;
    return grammar;
}

struct grammar *grammar_ref(struct grammar *grammar)
{
    __atomic_add_fetch(&grammar->reference_count, 1, __ATOMIC_RELAXED);
    return grammar;
}

void grammar_unref(struct grammar *grammar)
{
    if (!grammar || __atomic_sub_fetch(&grammar->reference_count, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    mem_free(grammar->rules);
    mem_free(grammar->links);
    mem_free(grammar->texts);
    mem_free(grammar->words);
    mem_free(grammar->properties);
    mem_free(grammar->numbers);
    mem_free(grammar->networks);
    mem_free(grammar->states);
    mem_free(grammar->cells);
    mem_free(grammar->calls);
    mem_free(grammar);
}

/* ---------------------------------------------------------------- arrays */

/* Room for `more` elements behind `count`; past `count_max` it remembers `what` and gives false. */
static bool make_room(struct grammar *grammar, enum array which, void **array, size_t element_size,
                      uint32_t count, uint32_t more, uint32_t count_max, const char *what)
{
    if (more > count_max || count > count_max - more) {
        grammar->too_much = grammar->too_much ? grammar->too_much : what;
        return false;
    }
    uint32_t capacity = grammar->capacities[which];
    if (count + more <= capacity)
        return true;
    capacity = capacity ? capacity : 64;
    while (capacity < count + more)
        capacity *= 2;
    *array = mem_realloc(*array, capacity * element_size);
    grammar->capacities[which] = capacity;
    return true;
}

/* An id even when there is no room: rule 0 then, which is harmless since finish will fail. */
static uint32_t add_rule(struct grammar *grammar, struct grammar_rule rule)
{
    void *rules = grammar->rules;
    const bool fits = make_room(grammar, RULES, &rules, sizeof(rule), grammar->rule_count, 1,
                                GRAMMAR_RULES_MAX, "rules");
    grammar->rules = rules;
    if (!fits)
        return 0;
    rule.shortest = GRAMMAR_ENDLESS;
    grammar->rules[grammar->rule_count] = rule;
    return grammar->rule_count++;
}

uint32_t grammar_internal_add_links(struct grammar *grammar, const uint32_t *ids, uint32_t count)
{
    void *links = grammar->links;
    const bool fits = make_room(grammar, LINKS, &links, sizeof(*ids), grammar->link_count, count,
                                GRAMMAR_LINKS_MAX, "references between rules");
    grammar->links = links;
    if (!fits)
        return 0;
    if (count)
        memcpy(grammar->links + grammar->link_count, ids, count * sizeof(*ids));
    grammar->link_count += count;
    return grammar->link_count - count;
}

static uint32_t add_text(struct grammar *grammar, struct str text)
{
    void *texts = grammar->texts;
    const uint32_t len = text.len > GRAMMAR_TEXT_MAX ? GRAMMAR_TEXT_MAX + 1 : (uint32_t)text.len;
    const bool fits = make_room(grammar, TEXTS, &texts, 1, (uint32_t)grammar->text_count, len,
                                GRAMMAR_TEXT_MAX, "bytes of text");
    grammar->texts = texts;
    if (!fits)
        return 0;
    if (len)
        memcpy(grammar->texts + grammar->text_count, text.ptr, len);
    grammar->text_count += len;
    return (uint32_t)grammar->text_count - len;
}

/* ---------------------------------------------------------------- simple rules */

uint32_t grammar_reserve(struct grammar *grammar)
{
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_NEVER});
}

void grammar_fill(struct grammar *grammar, uint32_t id, uint32_t from)
{
    if (grammar->too_much)
        return;
    CHECK(id < grammar->rule_count && from < grammar->rule_count);
    grammar->rules[id] = grammar->rules[from];
    if (from + 1 == grammar->rule_count && id != from)
        grammar->rule_count--; /* it moved */
}

uint32_t grammar_add_literal(struct grammar *grammar, struct str text)
{
    CHECK(text.len > 0);
    const uint32_t first = add_text(grammar, text);
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_LITERAL,
                                                   .first = first,
                                                   .count = (uint32_t)text.len});
}

uint32_t grammar_add_special(struct grammar *grammar, int32_t token)
{
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_SPECIAL, .token = token});
}

uint32_t grammar_add_sequence(struct grammar *grammar, const uint32_t *rules, uint32_t count)
{
    CHECK(count > 0);
    const uint32_t first = grammar_internal_add_links(grammar, rules, count);
    return add_rule(
        grammar, (struct grammar_rule){.kind = GRAMMAR_SEQUENCE, .first = first, .count = count});
}

uint32_t grammar_add_choice(struct grammar *grammar, const uint32_t *rules, uint32_t count)
{
    if (count > GRAMMAR_CHOICES_MAX) {
        grammar->too_much = grammar->too_much ? grammar->too_much : "alternatives of one choice";
        return 0;
    }
    const uint32_t first = grammar_internal_add_links(grammar, rules, count);
    return add_rule(grammar,
                    (struct grammar_rule){.kind = GRAMMAR_CHOICE, .first = first, .count = count});
}

uint32_t grammar_add_string(struct grammar *grammar, uint32_t len_min, uint32_t len_max)
{
    return add_rule(grammar, (struct grammar_rule){
                                 .kind = GRAMMAR_STRING, .len_min = len_min, .len_max = len_max});
}

uint32_t grammar_add_text(struct grammar *grammar, struct str without, uint32_t len_min,
                          uint32_t len_max)
{
    CHECK(without.len == 0 ||
          (without.ptr[0] == '<' && str_find_char(without, '<', 1) == SIZE_MAX));
    const uint32_t first = add_text(grammar, without);
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_TEXT,
                                                   .first = first,
                                                   .count = (uint32_t)without.len,
                                                   .len_min = len_min,
                                                   .len_max = len_max});
}

uint32_t grammar_add_free(struct grammar *grammar, uint32_t then)
{
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_FREE, .rule = then});
}

uint32_t grammar_add_number(struct grammar *grammar, const struct grammar_number *number)
{
    void *numbers = grammar->numbers;
    const bool fits = make_room(grammar, NUMBERS, &numbers, sizeof(*number), grammar->number_count,
                                1, GRAMMAR_RULES_MAX, "number rules");
    grammar->numbers = numbers;
    if (!fits)
        return 0;
    grammar->numbers[grammar->number_count++] = *number;
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_NUMBER,
                                                   .first = grammar->number_count - 1,
                                                   .count = 1});
}

uint32_t grammar_add_repeat(struct grammar *grammar, uint32_t rule, uint32_t more,
                            uint32_t count_max)
{
    return add_rule(grammar,
                    (struct grammar_rule){
                        .kind = GRAMMAR_REPEAT, .rule = rule, .more = more, .len_max = count_max});
}

uint32_t grammar_add_mark(struct grammar *grammar, uint32_t rule, uint32_t tag)
{
    return add_rule(grammar,
                    (struct grammar_rule){
                        .kind = GRAMMAR_MARK, .rule = rule, .more = GRAMMAR_NONE, .tag = tag});
}

uint32_t grammar_add_array(struct grammar *grammar, const struct grammar_array_spec *spec)
{
    const uint32_t first = grammar_internal_add_links(grammar, spec->prefix, spec->prefix_count);
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_ARRAY,
                                                   .first = first,
                                                   .count = spec->prefix_count,
                                                   .rule = spec->items,
                                                   .len_min = spec->len_min,
                                                   .len_max = spec->len_max});
}

/* ---------------------------------------------------------------- words */

struct sorted_text {
    struct str text;
    uint32_t index;
};

static int by_text(const void *a, const void *b)
{
    const struct sorted_text *left = a;
    const struct sorted_text *right = b;
    const int order = str_compare(left->text, right->text);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* Freed by the caller. */
static struct sorted_text *sort_texts(const struct str *texts, uint32_t count)
{
    struct sorted_text *sorted = mem_alloc((count + 1) * sizeof(*sorted));
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = (struct sorted_text){texts[i], i};
    qsort(sorted, count, sizeof(*sorted), by_text);
    return sorted;
}

uint32_t grammar_add_words(struct grammar *grammar, const struct str *texts, const uint32_t *then,
                           uint32_t count)
{
    void *words = grammar->words;
    const bool fits = count <= GRAMMAR_WORDS_MAX &&
                      make_room(grammar, WORDS, &words, sizeof(*grammar->words),
                                grammar->word_count, count, GRAMMAR_LINKS_MAX, "words");
    grammar->words = words;
    if (!fits) {
        grammar->too_much = grammar->too_much ? grammar->too_much : "words of one list";
        return 0;
    }
    CLEANUP(mem_freep) struct sorted_text *sorted = sort_texts(texts, count);
    const uint32_t first = grammar->word_count;
    for (uint32_t i = 0; i < count; i++) {
        if (i && str_equal(sorted[i].text, sorted[i - 1].text))
            continue;
        const uint32_t index = sorted[i].index;
        grammar->words[grammar->word_count++] =
            (struct grammar_word){.text = add_text(grammar, sorted[i].text),
                                  .len = (uint32_t)sorted[i].text.len,
                                  .then = then ? then[index] : GRAMMAR_NONE};
    }
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_WORDS,
                                                   .first = first,
                                                   .count = grammar->word_count - first});
}

/* ---------------------------------------------------------------- objects */

/* Fills one property; `text` gets the key as it is written. */
static void set_property(struct grammar *grammar, struct grammar_property *property,
                         const struct grammar_property_spec *spec, struct strbuf *text)
{
    strbuf_clear(text);
    json_write_string(spec->name, text);
    uint64_t hash = GRAMMAR_HASH_START;
    for (size_t i = 1; i + 1 < text->len; i++)
        hash = grammar_hash_add(hash, (unsigned char)text->ptr[i]);
    strbuf_add_c(text, ": ");
    *property = (struct grammar_property){.key = add_text(grammar, strbuf_view(text)),
                                          .len = (uint32_t)text->len,
                                          .value = spec->value,
                                          .is_required = spec->is_required,
                                          .hash = hash};
}

static void sort_properties(struct grammar *grammar, struct grammar_property *properties,
                            uint32_t count)
{
    CLEANUP(mem_freep) struct str *keys = mem_alloc((count + 1) * sizeof(*keys));
    for (uint32_t i = 0; i < count; i++)
        keys[i] = (struct str){grammar->texts + properties[i].key, properties[i].len};
    CLEANUP(mem_freep) struct sorted_text *sorted = sort_texts(keys, count);
    for (uint32_t i = 0; i < count; i++)
        properties[i].sorted = sorted[i].index;
}

uint32_t grammar_add_object(struct grammar *grammar, const struct grammar_object_spec *spec)
{
    const uint32_t count = spec->property_count;
    const bool is_open = spec->extra != GRAMMAR_NONE;
    void *properties = grammar->properties;
    const bool fits = make_room(grammar, PROPERTIES, &properties, sizeof(*grammar->properties),
                                grammar->property_count, count, GRAMMAR_LINKS_MAX, "properties");
    grammar->properties = properties;
    if (count > (is_open ? GRAMMAR_OPEN_PROPERTIES_MAX : GRAMMAR_PROPERTIES_MAX)) {
        const char *what = is_open ? "properties of one object that may hold other keys"
                                   : "properties of one object";
        grammar->too_much = grammar->too_much ? grammar->too_much : what;
    }
    if (!fits || grammar->too_much)
        return 0;
    const uint32_t first = grammar->property_count;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    for (uint32_t i = 0; i < count; i++)
        set_property(grammar, &grammar->properties[first + i], &spec->properties[i], &text);
    grammar->property_count += count;
    if (grammar->too_much)
        return 0;
    if (count)
        sort_properties(grammar, grammar->properties + first, count);
    for (uint32_t i = count, next = count; i-- > 0;) {
        next = spec->properties[i].is_required ? i : next;
        grammar->properties[first + i].next_required = next;
    }

    uint32_t key = GRAMMAR_NONE;
    if (is_open)
        key = add_rule(grammar,
                       (struct grammar_rule){.kind = GRAMMAR_KEY, .len_max = spec->key_len_max});
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_OBJECT,
                                                   .first = first,
                                                   .count = count,
                                                   .rule = spec->extra,
                                                   .more = key,
                                                   .len_max = is_open ? spec->extra_keys_max : 0});
}

/* ---------------------------------------------------------------- networks */

static bool reserve_network(struct grammar *grammar, const struct grammar_network_spec *spec)
{
    void *networks = grammar->networks;
    void *states = grammar->states;
    void *cells = grammar->cells;
    void *calls = grammar->calls;
    const uint64_t wanted = (uint64_t)spec->state_count * spec->class_count;
    const uint32_t cell_count = wanted < UINT32_MAX ? (uint32_t)wanted : UINT32_MAX;
    const bool fits =
        make_room(grammar, NETWORKS, &networks, sizeof(*grammar->networks), grammar->network_count,
                  1, GRAMMAR_RULES_MAX, "patterns") &&
        make_room(grammar, STATES, &states, sizeof(*grammar->states), grammar->state_count,
                  spec->state_count, GRAMMAR_STATES_MAX, "states of patterns") &&
        make_room(grammar, CELLS, &cells, sizeof(*grammar->cells), grammar->cell_count, cell_count,
                  GRAMMAR_CELLS_MAX, "states of patterns") &&
        make_room(grammar, CALLS, &calls, sizeof(*grammar->calls), grammar->call_count,
                  spec->call_count, GRAMMAR_LINKS_MAX, "references between rules");
    grammar->networks = networks;
    grammar->states = states;
    grammar->cells = cells;
    grammar->calls = calls;
    return fits;
}

uint32_t grammar_add_network(struct grammar *grammar, const struct grammar_network_spec *spec)
{
    CHECK(spec->state_count > 0 && spec->state_count < GRAMMAR_NO_STATE);
    if (!reserve_network(grammar, spec))
        return 0;
    struct grammar_network network = {.first_state = grammar->state_count,
                                      .state_count = spec->state_count,
                                      .first_cell = grammar->cell_count,
                                      .class_count = spec->class_count,
                                      .way_out = GRAMMAR_NO_STATE,
                                      .has_calls = spec->call_count > 0};
    memcpy(network.classes, spec->classes, sizeof(network.classes));
    const uint32_t cell_count = spec->state_count * spec->class_count;
    memcpy(grammar->cells + grammar->cell_count, spec->cells, cell_count * sizeof(*spec->cells));
    grammar->cell_count += cell_count;
    for (uint32_t i = 0; i < spec->state_count; i++) {
        struct grammar_network_state state = spec->states[i];
        state.rest = GRAMMAR_ENDLESS;
        state.first_call += grammar->call_count;
        state.is_final = state.is_accepting && state.call_count == 0;
        for (uint32_t k = 0; k < spec->class_count; k++)
            state.is_final &= spec->cells[i * spec->class_count + k] == GRAMMAR_NO_STATE;
        if (state.is_accepting && !state.is_final && state.call_count == 0)
            network.way_out = i;
        grammar->states[grammar->state_count++] = state;
    }
    if (spec->call_count)
        memcpy(grammar->calls + grammar->call_count, spec->calls,
               spec->call_count * sizeof(*spec->calls));
    grammar->call_count += spec->call_count;
    grammar->networks[grammar->network_count] = network;
    return add_rule(
        grammar, (struct grammar_rule){.kind = GRAMMAR_NETWORK, .first = grammar->network_count++});
}

uint32_t grammar_add_network_again(struct grammar *grammar, uint32_t network)
{
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_NETWORK, .first = network});
}

struct grammar_extent grammar_get_extent(const struct grammar *grammar)
{
    return (struct grammar_extent){
        .texts = grammar->text_count,
        .rules = grammar->rule_count,
        .links = grammar->link_count,
        .words = grammar->word_count,
        .properties = grammar->property_count,
        .numbers = grammar->number_count,
        .networks = grammar->network_count,
        .states = grammar->state_count,
        .cells = grammar->cell_count,
        .calls = grammar->call_count,
        .too_much = grammar->too_much,
    };
}

void grammar_cut(struct grammar *grammar, const struct grammar_extent *extent)
{
    grammar->text_count = extent->texts;
    grammar->rule_count = extent->rules;
    grammar->link_count = extent->links;
    grammar->word_count = extent->words;
    grammar->property_count = extent->properties;
    grammar->number_count = extent->numbers;
    grammar->network_count = extent->networks;
    grammar->state_count = extent->states;
    grammar->cell_count = extent->cells;
    grammar->call_count = extent->calls;
    grammar->too_much = extent->too_much;
}

/* ---------------------------------------------------------------- narrowing */

static void *copy_array(const void *array, size_t count, size_t size)
{
    return count ? mem_copy(array, count * size) : NULL;
}

struct grammar *grammar_copy(const struct grammar *grammar)
{
    struct grammar *copy = mem_copy(grammar, sizeof(*grammar));
    copy->reference_count = 1;
    copy->rules = copy_array(grammar->rules, grammar->rule_count, sizeof(*copy->rules));
    copy->links = copy_array(grammar->links, grammar->link_count, sizeof(*copy->links));
    copy->texts = copy_array(grammar->texts, grammar->text_count, 1);
    copy->words = copy_array(grammar->words, grammar->word_count, sizeof(*copy->words));
    copy->properties =
        copy_array(grammar->properties, grammar->property_count, sizeof(*copy->properties));
    copy->numbers = copy_array(grammar->numbers, grammar->number_count, sizeof(*copy->numbers));
    copy->capacities[RULES] = grammar->rule_count;
    copy->capacities[LINKS] = grammar->link_count;
    copy->capacities[TEXTS] = (uint32_t)grammar->text_count;
    copy->capacities[WORDS] = grammar->word_count;
    copy->capacities[PROPERTIES] = grammar->property_count;
    copy->capacities[NUMBERS] = grammar->number_count;
    copy->networks = copy_array(grammar->networks, grammar->network_count, sizeof(*copy->networks));
    copy->states = copy_array(grammar->states, grammar->state_count, sizeof(*copy->states));
    copy->cells = copy_array(grammar->cells, grammar->cell_count, sizeof(*copy->cells));
    copy->calls = copy_array(grammar->calls, grammar->call_count, sizeof(*copy->calls));
    copy->capacities[NETWORKS] = grammar->network_count;
    copy->capacities[STATES] = grammar->state_count;
    copy->capacities[CELLS] = grammar->cell_count;
    copy->capacities[CALLS] = grammar->call_count;
    return copy;
}

void grammar_set_mark_rule(struct grammar *grammar, uint32_t mark, uint32_t shortest)
{
    CHECK(grammar->rules[mark].kind == GRAMMAR_MARK);
    grammar->rules[mark].more = shortest;
}

void grammar_remove_word(struct grammar *grammar, uint32_t words, uint32_t then)
{
    struct grammar_rule *rule = &grammar->rules[words];
    CHECK(rule->kind == GRAMMAR_WORDS);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rule->count; i++) {
        const struct grammar_word word = grammar->words[rule->first + i];
        if (word.then != then)
            grammar->words[rule->first + kept++] = word;
    }
    rule->count = kept;
}
