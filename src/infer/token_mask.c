#include "infer/token_mask.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/token_mask_internal.h"
#include "infer/token_mask_sets.h"
#include "tokenizer/tokenizer.h"

/* ---------------------------------------------------------------- lifetime */

void token_mask_internal_unref(struct token_mask_internal_program *program)
{
    if (!program || __atomic_sub_fetch(&program->reference_count, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (uint32_t i = 0; i < program->tool_count; i++) {
        char *name = (char *)(uintptr_t)program->tools[i].name.ptr; /* our own copy */
        mem_free(name);
    }
    mem_free(program->tools);
    mem_free(program->specials);
    const struct str copies[] = {program->name_before, program->name_suffix};
    for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
        char *copy = (char *)(uintptr_t)copies[i].ptr; /* our own */
        mem_free(copy);
    }
    for (uint32_t i = 0; i < program->trigger_count; i++) {
        mem_free(program->triggers[i].text);
        mem_free(program->triggers[i].borders);
        mem_free(program->triggers[i].containing);
    }
    token_mask_sets_free(program->sets);
    grammar_unref(program->grammar);
    mem_free(program);
}

static void exclusions_done(struct grammar_exclusions *exclusions)
{
    for (uint32_t i = 0; i < exclusions->count; i++)
        mem_free(exclusions->items[i].symbols);
    exclusions->count = 0;
}

static void copy_exclusions(struct grammar_exclusions *to, const struct grammar_exclusions *from)
{
    exclusions_done(to);
    *to = *from;
    for (uint32_t i = 0; i < to->count; i++)
        to->items[i].symbols =
            mem_copy(from->items[i].symbols, from->items[i].len * sizeof(*from->items[i].symbols));
}

void token_mask_free(struct token_mask *mask)
{
    if (!mask)
        return;
    exclusions_done(&mask->exclusions);
    grammar_state_done(&mask->state);
    grammar_rest_text_done(&mask->rest);
    grammar_rest_text_done(&mask->scratch);
    mem_free(mask->allowed);
    mem_free(mask->some);
    mem_free(mask->others);
    mem_free(mask->layers);
    mem_free(mask->network_states);
    mem_free(mask->ways);
    mem_free(mask->exits);
    mem_free(mask->keeps);
    mem_free(mask->costs);
    mem_free(mask->memo);
    grammar_unref(mask->grammar);
    token_mask_internal_unref(mask->program);
    mem_free(mask);
}

enum status token_mask_internal_new(struct token_mask_internal_program *program,
                                    struct token_mask **out, struct error *err)
{
    const struct token_mask_vocab *vocab = program->vocab;
    CLEANUP(token_mask_freep) struct token_mask *mask = mem_zalloc(sizeof(*mask));
    __atomic_add_fetch(&program->reference_count, 1, __ATOMIC_RELAXED);
    mask->program = program;
    mask->grammar = grammar_ref(program->grammar);
    mask->last_special = -1;
    mask->allowed = mem_try_zalloc(vocab->word_count, sizeof(*mask->allowed));
    mask->some = mem_try_zalloc(vocab->word_count, sizeof(*mask->some));
    mask->others = mem_try_zalloc(vocab->word_count, sizeof(*mask->others));
    mask->layers = mem_try_zalloc(vocab->all.depth_max + (size_t)2, sizeof(*mask->layers));
    mask->ways = mem_try_zalloc(TOKEN_MASK_INTERNAL_WAYS, sizeof(*mask->ways));
    mask->network_states =
        mem_try_zalloc(vocab->all.depth_max + (size_t)2, sizeof(*mask->network_states));
    mask->keeps = mem_try_zalloc(GRAMMAR_STATE_CONFIGS_MAX, sizeof(*mask->keeps));
    mask->memo = mem_try_zalloc(TOKEN_MASK_INTERNAL_MEMO, sizeof(*mask->memo));
    if (!mask->allowed || !mask->some || !mask->others || !mask->layers || !mask->network_states ||
        !mask->ways || !mask->keeps || !mask->memo)
        return error_set(err, E_NO_MEMORY, "no memory for a token mask");
    *out = mask;
    mask = NULL;
    return OK;
}

static void copy_place(struct token_mask *mask, const struct token_mask *from)
{
    mask->is_free = from->is_free;
    mask->is_past_start = from->is_past_start;
    mask->starts_in_reasoning = from->starts_in_reasoning;
    mask->exit_need = from->exit_need;
    memcpy(mask->read, from->read, sizeof(mask->read));
    mask->last_special = from->last_special;
    mask->tail_len = from->tail_len;
    memcpy(mask->tail, from->tail, sizeof(mask->tail));
    grammar_state_copy(&mask->state, &from->state);
    mask->state.exclusions = &mask->exclusions;
}

enum status token_mask_fork(const struct token_mask *mask, struct token_mask **out,
                            struct error *err)
{
    CLEANUP(token_mask_freep) struct token_mask *fork = NULL;
    TRY(token_mask_internal_new(mask->program, &fork, err));
    grammar_unref(fork->grammar);
    fork->grammar = grammar_ref(mask->grammar);
    copy_exclusions(&fork->exclusions, &mask->exclusions);
    copy_place(fork, mask);
    *out = fork;
    fork = NULL;
    return OK;
}

void token_mask_assign(struct token_mask *mask, const struct token_mask *from)
{
    CHECK(mask->program == from->program);
    if (mask->grammar != from->grammar) { /* a call was forbidden in one of them */
        grammar_unref(mask->grammar);
        mask->grammar = grammar_ref(from->grammar);
        copy_exclusions(&mask->exclusions, &from->exclusions);
    }
    copy_place(mask, from);
}

/* ---------------------------------------------------------------- places */

bool token_mask_internal_enter(struct token_mask *mask, uint32_t rule)
{
    if (rule == GRAMMAR_NONE || mask->grammar->rules[rule].shortest == GRAMMAR_ENDLESS)
        return false;
    grammar_state_start(&mask->state, mask->grammar, &mask->exclusions, rule, 0);
    return true;
}

void token_mask_internal_free(struct token_mask *mask, bool is_past_start)
{
    mask->is_free = true;
    mask->is_past_start = is_past_start;
    memset(mask->read, 0, sizeof(mask->read));
}

/* How much must come in the end, with the calls that are left. */
static void measure_exit(struct token_mask *mask)
{
    mask->exit_need = 0;
    if (mask->program->exit == GRAMMAR_NONE)
        return;
    mask->exit_need = UINT32_MAX;
    if (token_mask_internal_enter(mask, mask->program->exit))
        mask->exit_need = token_mask_internal_fewest(mask, &mask->state.base);
    grammar_state_forget(&mask->state);
}

static void remember(struct token_mask *mask, struct str text)
{
    const struct str end = str_slice(
        text, text.len > sizeof(mask->tail) ? text.len - sizeof(mask->tail) : 0, text.len);
    const size_t room = sizeof(mask->tail) - end.len;
    const size_t kept = mask->tail_len < room ? mask->tail_len : room;
    memmove(mask->tail, mask->tail + mask->tail_len - kept, kept);
    if (end.len)
        memcpy(mask->tail + kept, end.ptr, end.len);
    mask->tail_len = (uint32_t)(kept + end.len);
}

/* Back to the beginning. False when nothing is allowed. */
static bool begin(struct token_mask *mask, struct str text_before)
{
    const struct token_mask_internal_program *program = mask->program;
    const bool is_reasoning = mask->starts_in_reasoning;
    const bool is_free = program->start == GRAMMAR_NONE || is_reasoning;
    mask->is_free = false;
    mask->last_special = -1;
    mask->tail_len = 0;
    remember(mask, text_before);
    grammar_state_forget(&mask->state);
    measure_exit(mask);
    if (!is_free)
        return token_mask_internal_enter(mask, program->start);
    token_mask_internal_free(mask, is_reasoning);
    return program->exit == GRAMMAR_NONE ||
           mask->grammar->rules[program->exit].shortest != GRAMMAR_ENDLESS;
}

void token_mask_set_reasoning(struct token_mask *mask, bool starts_in_reasoning)
{
    mask->starts_in_reasoning = starts_in_reasoning;
}

enum status token_mask_start(struct token_mask *mask, uint32_t budget, struct str text_before,
                             struct error *err)
{
    if (!begin(mask, text_before))
        return error_set(err, E_INVALID, "a tool call is required, but every call is forbidden");
    const uint32_t fewest = token_mask_fewest_tokens(mask);
    if (fewest == UINT32_MAX)
        return error_set(err, E_UNSUPPORTED,
                         "the vocabulary cannot spell what the answer must contain");
    if (fewest > budget)
        return error_set(err, E_LIMIT,
                         "the shortest valid answer has %u tokens, but only %u may be generated",
                         fewest, budget);
    return OK;
}

bool token_mask_is_free(const struct token_mask *mask)
{
    return mask->is_free;
}

bool token_mask_is_complete(struct token_mask *mask)
{
    return !mask->is_free && grammar_state_is_complete(&mask->state, &mask->state.base);
}

uint32_t token_mask_fewest_tokens(struct token_mask *mask)
{
    return mask->is_free ? mask->exit_need : token_mask_internal_fewest(mask, &mask->state.base);
}

/* ---------------------------------------------------------------- moving along */

static bool is_ordinary(const struct tokenizer *tokenizer, int32_t token)
{
    const enum token_kind kind = tokenizer_kind(tokenizer, token);
    return (kind == TOKEN_NORMAL || kind == TOKEN_BYTE) && !tokenizer_is_eog(tokenizer, token);
}

bool token_mask_internal_step_text(struct token_mask *mask, const struct grammar_layer *from,
                                   struct str text, struct grammar_layer *to)
{
    *to = *from;
    for (size_t i = 0; i < text.len; i++) {
        if (!grammar_state_step(&mask->state, to, (unsigned char)text.ptr[i], to))
            return false;
    }
    return text.len > 0;
}

bool token_mask_internal_step(struct token_mask *mask, const struct grammar_layer *from,
                              int32_t token, struct grammar_layer *to)
{
    const struct tokenizer *tokenizer = mask->program->vocab->tokenizer;
    if (!is_ordinary(tokenizer, token))
        return grammar_state_step_special(&mask->state, from, token, to);
    const struct str piece = tokenizer_piece(tokenizer, token);
    return piece.len <= TOKEN_MASK_VOCAB_PIECE_MAX &&
           token_mask_internal_step_text(mask, from, piece, to);
}

static void note_token(struct token_mask *mask, int32_t token)
{
    const struct tokenizer *tokenizer = mask->program->vocab->tokenizer;
    if (is_ordinary(tokenizer, token)) {
        remember(mask, tokenizer_piece(tokenizer, token));
        return;
    }
    mask->last_special = token;
    mask->tail_len = 0;
}

enum status token_mask_internal_refuse(const struct token_mask *mask, int32_t token,
                                       struct error *err)
{
    const struct str piece = tokenizer_piece(mask->program->vocab->tokenizer, token);
    return error_set(err, E_INVALID, "token %d (%zu bytes) is not allowed here", token, piece.len);
}

enum status token_mask_accept(struct token_mask *mask, int32_t token, struct error *err)
{
    const struct tokenizer *tokenizer = mask->program->vocab->tokenizer;
    if (token < 0 || (uint32_t)token >= mask->program->vocab->size)
        return error_set(err, E_INVALID, "token %d is not in the vocabulary", token);
    if (mask->is_free) {
        TRY(token_mask_internal_accept_free(mask, token, err));
        note_token(mask, token);
        return OK;
    }
    if (tokenizer_is_eog(tokenizer, token) && token_mask_is_complete(mask))
        return OK;
    struct grammar_layer to;
    if (!token_mask_internal_step(mask, &mask->state.base, token, &to))
        return token_mask_internal_refuse(mask, token, err);
    if (to.matching && grammar_rest_layer(&mask->state, &to, &mask->scratch) == GRAMMAR_ENDLESS)
        return token_mask_internal_refuse(mask, token, err);
    grammar_state_commit(&mask->state, &to);
    note_token(mask, token);
    if (grammar_state_is_free(&mask->state, &mask->state.base)) {
        grammar_state_forget(&mask->state);
        token_mask_internal_free(mask, true);
    }
    return OK;
}

/* ---------------------------------------------------------------- forbidden calls */

static const struct token_mask_internal_tool *find_tool(const struct token_mask *mask,
                                                        struct str name, uint32_t *out_tag)
{
    for (uint32_t i = 0; i < mask->program->tool_count; i++) {
        *out_tag = i;
        if (str_equal(mask->program->tools[i].name, name))
            return &mask->program->tools[i];
    }
    return NULL;
}

static bool is_forbidden(const struct token_mask *mask, const struct grammar_exclusion *call)
{
    for (uint32_t i = 0; i < mask->exclusions.count; i++) {
        const struct grammar_exclusion *item = &mask->exclusions.items[i];
        if (item->tag == call->tag && item->len == call->len &&
            memcmp(item->symbols, call->symbols, call->len * sizeof(*call->symbols)) == 0)
            return true;
    }
    return false;
}

/* Would the grammar as it was compiled accept these arguments? */
static bool could_come(const struct token_mask *mask, uint32_t rule,
                       const struct grammar_exclusion *call)
{
    const struct grammar *grammar = mask->program->grammar;
    if (grammar->rules[rule].shortest == GRAMMAR_ENDLESS)
        return false;
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    grammar_state_start(&state, grammar, NULL, rule, 0);
    for (uint32_t i = 0; i < call->len; i++) {
        struct grammar_layer next;
        const uint32_t symbol = call->symbols[i];
        const bool fits =
            symbol < GRAMMAR_SYMBOL_SPECIAL
                ? grammar_state_step(&state, &state.base, (unsigned char)symbol, &next)
                : grammar_state_step_special(&state, &state.base,
                                             (int32_t)(symbol - GRAMMAR_SYMBOL_SPECIAL), &next);
        if (!fits)
            return false;
        grammar_state_commit(&state, &next);
    }
    return grammar_state_is_complete(&state, &state.base);
}

/* A rule for this row of symbols. */
static uint32_t add_symbols(struct grammar *grammar, const struct grammar_rest_text *text)
{
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(mem_freep) uint32_t *parts = mem_alloc((text->count + 1) * sizeof(*parts));
    uint32_t count = 0;
    for (uint32_t i = 0; i <= text->count; i++) {
        const bool is_byte = i < text->count && text->symbols[i] < GRAMMAR_SYMBOL_SPECIAL;
        if (is_byte)
            strbuf_add_char(&bytes, (char)text->symbols[i]);
        if (!is_byte && bytes.len)
            parts[count++] = grammar_add_literal(grammar, strbuf_view(&bytes));
        if (!is_byte)
            strbuf_clear(&bytes);
        if (!is_byte && i < text->count)
            parts[count++] =
                grammar_add_special(grammar, (int32_t)(text->symbols[i] - GRAMMAR_SYMBOL_SPECIAL));
    }
    return grammar_add_sequence(grammar, parts, count);
}

/* Tells the mask's grammar which call of the tool is now the shortest, if any is left. */
static enum status narrow(struct token_mask *mask, const struct token_mask_internal_tool *tool,
                          struct error *err)
{
    CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_copy(mask->grammar);
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    grammar_state_start(&state, grammar, &mask->exclusions, tool->mark, GRAMMAR_NODES_AROUND);
    if (grammar_rest_write(&state, &state.base, &mask->scratch, &mask->rest) &&
        mask->rest.count > 0)
        grammar_set_mark_rule(grammar, tool->mark, add_symbols(grammar, &mask->rest));
    else
        grammar_remove_word(grammar, mask->program->words, tool->then);
    TRY(grammar_finish(grammar, grammar->depth_max, err));
    grammar_unref(mask->grammar);
    mask->grammar = grammar;
    grammar = NULL;
    return OK;
}

/* Takes ownership of the symbols. */
static enum status forbid(struct token_mask *mask, const struct token_mask_internal_tool *tool,
                          struct grammar_exclusion call, struct error *err)
{
    const bool is_new =
        call.len > 0 && !is_forbidden(mask, &call) && could_come(mask, tool->mark, &call);
    const bool fits = mask->exclusions.count < TOKEN_MASK_FORBIDDEN_MAX &&
                      call.len <= TOKEN_MASK_FORBIDDEN_LEN_MAX;
    if (!is_new || !fits) {
        mem_free(call.symbols);
        return !is_new ? OK
                       : error_set(err, E_LIMIT,
                                   "too many or too long calls are forbidden (limits: %d calls, "
                                   "%d bytes)",
                                   TOKEN_MASK_FORBIDDEN_MAX, TOKEN_MASK_FORBIDDEN_LEN_MAX);
    }
    mask->exclusions.items[mask->exclusions.count++] = call;
    TRY(narrow(mask, tool, err));
    if (!mask->is_free) {
        (void)begin(mask, (struct str){0});
        return OK;
    }
    measure_exit(mask); /* the place in the text stays */
    return OK;
}

static enum status not_found(struct error *err)
{
    return error_set(err, E_NOT_FOUND, "the tool whose call is to be forbidden is unknown");
}

enum status token_mask_forbid(struct token_mask *mask, struct str tool_name, struct str arguments,
                              struct error *err)
{
    struct grammar_exclusion call = {0};
    const struct token_mask_internal_tool *tool = find_tool(mask, tool_name, &call.tag);
    if (!tool)
        return not_found(err);
    const size_t len = arguments.len < UINT32_MAX / 8 ? arguments.len : 0;
    call.symbols = mem_alloc((len + 1) * sizeof(*call.symbols));
    for (; call.len < len; call.len++)
        call.symbols[call.len] = (unsigned char)arguments.ptr[call.len];
    return forbid(mask, tool, call, err);
}

/* What stands behind the name and what is around it; empty when they are not there. */
static struct str arguments_in(const struct token_mask *mask, struct str tool_name,
                               struct str written)
{
    CLEANUP(strbuf_done) struct strbuf head = {0};
    strbuf_add_str(&head, mask->program->name_before);
    strbuf_add_str(&head, tool_name);
    strbuf_add_str(&head, mask->program->name_suffix);
    const size_t at = str_find(written, strbuf_view(&head), 0);
    return at == SIZE_MAX ? (struct str){0} : str_slice(written, at + head.len, written.len);
}

enum status token_mask_forbid_written(struct token_mask *mask, struct str tool_name,
                                      struct str written, struct error *err)
{
    struct grammar_exclusion call = {0};
    const struct token_mask_internal_program *program = mask->program;
    const struct token_mask_internal_tool *tool = find_tool(mask, tool_name, &call.tag);
    if (!tool)
        return not_found(err);
    if (program->arguments_are_json || written.len > TOKEN_MASK_FORBIDDEN_LEN_MAX)
        return OK;
    struct str rest = arguments_in(mask, tool_name, written);
    call.symbols = mem_alloc((rest.len + 1) * sizeof(*call.symbols));
    while (rest.len) {
        const int32_t token = token_mask_internal_special_at(program->vocab, rest);
        const size_t len = token < 0 ? 1 : tokenizer_piece(program->vocab->tokenizer, token).len;
        call.symbols[call.len++] =
            token < 0 ? (unsigned char)rest.ptr[0] : GRAMMAR_SYMBOL_SPECIAL + (uint32_t)token;
        rest = str_slice(rest, len, rest.len);
    }
    return forbid(mask, tool, call, err);
}
