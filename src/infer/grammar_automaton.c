/*
 * grammar_automaton - joining automatons and putting them into grammars (see the header); the
 * construction itself is in grammar_automaton_build.c.
 */
#include "infer/grammar_automaton.h"

#include "base/mem.h"
#include "infer/grammar_automaton_internal.h"

void grammar_automaton_done(struct grammar_automaton *automaton)
{
    mem_free(automaton->cells);
    mem_free(automaton->states);
    mem_free(automaton->is_inside);
    mem_free(automaton->calls);
    *automaton = (struct grammar_automaton){0};
}

enum status grammar_automaton_internal_add_state(struct grammar_automaton *automaton,
                                                 struct error *err)
{
    if (automaton->state_count == GRAMMAR_AUTOMATON_STATES_MAX)
        return error_set(err, E_LIMIT, "too intricate (limit %d states)",
                         GRAMMAR_AUTOMATON_STATES_MAX);
    if (automaton->state_count == automaton->capacity) {
        const uint32_t capacity = automaton->capacity ? 2 * automaton->capacity : 32;
        automaton->cells = mem_realloc(automaton->cells, (size_t)capacity * automaton->class_count *
                                                             sizeof(uint16_t));
        automaton->states = mem_realloc(automaton->states, capacity * sizeof(*automaton->states));
        automaton->is_inside = mem_realloc(automaton->is_inside, capacity * sizeof(bool));
        automaton->capacity = capacity;
    }
    const uint32_t state = automaton->state_count++;
    uint16_t *row = automaton->cells + (size_t)state * automaton->class_count;
    for (uint32_t i = 0; i < automaton->class_count; i++)
        row[i] = GRAMMAR_NO_STATE;
    automaton->states[state] = (struct grammar_network_state){.first_call = automaton->call_count};
    automaton->is_inside[state] = false;
    return OK;
}

static uint32_t next_of(const struct grammar_automaton *automaton, uint32_t state, unsigned byte)
{
    return automaton->cells[(size_t)state * automaton->class_count + automaton->classes[byte]];
}

bool grammar_automaton_accepts(const struct grammar_automaton *automaton, struct str text)
{
    uint32_t state = 0;
    for (size_t i = 0; i < text.len && state != GRAMMAR_NO_STATE; i++)
        state = next_of(automaton, state, (unsigned char)text.ptr[i]);
    return state != GRAMMAR_NO_STATE && automaton->states[state].is_accepting;
}

/* ---------------------------------------------------------------- products */

/* One factor of a product: an automaton, or a count of characters. */
struct factor {
    const struct grammar_automaton *automaton; /* NULL: the count */
    bool is_taken_away;                        /* what it accepts is not wanted */
    uint32_t least;
    uint32_t most;
};

/* Pairs of states, each a state of the product. */
struct product {
    const struct grammar_automaton *a;
    struct factor b;
    struct grammar_automaton *out;
    struct hash_map known; /* pair -> state */
    struct arena arena;    /* keys */
    struct pair {
        uint32_t a;
        uint32_t b;
    } * pairs; /* [state] */
    size_t capacity;
    struct error *err;
};

static bool accepts_in(const struct factor *factor, uint32_t state)
{
    if (factor->automaton)
        return state == GRAMMAR_NO_STATE
                   ? factor->is_taken_away
                   : factor->automaton->states[state].is_accepting != factor->is_taken_away;
    return state >= factor->least;
}

static enum status pair_state(struct product *in, struct pair pair, uint32_t *out)
{
    const struct str key = {(const char *)&pair, sizeof(pair)};
    uint64_t known = 0;
    if (hash_map_find(&in->known, key, &known)) {
        *out = (uint32_t)known;
        return OK;
    }
    *out = in->out->state_count;
    TRY(grammar_automaton_internal_add_state(in->out, in->err));
    hash_map_add(&in->known, arena_copy_str(&in->arena, key), *out);
    if (*out == in->capacity) {
        in->capacity = in->capacity ? 2 * in->capacity : 32;
        in->pairs = mem_realloc(in->pairs, in->capacity * sizeof(*in->pairs));
    }
    in->pairs[*out] = pair;
    in->out->is_inside[*out] = in->a->is_inside[pair.a];
    in->out->states[*out].is_accepting =
        in->a->states[pair.a].is_accepting && accepts_in(&in->b, pair.b);
    return OK;
}

/* Where the second factor goes when the first one reads a byte in `from`. */
static uint32_t other_next(const struct product *in, struct pair from, unsigned byte)
{
    if (in->b.automaton)
        return from.b == GRAMMAR_NO_STATE ? from.b : next_of(in->b.automaton, from.b, byte);
    if (in->a->is_inside[from.a])
        return from.b;
    if (in->b.most == GRAMMAR_ENDLESS) /* then only whether there are enough matters */
        return from.b < in->b.least ? from.b + 1 : from.b;
    return from.b < in->b.most ? from.b + 1 : GRAMMAR_NO_STATE;
}

/* Classes of bytes that neither factor tells apart; the number of a class is its first byte's. */
static void merge_classes(const struct grammar_automaton *a, const struct factor *b,
                          struct grammar_automaton *out)
{
    uint16_t seen[256];
    out->class_count = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        const unsigned other = b->automaton ? b->automaton->classes[byte] : 0;
        const uint16_t both = (uint16_t)((unsigned)a->classes[byte] << 8 | other);
        uint32_t class = 0;
        while (class < out->class_count && seen[class] != both)
            class ++;
        seen[class] = both;
        out->classes[byte] = (uint8_t) class;
        out->class_count += class == out->class_count;
    }
}

static enum status fill_product(struct product *in)
{
    struct grammar_automaton *out = in->out;
    uint32_t state = 0;
    TRY(pair_state(in, (struct pair){0, 0}, &state));
    for (state = 0; state < out->state_count; state++) {
        uint32_t done = 0; /* classes come in the order of their first bytes */
        for (unsigned byte = 0; byte < 256; byte++) {
            if (out->classes[byte] != done)
                continue;
            done++;
            const struct pair from = in->pairs[state];
            const struct pair to = {next_of(in->a, from.a, byte), other_next(in, from, byte)};
            if (to.a == GRAMMAR_NO_STATE || (to.b == GRAMMAR_NO_STATE && !in->b.is_taken_away))
                continue;
            uint32_t next = 0;
            TRY(pair_state(in, to, &next));
            out->cells[(size_t)state * out->class_count + out->classes[byte]] = (uint16_t)next;
        }
    }
    return OK;
}

static enum status multiply(const struct grammar_automaton *a, struct factor b,
                            struct grammar_automaton *out, struct error *err)
{
    struct product in = {.a = a, .b = b, .out = out, .err = err};
    *out = (struct grammar_automaton){0};
    merge_classes(a, &b, out);
    const enum status status = fill_product(&in);
    if (status != OK)
        grammar_automaton_done(out);
    mem_free(in.pairs);
    hash_map_done(&in.known);
    arena_done(&in.arena);
    return status;
}

enum status grammar_automaton_intersect(const struct grammar_automaton *a,
                                        const struct grammar_automaton *b,
                                        struct grammar_automaton *out, struct error *err)
{
    return multiply(a, (struct factor){.automaton = b}, out, err);
}

enum status grammar_automaton_subtract(const struct grammar_automaton *a,
                                       const struct grammar_automaton *b,
                                       struct grammar_automaton *out, struct error *err)
{
    return multiply(a, (struct factor){.automaton = b, .is_taken_away = true}, out, err);
}

enum status grammar_automaton_bound(const struct grammar_automaton *a, uint32_t least,
                                    uint32_t most, struct grammar_automaton *out, struct error *err)
{
    if (most != GRAMMAR_ENDLESS && most >= GRAMMAR_NO_STATE)
        most = GRAMMAR_NO_STATE - 1;
    if (least >= GRAMMAR_NO_STATE)
        return error_set(err, E_LIMIT, "too long");
    return multiply(a, (struct factor){.least = least, .most = most}, out, err);
}

/* ---------------------------------------------------------------- into a grammar */

static uint32_t add_plain(struct grammar *grammar, const struct grammar_automaton *automaton)
{
    struct grammar_network_spec spec = {
        .class_count = automaton->class_count,
        .state_count = automaton->state_count,
        .states = automaton->states,
        .cells = automaton->cells,
        .calls = automaton->calls,
        .call_count = automaton->call_count,
    };
    memcpy(spec.classes, automaton->classes, sizeof(spec.classes));
    return grammar_add_network(grammar, &spec);
}

/* A state before the opening quote (the first) and one behind the closing one (the last) are added;
 * the quote is a class of its own, since no character begins with one. */
uint32_t grammar_automaton_add(struct grammar *grammar, const struct grammar_automaton *automaton,
                               bool is_quoted)
{
    if (!is_quoted)
        return add_plain(grammar, automaton);
    const uint32_t classes = automaton->class_count;
    const uint32_t quote = automaton->classes['"'];
    struct grammar_automaton out = {.class_count = classes};
    memcpy(out.classes, automaton->classes, sizeof(out.classes));
    struct error err;
    bool fits = true;
    for (uint32_t i = 0; i < automaton->state_count + 2 && fits; i++)
        fits = grammar_automaton_internal_add_state(&out, &err) == OK;
    if (!fits) {
        grammar->too_much = grammar->too_much ? grammar->too_much : "states of patterns";
        grammar_automaton_done(&out);
        return 0;
    }
    const uint32_t last = automaton->state_count + 1;
    out.cells[quote] = 1;
    for (uint32_t i = 0; i < automaton->state_count; i++) {
        uint16_t *row = out.cells + (size_t)(i + 1) * classes;
        for (uint32_t k = 0; k < classes; k++) {
            const uint16_t next = automaton->cells[(size_t)i * classes + k];
            row[k] = next == GRAMMAR_NO_STATE ? next : (uint16_t)(next + 1);
        }
        if (automaton->states[i].is_accepting)
            row[quote] = (uint16_t)last;
    }
    out.states[last].is_accepting = true;
    const uint32_t rule = add_plain(grammar, &out);
    grammar_automaton_done(&out);
    return rule;
}
