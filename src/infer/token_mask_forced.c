/*
 * token_mask_forced - text that must come, and the tokens that the tokenizer makes of it.
 *
 * Forced text is followed byte by byte while the grammar allows exactly one. It falls into runs,
 * parted by special tokens, which are boundaries for every tokenizer. A run is tokenized behind the
 * text that precedes it; the last run is cut back where what may follow it could change its tokens.
 *
 * Threads: see token_mask.h.
 */
#include "infer/token_mask.h"

#include "base/strbuf.h"
#include "infer/token_mask_internal.h"
#include "tokenizer/tokenizer.h"

/* What comes next in forced text. */
struct next {
    enum { NEXT_CHOICE, NEXT_BYTE, NEXT_SPECIAL } kind;
    int symbol; /* the byte or token */
    struct grammar_layer layer;
};

/* Can the text go on behind this layer at all? Only exclusions may say no. */
static bool is_viable(struct token_mask *mask, const struct grammar_layer *layer)
{
    return !layer->matching ||
           grammar_rest_layer(&mask->state, layer, &mask->scratch) != GRAMMAR_ENDLESS;
}

/* The literal byte of the only reading; -1: it takes trying. */
static int literal_byte(const struct grammar_state *state, const struct grammar_layer *layer)
{
    if (layer->count != 1)
        return -1;
    const struct grammar_node *node = &state->configs[layer->first];
    if (node->rule == GRAMMAR_NONE)
        return -1;
    const struct grammar_rule *rule = &state->grammar->rules[node->rule];
    if (rule->kind != GRAMMAR_LITERAL)
        return -1;
    return (unsigned char)state->grammar->texts[rule->first + node->count];
}

/* Steps to the only symbol that may follow `from`, if there is only one. */
static struct next only_next(struct token_mask *mask, const struct grammar_layer *from)
{
    struct grammar_state *state = &mask->state;
    struct next next = {.kind = NEXT_CHOICE};
    if (grammar_state_is_complete(state, from))
        return next;
    const int literal = literal_byte(state, from);
    int found = 0;
    for (int byte = literal >= 0 ? literal : 0; byte < (literal >= 0 ? literal + 1 : 256); byte++) {
        struct grammar_layer to;
        if (!grammar_state_step(state, from, (unsigned char)byte, &to) || !is_viable(mask, &to))
            continue;
        if (++found > 1)
            return (struct next){.kind = NEXT_CHOICE};
        next = (struct next){.kind = NEXT_BYTE, .symbol = byte};
    }
    for (uint32_t i = 0; literal < 0 && i < mask->program->special_count; i++) {
        struct grammar_layer to;
        const int32_t token = mask->program->specials[i];
        if (!grammar_state_step_special(state, from, token, &to) || !is_viable(mask, &to))
            continue;
        if (++found > 1)
            return (struct next){.kind = NEXT_CHOICE};
        next = (struct next){.kind = NEXT_SPECIAL, .symbol = token};
    }
    /* once more, since other trials may have been put where the layer was */
    if (next.kind == NEXT_BYTE)
        (void)grammar_state_step(state, from, (unsigned char)next.symbol, &next.layer);
    else if (next.kind == NEXT_SPECIAL)
        (void)grammar_state_step_special(state, from, next.symbol, &next.layer);
    return next;
}

/* Appends forced bytes from *layer on and moves it behind them; returns what stopped them. */
static struct next follow(struct token_mask *mask, struct grammar_layer *layer, struct strbuf *out,
                          size_t bytes_max)
{
    const size_t before = out->len;
    for (;;) {
        const struct next next = only_next(mask, layer);
        if (next.kind != NEXT_BYTE)
            return next;
        if (out->len - before >= bytes_max)
            return (struct next){.kind = NEXT_CHOICE};
        strbuf_add_char(out, (char)next.symbol);
        *layer = next.layer;
    }
}

void token_mask_forced(struct token_mask *mask, struct strbuf *out)
{
    if (mask->is_free)
        return;
    struct grammar_layer layer = mask->state.base;
    (void)follow(mask, &layer, out, TOKEN_MASK_FORCED_MAX);
}

/* ---------------------------------------------------------------- tokens of a run */

/* What stands before a run: at most one special token, then text. */
struct context {
    int32_t special; /* -1: none */
    struct str text;
};

/* Appends the run's tokens when it stands behind `context`; false (and nothing added) when no token
 * boundary falls on its beginning. */
static bool encode_behind(const struct tokenizer *tokenizer, const struct context *context,
                          struct str run, struct token_list *list)
{
    const struct text_span spans[] = {
        {.text =
             context->special >= 0 ? tokenizer_piece(tokenizer, context->special) : (struct str){0},
         .may_be_special = true},
        {.text = context->text},
        {.text = run},
    };
    struct token_list all = {0};
    struct error ignored;
    size_t at = 0; /* bytes of the run that are spelled */
    bool fits = tokenizer_encode_spans(tokenizer, spans, ARRAY_LEN(spans), &all, &ignored) == OK;
    for (size_t i = 0; i < all.count && fits; i++) {
        if (all.spans[i] != 2)
            continue;
        const struct str piece = tokenizer_piece(tokenizer, all.ids[i]);
        fits = str_equal(piece, str_slice(run, at, at + piece.len)) && piece.len > 0;
        at += piece.len;
    }
    fits = fits && at == run.len;
    for (size_t i = 0; i < all.count && fits; i++) {
        if (all.spans[i] == 2)
            token_list_add(list, all.ids[i], 0);
    }
    token_list_done(&all);
    return fits;
}

/* The run's tokens: behind the real context if it has a boundary there, else alone, else behind a
 * line break (some tokenizers put a space before a text that stands alone). */
static void encode_run(const struct tokenizer *tokenizer, const struct context *context,
                       struct str run, struct token_list *list)
{
    const struct context alone = {.special = -1};
    const struct context line = {.special = -1, .text = STR("\n")};
    const bool has_context = context->special >= 0 || context->text.len > 0;
    if (run.len == 0 || (has_context && encode_behind(tokenizer, context, run, list)))
        return;
    if (!encode_behind(tokenizer, &alone, run, list))
        (void)encode_behind(tokenizer, &line, run, list);
}

/* Does the trie hold, below `node`, a token whose further bytes the grammar accepts from
 * `layer`? */
static bool goes_on(struct token_mask *mask, uint32_t node, const struct grammar_layer *layer)
{
    const struct token_mask_vocab_trie *trie = &mask->program->vocab->all;
    const uint32_t base_depth = trie->depths[node];
    struct grammar_layer *layers = mask->layers;
    layers[0] = *layer;
    for (uint32_t i = node + 1; i < trie->ends[node];) {
        const uint32_t depth = trie->depths[i] - base_depth;
        if (!grammar_state_step(&mask->state, &layers[depth - 1], trie->bytes[i], &layers[depth])) {
            i = trie->ends[i];
            continue;
        }
        if (trie->first_tokens[i] < trie->first_tokens[i + 1])
            return true;
        i++;
    }
    return false;
}

/* The first byte of the run at which a token begins that reaches over its end into something the
 * grammar may allow; run.len: there is none. */
static size_t first_straddling(struct token_mask *mask, struct str run,
                               const struct grammar_layer *behind)
{
    const struct token_mask_vocab_trie *trie = &mask->program->vocab->all;
    const size_t reach = trie->depth_max < run.len ? trie->depth_max : run.len;
    for (size_t start = run.len - reach; start < run.len; start++) {
        uint32_t node = UINT32_MAX;
        size_t at = start;
        do {
            node = token_mask_vocab_child(trie, node, (unsigned char)run.ptr[at++]);
        } while (node != UINT32_MAX && at < run.len);
        if (node != UINT32_MAX && goes_on(mask, node, behind))
            return start;
    }
    return run.len;
}

/* Drops the tokens, from `first` on, that reach beyond byte `end` of the run. */
static void hold_back(const struct tokenizer *tokenizer, struct token_list *list, size_t first,
                      size_t end)
{
    size_t at = 0;
    for (size_t i = first; i < list->count; i++) {
        at += tokenizer_piece(tokenizer, list->ids[i]).len;
        if (at > end) {
            list->count = i;
            return;
        }
    }
}

/* Takes tokens off the end until what follows them is within the budget. */
static void keep_budget(struct token_mask *mask, uint32_t budget, struct token_list *list,
                        size_t first)
{
    size_t kept = 0;
    struct grammar_layer layer = mask->state.base;
    for (size_t i = first; i < list->count && i - first < budget; i++) {
        if (!token_mask_internal_step(mask, &layer, list->ids[i], &layer))
            break;
        const uint32_t used = (uint32_t)(i - first + 1);
        if (token_mask_internal_fits(mask, &layer, budget - used))
            kept = used;
    }
    list->count = first + kept;
}

enum status token_mask_forced_tokens(struct token_mask *mask, uint32_t budget,
                                     struct token_list *list, struct error *err)
{
    (void)err;
    if (mask->is_free)
        return OK;
    const struct tokenizer *tokenizer = mask->program->vocab->tokenizer;
    const size_t first = list->count;
    struct grammar_layer layer = mask->state.base;
    struct context context = {mask->last_special, {mask->tail, mask->tail_len}};
    CLEANUP(strbuf_done) struct strbuf run = {0};
    for (;;) {
        strbuf_clear(&run);
        const struct next next = follow(mask, &layer, &run, TOKEN_MASK_FORCED_MAX);
        const size_t run_first = list->count;
        encode_run(tokenizer, &context, strbuf_view(&run), list);
        if (run.len && list->count == run_first)
            break; /* not to be tokenized here: the model writes it */
        if (next.kind != NEXT_SPECIAL) {
            if (!grammar_state_is_complete(&mask->state, &layer) && run.len)
                hold_back(tokenizer, list, run_first,
                          first_straddling(mask, strbuf_view(&run), &layer));
            break;
        }
        token_list_add(list, next.symbol, 0);
        layer = next.layer;
        context = (struct context){.special = next.symbol};
    }
    keep_budget(mask, budget, list, first);
    return OK;
}
