/*
 * token_mask_answer - answers that are no calls, and arguments that are one text of a grammar.
 *
 * Threads: see token_mask.h.
 */
#include "base/strbuf.h"
#include "infer/grammar_schema.h"
#include "infer/token_mask_internal.h"
#include "text/json.h"

enum status token_mask_internal_add_answer(struct token_mask_internal_form *form,
                                           const struct token_mask_answer *answer, uint32_t *out)
{
    struct token_mask_internal_program *program = form->program;
    const struct grammar_written_place place = {0};
    if (answer->schema)
        return grammar_schema_add(program->grammar, answer->schema, &form->limits, out, form->err);
    if (program->tool_count == 0) { /* nothing is JSON, which would not be read at such depths */
        program->grammar->is_text = true;
        form->limits.depth_max = GRAMMAR_TEXT_DEPTH_MAX;
    }
    return grammar_written_add(program->grammar, &answer->grammar, &place, out, form->err);
}

/* What stands around a text in a form's own words. */
struct around {
    struct strbuf open;
    struct strbuf close;
    struct grammar_written_place place;
};

/* The mark in front of a tag from its "<" on, up to the tag's own. */
static struct str first_tag(struct str text)
{
    const size_t start = str_find_char(text, '<', 0);
    return str_slice(text, start, str_find_char(text, '<', start + 1));
}

static void set_around(const struct token_mask_syntax *syntax, struct str key, struct around *out)
{
    switch (syntax->arguments) {
    case TOKEN_MASK_JSON:
        strbuf_add_char(&out->open, '{');
        json_write_string(key, &out->open);
        strbuf_add_c(&out->open, ": \"");
        strbuf_add_c(&out->close, "\"}");
        out->place.is_json = true;
        break;
    case TOKEN_MASK_PYTHON:
        strbuf_addf(&out->open, "%.*s=\"", STR_ARG(key));
        strbuf_add_c(&out->close, "\"");
        out->place.is_json = true;
        break;
    case TOKEN_MASK_TAGS:
        strbuf_add_str(&out->open, syntax->key_open);
        strbuf_add_str(&out->open, key);
        strbuf_add_str(&out->open, syntax->key_close);
        strbuf_add_str(&out->close, syntax->value_close);
        out->place.without = str_trim(syntax->value_close);
        break;
    case TOKEN_MASK_ELEMENTS:
        strbuf_add_str(&out->open, syntax->key_open);
        strbuf_add_str(&out->open, key);
        strbuf_add_str(&out->open, syntax->key_close);
        strbuf_add_str(&out->close, syntax->value_close);
        strbuf_add_str(&out->close, key);
        strbuf_add_str(&out->close, syntax->key_close);
        out->place.without = first_tag(syntax->value_close);
        break;
    case TOKEN_MASK_BRACES:
        strbuf_addf(&out->open, "{%.*s:", STR_ARG(key));
        strbuf_add_str(&out->open, syntax->quote);
        strbuf_add_str(&out->close, syntax->quote);
        strbuf_add_char(&out->close, '}');
        out->place.without = syntax->quote;
        break;
    }
}

enum status token_mask_internal_add_input(struct token_mask_internal_form *form,
                                          const struct token_mask_input *input, uint32_t end,
                                          uint32_t *out)
{
    CLEANUP(strbuf_done) struct strbuf open = {0};
    CLEANUP(strbuf_done) struct strbuf close = {0};
    struct around around = {0};
    uint32_t rule = GRAMMAR_NONE;
    set_around(form->syntax, input->key, &around);
    open = around.open;
    close = around.close;
    TRY(grammar_written_add(form->program->grammar, &input->grammar, &around.place, &rule,
                            form->err));
    end = token_mask_internal_join(form, token_mask_internal_text(form, strbuf_view(&close)), end);
    rule = token_mask_internal_join(form, rule, end);
    *out = token_mask_internal_join(form, token_mask_internal_text(form, strbuf_view(&open)), rule);
    return OK;
}
