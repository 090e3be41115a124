#include "infer/grammar_schema_text.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/grammar_regex.h"
#include "text/json.h"

void grammar_schema_text_done(struct grammar_schema_text *known)
{
    for (uint32_t i = 0; i < known->count; i++)
        grammar_automaton_done(&known->automatons[i]);
    mem_free(known->automatons);
    hash_map_done(&known->patterns);
    hash_map_done(&known->networks);
    arena_done(&known->arena);
    *known = (struct grammar_schema_text){0};
}

/* ---------------------------------------------------------------- patterns */

/* Says where the pattern stands. */
static enum status blame(const struct grammar_schema_pattern *pattern, enum status status,
                         struct error *err)
{
    struct error reason = *err;
    return error_set(err, status, "\"%s\" at %s cannot be enforced: %.*s",
                     pattern->is_format ? "format" : "pattern", pattern->path, 300, reason.text);
}

static enum status compile(struct grammar_schema_text *known,
                           const struct grammar_schema_pattern *pattern,
                           struct grammar_automaton *out, struct error *err)
{
    const struct grammar_automaton_options options = {
        .is_json = true, .is_searched = true, .work = &known->work};
    struct grammar_expression *expression = NULL;
    enum status status = grammar_regex_parse(&known->arena, pattern->text, &expression, err);
    if (status == OK)
        status = grammar_automaton_build(expression, &options, out, err);
    return status == OK ? OK : blame(pattern, status, err);
}

enum status grammar_schema_text_automaton(struct grammar_schema_text *known,
                                          const struct grammar_schema_pattern *pattern,
                                          const struct grammar_automaton **out, struct error *err)
{
    uint64_t index = 0;
    if (!hash_map_find(&known->patterns, pattern->text, &index)) {
        struct grammar_automaton automaton;
        TRY(compile(known, pattern, &automaton, err));
        if (known->count == known->capacity) {
            known->capacity = known->capacity ? 2 * known->capacity : 8;
            known->automatons =
                mem_realloc(known->automatons, known->capacity * sizeof(*known->automatons));
        }
        known->automatons[known->count++] = automaton;
        index = known->count;
        hash_map_set(&known->patterns, arena_copy_str(&known->arena, pattern->text), index);
    }
    *out = index ? &known->automatons[index - 1] : NULL;
    return OK;
}

void grammar_schema_text_ignore(struct grammar_schema_text *known,
                                const struct grammar_schema_pattern *pattern)
{
    hash_map_set(&known->patterns, arena_copy_str(&known->arena, pattern->text), 0);
}

/* ---------------------------------------------------------------- together */

/* No bound stays none. */
static uint32_t clamp(uint64_t count)
{
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

/* *whole: what all patterns and the bounds allow. */
static enum status combine(struct grammar_schema_text *known,
                           const struct grammar_schema_part *part, struct grammar_automaton *whole,
                           struct error *err)
{
    static const struct grammar_schema_pattern anything = {.text = {"", 0}, .path = "#"};
    const struct grammar_automaton *one = NULL;
    bool is_open = true;                      /* no pattern so far */
    for (size_t pass = 0; pass < 2; pass++) { /* what must match, then what must not */
        for (size_t i = 0; i < part->pattern_count; i++) {
            const struct grammar_schema_pattern *pattern = &part->patterns[i];
            struct grammar_automaton next;
            TRY(grammar_schema_text_automaton(known, pattern, &one, err));
            if (!one || pattern->is_not != (pass == 1))
                continue;
            if (is_open) {
                const struct grammar_automaton *all = NULL;
                TRY(grammar_schema_text_automaton(known, pass ? &anything : pattern, &all, err));
                TRY(grammar_automaton_bound(all, clamp(part->string_min), clamp(part->string_max),
                                            whole, err));
                TRY(grammar_schema_text_automaton(known, pattern, &one,
                                                  err)); /* it may have moved */
            }
            if (!is_open || pass == 1) {
                TRY(pass ? grammar_automaton_subtract(whole, one, &next, err)
                         : grammar_automaton_intersect(whole, one, &next, err));
                grammar_automaton_done(whole);
                *whole = next;
            }
            is_open = false;
        }
    }
    return OK;
}

/* What tells one combination from another. */
static void write_key(const struct grammar_schema_part *part, struct strbuf *out)
{
    strbuf_addf(out, "%llu %llu", (unsigned long long)part->string_min,
                (unsigned long long)part->string_max);
    for (size_t i = 0; i < part->pattern_count; i++) {
        strbuf_add_char(out, '\0');
        strbuf_add_char(out, part->patterns[i].is_not ? '!' : '=');
        strbuf_add_str(out, part->patterns[i].text);
    }
}

enum status grammar_schema_text_rule(struct grammar_schema_text *known, struct grammar *grammar,
                                     const struct grammar_schema_part *part, uint32_t *out,
                                     struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf key = {0};
    write_key(part, &key);
    uint64_t index = 0;
    if (!hash_map_find(&known->networks, strbuf_view(&key), &index)) {
        CLEANUP(grammar_automaton_done) struct grammar_automaton whole = {0};
        const enum status status = combine(known, part, &whole, err);
        if (status != OK)
            return error_set(err, status, "the text at %s with its patterns and lengths is %s",
                             part->patterns[0].path, "too intricate to enforce");
        if (whole.state_count > 0) {
            *out = grammar_automaton_add(grammar, &whole, true);
            index = grammar->too_much ? 0 : grammar->rules[*out].first + (uint64_t)1;
        }
        hash_map_set(&known->networks, arena_copy_str(&known->arena, strbuf_view(&key)), index);
        *out = index ? *out : GRAMMAR_NONE;
        return OK;
    }
    *out = index ? grammar_add_network_again(grammar, (uint32_t)index - 1) : GRAMMAR_NONE;
    return OK;
}

enum status grammar_schema_text_allows(struct grammar_schema_text *known,
                                       const struct grammar_schema_part *part, struct str text,
                                       bool *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf quoted = {0};
    json_write_string(text, &quoted);
    *out = true;
    for (size_t i = 0; i < part->pattern_count && *out; i++) {
        const struct grammar_automaton *one = NULL;
        TRY(grammar_schema_text_automaton(known, &part->patterns[i], &one, err));
        if (one)
            *out = grammar_automaton_accepts(one,
                                             str_slice(strbuf_view(&quoted), 1, quoted.len - 1)) !=
                   part->patterns[i].is_not;
    }
    return OK;
}
