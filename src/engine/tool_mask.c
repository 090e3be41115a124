#include "engine/tool_mask.h"

#include "base/attr.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "chat/chat_template.h"
#include "engine/engine_internal.h"
#include "engine/tool_mask_syntax.h"
#include "infer/token_mask.h"
#include "text/json.h"

static enum token_mask_mode mode_of(enum tool_choice choice)
{
    switch (choice) {
    case TOOL_CHOICE_AUTO: return TOKEN_MASK_AUTO;
    case TOOL_CHOICE_REQUIRED: return TOKEN_MASK_REQUIRED;
    case TOOL_CHOICE_NONE: return TOKEN_MASK_NONE;
    }
    return TOKEN_MASK_NONE;
}

/* The grammar of a tool's text. */
static enum status read_input(const json_t *input, struct str name, struct token_mask_input *out,
                              struct error *err)
{
    const struct str syntax = json_str(json_object_get(input, "syntax"));
    const bool is_regex = str_equal_c(syntax, "regex");
    if (!is_regex && !str_equal_c(syntax, "lark"))
        return error_set(err, E_UNSUPPORTED, "the grammar of tool '%.*s' is not lark or regex",
                         STR_ARG(str_slice(name, 0, TOKEN_MASK_NAME_MAX)));
    *out = (struct token_mask_input){
        .key = STR(TOOL_MASK_INPUT),
        .grammar = {.syntax = is_regex ? GRAMMAR_WRITTEN_REGEX : GRAMMAR_WRITTEN_LARK,
                    .text = json_str(json_object_get(input, "definition"))},
    };
    return OK;
}

static const json_t *input_of(const struct tool_mask_options *options, struct str name)
{
    return json_object_getn(options->inputs, name.ptr, name.len);
}

/* Name and schema of every tool that may be called; views into the tools. `inputs`: room for as
 * many. */
static enum status read_tools(const struct tool_mask_options *options, struct token_mask_tool *out,
                              struct token_mask_input *inputs, size_t *out_count, struct error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(options->tools); i++) {
        const json_t *tool = json_array_get(options->tools, i);
        const json_t *inner = json_object_get(tool, "function");
        const json_t *function = inner ? inner : tool;
        struct str name;
        if (!json_member_str(function, "name", &name))
            return error_set(err, E_INVALID, "tool %zu has no name", i + 1);
        if (options->name.len && !str_equal(name, options->name))
            continue;
        const json_t *input = input_of(options, name);
        if (input)
            TRY(read_input(input, name, &inputs[count], err));
        out[count] = (struct token_mask_tool){
            .name = name,
            .parameters = json_object_get(function, "parameters"),
            .input = input ? &inputs[count] : NULL,
        };
        count++;
    }
    if (options->name.len && count == 0)
        return error_set(err, E_NOT_FOUND, "there is no tool '%.*s' to be called",
                         STR_ARG(str_slice(options->name, 0, TOKEN_MASK_NAME_MAX)));
    *out_count = count;
    return OK;
}

/* ---------------------------------------------------------------- the form */

static enum token_mask_id id_of(const struct tool_format_syntax *form)
{
    switch (form->id) {
    case TOOL_FORMAT_NO_ID: break;
    case TOOL_FORMAT_ID_LETTERS: return TOKEN_MASK_ID_LETTERS;
    case TOOL_FORMAT_ID_INDEX: return TOKEN_MASK_ID_INDEX;
    }
    return TOKEN_MASK_NO_ID;
}

static enum token_mask_place place_of(const struct tool_format_syntax *form)
{
    switch (form->id_place) {
    case TOOL_FORMAT_BEFORE_NAME: return TOKEN_MASK_BEFORE_NAME;
    case TOOL_FORMAT_BEHIND_NAME: return TOKEN_MASK_BEHIND_NAME;
    case TOOL_FORMAT_BEHIND_ARGUMENTS: break;
    }
    return TOKEN_MASK_BEHIND_ARGUMENTS;
}

static enum token_mask_arguments arguments_of(const struct tool_format_syntax *form)
{
    switch (form->arguments) {
    case TOOL_FORMAT_JSON: break;
    case TOOL_FORMAT_TAGS: return TOKEN_MASK_TAGS;
    case TOOL_FORMAT_PYTHON: return TOKEN_MASK_PYTHON;
    case TOOL_FORMAT_BRACES: return TOKEN_MASK_BRACES;
    case TOOL_FORMAT_ELEMENTS: return TOKEN_MASK_ELEMENTS;
    }
    return TOKEN_MASK_JSON;
}

static enum token_mask_headers headers_of(enum tool_format_headers headers)
{
    switch (headers) {
    case TOOL_FORMAT_NO_HEADERS: break;
    case TOOL_FORMAT_CHANNELS: return TOKEN_MASK_CHANNELS;
    case TOOL_FORMAT_RECIPIENTS: return TOKEN_MASK_RECIPIENTS;
    }
    return TOKEN_MASK_NO_HEADERS;
}

/* What opens a call in free text, and what must not, since the parser would take it for one. */
static void set_openings(const struct tool_format *format, struct token_mask_syntax *out)
{
    out->only_at_start = format->starts_reply;
    if (format->starts_reply) {
        out->trigger = STR("{");
        out->also = str_from_c(format->markers[0]);
        return;
    }
    out->trigger = str_from_c(format->markers[0]);
    for (size_t i = 1; format->markers[i] && i <= TOKEN_MASK_REFUSED_MAX; i++)
        out->refused[i - 1] = str_from_c(format->markers[i]);
}

void tool_mask_syntax(const struct tool_format *format,
                      const struct output_parser_reasoning *reasoning, struct strbuf *close,
                      struct token_mask_syntax *out)
{
    const struct tool_format_syntax *form = &format->syntax;
    const bool is_object = form->shape == TOOL_FORMAT_OBJECT;
    /* the bracket that the arguments of Python end with is the form's */
    strbuf_add_c(close, is_object ? "}" : "");
    strbuf_add_str(close, form->close);
    *out = (struct token_mask_syntax){
        .section_open = form->section_open,
        .open = form->open,
        .name_prefix = form->name_open,
        .name_suffix = form->name_close,
        .close = strbuf_view(close),
        .between = form->between,
        .section_close = form->section_close,
        .id_open = form->id_open,
        .id_close = is_object && form->id_place == TOOL_FORMAT_BEHIND_ARGUMENTS ? STR("\"")
                                                                                : (struct str){0},
        .id = id_of(form),
        .id_place = place_of(form),
        .has_plain_names = !is_object,
        .arguments = arguments_of(form),
        .key_open = form->key_open,
        .key_close = form->key_close,
        .key_close_other = form->key_close_other,
        .value_close = form->value_close,
        .quote = form->quote,
        .reasoning_open = reasoning->open,
        .reasoning_close = reasoning->close,
        .headers = headers_of(format->headers),
    };
    set_openings(format, out);
}

/* The reasoning that the model's template knows; empty when it knows none. */
static struct output_parser_reasoning reasoning_of(const struct engine *engine)
{
    const struct str source =
        engine->chat_template ? chat_template_source(engine->chat_template) : (struct str){0};
    if (str_find(source, engine->reasoning.close, 0) == SIZE_MAX)
        return (struct output_parser_reasoning){0};
    return engine->reasoning;
}

/* ---------------------------------------------------------------- compiling once */

void tool_mask_cache_done(struct tool_mask_cache *cache)
{
    for (size_t i = 0; i < TOOL_MASK_CACHE_SIZE; i++) {
        mem_free(cache->rows[i].key);
        mem_free(cache->rows[i].warnings);
        token_mask_free(cache->rows[i].mask);
    }
    *cache = (struct tool_mask_cache){0};
}

/* What tells one mask of an engine from another, as text. */
static void write_key(const struct tool_mask_options *options, uint32_t calls, struct strbuf *out)
{
    strbuf_addf(out, "%d %d %u %zu:", (int)options->choice, options->warnings != NULL, calls,
                options->name.len);
    strbuf_add_str(out, options->name);
    const json_t *const parts[] = {options->tools, options->inputs, options->schema};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        strbuf_add_char(out, '\n');
        if (parts[i])
            json_write_python(parts[i], out);
    }
    strbuf_addf(out, "\n%d %d ", (int)options->is_unthinking, (int)options->is_raw);
    strbuf_add_str(out, options->grammar);
}

static enum status compile_raw(struct engine *engine, const struct tool_mask_options *options,
                               struct strbuf *warnings, struct token_mask **out, struct error *err)
{
    const struct grammar_limits limits = {.warnings = warnings};
    const struct token_mask_vocab *vocab = NULL;
    TRY(engine_mask_vocab(engine, &vocab, err));
    return options->schema ? token_mask_new_schema(vocab, options->schema, &limits, out, err)
                           : token_mask_new_grammar(vocab, options->grammar, out, err);
}

/* `warnings`: of a lenient caller, or NULL. */
static enum status compile(struct engine *engine, const struct tool_mask_options *options,
                           uint32_t calls, struct strbuf *warnings, struct token_mask **out,
                           struct error *err)
{
    const size_t size = json_array_size(options->tools);
    if (size > TOKEN_MASK_TOOLS_MAX)
        return error_set(err, E_LIMIT, "%zu tools (limit %d)", size, TOKEN_MASK_TOOLS_MAX);
    const struct token_mask_vocab *vocab = NULL;
    TRY(engine_mask_vocab(engine, &vocab, err));
    CLEANUP(mem_freep) struct token_mask_tool *rows = mem_zalloc((size + 1) * sizeof(*rows));
    CLEANUP(mem_freep) struct token_mask_input *inputs = mem_zalloc((size + 1) * sizeof(*inputs));
    size_t count = 0;
    TRY(read_tools(options, rows, inputs, &count, err));
    const struct output_parser_reasoning reasoning = reasoning_of(engine);
    CLEANUP(strbuf_done) struct strbuf close = {0};
    struct token_mask_syntax syntax;
    tool_mask_syntax(engine_tool_format(engine), &reasoning, &close, &syntax);
    const struct token_mask_answer answer = {
        .schema = options->schema,
        .grammar = {.syntax = GRAMMAR_WRITTEN_GBNF, .text = options->grammar},
    };
    const struct token_mask_options mask_options = {
        .mode = mode_of(options->choice),
        .answer = options->schema || options->grammar.len ? &answer : NULL,
        .is_unthinking = options->is_unthinking,
        .call_count_max = calls,
        .limits = {.warnings = warnings},
    };
    return token_mask_new_tools(vocab, &syntax, rows, count, &mask_options, out, err);
}

/* Puts a compiled mask in front; the last one makes room. */
static void remember(struct tool_mask_cache *cache, struct strbuf *key, struct strbuf *warnings,
                     struct token_mask *mask)
{
    const size_t last = TOOL_MASK_CACHE_SIZE - 1;
    mem_free(cache->rows[last].key);
    mem_free(cache->rows[last].warnings);
    token_mask_free(cache->rows[last].mask);
    memmove(cache->rows + 1, cache->rows, last * sizeof(cache->rows[0]));
    cache->rows[0].key = strbuf_take(key);
    cache->rows[0].warnings = warnings->len ? strbuf_take(warnings) : NULL;
    cache->rows[0].mask = mask;
}

enum status tool_mask_make(struct engine *engine, const struct tool_mask_options *options,
                           struct token_mask **out, struct error *err)
{
    struct tool_mask_cache *cache = &engine->tool_masks;
    uint32_t calls = options->call_count_max ? options->call_count_max : TOOL_MASK_CALLS_DEFAULT;
    if (engine_tool_format(engine)->is_single)
        calls = 1;
    CLEANUP(strbuf_done) struct strbuf key = {0};
    write_key(options, calls, &key);
    for (size_t i = 0; i < TOOL_MASK_CACHE_SIZE && cache->rows[i].key; i++) {
        if (!str_equal_c(strbuf_view(&key), cache->rows[i].key))
            continue;
        if (cache->rows[i].warnings)
            strbuf_add_c(options->warnings, cache->rows[i].warnings);
        return token_mask_fork(cache->rows[i].mask, out, err);
    }
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    CLEANUP(strbuf_done) struct strbuf warnings = {0};
    struct strbuf *lines = options->warnings ? &warnings : NULL;
    TRY(options->is_raw ? compile_raw(engine, options, lines, &mask, err)
                        : compile(engine, options, calls, lines, &mask, err));
    TRY(token_mask_fork(mask, out, err));
    if (options->warnings)
        strbuf_add_str(options->warnings, strbuf_view(&warnings));
    remember(cache, &key, &warnings, mask);
    mask = NULL; /* ownership moves to the cache */
    return OK;
}

enum status tool_mask_new(struct engine *engine, const json_t *tools, enum tool_choice choice,
                          struct token_mask **out, struct error *err)
{
    const struct tool_mask_options options = {.tools = tools, .choice = choice};
    return tool_mask_make(engine, &options, out, err);
}

void tool_mask_free(struct token_mask *mask)
{
    token_mask_free(mask);
}

enum status tool_mask_forbid(struct token_mask *mask, struct str tool_name, struct str arguments,
                             struct error *err)
{
    return token_mask_forbid(mask, tool_name, arguments, err);
}

enum status tool_mask_forbid_written(struct token_mask *mask, struct str tool_name,
                                     struct str written, struct error *err)
{
    return token_mask_forbid_written(mask, tool_name, written, err);
}
