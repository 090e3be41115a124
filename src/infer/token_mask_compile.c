/*
 * token_mask_compile - from tools and schemas to the grammar of a mask.
 *
 *   call = ... ( name_1 name_suffix arguments_1 close | name_2 ... )
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
#include "infer/grammar_members.h"
#include "infer/grammar_schema.h"
#include "infer/token_mask_internal.h"
#include "infer/token_mask_loosen.h"
#include "infer/token_mask_sets.h"
#include "text/json.h"
#include "text/utf8.h"
#include "tokenizer/tokenizer.h"

enum {
    NAME_SHOWN_MAX = 64, /* bytes of a name in a message */
    ID_LETTERS = 9,
};

/* ---------------------------------------------------------------- names and ids */

/* A name as messages show it. */
static struct str shown(struct str name)
{
    return str_slice(name, 0, utf8_cut(name, NAME_SHOWN_MAX));
}

/* The name as it is written. */
static enum status add_name(const struct token_mask_internal_form *form, struct str name,
                            struct strbuf *out)
{
    const bool is_plain = form->syntax->has_plain_names;
    bool is_clean = utf8_is_valid(name);
    for (size_t i = 0; i < name.len; i++)
        is_clean &= (unsigned char)name.ptr[i] >= ' ' && name.ptr[i] != 0x7f;
    if (name.len == 0 || name.len > TOKEN_MASK_NAME_MAX || !is_clean)
        return error_set(
            form->err, E_INVALID,
            "a tool's name must have 1 to %d bytes of UTF-8 without control characters",
            TOKEN_MASK_NAME_MAX);
    for (size_t i = 0; i < name.len && is_plain; i++) {
        if (strchr(" <>{}[]()=\"", name.ptr[i]))
            return error_set(form->err, E_UNSUPPORTED,
                             "the tool name '%.*s' cannot be written in this form",
                             STR_ARG(shown(name)));
    }
    CLEANUP(strbuf_done) struct strbuf quoted = {0};
    json_write_string(name, &quoted);
    strbuf_add_str(out, is_plain ? name : str_slice(strbuf_view(&quoted), 1, quoted.len - 1));
    return OK;
}

static struct str copy_text(struct str text)
{
    char *copy = mem_zalloc(text.len + 1);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    return (struct str){copy, text.len};
}

/* Says which tool the error is about. */
static enum status name_tool(const struct token_mask_internal_form *form, struct str name,
                             enum status status)
{
    struct error reason = *form->err;
    return error_set(form->err, status, "tool '%.*s': %.*s", STR_ARG(shown(name)), 400,
                     reason.text);
}

static uint32_t add_letters(struct grammar *grammar)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct str texts[sizeof(letters) - 1];
    uint32_t parts[ID_LETTERS];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        texts[i] = (struct str){letters + i, 1};
    const uint32_t letter = grammar_add_words(grammar, texts, NULL, ARRAY_LEN(texts));
    for (size_t i = 0; i < ID_LETTERS; i++)
        parts[i] = letter;
    return grammar_add_sequence(grammar, parts, ID_LETTERS);
}

static uint32_t add_index(struct grammar *grammar)
{
    char digits[TOKEN_MASK_CALLS_MAX][4];
    struct str texts[TOKEN_MASK_CALLS_MAX];
    for (size_t i = 0; i < TOKEN_MASK_CALLS_MAX; i++) {
        snprintf(digits[i], sizeof(digits[i]), "%zu", i);
        texts[i] = str_from_c(digits[i]);
    }
    return grammar_add_words(grammar, texts, NULL, TOKEN_MASK_CALLS_MAX);
}

static uint32_t add_id(struct grammar *grammar, enum token_mask_id id)
{
    switch (id) {
    case TOKEN_MASK_NO_ID: break;
    case TOKEN_MASK_ID_LETTERS: return add_letters(grammar);
    case TOKEN_MASK_ID_INDEX: return add_index(grammar);
    }
    return GRAMMAR_NONE;
}

/* ---------------------------------------------------------------- tools */

static uint32_t member_text(void *context, struct grammar *grammar, struct str text)
{
    (void)grammar;
    return token_mask_internal_text(context, text);
}

static enum status add_json(struct token_mask_internal_form *form,
                            const struct token_mask_tool *tool, uint32_t *out)
{
    if (tool->input)
        return token_mask_internal_add_input(form, tool->input, GRAMMAR_NONE, out);
    if (tool->parameters)
        return grammar_schema_add_object(form->program->grammar, tool->parameters, &form->limits,
                                         out, form->err);
    *out = grammar_add_literal(form->program->grammar, STR("{}"));
    return OK;
}

/* Arguments in the form's own words, and `end` behind them. */
static enum status add_members(struct token_mask_internal_form *form,
                               const struct token_mask_tool *tool, uint32_t end, uint32_t *out)
{
    const struct token_mask_syntax *syntax = form->syntax;
    struct grammar *grammar = form->program->grammar;
    if (tool->input)
        return token_mask_internal_add_input(form, tool->input, end, out);
    struct grammar_members_form members = {
        .style = GRAMMAR_MEMBERS_TAGS,
        .key_open = syntax->key_open,
        .key_close = syntax->key_close,
        .key_close_other = syntax->key_close_other,
        .value_close = syntax->value_close,
        .quote = syntax->quote,
        .text = member_text,
        .context = form,
    };
    if (syntax->arguments == TOKEN_MASK_PYTHON) {
        members.style = GRAMMAR_MEMBERS_PYTHON;
        members.key_close = STR("=");
        members.separator = STR(", ");
    } else if (syntax->arguments == TOKEN_MASK_BRACES) {
        members.style = GRAMMAR_MEMBERS_BRACES;
        members.key_close = STR(":");
        members.separator = STR(",");
        end = token_mask_internal_join(form, grammar_add_literal(grammar, STR("}")), end);
    } else if (syntax->arguments == TOKEN_MASK_ELEMENTS) {
        members.style = GRAMMAR_MEMBERS_ELEMENTS;
    }
    TRY(grammar_members_add(grammar, tool->parameters, &members, end, &form->limits, out,
                            form->err));
    if (syntax->arguments == TOKEN_MASK_BRACES)
        *out = token_mask_internal_join(form, grammar_add_literal(grammar, STR("{")), *out);
    return OK;
}

static uint32_t add_id_text(struct token_mask_internal_form *form, enum token_mask_place place,
                            uint32_t then)
{
    const struct token_mask_syntax *syntax = form->syntax;
    if (syntax->id == TOKEN_MASK_NO_ID || syntax->id_place != place)
        return then;
    then = token_mask_internal_join(form, token_mask_internal_text(form, syntax->id_close), then);
    then = token_mask_internal_join(form, form->id, then);
    return token_mask_internal_join(form, token_mask_internal_text(form, syntax->id_open), then);
}

/* The arguments of one tool and the end of the call. */
static enum status add_arguments(struct token_mask_internal_form *form,
                                 const struct token_mask_tool *tool,
                                 struct token_mask_internal_tool *row, uint32_t *out)
{
    const struct token_mask_syntax *syntax = form->syntax;
    struct token_mask_internal_program *program = form->program;
    const uint32_t close = add_id_text(form, TOKEN_MASK_BEHIND_ARGUMENTS,
                                       token_mask_internal_text(form, syntax->close));
    uint32_t rule = GRAMMAR_NONE;
    if (syntax->arguments != TOKEN_MASK_JSON) {
        TRY(add_members(form, tool, close, &rule));
        row->mark = grammar_add_mark(program->grammar, rule, program->tool_count);
        *out = row->mark;
        return OK;
    }
    TRY(add_json(form, tool, &rule));
    row->mark = grammar_add_mark(program->grammar, rule, program->tool_count);
    *out = token_mask_internal_join(form, row->mark, close);
    return OK;
}

/* The lines of `said` that are about this tool go to the caller. */
static void pass_warnings(const struct token_mask_internal_form *form, struct str tool,
                          const struct strbuf *said)
{
    struct str rest = strbuf_view(said);
    while (rest.len) {
        const size_t end = str_find(rest, STR("\n"), 0);
        const size_t len = end == SIZE_MAX ? rest.len : end;
        token_mask_loosen_warn(form->limits.warnings, tool, str_slice(rest, 0, len));
        rest = str_slice(rest, len + (end != SIZE_MAX), rest.len);
    }
}

/* Parameters that are tried, and taken out of the grammar again. */
struct trial {
    struct token_mask_internal_form *form;
    struct str name;
};

static bool fits(void *context, const json_t *parameters, struct error *why)
{
    const struct trial *trial = context;
    struct token_mask_internal_form *form = trial->form;
    const struct grammar_extent extent = grammar_get_extent(form->program->grammar);
    CLEANUP(strbuf_done) struct strbuf unsaid = {.size_max = GRAMMAR_WARNINGS_LEN_MAX};
    struct token_mask_internal_form alone = *form;
    struct token_mask_internal_tool row = {0};
    const struct token_mask_tool tool = {.name = trial->name, .parameters = parameters};
    uint32_t rule = GRAMMAR_NONE;
    if (form->trials >= TOKEN_MASK_LOOSEN_TRIALS_MAX)
        return error_set(why, E_LIMIT, "too much of the schemas cannot be enforced") == OK;
    form->trials++;
    alone.limits.warnings = &unsaid;
    alone.err = why;
    const bool is_fine =
        add_arguments(&alone, &tool, &row, &rule) == OK && !form->program->grammar->too_much;
    grammar_cut(form->program->grammar, &extent);
    return is_fine;
}

/* The same for a lenient caller: what cannot be enforced is said and left open. */
static enum status add_arguments_leniently(struct token_mask_internal_form *form,
                                           const struct token_mask_tool *tool, bool is_bare,
                                           struct token_mask_internal_tool *row, uint32_t *out)
{
    const struct grammar_extent extent = grammar_get_extent(form->program->grammar);
    CLEANUP(strbuf_done) struct strbuf said = {0};
    struct token_mask_internal_form own = *form;
    struct trial trial = {form, tool->name};
    own.limits.warnings = &said;
    if (!is_bare) {
        enum status status = add_arguments(&own, tool, row, out);
        if (status == OK && form->program->grammar->too_much && !extent.too_much)
            status = error_set(form->err, E_LIMIT, "the schema is too large (%s)",
                               form->program->grammar->too_much);
        if (status == OK)
            pass_warnings(form, tool->name, &said);
        if (status == OK || status == E_NO_MEMORY || !tool->parameters)
            return status;
        grammar_cut(form->program->grammar, &extent);
        strbuf_clear(&said);
        strbuf_addf(&said, "%s\n", form->err->text);
    } else {
        strbuf_add_c(&said, "no arguments satisfy the schema\n");
    }
    CLEANUP(json_decrefp)
    json_t *loose = token_mask_loosen(tool->parameters, is_bare ? NULL : fits, &trial, &said);
    const struct token_mask_tool left = {.name = tool->name, .parameters = loose};
    TRY(add_arguments(&own, &left, row, out));
    pass_warnings(form, tool->name, &said);
    return OK;
}

/* One tool: appends the text that stands for its name among the words. */
static enum status add_tool(struct token_mask_internal_form *form,
                            const struct token_mask_tool *tool, bool is_bare, struct strbuf *words)
{
    const struct token_mask_syntax *syntax = form->syntax;
    struct token_mask_internal_program *program = form->program;
    struct token_mask_internal_tool *row = &program->tools[program->tool_count];
    const bool has_id =
        syntax->id != TOKEN_MASK_NO_ID && syntax->id_place == TOKEN_MASK_BEHIND_NAME;
    uint32_t rule = GRAMMAR_NONE;
    TRY(add_name(form, tool->name, words));
    const bool is_lenient = form->limits.warnings && !tool->input; /* its grammar is meant */
    const enum status status = is_lenient ? add_arguments_leniently(form, tool, is_bare, row, &rule)
                                          : add_arguments(form, tool, row, &rule);
    if (status != OK)
        return name_tool(form, tool->name, status);
    struct str suffix = syntax->name_suffix;
    if (!has_id) { /* names of which one begins the other are told apart by what follows */
        const struct str plain = token_mask_internal_plain(form, suffix);
        strbuf_add_str(words, plain);
        suffix = str_slice(suffix, plain.len, suffix.len);
    }
    rule = token_mask_internal_join(form, token_mask_internal_text(form, suffix), rule);
    row->then = add_id_text(form, TOKEN_MASK_BEHIND_NAME, rule);
    row->name = copy_text(tool->name);
    program->tool_count++;
    return OK;
}

static enum status add_tools(struct token_mask_internal_form *form,
                             const struct token_mask_tool *tools, size_t tool_count)
{
    struct token_mask_internal_program *program = form->program;
    CLEANUP(strbuf_done) struct strbuf texts = {0};
    CLEANUP(mem_freep) size_t *ends = mem_zalloc((tool_count + 1) * sizeof(*ends));
    CLEANUP(mem_freep) struct str *words = mem_zalloc((tool_count + 1) * sizeof(*words));
    CLEANUP(mem_freep) uint32_t *then = mem_zalloc((tool_count + 1) * sizeof(*then));
    program->tools = mem_zalloc((tool_count + 1) * sizeof(*program->tools));
    for (size_t i = 0; i < tool_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (str_equal(tools[i].name, tools[k].name))
                return error_set(form->err, E_INVALID, "two tools are named '%.*s'",
                                 STR_ARG(shown(tools[i].name)));
        }
        const uint32_t count = program->tool_count;
        const struct grammar_extent extent = grammar_get_extent(program->grammar);
        const enum status status = add_tool(form, &tools[i], form->is_bare[i], &texts);
        if (status != OK && (!form->limits.warnings || status == E_NO_MEMORY || tools[i].input))
            return status;
        if (status != OK) { /* nothing of it can be written: the others are offered all the same */
            token_mask_loosen_warn(form->limits.warnings, tools[i].name,
                                   str_from_c(form->err->text));
            grammar_cut(program->grammar, &extent);
            strbuf_truncate(&texts, count ? ends[count - 1] : 0);
            continue;
        }
        form->origin[count] = (uint32_t)i;
        ends[count] = texts.len;
        then[count] = program->tools[count].then;
    }
    const uint32_t count = program->tool_count;
    for (size_t i = 0; i < count; i++)
        words[i] = str_slice(strbuf_view(&texts), i ? ends[i - 1] : 0, ends[i]);
    program->words = grammar_add_words(program->grammar, words, then, count);
    return OK;
}

/* ---------------------------------------------------------------- the whole */

static enum status check_syntax(const struct token_mask_syntax *syntax, struct error *err)
{
    const struct str parts[] = {
        syntax->section_open,  syntax->open,           syntax->name_prefix,
        syntax->name_suffix,   syntax->close,          syntax->between,
        syntax->section_close, syntax->id_open,        syntax->id_close,
        syntax->key_open,      syntax->key_close,      syntax->key_close_other,
        syntax->value_close,   syntax->quote,          syntax->trigger,
        syntax->also,          syntax->reasoning_open, syntax->reasoning_close};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].len > TOKEN_MASK_SYNTAX_MAX)
            return error_set(err, E_LIMIT, "a part of the tool-call form has %zu bytes (limit %d)",
                             parts[i].len, TOKEN_MASK_SYNTAX_MAX);
    }
    return OK;
}

static enum status compile(struct token_mask_internal_form *form,
                           const struct token_mask_tool *tools, size_t tool_count,
                           const struct token_mask_answer *answer)
{
    struct token_mask_internal_program *program = form->program;
    TRY(check_syntax(form->syntax, form->err));
    form->id = add_id(program->grammar, form->syntax->id);
    program->name_before =
        copy_text(form->syntax->name_prefix.len ? form->syntax->name_prefix : form->syntax->open);
    program->name_suffix = copy_text(form->syntax->name_suffix);
    program->arguments_are_json = form->syntax->arguments == TOKEN_MASK_JSON;
    TRY(add_tools(form, tools, tool_count));
    if (tool_count > 0 && program->tool_count == 0 && program->mode == TOKEN_MASK_REQUIRED)
        return error_set(form->err, E_UNSUPPORTED,
                         "a tool call is required, but none of the tools can be called: %.*s", 400,
                         strbuf_c(form->limits.warnings));
    program->has_calls = program->tool_count > 0 && program->mode != TOKEN_MASK_NONE;
    if (answer && program->mode != TOKEN_MASK_REQUIRED)
        TRY(token_mask_internal_add_answer(form, answer, &form->answer));
    TRY(token_mask_internal_add_form(form));
    return grammar_finish(program->grammar, form->limits.depth_max, form->err);
}

static enum status check_answer(const struct token_mask_internal_form *form)
{
    const struct grammar *grammar = form->program->grammar;
    if (form->answer == GRAMMAR_NONE || grammar->rules[form->answer].shortest != GRAMMAR_ENDLESS)
        return OK;
    return error_set(form->err, E_INVALID,
                     "no value satisfies the schema (or only larger ones than %d bytes)",
                     GRAMMAR_SHORTEST_MAX);
}

/* A tool that cannot be called at all is a mistake worth knowing about. *out_again: a lenient
 * caller goes without the schemas of such tools; to be compiled again. */
static enum status check_tools(const struct token_mask_internal_form *form, bool *out_again)
{
    const struct token_mask_internal_program *program = form->program;
    for (uint32_t i = 0; i < program->tool_count; i++) {
        const struct token_mask_internal_tool *tool = &program->tools[i];
        if (program->grammar->rules[tool->mark].shortest != GRAMMAR_ENDLESS)
            continue;
        bool *is_bare = &form->is_bare[form->origin[i]];
        if (!form->limits.warnings || *is_bare)
            return error_set(form->err, E_INVALID,
                             "tool '%.*s': no arguments satisfy its schema (or only larger ones "
                             "than %d bytes)",
                             STR_ARG(shown(tool->name)), GRAMMAR_SHORTEST_MAX);
        *is_bare = true;
        *out_again = true;
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
    program->sets = token_mask_sets_new();
    program->reference_count = 1;
    program->start = GRAMMAR_NONE;
    program->exit = GRAMMAR_NONE;
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
    CLEANUP(mem_freep) bool *is_bare = mem_zalloc((tool_count + 1) * sizeof(*is_bare));
    CLEANUP(mem_freep) uint32_t *origin = mem_zalloc((tool_count + 1) * sizeof(*origin));
    for (;;) {
        CLEANUP(program_unrefp)
        struct token_mask_internal_program *program = new_program(vocab, options->mode);
        struct token_mask_internal_form form = {
            .program = program,
            .syntax = syntax,
            .limits = options->limits,
            .call_count_max = options->call_count_max,
            .is_bare = is_bare,
            .origin = origin,
            .answer = GRAMMAR_NONE,
            .is_unthinking = options->is_unthinking,
            .err = err,
        };
        bool again = false;
        TRY(compile(&form, tools, tool_count, options->answer));
        TRY(check_answer(&form));
        TRY(check_tools(&form, &again));
        if (!again)
            return new_mask(program, out, err);
    }
}

enum status token_mask_new_schema(const struct token_mask_vocab *vocab, const json_t *schema,
                                  const struct grammar_limits *limits, struct token_mask **out,
                                  struct error *err)
{
    const struct grammar_limits none = {0};
    limits = limits ? limits : &none;
    CLEANUP(program_unrefp)
    struct token_mask_internal_program *program = new_program(vocab, TOKEN_MASK_REQUIRED);
    TRY(grammar_schema_add(program->grammar, schema, limits, &program->start, err));
    TRY(grammar_finish(program->grammar, limits->depth_max, err));
    if (program->grammar->rules[program->start].shortest == GRAMMAR_ENDLESS)
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
    TRY(grammar_gbnf_parse(text, &grammar, &program->start, err));
    grammar_unref(program->grammar);
    program->grammar = grammar;
    return new_mask(program, out, err);
}
