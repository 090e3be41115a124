#include "chat/tool_format.h"

#include "base/strbuf.h"
#include "chat/chat_template.h"
#include "chat/tool_format_rows.h"

/* The first that matches is taken; the first of all is the default. */
static const struct tool_format *const rows[] = {
    &tool_format_generic,       &tool_format_hermes,         &tool_format_qwen3_coder,
    &tool_format_llama3,        &tool_format_mistral,        &tool_format_mistral_id,
    &tool_format_mistral_array, &tool_format_deepseek_r1,    &tool_format_deepseek_v31,
    &tool_format_deepseek_v32,  &tool_format_deepseek_v4,    &tool_format_harmony,
    &tool_format_glm,           &tool_format_kimi,           &tool_format_lfm2,
    &tool_format_gemma4,        &tool_format_function_gemma, &tool_format_minimax,
    &tool_format_nemotron2,     &tool_format_command_r7b,    &tool_format_functionary,
    &tool_format_seed_oss,      &tool_format_minicpm5,       &tool_format_apriel,
    &tool_format_apertus,       &tool_format_granite3,       &tool_format_gigachat,
    &tool_format_gigachat3,     &tool_format_minimax_m3,     &tool_format_functionary_v32,
};

const struct tool_format *const *tool_format_list(size_t *out_count)
{
    *out_count = ARRAY_LEN(rows);
    return rows;
}

const struct tool_format *tool_format_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_equal_c(name, rows[i]->name))
            return rows[i];
    }
    return NULL;
}

/* ---------------------------------------------------------------- words */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str tool_format_next_word(struct str *rest)
{
    const struct str text = str_trim_front(*rest);
    const bool is_marked = str_starts_with(text, STR("]<]")); /* the mark is part of the tag */
    size_t end = text.len > 0;
    while (end < text.len && !is_space(text.ptr[end]) &&
           (is_marked || (text.ptr[end] != '<' && text.ptr[end] != '[')))
        end++;
    *rest = str_slice(text, end, text.len);
    return str_slice(text, 0, end);
}

struct str tool_format_last_word(struct str text)
{
    struct str last = {0};
    for (struct str word = tool_format_next_word(&text); word.len;
         word = tool_format_next_word(&text))
        last = word;
    return last;
}

/* ---------------------------------------------------------------- detection */

/* Does `text` at `at` hold the pattern, white space being free where the pattern has some? Where it
 * ends, or SIZE_MAX. */
static size_t match_at(struct str text, size_t at, struct str pattern)
{
    for (size_t i = 0; i < pattern.len; i++) {
        if (is_space(pattern.ptr[i])) {
            while (at < text.len && is_space(text.ptr[at]))
                at++;
        } else if (at >= text.len || text.ptr[at++] != pattern.ptr[i]) {
            return SIZE_MAX;
        }
    }
    return at;
}

/* Moves *at behind the first place that holds the pattern; false when none does. */
static bool find_part(struct str text, size_t *at, struct str pattern)
{
    pattern = str_trim(pattern);
    for (size_t from = *at; pattern.len && from < text.len; from++) {
        const size_t end = match_at(text, from, pattern);
        if (end == SIZE_MAX)
            continue;
        *at = end;
        return true;
    }
    return pattern.len == 0;
}

static void write_probe_arguments(const struct tool_format_syntax *syntax, struct strbuf *out)
{
    const char *key = TOOL_FORMAT_PROBE_ARGUMENT;
    const char *value = TOOL_FORMAT_PROBE_VALUE;
    switch (syntax->arguments) {
    case TOOL_FORMAT_JSON: /* an object may hold them as a text: the name is telling enough */
        if (syntax->shape == TOOL_FORMAT_NAMED)
            strbuf_addf(out, "{\"%s\": \"%s\"}", key, value);
        break;
    case TOOL_FORMAT_TAGS:
        strbuf_add_str(out, syntax->key_open);
        strbuf_add_c(out, key);
        strbuf_add_str(out, syntax->key_close);
        strbuf_add_c(out, value);
        strbuf_add_str(out, syntax->value_close);
        break;
    case TOOL_FORMAT_ELEMENTS:
        strbuf_addf(out, "%.*s%s%.*s%s%.*s%s%.*s", STR_ARG(syntax->key_open), key,
                    STR_ARG(syntax->key_close), value, STR_ARG(syntax->value_close), key,
                    STR_ARG(syntax->key_close));
        break;
    case TOOL_FORMAT_PYTHON: strbuf_addf(out, "%s=", key); break;
    case TOOL_FORMAT_BRACES:
        strbuf_addf(out, "{%s:%.*s%s%.*s}", key, STR_ARG(syntax->quote), value,
                    STR_ARG(syntax->quote));
        break;
    }
}

/* Does `rendered` hold the probe call as this format writes it? Ids, which nobody knows, stand
 * between the parts. */
static bool matches(const struct tool_format *format, struct str rendered)
{
    const struct tool_format_syntax *syntax = &format->syntax;
    CLEANUP(strbuf_done) struct strbuf name = {0};
    CLEANUP(strbuf_done) struct strbuf arguments = {0};
    const bool has_first_id =
        syntax->id != TOOL_FORMAT_NO_ID && syntax->id_place == TOOL_FORMAT_BEFORE_NAME;
    if (!has_first_id) {
        strbuf_add_str(&name, syntax->section_open);
        strbuf_add_str(&name, syntax->open);
    }
    strbuf_add_str(&name, syntax->name_open);
    strbuf_add_c(&name, TOOL_FORMAT_PROBE_NAME);
    struct strbuf *rest =
        syntax->id_open.len && !has_first_id && syntax->id_place == TOOL_FORMAT_BEHIND_NAME
            ? &arguments
            : &name;
    strbuf_add_str(rest, syntax->name_close);
    write_probe_arguments(syntax, rest);

    size_t at = 0;
    return (!has_first_id || find_part(rendered, &at, syntax->section_open)) &&
           find_part(rendered, &at, strbuf_view(&name)) &&
           find_part(rendered, &at, strbuf_view(&arguments)) &&
           find_part(rendered, &at, syntax->close) &&
           find_part(rendered, &at, syntax->section_close);
}

/* A conversation with the probe call in it, as the template writes it. */
static enum status render_probe(const struct chat_template *chat_template, bool with_tools,
                                struct chat_spans *out)
{
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(json_decrefp)
    json_t *arguments = json_pack("{s:s}", TOOL_FORMAT_PROBE_ARGUMENT, TOOL_FORMAT_PROBE_VALUE);
    CLEANUP(json_decrefp) json_t *tools = NULL;
    chat_request_add(&request, CHAT_ROLE_USER, STR("probe"));
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    chat_request_add_call(&request, message, STR(""), STR(TOOL_FORMAT_PROBE_NAME), arguments);
    if (with_tools) {
        tools =
            json_pack("[{s:s, s:{s:s, s:s, s:{s:s, s:{s:{s:s}}}}}]", "type", "function", "function",
                      "name", TOOL_FORMAT_PROBE_NAME, "description", "probe", "parameters", "type",
                      "object", "properties", TOOL_FORMAT_PROBE_ARGUMENT, "type", "string");
        chat_request_set_tools(&request, tools);
        chat_request_add(&request, CHAT_ROLE_TOOL, STR("probe"));
    }
    return chat_template_render(chat_template, &request, out, NULL);
}

static const struct tool_format *find_rendered(const struct chat_template *chat_template,
                                               bool with_tools)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    if (render_probe(chat_template, with_tools, &spans) != OK)
        return NULL;
    for (size_t i = 1; i < ARRAY_LEN(rows); i++) {
        if (matches(rows[i], strbuf_view(&spans.text)))
            return rows[i];
    }
    return NULL;
}

/* What the template's source gives away when its rendering does not. */
static const struct tool_format *find_hinted(struct str source)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i]->hint && str_find(source, str_from_c(rows[i]->hint), 0) != SIZE_MAX)
            return rows[i];
    }
    return NULL;
}

const struct tool_format *tool_format_detect(const struct chat_template *chat_template,
                                             bool *out_known)
{
    const struct chat_template_caps *caps = chat_template_get_caps(chat_template);
    const struct tool_format *found = NULL;
    if (caps->tool_calls)
        found = find_rendered(chat_template, false);
    if (!found && caps->tool_calls)
        found = find_rendered(chat_template, true);
    if (!found && (caps->tool_calls || caps->tools))
        found = find_hinted(chat_template_source(chat_template));
    if (out_known)
        *out_known = found != NULL;
    return found ? found : rows[0];
}
