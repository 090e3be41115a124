/*
 * token_mask_free - free text, and what ends it.
 *
 * Free text is followed byte by byte with one matcher for each trigger: the opening of a call, the
 * end of reasoning, texts that must not appear. A token that completes one is allowed if what it
 * holds behind it fits; all other tokens are.
 *
 * Threads: see token_mask.h.
 */
#include "infer/token_mask_internal.h"
#include "tokenizer/tokenizer.h"

/* Where the matchers stand. */
struct place {
    uint32_t read[TOKEN_MASK_INTERNAL_TRIGGERS_MAX];
    bool is_past_start;
};

enum opening {
    STAYS_FREE,
    RESTARTS, /* reasoning ended: free, and the start of an answer */
    OPENS,    /* *to is the layer behind the token */
    REFUSED,  /* a trigger that must not come, or is followed wrongly */
};

static bool is_space(unsigned char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Moves one matcher on; true when its text is complete. */
static bool match(const struct token_mask_internal_trigger *trigger, unsigned char byte,
                  uint32_t *read)
{
    while (*read > 0 && (*read == trigger->len || (unsigned char)trigger->text[*read] != byte))
        *read = trigger->borders[*read];
    if ((unsigned char)trigger->text[*read] == byte)
        ++*read;
    return *read == trigger->len;
}

/* The trigger that `byte` completes, or NULL. */
static const struct token_mask_internal_trigger *
move(const struct token_mask_internal_program *program, struct place *place, unsigned char byte)
{
    const struct token_mask_internal_trigger *found = NULL;
    bool was_begun = false;
    bool is_begun = false;
    for (uint32_t i = 0; i < program->trigger_count; i++) {
        const struct token_mask_internal_trigger *trigger = &program->triggers[i];
        if (trigger->only_at_start && place->is_past_start) {
            place->read[i] = 0;
            continue;
        }
        const uint32_t before = place->read[i];
        if (match(trigger, byte, &place->read[i]) && !found)
            found = trigger;
        was_begun |= trigger->only_at_start && before > 0;
        is_begun |= trigger->only_at_start && place->read[i] == before + 1;
    }
    if (!is_begun && (was_begun || !is_space(byte)))
        place->is_past_start = true;
    return found;
}

/* Behind a complete trigger: `behind` are the bytes that the token has more. */
static enum opening behind_trigger(struct token_mask *mask,
                                   const struct token_mask_internal_trigger *trigger,
                                   struct str behind, struct grammar_layer *to)
{
    if (!token_mask_internal_enter(mask, trigger->rule))
        return REFUSED;
    *to = mask->state.base;
    if (behind.len && !token_mask_internal_step_text(mask, &mask->state.base, behind, to))
        return REFUSED;
    return OPENS;
}

/* What the token makes of free text. *place is moved behind it. */
static enum opening read_token(struct token_mask *mask, int32_t token, struct place *place,
                               struct grammar_layer *to)
{
    const struct token_mask_internal_program *program = mask->program;
    const struct str piece = tokenizer_piece(program->vocab->tokenizer, token);
    enum opening opening = STAYS_FREE;
    for (size_t i = 0; i < piece.len; i++) {
        const struct token_mask_internal_trigger *trigger =
            move(program, place, (unsigned char)piece.ptr[i]);
        if (!trigger)
            continue;
        if (!trigger->restarts)
            return behind_trigger(mask, trigger, str_slice(piece, i + 1, piece.len), to);
        *place = (struct place){0};
        opening = RESTARTS;
    }
    return opening;
}

static struct place place_of(const struct token_mask *mask)
{
    struct place place = {.is_past_start = mask->is_past_start};
    memcpy(place.read, mask->read, sizeof(place.read));
    return place;
}

enum status token_mask_internal_accept_free(struct token_mask *mask, int32_t token,
                                            struct error *err)
{
    struct grammar_layer to;
    struct place place = place_of(mask);
    const bool is_end = tokenizer_is_eog(mask->program->vocab->tokenizer, token);
    if (is_end && mask->program->exit != GRAMMAR_NONE)
        return token_mask_internal_refuse(mask, token, err);
    switch (read_token(mask, token, &place, &to)) {
    case REFUSED: return token_mask_internal_refuse(mask, token, err);
    case OPENS:
        mask->is_free = false;
        grammar_state_commit(&mask->state, &to);
        if (grammar_state_is_free(&mask->state, &mask->state.base))
            token_mask_internal_free(mask, true);
        return OK;
    case RESTARTS:
    case STAYS_FREE: break;
    }
    mask->is_past_start = place.is_past_start;
    memcpy(mask->read, place.read, sizeof(mask->read));
    return OK;
}

void token_mask_internal_hurry(struct token_mask *mask, uint32_t budget)
{
    if (mask->program->exit == GRAMMAR_NONE || mask->exit_need < budget)
        return;
    if (token_mask_internal_enter(mask, mask->program->exit))
        mask->is_free = false;
}

/* ---------------------------------------------------------------- the set */

static bool forbid(struct token_mask *mask, int32_t token)
{
    mask->allowed[token / 64] &= ~((uint64_t)1 << (token % 64));
    return true;
}

/* Forbids the token if it would open what must not begin or could not be ended; true if it did. */
static bool check(struct token_mask *mask, int32_t token, uint32_t left)
{
    struct grammar_layer to;
    struct place place = place_of(mask);
    const enum opening opening = read_token(mask, token, &place, &to);
    if (opening == REFUSED || (opening == OPENS && !token_mask_internal_fits(mask, &to, left)))
        return forbid(mask, token);
    return false;
}

/* The tokens that complete the trigger of which `read` bytes are there. */
static bool check_completing(struct token_mask *mask,
                             const struct token_mask_internal_trigger *trigger, uint32_t read,
                             uint32_t left)
{
    const struct token_mask_vocab_trie *trie = &mask->program->vocab->all;
    bool has_forbidden = false;
    uint32_t node = UINT32_MAX;
    for (uint32_t at = read; at < trigger->len; at++) {
        node = token_mask_vocab_child(trie, node, (unsigned char)trigger->text[at]);
        if (node == UINT32_MAX)
            return false;
    }
    for (uint32_t i = trie->first_tokens[node]; i < trie->first_tokens[trie->ends[node]]; i++)
        has_forbidden |= check(mask, trie->tokens[i], left);
    return has_forbidden;
}

static bool check_trigger(struct token_mask *mask, uint32_t index, uint32_t left)
{
    const struct token_mask_internal_program *program = mask->program;
    const struct token_mask_internal_trigger *trigger = &program->triggers[index];
    bool has_forbidden = false;
    if (trigger->restarts || (trigger->only_at_start && mask->is_past_start))
        return false;
    if (trigger->token >= 0)
        has_forbidden |= check(mask, trigger->token, left);
    for (uint32_t i = 0; i < trigger->containing_count; i++)
        has_forbidden |= check(mask, trigger->containing[i], left);
    for (uint32_t read = mask->read[index]; read > 0; read = trigger->borders[read])
        has_forbidden |= check_completing(mask, trigger, read, left);
    for (uint32_t i = 0; mask->read[index] && i < program->vocab->special_count; i++)
        has_forbidden |= check(mask, program->vocab->specials[i], left);
    return has_forbidden;
}

const uint64_t *token_mask_internal_allowed_free(struct token_mask *mask, uint32_t budget)
{
    const struct token_mask_vocab *vocab = mask->program->vocab;
    const uint32_t left = budget ? budget - 1 : 0;
    const bool must_go_on = mask->program->exit != GRAMMAR_NONE;
    bool has_forbidden = must_go_on;
    memset(mask->allowed, 0xff, vocab->word_count * sizeof(*mask->allowed));
    for (uint32_t i = 0; must_go_on && i < vocab->word_count; i++)
        mask->allowed[i] &= ~vocab->ends[i];
    for (uint32_t i = 0; i < mask->program->trigger_count; i++)
        has_forbidden |= check_trigger(mask, i, left);
    grammar_state_forget(&mask->state);
    return has_forbidden ? mask->allowed : NULL;
}
