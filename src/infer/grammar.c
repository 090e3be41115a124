#include "infer/grammar.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "text/json.h"

#include <stdlib.h>

enum array { RULES, LINKS, TEXTS, WORDS, PROPERTIES, NUMBERS };

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

static uint32_t add_links(struct grammar *grammar, const uint32_t *ids, uint32_t count)
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
    const uint32_t first = add_links(grammar, rules, count);
    return add_rule(
        grammar, (struct grammar_rule){.kind = GRAMMAR_SEQUENCE, .first = first, .count = count});
}

uint32_t grammar_add_choice(struct grammar *grammar, const uint32_t *rules, uint32_t count)
{
    if (count > GRAMMAR_CHOICES_MAX) {
        grammar->too_much = grammar->too_much ? grammar->too_much : "alternatives of one choice";
        return 0;
    }
    const uint32_t first = add_links(grammar, rules, count);
    return add_rule(grammar,
                    (struct grammar_rule){.kind = GRAMMAR_CHOICE, .first = first, .count = count});
}

uint32_t grammar_add_string(struct grammar *grammar, uint32_t len_min, uint32_t len_max)
{
    return add_rule(grammar, (struct grammar_rule){
                                 .kind = GRAMMAR_STRING, .len_min = len_min, .len_max = len_max});
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
    return add_rule(grammar, (struct grammar_rule){.kind = GRAMMAR_MARK, .rule = rule, .tag = tag});
}

uint32_t grammar_add_array(struct grammar *grammar, const struct grammar_array_spec *spec)
{
    const uint32_t first = add_links(grammar, spec->prefix, spec->prefix_count);
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
            all = join(all, this, 1);
        else if (this.shortest < all.shortest)
            all = this;
    }
    return all;
}

static struct measure measure_rule(const struct grammar *grammar, const struct grammar_rule *rule)
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
    case GRAMMAR_REPEAT:
    case GRAMMAR_MARK: {
        struct measure inside = of_rule(grammar, rule->rule);
        if (rule->kind == GRAMMAR_MARK && rule->count)
            inside.shortest = rule->count;
        return join((struct measure){0, 0}, inside, 1);
    }
    }
    return no_text;
}

/* Least fixed point: each pass settles at least one more rule, so it ends. Both directions take
 * turns, since references mostly go one way. */
static void measure_lengths(struct grammar *grammar, const bool *banned)
{
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
    const uint32_t first = add_links(grammar, flat.found, flat.found_count);
    grammar->rules[choice].first = first;
    grammar->rules[choice].count = flat.found_count;
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
    depth_max = depth_max < GRAMMAR_DEPTH_MAX ? depth_max : GRAMMAR_DEPTH_MAX;
    grammar->depth_max = depth_max;
    grammar->node_depth_max = depth_max + GRAMMAR_NODES_AROUND;
    CLEANUP(mem_freep) bool *banned = mem_zalloc(grammar->rule_count + 1);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        measure_lengths(grammar, banned);
        if (!measure_depths(grammar, banned))
            return OK;
    }
    return error_set(err, E_LIMIT, "too deep to enforce (limit %u values inside values)",
                     grammar->node_depth_max);
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
    return copy;
}

void grammar_set_mark_text(struct grammar *grammar, uint32_t mark, struct str text)
{
    CHECK(grammar->rules[mark].kind == GRAMMAR_MARK && text.len > 0);
    const uint32_t first = add_text(grammar, text);
    grammar->rules[mark].first = first;
    grammar->rules[mark].count = (uint32_t)text.len;
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
