/*
 * token_mask_form - from a tool-call form to the rules of a mask and what opens them.
 *
 *   AUTO      free text; behind the trigger the rest of the first call, more calls, the end
 *   REQUIRED  calls at once, or reasoning (free) and then calls
 *   NONE      free text in which nothing can open
 *
 * Where the answer is described, it and calls come in the places of calls that are required.
 *
 * gpt-oss writes messages with headers. There the header is what is constrained:
 *
 *   answer  = "<|channel|>" header
 *   header  = ("analysis" | "final" | "commentary") "<|message|>" FREE
 *           | "commentary to=functions." NAME " <|constrain|>json<|message|>" ARGUMENTS "<|call|>"
 *
 * and free text is left where a mark begins the next header. Functionary writes recipients, and the
 * prompt ends with the mark in front of the first:
 *
 *   answer  = header
 *   header  = "all\n" FREE | calls
 *   FREE    = ... ">>>" ( header | (" " | "\n") FREE )
 *
 * Threads: see token_mask.h.
 */
#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/token_mask_internal.h"
#include "tokenizer/tokenizer.h"

/* ---------------------------------------------------------------- texts */

int32_t token_mask_internal_special_at(const struct token_mask_vocab *vocab, struct str text)
{
    int32_t best = -1;
    size_t best_len = 0;
    for (uint32_t i = 0; i < vocab->special_count; i++) {
        const struct str piece = tokenizer_piece(vocab->tokenizer, vocab->specials[i]);
        if (piece.len > best_len && str_starts_with(text, piece)) {
            best = vocab->specials[i];
            best_len = piece.len;
        }
    }
    return best;
}

struct str token_mask_internal_plain(const struct token_mask_internal_form *form, struct str text)
{
    size_t len = 0;
    while (len < text.len &&
           token_mask_internal_special_at(form->program->vocab, str_slice(text, len, text.len)) < 0)
        len++;
    return str_slice(text, 0, len);
}

static void note_special(struct token_mask_internal_program *program, int32_t token)
{
    for (uint32_t i = 0; i < program->special_count; i++) {
        if (program->specials[i] == token)
            return;
    }
    program->specials =
        mem_realloc(program->specials, (program->special_count + 1) * sizeof(int32_t));
    program->specials[program->special_count++] = token;
}

uint32_t token_mask_internal_join(struct token_mask_internal_form *form, uint32_t first,
                                  uint32_t second)
{
    if (first == GRAMMAR_NONE || second == GRAMMAR_NONE)
        return first == GRAMMAR_NONE ? second : first;
    return grammar_add_sequence(form->program->grammar, (const uint32_t[]){first, second}, 2);
}

uint32_t token_mask_internal_text(struct token_mask_internal_form *form, struct str text)
{
    enum { PARTS_MAX = 64 };
    struct token_mask_internal_program *program = form->program;
    uint32_t parts[PARTS_MAX];
    uint32_t count = 0;
    while (text.len) {
        const struct str plain = token_mask_internal_plain(form, text);
        text = str_slice(text, plain.len, text.len);
        if (count + 2 > PARTS_MAX) {
            program->grammar->too_much = "special tokens in the tool-call form";
            return GRAMMAR_NONE;
        }
        if (plain.len)
            parts[count++] = grammar_add_literal(program->grammar, plain);
        if (!text.len)
            break;
        const int32_t token = token_mask_internal_special_at(program->vocab, text);
        note_special(program, token);
        parts[count++] = grammar_add_special(program->grammar, token);
        text = str_slice(text, tokenizer_piece(program->vocab->tokenizer, token).len, text.len);
    }
    if (count < 2)
        return count ? parts[0] : GRAMMAR_NONE;
    return grammar_add_sequence(program->grammar, parts, count);
}

/* ---------------------------------------------------------------- triggers */

/* How far each beginning can be followed by another match (Knuth, Morris, Pratt). */
static void set_borders(struct token_mask_internal_trigger *trigger)
{
    trigger->borders = mem_zalloc((trigger->len + (size_t)1) * sizeof(*trigger->borders));
    uint32_t border = 0;
    for (uint32_t i = 1; i < trigger->len; i++) {
        while (border > 0 && trigger->text[i] != trigger->text[border])
            border = trigger->borders[border];
        border += trigger->text[i] == trigger->text[border];
        trigger->borders[i + 1] = border;
    }
}

static void find_containing(const struct token_mask_vocab *vocab,
                            struct token_mask_internal_trigger *trigger)
{
    const struct str text = {trigger->text, trigger->len};
    uint32_t capacity = 0;
    trigger->token = -1;
    for (uint32_t id = 0; id < vocab->size; id++) {
        const struct str piece = tokenizer_piece(vocab->tokenizer, (int32_t)id);
        if (str_find(piece, text, 0) == SIZE_MAX)
            continue;
        if (piece.len == text.len && trigger->token < 0) {
            trigger->token = (int32_t)id;
            continue;
        }
        if (trigger->containing_count == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            trigger->containing =
                mem_realloc(trigger->containing, capacity * sizeof(*trigger->containing));
        }
        trigger->containing[trigger->containing_count++] = (int32_t)id;
    }
}

static struct token_mask_internal_trigger *add_trigger(const struct token_mask_internal_form *form,
                                                       struct str text, uint32_t rule)
{
    struct token_mask_internal_program *program = form->program;
    struct token_mask_internal_trigger *trigger = &program->triggers[program->trigger_count++];
    trigger->text = mem_alloc(text.len + 1);
    memcpy(trigger->text, text.ptr, text.len);
    trigger->text[text.len] = '\0';
    trigger->len = (uint32_t)text.len;
    trigger->rule = rule;
    set_borders(trigger);
    find_containing(program->vocab, trigger);
    return trigger;
}

/* ---------------------------------------------------------------- calls */

/* What stands in front of a name: `before`, an id where the form has it there, name_prefix. */
static uint32_t add_opening(struct token_mask_internal_form *form, struct str before, uint32_t then)
{
    const struct token_mask_syntax *syntax = form->syntax;
    uint32_t rule =
        token_mask_internal_join(form, token_mask_internal_text(form, syntax->name_prefix), then);
    if (syntax->id != TOKEN_MASK_NO_ID && syntax->id_place == TOKEN_MASK_BEFORE_NAME) {
        rule = token_mask_internal_join(form, form->id, rule);
        rule =
            token_mask_internal_join(form, token_mask_internal_text(form, syntax->id_open), rule);
    }
    return token_mask_internal_join(form, token_mask_internal_text(form, before), rule);
}

/* Calls of which the first begins with the rule `first`, to the end of the answer. */
static uint32_t add_calls(struct token_mask_internal_form *form, uint32_t first)
{
    const struct token_mask_syntax *syntax = form->syntax;
    struct token_mask_internal_program *program = form->program;
    if (form->call_count_max > 1) {
        uint32_t more = add_opening(form, syntax->open, program->words);
        more =
            token_mask_internal_join(form, token_mask_internal_text(form, syntax->between), more);
        first = grammar_add_repeat(program->grammar, first, more, form->call_count_max);
    }
    return token_mask_internal_join(form, first,
                                    token_mask_internal_text(form, syntax->section_close));
}

/* Everything in front of the first name, as far as it is text: no id stands in it. */
static void write_opening(const struct token_mask_syntax *syntax, struct strbuf *out)
{
    const bool has_id =
        syntax->id != TOKEN_MASK_NO_ID && syntax->id_place == TOKEN_MASK_BEFORE_NAME;
    strbuf_add_str(out, syntax->section_open);
    strbuf_add_str(out, syntax->open);
    strbuf_add_str(out, has_id ? syntax->id_open : syntax->name_prefix);
}

/* What opens a call in free text, see token_mask.h. */
static struct str trigger_of(const struct token_mask_internal_form *form, struct str opening)
{
    const struct token_mask_vocab *vocab = form->program->vocab;
    if (form->syntax->trigger.len && str_starts_with(opening, form->syntax->trigger))
        return form->syntax->trigger;
    const int32_t special = token_mask_internal_special_at(vocab, opening);
    if (special >= 0)
        return str_slice(opening, 0, tokenizer_piece(vocab->tokenizer, special).len);
    const bool has_open = form->syntax->section_open.len + form->syntax->open.len > 0;
    struct str text = token_mask_internal_plain(form, opening);
    if (has_open && !form->syntax->section_open.len && form->syntax->open.len < text.len)
        text = str_slice(text, 0, form->syntax->open.len);
    struct str trimmed = text;
    while (trimmed.len && strchr(" \t\r\n", trimmed.ptr[trimmed.len - 1]))
        trimmed.len--;
    return trimmed.len ? trimmed : text;
}

/* The first call without the trigger, which was read already. */
static uint32_t add_behind_trigger(struct token_mask_internal_form *form, struct str opening,
                                   struct str trigger)
{
    const struct token_mask_syntax *syntax = form->syntax;
    const bool has_id =
        syntax->id != TOKEN_MASK_NO_ID && syntax->id_place == TOKEN_MASK_BEFORE_NAME;
    uint32_t rule = form->program->words;
    if (has_id) {
        rule = token_mask_internal_join(form, token_mask_internal_text(form, syntax->name_prefix),
                                        rule);
        rule = token_mask_internal_join(form, form->id, rule);
    }
    const struct str rest = str_slice(opening, trigger.len, opening.len);
    rule = token_mask_internal_join(form, token_mask_internal_text(form, rest), rule);
    return add_calls(form, rule);
}

/* The triggers of free text: calls (when `opens`), and what must not appear. */
static enum status add_triggers(struct token_mask_internal_form *form, bool opens)
{
    const struct token_mask_syntax *syntax = form->syntax;
    CLEANUP(strbuf_done) struct strbuf opening = {0};
    write_opening(syntax, &opening);
    const struct str trigger = trigger_of(form, strbuf_view(&opening));
    if (!trigger.len)
        return error_set(form->err, E_INVALID, "the tool-call form has no beginning");
    const uint32_t rule =
        opens ? add_behind_trigger(form, strbuf_view(&opening), trigger) : GRAMMAR_NONE;
    add_trigger(form, trigger, rule)->only_at_start = syntax->only_at_start;
    if (syntax->also.len) {
        uint32_t also = GRAMMAR_NONE;
        if (opens)
            also = add_calls(form, add_opening(form, (struct str){0}, form->program->words));
        add_trigger(form, syntax->also, also);
    }
    for (size_t i = 0; i < TOKEN_MASK_REFUSED_MAX; i++) {
        if (syntax->refused[i].len)
            add_trigger(form, syntax->refused[i], GRAMMAR_NONE);
    }
    if (syntax->only_at_start && syntax->reasoning_close.len && form->program->exit == GRAMMAR_NONE)
        add_trigger(form, syntax->reasoning_close, GRAMMAR_NONE)->restarts = true;
    return OK;
}

/* ---------------------------------------------------------------- required calls */

/* The calls behind reasoning: templates part them with line ends. */
static uint32_t add_line_ends(struct token_mask_internal_form *form, uint32_t whole)
{
    struct grammar *grammar = form->program->grammar;
    const uint32_t one =
        token_mask_internal_join(form, grammar_add_literal(grammar, STR("\n")), whole);
    const uint32_t two =
        token_mask_internal_join(form, grammar_add_literal(grammar, STR("\n\n")), whole);
    return grammar_add_choice(grammar, (const uint32_t[]){whole, one, two}, 3);
}

/* Calls, the answer, or one of them. */
static uint32_t add_whole(struct token_mask_internal_form *form)
{
    struct token_mask_internal_program *program = form->program;
    const struct token_mask_syntax *syntax = form->syntax;
    if (!program->has_calls)
        return form->answer;
    CLEANUP(strbuf_done) struct strbuf before = {0};
    strbuf_add_str(&before, syntax->section_open);
    strbuf_add_str(&before, syntax->open);
    const uint32_t calls = add_calls(form, add_opening(form, strbuf_view(&before), program->words));
    if (form->answer == GRAMMAR_NONE)
        return calls;
    return grammar_add_choice(program->grammar, (const uint32_t[]){form->answer, calls}, 2);
}

static enum status add_required(struct token_mask_internal_form *form)
{
    struct token_mask_internal_program *program = form->program;
    const struct token_mask_syntax *syntax = form->syntax;
    const uint32_t whole = add_whole(form);
    program->start = whole;
    if (!syntax->reasoning_open.len || !syntax->reasoning_close.len)
        return OK;
    const uint32_t behind = add_line_ends(form, whole);
    program->exit = token_mask_internal_join(
        form, token_mask_internal_text(form, syntax->reasoning_close), whole);
    const uint32_t reasoning =
        token_mask_internal_join(form, token_mask_internal_text(form, syntax->reasoning_open),
                                 grammar_add_free(program->grammar, program->exit));
    /* the end of reasoning alone, which MiniMax writes where there was none, is the exit, too */
    if (!form->is_unthinking)
        program->start = grammar_add_choice(program->grammar,
                                            (const uint32_t[]){whole, reasoning, program->exit}, 3);
    add_trigger(form, syntax->reasoning_close, behind);
    return program->tool_count > 0 ? add_triggers(form, program->has_calls) : OK;
}

/* ---------------------------------------------------------------- messages with headers */

/* What may stand behind "<|channel|>". Where something must come, only thinking is free. */
static uint32_t add_header(struct token_mask_internal_form *form, uint32_t must_come)
{
    static const struct str channels[] = {{"analysis", 8}, {"commentary", 10}, {"final", 5}};
    struct token_mask_internal_program *program = form->program;
    uint32_t rules[ARRAY_LEN(channels) + 1];
    uint32_t count = 0;
    for (size_t i = 0; i < (must_come != GRAMMAR_NONE ? 1 : ARRAY_LEN(channels)); i++) {
        uint32_t rule = grammar_add_free(program->grammar, program->exit);
        rule = token_mask_internal_join(form, token_mask_internal_text(form, STR("<|message|>")),
                                        rule);
        rules[count++] =
            token_mask_internal_join(form, token_mask_internal_text(form, channels[i]), rule);
    }
    if (must_come != GRAMMAR_NONE)
        rules[count++] = must_come;
    else if (program->has_calls)
        rules[count++] = token_mask_internal_join(
            form, token_mask_internal_text(form, STR("commentary to=functions.")), program->words);
    return grammar_add_choice(program->grammar, rules, count);
}

/* The header and text of a call that is required, or of the answer. */
static uint32_t add_must_come(struct token_mask_internal_form *form)
{
    struct token_mask_internal_program *program = form->program;
    if (program->mode != TOKEN_MASK_REQUIRED && form->answer == GRAMMAR_NONE)
        return GRAMMAR_NONE;
    uint32_t answer = form->answer;
    if (answer != GRAMMAR_NONE)
        answer = token_mask_internal_join(
            form, token_mask_internal_text(form, STR("final<|message|>")), answer);
    if (!program->has_calls)
        return answer;
    const uint32_t call = token_mask_internal_join(
        form, token_mask_internal_text(form, STR("commentary to=functions.")), program->words);
    if (answer == GRAMMAR_NONE)
        return call;
    return grammar_add_choice(program->grammar, (const uint32_t[]){answer, call}, 2);
}

static enum status add_messages(struct token_mask_internal_form *form)
{
    struct token_mask_internal_program *program = form->program;
    const uint32_t must_come = add_must_come(form);
    if (must_come != GRAMMAR_NONE)
        program->exit = token_mask_internal_join(
            form, token_mask_internal_text(form, STR("<|end|><|start|>assistant<|channel|>")),
            must_come);
    const uint32_t header = add_header(form, must_come);
    const uint32_t channel =
        token_mask_internal_join(form, token_mask_internal_text(form, STR("<|channel|>")), header);
    const uint32_t role =
        token_mask_internal_join(form, token_mask_internal_text(form, STR("assistant")), channel);
    const uint32_t next =
        token_mask_internal_join(form, token_mask_internal_text(form, STR("<|start|>")), role);
    program->start = channel;
    add_trigger(form, STR("<|channel|>"), header);
    add_trigger(form, STR("<|start|>"), role);
    add_trigger(form, STR("<|end|>"), next);
    static const struct str ends[] = {{"<|return|>", 10}, {"<|call|>", 8}};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) { /* as text they would end a message, too */
        if (token_mask_internal_special_at(program->vocab, ends[i]) < 0)
            add_trigger(form, ends[i], GRAMMAR_NONE);
    }
    return OK;
}

/* ---------------------------------------------------------------- messages with recipients */

/* `literal`, then free text. */
static uint32_t add_free_behind(struct token_mask_internal_form *form, struct str literal)
{
    return token_mask_internal_join(form, token_mask_internal_text(form, literal),
                                    grammar_add_free(form->program->grammar, GRAMMAR_NONE));
}

static enum status add_recipients(struct token_mask_internal_form *form)
{
    struct token_mask_internal_program *program = form->program;
    uint32_t rules[4];
    uint32_t count = 0;
    for (uint32_t i = 0; i < program->tool_count; i++) {
        if (str_equal_c(program->tools[i].name, "all"))
            return error_set(form->err, E_UNSUPPORTED,
                             "the tool name 'all' cannot be written in this form");
    }
    if (program->has_calls)
        rules[count++] = add_calls(form, program->words);
    if (form->answer != GRAMMAR_NONE)
        rules[count++] = token_mask_internal_join(
            form, token_mask_internal_text(form, STR("all\n")), form->answer);
    if (program->mode == TOKEN_MASK_REQUIRED || form->answer != GRAMMAR_NONE) {
        program->start = grammar_add_choice(program->grammar, rules, count);
        return OK;
    }
    rules[count++] = add_free_behind(form, STR("all\n"));
    program->start = grammar_add_choice(program->grammar, rules, count);
    rules[count++] = add_free_behind(form, STR(" ")); /* what a reader takes for text */
    rules[count++] = add_free_behind(form, STR("\n"));
    add_trigger(form, form->syntax->open, grammar_add_choice(program->grammar, rules, count));
    return OK;
}

enum status token_mask_internal_add_form(struct token_mask_internal_form *form)
{
    struct token_mask_internal_program *program = form->program;
    switch (form->syntax->headers) {
    case TOKEN_MASK_NO_HEADERS: break;
    case TOKEN_MASK_CHANNELS: return add_messages(form);
    case TOKEN_MASK_RECIPIENTS: return add_recipients(form);
    }
    if (program->mode == TOKEN_MASK_REQUIRED || form->answer != GRAMMAR_NONE)
        return add_required(form);
    return add_triggers(form, program->has_calls);
}
