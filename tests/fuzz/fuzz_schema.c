/*
 * fuzz_schema - any text as a JSON Schema: compiling it must end in bounded time with an automaton
 * or one sentence, and every text the automaton then leads to must be JSON.
 *
 * The input is the schema, and behind a byte 0 (if there is one) the bytes that a text is tried
 * with;
 * from where they end the shortest rest is followed, which must come to its end as announced.
 */
#include "base/check.h"
#include "base/strbuf.h"
#include "infer/grammar_rest.h"
#include "infer/grammar_schema.h"
#include "text/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { SCHEMA_BYTES_MAX = 64 * 1024, WALK_BYTES_MAX = 600 };

/* Reads what the automaton accepts of `wish`, then the shortest rest; `out` gets the whole text. */
static void walk(struct grammar_state *state, struct str wish, struct strbuf *out)
{
    CLEANUP(grammar_rest_text_done) struct grammar_rest_text rest = {0};
    CLEANUP(grammar_rest_text_done) struct grammar_rest_text scratch = {0};
    struct grammar_layer next;
    for (size_t i = 0; i < wish.len; i++) {
        if (!grammar_state_step(state, &state->base, (unsigned char)wish.ptr[i], &next))
            continue;
        strbuf_add_char(out, wish.ptr[i]);
        grammar_state_commit(state, &next);
        CHECK(grammar_rest_layer(state, &state->base, &scratch) != GRAMMAR_ENDLESS);
    }
    CHECK(grammar_rest_write(state, &state->base, &scratch, &rest));
    for (uint32_t i = 0; i < rest.count; i++) {
        const unsigned char byte = (unsigned char)rest.symbols[i];
        CHECK(rest.symbols[i] < GRAMMAR_REST_SPECIAL);
        CHECK(grammar_state_step(state, &state->base, byte, &next));
        strbuf_add_char(out, (char)byte);
        grammar_state_commit(state, &next);
        if (rest.count - i - 1 <= WALK_BYTES_MAX)
            CHECK(grammar_rest_layer(state, &state->base, &scratch) == rest.count - i - 1);
    }
    CHECK(grammar_state_is_complete(state, &state->base));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str rest = {(const char *)bytes, size};
    const struct str text = str_split(&rest, '\0');
    if (text.len > SCHEMA_BYTES_MAX)
        return 0;
    CLEANUP(json_decrefp) json_t *schema = NULL;
    CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
    struct error err = {0};
    uint32_t rule = 0;
    if (json_parse(text, NULL, &schema, &err) != OK)
        return 0;
    enum status status = grammar_schema_add(grammar, schema, NULL, &rule, &err);
    if (status == OK)
        status = grammar_finish(grammar, 0, &err);
    if (status != OK) {
        CHECK(err.text[0] && !strchr(err.text, '\n'));
        return 0;
    }
    if (grammar->rules[rule].shortest == GRAMMAR_ENDLESS)
        return 0;
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    CLEANUP(strbuf_done) struct strbuf written = {0};
    CLEANUP(json_decrefp) json_t *value = NULL;
    grammar_state_start(&state, grammar, NULL, rule, 0);
    walk(&state, str_slice(rest, 0, WALK_BYTES_MAX), &written);
    CHECK(json_parse(strbuf_view(&written), NULL, &value, &err) == OK);
    return 0;
}
