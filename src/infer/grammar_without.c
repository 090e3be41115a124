#include "infer/grammar_without.h"

#include "base/check.h"
#include "base/mem.h"
#include "infer/grammar_automaton_internal.h"

/* A state of `from` and the bytes of the text that were just read. */
struct pair {
    uint32_t state;
    uint32_t read;
};

struct product {
    const struct grammar_automaton *from;
    struct str text;
    struct grammar_automaton *out;
    uint32_t *known;    /* [state * text.len + read] the state in `out` + 1 */
    struct pair *pairs; /* [GRAMMAR_AUTOMATON_STATES_MAX] */
    struct error *err;
};

/* Bytes are told apart by `from` and by where they stand in the text. */
static void set_classes(const struct product *in)
{
    uint32_t seen[256];
    struct grammar_automaton *out = in->out;
    for (unsigned byte = 0; byte < 256; byte++) {
        const size_t at = str_find(in->text, (struct str){(char[]){(char)byte}, 1}, 0);
        const bool is_in_text = at != SIZE_MAX;
        const uint32_t both = in->from->classes[byte] * 512u + (is_in_text ? 256 + byte : 0);
        uint32_t class = 0;
        while (class < out->class_count && seen[class] != both)
            class ++;
        seen[class] = both;
        out->classes[byte] = (uint8_t) class;
        out->class_count += class == out->class_count;
    }
}

static enum status state_of(struct product *in, struct pair pair, uint32_t *out)
{
    uint32_t *known = &in->known[(size_t)pair.state * in->text.len + pair.read];
    if (*known) {
        *out = *known - 1;
        return OK;
    }
    const struct grammar_automaton *from = in->from;
    *out = in->out->state_count;
    TRY(grammar_automaton_internal_add_state(in->out, in->err));
    *known = *out + 1;
    in->pairs[*out] = pair;
    in->out->is_inside[*out] = from->is_inside[pair.state];
    in->out->states[*out].is_accepting = from->states[pair.state].is_accepting && pair.read == 0;
    return OK;
}

/* How much of the text is read behind one more byte; all of it: the byte must not come. */
static uint32_t read_behind(const struct product *in, uint32_t read, unsigned char byte)
{
    if ((unsigned char)in->text.ptr[read] == byte)
        return read + 1;
    return (unsigned char)in->text.ptr[0] == byte ? 1 : 0;
}

static enum status fill_bytes(struct product *in, uint32_t state)
{
    struct grammar_automaton *out = in->out;
    const struct pair pair = in->pairs[state];
    const uint16_t *row = in->from->cells + (size_t)pair.state * in->from->class_count;
    for (unsigned byte = 0; byte < 256; byte++) {
        const size_t cell = (size_t)state * out->class_count + out->classes[byte];
        const uint16_t next = row[in->from->classes[byte]];
        const uint32_t read = read_behind(in, pair.read, (unsigned char)byte);
        uint32_t to = 0;
        if (next == GRAMMAR_NO_STATE || read == in->text.len ||
            out->cells[cell] != GRAMMAR_NO_STATE)
            continue;
        TRY(state_of(in, (struct pair){next, read}, &to));
        out->cells[cell] = (uint16_t)to;
    }
    return OK;
}

static enum status fill_calls(struct product *in, uint32_t state)
{
    struct grammar_automaton *out = in->out;
    const struct pair pair = in->pairs[state];
    const struct grammar_network_state *old = &in->from->states[pair.state];
    out->states[state].first_call = out->call_count;
    for (uint32_t i = 0; pair.read == 0 && i < old->call_count; i++) {
        const struct grammar_network_call *call = &in->from->calls[old->first_call + i];
        uint32_t to = 0;
        TRY(state_of(in, (struct pair){call->to, 0}, &to));
        if (out->call_count == out->call_capacity) {
            out->call_capacity = out->call_capacity ? 2 * out->call_capacity : 16;
            out->calls = mem_realloc(out->calls, out->call_capacity * sizeof(*out->calls));
        }
        out->calls[out->call_count++] = (struct grammar_network_call){call->rule, to};
        out->states[state].call_count++;
    }
    return OK;
}

static enum status fill(struct product *in)
{
    uint32_t state = 0;
    set_classes(in);
    TRY(state_of(in, (struct pair){0, 0}, &state));
    for (state = 0; state < in->out->state_count; state++) {
        TRY(fill_bytes(in, state));
        TRY(fill_calls(in, state));
    }
    return OK;
}

enum status grammar_without_apply(const struct grammar_automaton *from, struct str text,
                                  struct grammar_automaton *out, struct error *err)
{
    *out = (struct grammar_automaton){0};
    CHECK(text.len > 0 && from->state_count > 0);
    struct product in = {.from = from, .text = text, .out = out, .err = err};
    in.known = mem_try_zalloc((size_t)from->state_count * text.len, sizeof(*in.known));
    in.pairs = mem_try_zalloc(GRAMMAR_AUTOMATON_STATES_MAX, sizeof(*in.pairs));
    const enum status status =
        in.known && in.pairs ? fill(&in) : error_set(err, E_NO_MEMORY, "too large for the memory");
    mem_free(in.known);
    mem_free(in.pairs);
    if (status != OK)
        grammar_automaton_done(out);
    return status;
}
