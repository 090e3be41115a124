/*
 * grammar_walk - what the fuzz targets of grammars do with an automaton: read what it accepts of
 * some bytes, then follow the shortest rest, which must come to its end as announced.
 *
 * Used by: fuzz_schema.c, fuzz_gbnf.c.
 */
#pragma once

#include "base/check.h"
#include "base/strbuf.h"
#include "infer/grammar_rest.h"

enum { GRAMMAR_WALK_BYTES_MAX = 600 };

/* Reads what the automaton accepts of `wish`, then the shortest rest; `out` gets the whole text. */
static inline void grammar_walk(struct grammar_state *state, struct str wish, struct strbuf *out)
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
        if (rest.count - i - 1 <= GRAMMAR_WALK_BYTES_MAX)
            CHECK(grammar_rest_layer(state, &state->base, &scratch) == rest.count - i - 1);
    }
    CHECK(grammar_state_is_complete(state, &state->base));
}
