#include "api/prompt.h"

#include "chat/chat_spans.h"
#include "engine/engine.h"
#include "text/utf8.h"
#include "tokenizer/token_list.h"
#include "tokenizer/tokenizer.h"

/* The last message is an answer that goes on: it stands open behind the others. What follows is
 * part of it, so the model does not think first. */
static enum status render_open(struct engine *engine, struct chat_request *chat,
                               struct chat_spans *out, struct error *err)
{
    const struct str begun = chat->messages[chat->message_count - 1].content;
    const enum chat_thinking thinking = chat->thinking;
    if (thinking == CHAT_THINKING_DEFAULT)
        chat->thinking = CHAT_THINKING_OFF;
    chat->message_count--;
    const enum status status = engine_render(engine, chat, out, err);
    chat->message_count++;
    chat->thinking = thinking;
    if (status == OK)
        chat_spans_add(out, begun, SEGMENT_MODEL);
    return status;
}

static bool is_control(const struct tokenizer *tokenizer, int32_t id)
{
    const enum token_kind kind = tokenizer_kind(tokenizer, id);
    return kind == TOKEN_CONTROL || kind == TOKEN_USER_DEFINED;
}

/* Adds the tokens that the model writes `text` with. */
static enum status encode_text(const struct engine *engine, struct str text, struct token_list *out,
                               struct error *err)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    CLEANUP(token_list_done) struct token_list list = {0};
    chat_spans_add(&spans, text, SEGMENT_USER);
    TRY(engine_encode(engine, &spans, &list, err));
    for (size_t i = 0; i < list.count; i++)
        token_list_add(out, list.ids[i], 0);
    return OK;
}

static enum status add_ids(const struct tokenizer *tokenizer, const struct api_prompt_part *part,
                           bool is_first, struct chat_spans *out, struct token_list *ids,
                           struct error *err)
{
    const bool begins_anyway =
        is_first && tokenizer_adds_bos(tokenizer) && part->ids[0] == tokenizer_bos(tokenizer);
    for (size_t i = begins_anyway; i < part->id_count; i++) {
        const int32_t id = part->ids[i];
        if (id < 0 || (uint32_t)id >= tokenizer_vocab_size(tokenizer))
            return error_set(err, E_INVALID, "prompt: there is no token %d", id);
        chat_spans_add(out, tokenizer_piece(tokenizer, id),
                       is_control(tokenizer, id) ? SEGMENT_TEMPLATE : SEGMENT_USER);
        token_list_add(ids, id, 0);
    }
    return OK;
}

/* The text that tokens, and texts among them, spell, if the model writes it with just these. */
static enum status spell(const struct engine *engine, const struct api_prompt *prompt,
                         struct chat_spans *out, struct error *err)
{
    const struct tokenizer *tokenizer = engine_tokenizer(engine);
    CLEANUP(token_list_done) struct token_list wanted = {0};
    CLEANUP(token_list_done) struct token_list again = {0};
    for (size_t i = 0; i < prompt->part_count; i++) {
        const struct api_prompt_part *part = &prompt->parts[i];
        if (part->id_count > 0) {
            TRY(add_ids(tokenizer, part, i == 0, out, &wanted, err));
        } else {
            chat_spans_add(out, part->text, SEGMENT_USER);
            TRY(encode_text(engine, part->text, &wanted, err));
        }
    }
    TRY(engine_encode(engine, out, &again, err));
    bool are_equal = again.count == wanted.count;
    for (size_t i = 0; i < wanted.count && are_equal; i++)
        are_equal = again.ids[i] == wanted.ids[i];
    return are_equal ? OK
                     : error_set(err, E_INVALID,
                                 "prompt: these tokens are not how this model writes the text they "
                                 "spell; send the text");
}

/* A conversation, with all the tools that the model is told of. */
static enum status render(struct engine *engine, struct api_request *request,
                          struct chat_spans *out, struct error *err)
{
    json_t *callable = request->chat.tools;
    if (request->told_tools)
        request->chat.tools = request->told_tools;
    const enum status status = request->continues ? render_open(engine, &request->chat, out, err)
                                                  : engine_render(engine, &request->chat, out, err);
    request->chat.tools = callable;
    return status;
}

/* Biases of texts become biases of their tokens, once. */
static enum status settle_biases(const struct engine *engine, struct api_request *request,
                                 struct error *err)
{
    CLEANUP(token_list_done) struct token_list ids = {0};
    struct arena *arena = &request->chat.arena;
    const size_t own_count = request->bias_count;
    if (request->bias_text_count == 0)
        return OK;
    struct sampler_bias *biases = arena_alloc_array(arena, SAMPLER_BIASES_MAX, sizeof(*biases));
    for (size_t i = 0; i < own_count; i++)
        biases[i] = request->biases[i];
    size_t count = own_count;
    for (size_t t = 0; t < request->bias_text_count; t++) {
        const struct api_bias_text *text = &request->bias_texts[t];
        token_list_clear(&ids);
        TRY(tokenizer_encode(engine_tokenizer(engine), text->text, 0, &ids, err));
        if (ids.count > SAMPLER_BIASES_MAX - count)
            return error_set(err, E_LIMIT, "the texts of logit_bias have more than %d tokens",
                             SAMPLER_BIASES_MAX);
        for (size_t i = 0; i < ids.count; i++)
            biases[count++] = (struct sampler_bias){.id = ids.ids[i], .add = text->add};
    }
    request->biases = biases;
    request->bias_count = count;
    request->bias_text_count = 0;
    return OK;
}

enum status prompt_make(struct engine *engine, struct api_request *request, size_t index,
                        struct chat_spans *out, struct error *err)
{
    TRY(settle_biases(engine, request, err));
    if (request->fills_middle)
        return fill_middle_render(engine_gguf(engine), engine_tokenizer(engine), &request->middle,
                                  out, err);
    if (!request->is_raw)
        return render(engine, request, out, err);
    const struct api_prompt *prompt = &request->prompts[index];
    if (prompt->part_count != 1 || prompt->parts[0].id_count > 0)
        return spell(engine, prompt, out, err);
    chat_spans_add(out, prompt->parts[0].text, SEGMENT_USER);
    return OK;
}

void prompt_text(const struct engine *engine, const struct chat_spans *spans, struct strbuf *out)
{
    const struct tokenizer *tokenizer = engine_tokenizer(engine);
    if (tokenizer_adds_bos(tokenizer) && tokenizer_bos(tokenizer) >= 0 && !spans->starts_with_bos)
        utf8_add_clean(out, tokenizer_piece(tokenizer, tokenizer_bos(tokenizer)));
    utf8_add_clean(out, strbuf_view(&spans->text));
}
