/*
 * fuzz_lark - any text as a grammar of a custom tool: compiling it must end in bounded time with an
 * automaton or one sentence.
 *
 * The first byte says where the text stands and how it is written: as it is, in a JSON string,
 * between tags; Lark or a regular expression. Then the grammar, and behind a byte 0 (if there is
 * one) the bytes that a text is tried with; see grammar_walk.h.
 */
#include "infer/grammar_written.h"
#include "tests/fuzz/grammar_walk.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct grammar_written_place places[] = {
        {0}, {.is_json = true}, {.without = {"</x>", 4}}};
    if (size == 0)
        return 0;
    struct str rest = {(const char *)bytes + 1, size - 1};
    const struct grammar_written written = {
        .syntax = bytes[0] & 4 ? GRAMMAR_WRITTEN_REGEX : GRAMMAR_WRITTEN_LARK,
        .text = str_split(&rest, '\0'),
    };
    CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
    struct error err = {0};
    uint32_t rule = 0;
    grammar->is_text = true;
    const struct grammar_written_place *place = &places[(bytes[0] & 3) % 3];
    if (grammar_written_add(grammar, &written, place, &rule, &err) != OK ||
        grammar_finish(grammar, GRAMMAR_TEXT_DEPTH_MAX, &err) != OK) {
        CHECK(err.text[0] && !strchr(err.text, '\n'));
        return 0;
    }
    if (grammar->rules[rule].shortest == GRAMMAR_ENDLESS)
        return 0;
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    grammar_state_start(&state, grammar, NULL, rule, 0);
    grammar_walk(&state, str_slice(rest, 0, GRAMMAR_WALK_BYTES_MAX), &text);
    return 0;
}
