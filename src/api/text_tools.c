#include "api/text_tools.h"

#include "api/anthropic_read.h"
#include "api/field.h"
#include "api/openai_read.h"
#include "api/prompt.h"
#include "api/responses_read.h"
#include "chat/chat_spans.h"
#include "engine/engine.h"
#include "text/json.h"
#include "tokenizer/detokenizer.h"
#include "tokenizer/tokenizer.h"

enum { IDS_MAX = 1 << 20 };

static json_t *refuse(struct api_failure *out, enum status status, const struct error *err)
{
    *out = api_failure_of(status, err);
    return NULL;
}

/* A model of embeddings has no conversations. */
static bool has_no_engine(const struct api_context *context, struct api_failure *out)
{
    if (!context->model->engine)
        *out = route_no_chat(context->model);
    return !context->model->engine;
}

/* The number of tokens of a rendered conversation, a beginning-of-text token included. */
static enum status count(const struct engine *engine, const struct chat_spans *spans, size_t *out,
                         struct error *err)
{
    CLEANUP(token_list_done) struct token_list list = {0};
    const struct tokenizer *tokenizer = engine_tokenizer(engine);
    const int32_t bos = tokenizer_bos(tokenizer);
    TRY(engine_encode(engine, spans, &list, err));
    const bool adds_bos =
        bos >= 0 && tokenizer_adds_bos(tokenizer) && (list.count == 0 || list.ids[0] != bos);
    *out = list.count + adds_bos;
    return OK;
}

/* The prompt of a request that `read` reads. False with *out_failure set. */
static bool render(const struct api_context *context, const json_t *body, route_read_fn *read,
                   struct chat_spans *out, struct api_failure *out_failure)
{
    CLEANUP(api_request_done) struct api_request request = {0};
    struct error err = {0};
    if (has_no_engine(context, out_failure))
        return false;
    request.settings = context->settings;
    enum status status = read(body, &request, &err);
    if (status == OK)
        status = api_request_settle(&request, &err);
    request.chat.local_seconds = context->local_seconds;
    if (status == OK)
        status = prompt_make(context->model->engine, &request, 0, out, &err);
    if (status != OK)
        (void)refuse(out_failure, status, &err);
    return status == OK;
}

static json_t *count_of(const struct api_context *context, const json_t *body, route_read_fn *read,
                        struct api_failure *out_failure)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    struct error err = {0};
    size_t tokens = 0;
    if (!render(context, body, read, &spans, out_failure))
        return NULL;
    const enum status status = count(context->model->engine, &spans, &tokens, &err);
    if (status != OK)
        return refuse(out_failure, status, &err);
    return json_pack("{s:I}", "input_tokens", (json_int_t)tokens);
}

json_t *text_tools_count_tokens(const struct api_context *context, const json_t *body,
                                struct api_failure *out_failure)
{
    return count_of(context, body, anthropic_read_messages, out_failure);
}

json_t *text_tools_count_chat(const struct api_context *context, const json_t *body,
                              struct api_failure *out_failure)
{
    return count_of(context, body, openai_read_chat, out_failure);
}

json_t *text_tools_count_responses(const struct api_context *context, const json_t *body,
                                   struct api_failure *out_failure)
{
    json_t *counted = count_of(context, body, responses_read, out_failure);
    if (counted)
        json_object_set_new(counted, "object", json_string("response.input_tokens"));
    return counted;
}

/* A token with its text, or its bytes where they are no whole characters. */
static json_t *piece_of(const struct tokenizer *tokenizer, int32_t id)
{
    const struct str piece = tokenizer_piece(tokenizer, id);
    json_t *text = reply_text(piece); /* NULL: not UTF-8 */
    if (!text) {
        text = json_array();
        for (size_t i = 0; i < piece.len; i++)
            json_array_append_new(text, json_integer((unsigned char)piece.ptr[i]));
    }
    return json_pack("{s:i, s:o}", "id", (int)id, "piece", text);
}

json_t *text_tools_tokenize(const struct api_context *context, const json_t *body,
                            struct api_failure *out_failure)
{
    CLEANUP(token_list_done) struct token_list list = {0};
    struct error err = {0};
    struct str content = {0};
    bool add_special = false;
    bool parse_special = true;
    bool with_pieces = false;
    enum status status = field_str(body, "content", &content, &err);
    if (status == OK)
        status = field_bool(body, "add_special", &add_special, &err);
    if (status == OK)
        status = field_bool(body, "parse_special", &parse_special, &err);
    if (status == OK)
        status = field_bool(body, "with_pieces", &with_pieces, &err);
    const unsigned flags =
        (add_special ? TOKENIZER_ADD_BOS_EOS : 0u) | (parse_special ? TOKENIZER_PARSE_SPECIAL : 0u);
    if (status == OK)
        status = tokenizer_encode(context->model->tokenizer, content, flags, &list, &err);
    if (status != OK)
        return refuse(out_failure, status, &err);
    json_t *tokens = json_array();
    for (size_t i = 0; i < list.count; i++)
        json_array_append_new(tokens, with_pieces ? piece_of(context->model->tokenizer, list.ids[i])
                                                  : json_integer(list.ids[i]));
    return json_pack("{s:o}", "tokens", tokens);
}

json_t *text_tools_detokenize(const struct api_context *context, const json_t *body,
                              struct api_failure *out_failure)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    struct detokenizer detokenizer;
    struct error err = {0};
    const json_t *tokens = NULL;
    const enum status status = field_array(body, "tokens", IDS_MAX, &tokens, &err);
    if (status != OK)
        return refuse(out_failure, status, &err);
    detokenizer_init(&detokenizer, context->model->tokenizer, DETOKENIZER_SHOW_SPECIAL);
    size_t index = 0;
    json_t *id = NULL;
    json_array_foreach(tokens, index, id)
    {
        const json_int_t value = json_integer_value(id);
        if (json_is_integer(id) && value >= 0 && value <= INT32_MAX)
            strbuf_add_str(&text, detokenizer_feed(&detokenizer, (int32_t)value));
    }
    strbuf_add_str(&text, detokenizer_flush(&detokenizer));
    detokenizer_done(&detokenizer);
    return json_pack("{s:o}", "content", reply_text(strbuf_view(&text)));
}

json_t *text_tools_apply_template(const struct api_context *context, const json_t *body,
                                  struct api_failure *out_failure)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    if (!render(context, body, openai_read_chat, &spans, out_failure))
        return NULL;
    return json_pack("{s:o}", "prompt", reply_text(strbuf_view(&spans.text)));
}
