/*
 * token_mask_compile - from a tool-call form, tools and schemas to the grammar of a mask.
 *
 *   call  = open name_prefix ( name_1 name_suffix arguments_1 close | name_2 ... )
 *   whole = call [between call ...]
 *
 * The names with the text behind them are one list of words, each followed by its own arguments, so
 * that two names of which one begins the other are told apart by name_suffix.
 *
 * Threads: see token_mask.h.
 */
#include "infer/token_mask.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/grammar_gbnf.h"
#include "infer/grammar_schema.h"
#include "infer/token_mask_internal.h"
#include "text/json.h"
#include "text/utf8.h"
#include "tokenizer/tokenizer.h"

enum {
    PIECES_MAX = 64,     /* texts and special tokens of one part of the tool-call form */
    NAME_SHOWN_MAX = 64, /* bytes of a name in a message */
};

/* A part of the tool-call form: a text, or a special token. */
struct piece {
    struct str text;
    int32_t special; /* -1: a text */
};

struct pieces {
    struct piece items[PIECES_MAX];
    size_t count;
};

struct compiler {
    struct token_mask_internal_program *program;
    const struct token_mask_syntax *syntax;
    struct pieces open;
    struct pieces close;
    struct pieces between;
    struct error *err;
};

/* ---------------------------------------------------------------- pieces */

/* The longest special token that `text` begins with; -1: none. */
static int32_t special_at(const struct token_mask_vocab *vocab, struct str text)
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

static enum status cut(const struct compiler *in, struct str text, struct pieces *out)
{
    const struct token_mask_vocab *vocab = in->program->vocab;
    if (text.len > TOKEN_MASK_SYNTAX_MAX)
        return error_set(in->err, E_LIMIT, "a part of the tool-call form has %zu bytes (limit %d)",
                         text.len, TOKEN_MASK_SYNTAX_MAX);
    size_t plain = 0;
    for (size_t at = 0; at <= text.len;) {
        const int32_t special = special_at(vocab, str_slice(text, at, text.len));
        if (special < 0 && at < text.len) {
            at++;
            continue;
        }
        if (out->count + 2 > PIECES_MAX)
            return error_set(in->err, E_LIMIT, "too many special tokens in the tool-call form");
        if (at > plain)
            out->items[out->count++] = (struct piece){str_slice(text, plain, at), -1};
        if (special < 0)
            break;
        out->items[out->count++] = (struct piece){.special = special};
        at += tokenizer_piece(vocab->tokenizer, special).len;
        plain = at;
    }
    return OK;
}

static uint32_t add_piece(const struct compiler *in, const struct piece *piece)
{
    struct grammar *grammar = in->program->grammar;
    return piece->special >= 0 ? grammar_add_special(grammar, piece->special)
                               : grammar_add_literal(grammar, piece->text);
}

static void note_special(struct token_mask_internal_program *program, int32_t token)
{
    for (uint32_t i = 0; i < program->special_count; i++) {
        if (program->specials[i] == token)
            return;
    }
    program->specials[program->special_count++] = token;
}

static void note_specials(struct compiler *in)
{
    const struct pieces *const parts[] = {&in->open, &in->close, &in->between};
    in->program->specials = mem_zalloc(ARRAY_LEN(parts) * PIECES_MAX * sizeof(int32_t));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        for (size_t k = 0; k < parts[i]->count; k++) {
            if (parts[i]->items[k].special >= 0)
                note_special(in->program, parts[i]->items[k].special);
        }
    }
}

/* ---------------------------------------------------------------- tools */

/* A name as messages show it. */
static struct str shown(struct str name)
{
    return str_slice(name, 0, utf8_cut(name, NAME_SHOWN_MAX));
}

/* The name as it stands in JSON, without quotes, and what follows it. */
static enum status add_name(const struct compiler *in, struct str name, struct strbuf *out)
{
    bool is_clean = utf8_is_valid(name);
    for (size_t i = 0; i < name.len; i++)
        is_clean &= (unsigned char)name.ptr[i] >= ' ' && name.ptr[i] != 0x7f;
    if (name.len == 0 || name.len > TOKEN_MASK_NAME_MAX || !is_clean)
        return error_set(
            in->err, E_INVALID,
            "a tool's name must have 1 to %d bytes of UTF-8 without control characters",
            TOKEN_MASK_NAME_MAX);
    CLEANUP(strbuf_done) struct strbuf quoted = {0};
    json_write_string(name, &quoted);
    strbuf_add_str(out, str_slice(strbuf_view(&quoted), 1, quoted.len - 1));
    strbuf_add_str(out, in->syntax->name_suffix);
    return OK;
}

/* Says which tool the error is about. */
static enum status name_tool(const struct compiler *in, struct str name, enum status status)
{
    struct error reason = *in->err;
    return error_set(in->err, status, "tool '%.*s': %.*s", STR_ARG(shown(name)), 400, reason.text);
}

static enum status add_arguments(const struct compiler *in, const struct token_mask_tool *tool,
                                 const struct grammar_limits *limits, uint32_t *out)
{
    struct grammar *grammar = in->program->grammar;
    if (!tool->parameters) {
        *out = grammar_add_literal(grammar, STR("{}"));
        return OK;
    }
    const enum status status =
        grammar_schema_add_object(grammar, tool->parameters, limits, out, in->err);
    return status == OK ? OK : name_tool(in, tool->name, status);
}

/* The rule behind one tool's name: its arguments and the end of the call. */
static enum status add_tool(const struct compiler *in, const struct token_mask_tool *tool,
                            const struct grammar_limits *limits)
{
    struct token_mask_internal_program *program = in->program;
    struct token_mask_internal_tool *row = &program->tools[program->tool_count];
    uint32_t rules[PIECES_MAX + 1];
    uint32_t count = 0;
    uint32_t arguments = 0;
    TRY(add_arguments(in, tool, limits, &arguments));
    row->mark = grammar_add_mark(program->grammar, arguments, program->tool_count);
    rules[count++] = row->mark;
    for (size_t i = 0; i < in->close.count; i++)
        rules[count++] = add_piece(in, &in->close.items[i]);
    row->then = grammar_add_sequence(program->grammar, rules, count);
    char *name = mem_alloc(tool->name.len + 1);
    memcpy(name, tool->name.ptr, tool->name.len);
    name[tool->name.len] = '\0';
    row->name = (struct str){name, tool->name.len};
    program->tool_count++;
    return OK;
}

static enum status add_tools(const struct compiler *in, const struct token_mask_tool *tools,
                             size_t tool_count, const struct grammar_limits *limits)
{
    struct token_mask_internal_program *program = in->program;
    CLEANUP(strbuf_done) struct strbuf texts = {0};
    CLEANUP(mem_freep) size_t *ends = mem_zalloc((tool_count + 1) * sizeof(*ends));
    CLEANUP(mem_freep) struct str *words = mem_zalloc((tool_count + 1) * sizeof(*words));
    CLEANUP(mem_freep) uint32_t *then = mem_zalloc((tool_count + 1) * sizeof(*then));
    program->tools = mem_zalloc((tool_count + 1) * sizeof(*program->tools));
    for (size_t i = 0; i < tool_count; i++) {
        TRY(add_name(in, tools[i].name, &texts));
        for (size_t k = 0; k < i; k++) {
            if (str_equal(tools[i].name, tools[k].name))
                return error_set(in->err, E_INVALID, "two tools are named '%.*s'",
                                 STR_ARG(shown(tools[i].name)));
        }
        ends[i] = texts.len;
        TRY(add_tool(in, &tools[i], limits));
        then[i] = program->tools[i].then;
    }
    for (size_t i = 0; i < tool_count; i++)
        words[i] = str_slice(strbuf_view(&texts), i ? ends[i - 1] : 0, ends[i]);
    program->words = grammar_add_words(program->grammar, words, then, (uint32_t)tool_count);
    return OK;
}

/* ---------------------------------------------------------------- the trigger */

static struct str trim_end(struct str text)
{
    struct str trimmed = text;
    while (trimmed.len && strchr(" \t\r\n", trimmed.ptr[trimmed.len - 1]))
        trimmed.len--;
    return trimmed.len ? trimmed : text;
}

/* How far each beginning of the trigger can be followed by another match (Knuth, Morris, Pratt). */
static void set_trigger(struct token_mask_internal_program *program, struct str text)
{
    program->trigger = mem_alloc(text.len + 1);
    memcpy(program->trigger, text.ptr, text.len);
    program->trigger[text.len] = '\0';
    program->trigger_len = (uint32_t)text.len;
    program->borders = mem_zalloc((text.len + 1) * sizeof(*program->borders));
    uint32_t border = 0;
    for (uint32_t i = 1; i < program->trigger_len; i++) {
        while (border > 0 && program->trigger[i] != program->trigger[border])
            border = program->borders[border];
        border += program->trigger[i] == program->trigger[border];
        program->borders[i + 1] = border;
    }
}

static void find_containing(struct token_mask_internal_program *program)
{
    const struct token_mask_vocab *vocab = program->vocab;
    const struct str trigger = {program->trigger, program->trigger_len};
    uint32_t capacity = 0;
    for (uint32_t id = 0; id < vocab->size; id++) {
        const struct str piece = tokenizer_piece(vocab->tokenizer, (int32_t)id);
        if ((int32_t)id == program->trigger_token || str_find(piece, trigger, 0) == SIZE_MAX)
            continue;
        if (program->containing_count == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            program->containing =
                mem_realloc(program->containing, capacity * sizeof(*program->containing));
        }
        program->containing[program->containing_count++] = (int32_t)id;
    }
}

/* What a call begins with in free text; takes it off `open` (or name_prefix). */
static enum status cut_trigger(struct compiler *in, struct pieces *open, struct str *name_prefix)
{
    struct token_mask_internal_program *program = in->program;
    program->trigger_token = -1;
    program->only_at_start = in->syntax->only_at_start;
    struct str text = *name_prefix;
    if (open->count == 0) {
        *name_prefix = (struct str){0};
    } else if (open->items[0].special >= 0) {
        program->trigger_token = open->items[0].special;
        text = tokenizer_piece(program->vocab->tokenizer, program->trigger_token);
        open->count--;
        memmove(open->items, open->items + 1, open->count * sizeof(open->items[0]));
    } else {
        struct str *first = &open->items[0].text;
        text = trim_end(*first);
        *first = str_slice(*first, text.len, first->len);
        if (first->len == 0) {
            open->count--;
            memmove(open->items, open->items + 1, open->count * sizeof(open->items[0]));
        }
    }
    if (text.len == 0)
        return error_set(in->err, E_INVALID, "the tool-call form has no beginning");
    set_trigger(program, text);
    find_containing(program);
    return OK;
}

/* ---------------------------------------------------------------- the whole */

/* `before` (may be empty), then a call that begins with `open` and `name_prefix`. */
static uint32_t add_call(const struct compiler *in, const struct pieces *before,
                         const struct pieces *open, struct str name_prefix)
{
    struct grammar *grammar = in->program->grammar;
    uint32_t rules[2 * PIECES_MAX + 2];
    uint32_t count = 0;
    for (size_t i = 0; before && i < before->count; i++)
        rules[count++] = add_piece(in, &before->items[i]);
    for (size_t i = 0; i < open->count; i++)
        rules[count++] = add_piece(in, &open->items[i]);
    if (name_prefix.len)
        rules[count++] = grammar_add_literal(grammar, name_prefix);
    rules[count++] = in->program->words;
    return grammar_add_sequence(grammar, rules, count);
}

static enum status compile(struct compiler *in, const struct token_mask_tool *tools,
                           size_t tool_count, const struct token_mask_options *options)
{
    struct token_mask_internal_program *program = in->program;
    const struct token_mask_syntax *syntax = in->syntax;
    TRY(cut(in, syntax->open, &in->open));
    TRY(cut(in, syntax->close, &in->close));
    TRY(cut(in, syntax->between, &in->between));
    if (syntax->name_prefix.len > TOKEN_MASK_SYNTAX_MAX ||
        syntax->name_suffix.len > TOKEN_MASK_SYNTAX_MAX)
        return error_set(in->err, E_LIMIT, "a part of the tool-call form is too long (limit %d)",
                         TOKEN_MASK_SYNTAX_MAX);
    note_specials(in);
    TRY(add_tools(in, tools, tool_count, &options->limits));

    struct pieces first_open = in->open;
    struct str first_prefix = syntax->name_prefix;
    TRY(cut_trigger(in, &first_open, &first_prefix));
    if (tool_count == 0 || program->mode == TOKEN_MASK_NONE)
        return grammar_finish(program->grammar, options->limits.depth_max, in->err);
    const bool is_free = program->mode == TOKEN_MASK_AUTO;
    uint32_t rule = is_free ? add_call(in, NULL, &first_open, first_prefix)
                            : add_call(in, NULL, &in->open, syntax->name_prefix);
    if (options->call_count_max > 1) {
        const uint32_t more = add_call(in, &in->between, &in->open, syntax->name_prefix);
        rule = grammar_add_repeat(program->grammar, rule, more, options->call_count_max);
    }
    program->rule = rule;
    return grammar_finish(program->grammar, options->limits.depth_max, in->err);
}

/* A tool that cannot be called at all is a mistake worth knowing about. */
static enum status check_tools(const struct token_mask_internal_program *program, struct error *err)
{
    for (uint32_t i = 0; i < program->tool_count; i++) {
        const struct token_mask_internal_tool *tool = &program->tools[i];
        if (program->grammar->rules[tool->mark].shortest == GRAMMAR_ENDLESS)
            return error_set(err, E_INVALID,
                             "tool '%.*s': no arguments satisfy its schema (or only larger ones "
                             "than %d bytes)",
                             STR_ARG(shown(tool->name)), GRAMMAR_SHORTEST_MAX);
    }
    return OK;
}

static void program_unrefp(struct token_mask_internal_program **program)
{
    token_mask_internal_unref(*program);
}

static struct token_mask_internal_program *new_program(const struct token_mask_vocab *vocab,
                                                       enum token_mask_mode mode)
{
    struct token_mask_internal_program *program = mem_zalloc(sizeof(*program));
    program->vocab = vocab;
    program->mode = mode;
    program->grammar = grammar_new();
    program->reference_count = 1;
    program->rule = GRAMMAR_NONE;
    program->trigger_token = -1;
    return program;
}

/* The mask of a finished program, at its beginning. */
static enum status new_mask(struct token_mask_internal_program *program, struct token_mask **out,
                            struct error *err)
{
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    TRY(token_mask_internal_new(program, &mask, err));
    TRY(token_mask_start(mask, UINT32_MAX - 1, (struct str){0}, err));
    *out = mask;
    mask = NULL;
    return OK;
}

enum status token_mask_new_tools(const struct token_mask_vocab *vocab,
                                 const struct token_mask_syntax *syntax,
                                 const struct token_mask_tool *tools, size_t tool_count,
                                 const struct token_mask_options *options, struct token_mask **out,
                                 struct error *err)
{
    struct error unseen = {0};
    err = err ? err : &unseen; /* messages are extended on the way */
    if (tool_count > TOKEN_MASK_TOOLS_MAX)
        return error_set(err, E_LIMIT, "%zu tools (limit %d)", tool_count, TOKEN_MASK_TOOLS_MAX);
    if (options->call_count_max > TOKEN_MASK_CALLS_MAX)
        return error_set(err, E_LIMIT, "%u calls in one answer (limit %d)", options->call_count_max,
                         TOKEN_MASK_CALLS_MAX);
    if (tool_count == 0 && options->mode == TOKEN_MASK_REQUIRED)
        return error_set(err, E_INVALID, "a tool call is required, but there are no tools");
    CLEANUP(program_unrefp)
    struct token_mask_internal_program *program = new_program(vocab, options->mode);
    CLEANUP(mem_freep) struct compiler *compiler = mem_zalloc(sizeof(*compiler));
    *compiler = (struct compiler){.program = program, .syntax = syntax, .err = err};
    TRY(compile(compiler, tools, tool_count, options));
    TRY(check_tools(program, err));
    return new_mask(program, out, err);
}

enum status token_mask_new_schema(const struct token_mask_vocab *vocab, const json_t *schema,
                                  const struct grammar_limits *limits, struct token_mask **out,
                                  struct error *err)
{
    const struct grammar_limits none = {0};
    limits = limits ? limits : &none;
    CLEANUP(program_unrefp)
    struct token_mask_internal_program *program = new_program(vocab, TOKEN_MASK_REQUIRED);
    TRY(grammar_schema_add(program->grammar, schema, limits, &program->rule, err));
    TRY(grammar_finish(program->grammar, limits->depth_max, err));
    if (program->grammar->rules[program->rule].shortest == GRAMMAR_ENDLESS)
        return error_set(err, E_INVALID,
                         "no value satisfies the schema (or only larger ones than %d bytes)",
                         GRAMMAR_SHORTEST_MAX);
    return new_mask(program, out, err);
}

enum status token_mask_new_grammar(const struct token_mask_vocab *vocab, struct str text,
                                   struct token_mask **out, struct error *err)
{
    CLEANUP(program_unrefp)
    struct token_mask_internal_program *program = new_program(vocab, TOKEN_MASK_REQUIRED);
    struct grammar *grammar = NULL;
    TRY(grammar_gbnf_parse(text, &grammar, &program->rule, err));
    grammar_unref(program->grammar);
    program->grammar = grammar;
    return new_mask(program, out, err);
}
