/*
 * fuzz_schema - any text as a JSON Schema: compiling it must end in bounded time with an automaton
 * or one sentence, and every text the automaton then leads to must be JSON.
 *
 * The input (for a lenient caller, if its size is odd) is the schema, and behind a byte 0 (if there
 * is one) the bytes that a text is tried with; see grammar_walk.h.
 */
#include "infer/grammar_schema.h"
#include "tests/fuzz/grammar_walk.h"
#include "text/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { SCHEMA_BYTES_MAX = 64 * 1024 };

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
    CLEANUP(strbuf_done) struct strbuf warnings = {0};
    const bool is_lenient = size % 2;
    const struct grammar_limits limits = {.warnings = is_lenient ? &warnings : NULL};
    enum status status = grammar_schema_add(grammar, schema, &limits, &rule, &err);
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
    grammar_walk(&state, str_slice(rest, 0, GRAMMAR_WALK_BYTES_MAX), &written);
    CHECK(json_parse(strbuf_view(&written), NULL, &value, &err) == OK);
    return 0;
}
