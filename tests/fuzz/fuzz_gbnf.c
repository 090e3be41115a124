/*
 * fuzz_gbnf - any text as a GBNF grammar: compiling it must end in bounded time with an automaton
 * or one sentence.
 *
 * The input is the grammar, and behind a byte 0 (if there is one) the bytes that a text is tried
 * with; see grammar_walk.h.
 */
#include "infer/grammar_gbnf.h"
#include "tests/fuzz/grammar_walk.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str rest = {(const char *)bytes, size};
    const struct str text = str_split(&rest, '\0');
    CLEANUP(grammar_unrefp) struct grammar *grammar = NULL;
    struct error err = {0};
    uint32_t rule = 0;
    if (grammar_gbnf_parse(text, &grammar, &rule, &err) != OK) {
        CHECK(err.text[0] && !strchr(err.text, '\n'));
        return 0;
    }
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    CLEANUP(strbuf_done) struct strbuf written = {0};
    grammar_state_start(&state, grammar, NULL, rule, 0);
    grammar_walk(&state, str_slice(rest, 0, GRAMMAR_WALK_BYTES_MAX), &written);
    return 0;
}
