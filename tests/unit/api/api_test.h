/*
 * api_test - reading a request body and showing what came of it, for the tests of the readers.
 */
#pragma once

#include "api/api_request.h"
#include "tests/holt_test.h"
#include "text/json.h"

typedef enum status(api_test_read_fn)(const json_t *body, struct api_request *out,
                                      struct error *err);

/* One request: what is shown of it, or how it is refused. */
struct api_test_row {
    const char *name;
    const char *body;
    const char *shown; /* api_test_show() holds it; NULL: not looked at */
    const char *error; /* the sentence holds it; NULL: it is read */
};

/* Prompts behind one another, tokens in brackets. */
static inline void api_test_show_prompts(const struct api_request *request, struct strbuf *out)
{
    for (size_t i = 0; i < request->prompt_count; i++) {
        strbuf_add_c(out, i > 0 ? "|" : "");
        for (size_t k = 0; k < request->prompts[i].part_count; k++) {
            const struct api_prompt_part *part = &request->prompts[i].parts[k];
            strbuf_add_str(out, part->text);
            for (size_t n = 0; n < part->id_count; n++)
                strbuf_addf(out, "<%d>", part->ids[n]);
        }
    }
}

/* What llama.cpp's clients ask for beside the text. */
static inline void api_test_show_telling(const struct api_request *request, struct strbuf *out)
{
    if (request->choice_count > 1)
        strbuf_addf(out, " n %u", request->choice_count);
    if (request->wants_ids)
        strbuf_add_c(out, " ids");
    if (request->wants_progress)
        strbuf_add_c(out, " progress");
    if (request->wants_timings)
        strbuf_add_c(out, " timings");
    if (request->only_reads)
        strbuf_add_c(out, " reads");
    if (request->fields) {
        strbuf_add_c(out, " fields ");
        json_write_python(request->fields, out);
    }
}

static inline void api_test_show_biases(const struct api_request *request, struct strbuf *out)
{
    for (size_t i = 0; i < request->bias_count; i++)
        strbuf_addf(out, " bias %d %g", request->biases[i].id, (double)request->biases[i].add);
    for (size_t i = 0; i < request->bias_text_count; i++)
        strbuf_addf(out, " bias \"%.*s\" %g", STR_ARG(request->bias_texts[i].text),
                    (double)request->bias_texts[i].add);
}

/* Messages one a line, "role [reasoning] text (call NAME ARGUMENTS) (for ID)", then tools and
 * settings. */
static inline void api_test_show(const struct api_request *request, struct strbuf *out)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool"};
    static const char *const choices[] = {"auto", "required", "none"};
    const struct chat_request *chat = &request->chat;
    api_test_show_prompts(request, out);
    for (size_t i = 0; i < chat->message_count; i++) {
        const struct chat_message *m = &chat->messages[i];
        strbuf_addf(out, "%s ", roles[m->role]);
        if (m->reasoning.len > 0)
            strbuf_addf(out, "[%.*s] ", STR_ARG(m->reasoning));
        strbuf_add_str(out, m->content);
        for (size_t c = 0; c < m->tool_call_count; c++) {
            strbuf_addf(out, " (call %.*s %.*s ", STR_ARG(m->tool_calls[c].id),
                        STR_ARG(m->tool_calls[c].name));
            json_write_python(m->tool_calls[c].arguments, out);
            strbuf_add_c(out, ")");
        }
        if (m->tool_call_id.len > 0)
            strbuf_addf(out, " (for %.*s)", STR_ARG(m->tool_call_id));
        strbuf_add_char(out, '\n');
    }
    if (chat->tools)
        json_write_python(chat->tools, out);
    if (request->schema)
        json_write_python(request->schema, out);
    strbuf_addf(out,
                "\nmodel %s tokens %u choice %s one %d temperature %g top_k %u seed %d stops %zu "
                "stream %d usage %d thinking %d load %d raw %d",
                strbuf_c(&request->model), request->token_count_max, choices[request->tool_choice],
                request->one_call_only, (double)request->sampler.temperature,
                request->sampler.top_k, request->has_seed ? (int)request->sampler.seed : -1,
                request->stops.count, request->streams, request->wants_usage, (int)chat->thinking,
                request->only_loads, request->is_raw);
    if (request->fills_middle)
        strbuf_addf(out, " middle %.*s|%.*s", STR_ARG(request->middle.before),
                    STR_ARG(request->middle.after));
    for (size_t i = 0; i < request->middle.file_count; i++)
        strbuf_addf(out, " file %.*s: %.*s", STR_ARG(request->middle.files[i].name),
                    STR_ARG(request->middle.files[i].text));
    if (request->context_tokens > 0)
        strbuf_addf(out, " context %u", request->context_tokens);
    if (request->wants_tokens)
        strbuf_addf(out, " logprobs %u", request->top_count);
    api_test_show_biases(request, out);
    if (request->sampler.presence_penalty != 0 || request->sampler.frequency_penalty != 0)
        strbuf_addf(out, " presence %g frequency %g", (double)request->sampler.presence_penalty,
                    (double)request->sampler.frequency_penalty);
    if (request->tool_name.len > 0)
        strbuf_addf(out, " only %.*s", STR_ARG(request->tool_name));
    if (request->told_tools) {
        strbuf_add_c(out, " told ");
        json_write_python(request->told_tools, out);
    }
    if (request->continues)
        strbuf_add_c(out, " continues");
    api_test_show_telling(request, out);
    if (request->grammar.len > 0)
        strbuf_addf(out, " grammar %.*s", STR_ARG(request->grammar));
    if (request->echoes)
        strbuf_add_c(out, " echo");
    if (request->tool_grammars) {
        strbuf_add_c(out, " grammars ");
        json_write_python(request->tool_grammars, out);
    }
    if (request->tool_names) {
        strbuf_add_c(out, " names ");
        json_write_python(request->tool_names, out);
    }
}

static inline void api_test_rows(api_test_read_fn *read, const struct api_test_row *rows,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct api_request request = {0};
        struct strbuf shown = {0};
        struct error told = {0};
        json_t *body = NULL;
        test_case(rows[i].name);
        assert_ok(json_parse(str_from_c(rows[i].body), NULL, &body, err));
        const enum status status = read(body, &request, &told);
        api_test_show(&request, &shown);
        if (rows[i].error) {
            assert_int_not_equal(status, OK);
            if (!strstr(told.text, rows[i].error))
                fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].name, told.text, rows[i].error);
        } else if (status != OK) {
            fail_msg("%s: %s", rows[i].name, told.text);
        } else if (rows[i].shown && !strstr(strbuf_c(&shown), rows[i].shown)) {
            fail_msg("%s: \"%s\" lacks \"%s\"", rows[i].name, strbuf_c(&shown), rows[i].shown);
        }
        json_decref(body);
        strbuf_done(&shown);
        api_request_done(&request);
    }
}
