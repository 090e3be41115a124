#include "infer/token_mask.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/token_mask_internal.h"
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
    for (uint32_t i = 0; i < program->trigger_count; i++) {
        mem_free(program->triggers[i].text);
        mem_free(program->triggers[i].borders);
        mem_free(program->triggers[i].containing);
    }
    grammar_unref(program->grammar);
    mem_free(program);
}

static void exclusions_done(struct grammar_exclusions *exclusions)
{
    for (uint32_t i = 0; i < exclusions->count; i++)
        mem_free(exclusions->items[i].text);
    exclusions->count = 0;
}

static void copy_exclusions(struct grammar_exclusions *to, const struct grammar_exclusions *from)
{
    exclusions_done(to);
    *to = *from;
    for (uint32_t i = 0; i < to->count; i++)
        to->items[i].text = mem_copy(from->items[i].text, from->items[i].len + (size_t)1);
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
    mem_free(mask->layers);
    mem_free(mask->network_states);
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
    mask->layers = mem_try_zalloc(vocab->all.depth_max + (size_t)2, sizeof(*mask->layers));
    mask->network_states =
        mem_try_zalloc(vocab->all.depth_max + (size_t)2, sizeof(*mask->network_states));
    mask->keeps = mem_try_zalloc(GRAMMAR_STATE_CONFIGS_MAX, sizeof(*mask->keeps));
    mask->memo = mem_try_zalloc(TOKEN_MASK_INTERNAL_MEMO, sizeof(*mask->memo));
    if (!mask->allowed || !mask->layers || !mask->network_states || !mask->keeps || !mask->memo)
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

static bool is_forbidden(const struct token_mask *mask, uint32_t tag, struct str arguments)
{
    for (uint32_t i = 0; i < mask->exclusions.count; i++) {
        const struct grammar_exclusion *item = &mask->exclusions.items[i];
        if (item->tag == tag && str_equal((struct str){item->text, item->len}, arguments))
            return true;
    }
    return false;
}

/* Would the grammar as it was compiled accept these arguments? */
static bool could_come(const struct token_mask *mask, uint32_t rule, struct str arguments)
{
    const struct grammar *grammar = mask->program->grammar;
    if (grammar->rules[rule].shortest == GRAMMAR_ENDLESS)
        return false;
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    grammar_state_start(&state, grammar, NULL, rule, 0);
    for (size_t i = 0; i < arguments.len; i++) {
        struct grammar_layer next;
        if (!grammar_state_step(&state, &state.base, (unsigned char)arguments.ptr[i], &next))
            return false;
        grammar_state_commit(&state, &next);
    }
    return grammar_state_is_complete(&state, &state.base);
}

/* Tells the mask's grammar which call of the tool is now the shortest, if any is left. */
static enum status narrow(struct token_mask *mask, const struct token_mask_internal_tool *tool,
                          struct error *err)
{
    CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_copy(mask->grammar);
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    grammar_state_start(&state, grammar, &mask->exclusions, tool->mark, GRAMMAR_NODES_AROUND);
    if (grammar_rest_write(&state, &state.base, &mask->scratch, &mask->rest)) {
        for (uint32_t i = 0; i < mask->rest.count; i++)
            strbuf_add_char(&text, (char)mask->rest.symbols[i]);
        grammar_set_mark_text(grammar, tool->mark, strbuf_view(&text));
    } else {
        grammar_remove_word(grammar, mask->program->words, tool->then);
    }
    TRY(grammar_finish(grammar, grammar->depth_max, err));
    grammar_unref(mask->grammar);
    mask->grammar = grammar;
    grammar = NULL;
    return OK;
}

enum status token_mask_forbid(struct token_mask *mask, struct str tool_name, struct str arguments,
                              struct error *err)
{
    uint32_t tag = 0;
    const struct token_mask_internal_tool *tool = find_tool(mask, tool_name, &tag);
    if (!tool)
        return error_set(err, E_NOT_FOUND, "the tool whose call is to be forbidden is unknown");
    if (arguments.len == 0 || is_forbidden(mask, tag, arguments) ||
        !could_come(mask, tool->mark, arguments))
        return OK;
    if (mask->exclusions.count == TOKEN_MASK_FORBIDDEN_MAX ||
        arguments.len > TOKEN_MASK_FORBIDDEN_LEN_MAX)
        return error_set(err, E_LIMIT,
                         "too many or too long calls are forbidden (limits: %d calls, %d bytes)",
                         TOKEN_MASK_FORBIDDEN_MAX, TOKEN_MASK_FORBIDDEN_LEN_MAX);
    char *text = mem_alloc(arguments.len + 1);
    memcpy(text, arguments.ptr, arguments.len);
    text[arguments.len] = '\0';
    mask->exclusions.items[mask->exclusions.count++] =
        (struct grammar_exclusion){.text = text, .len = (uint32_t)arguments.len, .tag = tag};
    TRY(narrow(mask, tool, err));
    if (!mask->is_free) {
        (void)begin(mask, (struct str){0});
        return OK;
    }
    measure_exit(mask); /* the place in the text stays */
    return OK;
}
